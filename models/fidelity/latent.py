"""One Gaussian process over compositions and sources, the source being a latent variable: a way for small tables.

Chen et al., Comput. Methods Appl. Mech. Eng. 421, 116773 (2024); the process is `models.lvgp.sources`. It learns from
every value of every fidelity, also of rows whose costly value is not known. What is special of one row, such as its
structure, no composition explains; it moves all fidelities together. So where a lower fidelity of a row is known, the
prediction is corrected by how far off the process was there, as far as that went together in the rows learned from.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from models.bias.describing import standard
from schemas.arrays import Floats

MOST = 50
"""Rows with a value of the fidelity that counts up to which this way is tried beside others: a fit takes seconds."""
ROOM = 300
"""Such rows up to which it is used where it is asked for."""
VALUES = 400  # it learns from; random ones of more
_COMPONENTS = 4
_MEMBERS, _STEPS = 4, 100  # half of the usual: held-out errors of gaps were the same
_PAIRS = 8  # rows from which on two sources are said to go together
_SHRUNK = 0.02  # of the corrections, in variances


@dataclass(frozen=True)
class Latent:
    """A fitted process.

    Attributes:
        model: of the components and the source.
        middle: of the features, d.
        axes: of the components, d x c.
        scale: of the components, c.
        sources: names of the lower fidelities, then of the one that counts.
        shared: covariance of what the process leaves over, of all sources.
    """

    model: Any
    middle: Floats
    axes: Floats
    scale: Floats
    sources: tuple[str, ...]
    shared: Floats

    def expected(self, features: Floats) -> Floats:
        """What the process expects of every source, n x (f + 1), of n rows of features."""
        points = (features - self.middle) @ self.axes / self.scale
        asked = _frame(np.tile(points, (len(self.sources), 1)), np.repeat(self.sources, len(points)))
        return np.asarray(self.model.predict(asked)[0].reshape(len(self.sources), -1).T)

    def predict(self, features: Floats, told: Floats) -> Floats:
        """Values of the fidelity that counts of n rows, from features, n x d, and known lower values, n x f."""
        mean = self.expected(features)
        found = mean[:, -1].copy()
        known = np.isfinite(told)
        for pattern in {tuple(row) for row in known.tolist() if any(row)}:
            rows, there = (known == pattern).all(axis=1), np.flatnonzero(pattern)
            off = told[np.ix_(rows, there)] - mean[np.ix_(rows, there)]
            within = self.shared[np.ix_(there, there)]
            within = within + _SHRUNK * np.diag(np.diag(within)) + 1e-12 * np.eye(len(there))
            found[rows] += off @ np.linalg.solve(within, self.shared[there, -1])
        return found


def fit(features: Floats, told: Floats, values: Floats, *, seed: int) -> Latent:
    """Learns from n rows.

    Args:
        features: n x d, known compositions only.
        told: known lower fidelities, n x f, from the coarsest; NaN where not known.
        values: of the fidelity that counts, n; NaN where not known.
        seed: of everything random.
    """
    from models.lvgp.sources import fit_sources

    middle = features.mean(axis=0)
    _, _, turned = np.linalg.svd(standard(features), full_matrices=False)
    spread = np.where(features.std(axis=0) > 0, features.std(axis=0), 1.0)
    axes = turned[:_COMPONENTS].T / spread[:, None]
    points = (features - middle) @ axes
    scale = np.where(points.std(axis=0) > 1e-9, points.std(axis=0), 1.0)
    sources = (*(f"lower {at}" for at in range(told.shape[1])), "counts")
    every = np.column_stack([told, values])
    rows, kinds = np.nonzero(np.isfinite(every))
    first = np.flatnonzero(kinds == len(sources) - 1)
    rest = np.random.default_rng(seed).permutation(np.flatnonzero(kinds < len(sources) - 1))
    kept = np.concatenate([first, rest])[:VALUES]
    rows, kinds = rows[kept], kinds[kept]
    frame = _frame(points[rows] / scale, np.array(sources)[kinds])
    numbers = tuple(c for c in frame.columns if c != "source" and frame[c].n_unique() > 1)
    model = fit_sources(
        frame, every[rows, kinds], order=sources, inputs=numbers, seed=seed, members=_MEMBERS, steps=_STEPS
    )
    bare = Latent(model, middle, axes, scale, sources, np.zeros((len(sources), len(sources))))
    return replace(bare, shared=_left_over(every - bare.expected(features)))


def _left_over(off: Floats) -> Floats:
    """Covariance of what is left over, each entry from the rows in which both sources are known; 0 where too few."""
    kinds = off.shape[1]
    found = np.zeros((kinds, kinds))
    for left in range(kinds):
        for right in range(kinds):
            both = off[np.isfinite(off[:, left]) & np.isfinite(off[:, right])]
            found[left, right] = np.mean(both[:, left] * both[:, right]) if len(both) >= _PAIRS else 0.0
    return found


def _frame(points: Floats, sources: Any) -> pl.DataFrame:
    columns = {f"component {at}": column for at, column in enumerate(points.T)}
    return pl.DataFrame(columns).with_columns(source=pl.Series(list(sources), dtype=pl.String))
