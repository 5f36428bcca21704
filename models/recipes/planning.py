"""Scores of what is planned before a furnace is lit: route probabilities and precursor sets on labelled recipes."""

from collections import Counter
from typing import Any

import numpy as np
import polars as pl

from models.recipes import ROUTES, precursors, splits
from models.recipes.candidates import needed
from models.recipes.compositions import PLACE, parse, precursor_key
from models.recipes.ranker import Ranker
from models.recipes.routes import RouteModel
from models.screening import metrics
from schemas.arrays import Bools, Floats, Ints

DRAWS = 400


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
    p, top = model.probabilities(frame[rows.tolist()]), int(model.prior.argmax())
    present = np.unique(y)
    return {
        "n": len(y),
        **route_scores(p, y),
        "log_loss_interval": _drawn(-np.log(p[np.arange(len(y)), y]), splits.papers(frame[rows.tolist()])),
        "constant_accuracy": _round(np.mean(y == top)),
        "constant_macro_f1": _round(np.mean([metrics.f1(y, np.full_like(y, top), int(k)) for k in present])),
        "constant_log_loss": _round(-np.mean(np.log(model.prior[y]))),
    }


def route_scores(p: Floats, y: Ints) -> dict[str, Any]:
    """Accuracy, macro-F1, log-loss, calibration error and confusion of probabilities, n x 4."""
    label, present = p.argmax(axis=1), np.unique(y)
    confusion = np.zeros((len(ROUTES), len(ROUTES)), int)
    np.add.at(confusion, (y, label), 1)
    return {
        "accuracy": _round(np.mean(label == y)),
        "macro_f1": _round(np.mean([metrics.f1(y, label, int(k)) for k in present])),
        "log_loss": _round(-np.mean(np.log(np.maximum(p[np.arange(len(y)), y], 1e-6)))),
        "ece": _round(metrics.expected_calibration_error((label == y).astype(float), p.max(axis=1))),
        **_three(p, y),
        "f1": {ROUTES[k]: _round(metrics.f1(y, label, int(k))) for k in present},
        "confusion": {
            ROUTES[i]: {ROUTES[j]: int(confusion[i, j]) for j in range(len(ROUTES))} for i in range(len(ROUTES))
        },
    }


def route_noise(frame: pl.DataFrame) -> dict[str, Any]:
    """How well other papers on the same target and precursors tell a recipe's route, as most of them name it.

    Routes are labels of a classifier of paragraphs, and some recipes can be taken both ways: no model can be expected
    to do much better than this.
    """
    keyed = frame.filter(pl.col("route").is_not_null() & (pl.col("precursors").list.len() > 0)).select(
        "target_key", pl.col("precursor_set").list.join(";").alias("set"), "doi", "route"
    )
    groups = keyed.drop_nulls().unique(maintain_order=True).group_by("target_key", "set", maintain_order=True)
    truth, told = [], []
    for papers, named in groups.agg("doi", "route").select("doi", "route").iter_rows():
        for paper, route in zip(papers, named, strict=True):
            others = Counter(r for p, r in zip(papers, named, strict=True) if p != paper)
            if others:
                truth.append(ROUTES.index(route))
                told.append(ROUTES.index(min(others, key=lambda r: (-others[r], r))))
    if not truth:
        return {"n": 0}
    return {"n": len(truth), **route_scores(np.eye(len(ROUTES))[told], np.array(truth, dtype=np.int64))}


def _three(p: Floats, y: Ints) -> dict[str, float]:
    """The same with hydrothermal and precipitation as one route from solution."""
    merged = np.column_stack([p[:, :2], p[:, 2:].sum(axis=1)])
    truth, label = np.minimum(y, 2), merged.argmax(axis=1)
    return {
        "macro_f1_3_routes": _round(np.mean([metrics.f1(truth, label, int(k)) for k in np.unique(truth)])),
        "log_loss_3_routes": _round(-np.mean(np.log(np.maximum(merged[np.arange(len(y)), truth], 1e-6)))),
    }


def _drawn(losses: Floats, papers: list[str]) -> list[float]:
    """95 % interval of a mean, drawing papers."""
    _, code = np.unique(np.asarray(papers, dtype=object).astype(str), return_inverse=True)
    total, count = np.bincount(code, losses), np.bincount(code)
    drawn = np.random.default_rng(0).integers(len(total), size=(DRAWS, len(total)))
    means = total[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    return [_round(v) for v in np.quantile(means, [0.025, 0.975])]


def sets(library: precursors.Library, frame: pl.DataFrame, seed: int, tried: int) -> dict[str, Any]:
    """Exact-set accuracy, any accepted set of the same target counting, beside the order that is not learned.

    Sets are asked for on the route that most rows of the target take. Intervals draw targets.
    """
    made = [
        (keys, row["target"], row["route"] or ROUTES[0], {tuple(s) for s in row["precursor_set"]})
        for keys, row in _by_target(frame)
    ]
    chosen = sorted(made, key=lambda m: splits.bucket(m[0], seed))[:tried]
    if not chosen:
        return {"n": 0}
    systems = {frozenset(np.flatnonzero(b)) for b in library.observed.bits}
    ranks = np.array([_rank(library, target, route, told) for _, target, route, told in chosen])
    plain = precursors.Library(library.observed, Ranker(()))
    unlearned = np.array([_rank(plain, target, route, told) for _, target, route, told in chosen])
    seen = np.array([_system(target) in systems for _, target, _, _ in chosen])
    parts = {"seen_elements": ranks[seen], "unseen_elements": ranks[~seen], "neighbours_only": unlearned}
    return {
        "n": len(chosen),
        **_tops(ranks),
        "top_1_interval": _interval(ranks <= 1, seed),
        "top_5_interval": _interval(ranks <= 5, seed),
        **{name: {"n": len(part), **_tops(part)} for name, part in parts.items() if len(part)},
    }


def _by_target(frame: pl.DataFrame) -> list[tuple[str, dict[str, Any]]]:
    known = frame.filter(pl.col("precursor_set").list.len() > 0)
    grouped = known.group_by("target_key", maintain_order=True).agg(
        pl.col("target").first(), pl.col("route").drop_nulls().mode(maintain_order=True).first(), "precursor_set"
    )
    return [(row["target_key"], row) for row in grouped.iter_rows(named=True)]


def _system(target: str) -> frozenset[int]:
    return frozenset(PLACE[e] for e in needed(parse(target) or {}))


def _tops(ranks: Ints) -> dict[str, float]:
    return {f"top_{k}": _round(np.mean(ranks <= k)) for k in (1, 3, 5, 10)}


def _interval(hit: Bools, seed: int) -> list[float]:
    """95 % interval of a share."""
    rng = np.random.default_rng(seed)
    means = hit[rng.integers(len(hit), size=(DRAWS, len(hit)))].mean(axis=1)
    return [_round(v) for v in np.quantile(means, [0.025, 0.975])]


def _rank(library: precursors.Library, target: str, route: str, accepted: set[tuple[str, ...]]) -> int:
    for k, found in enumerate(
        precursors.propose(library, target, routes={route: 1.0}, top=10, reactions=False), start=1
    ):
        if tuple(sorted({precursor_key(p) for p in found.precursors})) in accepted:
            return k
    return 99


def _round(value: Any) -> float:
    return round(float(value), 4)
