"""The bias card of a trained model: what its training rows cover, beside what it is asked about, and what is missing.

The measures are in the neighbours; where a card lies and when it is written is decided in `dagster_project`.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from models.bias.balance import class_balance, coverage
from models.bias.chemical import elements
from models.bias.defects import duplicate_disagreement
from models.bias.diversity import mixed_entropy, vendi_score
from models.bias.frames import ALL, METRICS, Row, metrics, need
from models.bias.representation import representation
from schemas.arrays import Floats

SURVIVORSHIP = (
    "Only what was published is here. A compound that shows nothing, a synthesis that failed and a calculation that "
    "did not converge leave no row: a share of these rows is a share of successes, and no probability outside of them."
)
FEW = 5
"""A class of fewer rows cannot be learned, nor its probability be calibrated: a model of it is not to be used."""


@dataclass(frozen=True, kw_only=True)
class BiasCard:
    """What is measured and what it means.

    Attributes:
        model: name of the model.
        page: the card as Markdown.
        measured: frame of `METRICS`.
        harms: what makes the model unfit, in words; none where nothing does.
    """

    model: str
    page: str
    measured: pl.DataFrame
    harms: tuple[str, ...]


def bias_card(
    rows: pl.DataFrame,
    *,
    model: str,
    formula: str,
    label: str,
    groups: tuple[str, ...] = (),
    values: tuple[str, ...] = (),
    pool: pl.DataFrame | None = None,
) -> BiasCard:
    """Measures the training rows of a model.

    Args:
        rows: what it learned from.
        model: its name.
        formula: column of compositions; rows without one count for the other measures only.
        label: column of classes.
        groups: columns by which rows should be spread: families, sources, years.
        values: columns of learned numbers.
        pool: what the model is asked about, with the column `formula`.
    """
    need(rows, formula, label, *groups, *values)
    spread = by_element(rows, formula=formula)
    found = [class_balance(rows, label=label), spread]
    found += [coverage(rows.drop_nulls([g]), group=g) for g in groups]
    found += [duplicate_disagreement(rows, keys=(formula,), value=v) for v in (label, *values)]
    found.append(_diversity(rows, formula=formula, values=values))
    if pool is not None:
        asked = pool.select(pl.col("formula").alias(formula))
        found.append(representation(_atoms(rows, formula), _atoms(asked, formula), group="element"))
    # each look at repeats counts those of its own value: the first, of the labels, stands for all
    measured = pl.concat(found).unique(METRICS.names()[:3], keep="first", maintain_order=True)
    small = found[0].filter((pl.col("metric_name") == "share") & (pl.col("group_rows") < FEW))
    classes = small.select("group_value", "group_rows").iter_rows()
    harms = tuple(f"{n} rows of {k!r}: too few to learn" for k, n in classes)
    return BiasCard(model=model, page=_page(model, rows, measured, harms), measured=measured, harms=harms)


def by_element(rows: pl.DataFrame, *, formula: str) -> pl.DataFrame:
    """How many rows hold each element, and how evenly: `coverage` of the pairs of row and element."""
    return coverage(_atoms(rows, formula), group="element")


def fractions(formulas: pl.Series) -> Floats:
    """Which elements a formula holds, as vectors of length one, shape (rows, elements); repeats are left out."""
    kinds = pl.DataFrame({"formula": formulas.unique().sort()})
    long = _atoms(kinds.with_row_index("row"), "formula")
    names = long["element"].unique().sort().to_list()
    made = np.zeros((kinds.height, len(names)))
    made[long["row"].to_numpy(), long["element"].replace_strict(names, range(len(names))).to_numpy()] = 1.0
    held = made[made.any(axis=1)]
    unit: Floats = held / np.linalg.norm(held, axis=1, keepdims=True)
    return unit


def _atoms(rows: pl.DataFrame, formula: str) -> pl.DataFrame:
    return (
        rows.with_columns(element=elements(pl.col(formula)).str.split("-"))
        .drop_nulls("element")
        .explode("element")
        .filter(pl.col("element") != "")
    )


def _diversity(rows: pl.DataFrame, *, formula: str, values: tuple[str, ...]) -> pl.DataFrame:
    held = fractions(rows[formula].drop_nulls())
    kinds = rows[formula].n_unique()
    found: list[Row] = [(formula, ALL, "vendi_score", vendi_score(held) if len(held) else None, kinds)]
    for value in values:
        there = rows[value].drop_nulls().cast(pl.Float64)
        there = there.filter(there.is_finite())
        entropy = mixed_entropy(there.to_numpy())
        found.append((value, ALL, "mixed_entropy", entropy.entropy, len(there)))
        found.append((value, ALL, "atom_share", entropy.atom_share, len(there)))
    return metrics(found)


def _page(model: str, rows: pl.DataFrame, measured: pl.DataFrame, harms: tuple[str, ...]) -> str:
    verdict = "Not to be used: " + "; ".join(harms) + "." if harms else "No measured bias forbids its use."
    lines = [f"# Bias of the training rows of {model}", "", f"{rows.height} rows. {verdict}", "", SURVIVORSHIP, ""]
    over_all = measured.filter(pl.col("group_value") == ALL).drop_nulls("metric_value")
    lines += ["| of | measure | value | rows |", "|---|---|---|---|"]
    names = ("group_column", "metric_name", "metric_value", "group_rows")
    lines += [f"| {g} | {m} | {v:.4g} | {n} |" for g, m, v, n in over_all.select(names).iter_rows()]
    told = measured.filter(pl.col("metric_name") == "representation")
    if told.height:
        rare = told.drop_nulls("metric_value").sort("metric_value", "group_value").head(12)
        said = ", ".join(f"{k} {v:.2f}" for k, v in rare.select("group_value", "metric_value").iter_rows())
        lines += ["", f"Elements that it is asked about and has hardly seen (share here by share there): {said}."]
    return "\n".join(lines) + "\n"
