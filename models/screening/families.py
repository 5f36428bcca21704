"""From predictions per compound to families worth a look, with control of multiple tests."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from models.screening import inputs
from models.screening.inputs import Floats

DRAWS, SMALL = 2000, 30


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjusted p-values (Benjamini and Hochberg, J. R. Stat. Soc. B 57, 289 (1995)): q <= 0.1 keeps 10 % false."""
    if not len(p):
        return p
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty(len(p))
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return q


def families(predictions: pl.DataFrame, *, groupings: Sequence[str] | None = None, seed: int = 0) -> pl.DataFrame:
    """Aggregates predictions by family.

    The p-value asks: would as many compounds drawn at random from the same table reach this mean p_mit? It is exact
    up to sampling for small families and a normal approximation without replacement for large ones.

    Args:
        predictions: output of `predict`; families are derived from `formula` where the column is absent.
        groupings: columns or known groupings; family_tm_anion, and prototype where present, unless told.
        seed: of the draws for small families.

    Returns:
        `grouping`, `family`, `compounds`, `predicted_mit`, `in_domain_share`, `mean_p_mit`, `max_p_mit`,
        `best_formula`,
        `p_value`, `q_value`, best first.

    Raises:
        InputError: `formula` or `p_mit` is missing.
    """
    inputs.need_columns(predictions, ("formula", "p_mit"), "the predictions")
    usable = predictions.filter(pl.col("p_mit").is_not_null())
    asked = groupings or ["family_tm_anion", *(["prototype"] if "prototype" in predictions.columns else [])]
    pieces = [_one(usable, g, seed) for g in asked]
    return pl.concat(pieces).sort(
        ["grouping", "q_value", "mean_p_mit", "family"], descending=[False, False, True, False]
    )


def _one(usable: pl.DataFrame, grouping: str, seed: int) -> pl.DataFrame:
    mark = [c for c in ("label", "in_domain") if c in usable.columns]
    body = usable.select(
        "formula", "p_mit", *mark, pl.Series("family", inputs.groups(usable, grouping), dtype=pl.String)
    )
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
    p = _p_values(body["p_mit"].to_numpy(), found["compounds"].to_numpy(), found["mean_p_mit"].to_numpy(), seed)
    return found.select(
        pl.lit(grouping).alias("grouping"),
        pl.all(),
        pl.Series("p_value", p),
        pl.Series("q_value", benjamini_hochberg(p)),
    )


def _p_values(population: Floats, n: Floats, mean: Floats, seed: int) -> Floats:
    from scipy.stats import norm

    total = len(population)
    out = np.ones(len(n))
    if total < 2:
        return out
    spread = population.std() * np.sqrt((total - n) / (np.maximum(n, 1) * max(total - 1, 1)))
    large = (n >= SMALL) & (spread > 0)
    out[large] = norm.sf((mean[large] - population.mean()) / spread[large])
    rng = np.random.default_rng(seed)
    for size in np.unique(n[(n < SMALL) & (n < total)]):
        drawn = np.sort(population[rng.integers(total, size=(DRAWS, int(size)))].mean(axis=1))
        rows = n == size
        out[rows] = (DRAWS - np.searchsorted(drawn, mean[rows] - 1e-12) + 1) / (DRAWS + 1)
    return out
