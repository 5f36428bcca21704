"""Rows of the design tables: problems, candidates, proposals, batches, events, observations, fronts, traces.

Ids are hashes of what they name, so that doing a thing twice gives the same rows.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from models.design import candidates, pareto, space
from models.design.goals import met, signs
from models.design.scoring import USUAL
from models.evaluators.protocol import Change, Evaluator, Observation
from models.evaluators.states import FINAL, State, check_move
from schemas.emit.polars import schema
from schemas.problem import DesignProblem
from schemas.tables import REGISTRY

EVENTS, OBSERVATIONS = (schema(REGISTRY[name]) for name in ("design.events", "design.observations"))

_OF_THE_MODEL = ("acquisition", "model_id", "remaining_improvement", "p_complete")


def identify(*parts: object) -> str:
    """A short hash of the parts."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


def problem_rows(problem: DesignProblem) -> pl.DataFrame:
    """The row of design.problems."""
    row = {
        "problem": problem.name,
        "title": problem.title,
        "doi": problem.doi,
        "evaluator": problem.evaluator.kind,
        "definition": problem.model_dump_json(),
        "retired": False,
    }
    return pl.DataFrame([row], schema=schema(REGISTRY["design.problems"]))


def candidate_rows(problem: DesignProblem, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of design.candidates from an enumeration (`models.design.candidates`)."""
    names = [v.name for v in problem.variables]
    formula = pl.col("formula") if "formula" in frame.columns else pl.lit(None, pl.String)
    return frame.select(
        problem=pl.lit(problem.name),
        candidate_id="candidate_id",
        formula=formula,
        variables=pl.struct(names).struct.json_encode(),
        retired=pl.lit(False),
    )


def candidates_in(problem: DesignProblem, rows: pl.DataFrame) -> pl.DataFrame:
    """The candidates of one problem with its variables as columns: all of them; of an open one those in rows it allows.

    Args:
        problem: the problem.
        rows: of design.candidates.
    """
    if not space.is_open(problem):
        return candidates(problem)
    own = rows.filter((pl.col("problem") == problem.name) & ~pl.col("retired")).sort("candidate_id")
    told = [json.loads(row) for row in own["variables"]]
    # a variable may have been of another type when they were written
    texts = {n: [None if row.get(n) is None else str(row[n]) for row in told] for n in space.types(problem)}
    typed = space.typed(problem, pl.DataFrame(texts, schema=dict.fromkeys(texts, pl.String)))
    return space.named(problem, space.legal(problem, typed))


def proposal_rows(
    problem: DesignProblem,
    proposed: pl.DataFrame,
    *,
    iteration: int,
    strategy: str,
    at: datetime,
    acquisition: str = USUAL,
) -> pl.DataFrame:
    """Rows of design.proposals; `batch_id` names the iteration."""
    means = [c for c in proposed.columns if c.startswith(("mean_", "sd_"))]
    predicted = pl.struct(means).struct.json_encode() if means else pl.lit(None, pl.String)
    told = {n: pl.col(n) if n in proposed.columns else pl.lit(None) for n in _OF_THE_MODEL}
    criterion = pl.when(told["model_id"].is_not_null()).then(pl.lit(acquisition))
    return (
        proposed.with_row_index("rank", offset=1)
        .select(
            problem=pl.lit(problem.name),
            candidate_id="candidate_id",
            batch_id=pl.lit(batch_id(problem, iteration)),
            iteration=pl.lit(iteration, pl.Int64),
            rank=pl.col("rank").cast(pl.Int64),
            strategy=pl.lit(strategy),
            criterion=criterion,
            predicted=predicted,
            **told,
            proposed_at=pl.lit(at),
        )
        .select(schema(REGISTRY["design.proposals"]).names())
    )


def batch_id(problem: DesignProblem, iteration: int) -> str:
    """The id of an iteration's batch."""
    return f"{problem.name}-{iteration:04d}"


def evaluate(
    problem: DesignProblem, rows: Sequence[dict[str, Any]], *, batch: str, evaluator: Evaluator, at: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Submits a batch and collects what has ended.

    Args:
        problem: the problem.
        rows: candidates with `candidate_id` and the variables.
        batch: id of the batch.
        evaluator: the back end.
        at: time of the events that happen now.

    Returns:
        Rows of design.events and of design.observations (final outcomes only).
    """
    handles = evaluator.submit(batch, rows)
    outcomes = [o for o in evaluator.collect(handles) if o.state in FINAL]
    events = [event for h in handles for event in _events(problem, batch, h.candidate_id, evaluator.history(h), at)]
    observed = [_observation(problem, batch, o, evaluator.name, at) for o in outcomes]
    return (
        pl.DataFrame(events, schema=EVENTS, orient="row"),
        pl.DataFrame(observed, schema=OBSERVATIONS, orient="row"),
    )


def _events(
    problem: DesignProblem, batch: str, candidate: str, history: Iterable[Change], at: datetime
) -> Iterable[dict[str, Any]]:
    before: State | None = None
    for number, change in enumerate(history):
        check_move(before, change.state, where=f"candidate {candidate} of batch {batch}")
        yield {
            "event_id": identify(problem.name, batch, candidate, number, change.state),
            "problem": problem.name,
            "batch_id": batch,
            "candidate_id": candidate,
            "sequence": number,
            "state": str(change.state),
            "reason": change.reason,
            "occurred_at": change.at or at,
        }
        before = change.state


def _observation(problem: DesignProblem, batch: str, outcome: Observation, name: str, at: datetime) -> dict[str, Any]:
    return {
        "problem": problem.name,
        "candidate_id": outcome.candidate_id,
        "batch_id": batch,
        "state": str(outcome.state),
        "objectives": json.dumps(outcome.values, sort_keys=True),
        "surprise": None,
        "evaluator": name,
        "reason": outcome.reason,
        "observed_at": at,
    }


def with_surprise(observed: pl.DataFrame, proposed: pl.DataFrame) -> pl.DataFrame:
    """Observations of one problem with what is unexpected of them.

    Args:
        observed: rows of design.observations.
        proposed: rows of design.proposals.
    """
    foretold = dict(proposed.select("candidate_id", "predicted").iter_rows())
    told = [
        surprise(foretold.get(candidate), values) for candidate, values in observed["candidate_id", "objectives"].rows()
    ]
    made = [json.dumps(t, sort_keys=True) if t else None for t in told]
    return observed.with_columns(surprise=pl.Series(made, dtype=pl.String))


def surprise(predicted: str | None, objectives: str) -> dict[str, float]:
    """Objective -> how far its outcome is above its prediction, in predicted deviations; without prediction none.

    Args:
        predicted: JSON of means and deviations.
        objectives: JSON of values.
    """
    foretold, found = json.loads(predicted or "{}"), {}
    for name, value in json.loads(objectives).items():
        mean, deviation = foretold.get(f"mean_{name}"), foretold.get(f"sd_{name}")
        if value is not None and mean is not None and deviation:
            found[name] = (value - mean) / deviation
    return found


def values_of(problem: DesignProblem, observations: pl.DataFrame, candidate_ids: Sequence[str]) -> tuple[Any, Any]:
    """Outcomes (n x (k + c), NaN where unknown or failed) and which candidates were evaluated (n)."""
    told = {
        row["candidate_id"]: json.loads(row["objectives"])
        for row in observations.filter(pl.col("problem") == problem.name).iter_rows(named=True)
    }
    names = problem.outcomes
    values = np.array([[told.get(c, {}).get(n, np.nan) for n in names] for c in candidate_ids], dtype=np.float64)
    return values.reshape(len(candidate_ids), len(names)), np.array([c in told for c in candidate_ids], dtype=bool)


def front_rows(problem: DesignProblem, observations: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """Rows of design.fronts: the accepted candidates that no other dominates, of those that keep all limits."""
    own = candidates.filter((pl.col("problem") == problem.name) & ~pl.col("retired"))
    values, _ = values_of(problem, observations, own["candidate_id"].to_list())
    names = [o.name for o in problem.objectives]
    kept = met(values[:, len(names) :], problem.limits)
    values = values[:, : len(names)]
    known = np.flatnonzero(np.isfinite(values).all(axis=1) & kept)
    best = known[pareto.nondominated(values[known] * signs(problem.objectives))] if len(known) else known
    told = [json.dumps(dict(zip(names, map(float, values[i]), strict=True)), sort_keys=True) for i in best]
    chosen: pl.DataFrame = own[best.tolist()]
    return chosen.select(
        "problem", "candidate_id", "formula", objectives=pl.Series(told, dtype=pl.String)
    ).sort("candidate_id")  # fmt: skip


def trace_rows(problem: DesignProblem, trace: pl.DataFrame, *, strategy: str) -> pl.DataFrame:
    """Rows of design.traces from `models.design.simulate`; times are left out, they differ from run to run."""
    best = [c for c in trace.columns if c.startswith("best_")]
    return trace.select(
        problem=pl.lit(problem.name),
        strategy=pl.lit(strategy),
        seed=pl.col("seed").cast(pl.Int64),
        evaluation=pl.int_range(1, pl.len() + 1).over("seed").cast(pl.Int64),
        iteration=pl.col("iteration").cast(pl.Int64),
        table_row=pl.col("row").cast(pl.Int64),
        best=pl.struct(best).struct.json_encode(),
        front_fraction="front_fraction",
        hypervolume_fraction="hypervolume_fraction",
    )


def map_rows(problem: DesignProblem, outcome: str, positions: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of design.maps from `Surrogate.latent_positions` and the rows that it was learned from."""
    names = positions["variable"].unique(maintain_order=True).to_list()
    used = pl.concat(
        [rows.select(level=n).group_by("level").len("evaluations").with_columns(variable=pl.lit(n)) for n in names]
    )
    return positions.join(used, on=["variable", "level"], how="left", maintain_order="left").select(
        pl.lit(problem.name).alias("problem"),
        pl.lit(outcome).alias("outcome"),
        "variable",
        "level",
        "z1",
        "z2",
        pl.col("evaluations").fill_null(0).cast(pl.Int64),
    )
