"""Structure texts of either format to a checked crystal: CIF (in `blocks`) and POSCAR."""

from collections.abc import Mapping

import numpy as np

from etl.features.elements import NUMBER
from etl.structures.blocks import read_cif
from etl.structures.checks import MAX_SITES, checked
from etl.structures.crystal import Crystal, ordered_crystal
from etl.structures.errors import StructureError
from schemas.arrays import Floats, Ints
from schemas.errors import InputError


def read_any(*, cif: str | None = None, poscar: str | None = None) -> Crystal:
    """The structure of a CIF, else of a POSCAR.

    Raises:
        StructureError: neither text is there, or it is refused.
    """
    if cif:
        return read_cif(cif)
    if poscar:
        return read_poscar(poscar)
    raise StructureError("no structure text")


def read_ordered(row: Mapping[str, object], *, where: str = "the structure") -> Crystal:
    """The crystal of a row with `cif` or `poscar`, one species a site.

    Raises:
        InputError: refused by the reader, or with sites of mixed occupancy.
    """
    cif, poscar = (str(text) if (text := row.get(name)) else None for name in ("cif", "poscar"))
    try:
        found = read_any(cif=cif, poscar=poscar)
    except StructureError as error:
        raise InputError.of(str(error), where, "mend the structure") from error
    if not found.ordered:
        raise InputError.of("sites of mixed occupancy", where, "give one species a site")
    return found


def read_poscar(text: str) -> Crystal:
    """The structure of a POSCAR with element symbols, of VASP 5 or later.

    Raises:
        StructureError: unreadable, without symbols, or refused by `checks.checked`.
    """
    lines = text.split("\n")
    if len(lines) < 8:
        raise StructureError("unreadable POSCAR: fewer than 8 lines")
    try:
        scale = [float(word) for word in lines[1].split()]
        lattice = np.array([[float(word) for word in line.split()[:3]] for line in lines[2:5]])
    except ValueError as error:
        raise StructureError("unreadable POSCAR: no cell") from error
    if lattice.shape != (3, 3) or len(scale) not in (1, 3):
        raise StructureError("unreadable POSCAR: no cell")
    numbers = _species(lines[5], lines[6])
    at = 8 if lines[7].strip()[:1] in ("S", "s") else 7
    factor = _factor(lattice, scale)
    return checked(_placed(lines[at:], lattice * factor, factor, numbers))


def _species(symbols: str, counts: str) -> Ints:
    names = [word.split("/")[0].split("_")[0] for word in symbols.split()]
    if all(word.isdigit() for word in names):
        raise StructureError("POSCAR without element symbols")
    unknown = [name for name in names if name not in NUMBER]
    if unknown:
        raise StructureError(f"{unknown[0]!r} is not an element")
    written = counts.split()
    if not all(word.isdecimal() and len(word) < 10 for word in written) or len(written) != len(names):
        raise StructureError("unreadable POSCAR: counts that do not fit the symbols")
    many = [int(word) for word in written]
    if not 0 < sum(many) <= MAX_SITES:
        raise StructureError(f"{sum(many)} atoms, not 1 to {MAX_SITES}")
    return np.repeat(np.array([NUMBER[name] for name in names], dtype=np.int64), many)


def _factor(lattice: Floats, scale: list[float]) -> Floats:
    """Factors on x, y and z: one or three as written, or what brings the cell to the volume that a negative states."""
    volume = abs(float(np.linalg.det(lattice)))
    if not volume > 0:
        raise StructureError(f"degenerate cell of {volume:.3g} cubic angstrom")
    if len(scale) == 1 and scale[0] < 0:
        return np.array([(-scale[0] / volume) ** (1 / 3)])
    return np.array(scale)


def _placed(lines: list[str], lattice: Floats, factor: Floats, numbers: Ints) -> Crystal:
    mode = lines[0].strip()[:1].lower()
    rows = [line.split()[:3] for line in lines[1 : len(numbers) + 1]]
    try:
        coords = np.array([[float(word) for word in row] for row in rows])
    except ValueError as error:
        raise StructureError("unreadable POSCAR: a coordinate that is no number") from error
    if coords.shape != (len(numbers), 3):
        raise StructureError(f"unreadable POSCAR: fewer than {len(numbers)} positions")
    if mode in ("c", "k"):
        if not factor.all():
            raise StructureError("degenerate cell")
        coords = (coords * factor) @ np.linalg.inv(lattice)
    return ordered_crystal(lattice, numbers, coords)
