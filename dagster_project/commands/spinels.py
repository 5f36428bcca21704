"""`matloom spinels`: thin skins over `models.evaluators.cells` and `spinels`; `matloom dft` runs between them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagster_project.commands import study
from dagster_project.commands.common import (
    Home,
    InputError,
    Json,
    Out,
    command,
    finish,
    listed,
    read_input,
    say,
    write_output,
)
from dagster_project.commands.dft import ledger_of

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer(no_args_is_help=True, help="The 270 lacunar spinels: cells, and what was calculated of them.")


@app.callback()
def group() -> None:
    """The 270 lacunar spinels: cells, and what was calculated of them."""


@command(app, "cells")
def cells(
    out: Out,
    rows: Annotated[str, typer.Option("--rows", help="What matloom dft prepare reads, such as rows.jsonl.")] = "",
    formulas: Annotated[str, typer.Option("--formulas", help="Such as GaV4S8,GaMo4S8; all 270 without.")] = "",
    apex: Annotated[bool, typer.Option("--apex", help="Start the moments of --rows on Ma alone, not spread.")] = False,
    as_json: Json = False,
) -> None:
    """Relax polar cells with CHGNet; a table that is there is gone on with, and written after every cell."""
    import polars as pl

    from models.evaluators import cells as relaxation
    from models.evaluators.spinels import by_formula

    known = by_formula()
    named = listed(formulas) or tuple(known)
    if unknown := [f for f in named if f not in known]:
        raise InputError.of(f"{unknown[0]} is none of the 270", "--formulas", "spell it as GaMo4S8 or GaVMo3S8")
    found = _cells(out) if Path(out).is_file() else pl.DataFrame(schema=relaxation.SCHEMA)
    before = found.height
    wanted = list(dict.fromkeys(known[f] for f in named))
    for row in relaxation.rows(wanted, found):
        found = pl.concat([found, row])
        write_output(found, out)
        sys.stderr.write(f"{row['formula'][0]}\n")
    asked = found.filter(pl.col("formula").is_in([m.formula for m in wanted]))
    if rows:
        write_output(relaxation.calculable(asked, apex=apex), rows)
    say({"cells": found.height, "new": found.height - before, "out": out}, as_json=as_json)


@command(app, "table")
def table(
    out: Out,
    order: Annotated[str, typer.Option("--order", help="Table with formula, generation and chosen_by.")],
    observed: Annotated[str, typer.Option("--observations", help="What design propose reads, such as seen.csv.")] = "",
    where: Annotated[str, typer.Argument(help="Folder made by dft prepare; default: that of the home.")] = "",
    at: Home = None,
    as_json: Json = False,
) -> None:
    """Write what has been calculated: gap, moment, energy of exchange, level and cost, a row a compound."""
    from models.evaluators import spinels

    ledger = ledger_of(where, at)
    chosen = read_input(order, needs=("formula", "generation", "chosen_by"), text=("formula", "chosen_by"))
    found = spinels.table(ledger, chosen)
    if observed:
        write_output(spinels.observations(found, chosen), observed)
    states = {str(s): n for s, n in found["state"].value_counts(sort=True).rows()}
    finish(found, out, {"compounds": found.height, **states, "out": out}, as_json=as_json)


@command(app, "convergence")
def convergence(
    where: study.Changed,
    base: study.Base,
    out: Out,
    as_json: Json = False,
) -> None:
    """The same as dft convergence."""
    study.convergence(where, base, out, as_json=as_json)


def _cells(where: str) -> "pl.DataFrame":
    from models.evaluators.cells import SCHEMA

    text = tuple(name for name, kind in SCHEMA.items() if str(kind) == "String")
    return read_input(where, needs=tuple(SCHEMA), text=text).select(SCHEMA.names()).cast(SCHEMA)
