"""Joint distribution of sintering temperature and time given a target: forest-weighted kernels.

The leaves of a random forest say which training recipes are alike (Meinshausen, JMLR 7, 983 (2006)); kernels on those
recipes give a density that can have several modes, and samples that are near real recipes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from models.recipes import splits
from models.recipes.features import Singles
from schemas.arrays import Floats, Ints
from schemas.tables.recipes import HEATING_H, HEATING_K

PAIR = ("sinter_temperature_K", "sinter_time_h")
BIN_K, LEAST, TREES = 25.0, 12, 80
TIME_EDGES = np.log(np.array([0.2, 0.7, 1.5, 2.5, 3.5, 5, 7, 9, 11, 14, 18, 22, 30, 42, 60, 84, 120, 200]))
WIDTHS = ((15.0, 0.08), (30.0, 0.15), (50.0, 0.3), (80.0, 0.5))
FLOOR = 0.02


@dataclass(frozen=True)
class Density:
    """Forest, its training points and the kernel widths.

    Attributes:
        forest: scikit-learn forest; None where fewer than LEAST rows are known.
        leaves: leaf of each training row in each tree, n x trees.
        points: temperature (K) and log time (h) of the training rows, n x 2.
        weight: one vote a paper, n.
        widths: kernel widths in K and in log time, by held-out likelihood.
    """

    forest: Any
    fill: Floats
    leaves: Any
    points: Floats
    weight: Floats
    widths: tuple[float, float]

    def weights(self, X: Singles) -> Floats:
        """How much each training row counts for each of n rows, n x m, rows sum to 1."""
        if self.forest is None:
            total = max(float(self.weight.sum()), 1e-12)
            return np.tile(self.weight / total, (len(X), 1))
        asked = self.forest.apply(_filled(X, self.fill))
        out = np.zeros((len(X), len(self.points)))
        for t in range(self.leaves.shape[1]):
            same = (asked[:, t][:, None] == self.leaves[:, t][None, :]) * self.weight[None, :]
            total = same.sum(axis=1, keepdims=True)
            out += np.divide(same, total, out=np.zeros_like(same), where=total > 0)
        normal: Floats = out / np.maximum(out.sum(axis=1, keepdims=True), 1e-12)
        return normal

    def sample(self, X: Singles, count: int, seed: int) -> Floats:
        """Samples (temperature in K, time in h) for each row, n x count x 2."""
        rng = np.random.default_rng(seed)
        if not len(self.points):
            return np.full((len(X), count, 2), np.nan)
        out = np.empty((len(X), count, 2))
        for i, w in enumerate(self.weights(X)):
            drawn = self.points[rng.choice(len(w), count, p=w / w.sum())]
            out[i] = drawn + rng.normal(size=(count, 2)) * np.array(self.widths)
        out[..., 0] = np.clip(out[..., 0], *HEATING_K)
        out[..., 1] = np.clip(np.exp(out[..., 1]), *HEATING_H)
        return out

    def negative_log_likelihood(self, X: Singles, points: Floats) -> Floats:
        """Mass of the bin (25 K x log-time bin) that each point falls in, n; values sit on round numbers."""
        out = []
        for i in range(0, len(X), 500):
            out.append(_bin_nll(self.weights(X[i : i + 500]), self.points, points[i : i + 500], self.widths))
        return np.concatenate(out) if out else np.empty(0)


def _filled(X: Singles, fill: Floats) -> Singles:
    return np.where(np.isfinite(X), X, fill).astype(np.float32)


def _bin_nll(weights: Floats, centres: Floats, points: Floats, widths: tuple[float, float]) -> Floats:
    from scipy.stats import norm

    low = np.floor(points[:, 0] / BIN_K) * BIN_K
    place = np.clip(np.searchsorted(TIME_EDGES, points[:, 1], side="right") - 1, 0, len(TIME_EDGES) - 2)
    a = norm.cdf((low[:, None] + BIN_K - centres[None, :, 0]) / widths[0]) - norm.cdf(
        (low[:, None] - centres[None, :, 0]) / widths[0]
    )
    ends = (TIME_EDGES[place + 1][:, None] - centres[None, :, 1]) / widths[1]
    starts = (TIME_EDGES[place][:, None] - centres[None, :, 1]) / widths[1]
    mass = (weights * a * (norm.cdf(ends) - norm.cdf(starts))).sum(axis=1)
    bins = (HEATING_K[1] - HEATING_K[0]) / BIN_K * (len(TIME_EDGES) - 1)
    nll: Floats = -np.log((1 - FLOOR) * mass + FLOOR / bins)
    return nll


def known_pairs(frame: pl.DataFrame) -> tuple[Ints, Floats]:
    """Rows with temperature and time, and their points (K, log h)."""
    rows = np.flatnonzero((frame[PAIR[0]].is_not_null() & frame[PAIR[1]].is_not_null()).to_numpy()).astype(np.int64)
    part = frame[rows.tolist()]
    points = (
        np.column_stack([part[PAIR[0]].to_numpy(), np.log(part[PAIR[1]].to_numpy())]) if len(rows) else np.empty((0, 2))
    )
    return rows, points


def fit(X: Singles, frame: pl.DataFrame, *, seed: int) -> Density:
    """Fits forest and kernel widths; without sintering pairs the density is empty, with few it ignores the target."""
    rows, points = known_pairs(frame)
    part = frame[rows.tolist()]
    weight = splits.paper_weights(splits.papers(part)) if len(rows) else np.empty(0)
    empty = np.zeros(X.shape[1])
    if len(rows) < LEAST:
        return Density(None, empty, np.empty((0, 0)), points, weight, WIDTHS[2])
    Z = X[rows]
    fill = np.array([float(np.median(c[np.isfinite(c)])) if np.isfinite(c).any() else 0.0 for c in Z.T])
    held = next(iter(splits.folds(part, count=4, seed=seed)), None)
    widths = WIDTHS[2]
    if held is not None and len(held[0]) >= LEAST:
        train, test = held[0], held[1][:600]
        trial = _grow(Z[train], points[train], weight[train], fill, WIDTHS[0], seed, trees=30)
        w = trial.weights(Z[test])
        losses = [float(_bin_nll(w, points[train], points[test], pair).mean()) for pair in WIDTHS]
        widths = WIDTHS[int(np.argmin(losses))]
    return _grow(Z, points, weight, fill, widths, seed, trees=TREES)


def _grow(
    Z: Singles, points: Floats, weight: Floats, fill: Floats, widths: tuple[float, float], seed: int, *, trees: int
) -> Density:
    from sklearn.ensemble import RandomForestRegressor

    scaled = (points - points.mean(axis=0)) / np.maximum(points.std(axis=0), 1e-9)
    forest = RandomForestRegressor(trees, min_samples_leaf=5, max_features=0.25, n_jobs=2, random_state=seed)
    full = _filled(Z, fill)
    forest.fit(full, scaled, sample_weight=weight)
    forest.n_jobs = 1
    return Density(forest, fill, forest.apply(full), points, weight, widths)
