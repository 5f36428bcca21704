"""Route classifier: four calibrated probabilities from the target, with or without precursors.

Rows weigh 1 / rows of their paper. Rounds are chosen and probabilities calibrated on papers that the trees did not see.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from models.recipes import ROUTES, features, splits
from models.recipes.conditions import LARGE, boost, holdouts, run
from schemas.arrays import Floats, Ints

HIDDEN = 0.35


@dataclass(frozen=True)
class RouteModel:
    """Four route probabilities.

    Attributes:
        text: the booster; None where training knew fewer than two routes.
        temperature: exponent that calibrates (Guo et al., ICML 2017).
        prior: shares of the routes among training papers.
        seen: index into ROUTES of the booster's classes.
        encoder: of the features.
    """

    text: str | None
    temperature: float
    prior: Floats
    seen: tuple[int, ...]
    encoder: features.Encoder

    def probabilities(self, frame: pl.DataFrame) -> Floats:
        """n x 4 for normalised rows with readable targets; rows sum to 1."""
        if self.text is None or not frame.height:
            return np.tile(self.prior, (frame.height, 1))
        out = np.full((frame.height, len(ROUTES)), 1e-4)
        out[:, list(self.seen)] = _sharpen(run(self.text, features.matrix(self.encoder, frame)), self.temperature)
        normal: Floats = out / out.sum(axis=1, keepdims=True)
        return normal


def _sharpen(p: Floats, temperature: float) -> Floats:
    powered = np.clip(p, 1e-6, 1) ** temperature
    sharp: Floats = powered / powered.sum(axis=1, keepdims=True)
    return sharp


def fit(recipes: pl.DataFrame, *, seed: int) -> RouteModel:
    """Fits the route classifier on the normalised rows with a route; precursors are hidden from a share of them."""
    hide = np.array([splits.bucket(f"{p}|{i}", seed + 7) < HIDDEN for i, p in enumerate(splits.papers(recipes))])
    known = np.flatnonzero(recipes["route"].is_not_null().to_numpy())
    encoder = features.fit(recipes["precursor_set"].to_list())
    if not len(known):
        return RouteModel(None, 1.0, np.full(len(ROUTES), 1 / len(ROUTES)), (), encoder)
    frame = recipes[known.tolist()]
    X = features.matrix(encoder, frame, hide=hide[known])
    names = frame["route"].to_list()
    weight = splits.paper_weights(splits.papers(frame))
    codes = np.array([ROUTES.index(r) for r in names], dtype=np.int64)
    prior = np.bincount(codes, weight, minlength=len(ROUTES)) + 0.5
    prior = prior / prior.sum()
    seen = tuple(int(c) for c in np.unique(codes))
    if len(seen) < 2:
        return RouteModel(None, 1.0, prior, seen, encoder)
    y = np.searchsorted(np.array(seen), codes).astype(float)
    # Square-root class weights: rare routes are heard, probabilities stay near the shares met in the literature.
    weight = weight / np.sqrt(prior[codes])
    weight = weight / weight.mean()
    objective: dict[str, Any] = {"objective": "multiclass", "num_class": len(seen)}
    if frame.height >= LARGE:
        # Four trees a round: fewer, faster rounds keep training on a laptop under two minutes.
        objective |= {"num_leaves": 31, "learning_rate": 0.18, "feature_fraction": 0.25}
    text: str | None = None
    rounds: list[int] = []
    held_p: list[Floats] = []
    held_y: list[Floats] = []
    for train, test in holdouts(frame, seed):
        watch = (X[test], y[test], weight[test])
        text, used = boost(X[train], y[train], weight[train], objective, seed=seed, watch=watch)
        rounds.append(used)
        held_p.append(run(text, X[test]))
        held_y.append(y[test])
    # The splits choose rounds and calibrate; the trees that are kept learn from every row.
    text, _ = boost(X, y, weight, objective, seed=seed, rounds=max(10, int(np.median(rounds or [40]))))
    if not held_p:
        return RouteModel(text, 1.0, prior, seen, encoder)
    temperature = _temperature(np.concatenate(held_p), np.concatenate(held_y).astype(np.int64))
    return RouteModel(text, temperature, prior, seen, encoder)


def _temperature(p: Floats, y: Ints) -> float:
    grid = np.exp(np.linspace(-1.2, 1.0, 45))
    losses = [-np.mean(np.log(_sharpen(p, t)[np.arange(len(y)), y])) for t in grid]
    return float(grid[int(np.argmin(losses))])
