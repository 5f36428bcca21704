"""What the route classifier learned as a whole: accumulated local effects of its leading features on each route.

One row's reasons are `routes.RouteModel.reasons`; how effects are accumulated is `models.screening.effects`.
"""

from typing import Any

import numpy as np
import polars as pl

from models.recipes import ROUTES, splits
from models.recipes.routes import Judge, RouteModel
from models.screening import effects
from schemas.arrays import Floats, Ints
from schemas.errors import InputError

ROWS, RANKED, LEAST = 2000, 300, 20


def accumulated(
    model: RouteModel, frame: pl.DataFrame, *, alone: bool = False, top: int = 8, bins: int = 10, replicates: int = 20
) -> pl.DataFrame:
    """Effects of the features that move probabilities most.

    Args:
        model: trained route classifier.
        frame: normalised rows with readable targets; the background.
        alone: explain the judge of targets without precursors.
        top: features.
        bins: quantile bins of each.
        replicates: papers are weighed at random this often for the 95 % bands.

    Returns:
        One row a feature, value and route: `feature`, `place` (1 leads), `value`, `route`, `effect`, `low`, `high`
        (change of the probability against the mean), `rows` (of the background that have the feature).

    Raises:
        InputError: the model has no such judge, or the background has too few rows for it.
    """
    judge = model.alone if alone else model.given
    known = frame if alone else frame.filter(pl.col("precursors").list.len() > 0)
    if judge is None or known.height < LEAST:
        raise InputError.of(f"{known.height} rows", "the background", f"give {LEAST} rows the model can judge, or more")
    part = known.sample(min(ROWS, known.height), seed=0)
    X, names = judge.matrix(part).astype(np.float64), judge.names()
    groups = splits.papers(part)
    rows: list[dict[str, Any]] = []
    for place, f in enumerate(leading(judge, part.head(RANKED))[:top], 1):
        has = np.flatnonzero(np.isfinite(X[:, f]))
        drawn = effects.group_weights([groups[i] for i in has], replicates=replicates, rng=np.random.default_rng(place))
        z, found, _ = effects.ale_1d(
            lambda rows: judge.judged(rows).T, X[has], int(f), bins=bins, weights=drawn[:, None, :]
        )
        for route, three in zip(ROUTES, zip(*effects.band(found), strict=True), strict=True):
            told = zip(z, *three, strict=True)
            rows += [_record(names[f], place, route, len(has), *(float(v) for v in point)) for point in told]
    return pl.DataFrame(rows)


def leading(judge: Judge, frame: pl.DataFrame) -> Ints:
    """Features by how far they push probabilities apart: the mean size of their SHAP values, largest first."""
    shap = judge.contributions(frame)[:, :, :-1]
    pushes: Floats = np.abs(shap - shap.mean(axis=1, keepdims=True)).mean(axis=(0, 1))
    return np.argsort(-pushes, kind="stable").astype(np.int64)


def _record(
    feature: str, place: int, route: str, rows: int, value: float, effect: float, low: float, high: float
) -> dict[str, Any]:
    return {
        "feature": feature,
        "place": place,
        "value": round(value, 4),
        "route": route,
        "effect": round(effect, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "rows": rows,
    }
