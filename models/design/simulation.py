"""Closed loops on a look-up table: what a strategy would have found, and how soon.

An objective is told only when its row has been bought; a row with a missing objective counts as a failed evaluation.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np
import polars as pl

from models.design import goals, pareto, scoring
from models.design.doe import Kind, initial
from models.design.proposal import STRATEGIES, Known, Memory, Rules, propose
from models.lvgp.descriptors import looked_up
from models.lvgp.encoding import Encoding, of_frame
from schemas.arrays import Bools, Floats
from schemas.errors import InputError
from schemas.problem import Limit, Objective


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a loop is run.

    Attributes:
        variables: columns that are chosen.
        wanted: the objectives.
        limits: of further columns; a row that breaks one is no optimum and on no front.
        init: evaluations of the initial design.
        budget: evaluations in all.
        batch: evaluations at once.
        strategy: of the proposals.
        acquisition: see `models.design.scoring`.
        design: the kind of the initial design; see `models.design.doe`.
        stop: whether a loop ends where its goal is reached; saves time where only that number is asked for.
    """

    variables: tuple[str, ...]
    wanted: tuple[Objective, ...]
    limits: tuple[Limit, ...] = ()
    init: int = 12
    budget: int = 60
    batch: int = 1
    strategy: str = "lvgp"
    acquisition: str = scoring.USUAL
    design: Kind = "usual"
    stop: bool = False

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What an evaluation tells: the objectives, then what has a limit."""
        return (*(o.name for o in self.wanted), *(limit.name for limit in self.limits))


def simulate(
    table: pl.DataFrame,
    plan: Plan,
    *,
    seeds: Sequence[int] = (0,),
    workers: int = 1,
    descriptors: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Runs the loop once a seed, on the rows that are `usable`; all is evaluated that the budget allows.

    Args:
        table: rows with their objectives.
        plan: of the loops.
        seeds: of the loops.
        workers: processes.
        descriptors: of levels, for strategies that use them and for initial designs that lie far apart; elements that
            it says nothing of, or leaves alike, are described by the periodic table.

    Returns:
        One row an evaluation: `seed`, `iteration` (0 for the initial design), `row`, the outcomes,
        `best_<objective>` so far, `front_fraction`, `hypervolume_fraction`, `fit_s` (time of the proposal).

    Raises:
        InputError: a missing column, an objective that is never known, a budget out of range, an unknown strategy.
    """
    known = usable(table, plan)
    kept = table.filter(known)
    values = _checked(kept, plan)
    encoding = of_frame(kept, inputs=plan.variables, categorical=_text(kept, plan.variables))
    encoding = looked_up(encoding, descriptors, plan.strategy)
    rows = kept.select(plan.variables)
    jobs = [(rows, values, plan, encoding, _first(rows, plan, seed, descriptors), seed) for seed in seeds]
    if workers > 1 and len(jobs) > 1:
        # spawn: a forked child of a process that has used torch may hang on its thread locks
        with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn")) as pool:
            parts = list(pool.map(_run, jobs))
    else:
        parts = [_run(job) for job in jobs]
    trace = pl.concat(parts)
    return trace.with_columns(row=known.arg_true().gather(trace["row"]).cast(pl.Int64))


def usable(table: pl.DataFrame, plan: Plan) -> pl.Series:
    """Which rows can be evaluated: those with every variable.

    Raises:
        InputError: a missing column.
    """
    missing = [n for n in (*plan.variables, *plan.outcomes) if n not in table.columns]
    if missing:
        raise InputError.of(f"missing column {missing[0]}", "the table", f"it has {', '.join(table.columns)}")
    text = _text(table, plan.variables)
    known = [pl.col(v).is_not_null() if v in text else pl.col(v).cast(pl.Float64).is_finite() for v in plan.variables]
    return table.select(pl.all_horizontal(known).fill_null(False)).to_series()


def summarise(trace: pl.DataFrame, plan: Plan, table: pl.DataFrame) -> dict[str, Any]:
    """When the seeds reached the optimum (one objective) or the whole front (more): count, median, 90th percentile."""
    goal = pl.col("front_fraction") >= 1.0 - 1e-12
    bought = trace.with_columns(number=pl.int_range(1, pl.len() + 1).over("seed"))
    reached = bought.filter(goal).group_by("seed").agg(pl.col("number").min()).sort("seed")
    counts = reached["number"].to_list()
    last = bought.group_by("seed").last()
    return {
        "strategy": plan.strategy,
        "rows": table.height,
        "left_out": table.height - int(usable(table, plan).sum()),
        "seeds": trace["seed"].n_unique(),
        "goal": "optimum" if len(plan.wanted) == 1 else "whole front",
        "reached": len(counts),
        "median_evaluations": float(np.median(counts)) if counts else None,
        "p90_evaluations": float(np.percentile(counts, 90)) if counts else None,
        "median_front_fraction": _median(last["front_fraction"]),
        "median_hypervolume_fraction": _median(last["hypervolume_fraction"]),
        "total_s": round(float(trace["fit_s"].sum()), 3),
    }


def _median(column: pl.Series) -> float:
    return float(np.median(column.to_numpy()))


def _first(rows: pl.DataFrame, plan: Plan, seed: int, descriptors: pl.DataFrame | None) -> list[int]:
    """The initial design: the same for every strategy, if the same descriptors are given."""
    return initial(rows, n=plan.init, variables=plan.variables, seed=seed, kind=plan.design, descriptors=descriptors)


def _run(job: tuple[pl.DataFrame, Floats, Plan, Encoding, list[int], int]) -> pl.DataFrame:
    frame, values, plan, encoding, first, seed = job
    tried = np.zeros(frame.height, dtype=bool)
    told = np.full_like(values, np.nan)
    memory = Memory()
    bought: list[tuple[int, int, float]] = []

    def buy(row: int, iteration: int, spent: float) -> None:
        tried[row] = True
        told[row] = values[row]
        bought.append((iteration, row, spent))

    for row in first:
        buy(row, 0, 0.0)
    iteration = 0
    goal = _front(values, plan) if plan.stop else None  # ends the loop, and is hidden from the strategy
    while len(bought) < min(plan.budget, frame.height) and (goal is None or not tried[goal].all()):
        iteration += 1
        start = time.perf_counter()
        left = min(plan.batch, plan.budget - len(bought))
        known = Known(frame=frame, values=told, tried=tried, encoding=encoding, wanted=plan.wanted, limits=plan.limits)
        made = propose(
            known,
            batch=left,
            strategy=plan.strategy if known.done.sum() >= 2 else "random",
            seed=seed * 100_003 + iteration,
            memory=memory,
            rules=Rules(acquisition=plan.acquisition),
        )
        spent = time.perf_counter() - start
        for row in made["row"].to_list():
            buy(row, iteration, spent / made.height)
    return _trace(bought, values, plan, seed)


def _trace(bought: list[tuple[int, int, float]], values: Floats, plan: Plan, seed: int) -> pl.DataFrame:
    """The trace; the true front and optimum are used after the loop has ended."""
    signs, count = goals.signs(plan.wanted), len(plan.wanted)
    turned, known = values[:, :count] * signs, _of_use(values, plan)
    front = _front(values, plan)
    reference = goals.reference_point(turned[known], plan.wanted)
    whole = pareto.hypervolume(turned[front], reference)
    rows = []
    seen = np.zeros(len(values), dtype=bool)
    volume, best = 0.0, np.full(count, np.nan)
    for iteration, row, spent in bought:
        seen[row] = True
        if known[row]:
            best = np.fmax(best, turned[row])
            if front[row] or volume < whole:
                volume = pareto.hypervolume(turned[seen & known], reference)
        share = float((front & seen).sum() / front.sum())
        entry = {"seed": seed, "iteration": iteration, "row": row}
        entry |= {name: values[row, j] for j, name in enumerate(plan.outcomes)}
        entry |= {f"best_{o.name}": (best * signs)[j] for j, o in enumerate(plan.wanted)}
        rows.append({**entry, "front_fraction": share, "hypervolume_fraction": volume / whole, "fit_s": spent})
    floats = [c for c in rows[0] if c not in ("seed", "iteration", "row")]
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col(floats).cast(pl.Float64).fill_nan(None))


def _front(values: Floats, plan: Plan) -> Bools:
    """Which rows are the optimum or the front, n."""
    known = _of_use(values, plan)
    front = np.zeros(len(values), dtype=bool)
    turned = values[known, : len(plan.wanted)] * goals.signs(plan.wanted)
    front[np.flatnonzero(known)] = pareto.nondominated(turned)
    return front


def _of_use(values: Floats, plan: Plan) -> Bools:
    """Which rows have every outcome and keep the limits, n."""
    kept = goals.met(values[:, len(plan.wanted) :], plan.limits)
    return np.asarray(kept & np.isfinite(values).all(axis=1))


def _checked(table: pl.DataFrame, plan: Plan) -> Floats:
    if plan.strategy not in STRATEGIES:
        raise InputError.of(f"unknown strategy {plan.strategy!r}", "--strategy", f"use one of {', '.join(STRATEGIES)}")
    if not 2 <= plan.init <= min(plan.budget, table.height) or plan.batch < 1:
        remedy = f"2 <= init <= budget, and init at most the {table.height} rows with every variable"
        raise InputError.of("init, budget or batch out of range", "the options", remedy)
    columns = [table[n].cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy() for n in plan.outcomes]
    values = np.column_stack(columns).astype(np.float64)
    if np.isfinite(values).all(axis=1).sum() < 2:
        raise InputError.of("fewer than two rows with all objectives", "the table", "give numbers")
    if not _of_use(values, plan).any():
        raise InputError.of("no row within the limits", "the table", "widen them")
    return values


def _text(table: pl.DataFrame, variables: Sequence[str]) -> tuple[str, ...]:
    return tuple(v for v in variables if not table.schema[v].is_numeric())
