"""The members of the ensemble: boosted trees and kernels, each on columns of its own, so that they err differently.

Which there are is `views`; how they are pooled and calibrated is `ensemble`. Every member gives raw scores, one a class
up to a constant, and says what each feature adds to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from etl.features.charge import EXTENDED
from etl.features.composition import MAGPIE
from etl.features.leading import LEADING
from models.screening import CLASSES
from models.screening.inputs import STRUCTURE_FEATURES
from schemas.arrays import Floats, Ints

MANY = 2000
"""Rows from which on trees may see every feature at once; with fewer they would learn families by heart."""
PARAMETERS: Mapping[str, Any] = {
    "objective": "multiclass",
    "num_class": len(CLASSES),
    "learning_rate": 0.05,
    "num_leaves": 8,
    "min_data_in_leaf": 4,
    "feature_fraction": 0.12,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 255,
    "num_threads": 1,  # a few hundred rows: threads give the same trees and wait for each other ten times as long
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
ELECTRONS = (
    "tm_oxidation_mean",
    "tm_oxidation_fraction",
    "d_count_mean",
    "d_count_odd",
    "tm_fraction",
    "oxygen_fraction",
)
_CHARGE = tuple(n for n in EXTENDED if n not in {"charge_balanced", "charge_residual_per_atom"})
_SPREADS = tuple(
    f"MagpieData {n}" for n in ("avg_dev Electronegativity", "range MendeleevNumber", "avg_dev CovalentRadius")
)
_AVERAGES = tuple(n for n in MAGPIE if n.startswith(("MagpieData mean ", "MagpieData avg_dev ")))


@dataclass(frozen=True)
class Shape:
    """What a kernel is like.

    Attributes:
        power: 1 decays with the sum of distances over features (Laplace), 2 with that of their squares (Gauss).
        width: of the exponent, over all features.
        ranked: features are brought to normal shape by their ranks, else only to mean 0 and deviation 1.
    """

    power: int
    width: float
    ranked: bool = True


@dataclass(frozen=True)
class View:
    """What one kind of member sees, and how it learns.

    Attributes:
        name: for the model card.
        columns: features beside those of the structure, or, where none is known, beside the three spreads; a kernel
            without any then takes the averages of the elements.
        kernel: a kernel in the place of trees.
        rounds: trees a class.
        parameters: what differs from `PARAMETERS`.
    """

    name: str
    columns: tuple[str, ...] = ()
    kernel: Shape | None = None
    rounds: int = 160
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def places(self, names: tuple[str, ...]) -> Ints:
        """Places of its features among those that a matrix has."""
        own = _AVERAGES if self.kernel and not self.columns else _SPREADS
        base = STRUCTURE_FEATURES if _structured(names) else own
        wanted = dict.fromkeys((*base, *self.columns))
        return np.array([names.index(n) for n in wanted if n in names], dtype=np.int64)


_KERNELS = (
    View("kernel of ranks", kernel=Shape(power=1, width=0.25)),
    View("kernel of values", kernel=Shape(power=1, width=0.5, ranked=False)),
)
STRUCTURES = (
    View("charge", _CHARGE),
    View("charge, small trees", _CHARGE, rounds=200, parameters={"num_leaves": 5}),
    *_KERNELS,
)
"""Where structures are known: kernels of the ten features carry over to new families better than trees do."""
TEN = (View("structure", parameters={"extra_trees": True, "feature_fraction": 0.25}), *_KERNELS)
"""Where nothing else is known of them."""
FORMULAS = (
    View("electrons", ELECTRONS),
    View("charge", _CHARGE),
    View("leading ions", (*ELECTRONS, *LEADING), parameters={"extra_trees": True}),
    View("kernel of averages", kernel=Shape(power=2, width=0.6)),
    View("kernel of ions", (*ELECTRONS, *LEADING), kernel=Shape(power=1, width=1.0, ranked=False)),
)
_ALL = (*MAGPIE, *EXTENDED, *LEADING)
MANY_ROWS = (
    View("everything", _ALL, rounds=400, parameters={"num_leaves": 31}),
    View("everything at random", _ALL, rounds=600, parameters={"num_leaves": 31, "extra_trees": True}),
)


def views(names: tuple[str, ...], rows: int) -> tuple[View, ...]:
    """The views that features allow; those that would see nothing, or nothing but what another sees, are left out.

    Args:
        names: of the features.
        rows: how many there are to learn from.
    """
    few = FORMULAS if not _structured(names) else TEN if set(_CHARGE).isdisjoint(names) else STRUCTURES
    able = [v for v in (few if rows < MANY else MANY_ROWS) if len(v.places(names))]
    return tuple({(v.kernel, v.rounds, tuple(v.places(names)), tuple(v.parameters.items())): v for v in able}.values())


def _structured(names: tuple[str, ...]) -> bool:
    """Whether features of the structure are among those of a matrix, be it that one is left out on purpose."""
    return not set(STRUCTURE_FEATURES).isdisjoint(names)


def balanced(y: Ints) -> Floats:
    """Weights under which each class counts the same, mean 1."""
    counts = np.bincount(y, minlength=len(CLASSES))
    weights: Floats = (len(y) / (np.maximum(counts, 1) * max(1, np.count_nonzero(counts))))[y]
    return weights


@dataclass(frozen=True)
class Trees:
    """One LightGBM booster, which goes to disk as LightGBM's own text.

    Attributes:
        places: of its features.
        booster: the booster.
    """

    places: Ints
    booster: Any

    @classmethod
    def fit(cls, view: View, places: Ints, X: Floats, y: Ints, seed: int) -> "Trees":
        """Grows a booster with balanced class weights on the columns of a view."""
        import lightgbm

        settings = {**PARAMETERS, **view.parameters, "seed": seed}
        data = lightgbm.Dataset(X[:, places], y, weight=balanced(y), params={"verbosity": -1}, free_raw_data=True)
        grown = lightgbm.train(settings, data, num_boost_round=view.rounds, keep_training_booster=True)
        return cls(places, grown.free_dataset())

    def scores(self, X: Floats) -> Floats:
        """Raw scores, n x classes."""
        return np.asarray(self.booster.predict(X[:, self.places], raw_score=True), dtype=np.float64)

    def shap(self, X: Floats, of: int) -> tuple[Floats, float]:
        """Exact TreeSHAP values of the raw score of one class, n x d, and their base."""
        width = len(self.places) + 1
        told = self.booster.predict(X[:, self.places], pred_contrib=True).reshape(len(X), len(CLASSES), width)[:, of]
        made = np.zeros(X.shape)
        made[:, self.places] = told[:, :-1]
        return made, float(told[0, -1]) if len(X) else 0.0


@dataclass(frozen=True)
class Kernel:
    """Kernel ridge regression on the classes.

    Attributes:
        places: of its features.
        shape: of the kernel.
        scaler: scikit-learn's transformer that brings features to one scale.
        points: n x d training rows, transformed.
        weights: n x classes.
    """

    places: Ints
    shape: Shape
    scaler: Any
    points: Floats
    weights: Floats

    RIDGE, SCALE, LIMIT = 0.3, 3.0, 2.5

    @classmethod
    def fit(cls, view: View, places: Ints, X: Floats, y: Ints, seed: int) -> "Kernel":
        """Solves for the weights; classes count the same. Nothing is drawn."""
        from sklearn.preprocessing import QuantileTransformer, StandardScaler

        del seed
        assert view.kernel is not None
        ranks = QuantileTransformer(n_quantiles=min(100, len(X)), output_distribution="normal")
        scaler = (ranks if view.kernel.ranked else StandardScaler()).fit(X[:, places])
        made = cls(places, view.kernel, scaler, np.empty((0, len(places))), np.empty(0))
        points = made._transformed(X)
        made = replace(made, points=points)
        targets = np.eye(len(CLASSES))[y] - 1 / len(CLASSES)
        weights = np.linalg.solve(made._gram(points) + cls.RIDGE * np.diag(1 / balanced(y)), targets)
        return replace(made, weights=cls.SCALE * weights)

    def _transformed(self, X: Floats) -> Floats:
        scaled = self.scaler.transform(X[:, self.places])
        return np.asarray(np.clip(scaled, -self.LIMIT, self.LIMIT), dtype=np.float64)

    def _gram(self, rows: Floats) -> Floats:
        """The kernel of each row and each training row, n x m."""
        if self.shape.power == 2:
            squared = (rows**2).sum(axis=1)[:, None] + (self.points**2).sum(axis=1) - 2 * rows @ self.points.T
            far = np.maximum(squared, 0.0)
        else:
            far = np.zeros((len(rows), len(self.points)))
            for own, known in zip(rows.T, self.points.T, strict=True):
                far += np.abs(own[:, None] - known)
        return np.asarray(np.exp(-self.shape.width / rows.shape[1] * far), dtype=np.float64)

    def scores(self, X: Floats) -> Floats:
        """Raw scores, n x classes."""
        return self._gram(self._transformed(X)) @ self.weights

    def shap(self, X: Floats, of: int) -> tuple[Floats, float]:
        """Shapley values of the raw score of one class, n x d, and their base; features taken as independent.

        The kernel is a product over features, so that the sum over subsets is an integral of a polynomial, which
        Gauss-Legendre quadrature gives exactly: phi_j = sum_i a_i (k_ij - b_ij) int_0^1 prod_(l != j) (t k_il +
        (1 - t) b_il) dt, where b is the mean of k over the training rows.
        """
        from scipy.special import roots_legendre

        own, gamma, power = self._transformed(X), self.shape.width / self.points.shape[1], self.shape.power
        mean = np.exp(-gamma * np.abs(self.points[:, None, :] - self.points[None]) ** power).mean(axis=0)  # points x d
        nodes, shares = roots_legendre(self.points.shape[1] // 2 + 1)
        made = np.zeros(X.shape)
        for row, point in enumerate(own):
            k = np.exp(-gamma * np.abs(point - self.points) ** power)
            total = np.zeros_like(k)
            for node, share in zip((nodes + 1) / 2, shares / 2, strict=True):
                mixed = node * k + (1 - node) * mean
                total += share * mixed.prod(axis=1, keepdims=True) / mixed
            made[row, self.places] = self.weights[:, of] @ ((k - mean) * total)
        return made, float(self.weights[:, of] @ mean.prod(axis=1))


Member = Trees | Kernel


def fit(view: View, places: Ints, X: Floats, y: Ints, *, seed: int) -> Member:
    """A member of a view, fitted on rows without missing values."""
    return (Kernel if view.kernel else Trees).fit(view, places, X, y, seed)
