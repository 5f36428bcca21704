"""What a crystal is an instance of, and which structures are the same one told twice.

A prototype is labelled in the manner of AFLOW (M. J. Mehl et al., Comput. Mater. Sci. 136, S1 (2017)): anonymous
formula, Pearson symbol, number of the space group and Wyckoff letters, here in canonical order of the elements and of
the origin, so that equal structures have equal labels. Structures to substitute into are in `prototypes`.
"""

import functools
import gzip
import importlib.util
import json
import math
from collections.abc import Mapping, Sequence
from itertools import groupby, permutations, product
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from etl.merging import rank
from etl.structures.crystal import Crystal
from schemas.merging import MEASURED_FIRST

if TYPE_CHECKING:
    from pymatgen.core import Structure

SYMMETRY_ANGSTROM = 0.1
"""How far atoms may be off for an operator to count; measured cells are rounded, relaxed ones a little off."""
COMPARED_SITES = 300
"""Sites of the largest cells that are labelled and compared."""

NAMES: dict[str, str] = {
    "A_cF4_225_a": "copper",
    "A_cI2_229_a": "tungsten",
    "A_hP2_194_c": "magnesium",
    "A_cF8_227_a": "diamond",
    "AB_cF8_225_a_b": "rock salt",
    "AB_cP2_221_a_b": "caesium chloride",
    "AB_cF8_216_a_c": "zinc blende",
    "AB_hP4_186_b_b": "wurtzite",
    "AB_hP4_194_a_c": "nickel arsenide",
    "AB2_cF12_225_a_c": "fluorite",
    "AB2_tP6_136_a_f": "rutile",
    "AB2_cP12_205_a_c": "pyrite",
    "A2B3_hR10_167_c_e": "corundum",
    "ABC3_hR10_148_c_c_f": "ilmenite",
    "ABC3_cP5_221_a_b_c": "perovskite Pm-3m",
    "ABC3_oP20_62_a_c_cd": "perovskite Pnma",
    "ABC3_hR10_167_a_b_e": "perovskite R-3c",
    "AB2C4_tI14_139_a_e_ce": "K2NiF4",
    "AB2C4_cF56_227_a_d_e": "spinel",
    "A2B2C7_cF88_227_c_d_af": "pyrochlore",
    "ABC2_hR4_166_a_b_c": "delafossite",
    "AB2C2_tI10_139_a_d_e": "ThCr2Si2",
    "AB3_cI32_204_c_g": "skutterudite",
    "AB4C12_cI34_204_a_c_g": "filled skutterudite",
    "AB4C8_cF52_216_a_e_2e": "lacunar spinel GaMo4S8",
}
"""Common names of labels; each is checked against a built cell by the tests."""


def prototype_label(crystal: Crystal) -> str | None:
    """The label, such as ``AB2_tP6_136_a_f``; None for disordered or very large cells and where symmetry fails."""
    import spglib

    if not crystal.ordered or crystal.n_sites > COMPARED_SITES:
        return None
    cell = (crystal.lattice, crystal.coords, crystal.numbers)
    try:
        found = spglib.get_symmetry_dataset(cell, symprec=SYMMETRY_ANGSTROM)
    except spglib.SpglibError:
        found = None  # the tolerance makes one atom of two
    if found is None:
        return None
    orbits = np.unique(found.crystallographic_orbits)
    letters: dict[int, list[str]] = {}
    for orbit in orbits:
        letters.setdefault(int(crystal.numbers[orbit]), []).append(str(found.wyckoffs[orbit]))
    amounts = {z: int((crystal.numbers == z).sum()) for z in letters}
    best = _canonical(int(found.number), letters, amounts)
    divisor = math.gcd(*amounts.values())
    formula = "".join(
        f"{letter}{n // divisor if n > divisor else ''}"
        for letter, n in zip(ascii_uppercase, sorted(amounts.values()), strict=False)
    )
    return "_".join([formula, _pearson(found), str(found.number), *(_written(part) for part in best)])


def _canonical(number: int, letters: Mapping[int, list[str]], amounts: Mapping[int, int]) -> tuple[str, ...]:
    """Letters of each element in the order of rising amounts: the least over origins and elements of equal amount."""
    rising = [list(group) for _, group in groupby(sorted(letters, key=lambda z: amounts[z]), key=lambda z: amounts[z])]
    orders = [[z for part in parts for z in part] for parts in product(*(permutations(group) for group in rising))]
    return min(
        tuple("".join(sorted("".join(letters[z]).translate(moved))) for z in order)
        for moved in _relabelings()[str(number)]
        for order in orders
    )


def _written(letters: str) -> str:
    """``c2d`` of ``cdd``."""
    parts = ((letter, len(list(group))) for letter, group in groupby(letters))
    return "".join(f"{n if n > 1 else ''}{letter}" for letter, n in parts)


def _pearson(found: Any) -> str:
    """Crystal family, centring and atoms in the cell (in the primitive one of a rhombohedral lattice)."""
    families = ((2, "a"), (15, "m"), (74, "o"), (142, "t"), (194, "h"), (230, "c"))
    family = next(letter for last, letter in families if found.number <= last)
    centring = found.international[0]
    atoms = len(found.std_types) // (3 if centring == "R" else 1)
    return f"{family}{'C' if centring in 'AB' else centring}{atoms}"


@functools.cache
def _relabelings() -> dict[str, list[dict[int, str]]]:
    """By space group, what Wyckoff letters become when the origin or the axes are chosen otherwise: pymatgen's table.

    Found without importing its module, which takes seconds to load a library of prototypes.
    """
    spec = importlib.util.find_spec("pymatgen.analysis.prototypes")
    assert spec is not None and spec.origin is not None  # noqa: PT018
    packed = (Path(spec.origin).parent / "wyckoff-position-relabelings.json.gz").read_bytes()
    table: dict[str, list[dict[str, str]]] = json.loads(gzip.decompress(packed))
    return {
        group: [{int(code): letter for code, letter in each.items()} for each in moves]
        for group, moves in table.items()
    }


def space_group(label: str | None) -> int | None:
    """Number of the space group in a label."""
    return int(label.split("_")[2]) if label else None


def duplicates(rows: pl.DataFrame, crystals: Sequence[Crystal | None]) -> list[str | None]:
    """The id of the preferred structure that each is the same as; None for those that are told once or preferred.

    Structures of one reduced formula are matched by pymatgen's `StructureMatcher`: primitive cells scaled to one
    volume, sites within 0.3 of the mean spacing. Measured ones are preferred to calculated ones and those to
    prototypes, then the first by id.

    Args:
        rows: `structure_id`, `formula` and `fidelity`, one a crystal.
        crystals: None where a row is refused; disordered and very large ones are left out.
    """
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher = StructureMatcher()
    told: list[str | None] = [None] * rows.height
    ids, ranks = rows["structure_id"].to_list(), rows.select(rank(MEASURED_FIRST)).to_series().to_list()
    groups: dict[str, list[int]] = {}
    for index, (formula, crystal) in enumerate(zip(rows["formula"], crystals, strict=True)):
        if crystal is not None and crystal.ordered and crystal.n_sites <= COMPARED_SITES:
            groups.setdefault(formula, []).append(index)
    for members in groups.values():
        if len(members) < 2:
            continue
        members.sort(key=lambda i: (ranks[i], ids[i]))
        built = [_built(crystals[i]) for i in members]
        place = {id(structure): i for structure, i in zip(built, members, strict=True)}
        for same in matcher.group_structures(built):
            first, *others = sorted((place[id(s)] for s in same), key=lambda i: (ranks[i], ids[i]))
            for other in others:
                told[other] = ids[first]
    return told


def _built(crystal: Crystal | None) -> "Structure":
    assert crystal is not None
    return crystal.to_pymatgen()
