"""`matloom fuse`: a thin skin over `models.fidelity`."""

from pathlib import Path
from typing import Annotated

import typer

from dagster_project.commands.common import (
    Json,
    Out,
    OutModel,
    Seed,
    command,
    finish,
    listed,
    read_input,
    say,
)

app = typer.Typer(no_args_is_help=True, help="Several fidelities of one quantity in one model.")


@command(app, "fit")
def fit(
    table: Annotated[str, typer.Argument(help="Training rows: a composition and a column for each fidelity.")],
    out: OutModel,
    fidelities: Annotated[str, typer.Option("--fidelities", help="Joined by commas, such as pbe,hse,expt.")],
    target: Annotated[str, typer.Option("--target", help="The fidelity to predict.")],
    column: Annotated[str, typer.Option("--column", help="Column of the composition.")] = "",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Learn one fidelity from the others and the composition; the way is chosen by cross-validation."""
    from models import fidelity
    from models.bias.describing import FORMULAS

    frame = read_input(table, text=(*FORMULAS, column))
    made = fidelity.fit(frame, fidelities=listed(fidelities), target=target, formula=column, seed=seed)
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
