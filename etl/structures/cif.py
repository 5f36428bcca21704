"""Reading crystal structures strictly: CIF and POSCAR to pymatgen structures and raw rows.

Readers check what parsers let pass: occupancies, overlapping atoms, cells and element symbols. What is wrong is
raised as `StructureError` with a short reason; what is only noteworthy becomes a flag.
"""

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from etl.features.elements import NUMBER
from etl.structures.errors import StructureError
from schemas.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

OVERLAP_ANGSTROM = 0.5
LARGE_SITES = 2000
PARSE_ERRORS = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError, ArithmeticError, RuntimeError,
    StopIteration, UserWarning,
)  # fmt: skip
"""What pymatgen's parsers raise on malformed text."""

RAW_COLUMNS: dict[str, pl.DataType] = {
    "structure_id": pl.String(),
    "source": pl.String(),
    "source_id": pl.String(),
    "formula": pl.String(),
    "prototype": pl.String(),
    "cif": pl.String(),
    "fidelity": pl.String(),
    "functional": pl.String(),
    "doi": pl.String(),
    "licence": pl.String(),
}


def read_cif(text: str) -> "Structure":
    """The structure of the first block of a CIF that holds one.

    Args:
        text: CIF; symmetry is expanded, partial occupancies are kept.

    Raises:
        StructureError: no cell, no atoms, a symbol that is no element, occupancy above one, overlapping atoms, or
            text that is no CIF.
    """
    from pymatgen.io.cif import CifFile, CifParser

    if not text or "data_" not in text:
        raise StructureError("not a CIF: no data_ block")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _check_blocks([block.data for block in CifFile.from_str(text).data.values()])
            found = CifParser.from_str(text, occupancy_tolerance=1.001).parse_structures(
                primitive=False, check_occu=True, on_error="raise"
            )
    except StructureError:
        raise
    except PARSE_ERRORS as error:
        raise StructureError(f"unreadable CIF: {_first_line(error)}") from error
    if not found:
        raise StructureError("no structure in the CIF")
    return checked(found[0])


def _check_blocks(blocks: Sequence[Mapping[str, Any]]) -> None:
    cells = [b for b in blocks if "_cell_length_a" in b]
    if not cells:
        raise StructureError("no cell")
    block = cells[0]
    for name in ("a", "b", "c"):
        length = _number(block.get(f"_cell_length_{name}"))
        if length is None or not 0.5 < length < 1000:
            raise StructureError(f"no usable cell length {name}")
    if not any(k.startswith("_atom_site_fract_x") or k.startswith("_atom_site_Cartn_x") for k in block):
        raise StructureError("no atoms")
    for value in block.get("_atom_site_occupancy", []):
        occupancy = _number(value)
        if occupancy is not None and not 0 <= occupancy <= 1.001:
            raise StructureError(f"occupancy {occupancy:g} outside 0 to 1")


def _number(value: object) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        return float(value.split("(")[0])
    except ValueError:
        return None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def read_poscar(text: str) -> "Structure":
    """The structure of a POSCAR with element symbols.

    Raises:
        StructureError: unreadable, without symbols, or refused by `checked`.
    """
    from pymatgen.io.vasp import Poscar

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            poscar = Poscar.from_str(text)
    except PARSE_ERRORS as error:
        raise StructureError(f"unreadable POSCAR: {_first_line(error)}") from error
    if not poscar.true_names:
        raise StructureError("POSCAR without element symbols")
    return checked(poscar.structure)


def checked(structure: "Structure") -> "Structure":
    """The structure itself, once it passed every check.

    Raises:
        StructureError: a species that is no element, a degenerate cell, coordinates that are not finite, occupancy
            above one, or two sites closer than `OVERLAP_ANGSTROM`.
    """
    if len(structure) == 0:
        raise StructureError("no atoms")
    for site in structure:
        for specie in site.species:
            symbol = getattr(getattr(specie, "element", specie), "symbol", str(specie))
            if symbol not in NUMBER:
                raise StructureError(f"{symbol!r} is not an element")
        total = site.species.num_atoms
        if total > 1.001 or total <= 0:
            raise StructureError(f"occupancy {total:g} outside 0 to 1")
        if not all(math.isfinite(x) for x in site.frac_coords):
            raise StructureError("coordinates that are not finite")
    if not structure.volume > 0.1 * len(structure) ** 0.5:
        raise StructureError(f"degenerate cell of {structure.volume:.3g} cubic angstrom")
    if len(structure) > LARGE_SITES:
        raise StructureError(f"{len(structure)} sites, more than {LARGE_SITES}")
    distances = structure.get_neighbor_list(OVERLAP_ANGSTROM)[3]
    if len(distances):
        raise StructureError(f"overlapping atoms, {distances.min():.3f} angstrom apart")
    return structure


def flags(structure: "Structure") -> list[str]:
    """What is noteworthy: "disordered", "vacancies", "close atoms" (under 1 angstrom without H), "low density"."""
    found: list[str] = []
    if not structure.is_ordered:
        found.append("disordered")
    if any(site.species.num_atoms < 0.999 for site in structure):
        found.append("vacancies")
    symbols = {e.symbol for e in structure.composition.element_composition}
    if "H" not in symbols and len(structure.get_neighbor_list(1.0)[3]):
        found.append("close atoms")
    if structure.volume / len(structure) > 100:
        found.append("low density")
    return found


def read_any(*, cif: str | None = None, poscar: str | None = None) -> "Structure":
    """The structure of a CIF, else of a POSCAR.

    Raises:
        StructureError: neither text is there, or it is refused.
    """
    if cif:
        return read_cif(cif)
    if poscar:
        return read_poscar(poscar)
    raise StructureError("no structure text")


def to_cif(structure: "Structure") -> str:
    """The structure as CIF text in P1."""
    from pymatgen.io.cif import CifWriter

    return str(CifWriter(structure))


def raw_frame(rows: Iterable[Mapping[str, str | None]]) -> pl.DataFrame:
    """Rows of raw.structures from dictionaries; `structure_id` is made from source and source_id where absent."""
    made = []
    for row in rows:
        given = {name: row.get(name) for name in RAW_COLUMNS}
        if given["structure_id"] is None:
            given["structure_id"] = f"{given['source']}:{given['source_id']}"
        made.append(given)
    return pl.DataFrame(made, schema=RAW_COLUMNS)


def read_folder(folder: Path, *, source: str = "local CIF", licence: str = "unknown") -> pl.DataFrame:
    """Raw rows of all CIF files under a folder, in order of path; texts are not parsed here.

    Raises:
        InputError: no such folder, or no file that ends in .cif.
    """
    if not folder.is_dir():
        raise InputError.of("no such folder", folder, "check the path")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() == ".cif" and p.is_file())
    if not paths:
        raise InputError.of("no CIF file", folder, "name a folder with files that end in .cif")
    return raw_frame(
        {
            "source": source,
            "source_id": path.relative_to(folder).as_posix(),
            "cif": path.read_text(encoding="utf-8", errors="replace"),
            "licence": licence,
        }
        for path in paths
    )
