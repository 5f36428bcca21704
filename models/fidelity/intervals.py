"""How far a prediction may be off: a scale learned from held-out errors, and conformal intervals of it.

Normalized split conformal prediction (Papadopoulos et al., ECML 2002; Lei et al., J. Am. Stat. Assoc. 113, 1094
(2018), section 5.2), the errors being those of grouped cross-validation.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas.arrays import Floats, Ints

COVERED = 0.90
_LEAF = 40


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
    reach: float
    deviation: float

    def scale(self, clues: Floats) -> Floats:
        """Expected size of the error of each of n rows, n x k clues."""
        if self.model is None:
            return np.full(len(clues), self.size)
        return np.asarray(np.maximum(self.model.predict(np.nan_to_num(clues, nan=-1.0)), 0.1 * self.size))


def fit(clues: Floats, errors: Floats, folds: Ints, *, seed: int) -> Widths:
    """Learns the widths from held-out errors.

    Args:
        clues: what tells how sure a prediction is, n x k.
        errors: held-out errors, n.
        folds: of the rows; the scale of a fold is learned on the others when the reach is set.
        seed: of the trees.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    clues, sizes = np.nan_to_num(clues, nan=-1.0), np.abs(errors)
    size = float(sizes.mean()) or 1.0

    def learned(rows: Any) -> Any:
        if rows.sum() < 4 * _LEAF:
            return None
        return ExtraTreesRegressor(100, min_samples_leaf=_LEAF, random_state=seed).fit(clues[rows], sizes[rows])

    scales = np.full(len(sizes), size)
    for fold in np.unique(folds):
        inside = folds == fold
        scales[inside] = Widths(learned(~inside), size, 0.0, 0.0).scale(clues[inside])
    ratios = np.sort(sizes / scales)
    rank = min(len(ratios) - 1, int(np.ceil(COVERED * (len(ratios) + 1))) - 1)
    every = np.ones(len(sizes), dtype=bool)
    return Widths(learned(every), size, float(ratios[rank]), float(np.sqrt(np.mean(ratios**2))))
