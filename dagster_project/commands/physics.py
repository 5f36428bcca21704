"""`matloom physics` and `matloom device`: thin skins over `models.physics`."""

import sys
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
    from collections.abc import Sequence

    from etl.structures.crystal import Crystal
    from models.physics.orders import Order

app = typer.Typer(no_args_is_help=True, help="Models of transitions in bodies and layers.")
MOST_MOMENT = 20.0
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
    moment: Annotated[float, typer.Option("--moment", help="Starting moment of each such site, Bohr magnetons.")] = 2.0,
    as_json: Json = False,
) -> None:
    """Write the distinct collinear magnetic orders of a crystal: a CIF each, and orders.jsonl.

    Its rows, which `matloom dft prepare` reads, hold crystal, signs and starting moments of each order, and of the
    crystal without moments (NM).
    """
    import numpy as np

    from etl.features.elements import NUMBER, TRANSITION_METALS
    from models.physics.orders import orders as distinct

    if not 0 < moment < MOST_MOMENT:
        raise InputError.of(str(moment), "--moment", f"give more than 0 and less than {MOST_MOMENT}")
    crystal = _crystal(structure)
    wanted = listed(magnetic) or tuple(TRANSITION_METALS - NEVER_MAGNETIC)
    if unknown := [e for e in wanted if e not in NUMBER]:
        raise InputError.of(f"{unknown[0]!r} is not an element", "--magnetic", "give symbols joined by commas")
    held = np.isin(crystal.numbers, [NUMBER[e] for e in wanted])
    found = distinct(crystal.lattice, crystal.numbers, crystal.coords, magnetic=held)
    _write_orders(found, folder(out), moment)
    say({"orders": [o.name for o in found], "magnetic_sites": int(held.sum()), "out": out}, as_json=as_json)


def _write_orders(found: "Sequence[Order]", place: Path, moment: float) -> None:
    """A CIF each, and the table of all.

    Raises:
        InputError: the folder holds CIF files of something else.
    """
    import polars as pl

    from etl.features.formulas import reduced_formula
    from etl.structures.cif import to_cif
    from etl.structures.crystal import ordered_crystal

    own = {f"{order.name}.cif" for order in found}
    if other := sorted({p.name for p in place.glob("*.cif")} - own):  # matloom dft prepare would calculate it too
        raise InputError.of(f"{other[0]}, which is no order of this crystal,", place, "name an empty folder")
    rows: list[dict[str, object]] = []
    for order in found:
        made = ordered_crystal(order.lattice, order.numbers, order.coords)
        text, file = to_cif(made), f"{order.name}.cif"
        (place / file).write_text(text, "utf-8")
        formula = reduced_formula({s: float(made.symbols.count(s)) for s in set(made.symbols)})
        for name, size in ((order.name, moment), *((("NM", 0.0),) if order is found[0] else ())):
            row = {"order": name, "label": f"{formula} {name}", "wave": list(order.wave), "file": file, "cif": text}
            signs, cell = (order.signs * (size > 0)).tolist(), order.cell.reshape(-1).tolist()
            moments = [size * sign for sign in signs]
            rows.append({**row, "supercell": cell, "sites": len(signs), "signs": signs, "moments": moments})
    write_output(pl.DataFrame(rows), str(place / calculations.ORDERS))


@command(app, "energies")
def energies(
    table: Annotated[
        str, typer.Argument(help="Table with distortion_angstrom, energy_eV over the metal at rest, and compound.")
    ],
    out: Out,
    as_json: Json = False,
) -> None:
    """What electrons win and what the lattice pays for a distorted insulator, compound by compound.

    A row without numbers is left out; a compound whose energies tell nothing stays with the reason.
    """
    from models.physics import two_energies

    found = two_energies.compare(read_input(table, needs=two_energies.NEEDED, text=("compound",)))
    stable = int((found["total_eV"] < 0).sum())
    told = {"compounds": found.height, "fitted": int(found["ok"].sum()), "stable_insulators": stable, "out": out}
    finish(found, out, told, as_json=as_json)


@command(app, "proxy")
def proxy(
    table: Annotated[str, typer.Argument(help="Rows of matloom dft collect for the orders of compounds, one recipe.")],
    out: Out,
    as_json: Json = False,
) -> None:
    """Antiferromagnet against non-magnetic crystal, in energy and gap: a cheap sign of a thermal transition."""
    import polars as pl

    from models.physics import proxies

    read = read_input(table, needs=("label", "energy_eV_atom", "gap_eV"), text=("label",))
    parts = pl.col("label").str.extract_groups(r"^(?<compound>.+) (?<order>\S+)$").struct
    found = proxies.compare(read.with_columns(parts.field("compound"), parts.field("order")).drop_nulls("compound"))
    told = {"compounds": found.height, "compared": int(found["ok"].sum()), "mit_proxy": int(found["mit_proxy"].sum())}
    finish(found, out, {**told, "out": out}, as_json=as_json)


def _crystal(where: str) -> "Crystal":
    """The ordered structure of a file.

    Raises:
        InputError: no such file, refused by the reader, or with sites of mixed occupancy.
    """
    try:
        text = Path(where).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError.of("unreadable structure", where, "name a CIF or POSCAR file that exists") from error
    from etl.structures.blocks import SEVERAL
    from etl.structures.texts import read_ordered

    kind = "cif" if Path(where).suffix.lower() == ".cif" else "poscar"
    found = read_ordered({kind: text}, where=where)
    if SEVERAL in found.notes:
        sys.stderr.write(f"{where}: {SEVERAL}, the first is taken\n")
    return found


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
