"""`matloom fuse`: a thin skin over `models.fidelity`."""

from pathlib import Path
from typing import Annotated

import typer

from dagster_project.commands.common import (
    InputError,
    Json,
    Out,
    OutModel,
    Seed,
    command,
    finish,
    listed,
    read_input,
    say,
    within,
)

app = typer.Typer(no_args_is_help=True, help="Several fidelities of one quantity in one model.")


@command(app, "fit")
def fit(
    table: Annotated[str, typer.Argument(help="Training rows: a composition and a column for each fidelity.")],
    out: OutModel,
    fidelities: Annotated[str, typer.Option("--fidelities", help="Joined by commas, such as pbe,hse,expt.")],
    target: Annotated[str, typer.Option("--target", help="The fidelity to predict.")],
    column: Annotated[str, typer.Option("--column", help="Column of the composition.")] = "",
    way: Annotated[
        str, typer.Option("--way", help="alone, delta, stack, boost or latent; else the best, or a blend.")
    ] = "",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Learn one fidelity from the others and the composition; the way is chosen by cross-validation."""
    from models import fidelity
    from models.bias.describing import FORMULAS

    frame = read_input(table, text=(*FORMULAS, column))
    made = fidelity.fit(frame, fidelities=listed(fidelities), target=target, formula=column, way=way, seed=seed)
    card = fidelity.save(made, Path(out), target=target, seed=seed)
    say({"model_id": card.model_id, "rows": made.rows, **made.scores}, as_json=as_json)


@command(app, "predict")
def predict(
    model: Annotated[str, typer.Argument(help="Model folder.")],
    rows: Annotated[str, typer.Argument(help="Rows to predict: a composition, and lower fidelities where known.")],
    out: Out,
    as_json: Json = False,
) -> None:
    """Add mean, sd and a 90 % interval; rows without composition and lower fidelity stay with a reason."""
    from etl.features.rows import beside
    from models import fidelity

    made = fidelity.load(Path(model))
    columns = made.columns
    needs = () if columns.main else (columns.formula or "formula",)
    frame = read_input(rows, needs=needs, text=(columns.formula,) if columns.formula else ())
    found = made.predict(frame)
    summary = {"rows": frame.height, "not_ok": int((~found["ok"]).sum()), "out": out}
    finish(beside(frame, found), out, summary, as_json=as_json)


@command(app, "simulate")
def simulate(
    table: Annotated[str, typer.Argument(help="Rows with a cheap and a costly value, and a formula or numbers.")],
    cheap: Annotated[str, typer.Option("--cheap", help="Column of the cheap source.")],
    costly: Annotated[str, typer.Option("--costly", help="Column of the costly one, to be maximized.")],
    out: Out,
    costs: Annotated[str, typer.Option("--costs", help="Of a cheap and a costly value.")] = "1,10",
    init: Annotated[int, typer.Option("--init", help="Costly values at the start."), within(2)] = 5,
    budget: Annotated[float, typer.Option("--budget", help="What may be spent."), within(1)] = 3300.0,
    rows: Annotated[int, typer.Option("--rows", help="Random rows to choose from, a seed."), within(4, 2000)] = 300,
    features: Annotated[str, typer.Option("--features", help="Columns; else a formula, else numbers.")] = "",
    seeds: Annotated[int, typer.Option("--seeds", help="Repetitions."), within(1)] = 5,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """What does a cheap source save? Campaigns for the largest costly value, with both sources and with one."""
    import polars as pl

    from models.bias.describing import FORMULAS
    from models.fidelity import campaign

    plan = campaign.Plan(costs=_prices(costs), init=init, budget=budget)
    columns = listed(features)
    frame = read_input(table, needs=(cheap, costly, *columns), text=FORMULAS)
    runs = campaign.compare(
        frame, plan=plan, cheap=cheap, costly=costly, seeds=range(seed, seed + seeds), rows=rows, features=columns
    )
    traces = pl.concat(trace.with_columns(strategy=pl.lit(name)) for name, trace in runs.items())
    finish(traces, out, campaign.summarise(runs), as_json=as_json)


def _prices(text: str) -> tuple[float, float]:
    """Two costs above zero."""
    try:
        cheap, costly = (float(part) for part in listed(text))
    except ValueError:
        cheap, costly = 0.0, 0.0
    if not 0 < cheap < float("inf") or not 0 < costly < float("inf"):
        raise InputError.of(text, "--costs", "give two numbers above zero, such as 1,10")
    return cheap, costly
