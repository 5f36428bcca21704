"""Commands of `matloom dft` about many calculations at once: `phases` of a chemical system, their `stability`, and how
values move with a setting (`convergence`)."""

from typing import Annotated

import typer

from dagster_project.commands.common import Home, InputError, Json, Out, command, finish, home, read_input, within
from dagster_project.commands.dft import app, ledger_of

Changed = Annotated[
    str, typer.Argument(help="Folder of calculations with one setting changed at a time (dft prepare --set).")
]
Base = Annotated[str, typer.Option("--base", help="Folder of the same compounds as the recipe has it.")]


@command(app, "phases")
def phases(
    system: Annotated[str, typer.Argument(help="Elements joined by hyphens, such as Mg-O.")],
    out: Out,
    most: Annotated[int, typer.Option("--most", help="Elements of a phase at most; 0 for all of them."), within(0)] = 0,
    at: Home = None,
    as_json: Json = False,
) -> None:
    """List the phases of a chemical system and of its subsystems in core.structures, for dft prepare.

    Of a formula at most three space groups, those of the smallest cells.
    """
    from etl.features.elements import NUMBER
    from models.evaluators import phases as rows
    from warehouse.query import query

    elements = list(dict.fromkeys(system.split("-")))
    if unknown := [e for e in elements if e not in NUMBER]:
        raise InputError.of(f"{unknown[0]!r} is not an element", system, "join symbols by hyphens, such as Mg-O")
    found = rows.of_system(query(home(at), _STRUCTURES), elements, most=most or len(elements))
    made = rows.labelled(found)
    finish(
        made, out, {"phases": made.height, "formulas": found["formula_reduced"].n_unique(), "out": out}, as_json=as_json
    )


@command(app, "stability")
def stability(
    rows: Annotated[str, typer.Argument(help="What dft collect wrote, of one recipe.")],
    out: Out,
    as_json: Json = False,
) -> None:
    """Write the decomposition enthalpy of each calculation against the others of its elements, which are named with it.

    Only calculations of one level compete: the same engine and settings, and one U for each element. A row that no
    mixture of the others makes stays with the reason.
    """
    import polars as pl

    from models.evaluators import stability as stabilities

    text = tuple(name for name in stabilities.NEEDED if name != "energy_eV_atom")
    read = read_input(rows, needs=stabilities.NEEDED, text=text)
    energy = pl.col("energy_eV_atom").cast(pl.Float64, strict=False)
    found = stabilities.table(read.with_columns(energy.replace(float("nan"), None)))
    told = {"calculations": found.height, "told": int(found["ok"].sum())}
    stable = int((found["stability_eV_atom"] < 0).sum())
    finish(found, out, {**told, "stable": stable, "out": out}, as_json=as_json)


@command(app, "convergence")
def convergence(
    where: Changed,
    base: Base,
    out: Out,
    as_json: Json = False,
) -> None:
    """Write how gap, energy and differences of energy move with each setting that was changed."""
    from models.evaluators import convergence as study
    from models.evaluators import service

    changed = service.collect(ledger_of(where, None))
    found = study.convergence(changed, service.collect(ledger_of(base, None)))
    left_out = changed.height - found.height  # without a value, or without a base
    finish(found, out, {"calculations": found.height, "left_out": left_out, "out": out}, as_json=as_json)


_STRUCTURES = "select * from core.structures order by structure_id"
