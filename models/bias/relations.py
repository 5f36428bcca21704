"""Contradictions between columns of one row, and rows that stand twice."""

from datetime import date

import polars as pl

from etl.features.elements import RARE_EARTHS
from models.bias import chemical
from models.bias.chemical import elements, system
from models.bias.findings import Finding, of_rows
from models.bias.frames import need

RUN = 8  # rows in a row that repeat others before it is a page


def unlike_elements(frame: pl.DataFrame, formula: str, other: str, *, is_system: bool) -> list[Finding]:
    """Rows whose formula and chemical system (or second formula) do not hold the same elements.

    Columns that agree in less than half of the rows are not of the same compound, unless a system is declared as such.
    """
    need(frame, formula, other)
    right = system(pl.col(other)) if is_system else elements(pl.col(other))
    sides = frame.select(left=elements(pl.col(formula)), right=right)
    both = sides["left"].is_not_null() & sides["right"].is_not_null()
    marks = both & (sides["left"] != sides["right"])
    if is_system:
        marks |= both & ~frame.select(chemical.is_system(pl.col(other))).to_series()
    looked = int(both.sum())
    if looked < 5 or (not is_system and int(marks.sum()) > 0.1 * looked):
        return []
    text = f"the elements are not those of {formula}"
    return of_rows(frame, marks, other, text, grave=int(marks.sum()) > 0.03 * looked, of=looked)


def odd_siblings(frame: pl.DataFrame, formula: str, column: str, *, least: int = 5) -> list[Finding]:
    """The one compound whose number is not that of its siblings, which differ in the rare earth only.

    Looked at where siblings of nearly all kinds agree, as valences and electron counts do.

    Args:
        frame: the rows.
        formula: column of formulas.
        column: column of numbers or text.
        least: fewest siblings that tell what is usual.
    """
    kind = pl.col(formula).str.replace_all("|".join(sorted(RARE_EARTHS, reverse=True)), "Ln")
    there = frame.select(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("at"), kind.alias("kind"), pl.col(column).alias("value")
    ).drop_nulls()
    counted = there.with_columns(n=pl.len().over("kind"), same=pl.len().over("kind", "value"))
    kinds = counted.filter(pl.col("n") >= least).group_by("kind").agg((pl.col("same").max() / pl.len()).alias("agree"))
    settled = kinds.filter(pl.col("agree") >= 0.75)
    if kinds.height < 3 or settled.height < 0.7 * kinds.height:
        return []
    odd = counted.join(settled, on="kind", how="semi").filter((pl.col("same") == 1) & (pl.col("n") >= least))
    marks = pl.Series(range(frame.height), dtype=pl.Int64).is_in(odd["at"].implode())
    return of_rows(frame, marks, column, "not what its siblings with other rare earths have", of=there.height)


def pages(frame: pl.DataFrame, columns: tuple[str, ...]) -> list[Finding]:
    """Runs of rows that repeat an earlier run in the same order: a page that was read twice.

    Args:
        frame: the rows, in the order in which they came.
        columns: columns that must repeat; of running numbers and times there are none among them.
    """
    if not columns or frame.height < 2 * RUN:
        return []
    hashes = frame.select(columns).hash_rows(seed=0)
    marked = pl.DataFrame({"row": pl.int_range(0, frame.height, eager=True), "hash": hashes})
    lag = marked.with_columns(lag=pl.col("row") - pl.col("row").shift(1).over("hash"))
    runs = lag.with_columns(run=(pl.col("lag") != pl.col("lag").shift(1)).fill_null(True).cum_sum())
    long = (
        runs.drop_nulls("lag")
        .group_by("run")
        .agg(pl.len().alias("n"), pl.col("hash").n_unique().alias("kinds"), pl.col("row").first().alias("row"))
        .filter((pl.col("kinds") >= RUN) & ((pl.col("kinds") * 2 > pl.col("n")) | (pl.col("kinds") >= 6 * RUN)))
    )
    if not long.height:
        return []
    marks = runs["run"].is_in(long["run"].implode()) & runs["lag"].is_not_null()
    text = "rows that repeat others in the same order: a page read twice"
    return of_rows(frame, marks, columns[0], text, grave=int(marks.sum()) > 0.02 * frame.height)


def out_of_order(frame: pl.DataFrame, low: str, high: str) -> list[Finding]:
    """Rows in which what should be the lower value is the higher one."""
    marks = frame[low] > frame[high]
    return of_rows(frame, marks, f"{low}, {high}", f"{low} is above {high}")


def dates(frame: pl.DataFrame, column: str, *, today: date) -> list[Finding]:
    """Days that lie ahead, or before there were journals, or at the zero of a clock."""
    days = frame[column].cast(pl.Date)
    zero = days == date(1970, 1, 1)
    early = days < date(1665, 1, 1)  # the first volume of the Philosophical Transactions
    return [
        *of_rows(frame, days > today, column, "lies ahead"),
        *of_rows(frame, early | zero if int(zero.sum()) > 1 else early, column, "no day of a publication"),
    ]


def shared_parts(frame: pl.DataFrame, part: str, columns: tuple[str, ...]) -> list[Finding]:
    """Whole rows that stand in the training and in a test part."""
    if not columns:
        return []
    is_train = pl.col(part).str.to_lowercase().str.starts_with("train")
    rows = frame.select(hash=frame.select(columns).hash_rows(seed=0), train=frame.select(is_train).to_series())
    both = rows.group_by("hash").agg(pl.col("train").any().alias("a"), (~pl.col("train")).any().alias("b"))
    shared = both.filter(pl.col("a") & pl.col("b"))["hash"].implode()
    marks = rows["hash"].is_in(shared) & ~rows["train"]
    return of_rows(
        frame, marks, columns[0], f"rows of a test {part} that stand in the training {part}, too", grave=True
    )
