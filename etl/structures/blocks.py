"""CIF text to a checked crystal: cell, symmetry operators and sites of the first block that holds a structure.

gemmi parses the text; what it lets pass is checked here and in `checks`. Writing CIF and raw rows are in `cif`.
"""

import functools
import math
import re
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from etl.features.elements import NUMBER
from etl.structures.checks import LONGEST_ANGSTROM, MAX_SITES, SHORTEST_ANGSTROM, checked
from etl.structures.crystal import Crystal
from etl.structures.errors import StructureError
from schemas.arrays import Floats, Ints

if TYPE_CHECKING:
    from gemmi import SpaceGroup, cif

LEAST_OCCUPANCY = 1e-4
SEVERAL = "several structures"
"""Note of a crystal that is the first of several in its text."""
SAME_SITE_ANGSTROM = 0.05
"""Images of an atom closer than this are one atom on a special position; coordinates are rounded."""
_MOST_TOGETHER = 100
_LENGTHS = ("_cell_length_a", "_cell_length_b", "_cell_length_c")
_ANGLES = ("_cell_angle_alpha", "_cell_angle_beta", "_cell_angle_gamma")
_OPERATORS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz", "_space_group_symop.operation_xyz")
_NAMES = ("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group_name_hall",
          "_symmetry_space_group_name_hall")  # fmt: skip
_GROUP_NUMBERS = ("_space_group_it_number", "_symmetry_int_tables_number")
_TEMPERATURES = ("_cell_measurement_temperature", "_diffrn_ambient_temperature")
_COLUMNS = ("type_symbol", "label", "fract_x", "fract_y", "fract_z", "Cartn_x", "Cartn_y", "Cartn_z", "occupancy",
            "calc_flag")  # fmt: skip
_SYMBOL = re.compile(r"[A-Za-z]{1,2}")
_ISOTOPES = {"D": "H", "T": "H"}

Operators = tuple[Floats, Floats]
"""Rotations, k x 3 x 3, and translations, k x 3."""


def read_cif(text: str) -> Crystal:
    """The structure of the first block of a CIF that holds one.

    Args:
        text: CIF; symmetry is expanded, partial occupancies are kept.

    Raises:
        StructureError: no cell, no atoms, a symbol that is no element, occupancy outside 0 to 1, overlapping atoms, or
            text that is no CIF.
    """
    from gemmi import cif

    text = text.removeprefix("\ufeff")
    if "data_" not in text and "data_" not in text.lower():
        raise StructureError("not a CIF: no data_ block")
    try:
        document = cif.read_string(text)
    except (ValueError, RuntimeError) as error:  # gemmi's parser, and text that is no UTF-8
        raise StructureError(f"unreadable CIF: {(str(error).splitlines() or ['no text'])[0][:120]}") from error
    cells = [block for block in document if block.find_value(_LENGTHS[0]) is not None]
    if not cells:
        raise StructureError("no cell")
    tables = [(block, _sites_table(block)) for block in cells]
    found = [(block, table) for block, table in tables if table]
    if not found:
        raise StructureError("no atoms")
    block, table = found[0]
    notes = [SEVERAL] if len(found) > 1 else []
    lattice = _lattice(block)
    operators = _operators(block, notes)
    listed = _Sites(table, lattice, notes)
    return checked(_crystal(lattice, operators, listed, notes, _temperature(block)))


def _temperature(block: "cif.Block") -> float | None:
    """Kelvin at which the cell was measured; None where it is not told."""
    found = _number(_value(block, _TEMPERATURES))
    return found if 0 < found < 5000 else None


def _numbers(column: list[str]) -> Floats:
    try:
        return np.array(list(map(float, column)))
    except ValueError:  # brackets, ? or .
        return np.array([_number(v) for v in column])


def _number(text: str | None) -> float:
    """A CIF number without its uncertainty; NaN where there is none."""
    if text is None:
        return math.nan
    try:
        return float(text)
    except ValueError:
        try:
            return float(text.strip("'\"").split("(", 1)[0])
        except ValueError:
            return math.nan


def _value(block: "cif.Block", tags: tuple[str, ...]) -> str | None:
    """The first of several tags with a value that says something."""
    for tag in tags:
        found = block.find_value(tag)
        if found is not None and found not in ("?", ".") and (said := str(found).strip("'\"").strip()):
            return said
    return None


def _lattice(block: "cif.Block") -> Floats:
    lengths = [_number(block.find_value(tag)) for tag in _LENGTHS]
    angles = [_number(block.find_value(tag)) for tag in _ANGLES]
    for name, length in zip("abc", lengths, strict=True):
        if not SHORTEST_ANGSTROM <= length <= LONGEST_ANGSTROM:
            raise StructureError(f"no usable cell length {name}")
    for name, angle in zip(("alpha", "beta", "gamma"), angles, strict=True):
        if not 0 < angle < 180:
            raise StructureError(f"no usable cell angle {name}")
    a, b, c = lengths
    cos_a, cos_b, cos_g = (math.cos(math.radians(x)) for x in angles)
    square = 1 - cos_a**2 - cos_b**2 - cos_g**2 + 2 * cos_a * cos_b * cos_g
    if square <= 1e-9:
        raise StructureError("cell angles that close no cell")
    stated = _number(block.find_value("_cell_volume"))
    if stated <= 0:
        raise StructureError(f"stated cell volume {stated:g} is not positive")
    # the setting of pymatgen: c along z, a in the xz plane
    sin_a, sin_b = math.sin(math.radians(angles[0])), math.sin(math.radians(angles[1]))
    cos_star = max(-1.0, min(1.0, (cos_a * cos_b - cos_g) / (sin_a * sin_b)))
    return np.array([
        [a * sin_b, 0.0, a * cos_b],
        [-b * sin_a * cos_star, b * sin_a * math.sqrt(1 - cos_star**2), b * cos_a],
        [0.0, 0.0, c],
    ])  # fmt: skip


def _operators(block: "cif.Block", notes: list[str]) -> Operators | None:
    """Symmetry operators; None for the identity alone. Listed ones outrank the space group that is named.

    Raises:
        StructureError: nothing but a group that nobody knows: read as P 1, it would give a few of the atoms for all.
    """
    named = _named_group(block)
    for tag in _OPERATORS:
        listed = [value for value in block.find_values(tag) if value not in ("?", ".")]
        if listed:
            triplets = tuple(t.strip("'\"") for t in listed)
            if named is not None and _group_number(triplets) not in (named.number, None):
                notes.append("symmetry mismatch")
            return _parsed(triplets)
    if named is None:
        said = _value(block, (*_NAMES, *_GROUP_NUMBERS))
        if said is not None:
            raise StructureError(f"unknown space group {said[:40]!r}, and no operators")
        notes.append("no symmetry given")
        return None
    return _parsed(tuple(op.triplet() for op in named.operations()))


def _named_group(block: "cif.Block") -> "SpaceGroup | None":
    import gemmi

    alpha, gamma = (_number(block.find_value(t)) for t in (_ANGLES[0], _ANGLES[2]))
    for tag in _NAMES:
        name = _value(block, (tag,))
        if name in ("P 1", "P1"):
            return gemmi.SpaceGroup(1)
        if name:
            found = _hall(name) if "hall" in tag else None
            found = found or gemmi.find_spacegroup_by_name(name.split("(")[0].strip(), alpha=alpha, gamma=gamma)
            if found is not None:
                return found
    number = _number(_value(block, _GROUP_NUMBERS))
    return gemmi.find_spacegroup_by_number(int(number)) if number in range(1, 231) else None


@functools.lru_cache(maxsize=1024)
def _hall(symbol: str) -> "SpaceGroup | None":
    """The space group of a Hall symbol such as ``-F 4 2 3``; None where it is none that is tabulated."""
    import gemmi

    try:
        return gemmi.find_spacegroup_by_ops(gemmi.symops_from_hall(symbol))
    except (ValueError, RuntimeError):
        return None


@functools.lru_cache(maxsize=1024)
def _parsed(triplets: tuple[str, ...]) -> Operators | None:
    """Arrays of operators such as ``-x, y+1/2, z``; None for the identity alone.

    Raises:
        StructureError: one that is no operator, or not the group of 1 to 192 that any cell has.
    """
    import gemmi

    if len(triplets) > 192:
        raise StructureError(f"{len(triplets)} symmetry operators, more than 192")
    try:
        made = [gemmi.Op(t) for t in triplets]
    except (ValueError, RuntimeError) as error:
        raise StructureError(f"unreadable symmetry operator: {str(error)[:80]}") from error
    if all(op == gemmi.Op("x,y,z") for op in made):
        return None
    rotations = np.array([op.rot for op in made], dtype=np.float64) / gemmi.Op.DEN
    if not np.allclose(np.abs(np.linalg.det(rotations)), 1.0):
        raise StructureError("a symmetry operator that changes the volume")
    return rotations, np.array([op.tran for op in made], dtype=np.float64) / gemmi.Op.DEN


@functools.lru_cache(maxsize=1024)
def _group_number(triplets: tuple[str, ...]) -> int | None:
    """Number of the space group that the operators make, None where they make none that is tabulated."""
    import gemmi

    try:
        group = gemmi.find_spacegroup_by_ops(gemmi.GroupOps([gemmi.Op(t) for t in triplets]))
    except (ValueError, RuntimeError):
        return None  # `_parsed` says what is wrong with them
    return int(group.number) if group is not None else None


def _sites_table(block: "cif.Block") -> dict[str, list[str]] | None:
    """The columns of the atoms by name without their prefix; None where no coordinates are given."""
    for tag in ("_atom_site_fract_x", "_atom_site_Cartn_x"):
        column = block.find_loop(tag)
        if len(column):
            loop = column.get_loop()
            values, tags = loop.values, loop.tags
            width = len(tags)
            return {t.lower().removeprefix("_atom_site_"): values[i::width] for i, t in enumerate(tags)}
        if block.find_value(tag) is not None:  # one atom, written without a loop
            pairs = {name: block.find_value(f"_atom_site_{name}") for name in _COLUMNS}
            return {name.lower(): [value] for name, value in pairs.items() if value is not None}
    return None


class _Sites:
    """The listed atoms of a block: numbers, fractional coordinates and occupancies, dummies and empty ones dropped."""

    def __init__(self, table: dict[str, list[str]], lattice: Floats, notes: list[str]) -> None:
        symbols = table.get("type_symbol") or table.get("label")
        if symbols is None:
            raise StructureError("atoms without symbols")
        self.coords = _coordinates(table, lattice)
        self.occupancies = _occupancies(table.get("occupancy"), len(symbols), notes)
        keep = self._kept(table.get("calc_flag"), notes)
        kept = symbols
        if not keep.all():
            self.coords, self.occupancies = self.coords[keep], self.occupancies[keep]
            kept = [s for s, k in zip(symbols, keep, strict=True) if k]
        if not kept:
            raise StructureError("no atoms")
        if not np.isfinite(self.coords).all():
            bad = int(np.flatnonzero(~np.isfinite(self.coords).all(axis=1))[0])
            raise StructureError(f"atom {bad + 1} ({kept[bad]}) without coordinates")
        numbers = {s: _element(s) for s in set(kept)}
        if any(s.strip("'\"").rstrip("0123456789+-") in _ISOTOPES for s in numbers):
            notes.append("isotopes read as H")
        self.numbers: Ints = np.array([numbers[s] for s in kept], dtype=np.int64)

    def _kept(self, calculation: list[str] | None, notes: list[str]) -> npt.NDArray[np.bool_]:
        """Which atoms are there: neither empty nor dummies."""
        keep = self.occupancies > LEAST_OCCUPANCY
        if not keep.all():
            notes.append("empty sites dropped")
        if calculation is not None:
            dummy = np.array([flag == "dum" for flag in calculation])
            keep &= ~dummy
            notes.extend(["dummy atoms dropped"] if dummy.any() else [])
        return keep


def _coordinates(table: dict[str, list[str]], lattice: Floats) -> Floats:
    for prefix in ("fract", "cartn"):
        columns = [table.get(f"{prefix}_{axis}") for axis in "xyz"]
        if all(c is not None for c in columns):
            made = np.stack([_numbers(c or []) for c in columns], axis=1)
            if prefix == "fract" and np.isfinite(made).any():
                return made
            if prefix == "cartn":
                # Cartesian axes of the dictionary: a along x; ours differ by a rotation that keeps the metric
                fractional: Floats = made @ np.linalg.inv(_standard(lattice))
                return fractional
    raise StructureError("no atoms")


def _standard(lattice: Floats) -> Floats:
    """The same cell with a along x and b in the xy plane."""
    lower: Floats = np.linalg.cholesky(lattice @ lattice.T)
    return lower


def _occupancies(column: list[str] | None, count: int, notes: list[str]) -> Floats:
    if column is None or set(column) == {"1"}:
        return np.ones(count)
    made = _numbers(column)
    unknown = np.isnan(made)
    if unknown.any():
        words = [v for v, u in zip(column, unknown, strict=True) if u and v not in ("?", ".")]
        if words:
            raise StructureError(f"occupancy {words[0]!r} is no number")
        if "?" in column:
            notes.append("occupancy not given")
        made = np.where(unknown, 1.0, made)  # the dictionary's default
    wrong = (made < 0) | (made > 1.001)
    if wrong.any():
        raise StructureError(f"occupancy {made[wrong][0]:g} outside 0 to 1")
    return made


@functools.lru_cache(maxsize=8192)
def _element(text: str) -> int:
    """Atomic number of a type symbol or label such as ``Fe3+``, ``FE1`` or ``D``.

    Raises:
        StructureError: it starts with no element.
    """
    found = _SYMBOL.match(text.strip("'\""))
    if found:
        word = found.group()
        for symbol in (word.capitalize(), word[0].upper()):
            symbol = _ISOTOPES.get(symbol, symbol)
            # a second letter is part of a label only where the first alone is written as one, as in "OW" or "HA"
            if symbol in NUMBER and (len(word) == 1 or word.capitalize() in NUMBER or word[1:].isupper()):
                return NUMBER[symbol]
    raise StructureError(f"{text!r} is not an element")


def _crystal(
    lattice: Floats, operators: Operators | None, listed: _Sites, notes: list[str], kelvin: float | None
) -> Crystal:
    """All atoms of the cell; those of different species on one place share a site."""
    if operators is None:
        owner, coords = np.arange(len(listed.numbers)), listed.coords
    else:
        owner, coords = _expanded(lattice, operators, listed.coords)
    if len(owner) > MAX_SITES:
        raise StructureError(f"{len(owner)} atoms, more than {MAX_SITES}")
    numbers, occupancies = listed.numbers[owner], listed.occupancies[owner]
    sites = np.arange(len(owner))
    if (occupancies < 1).any():
        order, sites = _shared_sites(lattice, coords)
        # one place, though the text may write it in several ways
        coords = coords[order][np.unique(sites, return_index=True)[1]][sites]
        numbers, occupancies = numbers[order], occupancies[order]
    return Crystal(
        lattice=lattice,
        numbers=numbers,
        coords=coords,
        occupancies=np.minimum(occupancies, 1.0),
        sites=sites,
        notes=tuple(dict.fromkeys(notes)),
        kelvin=kelvin,
    )


def _expanded(lattice: Floats, operators: Operators, coords: Floats) -> tuple[Ints, Floats]:
    """Which atom each atom of the cell is an image of, and all coordinates; images on one place are one."""
    rotations, translations = operators
    owner: list[int] = []
    made: list[Floats] = []
    for index, place in enumerate(coords):
        if len(owner) > MAX_SITES:
            break  # the caller refuses
        images = (rotations @ place + translations) % 1.0
        apart = images[:, None] - images[None]
        apart -= np.round(apart)
        near = ((apart @ lattice) ** 2).sum(axis=2) < SAME_SITE_ANGSTROM**2
        first = np.argmax(near, axis=1) == np.arange(len(images))
        owner.extend([index] * int(first.sum()))
        made.append(images[first])
    return np.array(owner, dtype=np.int64), np.concatenate(made)


def _shared_sites(lattice: Floats, coords: Floats) -> tuple[Ints, Ints]:
    """An order of the atoms that brings those on one place together, and the site of each in that order.

    Raises:
        StructureError: hundreds of atoms on one place.
    """
    from scipy.spatial import cKDTree

    # along the normals of the lattice planes, atoms are never farther apart than in space
    spacing = 1.0 / np.sqrt(np.square(np.linalg.inv(lattice)).sum(axis=0))
    inside = coords % 1.0
    tree = cKDTree(np.where(inside < 1.0, inside, 0.0) * spacing, boxsize=spacing * (1 + 1e-12))
    if tree.count_neighbors(tree, SAME_SITE_ANGSTROM, p=np.inf) > _MOST_TOGETHER * len(coords):
        raise StructureError(f"overlapping atoms, more than {_MOST_TOGETHER} on a place")
    one, other = tree.query_pairs(SAME_SITE_ANGSTROM, p=np.inf, output_type="ndarray").T
    apart = coords[one] - coords[other]
    apart -= np.round(apart)
    near = ((apart @ lattice) ** 2).sum(axis=1) < SAME_SITE_ANGSTROM**2
    first = np.arange(len(coords))
    np.minimum.at(first, other[near], one[near])  # of a pair, `one` is the lower
    order = np.argsort(first, kind="stable")
    _, sites = np.unique(first[order], return_inverse=True)
    return order, sites.astype(np.int64)
