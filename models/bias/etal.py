"""Entropy-targeted active learning: which rows to learn next so that every group shows the same diversity of values.

Zhang, Chen, Rondinelli and Chen, Appl. Phys. Rev. 10, 021403 (2023), doi 10.1063/5.0138913: take the group of lowest
entropy and the row of it whose value raises that entropy most, by expected improvement over a Gaussian process.
The robust variant looks at all groups, as the least diverse one may have nothing left to gain: it takes the row that is
expected to raise the mean entropy most.
Simulated campaigns are in `sampling`; the process is in `pool`, the measures of entropy in `diversity`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from models.bias.gains import Curve, Measure, differential, mixed
from models.bias.pool import Hyperparameters, Pool, learn
from schemas.arrays import Bools, Floats, Ints
from schemas.errors import InputError

Choice = tuple[int, float, float]
"""A row, and mean and deviation of the value expected there (NaN where chance chose)."""
STRATEGIES = ("etal", "group-random", "uncertainty", "random")
VARIANTS = ("robust", "published")
PATIENCE = 5
"""Draws from a group without a gain after which it rests."""
_COLUMNS = 16  # up to so many columns have a length scale each
_GROWN, _DRAWN = 1.01, 10  # hyperparameters are learned again when the known rows grew so much, after so many draws
_OFFERED, _LEARNED = 3000, 2000  # rows of a large pool that are looked at, of known rows that the process learns from

MEASURES: Mapping[str, Measure] = {"robust": mixed, "published": differential}


def target(entropies: Mapping[str, float], open_: set[str], stalled: Mapping[str, int]) -> str | None:
    """The group to draw from: that of lowest entropy among those with rows left that have not stalled.

    Returns:
        None where there is none, or where the last one is already the most diverse of all.
    """
    left: list[str] = [g for g in entropies if g in open_ and stalled.get(g, 0) < PATIENCE]
    if not left or (len(left) == 1 and entropies[left[0]] >= max(entropies.values())):
        return None
    return min(left, key=entropies.__getitem__)


@dataclass(frozen=True)
class Task:
    """Rows in groups, some of whose values are known.

    Attributes:
        features: n x d, standardized.
        groups: n codes into names.
        names: of the groups.
        variant: "published" (differential entropy, a process for each group learned at each draw) or "robust"
            (mixed entropy, one process over all rows).
    """

    features: Floats
    groups: Ints
    names: tuple[str, ...]
    variant: str = "robust"

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise InputError.of(f"unknown variant {self.variant!r}", "etal", f"use one of {', '.join(VARIANTS)}")

    @property
    def measure(self) -> Measure:
        """Its measure of entropy."""
        return MEASURES[self.variant]


@dataclass
class Campaign:
    """What is known after some draws, and how the next row is chosen.

    Attributes:
        task: the rows.
        values: n; those of unknown rows are never read.
        known: n.
        chance: random numbers.
    """

    task: Task
    values: Floats
    known: Bools
    chance: np.random.Generator
    _stalled: dict[str, int] = field(default_factory=dict)
    _entropies: dict[str, float] = field(default_factory=dict)
    _hyper: dict[int | None, Hyperparameters] = field(default_factory=dict)
    _offered: Bools = field(default_factory=lambda: np.zeros(0, dtype=bool))
    _pool: tuple[Ints, Pool] | None = None
    _fitted: int = 0
    _curves: dict[int, Curve] = field(default_factory=dict)

    def __post_init__(self) -> None:
        there = self.values[self.known]
        self._span = (float(there.min()), float(there.max()))
        self._offered = _sample(~self.known, _OFFERED, self.chance)
        self._entropies = {name: self._entropy(code) for code, name in enumerate(self.task.names)}

    @property
    def entropies(self) -> Mapping[str, float]:
        """Entropy of the known values of each group."""
        return self._entropies

    def choose(self, strategy: str) -> Choice | None:
        """The next row with mean and deviation expected there (NaN where chance chose); None where no gain is left."""
        left = np.flatnonzero(~self.known & self._offered)
        if strategy == "random":
            return (int(self.chance.choice(left)), np.nan, np.nan) if len(left) else None
        if strategy == "uncertainty":
            return self._most_uncertain(left)
        if strategy == "etal" and self.task.variant == "robust":
            return self._most_telling(left)
        name = self._target(left)
        if name is None:
            return None
        code = self.task.names.index(name)
        offered = left[self.task.groups[left] == code]
        if strategy == "group-random":
            return int(self.chance.choice(offered)), np.nan, np.nan
        means, deviations = self._own(offered, code)
        return _best(offered, means, deviations, self._curve(code).improvement(means, deviations))

    def reveal(self, row: int, value: float) -> None:
        """Takes in the value of a row."""
        self.known[row], self.values[row] = True, value
        code = int(self.task.groups[row])
        name, former = self.task.names[code], self._entropies[self.task.names[code]]
        self._entropies[name] = self._entropy(code)
        self._curves.pop(code, None)
        self._stalled[name] = 0 if self._entropies[name] > former else self._stalled.get(name, 0) + 1
        if self._pool is not None:
            rows, pool = self._pool
            pool.reveal(int(np.searchsorted(rows, row)), value)

    def _target(self, left: Ints) -> str | None:
        open_ = {self.task.names[code] for code in np.unique(self.task.groups[left])}
        found = target(self._entropies, open_, self._stalled)
        if found is None and open_ and self.task.variant == "robust":  # all rest: begin again
            self._stalled = {}
            found = min(open_, key=lambda name: self._entropies[name])
        return found

    def _values(self, code: int) -> Floats:
        return np.asarray(self.values[self.known & (self.task.groups == code)])

    def _entropy(self, code: int) -> float:
        return float(self.task.measure(self._values(code)[None, :])[0])

    def _most_uncertain(self, left: Ints) -> Choice | None:
        if not len(left):
            return None
        means, deviations = self._shared(left)
        return _best(left, means, deviations, deviations)

    def _most_telling(self, left: Ints) -> Choice | None:
        """The row of any group with the largest expected gain."""
        if not len(left):
            return None
        means, deviations = self._shared(left)
        gains, codes = np.zeros(len(left)), self.task.groups[left]
        for code in np.unique(codes):
            inside = codes == code
            gains[inside] = self._curve(int(code)).gain(means[inside], deviations[inside])
        return _best(left, means, deviations, gains)

    def _curve(self, code: int) -> Curve:
        """How the entropy of a group answers to one more value; kept until the group gets one."""
        if code not in self._curves:
            self._curves[code] = Curve.of(self._values(code), self.task.measure, self._span)
        return self._curves[code]

    def _own(self, rows: Ints, code: int) -> tuple[Floats, Floats]:
        """Predictions of a process of one group, learned anew; of one over all rows where the group has none known."""
        inside = np.flatnonzero(self.known & (self.task.groups == code))
        if len(inside) < 2:
            return self._shared(rows)
        features, values = self.task.features, self.values[inside]
        self._hyper[code] = learn(features[inside], values, each=False, start=self._hyper.get(code))
        pool = Pool.of(features[inside], values, features[rows], self._hyper[code])
        return pool.mean, pool.sd

    def _shared(self, rows: Ints) -> tuple[Floats, Floats]:
        """Predictions of one process over all groups, updated draw by draw."""
        count = int(self.known.sum())
        if self._pool is None or count >= max(_GROWN * self._fitted, self._fitted + _DRAWN):
            features = self._described()
            known = np.flatnonzero(_sample(self.known, _LEARNED, self.chance))
            every = np.flatnonzero(~self.known & self._offered)
            each = features.shape[1] <= _COLUMNS + len(self.task.names)
            hyper = learn(features[known], self.values[known], each=each, start=self._hyper.get(None))
            self._hyper[None], self._fitted = hyper, count
            self._pool = (every, Pool.of(features[known], self.values[known], features[every], hyper))
        every, pool = self._pool
        at = np.searchsorted(every, rows)
        return pool.mean[at], pool.sd[at]

    def _described(self) -> Floats:
        """The features beside one column a group."""
        return np.column_stack([self.task.features, np.eye(len(self.task.names))[self.task.groups]])


def _best(rows: Ints, means: Floats, deviations: Floats, scores: Floats) -> Choice:
    at = int(np.argmax(scores))
    return int(rows[at]), float(means[at]), float(deviations[at])


def _sample(rows: Bools, most: int, chance: np.random.Generator) -> Bools:
    """The rows, or a random part of them where they are more than `most`."""
    at = np.flatnonzero(rows)
    if len(at) <= most:
        return rows.copy()
    part = np.zeros_like(rows)
    part[chance.choice(at, most, replace=False)] = True
    return part
