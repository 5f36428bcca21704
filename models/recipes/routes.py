"""Route classifier: four calibrated probabilities from the target alone, or from target and precursors.

Two judges, one for each question: precursors partly give the answer away (nitrates say sol-gel, oxides solid-state),
and a judge that knows them would miss them badly. Equal recipes of many papers are one row with the logarithm of their
number as weight. Probabilities are calibrated on targets and papers that the trees did not see.
"""

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from models.recipes import ROUTES, features, habits, route_features, splits
from models.recipes.features import Singles
from models.recipes.habits import Habits
from schemas.arrays import Floats, Ints

LARGE = 3000
SURE = 2.0  # standard errors by which calibration has to help
TREES: dict[str, Any] = {
    "objective": "multiclass",
    "num_class": len(ROUTES),
    # thresholds drawn at random: the labels are noisy, and averaging many rough trees beats few exact ones
    "extra_trees": True,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 63,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Judge:
    """One classifier.

    Attributes:
        boosters: texts of the boosters, whose probabilities are averaged.
        habits: group of words -> what they say about routes.
        encoder: frequent precursors; None where precursors are not looked at.
        scale: exponent that calibrates (temperature scaling; Guo et al., ICML 2017); 1 where trees need none.
    """

    boosters: tuple[str, ...]
    habits: dict[str, Habits]
    encoder: features.Encoder | None
    scale: float = 1.0

    def names(self) -> list[str]:
        """Names of the features."""
        out = route_features.target_names()
        if self.encoder is not None:
            out += [f"precursor {p}" for p in self.encoder.common] + ["rare precursors"]
            out += [f"precursors that are {a}" for a in features.ANIONS] + ["distinct precursors"]
            out += route_features.PRECURSORS
        return out + [c for g in self.habits for c in habits.columns(g)]

    def matrix(self, frame: pl.DataFrame) -> Singles:
        """Features of normalised rows."""
        words = route_features.words(frame, given=self.encoder is not None)
        return np.hstack([_plain(frame, self.encoder), *(h.describe(words[g]) for g, h in self.habits.items())])

    def probabilities(self, frame: pl.DataFrame) -> Floats:
        """n x 4; rows sum to 1."""
        return self.judged(self.matrix(frame))

    def judged(self, X: Any) -> Floats:
        """The same from features, as `matrix` gives them."""
        mean = np.mean([np.asarray(_booster(t).predict(X)) for t in self.boosters], axis=0)
        return calibrated(mean, self.scale)

    def contributions(self, frame: pl.DataFrame) -> Floats:
        """SHAP values of the trees, rows x routes x (features + base), in units of log-odds."""
        X = self.matrix(frame)
        each = [np.asarray(_booster(t).predict(X, pred_contrib=True)) for t in self.boosters]
        mean: Floats = np.mean(each, axis=0).reshape(len(X), len(ROUTES), -1)
        return mean


@dataclass(frozen=True)
class RouteModel:
    """Four route probabilities.

    Attributes:
        alone: judge of targets without precursors; None where training knew fewer than two routes.
        given: judge of targets with precursors; None too where fewer than half of the training rows have them.
        prior: shares of the routes among training rows.
    """

    alone: Judge | None
    given: Judge | None
    prior: Floats

    def probabilities(self, frame: pl.DataFrame) -> Floats:
        """n x 4 for normalised rows with readable targets; rows sum to 1."""
        out = np.tile(self.prior, (frame.height, 1))
        for judge, rows in self._asked(frame):
            out[rows] = judge.probabilities(frame[rows.tolist()])
        return out

    def reasons(self, frame: pl.DataFrame, *, top: int = 5) -> list[list[tuple[str, float, float]]]:
        """Why each row's most probable route: (feature, its value, SHAP value), the weightiest first."""
        out: list[list[tuple[str, float, float]]] = [[] for _ in range(frame.height)]
        for judge, rows in self._asked(frame):
            part = frame[rows.tolist()]
            best = judge.probabilities(part).argmax(axis=1)
            shap, X, names = judge.contributions(part), judge.matrix(part), judge.names()
            for k, row in enumerate(rows):
                pushes = shap[k, best[k], :-1] - shap[k, :, :-1].mean(axis=0)
                order = np.argsort(-np.abs(pushes), kind="stable")[:top]
                out[row] = [(names[i], round(float(X[k, i]), 4), round(float(pushes[i]), 3)) for i in order]
        return out

    def _asked(self, frame: pl.DataFrame) -> list[tuple[Judge, Ints]]:
        if self.alone is None:
            return []
        known = frame["precursors"].list.len().fill_null(0).to_numpy() > 0
        if self.given is None:
            known &= False
        parts = ((self.alone, np.flatnonzero(~known)), (self.given or self.alone, np.flatnonzero(known)))
        return [(judge, rows) for judge, rows in parts if len(rows)]


@functools.lru_cache(maxsize=16)
def _booster(text: str) -> Any:
    import lightgbm

    return lightgbm.Booster(model_str=text)


def calibrated(p: Floats, scale: float) -> Floats:
    """Probabilities to the power of `scale`, normalised."""
    made = np.clip(p, 1e-6, 1) ** scale
    normal: Floats = made / made.sum(axis=1, keepdims=True)
    return normal


def fit(recipes: pl.DataFrame, *, seed: int) -> RouteModel:
    """Fits the route classifier on the normalised rows with a route."""
    known = recipes.filter(pl.col("route").is_not_null() & pl.col("target_key").is_not_null())
    codes = _codes(known)
    prior = np.bincount(codes, habits.votes(known), minlength=len(ROUTES)) + 0.5
    prior = prior / prior.sum()
    if len(np.unique(codes)) < 2:
        return RouteModel(None, None, prior)
    full = known.filter(pl.col("precursors").list.len() > 0)
    given = _judge(full, seed=seed, given=True) if 2 * full.height >= known.height else None
    return RouteModel(_judge(known, seed=seed, given=False), given, prior)


def _codes(frame: pl.DataFrame) -> Ints:
    return np.array([ROUTES.index(r) for r in frame["route"].to_list()], dtype=np.int64)


def _plain(frame: pl.DataFrame, encoder: features.Encoder | None) -> Singles:
    """The features that know nothing of routes."""
    parts = [route_features.target(frame["target"].to_list())]
    if encoder is not None:
        sets, names = frame["precursor_set"].to_list(), frame["precursors"].to_list()
        parts += [features.precursor_matrix(encoder, sets, names), route_features.precursors(frame)]
    return np.hstack(parts)


def _judge(frame: pl.DataFrame, *, seed: int, given: bool) -> Judge:
    """Trees on every row, calibrated by trees of the same kind that some targets and their papers are kept from."""
    large = frame.height >= LARGE
    encoder = features.fit(frame["precursor_set"].to_list()) if given else None
    X = _plain(frame, encoder)
    apart = splits.folds(frame, count=1 if large else 3, seed=seed, share=0.15 if large else None)
    held: list[tuple[Floats, Ints, Floats]] = []
    for train, test in apart:
        part = frame[test.tolist()]
        made = _trees(frame[train.tolist()], X[train], encoder, seed=seed, count=1)
        held.append((made.probabilities(part), _codes(part), habits.votes(part) ** 2))
    judge = _trees(frame, X, encoder, seed=seed, count=2)
    if not held:
        return judge
    p, y, w = (np.concatenate(c) for c in zip(*held, strict=True))
    return dataclasses.replace(judge, scale=calibration(p, y, w))


def _trees(frame: pl.DataFrame, X: Singles, encoder: features.Encoder | None, *, seed: int, count: int) -> Judge:
    """`count` boosters on the distinct recipes among the rows."""
    import lightgbm

    given = encoder is not None
    words, codes = route_features.words(frame, given=given), _codes(frame)
    same = frame.select("target_key", "route", *(["precursor_set"] if given else []))
    sets = same.with_columns(pl.col("precursor_set").list.join(";")) if given else same
    groups = sets.with_row_index().group_by(sets.columns, maintain_order=True).agg(pl.col("index").first(), pl.len())
    rows, weight = groups["index"].to_numpy(), 1 + np.log(groups["len"].to_numpy())
    told = [habits.described(words[g], frame, codes, seed=seed)[rows] for g in words]
    size = {"num_leaves": 47, "min_data_in_leaf": 10, "learning_rate": 0.05}
    rounds = 200
    if len(rows) < LARGE:
        size, rounds = {"num_leaves": 8, "min_data_in_leaf": max(2, len(rows) // 40), "learning_rate": 0.06}, 60
    data = lightgbm.Dataset(
        np.hstack([X[rows], *told]), codes[rows].astype(float), weight=weight, params={"verbosity": -1, "max_bin": 63}
    )
    texts = tuple(
        lightgbm.train({**TREES, **size, "num_threads": 1, "seed": seed + k}, data, rounds).model_to_string()
        for k in range(count)
    )
    cast = habits.votes(frame)
    return Judge(texts, {g: habits.learn(words[g], codes, cast) for g in words}, encoder)


def calibration(p: Floats, y: Ints, w: Floats) -> float:
    """The exponent with the least weighted log-loss, if that is less by more than chance makes it; else 1.

    (Tilts of the routes were tried: they follow the few large targets of a held-out part and calibrate worse on the
    next.)
    """
    rows = np.arange(len(y))

    def losses(scale: float) -> Floats:
        return np.asarray(-np.log(calibrated(p, scale)[rows, y]))

    best = float(min(np.exp(np.linspace(-1.0, 1.0, 81)), key=lambda s: np.average(losses(s), weights=w)))
    gain = losses(1.0) - losses(best)
    mean = np.average(gain, weights=w)
    error = np.sqrt(np.sum((w * (gain - mean)) ** 2)) / np.sum(w)
    return best if mean > SURE * error else 1.0
