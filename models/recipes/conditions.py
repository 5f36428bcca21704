"""Condition regression: LightGBM with conformal 80 % intervals.

Rows weigh 1 / rows of their paper. Rounds are chosen and intervals widened on papers that the trees did not see: one
held-out share of a large table, all folds in turn of a small one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from models.recipes import CONDITIONS, splits
from models.recipes.features import Singles
from schemas.arrays import Floats, Ints

LARGE = 3000
LEVEL = 0.8
COMMON: dict[str, Any] = {
    "verbosity": -1,
    "deterministic": True,
    "force_col_wise": True,
    "max_bin": 63,
    "feature_fraction": 0.35,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
}


@dataclass(frozen=True)
class Size:
    """How large the trees may grow for a number of rows."""

    leaves: int
    least: int
    rate: float
    rounds: int
    threads: int

    @classmethod
    def for_rows(cls, n: int) -> "Size":
        """Small tables get small, shrunk trees."""
        # few rows: threads would wait for each other longer than they work
        return cls(47, 12, 0.12, 160, 2) if n >= LARGE else cls(8, max(2, n // 40), 0.06, 80, 1)

    def parameters(self, seed: int) -> dict[str, Any]:
        """LightGBM parameters."""
        return {
            **COMMON,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.least,
            "learning_rate": self.rate,
            "seed": seed,
            "num_threads": self.threads,
        }


def boost(
    X: Singles,
    y: Floats,
    w: Floats,
    objective: dict[str, Any],
    *,
    seed: int,
    rounds: int | None = None,
    watch: tuple[Singles, Floats, Floats] | None = None,
) -> tuple[str, int]:
    """Fits one booster; with `watch` rows it stops early. Returns its text and its rounds."""
    import lightgbm

    size = Size.for_rows(len(y))
    data = lightgbm.Dataset(X, y, weight=w, params={"verbosity": -1, "max_bin": 63})
    sets, calls = None, []
    if watch is not None:
        sets = [lightgbm.Dataset(watch[0], watch[1], weight=watch[2], reference=data)]
        calls = [lightgbm.early_stopping(15, verbose=False)]
    made = lightgbm.train(
        {**size.parameters(seed), **objective},
        data,
        num_boost_round=rounds or size.rounds,
        valid_sets=sets,
        callbacks=calls,
    )
    best = made.best_iteration if made.best_iteration > 0 else made.num_trees()
    return made.model_to_string(num_iteration=made.best_iteration if watch is not None else -1), int(best)


def run(text: str, X: Singles) -> Floats:
    """Predictions of a stored booster."""
    import lightgbm

    return np.asarray(lightgbm.Booster(model_str=text).predict(X), dtype=np.float64)


def holdouts(frame: pl.DataFrame, seed: int) -> list[tuple[Ints, Ints]]:
    """Splits for calibration: one for a large table, five folds for a small one."""
    if frame.height >= LARGE:
        return list(splits.folds(frame, count=1, seed=seed, share=0.15))
    return list(splits.folds(frame, count=5, seed=seed))


@dataclass(frozen=True)
class ConditionModel:
    """One condition: median and two quantiles, and the conformal margin that makes them cover 80 %.

    Conformalised quantile regression: Romano, Patterson, Candes (NeurIPS 2019).

    Attributes:
        texts: boosters of median, low and high; empty where too few rows are known.
        margin: added on both sides, on the modelled scale.
        log: whether log1p was modelled (times).
        constant: median, low and high of the training rows, the fall-back and the baseline.
        limits: smallest and largest value ever answered.
        rows: training rows; papers: distinct papers among them.
    """

    texts: tuple[str, ...]
    margin: float
    log: bool
    constant: tuple[float, float, float]
    limits: tuple[float, float]
    rows: int
    papers: int

    def predict(self, X: Singles) -> tuple[Floats, Floats, Floats]:
        """Point, low and high of n rows."""
        if not self.texts:
            point, low, high = (np.full(len(X), c) for c in self.constant)
            return point, low, high
        point, low, high = (run(t, X) for t in self.texts)
        low, high = np.minimum(low, point), np.maximum(high, point)
        low, high = np.minimum(low - self.margin, point), np.maximum(high + self.margin, point)
        return self._back(point), self._back(low), self._back(high)

    def _back(self, v: Floats) -> Floats:
        values = np.expm1(v) if self.log else v
        return np.clip(values, *self.limits)


QUANTILES: tuple[dict[str, Any], ...] = (
    {"objective": "regression_l1"},
    {"objective": "quantile", "alpha": 0.1},
    {"objective": "quantile", "alpha": 0.9},
)


def fit_condition(X: Singles, frame: pl.DataFrame, name: str, *, seed: int) -> ConditionModel:
    """Fits one condition on the rows that have it.

    Args:
        X: features of all rows of `frame`.
        frame: normalised recipes.
        name: one of CONDITIONS.
        seed: of splits and trees.
    """
    known = frame[name].is_not_null().to_numpy()
    rows = np.flatnonzero(known)
    part, y = frame[rows.tolist()], frame[name].drop_nulls().to_numpy()
    log = name.endswith("_h")
    if len(rows) < 20:
        middle = (1073.15, 673.15, 1673.15) if name.endswith("_K") else (6.0, 1.0, 24.0)
        if len(rows):
            q = np.quantile(y, [0.5, 0.1, 0.9])
            middle = (float(q[0]), float(q[1]), float(q[2]))
        return ConditionModel((), 0.0, log, middle, (min(middle), max(middle)), len(rows), 0)
    names = splits.papers(part)
    scale, weight, Z = np.log1p(y) if log else y, splits.paper_weights(names), X[rows]
    centre, low, high = _weighted_quantiles(y, weight, (0.5, 0.1, 0.9))
    texts, scores, who = _boosters(Z, scale, weight, part, seed)
    return ConditionModel(
        texts,
        _margin(scores, who),
        log,
        (centre, low, high),
        (float(y.min()), float(y.max())),
        len(rows),
        len(set(names)),
    )


def _boosters(
    Z: Singles, y: Floats, w: Floats, part: pl.DataFrame, seed: int
) -> tuple[tuple[str, ...], Floats, list[str]]:
    """The three boosters, and how far each held-out row lies outside its interval (negative: inside)."""
    names = splits.papers(part)
    rounds: dict[int, list[int]] = {0: [], 1: [], 2: []}
    scores: list[Floats] = []
    who: list[str] = []
    for train, test in holdouts(part, seed):
        # Early stopping and the margin use different papers, else the margin would be flattered.
        side = np.array([splits.bucket(names[i], seed + 1) < 0.5 for i in test])
        stop, rest = (test[side], test[~side]) if side.any() and not side.all() else (test, test)
        watch = (Z[stop], y[stop], w[stop])
        made = [boost(Z[train], y[train], w[train], q, seed=seed, watch=watch) for q in QUANTILES]
        for k, (_, used) in enumerate(made):
            rounds[k].append(used)
        point, low, high = (run(t, Z[rest]) for t, _ in made)
        low, high = np.minimum(low, point), np.maximum(high, point)
        scores.append(np.maximum(low - y[rest], y[rest] - high))
        who += [names[i] for i in rest]
    texts = tuple(
        boost(Z, y, w, q, seed=seed, rounds=max(5, int(np.median(rounds[k] or [30]))))[0]
        for k, q in enumerate(QUANTILES)
    )
    return texts, np.concatenate(scores) if scores else np.zeros(0), who


def _margin(scores: Floats, papers: list[str]) -> float:
    """Conformal margin with one vote a paper: the rows of a series are one observation, not many."""
    if not len(scores):
        return 0.0
    weight = splits.paper_weights(papers)
    count = len(set(papers))
    level = min(1.0, LEVEL * (count + 1) / count)
    return _weighted_quantiles(scores, weight, (level,))[0]


def _weighted_quantiles(values: Floats, weight: Floats, levels: tuple[float, ...]) -> tuple[float, ...]:
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    places = [min(int(np.searchsorted(share, q - 1e-12)), len(values) - 1) for q in levels]
    return tuple(float(values[order][p]) for p in places)


Interval = tuple[Floats, Floats, Floats]


def condition_columns(models: dict[str, ConditionModel], X: Singles) -> dict[str, Floats]:
    """Point, `_low` and `_high` of each condition; no temperature exceeds the highest, nor do its bounds."""
    found = {name: models[name].predict(X) for name in CONDITIONS}
    steps = ("sinter_temperature_K", "calcine_temperature_K")
    ordered = below_the_highest(*(found[c] for c in (*steps, "max_temperature_K")))
    found |= dict(zip((*steps, "max_temperature_K"), ordered, strict=True))
    return {
        f"{name}{end}": v for name, three in found.items() for end, v in zip(("", "_low", "_high"), three, strict=True)
    }


def below_the_highest(first: Interval, second: Interval, highest: Interval) -> tuple[Interval, Interval, Interval]:
    """Makes three separately fitted temperatures agree: the highest is at least each of the two.

    Points move to the nearest ordered triple (isotonic regression): true temperatures are ordered, so the sum of the
    three squared errors never grows. Bounds only move outwards: no interval covers less than before.
    """
    (a, a_low, a_high), (b, b_low, b_high), (c, low, high) = first, second, highest
    most, least = np.maximum(a, b), np.minimum(a, b)
    top = np.maximum(c, np.maximum((c + most) / 2, (c + most + least) / 3))
    return (
        (np.minimum(a, top), np.minimum(a_low, low), a_high),
        (np.minimum(b, top), np.minimum(b_low, low), b_high),
        (top, low, np.maximum(high, np.maximum(a_high, b_high))),
    )
