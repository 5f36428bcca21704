"""Adaptive design: problems, candidates, one round of proposals and evaluations, fronts, simulated campaigns."""

from datetime import UTC, datetime

import polars as pl

from dagster_project import calculations
from dagster_project.building import Build, Frames, table_assets
from dagster_project.settings import Settings
from schemas import problem as problems

SEEDS = 6


def _front(fronts: pl.DataFrame) -> dict[str, str]:
    """The first two objectives of each front."""
    from warehouse.report.design import of_fronts

    return {p.alt: p.svg for p in of_fronts(fronts)}


def _levels(maps: pl.DataFrame) -> dict[str, str]:
    """Maps of the variables, outcome by outcome."""
    from warehouse.report.design import of_maps

    return {p.alt: p.svg for p in of_maps(maps)}


def _growth(traces: pl.DataFrame) -> dict[str, str]:
    """What strategies found over the evaluations, with bands over the seeds."""
    from warehouse.report.design import of_traces

    return {p.alt: p.svg for p in of_traces(traces)}


def _asked(settings: Settings) -> list[object]:
    """The problems that are worked on; what was proposed of open ones, near which new candidates are drawn."""
    from models.design import space
    from warehouse.store import Store

    asked = problems.worked_on()
    opened = [p.name for p in asked if space.is_open(p)]
    proposed = Store(settings.home).read_passed("design.proposals") if opened else None
    drawn = proposed.filter(pl.col("problem").is_in(opened)).height if proposed is not None else 0
    return [[p.model_dump_json() for p in asked], drawn]


@table_assets(
    "design.problems",
    "design.candidates",
    group="design",
    stamp=_asked,
)
def candidates(build: Build) -> Frames:
    """Every problem that is worked on and all candidates it allows, or once allowed and proposed."""
    from models.evaluators import rounds

    tables = ("design.problems", "design.candidates", "design.proposals")
    return rounds.enumerated(*(build.store.read_passed(name) for name in tables))


@table_assets(
    "design.batches",
    "design.proposals",
    group="design",
    mode="upsert",
    reads={"candidates": "design.candidates"},
    watches=("design.observations",),
    kinds=("pytorch",),
)
def proposals(build: Build, candidates: pl.LazyFrame) -> Frames:
    """The next batch of every problem with budget left: the initial design first, then by acquisition."""
    from models.evaluators import rounds

    observed = build.earlier("design.observations")
    proposed = build.store.read_passed("design.proposals")
    return rounds.propose(candidates.collect(), observed, proposed, seed=build.seed, at=datetime.now(UTC))


@table_assets(
    "design.events",
    "design.observations",
    group="design",
    mode="upsert",
    reads={"proposals": "design.proposals"},
    watches=("core.structures", "design.candidates"),
    stamp=calculations.stamp,
)
def observations(build: Build, proposals: pl.LazyFrame) -> Frames:
    """Sends what was proposed and not yet evaluated to the problem's evaluator, and lands the outcomes there are.

    A recorded table answers at once. Calculations are only asked for: sensors start them and see how they are.
    """
    from etl.reference import recorded
    from models.evaluators import rounds

    known = build.store.read_passed("design.observations")
    candidates = build.earlier("design.candidates")
    asked = calculations.evaluators(build.settings, build.earlier("core.structures"), candidates)
    now = datetime.now(UTC)
    return rounds.evaluate(proposals.collect(), known, candidates, tables=recorded(), evaluators=asked, at=now)


@table_assets(
    "design.fronts",
    group="design",
    reads={"observations": "design.observations", "candidates": "design.candidates"},
    plots={"design.fronts": _front},
)
def fronts(build: Build, observations: pl.LazyFrame, candidates: pl.LazyFrame) -> Frames:
    """The evaluated candidates that no other dominates, problem by problem."""
    from models.evaluators import rounds

    return rounds.fronts(observations.collect(), candidates.collect())


@table_assets(
    "design.maps",
    group="design",
    reads={"observations": "design.observations", "candidates": "design.candidates"},
    kinds=("pytorch",),
    plots={"design.maps": _levels},
)
def maps(build: Build, observations: pl.LazyFrame, candidates: pl.LazyFrame) -> Frames:
    """Where the surrogates of the outcomes place the levels of variables: which of them act alike."""
    from models.evaluators import rounds

    return rounds.maps(observations.collect(), candidates.collect())


@table_assets(
    "design.generations",
    group="design",
    reads={
        "candidates": "design.candidates",
        "proposals": "design.proposals",
        "events": "design.events",
        "observations": "design.observations",
    },
)
def generations(
    build: Build,
    candidates: pl.LazyFrame,
    proposals: pl.LazyFrame,
    events: pl.LazyFrame,
    observations: pl.LazyFrame,
) -> Frames:
    """The report of each batch: what was asked, what came back, what surprised, what comes next."""
    from models.evaluators import generations as told

    return told.report(*(f.collect() for f in (candidates, proposals, events, observations)))


@table_assets(
    "design.traces",
    group="design",
    reads={"problems": "design.problems"},
    kinds=("pytorch",),
    plots={"design.traces": _growth},
)
def traces(build: Build, problems: pl.LazyFrame) -> Frames:
    """What the surrogate and chance would have found on the problems with a recorded table."""
    from etl.reference import recorded
    from models.evaluators import rounds

    seeds = range(build.seed, build.seed + SEEDS)
    return rounds.traces(problems.collect(), recorded(), seeds=seeds)
