"""How far a prediction may be off: a scale learned from held-out errors, and conformal intervals of it.

Normalized split conformal prediction (Papadopoulos et al., ECML 2002; Lei et al., J. Am. Stat. Assoc. 113, 1094
(2018), section 5.2), the errors being those of grouped cross-validation. What is predicted to lie on the lowest value,
a metal, and what lies above it are calibrated apart (Mondrian: Vovk et al., Algorithmic Learning in a Random World,
2005, section 4.5), as most errors of metals are exactly 0.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas.arrays import Bools, Floats, Ints

COVERED = 0.90
_LEAF = 40
_APART = 100  # errors of a kind from which on it is calibrated by itself


@dataclass(frozen=True)
class Pair:
    """A number for rows predicted on the lowest value, and one for those above."""

    lowest: float
    above: float

    def of(self, above: Bools) -> Floats:
        """The number of each row."""
        return np.where(above, self.above, self.lowest)


@dataclass(frozen=True)
class Widths:
    """Scales of errors and what they are multiplied by.

    Attributes:
        model: predicts the size of an error from clues, k columns; None where errors are too few.
        size: typical error, the least that a scale may be is a tenth of it.
        reach: half width of the interval, in scales.
        deviation: standard deviation, in scales.
    """

    model: Any
    size: float
    reach: Pair
    deviation: Pair

    def scale(self, clues: Floats) -> Floats:
        """Expected size of the error of each of n rows, n x k clues."""
        if self.model is None:
            return np.full(len(clues), self.size)
        return np.asarray(np.maximum(self.model.predict(np.nan_to_num(clues, nan=-1.0)), 0.1 * self.size))


def fit(clues: Floats, errors: Floats, folds: Ints, *, above: Bools, seed: int) -> Widths:
    """Learns the widths from held-out errors.

    Args:
        clues: what tells how sure a prediction is, n x k.
        errors: held-out errors, n.
        folds: of the rows; the scale of a fold is learned on the others when the reach is set.
        above: whether each row is predicted above the lowest value.
        seed: of the trees.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    clues, sizes = np.nan_to_num(clues, nan=-1.0), np.abs(errors)
    size = float(sizes.mean()) or 1.0

    def learned(rows: Any) -> Any:
        if rows.sum() < 4 * _LEAF:
            return None
        return ExtraTreesRegressor(100, min_samples_leaf=_LEAF, random_state=seed).fit(clues[rows], sizes[rows])

    bare, scales = Pair(0.0, 0.0), np.full(len(sizes), size)
    for fold in np.unique(folds):
        inside = folds == fold
        scales[inside] = Widths(learned(~inside), size, bare, bare).scale(clues[inside])
    every = np.ones(len(sizes), dtype=bool)
    kinds = [part if part.sum() >= _APART else every for part in (~above, above)]
    parts = [sizes[kind] / scales[kind] for kind in kinds]
    reaches, deviations = [_quantile(p) for p in parts], [float(np.sqrt(np.mean(p**2))) for p in parts]
    return Widths(learned(every), size, Pair(*reaches), Pair(*deviations))


def _quantile(ratios: Floats) -> float:
    """The ratio that the next one stays below as often as the interval covers."""
    rank = min(len(ratios) - 1, int(np.ceil(COVERED * (len(ratios) + 1))) - 1)
    return float(np.sort(ratios)[rank])
