"""Nested, repeated, grouped cross-validation of the screening model beside its baselines.

Beside the model stand the class prior, logistic regression, the nearest labelled compounds, and the same ensemble told
MIT from the rest only.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np
import polars as pl

from models.screening import CLASSES, ensemble, inputs, metrics
from models.screening.training import part_names
from schemas.arrays import Floats, Ints

_Job = tuple[Floats, Ints, tuple[str, ...], list[str], int, ensemble.Effort]  # rows of a fold, groups, how to fit
_Fits = tuple[ensemble.Calibrated, ensemble.Ensemble]
_Map = Callable[[Callable[[_Job], _Fits], Iterable[_Job]], Iterable[_Fits]]
NESTED = ensemble.Effort(members=2, folds=4, inner=1)
"""Of each outer fold, less than `train` takes: the score errs on the low side."""
NEAREST = 5


def evaluate(
    labelled: pl.DataFrame,
    *,
    groups: Sequence[str] = inputs.GROUPINGS,
    features: str | Sequence[str] | None = None,
    label: str = "label_name",
    seed: int = 0,
    repeats: int = 1,
    folds: int = 5,
    stored: pl.DataFrame | None = None,
    served: pl.DataFrame | None = None,
    effort: ensemble.Effort = NESTED,
    workers: int = 1,
) -> dict[str, Any]:
    """Scores under each grouping: the model and its baselines on the same folds.

    Nothing of a held-out fold is seen by fitting, calibration or conformal limits: those use inner folds. Every part
    that `train` makes of the table is scored by itself, since a row is predicted by one of them.

    Args:
        labelled, label, seed, stored: as `train` takes them.
        groups: groupings to score.
        features: the feature set or sets to score, the richest last; None scores every part.
        repeats: how often rows are parted anew.
        folds: outer folds.
        served: `formula` and the structure features with which these compounds would be screened, where they are not
            the published ones: the held-out rows are scored with them too (`as_served`).
        effort: of each outer fold.
        workers: processes that fit folds side by side; a script that asks for several needs a main guard.

    Returns:
        What was scored ("rows", "left_out", "features", "seed", "repeats", "protocol") and the scores: "parts" is
        {features: {grouping: {"n", "n_groups", score: {value, low, high}, "conformal", "baselines"}}}, "groupings" the
        entry of "features", the richest part, and "changes" {grouping: {features: {score: ...}}}, how far the leading
        scores of each part lie from those of the richest, see `metrics.compared`.

    Raises:
        InputError: missing columns, an unknown grouping, or a class that lies in one group only.
    """
    kept, codes = inputs.learnable(labelled, label, stored)
    names = (features,) if isinstance(features, str) else tuple(features or part_names(labelled))
    seeds = [seed + 1000 * k for k in range(repeats)]
    keys = {g: inputs.groups(kept, g) for g in groups}
    with _mapper(workers) as mapped:
        tasks = {n: _task(kept, n, stored, served) for n in names}
        held = {
            g: {n: [_held_out(t, codes, keys[g], s, folds, effort, mapped) for s in seeds] for n, t in tasks.items()}
            for g in groups
        }
    often = "once" if repeats == 1 else f"{repeats} times"
    return {
        "rows": len(codes),
        "left_out": labelled.height - len(codes),
        "features": names[-1],
        "seed": seed,
        "repeats": repeats,
        "protocol": f"nested {folds}-fold, {often}, groups kept whole, {effort.members} booster(s) a view and fold;"
        " 95 % intervals by bootstrap over groups",
        **_report(codes, held, keys, {n: t.rows for n, t in tasks.items()}, seed),
    }


def _report(
    y: Ints,
    held: "Mapping[str, Mapping[str, Sequence[_Held]]]",
    keys: Mapping[str, list[str]],
    rows: Mapping[str, Ints],
    seed: int,
) -> dict[str, Any]:
    """Scores of all parts, of the last of them once more, and how far those of each lie from those of the last."""
    parts = {n: {g: _scored(y, held[g][n], keys[g], of, seed) for g in keys} for n, of in rows.items()}
    last = list(rows)[-1]
    told = {g: {n: [h.p for h in repeats] for n, repeats in found.items()} for g, found in held.items()}
    changes = {g: metrics.compared(y, told[g], keys[g], against=last, seed=seed) for g in keys}
    return {"groupings": parts[last], "parts": parts, "changes": changes}


@dataclass(frozen=True)
class _Task:
    """Features of the labelled rows, n x d; `served` are those of the screen for `rows`, where they differ."""

    X: Floats
    names: tuple[str, ...]
    served: Floats
    rows: Ints


def _task(kept: pl.DataFrame, name: str, stored: pl.DataFrame | None, served: pl.DataFrame | None) -> _Task:
    made = inputs.matrix(kept, name, stored)
    X = made.values
    if served is None or name == "composition":
        return _Task(X, made.names, X[:0], np.empty(0, np.int64))
    columns = [c for c in inputs.STRUCTURE_FEATURES if c in served.columns]
    met = kept.select("formula").join(
        served.filter(pl.any_horizontal(pl.col(columns).is_not_null())).select("formula", *columns),
        on="formula", how="left", maintain_order="left", validate="m:1",
    )  # fmt: skip
    rows = np.flatnonzero(met.select(pl.any_horizontal(pl.col(columns).is_not_null())).to_series().to_numpy())
    return _Task(X, made.names, inputs.matrix(met[rows.tolist()], name, stored).values, rows.astype(np.int64))


@contextmanager
def _mapper(workers: int) -> Iterator[_Map]:
    if workers < 2:
        yield map
        return
    # spawn: a forked child of a process that has used OpenMP may hang on its thread locks
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield pool.map


def _fitted(job: _Job) -> _Fits:
    """The model of a fold, and one that was only told MIT from the rest."""
    X, y, names, groups, seed, effort = job
    told = np.where(y == metrics.MIT, y, 0)
    fitted = ensemble.fit_calibrated(X, y, names, groups, seed=seed, effort=effort)
    return fitted, ensemble.fit(X, told, names, seed=seed, size=effort.members)


@dataclass(frozen=True)
class _Held:
    """What was said of every row by models that did not see its group; `again` of `rows`, by the screen's features."""

    p: Floats
    two: Floats
    plain: Floats
    near: Floats
    prior: Floats
    again: Floats
    covered: Floats
    size: Floats


def _scored(y: Ints, held: Sequence[_Held], keys: list[str], rows: Ints, seed: int) -> dict[str, Any]:
    """Scores of one feature set under one grouping, means over the repeats."""
    return {
        "n": len(y),
        "n_groups": len(set(keys)),
        **metrics.with_intervals(y, [h.p for h in held], keys, seed=seed),
        "conformal": {
            "nominal": 1 - ensemble.ALPHA,
            "coverage": round(float(np.mean([h.covered.mean() for h in held])), 4),
            "mean_size": round(float(np.mean([h.size.mean() for h in held])), 3),
        },
        "baselines": {
            "prior": metrics.carded(y, *(h.prior for h in held)),
            "logistic": metrics.carded(y, *(h.plain for h in held)),
            "neighbours": metrics.carded(y, *(h.near for h in held)),
            "two_classes": metrics.two_classes(y, *(h.two for h in held)),
        },
        **_as_served(y, held, rows),
    }


def _held_out(
    task: _Task, y: Ints, keys: list[str], seed: int, folds: int, effort: ensemble.Effort, mapped: _Map
) -> _Held:
    none = np.zeros((len(y), len(CLASSES)))
    p, two, plain, near, prior = (none.copy() for _ in range(5))
    made = _Held(p, two, plain, near, prior, none[task.rows], np.zeros(len(y)), np.zeros(len(y)))
    parted = list(ensemble.splits(y, keys, folds=folds, seed=seed))
    jobs = [
        (task.X[i], y[i], task.names, [keys[j] for j in i], seed + 100 * k, effort) for k, (i, _) in enumerate(parted)
    ]
    for (fitted, binary), (train, test) in zip(mapped(_fitted, jobs), parted, strict=True):
        made.p[test] = fitted.probabilities(task.X[test])
        made.two[test] = binary.raw(task.X[test])
        sets = ensemble.conformal_sets(made.p[test], fitted.limits)
        made.covered[test] = [CLASSES[c] in s for c, s in zip(y[test], sets, strict=True)]
        made.size[test] = [len(s) for s in sets]
        made.prior[test] = np.bincount(y[train], minlength=len(CLASSES)) / len(train)
        made.plain[test], made.near[test] = _baselines(task.X[train], y[train], task.X[test])
        served = np.isin(task.rows, test)
        if served.any():
            made.again[served] = fitted.probabilities(task.served[served])
    return made


def _as_served(y: Ints, held: Sequence[_Held], rows: Ints) -> dict[str, Any]:
    """Scores of the rows that have features of the screen, by those and by the published ones."""
    if not len(rows):
        return {}
    counted = {"n": len(rows), "n_mit": int(np.sum(y[rows] == metrics.MIT))}
    return {
        "as_served": {
            **counted,
            "screened": metrics.carded(y[rows], *(h.again for h in held)),
            "published": metrics.carded(y[rows], *(h.p[rows] for h in held)),
        }
    }


def _baselines(X: Floats, y: Ints, Z: Floats) -> tuple[Floats, Floats]:
    """Ridge logistic regression, and the classes of the five nearest compounds weighed by their distance; both on
    scaled features, medians where missing."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fill = np.array([float(np.median(c[np.isfinite(c)])) if np.isfinite(c).any() else 0.0 for c in X.T])
    known, asked = (np.where(np.isfinite(rows), rows, fill) for rows in (X, Z))
    ridge = LogisticRegression(C=0.05, max_iter=2000, tol=1e-3)
    nearest = KNeighborsClassifier(min(NEAREST, len(X)), weights="distance")
    found = np.zeros((2, len(Z), len(CLASSES)))
    for made, model in zip(found, (ridge, nearest), strict=True):
        fitted = make_pipeline(StandardScaler(), model).fit(known, y)
        made[:, fitted.classes_] = fitted.predict_proba(np.clip(asked, -1e6, 1e6))
    return found[0], found[1]
