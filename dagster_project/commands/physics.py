"""`matloom physics`: thin skins over `models.physics`."""

from typing import Annotated

import typer

from dagster_project.commands.common import Json, Out, command, finish, writable_file, write_output

app = typer.Typer(no_args_is_help=True, help="Models of transitions in bodies and layers.")


@app.callback()
def group() -> None:
    """Models of transitions in bodies and layers."""


@command(app, "landau")
def landau(
    config: Annotated[str, typer.Argument(help="YAML file with materials, temperatures and layers.")],
    out: Out,
    nuclei: Annotated[
        str | None, typer.Option("--nuclei", help="File for barrier and radius of the critical nucleus."), writable_file
    ] = None,
    as_json: Json = False,
) -> None:
    """Order, strain and free energy on cooling, on heating and at equilibrium, of materials or of a stack of layers.

    The summary holds transition temperatures, latent heat, walls and nuclei; a stack answers by layer.
    """
    from models.physics.report import all_nuclei, answer
    from models.physics.settings import load

    problem = load(config)
    table, summary = answer(problem)
    if nuclei:
        write_output(all_nuclei(problem), nuclei)
    finish(table, out, summary, as_json=as_json)
