"""A random forest as a baseline: its trees disagree where they know little (Hutter et al., LION 2011)."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch

from models.lvgp.encoding import Encoding
from models.lvgp.frames import units_of
from models.lvgp.interface import Surrogate
from models.lvgp.kinds import Kind
from schemas.arrays import Floats

TREES = 100
SHARE = 0.1
"""Of the variance of outputs that a row has beside its known noise, when rows are weighed."""


@dataclass(frozen=True)
class Forest(Surrogate):
    """Trees over marks of levels and scaled numbers.

    Attributes:
        kind: see `models.lvgp.kinds`.
        encoding: of the inputs.
        trees: scikit-learn forest, of standardised outputs.
        units: center and scale of the outputs.
        seen: what it learned from.
    """

    kind: Kind
    encoding: Encoding
    trees: Any
    units: tuple[float, float]
    seen: dict[str, Any]

    def members(self, frame: pl.DataFrame, *, noisy: bool = False) -> tuple[Floats, Floats]:
        """One member: the mean of the trees and the spread between them, with that inside leaves where noisy."""
        each, inside = self._each(frame)
        variance = each.var(axis=0) + (inside.mean(axis=0) if noisy else 0.0)
        return each.mean(axis=0)[None], np.sqrt(np.maximum(variance, 1e-12 * self.units[1] ** 2))[None]

    def draw(self, frame: pl.DataFrame, *, count: int, chance: np.random.Generator, noisy: bool = False) -> Floats:
        """Each draw is what one tree says, with a draw inside its leaf where noisy."""
        each, inside = self._each(frame)
        at = chance.permutation(np.arange(count) % len(each))
        extra = chance.standard_normal((count, each.shape[1])) * np.sqrt(inside[at]) if noisy else 0.0
        return np.asarray(each[at] + extra)

    def some(self, count: int) -> "Forest":
        """See `Surrogate`."""
        return self

    def told(self) -> dict[str, Any]:
        """See `Surrogate`."""
        return {"rows": self.seen["rows"], "trees": len(self.trees.estimators_)}

    def learned(self) -> tuple[Any, ...]:
        """See `Surrogate`."""
        return (self.seen["digest"],)

    def _each(self, frame: pl.DataFrame) -> tuple[Floats, Floats]:
        """Mean and variance of the leaf that each tree has for k rows, trees x k."""
        marks = _marks(self.encoding, frame)
        leaves = self.trees.apply(marks).T
        trees = [t.tree_ for t in self.trees.estimators_]
        means = np.stack([t.value[at, 0, 0] for t, at in zip(trees, leaves, strict=True)])
        inside = np.stack([t.impurity[at] for t, at in zip(trees, leaves, strict=True)])
        return self.units[0] + self.units[1] * means, self.units[1] ** 2 * inside


def fit(
    frame: pl.DataFrame,
    outputs: Floats,
    *,
    encoding: Encoding,
    kind: Kind,
    seed: int = 0,
    known: Floats | None = None,
    **_: Any,
) -> Forest:
    """Fits one output by trees; rows of known noise weigh less. See `models.lvgp.model.fit`."""
    from sklearn.ensemble import RandomForestRegressor

    marks, told = _marks(encoding, frame), np.asarray(outputs, dtype=np.float64)
    units = units_of(torch.from_numpy(told))
    weight = None if known is None else 1.0 / (known / units[1] ** 2 + SHARE)
    trees = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=seed, n_jobs=1)
    trees.fit(marks, (told - units[0]) / units[1], sample_weight=weight)
    digest = hashlib.sha256(marks.tobytes() + told.tobytes()).hexdigest()
    return Forest(kind, encoding, trees, units, {"rows": len(told), "digest": digest})


def _marks(encoding: Encoding, frame: pl.DataFrame) -> Floats:
    """One column a level, then descriptors, then the numbers."""
    codes, numbers = encoding.encode(frame)
    levels = [np.eye(size)[codes[:, j]] for j, size in enumerate(encoding.sizes)]
    described = [table[codes[:, j]] for j, table in enumerate(encoding.described())]
    return np.column_stack([*levels, *described, numbers])
