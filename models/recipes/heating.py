"""Heating conditions of a recipe: beliefs, points with intervals and joints, calibrated on papers held out.

`fit` is the only place that decides what is held out; the parts are `beliefs`, `conditions` and `density`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from models.recipes import CONDITIONS, beliefs, conditions, density, splits
from models.recipes.beliefs import Beliefs, Reading
from models.recipes.conditions import LEVEL, LEVELS
from models.recipes.features import Singles
from models.recipes.grid import STEPS, TEMPERATURES, TIMES
from schemas.arrays import Bools, Floats, Ints

CHUNK = 400


@dataclass(frozen=True)
class Heating:
    """Everything about heat and time.

    Attributes:
        beliefs: forest and network.
        conditions: points and intervals by condition.
        joints: by temperature column of the step; a step that too few recipes state is missing.
    """

    beliefs: Beliefs
    conditions: dict[str, conditions.ConditionModel]
    joints: dict[str, density.Joint]

    def columns(self, X: Singles) -> dict[str, Floats]:
        """Point, `_low` and `_high` of each condition, with intervals that cover 80 %."""
        return self.by_level(X, (LEVEL,))[LEVEL]

    def by_level(self, X: Singles, levels: Sequence[float] = LEVELS) -> dict[float, dict[str, Floats]]:
        """The same for several levels."""
        parts: dict[float, list[dict[str, Floats]]] = {level: [] for level in levels}
        for rows, reading in self._read(X):
            for level in levels:
                parts[level].append(conditions.condition_columns(self.conditions, X[rows], reading, level))
        return {level: {k: np.concatenate([p[k] for p in made]) for k in made[0]} for level, made in parts.items()}

    def negative_log_likelihood(self, step: str, X: Singles, heat: Floats, time: Floats) -> Floats:
        """Of the bins that known pairs (K, h) of a step fall in, n."""
        joint = self.joints[step]
        return np.concatenate(
            [
                joint.negative_log_likelihood(joint.probabilities(reading, len(X[rows])), heat[rows], time[rows])
                for rows, reading in self._read(X)
            ]
        )

    def part_likelihoods(self, step: str, X: Singles, heat: Floats, time: Floats) -> dict[str, Floats]:
        """The same for each part of the pool alone, held above zero by a hundredth of the uniform."""
        joint, each = self.joints[step], defaultdict(list)
        for rows, reading in self._read(X):
            for name, p in joint.parts(reading, len(X[rows])).items():
                mixed = 0.99 * p + 0.01 / (TEMPERATURES * TIMES)
                each[name].append(joint.negative_log_likelihood(mixed, heat[rows], time[rows]))
        return {k: np.concatenate(v) for k, v in each.items()}

    def sample(
        self, step: str, X: Singles, count: int, seed: int, *, hottest: float | None = None, hours: float | None = None
    ) -> Floats:
        """Pairs (K, h) of a step, n x count x 2; NaN where nothing is known of the step.

        Args:
            step: its temperature column.
            X: features.
            count: samples a row.
            seed: of the samples.
            hottest: what the furnace reaches, K.
            hours: a time that is fixed.
        """
        if step not in self.joints:
            return np.full((len(X), count, 2), np.nan)
        joint, rng = self.joints[step], np.random.default_rng(seed)
        drawn = [
            joint.sample(joint.probabilities(reading, len(X[rows])), count, rng, hottest=hottest, hours=hours)
            for rows, reading in self._read(X)
        ]
        return np.concatenate(drawn)

    def _read(self, X: Singles) -> Iterator[tuple[slice, Reading]]:
        for i in range(0, len(X), CHUNK):
            rows = slice(i, i + CHUNK)
            yield rows, self.beliefs.read(X[rows])


def stated() -> pl.Expr:
    """Whether a recipe states any condition."""
    return pl.any_horizontal(pl.col(c).is_not_null() for c in CONDITIONS)


def fit(X: Singles, recipes: pl.DataFrame, *, precursors: int, seed: int, generator: str = "pooled") -> Heating:
    """Fits on the rows that state any condition.

    Args:
        X: features of `recipes`, precursors shown where they are known.
        recipes: normalised.
        precursors: how many of the last columns describe precursors.
        seed: of splits, trees and networks.
        generator: one of GENERATORS, of pairs of temperature and time.
    """
    said = recipes.select(stated()).to_series().to_numpy()
    X, frame = X[said], recipes.filter(pl.Series(said))
    whole = beliefs.fit(X, frame, precursors=precursors, seed=seed, generator=generator)
    found = beliefs.values(frame)
    weight = splits.paper_weights(splits.papers(frame)) if frame.height else np.empty(0)
    trial = _Trial(X, frame, found, precursors, generator, _drafts(whole, found, weight))
    for train, test in conditions.holdouts(frame, seed):
        trial.look(train, test, seed)

    reach = conditions.reaches(trial.held)
    made = {c: conditions.fit(X, frame, c, whole.atoms.get(c), reach[c]) for c in CONDITIONS}
    return Heating(whole, made, {h: trial.weighed(h) for h in trial.joints})


def _drafts(believed: Beliefs, found: dict[str, Floats], weight: Floats) -> dict[str, density.Joint]:
    made = [density.start(k, believed.atoms, found[h], found[t], weight) for k, (h, t) in enumerate(STEPS)]
    return {j.heat: j for j in made if j is not None}


class _Trial:
    """Held-out papers before beliefs that did not see them: how deep values lie in them, how likely pairs were."""

    def __init__(
        self,
        X: Singles,
        frame: pl.DataFrame,
        found: dict[str, Floats],
        precursors: int,
        generator: str,
        joints: dict[str, density.Joint],
    ) -> None:
        self.X, self.frame, self.found, self.precursors, self.joints = X, frame, found, precursors, joints
        self.generator = generator
        self.held: dict[str, list[conditions.Held]] = {c: [] for c in CONDITIONS}
        self.likely: dict[str, list[dict[str, Floats]]] = {h: [] for h in joints}
        self.papers: dict[str, list[str]] = {h: [] for h in joints}

    def look(self, train: Ints, test: Ints, seed: int) -> None:
        """Fits on some rows and notes how the others fare, with and without their precursors."""
        X, frame = self.X, self.frame
        part = frame[train.tolist()]
        blind = beliefs.fit(X[train], part, precursors=self.precursors, seed=seed + 1, generator=self.generator)
        seen = frozenset(beliefs.systems(X[train]))
        weight = splits.paper_weights(splits.papers(part))
        joints = _drafts(blind, {c: v[train] for c, v in self.found.items()}, weight)
        names = splits.papers(frame[test.tolist()])
        shown = np.isfinite(X[test, -1])
        for Z, keep in ((X[test], np.ones(len(test), bool)), (beliefs.hide(X[test], self.precursors), shown)):
            for i in range(0, len(test), CHUNK):
                rows = np.arange(i, min(i + CHUNK, len(test)))
                rows = rows[keep[rows]]
                if len(rows):
                    self._note(blind, joints, seen, Z[rows], test[rows], [names[r] for r in rows])

    def _note(
        self,
        blind: Beliefs,
        joints: dict[str, density.Joint],
        seen: frozenset[bytes],
        Z: Singles,
        rows: Ints,
        names: list[str],
    ) -> None:
        reading = blind.read(Z)
        where = conditions.cells(Z, seen)
        for c, p in reading.single.items():
            y = self.found[c][rows]
            known = np.flatnonzero(~np.isnan(y))
            if len(known):
                some = [q[known] for q in p]
                cells, papers = [where[k] for k in known], [names[k] for k in known]
                self.held[c].append(conditions.held(c, blind.atoms[c], some, y[known], cells, papers))
        for joint in joints.values():
            heat, time = self.found[joint.heat][rows], self.found[joint.time][rows]
            pairs: Bools = ~np.isnan(heat) & ~np.isnan(time)
            if joint.heat in self.joints and joint.heat in reading.joint and pairs.any():
                likely = {
                    name: np.exp(-joint.negative_log_likelihood(part[pairs], heat[pairs], time[pairs]))
                    for name, part in joint.parts(reading, len(rows)).items()
                }
                self.likely[joint.heat].append(likely)
                self.papers[joint.heat] += [n for n, k in zip(names, pairs, strict=True) if k]

    def weighed(self, step: str) -> density.Joint:
        """The joint of a step with shares that suit the held-out pairs; all papers alone where there were none."""
        joint, noted = self.joints[step], self.likely[step]
        if not noted:
            return joint
        columns = {name: np.concatenate([n[name] for n in noted]) for name in noted[0]}
        return density.weigh(joint, columns, splits.paper_weights(self.papers[step]))
