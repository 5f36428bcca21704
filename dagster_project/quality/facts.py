"""Known compounds as anchors: what the facts that ship with the project say of rows of any table with formulas."""

from functools import cache

import numpy as np
import polars as pl

from models.bias.findings import ROW, Finding

FEW = 10
_TEMPERATURES = ("transition_temperature_K", "t_mit_K")


def contradicted(frame: pl.DataFrame, *, labels: tuple[str, ...], numbers: tuple[str, ...]) -> list[Finding]:
    """Labels and transition temperatures that are not those of the reference, in more rows than sources disagree.

    Args:
        frame: rows with `formula`; of labels that were read from text only curated ones are compared.
        labels: columns of metal / insulator / mit.
        numbers: columns of numbers; those of transition temperatures are compared.
    """
    there = frame.filter("curated") if "curated" in frame.columns else frame
    known = there.join(_known(), on="formula", how="inner")
    found: list[Finding] = []
    for label in labels:
        both = known.filter(pl.col(label).is_in(["metal", "insulator", "mit"]) & pl.col("__label__").is_not_null())
        wrong = both.filter(pl.col(label) != pl.col("__label__"))
        if both.height >= FEW and wrong.height >= 3 and wrong.height > 0.01 * both.height:
            found.append(_finding(label, wrong, both.height, "not the label of the reference"))
    for column in numbers:
        if column in _TEMPERATURES:
            both = known.drop_nulls([column, "__t__"])
            off = both.filter((pl.col(column) - pl.col("__t__")).abs() > 30 + 0.15 * pl.col("__t__"))
            if both.height >= FEW and off.height > max(3, 0.15 * both.height):
                step = float(np.median((off[column] - off["__t__"]).to_numpy()))
                found.append(_finding(column, off, both.height, f"off the reference, by {step:.4g} K in the middle"))
    return found


def _finding(column: str, rows: pl.DataFrame, of: int, text: str) -> Finding:
    shown = rows.head(5)
    return Finding(
        column=column,
        text=text,
        count=rows.height,
        of=of,
        rows=tuple(shown[ROW].to_list()) if ROW in rows.columns else (),
        values=tuple(f"{f}: {v}" for f, v in shown.select("formula", column).iter_rows()),
        grave=True,
    )


@cache
def _known() -> pl.DataFrame:
    from etl.reference import labelled_compounds

    facts = labelled_compounds().select(
        "formula", pl.col("label_name").alias("__label__"), pl.col("t_mit_K").cast(pl.Float64).alias("__t__")
    )
    one = facts.group_by("formula").agg(pl.all().first(), pl.col("__label__").n_unique().alias("kinds"))
    return one.filter(pl.col("kinds") == 1).drop("kinds")
