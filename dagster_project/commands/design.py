"""`matloom design` and `matloom model`: thin skins over `models.design` and `models.lvgp`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagster_project.commands.common import (
    InputError,
    Json,
    Out,
    OutFolder,
    OutModel,
    Seed,
    Workers,
    command,
    finish,
    folder,
    listed,
    read_input,
    say,
    within,
    workers,
    write_output,
)
from models.lvgp.kinds import KINDS

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer(no_args_is_help=True, help="Choose what to evaluate next.")
model_app = typer.Typer(no_args_is_help=True, help="Gaussian processes over mixed variables.")
Strategy = Annotated[str, typer.Option("--strategy", help="A kind of `model fit`, or random.")]
Descriptors = Annotated[
    str, typer.Option("--descriptors", help="Long table of parameter, option, descriptor and value; else of elements.")
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
        frame, plan, seeds=range(seed, seed + seeds), workers=workers(count), descriptors=_descriptors(descriptors)
    )
    finish(trace, out, simulation.summarise(trace, plan, frame), as_json=as_json)


@command(model_app, "fit")
def fit(
    table: Annotated[str, typer.Argument(help="Training rows.")],
    out: OutModel,
    target: Annotated[str, typer.Option("--target", help="Output column.")],
    inputs: Annotated[str, typer.Option("--inputs", help="Input columns joined by commas.")] = "",
    categorical: Annotated[str, typer.Option("--categorical", help="Categorical columns joined by commas.")] = "",
    kind: Annotated[str, typer.Option("--kind", help=f"One of {', '.join(KINDS)}.")] = "lvgp",
    descriptors: Descriptors = "",
    noise: Annotated[str, typer.Option("--noise", help="Column with the standard deviation of each output.")] = "",
    repeated: Annotated[bool, typer.Option("--repeated", help="Estimate noise from rows of equal inputs.")] = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Fit a surrogate and write a model folder."""
    from models.lvgp import model as lvgp
    from models.lvgp.descriptors import described
    from models.lvgp.encoding import of_frame
    from models.lvgp.noise import replicated

    if kind not in KINDS:
        raise InputError.of(f"unknown kind {kind!r}", "--kind", f"use one of {', '.join(KINDS)}")
    names, levels = listed(inputs), listed(categorical)
    if noise and repeated:
        raise InputError.of("noise told and estimated", "--noise and --repeated", "give one of them")
    if target in (*names, *levels):
        raise InputError.of(f"the target {target}", "the inputs", "leave it out")
    frame = read_input(table, needs=(*names, *levels, target, *listed(noise)), text=levels)
    known, values = _known(frame, target)
    encoding = of_frame(known, inputs=names, categorical=levels)
    if not encoding.names:
        raise InputError.of("no inputs", "--inputs", "name input columns")
    if kind == "lvgp-descriptor" or (KINDS[kind].described and descriptors):
        encoding = described(encoding, _descriptors(descriptors))
    count, spread = known.height, _spread(known, noise)
    if repeated:
        known, values, spread = replicated(known, values, encoding.names)
    made = lvgp.fit(known, values, encoding=encoding, kind=kind, known=spread, seed=seed)
    card = lvgp.save(made, Path(out), target=target, noise=noise or "repeated" * repeated, seed=seed)
    counts = {"model_id": card.model_id, "rows": known.height, "left_out": frame.height - count}
    say(counts | card.scores, as_json=as_json)


@command(model_app, "predict")
def predict(
    model: Annotated[str, typer.Argument(help="Model folder.")],
    rows: Annotated[str, typer.Argument(help="Rows to predict.")],
    out: Out,
    as_json: Json = False,
) -> None:
    """Add mean and standard deviation; rows with an unknown level stay with a reason.

    Kind lvgp-bayes knows no unknown level: its points are prior draws.
    """
    import polars as pl

    from etl.features.rows import beside
    from models.lvgp import model as lvgp

    made = lvgp.load(Path(model))
    names = tuple(made.encoding.levels)
    frame = read_input(rows, needs=made.encoding.names, text=names)
    made = made.extended(frame) if made.kind == "lvgp-bayes" else made
    asked = made.encoding.numeric(frame.select(made.encoding.names))
    reasons = [made.encoding.refusal(row) for row in asked.iter_rows(named=True)]
    ok = pl.Series("ok", [r is None for r in reasons], dtype=pl.Boolean)
    means, deviations = made.predict(asked.filter(ok)) if ok.any() else ([], [])
    found = pl.DataFrame({"at": ok.arg_true(), "mean": means, "sd": deviations}, schema_overrides={"at": pl.UInt32})
    made_rows = pl.DataFrame({"ok": ok, "reason": pl.Series(reasons, dtype=pl.String)}).with_row_index("at")
    joined = made_rows.join(found, on="at", how="left", maintain_order="left").select("mean", "sd", "ok", "reason")
    finish(beside(frame, joined), out, {"rows": frame.height, "not_ok": int((~ok).sum())}, as_json=as_json)


@command(model_app, "latent")
def latent(
    model: Annotated[str, typer.Argument(help="Model folder.")],
    out: OutFolder,
    as_json: Json = False,
) -> None:
    """Write the positions of the levels to positions.csv, and draw them to latent.svg."""
    from models.lvgp import model as lvgp
    from models.lvgp.figure import latent_map
    from warehouse.files import write_aside

    positions = lvgp.load(Path(model)).latent_positions()
    into = folder(out)
    write_output(positions, str(into / "positions.csv"))
    write_aside(latent_map(positions), into / "latent.svg")
    say({"levels": positions.height, "out": out}, as_json=as_json)


def _descriptors(where: str) -> "pl.DataFrame | None":
    return read_input(where, needs=("parameter", "option", "descriptor", "value")) if where else None


def _spread(frame: "pl.DataFrame", noise: str) -> "Any":
    import polars as pl

    if not noise:
        return None
    told = frame[noise].cast(pl.Float64, strict=False)
    wrong = (~(told.is_finite() & (told >= 0))).fill_null(True)
    if wrong.any():
        value = frame[noise].filter(wrong)[0]
        raise InputError.of(f"no deviation ({value})", f"column {noise}", "give a number from 0 on in each row used")
    return told.pow(2).to_numpy()


def _known(frame: "pl.DataFrame", target: str) -> "tuple[pl.DataFrame, Any]":
    import polars as pl

    values = frame[target].cast(pl.Float64, strict=False)
    kept = values.is_finite().fill_null(False)
    return frame.filter(kept), values.filter(kept).to_numpy(writable=True)  # torch shares its memory
