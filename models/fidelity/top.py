"""Ways to predict the fidelity that counts from what is seen of a row; which one is used is chosen by cross-validation.

`alone` sees the composition only. `delta` learns the difference to the best known lower fidelity, `stack` the value
itself with all lower fidelities among the inputs, both by randomized trees whose median counts; `boost` does as
`stack` with absolute errors, by boosting. These points aim at the median, as half of all gaps may be exactly 0. In
tables of up to `latent.MOST` rows, `latent` also tries one Gaussian process over compositions and sources.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.boosting import regressor
from models.fidelity import latent
from schemas.arrays import Bools, Floats

MEMBERS = ("alone", "delta", "stack", "boost", "latent")
BLENDS: tuple[tuple[str, ...], ...] = (
    *((name,) for name in MEMBERS),
    ("stack", "boost"),
    ("delta", "boost"),
    ("delta", "stack", "boost"),
    ("delta", "latent"),
)
TREES = 120
FEWEST = 10  # rows of known composition from which on it is learned from
_HUGE = 1e30  # trees take single precision
_NOTHING = -99.0  # stands for a missing number where trees cannot take one


@dataclass(frozen=True)
class Seen:
    """What the members see of n rows.

    Attributes:
        features: of the composition, n x d.
        low: lower fidelities, filled where they can be predicted, with predictions and what is known, n x f.
        base: best known or predicted lower fidelity, n; NaN where there is none.
        told: lower fidelities that are known, one column each; NaN elsewhere.
    """

    features: Floats
    low: Floats
    base: Floats
    told: Floats

    @property
    def described(self) -> Bools:
        """Whether the composition of each row is known."""
        return np.asarray(np.isfinite(self.features).any(axis=1))

    def take(self, rows: Any) -> "Seen":
        """Some of the rows."""
        return Seen(self.features[rows], self.low[rows], self.base[rows], self.told[rows])


@dataclass(frozen=True)
class Member:
    """One fitted way; see the module.

    Attributes:
        name: of `MEMBERS`.
        model: what was fitted to rows whose composition is known; None without such rows.
        bare: what was fitted to the lower fidelities of all rows, for those of unknown composition; None where a table
            has none.
    """

    name: str
    model: Any
    bare: Any

    def predict(self, seen: Seen) -> Floats:
        """Medians of n rows."""
        found, known = _base(seen).copy(), seen.described
        if self.bare is not None and not known.all():
            found[~known] += self.bare.predict(seen.low[~known])
        if self.model is not None and known.any():
            found[known] = self._described(seen.take(known))
        return found

    def _described(self, seen: Seen) -> Floats:
        if self.name == "latent":
            return np.asarray(self.model.predict(_numbers(seen.features), seen.told))
        table = _table(self.name, seen)
        if self.name == "boost":
            return np.asarray(self.model.predict(table))
        exact = table.astype(np.float32)
        middle = np.median([tree.predict(exact) for tree in self.model.estimators_], axis=0)
        return np.asarray(middle + (_base(seen) if self.name == "delta" else 0.0))


def suited(seen: Seen, *, asked: bool = False) -> tuple[str, ...]:
    """The ways that a table of these rows allows; some take long, and are not tried unless they are asked for."""
    if not seen.low.shape[1]:
        return ("alone",)
    room = latent.ROOM if asked else latent.MOST
    small = len(seen.base) <= room and seen.described.sum() >= FEWEST
    return MEMBERS if small else tuple(name for name in MEMBERS if name != "latent")


def fit(name: str, seen: Seen, values: Floats, *, beside: Seen | None = None, trees: int = TREES, seed: int) -> Member:
    """Fits one way to n values, with so many randomized trees or four times as many boosted ones.

    Args:
        name: of the way.
        seen: n rows.
        values: n.
        beside: rows whose value is not known, of which `latent` learns too.
        trees: see above.
        seed: of everything random.
    """
    known, bare = seen.described, None
    if not known.all() and seen.low.shape[1]:
        bare = _booster(trees, seed, leaves=6, least=20).fit(seen.low, values - _base(seen))
    if known.sum() < FEWEST:
        return Member(name, None, bare)
    inside, told = seen.take(known), values[known]
    if name == "latent":
        return Member(name, _latent(inside, told, beside, seed), bare)
    table = _table(name, inside)
    if name == "boost":
        return Member(name, _booster(4 * trees, seed, leaves=24, least=8).fit(table, told), bare)
    from sklearn.ensemble import ExtraTreesRegressor

    forest = ExtraTreesRegressor(trees, max_features=0.35, random_state=seed)
    return Member(name, forest.fit(table, told - _base(inside) if name == "delta" else told), bare)


def _latent(seen: Seen, values: Floats, beside: Seen | None, seed: int) -> Any:
    more = seen.take(slice(0)) if beside is None else beside.take(beside.described)
    features = _numbers(np.concatenate([seen.features, more.features]))
    every = np.concatenate([values, np.full(len(more.base), np.nan)])
    return latent.fit(features, np.concatenate([seen.told, more.told]), every, seed=seed)


def _booster(rounds: int, seed: int, *, leaves: int, least: int) -> Any:
    return regressor(
        seed=seed,
        objective="l1",
        n_estimators=rounds,
        learning_rate=12 / rounds if rounds < 400 else 0.03,
        num_leaves=leaves,
        min_child_samples=least,
        colsample_bytree=0.25 if leaves > 8 else 1.0,
    )


def _table(name: str, seen: Seen) -> Floats:
    parts = [seen.features] if name == "alone" else [seen.features, seen.low]
    return np.nan_to_num(np.column_stack(parts), nan=_NOTHING).clip(-_HUGE, _HUGE)


def _numbers(features: Floats) -> Floats:
    return np.nan_to_num(features, nan=0.0).clip(-_HUGE, _HUGE)


def _base(seen: Seen) -> Floats:
    return np.nan_to_num(seen.base, nan=0.0)
