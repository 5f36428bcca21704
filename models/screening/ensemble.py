"""The classifier itself: bagged LightGBM, probability calibration, conformal sets, applicability domain.

Arrays in, arrays out; frames, labels and groups are read in `inputs`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.screening import CLASSES
from models.screening.inputs import Floats, Ints
from schemas.errors import InputError

ROUNDS = 160
ALPHA = 0.1
PARAMETERS: dict[str, Any] = {
    "objective": "multiclass",
    "num_class": len(CLASSES),
    "learning_rate": 0.05,
    "num_leaves": 8,
    "min_data_in_leaf": 4,
    "feature_fraction": 0.25,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 63,
    "num_threads": 1,  # a few hundred rows: threads give the same trees and wait for each other ten times as long
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Effort:
    """How much is grown for one calibrated ensemble.

    Attributes:
        members: boosters of the ensemble.
        folds: parts held out for its calibration.
        inner: boosters of each of these folds.
    """

    members: int = 6
    folds: int = 5
    inner: int = 2


FULL = Effort()


@dataclass(frozen=True)
class Ensemble:
    """Bagged boosters, stored as LightGBM's own text so that a model folder outlives Python objects.

    Attributes:
        texts: one booster each.
        fill: median of each feature, used where a value is missing.
    """

    texts: tuple[str, ...]
    fill: Floats

    def boosters(self) -> list[Any]:
        """The boosters, parsed."""
        import lightgbm

        return [lightgbm.Booster(model_str=t) for t in self.texts]

    def filled(self, X: Floats) -> Floats:
        """X with missing values replaced by the training medians."""
        return np.where(np.isfinite(X), X, self.fill)

    def raw(self, X: Floats, boosters: list[Any] | None = None) -> Floats:
        """Uncalibrated class probabilities, n x 3: the mean over members."""
        full = self.filled(X)
        return np.asarray(np.mean([b.predict(full) for b in boosters or self.boosters()], axis=0), dtype=np.float64)


def fit(X: Floats, y: Ints, *, seed: int, members: int = FULL.members) -> Ensemble:
    """Fits the ensemble; see `_grown`."""
    boosters, fill = _grown(X, y, seed=seed, members=members)
    return Ensemble(tuple(b.model_to_string() for b in boosters), fill)


def _grown(X: Floats, y: Ints, *, seed: int, members: int) -> tuple[list[Any], Floats]:
    """Boosters with balanced class weights, and the median of each feature.

    Missing values are drawn anew for each member from the values present (hot deck), so that being missing carries
    no information: in the published data a feature is missing more often for non-MIT compounds.
    """
    import lightgbm

    rng = np.random.default_rng(seed)
    counts = np.bincount(y, minlength=len(CLASSES))
    weight = (len(y) / (np.maximum(counts, 1) * max(1, np.count_nonzero(counts))))[y]
    fill = np.array([float(np.median(c[np.isfinite(c)])) if np.isfinite(c).any() else 0.0 for c in X.T])
    boosters = []
    for _ in range(members):
        data = lightgbm.Dataset(
            _hot_deck(X, rng), y, weight=weight, params={"verbosity": -1, "max_bin": 63}, free_raw_data=True
        )
        seeded = {**PARAMETERS, "seed": int(rng.integers(2**31))}
        boosters.append(lightgbm.train(seeded, data, num_boost_round=ROUNDS))
    return boosters, fill


def _hot_deck(X: Floats, rng: np.random.Generator) -> Floats:
    out = X.copy()
    for j in np.flatnonzero(~np.isfinite(X).all(axis=0)):
        gone = ~np.isfinite(X[:, j])
        pool = X[~gone, j]
        out[gone, j] = rng.choice(pool, gone.sum()) if len(pool) else 0.0
    return out


def fold_count(y: Ints, groups: Sequence[str], *, folds: int) -> int:
    """Folds that can be held out: at most `folds`, and the groups of the class that lies in fewest.

    Below 2 nothing can be held out: a class of one group (or row) is either learned or tested.
    """
    return min(folds, *_spread(y, groups).values())


def _spread(y: Ints, groups: Sequence[str]) -> dict[str, int]:
    """In how many groups each class lies."""
    held = {(int(k), str(g)) for k, g in zip(y, groups, strict=True)}
    return {CLASSES[c]: sum(k == c for k, _ in held) for c in sorted({k for k, _ in held})}


def splits(y: Ints, groups: Sequence[str], *, folds: int, seed: int) -> Iterator[tuple[Ints, Ints]]:
    """Train and test rows of stratified folds that keep each group whole; fewer folds where groups are few.

    Raises:
        InputError: a class lies in one group only, so that no fold can be held out.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    count = fold_count(y, groups, folds=folds)
    if count < 2:
        alone = ", ".join(c for c, n in _spread(y, groups).items() if n < 2)
        raise InputError.of(
            f"class {alone} in one group only",
            "the labelled table",
            "give every class rows of at least 2 groups, or choose another grouping",
        )
    splitter = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=seed)
    for train, test in splitter.split(np.zeros((len(y), 1)), y, np.asarray(groups, dtype=object).astype(str)):
        if len(test) and len(train):
            yield train, test


def out_of_fold(X: Floats, y: Ints, groups: Sequence[str], *, seed: int, effort: Effort = FULL) -> Floats:
    """Raw probabilities of each row from members that saw nothing of its group.

    Raises:
        InputError: as `splits`.
    """
    out = np.full((len(y), len(CLASSES)), 1 / len(CLASSES))
    for k, (train, test) in enumerate(splits(y, groups, folds=effort.folds, seed=seed)):
        boosters, fill = _grown(X[train], y[train], seed=seed + k, members=effort.inner)
        out[test] = Ensemble((), fill).raw(X[test], boosters)
    return out


@dataclass(frozen=True)
class Calibration:
    """Vector scaling (Guo et al., ICML 2017): softmax(slope * log p + bias), fitted on grouped out-of-fold rows."""

    slope: float
    bias: Floats

    def apply(self, raw: Floats) -> Floats:
        """Calibrated probabilities, rows sum to 1."""
        z = self.slope * np.log(np.clip(raw, 1e-6, 1)) + self.bias
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(e / e.sum(axis=1, keepdims=True), dtype=np.float64)


def calibrate(raw: Floats, y: Ints) -> Calibration:
    """Fits the calibration by penalised maximum likelihood (a weak pull to the identity keeps small data sane)."""
    from scipy.optimize import minimize

    def loss(theta: Floats) -> float:
        p = Calibration(float(np.exp(theta[0])), np.append(theta[1:], 0.0)).apply(raw)
        pull = 0.02 * float(np.sum(theta**2))
        return float(-np.mean(np.log(np.clip(p[np.arange(len(y)), y], 1e-9, 1))) + pull / np.sqrt(len(y)))

    best = minimize(loss, np.zeros(len(CLASSES)), method="L-BFGS-B", bounds=[(-2, 2)] + [(-4, 4)] * (len(CLASSES) - 1))
    return Calibration(float(np.exp(best.x[0])), np.append(best.x[1:], 0.0))


def conformal_limits(p: Floats, y: Ints, *, alpha: float = ALPHA) -> Floats:
    """Per class, the largest 1 - p that still enters the set (split conformal, class-conditional).

    Vovk et al. (2005), section 4.5: coverage 1 - alpha within each class on exchangeable groups.
    """
    limits = np.ones(p.shape[1])
    for k in range(p.shape[1]):
        score = np.sort(1 - p[y == k, k])
        rank = int(np.ceil((len(score) + 1) * (1 - alpha)))
        limits[k] = score[rank - 1] if 0 < rank <= len(score) else 1.0
    return limits


@dataclass(frozen=True)
class Calibrated:
    """An ensemble whose probabilities and conformal limits come from rows it held out.

    Attributes:
        trees: the ensemble, fitted on all rows.
        calibration: from held-out rows; the identity where none could be held out.
        limits: conformal limits, likewise; 1 (nothing is excluded) where none could be held out.
        held_out: calibrated probabilities of each row from members that saw nothing of its group, n x 3, or None.
    """

    trees: Ensemble
    calibration: Calibration
    limits: Floats
    held_out: Floats | None

    def probabilities(self, X: Floats, boosters: list[Any] | None = None) -> Floats:
        """Calibrated probabilities, n x 3."""
        return self.calibration.apply(self.trees.raw(X, boosters))


def fit_calibrated(X: Floats, y: Ints, groups: Sequence[str], *, seed: int, effort: Effort = FULL) -> Calibrated:
    """Fits the ensemble and calibrates it on grouped out-of-fold rows; both `train` and `evaluate` do just this."""
    trees = fit(X, y, seed=seed, members=effort.members)
    if fold_count(y, groups, folds=effort.folds) < 2:
        return Calibrated(trees, Calibration(1.0, np.zeros(len(CLASSES))), np.ones(len(CLASSES)), None)
    raw = out_of_fold(X, y, groups, seed=seed, effort=effort)
    calibration = calibrate(raw, y)
    held_out = calibration.apply(raw)
    return Calibrated(trees, calibration, conformal_limits(held_out, y), held_out)


def conformal_sets(p: Floats, limits: Floats) -> list[list[str]]:
    """Label sets; never empty: the most likely class is always in."""
    inside = (1 - p) <= limits + 1e-12
    inside[np.arange(len(p)), p.argmax(axis=1)] = True
    table = {m: [c for k, c in enumerate(CLASSES) if m >> k & 1] for m in range(2 ** len(CLASSES))}
    codes = inside @ (1 << np.arange(len(CLASSES)))
    return [table[int(c)] for c in codes]


@dataclass(frozen=True)
class Domain:
    """Where the model has seen anything similar: distance to the nearest training row in scaled feature space.

    Attributes:
        mean, scale: of each feature over the training rows.
        points: scaled training rows, n x d, float32.
        limit: 95th percentile of the distance from a row to the nearest row of another group.
    """

    mean: Floats
    scale: Floats
    points: Any
    limit: float

    def distance(self, X: Floats) -> Floats:
        """Root-mean-square scaled distance to the nearest training row, n."""
        return _nearest(_scaled(X, self.mean, self.scale), self.points)


def fit_domain(X: Floats, groups: Sequence[str]) -> Domain:
    """Learns the domain from training rows; the limit comes from distances across groups."""
    seen = np.where(np.isfinite(X), X, np.nan)
    mean = np.array([float(np.mean(c[np.isfinite(c)])) if np.isfinite(c).any() else 0.0 for c in seen.T])
    scale = np.array([float(np.std(c[np.isfinite(c)])) if np.isfinite(c).any() else 1.0 for c in seen.T])
    scale = np.where(scale > 1e-12, scale, 1.0)
    points = _scaled(X, mean, scale)
    gap = np.sqrt(np.maximum(_squared(points, points), 0) / points.shape[1])
    code = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)[1]
    gap[code[:, None] == code[None, :]] = np.inf
    nearest = gap.min(axis=1)
    nearest = nearest[np.isfinite(nearest)]
    return Domain(mean, scale, points, float(np.quantile(nearest, 0.95)) if len(nearest) else float("inf"))


def _scaled(X: Floats, mean: Floats, scale: Floats) -> Any:
    # Clipped: one absurd value must not make every distance meaningless.
    z = np.where(np.isfinite(X), (X - mean) / scale, 0.0)
    return np.clip(z, -10, 10).astype(np.float32)


def _squared(a: Any, b: Any) -> Floats:
    product = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
    return np.asarray(product, dtype=np.float64)


def _nearest(a: Any, b: Any, batch: int = 20_000) -> Floats:
    parts = [_squared(a[i : i + batch], b).min(axis=1) for i in range(0, len(a), batch)]
    least = np.concatenate(parts) if parts else np.empty(0)
    distance: Floats = np.sqrt(np.maximum(least, 0) / a.shape[1])
    return distance
