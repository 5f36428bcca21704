"""`matloom physics` and `matloom device`: thin skins over `models.physics`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagster_project import calculations
from dagster_project.commands.common import (
    InputError,
    Json,
    Out,
    OutFolder,
    Seed,
    command,
    finish,
    folder,
    listed,
    read_input,
    say,
    writable_file,
    write_output,
)

if TYPE_CHECKING:
    from etl.structures.crystal import Crystal

app = typer.Typer(no_args_is_help=True, help="Models of transitions in bodies and layers.")
NEVER_MAGNETIC = frozenset({"Zn", "Cd", "Hg"})
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


@command(app, "orders")
def orders(
    structure: Annotated[str, typer.Argument(help="CIF or POSCAR file.")],
    out: OutFolder,
    magnetic: Annotated[
        str, typer.Option("--magnetic", help="Elements that carry moments; default: all open-shell transition metals.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Write the distinct collinear magnetic orders of a crystal: a CIF each, and the signs in orders.jsonl."""
    import numpy as np
    import polars as pl

    from etl.features.elements import NUMBER, TRANSITION_METALS
    from etl.structures.cif import to_cif
    from etl.structures.crystal import ordered_crystal
    from models.physics.orders import orders as distinct

    crystal = _crystal(structure)
    wanted = listed(magnetic) or tuple(TRANSITION_METALS - NEVER_MAGNETIC)
    if unknown := [e for e in wanted if e not in NUMBER]:
        raise InputError.of(f"{unknown[0]!r} is not an element", "--magnetic", "give symbols joined by commas")
    held = np.isin(crystal.numbers, [NUMBER[e] for e in wanted])
    found = distinct(crystal.lattice, crystal.numbers, crystal.coords, magnetic=held)
    place, rows = folder(out), []
    own = {f"{order.name}.cif" for order in found}
    if other := sorted({p.name for p in place.glob("*.cif")} - own):  # matloom dft prepare would calculate it too
        raise InputError.of(f"{other[0]}, which is no order of this crystal,", out, "name an empty folder")
    for order in found:
        text = to_cif(ordered_crystal(order.lattice, order.numbers, order.coords))
        (place / f"{order.name}.cif").write_text(text, "utf-8")
        rows.append(
            {
                "order": order.name,
                "wave": list(order.wave),
                "supercell": order.cell.reshape(-1).tolist(),
                "sites": len(order.numbers),
                "signs": order.signs.tolist(),
                "file": f"{order.name}.cif",
            }
        )
    write_output(pl.DataFrame(rows), str(place / "orders.jsonl"))
    say({"orders": [o.name for o in found], "magnetic_sites": int(held.sum()), "out": out}, as_json=as_json)


def _crystal(where: str) -> "Crystal":
    """The ordered structure of a file.

    Raises:
        InputError: no such file, refused by the reader, or with sites of mixed occupancy.
    """
    try:
        text = Path(where).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError.of("unreadable structure", where, "name a CIF or POSCAR file that exists") from error
    kind = "cif" if Path(where).suffix.lower() == ".cif" else "poscar"
    return calculations.crystal({kind: text}, where=where)


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
