"""Missing structure features, drawn from compounds that resemble a row in what is known of both.

A feature that is missing must say nothing by being missing: in the published table it is missing more often for
compounds without a transition. Nothing is written back to a table.
"""

from dataclasses import dataclass

import numpy as np

from schemas.arrays import Floats, Ints

NEAREST = 8
_BATCH = 20_000


@dataclass(frozen=True)
class Imputer:
    """Rows to take values from.

    Attributes:
        donors: n x d, NaN where a donor lacks a value.
        mean, scale: of each column, over the donors that have it.
    """

    donors: Floats
    mean: Floats
    scale: Floats

    @classmethod
    def of(cls, X: Floats) -> "Imputer":
        """The rows of X as donors."""
        seen = [c[np.isfinite(c)] for c in X.T]
        mean = np.array([float(np.mean(c)) if len(c) else 0.0 for c in seen])
        scale = np.array([float(np.std(c)) if len(c) else 1.0 for c in seen])
        return cls(np.where(np.isfinite(X), X, np.nan), mean, np.where(scale > 1e-12, scale, 1.0))

    def filled(self, X: Floats, rng: np.random.Generator | None = None) -> Floats:
        """X without missing values; n x d.

        Args:
            X: NaN or infinite where missing.
            rng: draws one of the `NEAREST` donors, to learn from; without it their mean is taken, to predict with.
                A column that no donor has becomes 0.
        """
        out = np.where(np.isfinite(X), X, np.nan)
        gone = np.flatnonzero(~np.isfinite(out).all(axis=1))
        for first in range(0, len(gone), _BATCH):
            self._fill(out, gone[first : first + _BATCH], rng)
        return out

    def _fill(self, out: Floats, rows: Ints, rng: np.random.Generator | None) -> None:
        distance = self._distance(out[rows])
        for column in np.flatnonzero(~np.isfinite(out[rows]).all(axis=0)):
            lacking = np.flatnonzero(~np.isfinite(out[rows, column]))
            able = np.flatnonzero(np.isfinite(self.donors[:, column]))
            if not len(able):
                out[rows[lacking], column] = 0.0
                continue
            count = min(NEAREST, len(able))
            order = np.argsort(distance[np.ix_(lacking, able)], axis=1, kind="stable")[:, :count]
            values = self.donors[able[order], column]
            chosen = values.mean(axis=1) if rng is None else rng.permuted(values, axis=1)[:, 0]
            out[rows[lacking], column] = chosen

    def _distance(self, X: Floats) -> Floats:
        """Mean squared scaled distance of each row to each donor, over the columns that both have."""
        a, b = (X - self.mean) / self.scale, (self.donors - self.mean) / self.scale
        has, had = np.isfinite(a).astype(float), np.isfinite(b).astype(float)
        a, b = np.clip(np.nan_to_num(a), -10, 10), np.clip(np.nan_to_num(b), -10, 10)
        both = has @ had.T
        squared = (a**2) @ had.T + has @ (b**2).T - 2 * a @ b.T
        return np.where(both > 0, np.maximum(squared, 0.0) / np.maximum(both, 1.0), np.inf)
