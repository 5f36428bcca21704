"""The classifier itself: members pooled, probabilities calibrated, conformal sets, applicability domain.

Arrays in, arrays out; frames, labels and groups are read in `inputs`, single members are `members`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.screening import CLASSES, members
from models.screening.imputation import Imputer
from models.screening.inputs import STRUCTURE_FEATURES
from schemas.arrays import Floats, Ints
from schemas.errors import InputError

ALPHA = 0.1
PULL = 0.2
"""Of a calibration to the identity: what a few families say of their own bias says little of others."""


@dataclass(frozen=True)
class Effort:
    """How much is grown for one calibrated ensemble.

    Attributes:
        members: boosters of each view.
        folds: parts held out for its calibration.
        inner: boosters of each view in each of these folds.
    """

    members: int = 2
    folds: int = 5
    inner: int = 1


FULL = Effort()


@dataclass(frozen=True)
class Ensemble:
    """Members by view, pooled by the mean of their raw scores: a geometric mean of their probabilities.

    Attributes:
        names: of the features.
        imputer: gives what a row lacks of the structure features.
        views: the members of each view.
    """

    names: tuple[str, ...]
    imputer: Imputer
    views: tuple[tuple[members.Member, ...], ...]

    def filled(self, X: Floats) -> Floats:
        """X without missing values, see `complete`."""
        return complete(X, self.names, self.imputer)

    def scores(self, X: Floats) -> Floats:
        """Mean raw scores, n x classes; every view counts the same."""
        full = self.filled(X)
        return np.asarray(np.mean([np.mean([m.scores(full) for m in v], axis=0) for v in self.views], axis=0))

    def raw(self, X: Floats) -> Floats:
        """Uncalibrated class probabilities, n x classes."""
        return _softmax(self.scores(X))

    def shap(self, X: Floats, of: int) -> tuple[Floats, float]:
        """What each feature adds to the mean raw score of one class, n x d, and the score of no feature."""
        full = self.filled(X)
        told = [[m.shap(full, of) for m in v] for v in self.views]
        values = np.mean([np.mean([made for made, _ in v], axis=0) for v in told], axis=0)
        return np.asarray(values), float(np.mean([np.mean([base for _, base in v]) for v in told]))


def _softmax(z: Floats) -> Floats:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True), dtype=np.float64)


def _lacking(names: tuple[str, ...]) -> Ints:
    """Places of the features that can be missing, and of the few that tell which compounds resemble each other."""
    wanted = (*STRUCTURE_FEATURES, *members.ELECTRONS)
    return np.array([names.index(n) for n in wanted if n in names], dtype=np.int64)


def complete(X: Floats, names: tuple[str, ...], imputer: Imputer, rng: np.random.Generator | None = None) -> Floats:
    """X without missing values: structure features from compounds alike, 0 where a feature of ions has no ion to tell.

    Args:
        X: n x d.
        names: of the features.
        imputer: of the features of `_lacking`.
        rng: as `Imputer.filled` takes it.
    """
    places, out = _lacking(names), _without_ions(X, names)
    out[:, places] = imputer.filled(out[:, places], rng)
    return out


def _without_ions(X: Floats, names: tuple[str, ...]) -> Floats:
    """A copy of X with 0 where a feature of ions has no ion to tell, NaN where a structure feature is missing."""
    out = np.where(np.isfinite(X), X, np.nan)
    ions = np.array([n not in STRUCTURE_FEATURES for n in names])
    out[:, ions] = np.nan_to_num(out[:, ions])
    return out


def fit(
    X: Floats,
    y: Ints,
    names: tuple[str, ...],
    *,
    seed: int,
    size: int = FULL.members,
    only: Sequence[str] = (),
) -> Ensemble:
    """Fits the members of every view; each tree learns from missing values drawn anew.

    Args:
        X: n x d, NaN where missing.
        y: class codes.
        names: of the features.
        seed: of everything drawn.
        size: boosters of each view; there is one kernel, in which nothing is drawn but missing values.
        only: names of the views to fit; all that the features allow unless told.
    """
    rng = np.random.default_rng(seed)
    imputer = Imputer.of(_without_ions(X, names)[:, _lacking(names)])
    made = []
    for view in (v for v in members.views(names, len(y)) if not only or v.name in only):
        places = view.places(names)
        made.append(
            tuple(
                members.fit(view, places, complete(X, names, imputer, rng), y, seed=int(rng.integers(2**31)))
                for _ in range(1 if view.kernel else size)
            )
        )
    return Ensemble(names, imputer, tuple(made))


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


def out_of_fold(
    X: Floats, y: Ints, names: tuple[str, ...], groups: Sequence[str], *, seed: int, effort: Effort = FULL
) -> Floats:
    """Raw probabilities of each row from members that saw nothing of its group.

    Raises:
        InputError: as `splits`.
    """
    out = np.full((len(y), len(CLASSES)), 1 / len(CLASSES))
    for k, (train, test) in enumerate(splits(y, groups, folds=effort.folds, seed=seed)):
        out[test] = fit(X[train], y[train], names, seed=seed + k, size=effort.inner).raw(X[test])
    return out


@dataclass(frozen=True)
class Calibration:
    """Vector scaling (Guo et al., ICML 2017): softmax(slope * log p + bias), fitted on grouped out-of-fold rows."""

    slope: float
    bias: Floats

    def apply(self, raw: Floats) -> Floats:
        """Calibrated probabilities, rows sum to 1."""
        return _softmax(self.slope * np.log(np.clip(raw, 1e-6, 1)) + self.bias)


def calibrate(raw: Floats, y: Ints) -> Calibration:
    """Fits the calibration by penalised maximum likelihood (a weak pull to the identity keeps small data sane)."""
    from scipy.optimize import minimize

    def loss(theta: Floats) -> float:
        p = Calibration(float(np.exp(theta[0])), np.append(theta[1:], 0.0)).apply(raw)
        pull = PULL * np.sum(theta**2) / np.sqrt(len(y))
        return float(pull - np.mean(np.log(np.clip(p[np.arange(len(y)), y], 1e-9, 1))))

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
        pool: the ensemble, fitted on all rows.
        calibration: from held-out rows; the identity where none could be held out.
        limits: conformal limits, likewise; 1 (nothing is excluded) where none could be held out.
        held_out: calibrated probabilities of each row from members that saw nothing of its group, n x 3, or None.
    """

    pool: Ensemble
    calibration: Calibration
    limits: Floats
    held_out: Floats | None

    def probabilities(self, X: Floats) -> Floats:
        """Calibrated probabilities, n x 3."""
        return self.calibration.apply(self.pool.raw(X))


def fit_calibrated(
    X: Floats, y: Ints, names: tuple[str, ...], groups: Sequence[str], *, seed: int, effort: Effort = FULL
) -> Calibrated:
    """Fits the ensemble and calibrates it on grouped out-of-fold rows; both `train` and `evaluate` do just this."""
    pool = fit(X, y, names, seed=seed, size=effort.members)
    if fold_count(y, groups, folds=effort.folds) < 2:
        return Calibrated(pool, Calibration(1.0, np.zeros(len(CLASSES))), np.ones(len(CLASSES)), None)
    raw = out_of_fold(X, y, names, groups, seed=seed, effort=effort)
    calibration = calibrate(raw, y)
    held_out = calibration.apply(raw)
    return Calibrated(pool, calibration, conformal_limits(held_out, y), held_out)


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

    def distances(self, X: Floats) -> Floats:
        """The same to each training row, n x m; for few rows, since differences are taken one by one and exactly."""
        rows = _scaled(X, self.mean, self.scale)
        squared = np.array([((self.points - row) ** 2).mean(axis=1) for row in rows], dtype=np.float64)
        return np.asarray(np.sqrt(squared))


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
    """Root-mean-square distance to the nearest row, whose difference is taken exactly: a row is no way from itself."""
    found = [np.empty(0)]
    for i in range(0, len(a), batch):
        rows = a[i : i + batch]
        gap = rows - b[_squared(rows, b).argmin(axis=1)]
        found.append(np.sqrt(np.square(gap, dtype=np.float64).mean(axis=1)))
    return np.concatenate(found)
