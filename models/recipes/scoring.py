"""Every metric of the recipe models on any labelled table, beside baselines, noise floor and a leak report.

Each figure is given for all rows and for clean rows: those that share neither paper nor target with training.
"""

from typing import Any

import numpy as np
import polars as pl

from models.recipes import CONDITIONS, conditions, density, planning, splits
from models.recipes.features import Singles
from models.recipes.table import normalise
from models.recipes.training import RecipeModel, prepare, train
from schemas.arrays import Bools, Floats, Ints

PRECURSOR_TARGETS = 400
DRAWS = 200


def score(
    model: RecipeModel, table: pl.DataFrame, *, seed: int = 0, precursor_targets: int = PRECURSOR_TARGETS
) -> dict[str, Any]:
    """Scores a model on a labelled table.

    Args:
        model: trained recipe models.
        table: as for `train`.
        seed: of bootstrap and of the choice of targets for precursor scores.
        precursor_targets: at most that many distinct targets are tried for precursors.

    Returns:
        "leak", "route", "conditions", "density", "precursors", "noise_floor"; temperatures in K, times in h.

    Raises:
        InputError: no `target`.
    """
    labelled = normalise(table).frame
    _, X, rows = prepare(model, table, strict=False)
    frame = labelled[rows.tolist()]
    trained = model.precedents
    clean = _clean(trained, frame)
    report: dict[str, Any] = {
        "model_id": model.model_id,
        "rows": table.height,
        "unreadable": table.height - len(rows),
        "leak": splits.leak_report(trained, frame),
    }
    for name, keep in (("all", np.ones(len(rows), bool)), ("clean", clean)):
        part = frame.filter(pl.Series(keep))
        report[name] = _part(model, X[keep], part, seed, precursor_targets) if part.height else {"n": 0}
    report["noise_floor"] = noise_floor(frame)
    return report


def _clean(trained: pl.DataFrame, frame: pl.DataFrame) -> Bools:
    doi, target = (set(trained[c].drop_nulls()) for c in ("doi", "target_key"))
    return np.array(
        [d not in doi and k not in target for d, k in frame.select("doi", "target_key").iter_rows()], dtype=bool
    )


def _part(model: RecipeModel, X: Singles, frame: pl.DataFrame, seed: int, tried: int) -> dict[str, Any]:
    return {
        "n": frame.height,
        "route": planning.route(model.route, frame),
        "route_target_only": planning.route(model.route, planning.without_precursors(frame)),
        "conditions": _conditions(model, X, frame, seed),
        "density": _density(model, X, frame),
        "precursors": planning.sets(model.library, frame, seed, tried),
    }


def _conditions(model: RecipeModel, X: Singles, frame: pl.DataFrame, seed: int) -> dict[str, Any]:
    answered = conditions.condition_columns(model.conditions, X)
    return {c: _condition(model.conditions[c].constant[0], c, answered, frame, seed) for c in CONDITIONS}


def _condition(
    constant: float, name: str, answered: dict[str, Floats], frame: pl.DataFrame, seed: int
) -> dict[str, Any]:
    rows = np.flatnonzero(frame[name].is_not_null().to_numpy())
    if not len(rows):
        return {"n": 0}
    part, y = frame[rows.tolist()], frame[name].drop_nulls().to_numpy()
    point, low, high = (answered[f"{name}{end}"][rows] for end in ("", "_low", "_high"))
    error = np.abs(point - y)
    names = splits.papers(part)
    weight = splits.paper_weights(names)
    spread = float(np.sum((y - y.mean()) ** 2))
    out = {
        "n": len(y),
        "papers": len(set(names)),
        "mae": _round(error.mean()),
        "mae_interval": _bootstrap(error, names, seed),
        "mae_per_paper": _round(np.average(error, weights=weight)),
        "median_ae": _round(np.median(error)),
        "r2": _round(1 - np.sum((point - y) ** 2) / spread) if spread > 0 else None,
        "coverage_80": _round(np.mean((y >= low - 1e-9) & (y <= high + 1e-9))),
        "coverage_80_per_paper": _round(np.average((y >= low - 1e-9) & (y <= high + 1e-9), weights=weight)),
        "mean_width": _round(np.mean(high - low)),
        "constant_mae": _round(np.abs(constant - y).mean()),
    }
    if name.endswith("_K"):
        out |= {"within_50": _round(np.mean(error <= 50)), "within_100": _round(np.mean(error <= 100))}
    return out


def _bootstrap(error: Floats, names: list[str], seed: int) -> list[float]:
    """95 % interval of the mean, drawing papers."""
    rng = np.random.default_rng(seed)
    _, code = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
    total, count = np.bincount(code, error), np.bincount(code)
    drawn = rng.integers(len(total), size=(DRAWS, len(total)))
    means = total[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    return [_round(v) for v in np.quantile(means, [0.025, 0.975])]


def _density(model: RecipeModel, X: Singles, frame: pl.DataFrame) -> dict[str, Any]:
    rows, points = density.known_pairs(frame)
    rows, points = rows[:2000], points[:2000]
    if not len(rows) or not len(model.joint.points):
        return {"n": 0}
    flat = density.Density(
        None, model.joint.fill, model.joint.leaves, model.joint.points, model.joint.weight, model.joint.widths
    )
    return {
        "n": len(rows),
        "nll": _round(model.joint.negative_log_likelihood(X[rows], points).mean()),
        "unconditional_nll": _round(flat.negative_log_likelihood(X[rows], points).mean()),
        "grid": "25 K x log-time bins, 2 % uniform floor",
    }


def noise_floor(frame: pl.DataFrame) -> dict[str, Any]:
    """How far records of the same target and precursors from different papers disagree: median of leave-one-out errors.

    No model can be expected to do better than about this.
    """
    out: dict[str, Any] = {}
    keyed = frame.with_columns(pl.col("precursor_set").list.join(";").alias("set")).filter(
        pl.col("set").is_not_null() & pl.col("doi").is_not_null()
    )
    for name in CONDITIONS:
        one = (
            keyed.filter(pl.col(name).is_not_null())
            .group_by("target_key", "set", "doi", maintain_order=True)
            .agg(pl.col(name).median())
        )
        groups = (
            one.group_by("target_key", "set", maintain_order=True)
            .agg(pl.col(name))
            .filter(pl.col(name).list.len() > 1)[name]
            .to_list()
        )
        gaps = [abs(v - float(np.median(g[:i] + g[i + 1 :]))) for g in groups for i, v in enumerate(g)]
        out[name] = {
            "n": len(gaps),
            "median_difference": _round(np.median(gaps)) if gaps else None,
            "mean_difference": _round(np.mean(gaps)) if gaps else None,
        }
    return out


def evaluate(table: pl.DataFrame, *, seed: int = 0, share: float = 0.2) -> dict[str, Any]:
    """Trains on one part of a table and scores on papers and targets that the part does not hold.

    Args:
        table: as for `train`.
        seed: of the split.
        share: of the targets that are held out.

    Raises:
        InputError: too few rows.
    """
    frame = normalise(table, labelled=True).frame
    train_rows, test_rows = _split(frame, seed, share)
    return score(train(frame[train_rows.tolist()], seed=seed), frame[test_rows.tolist()], seed=seed)


def _split(frame: pl.DataFrame, seed: int, share: float) -> tuple[Ints, Ints]:
    from schemas.errors import InputError

    found = next(iter(splits.folds(frame, count=1, seed=seed + 13, share=share)), None)
    if found is None:
        raise InputError.of("too few papers to hold some out", "the recipe table", "give a larger table")
    return found


def _round(value: Any) -> float:
    return round(float(value), 4)
