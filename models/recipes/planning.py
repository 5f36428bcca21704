"""Scores of what is planned before a furnace is lit: route probabilities and precursor sets on labelled recipes."""

from collections import defaultdict
from typing import Any

import numpy as np
import polars as pl

from models.recipes import ROUTES, precursors, splits
from models.recipes.compositions import precursor_key
from models.recipes.routes import RouteModel
from models.screening import metrics


def without_precursors(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with their targets only."""
    empty = pl.Series([None] * frame.height, dtype=pl.List(pl.String))
    return frame.with_columns(empty.alias("precursors"), empty.alias("precursor_set"))


def route(model: RouteModel, frame: pl.DataFrame) -> dict[str, Any]:
    """Accuracy, macro-F1, log-loss and calibration error on the rows whose route is known, beside a constant."""
    rows = np.flatnonzero(frame["route"].is_not_null().to_numpy())
    if not len(rows):
        return {"n": 0}
    y = np.array([ROUTES.index(r) for r in frame["route"].drop_nulls()], dtype=np.int64)
    p = model.probabilities(frame[rows.tolist()])
    label = p.argmax(axis=1)
    top = int(model.prior.argmax())
    confusion = np.zeros((len(ROUTES), len(ROUTES)), int)
    np.add.at(confusion, (y, label), 1)
    present = np.unique(y)
    best = p.max(axis=1)
    return {
        "n": len(y),
        "accuracy": _round(np.mean(label == y)),
        "macro_f1": _round(np.mean([metrics.f1(y, label, int(k)) for k in present])),
        "log_loss": _round(-np.mean(np.log(p[np.arange(len(y)), y]))),
        "ece": _round(metrics.expected_calibration_error((label == y).astype(float), best)),
        "f1": {ROUTES[k]: _round(metrics.f1(y, label, int(k))) for k in present},
        "constant_accuracy": _round(np.mean(y == top)),
        "constant_macro_f1": _round(np.mean([metrics.f1(y, np.full_like(y, top), int(k)) for k in present])),
        "constant_log_loss": _round(-np.mean(np.log(model.prior[y]))),
        "confusion": {
            ROUTES[i]: {ROUTES[j]: int(confusion[i, j]) for j in range(len(ROUTES))} for i in range(len(ROUTES))
        },
    }


def sets(library: precursors.Library, frame: pl.DataFrame, seed: int, tried: int) -> dict[str, Any]:
    """Exact-set accuracy: any accepted set of the same target counts."""
    accepted: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    spelled: dict[str, str] = {}
    for target, key, keys in frame.select("target", "target_key", "precursor_set").iter_rows():
        if keys:
            accepted[key].add(tuple(keys))
            spelled.setdefault(key, target)
    chosen = sorted(accepted, key=lambda k: splits.bucket(k, seed))[:tried]
    if not chosen:
        return {"n": 0}
    ranks = [_rank(library, spelled[k], accepted[k]) for k in chosen]
    return {"n": len(chosen), **{f"top_{k}": _round(np.mean([r <= k for r in ranks])) for k in (1, 3, 5, 10)}}


def _rank(library: precursors.Library, target: str, accepted: set[tuple[str, ...]]) -> int:
    for k, found in enumerate(precursors.propose(library, target, top=10, reactions=False), start=1):
        if tuple(sorted({precursor_key(p) for p in found.precursors})) in accepted:
            return k
    return 99


def _round(value: Any) -> float:
    return round(float(value), 4)
