"""Polar cells of the lacunar spinels, relaxed with CHGNet and corrected where it is known to be off.

CHGNet keeps the distortion of the published clusters but of those with 7 electrons, which it makes almost cubic, and of
those with chromium, which it makes too tight: there the metals stay at the places of the published cells, in fractions
of the axes, and the rest relaxes. Its volumes are too small: one factor for all makes up for it, fitted to the 12
published cells. Both are stated with the cells.
"""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from models.evaluators.lacunar import (
    TEMPLATES,
    Cell,
    Member,
    cell_of,
    poscar,
    start,
    start_moments,
    symbols,
    template_of,
)
from schemas.errors import InputError

if TYPE_CHECKING:
    from chgnet.model import CHGNet

VOLUME_FACTOR = 1.0285
"""Published volume over that of CHGNet: the middle of the extremes over the 12 published cells."""
FORCE_EV_ANGSTROM = 0.05
STEPS = 300
SCHEMA = pl.Schema(
    {
        **dict.fromkeys(("formula", "A", "Ma", "Mb", "X"), pl.String),
        "electrons": pl.Int64,
        "template": pl.String,
        **{f.name: pl.Float64 for f in fields(Cell)},
        "volume_angstrom3": pl.Float64,
        "chgnet_energy_eV_atom": pl.Float64,
        "relaxation_steps": pl.Int64,
    }
)
"""Columns of a table of cells: what they are made of, the numbers of `Cell`, and how they came about."""
HELD = ("7", "8 Cr")
"""Templates whose metals stay where they are."""
_METALS = (1, 2, 3, 4)


def model() -> "CHGNet":
    """CHGNet on one core.

    Raises:
        InputError: not installed.
    """
    try:
        import torch
        from chgnet.model import CHGNet
    except ImportError as error:
        raise InputError.of("no CHGNet here", "the relaxation of cells", "pip install -e '.[mlip]'") from error
    torch.set_num_threads(1)
    return CHGNet.load(use_device="cpu", verbose=False)


def relaxed(member: Member, chgnet: "CHGNet", templates: dict[str, Cell] = TEMPLATES) -> dict[str, Any]:
    """The cell of a member, before the volume is corrected, with `energy_eV_atom` of CHGNet and `steps`."""
    found, told = _relax(start(member, templates), member, chgnet, held=())
    if (name := template_of(member)) in HELD:
        kept = templates[name]
        placed = replace(found, ma_u=kept.ma_u, mb_u=kept.mb_u, mb_v=kept.mb_v)
        found, told = _relax(placed, member, chgnet, held=_METALS)
    return {"cell": found, **told}


def _relax(cell: Cell, member: Member, chgnet: "CHGNet", *, held: tuple[int, ...]) -> tuple[Cell, dict[str, Any]]:
    from ase import Atoms
    from ase.constraints import FixAtoms
    from chgnet.model import StructOptimizer
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = Atoms(list(symbols(member)), cell=cell.lattice, scaled_positions=cell.coords, pbc=True)
    atoms.set_constraint(FixAtoms(list(held)) if held else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = StructOptimizer(model=chgnet, use_device="cpu").relax(
            atoms, fmax=FORCE_EV_ANGSTROM, steps=STEPS, relax_cell=True, verbose=False
        )
    path = done["trajectory"]
    final = AseAtomsAdaptor.get_atoms(done["final_structure"])
    told = {"energy_eV_atom": float(path.energies[-1]) / len(atoms), "steps": len(path.energies)}
    return cell_of(np.asarray(final.cell), np.asarray(done["final_structure"].frac_coords)), told


def rows(wanted: Iterable[Member], known: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """One row of `SCHEMA` for each member that `known` lacks, as they come: a relaxation takes seconds."""
    left = [m for m in wanted if m.formula not in set(known["formula"].to_list())]
    chgnet = model() if left else None
    for member in left:
        found = relaxed(member, chgnet)
        cell: Cell = found["cell"].scaled(VOLUME_FACTOR)
        row = {
            "formula": member.formula,
            "A": member.a,
            "Ma": member.ma,
            "Mb": member.mb,
            "X": member.x,
            "electrons": member.electrons,
            "template": template_of(member),
            **{k: round(v, 5) for k, v in asdict(cell).items()},
            "volume_angstrom3": round(cell.volume_angstrom3, 3),
            "chgnet_energy_eV_atom": round(found["energy_eV_atom"], 5),
            "relaxation_steps": found["steps"],
        }
        yield pl.DataFrame([row], schema=SCHEMA)


def calculable(cells: pl.DataFrame, *, apex: bool = False) -> pl.DataFrame:
    """What `matloom dft prepare` reads: `label`, `poscar` and the starting `moments` of each cell.

    Args:
        cells: as `rows` gives them.
        apex: whether moments start on Ma alone.
    """
    made = []
    for row in cells.select("A", "Ma", "Mb", "X", *(f.name for f in fields(Cell))).to_dicts():
        member = Member(a=row["A"], ma=row["Ma"], mb=row["Mb"], x=row["X"])
        cell = Cell(**{f.name: row[f.name] for f in fields(Cell)})
        made.append((member.formula, poscar(member, cell), start_moments(member, apex=apex).tolist()))
    return pl.DataFrame(made, schema=["label", "poscar", "moments"], orient="row")
