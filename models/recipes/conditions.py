"""Condition regression: medians and intervals of what forests and network believe.

A point is the median of the mean belief (boosted medians beside it gained nothing). An 80 % interval is the middle part
of that belief that covers 80 % of held-out papers (distributional conformal prediction: Chernozhukov, Wuthrich, Zhu,
PNAS 118, e2107794118 (2021)); how large a part, is learned for chemical systems never seen and for missing precursors
too. (Margins in K or h were tried: with values heaped on round numbers a small one moves coverage by 5 %.)
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from models.recipes import CONDITIONS, beliefs, splits
from models.recipes.beliefs import Reading, systems
from models.recipes.features import Singles
from models.recipes.grid import Atoms
from schemas.arrays import Bools, Floats, Ints

LEVEL = 0.8
LEVELS = (0.5, LEVEL, 0.9)
LEAST = 20
# Papers after which a condition, or a cell of it, is heard as much as all of them. On three sets of held-out papers the
# part that covers 80 % differed by 0.012 between conditions, which is what some 1300 papers tell apart.
OTHERS = 1300
DOUBT = 0.02  # share of the belief that any reported value has


def holdouts(frame: pl.DataFrame, seed: int) -> list[tuple[Ints, Ints]]:
    """Splits for calibration: two sevenths of a large table, one after the other, five folds of a small one."""
    if frame.height >= beliefs.LARGE:
        return list(itertools.islice(splits.folds(frame, count=7, seed=seed), 2))
    return list(splits.folds(frame, count=5, seed=seed))


Interval = tuple[Floats, Floats, Floats]
Cell = tuple[bool, bool]
"""Whether the chemical system was seen in training, and whether precursors are known."""


@dataclass(frozen=True)
class ConditionModel:
    """One condition.

    Attributes:
        atoms: reported values; None where too few rows are known.
        reach: by level, then by cell: the part of the belief that an interval takes in.
        seen: chemical systems of the training rows.
        constant: median, low and high of the training rows: the fall-back and the baseline.
        limits: smallest and largest value ever answered.
        rows: training rows; papers: distinct papers among them.
    """

    name: str
    atoms: Atoms | None
    reach: dict[float, dict[Cell, float]]
    seen: frozenset[bytes]
    constant: tuple[float, float, float]
    limits: tuple[float, float]
    rows: int
    papers: int

    def predict(self, X: Singles, reading: Reading, level: float = LEVEL) -> Interval:
        """Point, low and high of n rows.

        Args:
            X: features.
            reading: what forests and network believe about the same rows.
            level: one of LEVELS.
        """
        if self.atoms is None:
            point, low, high = (np.full(len(X), c) for c in self.constant)
            return point, low, high
        found = reading.single[self.name]
        point = _scale(self.name, self.atoms.quantile(np.asarray(np.mean(found, axis=0)), 0.5))
        reach = np.array([self.reach[level][c] for c in cells(X, self.seen)])
        at, p = _scale(self.name, self.atoms.values), pooled(found)
        low = np.minimum(point, between(at, p, 0.5 - reach / 2))
        high = np.maximum(point, between(at, p, 0.5 + reach / 2))
        return self._back(point), self._back(low), self._back(high)

    def _back(self, v: Floats) -> Floats:
        values = np.exp(v) if self.name.endswith("_h") else v
        return np.clip(values, *self.limits)


def _scale(name: str, v: Floats) -> Floats:
    return np.asarray(np.log(v)) if name.endswith("_h") else v


def pooled(found: Sequence[Floats]) -> Floats:
    """The mean belief, which holds no reported value impossible: so an interval can always be made wider."""
    return np.asarray((1 - DOUBT) * np.mean(found, axis=0) + DOUBT / found[0].shape[1])


def between(at: Floats, p: Floats, level: Floats) -> Floats:
    """Quantiles that run between the reported values, n: an end on a heap would leave coverage to chance."""
    middle = np.cumsum(p, axis=1) - p / 2
    right = np.clip((middle < level[:, None]).sum(axis=1), 0, len(at) - 1)
    left = np.maximum(right - 1, 0)
    rows = np.arange(len(p))
    gap = middle[rows, right] - middle[rows, left]
    part = np.divide(level - middle[rows, left], gap, out=np.zeros(len(p)), where=gap > 0)
    return np.asarray(at[left] + np.clip(part, 0, 1) * (at[right] - at[left]))


def depth(at: Floats, p: Floats, y: Floats) -> Floats:
    """The least part around the middle of each belief that holds its value, n: what `between` takes in."""
    middle = np.cumsum(p, axis=1) - p / 2
    reached = np.array([np.interp(v, at, m) for v, m in zip(y, middle, strict=True)])
    return np.asarray(2 * np.abs(reached - 0.5))


def cells(X: Singles, seen: frozenset[bytes]) -> list[Cell]:
    """The cell of each row."""
    known = np.isfinite(X[:, -1])
    return [(s in seen, bool(k)) for s, k in zip(systems(X), known, strict=True)]


def fit(
    X: Singles,
    frame: pl.DataFrame,
    name: str,
    atoms: Atoms | None,
    reach: dict[float, dict[Cell, float]],
) -> ConditionModel:
    """Fits one condition on the rows that have it.

    Args:
        X: features of all rows of `frame`.
        frame: normalised recipes.
        name: one of CONDITIONS.
        atoms: its reported values.
        reach: of its intervals.
    """
    rows = np.flatnonzero(frame[name].is_not_null().to_numpy())
    part, y = frame[rows.tolist()], frame[name].drop_nulls().to_numpy()
    if len(rows) < LEAST or atoms is None or not reach:
        middle = (1073.15, 673.15, 1673.15) if name.endswith("_K") else (6.0, 1.0, 24.0)
        if len(rows):
            q = np.quantile(y, [0.5, 0.1, 0.9])
            middle = (float(q[0]), float(q[1]), float(q[2]))
        return ConditionModel(name, None, {}, frozenset(), middle, (min(middle), max(middle)), len(rows), 0)
    names = splits.papers(part)
    weight, Z = splits.paper_weights(names), X[rows]
    centre, low, high = weighted_quantiles(y, weight, (0.5, 0.1, 0.9))
    return ConditionModel(
        name,
        atoms,
        reach,
        frozenset(systems(Z)),
        (centre, low, high),
        (float(y.min()), float(y.max())),
        len(rows),
        len(set(names)),
    )


@dataclass(frozen=True)
class Held:
    """One condition on held-out rows.

    Attributes:
        depth: of each value in the belief that did not see it.
        cells: of the rows.
        papers: of the rows.
    """

    depth: Floats
    cells: list[Cell]
    papers: list[str]


def held(name: str, atoms: Atoms, found: Sequence[Floats], y: Floats, where: list[Cell], papers: list[str]) -> Held:
    """Held-out rows against the beliefs that did not see them."""
    return Held(depth(_scale(name, atoms.values), pooled(found), _scale(name, y)), where, papers)


def reaches(held: Mapping[str, Sequence[Held]]) -> dict[str, dict[float, dict[Cell, float]]]:
    """How much of a belief covers each level of held-out papers, by condition, level and cell.

    One vote a paper: a series is one observation. Cells lean on their condition and conditions on all of them, the
    more the fewer papers they have.
    """
    every = _joined([h for parts in held.values() for h in parts])
    return {name: _cellwise(_joined(parts), every) if parts else {} for name, parts in held.items()}


def _joined(parts: Sequence[Held]) -> Held:
    depth = np.concatenate([h.depth for h in parts]) if parts else np.empty(0)
    return Held(depth, [c for h in parts for c in h.cells], [p for h in parts for p in h.papers])


def _cellwise(own: Held, every: Held) -> dict[float, dict[Cell, float]]:
    out: dict[float, dict[Cell, float]] = {level: {} for level in LEVELS}
    for cell in ((a, b) for a in (True, False) for b in (True, False)):
        inside = np.array([c == cell for c in own.cells])
        for level, found in out.items():
            found[cell] = _reach(every, level)
            for part in (own, _some(own, inside)):
                papers = len(set(part.papers))
                if papers:
                    found[cell] += papers / (papers + OTHERS) * (_reach(part, level) - found[cell])
    return out


def _some(held: Held, rows: Bools) -> Held:
    kept = np.flatnonzero(rows)
    return Held(held.depth[kept], [held.cells[i] for i in kept], [held.papers[i] for i in kept])


def _reach(held: Held, level: float) -> float:
    count = len(set(held.papers))
    share = min(1.0, level * (count + 1) / count)
    return weighted_quantiles(held.depth, splits.paper_weights(held.papers), (share,))[0]


def weighted_quantiles(values: Floats, weight: Floats, levels: tuple[float, ...]) -> tuple[float, ...]:
    """Values at which the weight of smaller ones reaches each level."""
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    places = [min(int(np.searchsorted(share, q - 1e-12)), len(values) - 1) for q in levels]
    return tuple(float(values[order][p]) for p in places)


def condition_columns(
    models: dict[str, ConditionModel], X: Singles, reading: Reading, level: float = LEVEL
) -> dict[str, Floats]:
    """Point, `_low` and `_high` of each condition.

    A step's temperature is that of recipes that state the step, the highest that of all recipes. They are not forced
    into order: sintered recipes are hotter than the rest, and order cost 4 to 6 K of both errors.
    """
    found = {name: models[name].predict(X, reading, level) for name in CONDITIONS}
    return {
        f"{name}{end}": v for name, three in found.items() for end, v in zip(("", "_low", "_high"), three, strict=True)
    }
