"""Which ways of `top` are used and blended, and below what a prediction counts as the lowest value there is.

Both are chosen on held-out predictions of cross-validation over chemical systems, by mean absolute error.
"""

from dataclasses import dataclass

import numpy as np

from models.fidelity import top
from schemas.arrays import Floats, Ints

_TIES = 0.02  # share of rows on the lowest value from which on it is an atom
_LIMITS = 16


@dataclass(frozen=True)
class Floor:
    """The lowest value, on which many rows may lie, such as 0 of a gap.

    Attributes:
        value: minus infinity where few rows, or all, lie on the lowest.
        limits: predictions below count as the floor, where the base lies on it and where it does not.
    """

    value: float
    limits: tuple[float, float]

    @classmethod
    def of(cls, values: Floats, middle: Floats, base: Floats) -> "Floor":
        """The floor of n values and, from held-out predictions of them, its limits."""
        lowest = float(values.min())
        above = values[values > lowest]
        if (values == lowest).mean() < _TIES or not len(above):
            return cls(-np.inf, (-np.inf, -np.inf))
        tried = np.concatenate([[lowest], np.quantile(above, np.linspace(0, 0.4, _LIMITS))])
        limits = []
        for inside in (base <= lowest, ~(base <= lowest)):
            errors = [
                np.abs(np.where(middle[inside] < limit, lowest, middle[inside]) - values[inside]).sum()
                for limit in tried
            ]
            limits.append(float(tried[int(np.argmin(errors))]))
        return cls(lowest, (limits[0], limits[1]))

    def apply(self, middle: Floats, base: Floats) -> Floats:
        """Predictions of n rows, none below the floor."""
        limit = np.where(base <= self.value, *self.limits)
        return np.where(middle < limit, self.value, middle)


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Attributes:
        names: of the ways that are blended.
        parts: held-out predictions of each, k x n.
        middle: held-out predictions of the blend, n.
        floor: of the values.
        errors: mean absolute error of every blend that was tried.
    """

    names: tuple[str, ...]
    parts: Floats
    middle: Floats
    floor: Floor
    errors: dict[str, float]


def choose(
    seen: top.Seen,
    values: Floats,
    folds: Ints,
    *,
    names: tuple[str, ...],
    beside: top.Seen | None = None,
    trees: int = top.TREES,
    seed: int,
) -> Choice:
    """Compares the named ways and their blends on rows they did not learn from; `beside` as in `top.fit`."""
    held = {name: held_out(name, seen, values, folds, beside=beside, trees=trees, seed=seed) for name in names}
    found: dict[tuple[str, ...], tuple[float, Floor, Floats]] = {}
    for blend in (b for b in top.BLENDS if all(n in held for n in b)):
        middle = np.mean([held[n] for n in blend], axis=0)
        floor = Floor.of(values, middle, seen.base)
        middle = floor.apply(middle, seen.base)
        found[blend] = float(np.abs(middle - values).mean()), floor, middle
    chosen = min(found, key=lambda blend: found[blend][0])
    _, floor, middle = found[chosen]
    errors = {"+".join(blend): round(error, 4) for blend, (error, *_) in found.items()}
    return Choice(chosen, np.stack([held[n] for n in chosen]), middle, floor, errors)


def held_out(
    name: str, seen: top.Seen, values: Floats, folds: Ints, *, beside: top.Seen | None = None, trees: int, seed: int
) -> Floats:
    """Predictions of one way for rows it did not learn from, n."""
    found = np.full(len(values), np.nan)
    for fold in np.unique(folds):
        inside = folds == fold
        model = top.fit(name, seen.take(~inside), values[~inside], beside=beside, trees=trees, seed=seed)
        found[inside] = model.predict(seen.take(inside))
    return found
