"""How far predicted transition temperatures are off: compounds, or whole families, left out, beside plain baselines.

Kernel parameters are drawn again without the rows of a fold, and no row left out is among those that predict it. With
as many folds as rows the parameters, too, are of all the other rows.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.screening import warped
from schemas.arrays import Floats, Ints

FOLDS = 10
SERIES = 3
"""Families of at least so many compounds are told one by one."""
LEVEL = 0.8
_BOOTSTRAPS = 2000


def scores(
    X: Floats, t: Floats, radius: Floats, families: Sequence[str], wide: Sequence[str], *, seed: int, folds: int
) -> dict[str, Any]:
    """Errors in K with one compound left out, by family, and with a family left out.

    Args:
        X: descriptors of n compounds.
        t: their temperatures, K.
        radius: of the cations between the metals, by which a series is ordered; within one, the tolerance factor is
            linear in it.
        families: by which errors are told and baselines made: chemical systems with rare earths merged.
        wide: those left out whole: transition metals and anions.
        seed: of the draws and of the bootstrap.
        folds: for how many parts of the rows kernel parameters are drawn.
    """
    keys = np.asarray(families, dtype=object).astype(str)
    one = _left_out(X, t, [np.array([i]) for i in range(len(t))], seed, folds)
    lines = {
        "mean": _each(t, lambda i, rest: float(t[rest].mean())),
        "family_mean": _each(t, lambda i, rest: _family_fit(i, rest, t, radius, keys, 0)),
        "line": _each(t, lambda i, rest: _family_fit(i, rest, t, radius, keys, 1)),
        "quadratic": _each(t, lambda i, rest: _family_fit(i, rest, t, radius, keys, 2)),
    }
    return {
        "protocol": f"leave one out, kernel parameters drawn without each of {min(folds, len(t))} parts",
        "n": len(t),
        **_summary(one, t, keys, seed),
        **{f"mae_{name}_K": round(float(np.abs(p - t).mean()), 2) for name, p in lines.items()},
        "families": _by_family(one.quantile(0.5), lines, t, keys),
        "leave_family_out": _whole_families(X, t, wide, seed, folds),
    }


def _whole_families(X: Floats, t: Floats, wide: Sequence[str], seed: int, folds: int) -> dict[str, Any]:
    keys = np.asarray(wide, dtype=object).astype(str)
    groups = [np.flatnonzero(keys == k) for k in dict.fromkeys(keys)]
    if len(groups) < 2:
        return {"families": len(groups), "mae_K": None}
    others = np.array([t[keys != k].mean() for k in keys])
    middle = np.array([np.median(t[keys != k]) for k in keys])
    return {
        "families": len(groups),
        **_summary(_left_out(X, t, groups, seed, folds), t, keys, seed),
        "mae_mean_K": round(float(np.abs(others - t).mean()), 2),
        "mae_median_K": round(float(np.abs(middle - t).mean()), 2),
    }


def _left_out(X: Floats, t: Floats, groups: list[Ints], seed: int, folds: int = FOLDS) -> warped.Belief:
    """What is believed of every row by a process that saw nothing of its group."""
    mean, spread = np.zeros((2, len(warped.WARPS), warped.DRAWS, len(t)))
    folds = min(folds, len(groups))
    for k in range(folds):
        held = groups[k::folds]
        rest = np.setdiff1d(np.arange(len(t)), np.concatenate(held))
        draws = warped.fit(X[rest], t[rest], seed=seed).draws
        for group in held:
            belief = warped.Fitted(X, t, draws).without(group).predict(X[group])
            mean[:, :, group], spread[:, :, group] = belief.mean, belief.spread
    return warped.Belief(mean, spread)


def _nominal(belief: warped.Belief, t: Floats) -> Floats:
    """The share of a belief that holds `LEVEL` of the temperatures of all other rows (split conformal), n."""
    off = np.abs(2 * belief.below(t) - 1)
    rank = min(len(t) - 1, int(np.ceil(len(t) * LEVEL)))
    return np.array([np.sort(np.delete(off, i))[rank - 1] for i in range(len(t))])


def _summary(belief: warped.Belief, t: Floats, keys: "np.ndarray[Any, Any]", seed: int) -> dict[str, Any]:
    share = _nominal(belief, t)
    low, point, high = (belief.quantile(q) for q in ((1 - share) / 2, 0.5, (1 + share) / 2))
    error = np.abs(point - t)
    names, code = np.unique(keys, return_inverse=True)
    if len(names) < 2:  # one family: its compounds are drawn anew
        names = code = np.arange(len(t))
    total, count = np.bincount(code, error), np.bincount(code)
    picks = np.random.default_rng(seed).integers(len(names), size=(_BOOTSTRAPS, len(names)))
    ends = np.quantile(total[picks].sum(axis=1) / count[picks].sum(axis=1), (0.025, 0.975))
    return {
        "mae_K": round(float(error.mean()), 2),
        "mae_low_K": round(float(ends[0]), 1),
        "mae_high_K": round(float(ends[1]), 1),
        "median_ae_K": round(float(np.median(error)), 2),
        "coverage_80": round(float(np.mean((t >= low) & (t <= high))), 3),
        "mean_width_K": round(float(np.mean(high - low)), 1),
        "nominal": round(float(np.median(share)), 4),
    }


def _by_family(point: Floats, lines: dict[str, Floats], t: Floats, keys: "np.ndarray[Any, Any]") -> dict[str, Any]:
    names, sizes = np.unique(keys, return_counts=True)
    large = names[sizes >= SERIES]
    told = {str(name): keys == name for name in large} | {f"fewer than {SERIES}": ~np.isin(keys, large)}
    return {
        name: {
            "n": int(rows.sum()),
            "mae_K": round(float(np.abs(point - t)[rows].mean()), 1),
            **{f"mae_{line}_K": round(float(np.abs(p - t)[rows].mean()), 1) for line, p in lines.items()},
        }
        for name, rows in told.items()
        if rows.any()
    }


def _each(t: Floats, guess: Any) -> Floats:
    return np.array([guess(i, np.delete(np.arange(len(t)), i)) for i in range(len(t))])


def _family_fit(i: int, rest: Ints, t: Floats, radius: Floats, keys: "np.ndarray[Any, Any]", degree: int) -> float:
    """A polynomial in the radius through the rest of the family; of lower degree where it has too few, or the mean."""
    own = rest[keys[rest] == keys[i]]
    if not len(own):
        return float(t[rest].mean())
    sizes = len(np.unique(radius[own][np.isfinite(radius[own])])) if np.isfinite(radius[i]) else 0
    if degree == 0 or sizes < degree + 2 or not np.isfinite(radius[own]).all():
        return float(t[own].mean()) if degree <= 1 else _family_fit(i, rest, t, radius, keys, degree - 1)
    return float(np.polyval(np.polyfit(radius[own], t[own], degree), radius[i]))
