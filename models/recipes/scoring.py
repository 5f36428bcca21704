"""Every metric of the recipe models on any labelled table, beside baselines, noise floor and a leak report.

Each figure is given for all rows and for clean rows: those that share neither paper nor target with training.
"""

from typing import Any

import numpy as np
import polars as pl

from models.recipes import heat_scores, planning, splits
from models.recipes.features import Singles
from models.recipes.table import normalise
from models.recipes.training import RecipeModel, prepare, train
from schemas.arrays import Bools, Ints

PRECURSOR_TARGETS = 400


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
    report["noise_floor"] = heat_scores.noise_floor(frame) | {"route": planning.route_noise(frame)}
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
        "conditions": heat_scores.points(model.heating, model.precedents, model.points, X, frame, seed),
        "density": heat_scores.joints(model.heating, X, frame, seed),
        "precursors": planning.sets(model.library, frame, seed, tried),
    }


def evaluate(table: pl.DataFrame, *, seed: int = 0, share: float = 0.2, protocol: str = "targets") -> dict[str, Any]:
    """Trains on one part of a table and scores on the rest.

    Args:
        table: as for `train`.
        seed: of the split.
        share: of what is held out.
        protocol: "targets" holds out targets and drops their papers from training; "papers" holds out papers and drops
            their targets; "rows" is the published protocol, where both leak.

    Raises:
        InputError: too few rows.
    """
    frame = normalise(table, labelled=True).frame
    train_rows, test_rows = _split(frame, seed, share, protocol)
    made = score(train(frame[train_rows.tolist()], seed=seed), frame[test_rows.tolist()], seed=seed)
    return {"protocol": protocol, **made}


def _split(frame: pl.DataFrame, seed: int, share: float, protocol: str) -> tuple[Ints, Ints]:
    from schemas.errors import InputError

    if protocol == "rows":
        order = np.random.default_rng(seed).permutation(frame.height)
        cut = int(frame.height * share)
        return np.sort(order[cut:]), np.sort(order[:cut])
    by_paper = protocol == "papers"
    found = next(iter(splits.folds(frame, count=1, seed=seed + 13, share=share, by_paper=by_paper)), None)
    if found is None:
        raise InputError.of("too few papers to hold some out", "the recipe table", "give a larger table")
    return found
