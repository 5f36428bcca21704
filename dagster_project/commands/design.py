"""`matloom design`: thin skins over `models.design`; surrogates by themselves are in `model`, the loop in `loop`."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dagster_project.commands.common import (
    InputError,
    Json,
    Out,
    Seed,
    Workers,
    command,
    finish,
    listed,
    read_input,
    within,
    workers,
)

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer(no_args_is_help=True, help="Choose what to evaluate next.")
Strategy = Annotated[str, typer.Option("--strategy", help="A kind of `model fit`, or random.")]
Descriptors = Annotated[
    str,
    typer.Option("--descriptors", help="Long table of parameter, option, descriptor and value; elements need none."),
]
Acquisition = Annotated[
    str, typer.Option("--acquisition", help="gain+front, front; ei, nei, pi or ucb of one objective; ehvi, parego.")
]
Problem = Annotated[str, typer.Argument(help="Problem file, or the name of a shipped problem.")]


@command(app, "candidates")
def candidates(problem: Problem, out: Out, as_json: Json = False) -> None:
    """List every candidate that a problem allows."""
    from models.design import candidates as enumerate_
    from schemas.problem import load

    found = enumerate_(load(problem))
    finish(found, out, {"candidates": found.height, "out": out}, as_json=as_json)


@command(app, "init")
def init(
    problem: Problem,
    out: Out,
    n: Annotated[int, typer.Option("--n", help="How many candidates."), within(1)] = 12,
    kind: Annotated[str, typer.Option("--kind", help="usual, informative, balanced, space, lhs, random.")] = "usual",
    points: Annotated[str, typer.Option("--points", help="Table of points of your own, which come first.")] = "",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Choose an initial design: by default levels evenly used, or, where they are more than that, far apart."""
    from models.design import campaigns, space
    from schemas.problem import load

    asked = load(problem)
    names = tuple(v.name for v in asked.variables)
    given = read_input(points, needs=names, text=names) if points else None
    found = campaigns.offered(asked, given, seed=seed)
    chosen = campaigns.first(asked, found, n=n, seed=seed, kind=kind, given=given)  # type: ignore[arg-type]
    summary = {"candidates": None if space.is_open(asked) else found.height, "chosen": chosen.height, "out": out}
    finish(chosen.drop("row"), out, summary, as_json=as_json)


@command(app, "propose")
def propose(
    problem: Problem,
    out: Out,
    observations: Annotated[
        str, typer.Option("--observations", help="Table with variables, objectives, what has a limit.")
    ],
    batch: Annotated[
        int | None,
        typer.Option("--batch", help="How many; else 1, or at first an initial design."),
        within(1),
    ] = None,
    strategy: Strategy = "lvgp",
    acquisition: Acquisition = "gain+front",
    pending: Annotated[str, typer.Option("--pending", help="Table of candidates that are being evaluated.")] = "",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Propose the next candidates; a row without an objective, or without what has a limit, is a failed evaluation.

    Observations that are no candidates of the problem are left out, counted and named on stderr. The summary says what
    may still be gained: the improvement expected were all candidates evaluated, and the chance that nothing is left.
    """
    from models.design import campaigns
    from schemas.problem import load

    asked = load(problem)
    names = tuple(v.name for v in asked.variables)
    observed = read_input(observations, needs=(*names, *asked.outcomes), text=names)
    waiting = read_input(pending, needs=names, text=names) if pending else None
    found, told = campaigns.proposed(
        asked, observed, waiting, batch=batch, strategy=strategy, acquisition=acquisition, seed=seed
    )
    sys.stderr.write("".join(f"left out: {why}\n" for why in told.refused))
    summary = {
        "observations": observed.height,
        "left_out": len(told.refused),
        "proposed": found.height,
        "strategy": campaigns.followed(found, told.tried, strategy),
        "remaining_improvement": campaigns.said(found, "remaining_improvement"),
        "p_complete": campaigns.said(found, "p_complete"),
        "out": out,
    }
    finish(found, out, summary, as_json=as_json)


@command(app, "simulate")
def simulate(
    table: Annotated[str, typer.Argument(help="Look-up table.")],
    out: Out,
    variables: Annotated[str, typer.Option("--variables", help="Columns joined by commas.")],
    objectives: Annotated[str, typer.Option("--objectives", help="Such as max:gap,min:stability.")],
    init: Annotated[int, typer.Option("--init", help="Evaluations of the initial design."), within(2)] = 12,
    budget: Annotated[int, typer.Option("--budget", help="Evaluations in all."), within(2)] = 60,
    batch: Annotated[int, typer.Option("--batch", help="Evaluations at once."), within(1)] = 1,
    seeds: Annotated[int, typer.Option("--seeds", help="Repetitions."), within(1)] = 20,
    strategy: Strategy = "lvgp",
    acquisition: Acquisition = "gain+front",
    limits: Annotated[str, typer.Option("--limits", help="Such as stability<=0.1, of further columns.")] = "",
    design: Annotated[str, typer.Option("--design", help="Kind of the initial design, as in `init`.")] = "usual",
    descriptors: Descriptors = "",
    seed: Seed = 0,
    count: Workers = 0,
    as_json: Json = False,
) -> None:
    """Run closed loops on a look-up table; rows without a variable are left out.

    The same seed gives the same trace in all columns but fit_s, which is the time of each proposal.
    """
    from models.design import goals, simulation

    names = listed(variables)
    plan = simulation.Plan(
        variables=names,
        wanted=goals.objectives(objectives),
        limits=goals.limits(limits),
        init=init,
        budget=budget,
        batch=batch,
        strategy=strategy,
        acquisition=acquisition,
        design=design,  # type: ignore[arg-type]
    )
    if both := [o.name for o in plan.wanted if o.name in names]:
        raise InputError.of(f"the objective {both[0]}", "--variables", "leave it out")
    if both := [told for told in plan.outcomes[len(plan.wanted) :] if told in {*names, *(o.name for o in plan.wanted)}]:
        raise InputError.of(f"a limit of {both[0]}", "--limits", "name a column that is no variable and no objective")
    frame = read_input(table, needs=(*names, *plan.outcomes), text=("formula",))
    trace = simulation.simulate(
        frame, plan, seeds=range(seed, seed + seeds), workers=workers(count), descriptors=described(descriptors)
    )
    finish(trace, out, simulation.summarise(trace, plan, frame), as_json=as_json)


def described(where: str) -> "pl.DataFrame | None":
    """The table of descriptors, where one is named."""
    columns = ("parameter", "option", "descriptor", "value")
    return read_input(where, needs=columns, text=columns[:3]) if where else None
