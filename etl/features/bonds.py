"""Bond valences: tabulated parameters, valence sums of sites, and how far they are from the oxidation states."""

import functools
import math

import numpy as np

from etl.features.elements import ANION_CHARGE, SYMBOLS
from etl.features.neighbours import Neighbours
from schemas.arrays import Floats, Ints

BOND_CUTOFF_ANGSTROM = 4.0
Parameters = tuple[float, float]
"""R0 and B, angstrom."""


@functools.cache
def bond_valence_parameters() -> dict[tuple[str, int, str, int], Parameters]:
    """(cation, valence, anion, valence) to (R0, B): the IUCr table of I. D. Brown, 2020, as shipped with matminer."""
    from importlib.resources import files

    table_file = files("matminer") / "utils" / "data_files" / "bvparm2020.cif"
    text = table_file.read_bytes().decode("utf-8", errors="replace")
    table: dict[tuple[str, int, str, int], Parameters] = {}
    for line in text.splitlines():
        part = line.split()
        if len(part) < 7 or not part[0][:1].isalpha() or not part[2][:1].isalpha():
            continue
        try:
            key = (part[0], int(part[1]), part[2], int(part[3]))
            value = (float(part[4]), float(part[5]))
        except ValueError:
            continue
        table.setdefault(key, value)  # the first entry is the recommended one
    return table


@functools.lru_cache(maxsize=4096)
def bond_parameters(cation: str, state: float, anion: str, anion_state: float) -> Parameters | None:
    """R0 and B of a pair; None where the table has none near.

    The entry of that state, else linear between the entries of the whole states around it; else the nearest entry
    within one, else the entry for an unspecified state (9).
    """
    table, charge = bond_valence_parameters(), _anion_charge(anion, anion_state)
    low, high = math.floor(state + 1e-6), math.ceil(state - 1e-6)
    below, above = table.get((cation, low, anion, charge)), table.get((cation, high, anion, charge))
    if below and above:
        share = state - low if high > low else 0.0
        return below[0] + share * (above[0] - below[0]), below[1] + share * (above[1] - below[1])
    nearest = sorted((v for v in range(1, 9) if abs(v - state) <= 1.0), key=lambda v: (abs(v - state), v))
    for valence in (*nearest, 9):
        found = table.get((cation, valence, anion, charge))
        if found is not None:
            return found
    return None


def _anion_charge(anion: str, state: float) -> int:
    """The charge under which the table lists an anion: its own, else that of the closed shell (S2 2- as S 2-)."""
    charge = round(state)
    if any(key[2:] == (anion, charge) for key in bond_valence_parameters()):
        return charge
    return ANION_CHARGE.get(anion, charge)


def instability_index(
    near: Neighbours, numbers: Ints, groups: Ints, charges: Floats
) -> tuple[float | None, str | None]:
    """Global instability index in valence units: root mean square of bond-valence sum minus state over all sites.

    Salinas-Sanchez et al., J. Solid State Chem. 100, 201 (1992). Bonds up to 4 angstrom, between unlike charges.

    Args:
        near: pairs up to 4 angstrom or more.
        numbers: atomic number of each site.
        groups: group of each site; sites of a group are of one element.
        charges: state of each group.

    Returns:
        The index and None, or None and the reason.
    """
    element = np.zeros(len(charges), dtype=np.int64)
    element[groups] = numbers
    size = len(charges)
    radius, softness = np.full((size, size), np.nan), np.ones((size, size))
    for cation in np.flatnonzero(charges > 0):
        for anion in np.flatnonzero(charges < 0):
            names = SYMBOLS[element[cation] - 1], SYMBOLS[element[anion] - 1]
            known = bond_parameters(names[0], round(float(charges[cation]), 4), names[1], round(charges[anion], 4))
            if known is None:
                return None, f"no bond-valence parameters for {names[0]}-{names[1]}"
            for i, j in ((cation, anion), (anion, cation)):
                radius[i, j], softness[i, j] = known
    left, right = groups[near.first], groups[near.second]
    bonded = (charges[left] * charges[right] < 0) & (near.distances <= BOND_CUTOFF_ANGSTROM)
    left, right = left[bonded], right[bonded]
    valences = np.exp((radius[left, right] - near.distances[bonded]) / softness[left, right])
    sums = np.bincount(near.first[bonded], valences * np.sign(charges[left]), minlength=len(numbers))
    return float(np.sqrt(np.mean((sums - charges[groups]) ** 2))), None
