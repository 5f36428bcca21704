"""`matloom physics` and `matloom device`: thin skins over `models.physics`."""

from typing import Annotated

import typer

from dagster_project.commands.common import (
    Json,
    Out,
    Seed,
    command,
    finish,
    read_input,
    writable_file,
    write_output,
)

app = typer.Typer(no_args_is_help=True, help="Models of transitions in bodies and layers.")
device_app = typer.Typer(no_args_is_help=True, help="From materials to devices.")


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


@device_app.callback()
def device_group() -> None:
    """From materials to devices."""


@command(device_app, "evaluate")
def evaluate(
    materials: Annotated[str, typer.Argument(help="Table with t_mit_K and what else is known.")],
    device: Annotated[str, typer.Option("--device", help="YAML file of the device.")],
    out: Out,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Figures of a device made of each material, with 80 % intervals, and how likely it meets what is required.

    The summary tells how well a ranking by gap or temperature agrees with that of the devices.
    """
    import polars as pl

    from models.physics import device as devices

    asked = devices.load(device)
    found = devices.evaluate(read_input(materials, needs=("t_mit_K",), text=("formula",)), asked, seed=seed)
    properties = [c for c in ("t_mit_K", "gap_eV", "off_on_log10") if c in found.columns]
    summary = {
        "device": asked.name,
        "materials": found.height,
        "evaluated": int(found["ok"].sum()),
        "likely": found.filter(pl.col("p_suits") >= 0.5).height,
        **{f"spearman_{c}": devices.mismatch(found, c) for c in properties},
        "out": out,
    }
    finish(found, out, summary, as_json=as_json)
