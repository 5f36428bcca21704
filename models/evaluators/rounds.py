"""Rounds of all problems at once, on the rows of the design tables: propose, evaluate, fronts, simulated traces."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import polars as pl

from models.design import campaigns, simulation, space
from models.design.proposal import Rules
from models.evaluators import campaign
from models.evaluators.budget import asked_in, left
from models.evaluators.protocol import Evaluator
from models.evaluators.recorded import RecordedTable
from models.evaluators.states import State
from schemas import problem as problems
from schemas.emit.polars import schema
from schemas.errors import InputError
from schemas.problem import DesignProblem
from schemas.tables import REGISTRY

_PROPOSALS, _BATCHES, _FRONTS, _TRACES, _MAPS = (
    schema(REGISTRY[f"design.{name}"]) for name in ("proposals", "batches", "fronts", "traces", "maps")
)


def enumerated(before: pl.DataFrame, candidates: pl.DataFrame, proposals: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows of design.problems and design.candidates of every problem that is worked on.

    What was proposed stays when its problem no longer allows it, as `retired`: its outcomes were paid for, and other
    tables refer to it.

    Args:
        before: rows of design.problems so far.
        candidates: rows of design.candidates so far.
        proposals: rows of design.proposals so far.
    """
    asked = problems.worked_on()
    proposed = candidates.join(proposals, on=["problem", "candidate_id"], how="semi")

    def listed(p: DesignProblem) -> pl.DataFrame:
        return campaign.candidate_rows(p, campaigns.listed(p, campaign.candidates_in(p, proposed)))

    return {
        "design.problems": _with_retired(pl.concat(campaign.problem_rows(p) for p in asked), before, on=["problem"]),
        "design.candidates": _with_retired(
            pl.concat(listed(p) for p in asked),
            proposed,
            on=["problem", "candidate_id"],
        ),
    }


def _with_retired(now: pl.DataFrame, before: pl.DataFrame, *, on: list[str]) -> pl.DataFrame:
    gone = before.join(now, on=on, how="anti").with_columns(retired=pl.lit(True))
    return pl.concat([now, gone.select(now.columns)])


def propose(
    candidates: pl.DataFrame, observed: pl.DataFrame, proposed: pl.DataFrame, *, seed: int, at: datetime
) -> dict[str, pl.DataFrame]:
    """Rows of design.proposals and design.batches of the next round; none where the budget is spent.

    What was proposed and has no outcome yet counts as tried, and while a whole batch of it waits nothing is added: a
    calculation takes its time.

    Args:
        candidates: rows of design.candidates.
        observed: rows of design.observations.
        proposed: rows of design.proposals so far.
        seed: of everything random.
        at: time of the proposals.
    """
    rows, batches = [pl.DataFrame(schema=_PROPOSALS)], []
    for asked in asked_in(candidates):
        frame = campaign.candidates_in(asked, candidates)
        values, tried = campaign.values_of(asked, observed, frame["candidate_id"].to_list())
        own = proposed.filter(pl.col("problem") == asked.name)
        waiting = frame["candidate_id"].is_in(own["candidate_id"].to_list()).to_numpy() & ~tried
        pending = int(waiting.sum())
        budget = left(asked, observed, proposed, candidates=frame["candidate_id"])
        rest = min(budget, frame.height - int(tried.sum())) - pending
        batch = min((asked.budget.batch if tried.any() else asked.budget.initial) - pending, rest)
        if batch <= 0 or (pending and not tried.any()):
            continue
        iteration = own["batch_id"].n_unique()
        strategy = campaigns.usual(asked)
        chosen = campaigns.next_candidates(
            asked,
            frame,
            values=values,
            tried=tried,
            batch=batch,
            strategy=strategy,
            seed=seed + iteration,
            rules=Rules(pending=waiting),
        )
        strategy = campaigns.followed(chosen, tried, strategy)
        made = campaign.proposal_rows(asked, chosen, iteration=iteration, strategy=strategy, at=at)
        rows.append(made.cast(_PROPOSALS))
        name = campaign.batch_id(asked, iteration)
        batches.append((name, asked.name, iteration, made.height, asked.evaluator.kind))
    return {
        "design.proposals": pl.concat(rows),
        "design.batches": pl.DataFrame(batches, schema=_BATCHES, orient="row"),
    }


def evaluate(
    proposals: pl.DataFrame,
    known: pl.DataFrame,
    candidates: pl.DataFrame,
    *,
    tables: Mapping[str, pl.DataFrame],
    evaluators: Mapping[str, Evaluator] | None = None,
    at: datetime,
) -> dict[str, pl.DataFrame]:
    """Rows of design.events and design.observations of what was proposed and has no outcome yet.

    Args:
        proposals: rows of design.proposals.
        known: rows of design.observations.
        candidates: rows of design.candidates.
        tables: recorded tables by name.
        evaluators: of problems that calculations answer; one without an evaluator waits.
        at: time of the events that happen now.
    """
    events, observed = [pl.DataFrame(schema=campaign.EVENTS)], [pl.DataFrame(schema=campaign.OBSERVATIONS)]
    for asked in asked_in(proposals):
        own = (evaluators or {}).get(asked.name)
        evaluator = recorded(asked, tables) if asked.evaluator.instant else own
        if evaluator is None:
            continue
        settled = known.filter(pl.col("problem") == asked.name)
        if not asked.evaluator.instant:  # a person may have asked again for what failed
            settled = settled.filter(pl.col("state") != str(State.CALCULATION_FAILED))
        waiting = proposals.filter(pl.col("problem") == asked.name).join(settled, on="candidate_id", how="anti")
        frame = campaign.candidates_in(asked, candidates)
        for batch, group in waiting.sort("batch_id", "rank").group_by("batch_id", maintain_order=True):
            rows = frame.join(group.select("candidate_id"), on="candidate_id", how="semi").to_dicts()
            made, told = campaign.evaluate(asked, rows, batch=str(batch[0]), evaluator=evaluator, at=at)
            events.append(made)
            observed.append(campaign.with_surprise(told, waiting))
    return {"design.events": pl.concat(events), "design.observations": pl.concat(observed)}


def recorded(asked: DesignProblem, tables: Mapping[str, pl.DataFrame]) -> RecordedTable:
    """The recorded table of a problem as evaluator.

    Raises:
        InputError: no such table, one that does not fit the problem, or a problem whose candidates cannot be listed.
    """
    if space.is_open(asked):
        what = "a recorded table knows none but its own rows"
        raise InputError.of(what, asked.name, "name the table of all candidates, or declare integers and fewer levels")
    name = str(asked.evaluator.table)
    if name not in tables:
        raise InputError.of(f"no recorded table {name!r}", asked.name, f"use one of {', '.join(tables)}")
    variables = [v.name for v in asked.variables]
    return RecordedTable(name, tables[name], variables=variables, objectives=asked.outcomes)


def fronts(observations: pl.DataFrame, candidates: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows of design.fronts of every problem with an outcome."""
    rows = [campaign.front_rows(asked, observations, candidates) for asked in asked_in(observations)]
    return {"design.fronts": pl.concat([pl.DataFrame(schema=_FRONTS), *rows])}


def traces(rows: pl.DataFrame, tables: Mapping[str, pl.DataFrame], *, seeds: Sequence[int]) -> dict[str, pl.DataFrame]:
    """Rows of design.traces: the surrogate against chance on every problem with a recorded table; none without one.

    Loops choose from the rows of the table that the problem allows; of costs they know nothing.
    """
    asked = [DesignProblem.model_validate_json(d) for d in rows.filter(~pl.col("retired"))["definition"]]
    recorded = [p for p in asked if p.evaluator.instant]
    made = [pl.DataFrame(schema=_TRACES)]
    for problem, strategy in ((p, s) for p in recorded for s in (campaigns.usual(p), "random")):
        table = campaigns.rows_in(problem, tables[str(problem.evaluator.table)])
        plan, told = _plan(problem, strategy, table), campaigns.descriptors_of(problem)
        if plan.init < 2:
            continue
        trace = simulation.simulate(table, plan, seeds=seeds, descriptors=told)
        trace = trace.with_columns(row=table["table_row"].gather(trace["row"]))
        made.append(campaign.trace_rows(problem, trace, strategy=strategy))
    return {"design.traces": pl.concat(made)}


def maps(observations: pl.DataFrame, candidates: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows of design.maps of every problem with levels and as many outcomes as its initial design has."""
    from models.lvgp.model import fit

    made = [pl.DataFrame(schema=_MAPS)]
    for asked in asked_in(observations):
        frame = campaign.candidates_in(asked, candidates)
        values, _ = campaign.values_of(asked, observations, frame["candidate_id"].to_list())
        known = np.isfinite(values).all(axis=1)
        kind = campaigns.usual(asked)
        encoding = campaigns.encoding_of(asked, strategy=kind)
        if not encoding.levels or known.sum() < asked.budget.initial:
            continue
        rows = space.filled(asked, frame.filter(pl.Series(known)))
        for name, outcome in zip(asked.outcomes, values[known].T, strict=True):
            # a map is drawn from the rows themselves, whatever an ensemble makes of them
            model = fit(rows, outcome, encoding=encoding, kind=kind, members=1, steps=1)  # type: ignore[arg-type]
            made.append(campaign.map_rows(asked, name, model.latent_positions(), rows))
    return {"design.maps": pl.concat(made)}


def _plan(asked: DesignProblem, strategy: str, table: pl.DataFrame) -> simulation.Plan:
    """A closed loop as the problem's own rounds go: its initial design, then batches until its budget is spent.

    Variables that never vary in the table are left out.
    """
    names = [v.name for v in asked.variables]
    return simulation.Plan(
        variables=tuple(n for n in names if table[n].n_unique() > 1) or tuple(names[:1]),
        wanted=asked.objectives,
        limits=asked.limits,
        init=min(asked.budget.initial, table.height),
        budget=min(asked.budget.total, table.height),
        batch=asked.budget.batch,
        strategy=strategy,
    )
