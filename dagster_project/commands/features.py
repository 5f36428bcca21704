"""`matloom features`: thin skins over `etl.features`."""

from typing import TYPE_CHECKING, Annotated

import typer

from dagster_project.commands.common import (
    Json,
    Out,
    Workers,
    command,
    finish,
    read_input,
    read_structures,
    workers,
)

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer(help="Compute features of compositions and structures.", no_args_is_help=True)


@command(app, "composition")
def composition(
    rows: Annotated[str, typer.Argument(help="Table with a formula column.")],
    out: Out,
    column: Annotated[str, typer.Option("--column", help="The formula column.")] = "formula",
    which: Annotated[str, typer.Option("--set", help="magpie or extended.")] = "magpie",
    as_json: Json = False,
) -> None:
    """Add the Magpie columns (and ours, with --set extended) to a table of formulas."""
    from etl.features import composition as features

    frame = read_input(rows, needs=(column,), text=(column,))
    _end(features.composition(frame, column=column, set=which), out, as_json=as_json)


@command(app, "structure")
def structure(
    rows: Annotated[str, typer.Argument(help="Folder of CIF files, or a table with cif or poscar.")],
    out: Out,
    count: Workers = 0,
    as_json: Json = False,
) -> None:
    """Add the ten structure features and ours; null with a reason where one cannot be computed."""
    from etl.features import structure as features

    _end(features.structure(read_structures(rows), workers=workers(count)), out, as_json=as_json)


def _end(made: "pl.DataFrame", out: str, *, as_json: bool) -> None:
    good = int(made["ok"].sum())
    finish(made, out, {"rows": made.height, "ok": good, "not_ok": made.height - good, "out": out}, as_json=as_json)
