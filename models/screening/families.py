"""From predictions per compound to families worth a look, with control of multiple tests."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from models.screening import inputs
from models.screening.inputs import Floats, Ints

FLOOR = 1e-12
"""No p or q is given below this: members of a family are not independent, so smaller ones say nothing more."""


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjusted p-values (Benjamini and Hochberg, J. R. Stat. Soc. B 57, 289 (1995)): q <= 0.1 keeps 10 % false."""
    if not len(p):
        return p
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty(len(p))
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return q


def families(predictions: pl.DataFrame, *, groupings: Sequence[str] | None = None) -> pl.DataFrame:
    """Aggregates predictions by family; rows that are not `usable` are left out.

    The p-value asks: would as many compounds, drawn at random without replacement from the same table, hold as many
    predicted MIT? It is the exact hypergeometric tail, given no finer than `FLOOR`. Members of a family share elements,
    so their predictions go together: the values rank families, they are no evidence for one.

    Args:
        predictions: output of `predict`; families are derived from `formula` where the column is absent.
        groupings: columns or known groupings; family_tm_anion, and prototype where present, unless told.

    Returns:
        `grouping`, `family`, `compounds`, `predicted_mit`, `in_domain_share`, `mean_p_mit`, `max_p_mit`,
        `best_formula`, `p_value`, `q_value`, best first.

    Raises:
        InputError: `formula` or `p_mit` is missing.
    """
    kept = usable(predictions)
    asked = groupings or ["family_tm_anion", *(["prototype"] if "prototype" in kept.columns else [])]
    pieces = [_one(kept, g) for g in asked]
    return pl.concat(pieces).sort(
        ["grouping", "q_value", "mean_p_mit", "family"], descending=[False, False, True, False]
    )


def usable(predictions: pl.DataFrame) -> pl.DataFrame:
    """The rows whose `p_mit` is a probability, as a number whatever a file made of the column.

    Raises:
        InputError: `formula` or `p_mit` is missing.
    """
    inputs.need_columns(predictions, ("formula", "p_mit"), "the predictions")
    return predictions.with_columns(pl.col("p_mit").cast(pl.Float64, strict=False)).filter(
        pl.col("p_mit").is_between(0, 1)
    )


def _one(kept: pl.DataFrame, grouping: str) -> pl.DataFrame:
    mark = [c for c in ("label", "in_domain") if c in kept.columns]
    body = kept.select("formula", "p_mit", *mark, pl.Series("family", inputs.groups(kept, grouping), dtype=pl.String))
    if "label" not in body.columns:
        body = body.with_columns(
            pl.when(pl.col("p_mit") >= 0.5).then(pl.lit("mit")).otherwise(pl.lit("other")).alias("label")
        )
    if "in_domain" not in body.columns:
        body = body.with_columns(pl.lit(None, dtype=pl.Boolean).alias("in_domain"))
    found = body.group_by("family", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("compounds"),
        (pl.col("label") == "mit").sum().cast(pl.Int64).alias("predicted_mit"),
        pl.col("in_domain").cast(pl.Float64).mean().alias("in_domain_share"),
        pl.col("p_mit").mean().alias("mean_p_mit"),
        pl.col("p_mit").max().alias("max_p_mit"),
        pl.col("formula").sort_by("p_mit", descending=True, maintain_order=True).first().alias("best_formula"),
    )
    p = tails(found["predicted_mit"].to_numpy(), found["compounds"].to_numpy())
    return found.select(
        pl.lit(grouping).alias("grouping"),
        pl.all(),
        pl.Series("p_value", np.clip(p, FLOOR, 1)),
        pl.Series("q_value", np.clip(benjamini_hochberg(p), FLOOR, 1)),
    )


def tails(hits: Ints, sizes: Ints) -> Floats:
    """Chance that a random draw of each size holds as many hits or more, given all hits.

    Args:
        hits: of each family; families part the population.
        sizes: of each family.
    """
    from scipy.stats import hypergeom

    return np.asarray(hypergeom.sf(hits - 1, int(sizes.sum()), int(hits.sum()), sizes), dtype=np.float64)
