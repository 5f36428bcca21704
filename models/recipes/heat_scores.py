"""Scores of heating conditions: points, intervals and joint densities on labelled recipes, beside baselines.

Baselines know the training recipes only: their median, the median of the target's chemical system, and the median of
the nearest compositions. How far papers disagree about the same recipe is the noise floor.
"""

from collections import defaultdict
from typing import Any

import numpy as np
import polars as pl

from models.recipes import CONDITIONS, beliefs, conditions, splits
from models.recipes.compositions import fractions, parse
from models.recipes.features import Singles
from models.recipes.grid import BIN_K, TIMES
from models.recipes.heating import Heating
from schemas.arrays import Bools, Floats

DRAWS, NEIGHBOURS, PAIRS, SAMPLES = 200, 10, 2000, 64


def points(
    model: Heating, trained: pl.DataFrame, trained_points: Any, X: Singles, frame: pl.DataFrame, seed: int
) -> dict[str, Any]:
    """Errors, coverage and baselines of every condition.

    Args:
        model: heating models.
        trained: their training recipes, with conditions.
        trained_points: atomic fractions of these.
        X: features of the labelled rows.
        frame: the labelled rows.
        seed: of the bootstrap.
    """
    answered = model.by_level(X)
    asked = np.array([fractions(parse(t)) for t in frame["target"].to_list()], dtype=np.float32)
    out: dict[str, Any] = {}
    for c in CONDITIONS:
        rows = np.flatnonzero(frame[c].is_not_null().to_numpy())
        if not len(rows):
            out[c] = {"n": 0}
            continue
        y = frame[c].drop_nulls().to_numpy()
        three = {k: [v[f"{c}{end}"][rows] for end in ("", "_low", "_high")] for k, v in answered.items()}
        names = splits.papers(frame[rows.tolist()])
        out[c] = _errors(three[conditions.LEVEL][0], y, names, seed, hours=c.endswith("_h"))
        fresh = np.array([not seen for seen, _ in conditions.cells(X[rows], model.conditions[c].seen)])
        out[c] |= _intervals(three, y, names, fresh)
        out[c] |= _baselines(c, y, trained, trained_points, frame[rows.tolist()], asked[rows])
    return out


def _errors(point: Floats, y: Floats, names: list[str], seed: int, *, hours: bool) -> dict[str, Any]:
    error, weight = np.abs(point - y), splits.paper_weights(names)
    spread = float(np.sum((y - y.mean()) ** 2))
    out = {
        "n": len(y),
        "papers": len(set(names)),
        "mae": _round(error.mean()),
        "mae_interval": bootstrap(error, names, seed),
        "mae_per_paper": _round(np.average(error, weights=weight)),
        "median_ae": _round(np.median(error)),
        "r2": _round(1 - np.sum((point - y) ** 2) / spread) if spread > 0 else None,
    }
    if hours:
        decades = np.abs(np.log10(point / y))
        return out | {"mae_log10": _round(decades.mean()), "mae_log10_interval": bootstrap(decades, names, seed)}
    return out | {"within_50": _round(np.mean(error <= 50)), "within_100": _round(np.mean(error <= 100))}


def _intervals(three: dict[float, list[Floats]], y: Floats, names: list[str], fresh: Bools) -> dict[str, Any]:
    """Coverage and width by level; `fresh` rows are of chemical systems that no training recipe has."""
    weight = splits.paper_weights(names)
    out: dict[str, Any] = {}
    for level, (_, low, high) in three.items():
        inside, name = (y >= low - 1e-6) & (y <= high + 1e-6), f"{level * 100:.0f}"
        out[f"coverage_{name}"] = _round(inside.mean())
        out[f"width_{name}"] = _round(np.mean(high - low))
        if level == conditions.LEVEL:
            out[f"coverage_{name}_per_paper"] = _round(np.average(inside, weights=weight))
            out[f"coverage_{name}_new_systems"] = _round(inside[fresh].mean()) if fresh.any() else None
            out["mean_width"] = out[f"width_{name}"]
    return out


def _baselines(
    name: str, y: Floats, trained: pl.DataFrame, trained_points: Any, frame: pl.DataFrame, asked: Singles
) -> dict[str, float]:
    rows = np.flatnonzero(trained[name].is_not_null().to_numpy())
    if not len(rows):
        return {}
    known = trained[name].drop_nulls().to_numpy()
    constant = float(np.median(known))
    by_system: dict[frozenset[str], list[float]] = defaultdict(list)
    for target, value in zip(trained["target"].to_list(), trained[name].to_list(), strict=True):
        if value is not None:
            by_system[frozenset(parse(target) or ())].append(value)
    system = np.array(
        [np.median(by_system.get(frozenset(parse(t) or ()), [constant])) for t in frame["target"].to_list()]
    )
    found = {
        "constant": np.full(len(y), constant),
        "chemsys": system,
        "knn": _nearest(known, trained_points[rows], asked),
    }
    out = {f"{k}_mae": _round(np.abs(v - y).mean()) for k, v in found.items()}
    if name.endswith("_h"):
        out |= {f"{k}_mae_log10": _round(np.abs(np.log10(v / y)).mean()) for k, v in found.items()}
    return out


def _nearest(known: Floats, at: Any, asked: Singles) -> Floats:
    """Median of the nearest training recipes by composition."""
    out, k = np.empty(len(asked)), min(NEIGHBOURS, len(known))
    squares = (at**2).sum(axis=1)
    for i in range(0, len(asked), 500):
        gaps = squares[None, :] - 2 * asked[i : i + 500] @ at.T
        out[i : i + 500] = np.median(known[np.argpartition(gaps, k - 1, axis=1)[:, :k]], axis=1)
    return out


def joints(model: Heating, X: Singles, frame: pl.DataFrame, seed: int) -> dict[str, Any]:
    """Likelihood, ranked scores and coverage of the joints of temperature and time, by temperature of the step."""
    found = beliefs.values(frame)
    out: dict[str, Any] = {}
    for step, joint in model.joints.items():
        heat, time = found[step], found[joint.time]
        rows = np.flatnonzero(~np.isnan(heat) & ~np.isnan(time))[:PAIRS]
        if not len(rows):
            out[step] = {"n": 0}
            continue
        Z, heat, time = X[rows], heat[rows], time[rows]
        names = splits.papers(frame[rows.tolist()])
        nll = model.negative_log_likelihood(step, Z, heat, time)
        out[step] = {
            "n": len(rows),
            "grid": f"{BIN_K:g} C x {TIMES} log-time bins",
            "nll": _round(nll.mean()),
            "nll_interval": bootstrap(nll, names, seed),
            "nll_parts": {k: _round(v.mean()) for k, v in model.part_likelihoods(step, Z, heat, time).items()},
            "shares": {k: _round(s) for k, s in joint.shares.items()},
            **_ranked(model, step, Z, heat, time, seed),
        }
    return out


def _ranked(model: Heating, step: str, X: Singles, heat: Floats, time: Floats, seed: int) -> dict[str, float]:
    """Continuous ranked probability scores, energy score and coverage, all of samples."""
    drawn = model.sample(step, X, SAMPLES, seed)
    scale = np.array([100.0, 0.3])  # K and decades: about a typical error of each
    cloud = np.stack([drawn[..., 0], np.log10(drawn[..., 1])], axis=-1) / scale
    truth = np.stack([heat, np.log10(time)], axis=-1) / scale
    other = cloud[:, np.random.default_rng(seed).permutation(SAMPLES)]
    near = np.linalg.norm(cloud - truth[:, None], axis=-1).mean(axis=1)
    energy = near - 0.5 * np.linalg.norm(cloud - other, axis=-1).mean(axis=1)
    single = np.abs(cloud - truth[:, None]).mean(axis=1) - 0.5 * np.abs(cloud - other).mean(axis=1)
    low, high = (np.quantile(cloud[..., 0], q, axis=1) for q in (0.1, 0.9))
    inside = (truth[:, 0] >= low - 1e-9) & (truth[:, 0] <= high + 1e-9)
    return {
        "crps_temperature_K": _round(single[:, 0].mean() * scale[0]),
        "crps_log10_time": _round(single[:, 1].mean() * scale[1]),
        "energy_score": _round(energy.mean()),
        "samples_coverage_80": _round(inside.mean()),
    }


def bootstrap(error: Floats, names: list[str], seed: int) -> list[float]:
    """95 % interval of the mean, drawing papers."""
    rng = np.random.default_rng(seed)
    _, code = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
    total, count = np.bincount(code, error), np.bincount(code)
    drawn = rng.integers(len(total), size=(DRAWS, len(total)))
    means = total[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    return [_round(v) for v in np.quantile(means, [0.025, 0.975])]


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


def _round(value: Any) -> float:
    return round(float(value), 4)
