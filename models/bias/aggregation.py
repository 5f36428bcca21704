"""Two sources of one quantity: where they disagree, and whether the other helps a model of the first.

Adding a source often hurts in bulk and helps in the tails (Ottomano, De Felice, Gusev and Sparks, Digital Discovery 3,
337 (2024), doi 10.1039/D3DD00207A), so both are told. Which of several values counts is declared in `schemas.merging`.
"""

from typing import Any

import numpy as np
import polars as pl

from etl.features import composition
from etl.features.formulas import reduced
from models.bias.describing import FORMULAS, finite_numbers, systems
from models.bias.frames import need
from models.bias.pruning import FEWEST, Rows, learner, rows_of
from schemas.arrays import Floats
from schemas.errors import InputError

TAIL = 0.1
"""Share of the rows at either end of the values that counts as a tail."""


def differences(left: pl.DataFrame, right: pl.DataFrame, *, value: str, formula: str = "formula") -> pl.DataFrame:
    """Where two sources differ: `element`, `shared` compositions, `bias` (left minus right) and `difference`, medians.

    Values of a composition are medians. The row of element "*" is over all.
    """
    both = _medians(left, value, formula).join(_medians(right, value, formula), on="reduced", suffix="_right")
    parts = systems(composition.parse(both["reduced"].to_list()))
    apart = both.select("reduced", off=pl.col("value") - pl.col("value_right"))
    by = apart.with_columns(element=pl.Series([s.split("-") for s in parts], dtype=pl.List(pl.String)))
    every = pl.concat([by.explode("element"), apart.with_columns(element=pl.lit("*"))], how="diagonal")
    return (
        every.group_by("element")
        .agg(shared=pl.len(), bias=pl.col("off").median(), difference=pl.col("off").abs().median())
        .sort(["shared", "element"], descending=[True, False])
    )


def gain(base: pl.DataFrame, other: pl.DataFrame, *, target: str, seeds: range = range(5)) -> list[dict[str, Any]]:
    """What a model of one source gains from another, on held-out chemical systems of the first.

    Returns:
        For bulk, low and high tail: `part`, `rows`, mean absolute errors `alone` and `with_other` (means over seeds),
        their `gain`, and its standard error `gain_error` over seeds.

    Raises:
        InputError: a table without the target or a formula, or with too few rows.
    """
    own, _, names = _rows(base, target)
    more, _, their_names = _rows(other, target)
    low, high = np.quantile(own.values, [TAIL, 1 - TAIL])
    found: dict[str, list[tuple[float, float, int]]] = {"bulk": [], "low tail": [], "high tail": []}
    for seed in seeds:
        held = set(np.random.default_rng(seed).choice(sorted(set(names)), len(set(names)) // 5, replace=False))
        test = np.array([n in held for n in names])
        free = np.array([n not in held for n in their_names])
        x, y = own.features[~test], own.values[~test]
        joined = np.concatenate([x, more.features[free]]), np.concatenate([y, more.values[free]])
        guesses = [_predicted(a, b, own.features[test], seed) for a, b in ((x, y), joined)]
        errors = [np.abs(guess - own.values[test]) for guess in guesses]
        there = own.values[test]
        masks = {"bulk": (there > low) & (there < high), "low tail": there <= low, "high tail": there >= high}
        for part, rows in masks.items():
            if rows.any():
                found[part].append((errors[0][rows].mean(), errors[1][rows].mean(), int(rows.sum())))
    return [_told(part, np.array(figures)) for part, figures in found.items() if figures]


def certain(told: dict[str, Any], seeds: int, sign: int) -> bool:
    """Whether a row of `gain` is a gain (sign 1) or a loss (-1) beyond its 95 % interval; never with a single seed."""
    from scipy.stats import t

    error = told["gain_error"]
    return error is not None and sign * float(told["gain"]) > error * float(t.ppf(0.975, seeds - 1))


def _rows(frame: pl.DataFrame, target: str) -> tuple[Rows, Any, tuple[str, ...]]:
    """What a model learns from in a table of compositions."""
    if not any(c in frame.columns for c in FORMULAS):
        raise InputError.of("no column of formulas", "the table", f"add one of {', '.join(FORMULAS)}")
    found = rows_of(frame, target=target)
    if len(found[0].values) < FEWEST:
        raise InputError.of(f"{len(found[0].values)} rows to learn from", "the table", f"give at least {FEWEST}")
    return found


def _told(part: str, figures: Floats) -> dict[str, Any]:
    gains = figures[:, 0] - figures[:, 1]
    error = float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else None
    alone, joined, rows = figures.mean(axis=0).tolist()
    return {
        "part": part,
        "rows": round(rows),
        "alone": alone,
        "with_other": joined,
        "gain": float(gains.mean()),
        "gain_error": error,
    }


def _predicted(features: Floats, values: Floats, asked: Floats, seed: int) -> Floats:
    return np.asarray(learner(len(values), seed=seed).fit(features, values).predict(asked))


def _medians(frame: pl.DataFrame, value: str, formula: str) -> pl.DataFrame:
    need(frame, value, formula)
    spelled = [reduced(f or "") for f in frame[formula].cast(pl.String).to_list()]
    known = pl.DataFrame({"reduced": pl.Series(spelled, dtype=pl.String), "value": finite_numbers(frame, value)})
    return known.filter(pl.col("value").is_finite() & pl.col("reduced").is_not_null()).group_by("reduced").median()
