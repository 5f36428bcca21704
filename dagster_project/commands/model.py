"""`matloom model`: thin skins over `models.lvgp`."""

from pathlib import Path
from typing import Annotated

import typer

from dagster_project.commands.common import (
    Json,
    Out,
    OutFolder,
    OutModel,
    Seed,
    command,
    finish,
    folder,
    listed,
    read_input,
    say,
    writable_model,
    write_output,
)
from dagster_project.commands.design import Descriptors, described
from models.lvgp.kinds import KINDS

app = typer.Typer(no_args_is_help=True, help="Gaussian processes over mixed variables.")


@command(app, "fit")
def fit(
    table: Annotated[str, typer.Argument(help="Training rows.")],
    out: OutModel,
    target: Annotated[str, typer.Option("--target", help="Output column; with several a folder each, OUT-TARGET.")],
    inputs: Annotated[str, typer.Option("--inputs", help="Input columns joined by commas.")] = "",
    categorical: Annotated[str, typer.Option("--categorical", help="Categorical columns joined by commas.")] = "",
    kind: Annotated[str, typer.Option("--kind", help=f"One of {', '.join(KINDS)}.")] = "lvgp",
    descriptors: Descriptors = "",
    noise: Annotated[str, typer.Option("--noise", help="Column with the standard deviation of each output.")] = "",
    repeated: Annotated[bool, typer.Option("--repeated", help="Estimate noise from rows of equal inputs.")] = False,
    together: Annotated[bool, typer.Option("--together", help="Targets share the places of levels.")] = False,
    source: Annotated[str, typer.Option("--source", help="Column with the source (fidelity) of each row.")] = "",
    order: Annotated[str, typer.Option("--order", help="Its values, from the coarsest to the one that counts.")] = "",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Fit a surrogate of each target and write a model folder."""
    from models.lvgp import model as lvgp
    from models.lvgp.tables import Task, learn

    task = Task(
        targets=listed(target),
        inputs=listed(inputs),
        categorical=listed(categorical),
        kind=kind,  # type: ignore[arg-type]
        noise=noise,
        repeated=repeated,
        together=together,
        source=source,
        order=listed(order),
    )
    frame = read_input(table, needs=task.columns, text=task.text)
    places = {t: out if len(task.targets) == 1 else f"{out}-{t}" for t in task.targets}
    for where in places.values():
        writable_model(where, "--out")
    summaries = {}
    for made in learn(frame, task, descriptors=described(descriptors), seed=seed):
        told = noise or "repeated" * repeated
        place, beside = Path(places[made.target]), task.targets if together else ()
        card = lvgp.save(made.model, place, target=made.target, beside=beside, noise=told, seed=seed)
        counts = {"model_id": card.model_id, "rows": card.data["rows"], "left_out": frame.height - made.rows}
        summaries[made.target] = counts | card.scores
    first, *others = summaries.values()
    say({"models": summaries} if others else first, as_json=as_json)


@command(app, "predict")
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


@command(app, "latent")
def latent(
    model: Annotated[str, typer.Argument(help="Model folder.")],
    out: OutFolder,
    as_json: Json = False,
) -> None:
    """Write the positions of the levels to positions.csv, and draw them to latent.svg."""
    from models.lvgp import model as lvgp
    from warehouse.files import write_aside
    from warehouse.report.design import latent_map

    positions = lvgp.load(Path(model)).latent_positions()
    into = folder(out)
    write_output(positions, str(into / "positions.csv"))
    write_aside(latent_map(positions).encode(), into / "latent.svg")
    say({"levels": positions.height, "out": out}, as_json=as_json)
