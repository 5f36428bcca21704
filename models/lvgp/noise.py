"""What repeated evaluations tell of noise: one row an input, its mean, and the variance of that mean."""

import numpy as np
import polars as pl
from scipy import optimize, stats

from schemas.arrays import Floats


def replicated(frame: pl.DataFrame, outputs: Floats, names: tuple[str, ...]) -> tuple[pl.DataFrame, Floats, Floats]:
    """Rows that agree in their inputs as one row, m in all.

    A variance of two or three values is a poor guess: it is drawn to that of all rows, as far as rows agree in it
    (empirical Bayes; Smyth, Stat. Appl. Genet. Mol. Biol. 3, 3 (2004)). Without any repetition variances are zero.

    Args:
        frame: n rows.
        outputs: n values.
        names: the inputs.

    Returns:
        Distinct rows in order of appearance, their means, and the variances of the means, m each; see `known` of
        `models.lvgp.model.fit`.
    """
    told = frame.select(names).with_columns(_y=pl.Series(outputs))
    y = pl.col("_y")
    found = told.group_by(names, maintain_order=True).agg(mean=y.mean(), square=y.var(), times=y.len())
    square, times = found["square"].fill_null(0.0).to_numpy(), found["times"].to_numpy()
    free = times - 1.0
    several = (free > 0) & (square > 0)
    if not several.any():
        return found.select(names), found["mean"].to_numpy(writable=True), np.zeros(found.height)
    prior, weight = _common(square[several], free[several])
    return found.select(names), found["mean"].to_numpy(writable=True), _drawn_to(square, free, prior, weight) / times


def _drawn_to(square: Floats, free: Floats, prior: float, weight: float) -> Floats:
    return np.asarray((weight * prior + free * square) / (weight + free))


def _common(square: Floats, free: Floats) -> tuple[float, float]:
    """The variance that rows have in common, and how many observations it counts: by likelihood, as ratios follow F."""
    start = float(np.average(square, weights=free))

    def missed(at: Floats) -> float:
        prior, weight = np.exp(at)
        return float(-np.sum(stats.f.logpdf(square / prior, free, weight) - at[0]))

    found = optimize.minimize(missed, [np.log(start), np.log(4.0)], bounds=[(None, None), (-2.0, 7.0)])
    return float(np.exp(found.x[0])), float(np.exp(found.x[1]))
