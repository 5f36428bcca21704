"""Which rows of a training set a model can do without, and whether a model of the rest is as good.

Grown from a tenth of the rows, the rest is dropped (Li et al., Nat. Commun. 14, 7283 (2023),
doi 10.1038/s41467-023-42992-y). `difference` adds the rows where a model of the chosen ones is farthest from a model of
all: values are known here, and a model of all says what they are without the noise of single rows. `uncertainty` adds
what a committee of models of the chosen ones disagrees on most, as where values are not known yet. Neither adds the
worst predicted rows: those of a table of compositions are polymorphs that no composition can tell apart. Thinning by
similarity is in `thinning`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from etl.features import composition
from models.bias.describing import FORMULAS, described, finite_numbers, shares, systems
from models.bias.frames import need
from models.bias.thinning import farthest_first
from models.boosting import regressor
from schemas.arrays import Bools, Floats, Ints
from schemas.errors import InputError

METHODS = ("difference", "uncertainty", "similarity", "random")
START, ROUNDS, COMMITTEE = 0.1, 6, 2
_ROUGH = 150  # rounds of boosting of the models that choose
_BAG = 0.8  # share of the chosen rows that a member of the committee learns from
FEWEST = 40


@dataclass(frozen=True)
class Rows:
    """Rows that a model learns from.

    Attributes:
        features: n x d.
        shares: of elements, or other coordinates that say how near two rows are, n x e.
        values: n.
    """

    features: Floats
    shares: Floats
    values: Floats

    def take(self, rows: Ints | Bools) -> "Rows":
        """Some of the rows."""
        return Rows(self.features[rows], self.shares[rows], self.values[rows])


def prune(rows: Rows, *, keep: float, method: str = "difference", seed: int = 0) -> Ints:
    """The rows to keep, in the order in which they were taken.

    Methods with models keep all of fewer than `FEWEST` rows, which cannot tell redundancy.

    Args:
        rows: n rows.
        keep: share to keep.
        method: of `METHODS`.
        seed: of everything random.

    Raises:
        InputError: unknown method, or a share outside 0 to 1.
    """
    if method not in METHODS:
        raise InputError.of(f"unknown method {method!r}", "--method", f"use one of {', '.join(METHODS)}")
    if not 0 < keep <= 1:
        raise InputError.of(str(keep), "--keep", "give a share above 0 and up to 1")
    n = len(rows.values)
    if method in ("difference", "uncertainty") and n < FEWEST:
        return np.arange(n)
    count = max(1, round(keep * n)) if n else 0
    if method == "similarity":
        return farthest_first(rows.shares, count=count, threshold=-1.0, seed=seed)[0]
    chance = np.random.default_rng(seed)
    order = chance.permutation(n)
    if method == "random":
        return order[:count]
    return _grow(rows, order, count, _difference(rows, seed) if method == "difference" else _disagreement(rows, chance))


Score = Callable[[Ints, Ints], Floats]
"""How much each of some left rows would tell a model of the chosen rows: (chosen, left) -> n."""


def _grow(rows: Rows, order: Ints, count: int, score: Score) -> Ints:
    start = min(count, max(FEWEST // 2, round(START * len(order))))
    chosen, left = order[:start], order[start:]
    for size in np.linspace(start, count, ROUNDS + 1)[1:].round().astype(int):
        first = np.argsort(-score(chosen, left), kind="stable")
        taken = first[: size - len(chosen)]
        chosen, left = np.concatenate([chosen, left[taken]]), np.delete(left, taken)
    return chosen


def _difference(rows: Rows, seed: int) -> Score:
    """Distance between a model of the chosen rows and one of all."""

    def predicted(learned: Ints, asked: Ints) -> Floats:
        model = learner(len(learned), seed=seed, rounds=_ROUGH)
        return np.asarray(model.fit(rows.features[learned], rows.values[learned]).predict(rows.features[asked]))

    every = np.arange(len(rows.values))
    goal = predicted(every, every)
    return lambda chosen, left: np.abs(predicted(chosen, left) - goal[left])


def _disagreement(rows: Rows, chance: np.random.Generator) -> Score:
    """Deviation of a committee, each member having learned from a part of the chosen rows."""

    def score(chosen: Ints, left: Ints) -> Floats:
        guesses = []
        for _ in range(COMMITTEE):
            bag = chance.choice(chosen, max(2, int(_BAG * len(chosen))), replace=False)
            model = learner(len(bag), seed=int(chance.integers(2**31)), rounds=_ROUGH)
            guesses.append(model.fit(rows.features[bag], rows.values[bag]).predict(rows.features[left]))
        return np.asarray(np.std(guesses, axis=0))

    return score


@dataclass(frozen=True)
class Trial:
    """Rows that neither set may learn from.

    Attributes:
        name: such as "systems held out" or "without F".
        train: rows that may be learned from, n.
        test: rows to be predicted, n.
    """

    name: str
    train: Bools
    test: Bools


def check(
    rows: Rows, trials_: tuple[Trial, ...], *, keep: float, method: str = "difference", seed: int = 0
) -> list[dict[str, Any]]:
    """What pruning costs: errors of a model of all training rows, of the kept ones, and of as many random ones.

    Rows are pruned among the training rows of each trial alone.

    Returns:
        A record a trial: `trial`, `rows`, `rmse_all`, `rmse_kept`, `rmse_random`, and the `loss` and `random_loss`,
        relative to all rows.
    """
    found = []
    for trial in trials_:
        train, asked = rows.take(trial.train), rows.take(trial.test)
        sets = {
            "all": np.arange(len(train.values)),
            "kept": prune(train, keep=keep, method=method, seed=seed),
            "random": prune(train, keep=keep, method="random", seed=seed),
        }
        errors = {name: _rmse(train.take(kept), asked, seed) for name, kept in sets.items()}
        found.append(
            {
                "trial": trial.name,
                "rows": int(trial.train.sum()),
                **{f"rmse_{name}": error for name, error in errors.items()},
                "loss": errors["kept"] / errors["all"] - 1,
                "random_loss": errors["random"] / errors["all"] - 1,
            }
        )
    return found


def rows_of(frame: pl.DataFrame, *, target: str, features: tuple[str, ...] = ()) -> tuple[Rows, Ints, tuple[str, ...]]:
    """What a model learns from in a table, which rows of it those are, and their chemical systems.

    Rows without a finite value, or whose composition does not parse, are left out. Without a formula each row is a
    system of its own, and rows are as near as their numbers.

    Raises:
        InputError: a column is missing or there is nothing to learn from.
    """
    need(frame, target)
    values = finite_numbers(frame, target)
    kept = np.isfinite(values)
    formula = next((c for c in FORMULAS if c in frame.columns), None)
    if features or formula is None:
        made = described(frame, features, without=(target,))
        found = np.flatnonzero(kept)
        return Rows(made[found], made[found], values[found]), found, tuple(f"row {at}" for at in found)
    parsed = composition.parse(frame[formula].cast(pl.String).to_list())
    found = np.flatnonzero(kept & (np.diff(parsed.starts) > 0))
    magpie = composition.composition(frame[found].select(formula), column=formula).select(composition.MAGPIE).to_numpy()
    names = systems(parsed)
    return Rows(magpie, shares(parsed)[found], values[found]), found, tuple(names[at] for at in found)


def trials(systems: tuple[str, ...], *, left_out: int = 3, seed: int = 0) -> tuple[Trial, ...]:
    """Trials inside and outside what was learned: a sixth of the chemical systems, then whole elements.

    Args:
        systems: chemical system of each row, elements joined by hyphens.
        left_out: how many elements; those in nearest to a twentieth of the rows.
        seed: of the systems.
    """
    names = sorted(set(systems))
    chance = np.random.default_rng(seed)
    held = set(chance.choice(names, max(1, len(names) // 6), replace=False))
    inside = np.array([s in held for s in systems])
    parts = [set(s.split("-")) for s in systems]
    counts: dict[str, int] = {}
    for element in (e for part in parts for e in part):
        counts[element] = counts.get(element, 0) + 1
    elements = sorted(counts, key=lambda e: (abs(counts[e] / len(systems) - 0.05), e))[:left_out]
    made = [Trial("systems held out", ~inside, inside)]
    for element in elements:
        there = np.array([element in part for part in parts])
        made.append(Trial(f"without {element}", ~there, there))
    return tuple(t for t in made if t.train.sum() >= 2 * FEWEST and t.test.any())


def learner(count: int, *, seed: int, rounds: int = 400) -> Any:
    """The model whose errors count, for so many rows."""
    return regressor(
        seed=seed,
        n_estimators=rounds,
        learning_rate=0.08 if rounds > 200 else 0.15,
        num_leaves=63,
        min_child_samples=min(20, max(2, count // 50)),
        colsample_bytree=0.3,
        max_bin=127,
    )


def _rmse(train: Rows, test: Rows, seed: int) -> float:
    """Of a model of the training rows, mean of two seeds: from one alone a loss is off by up to a hundredth."""
    errors = []
    for each in (seed, seed + 1):
        model = learner(len(train.values), seed=each).fit(train.features, train.values)
        errors.append(float(np.sqrt(np.mean(np.square(model.predict(test.features) - test.values)))))
    return float(np.mean(errors))
