"""Anions bonded to each other: S2, P2, As4 rings, peroxide. Their charges by the 8 - N rule from distances.

E. Zintl's rule as in U. Mueller, Inorganic Structural Chemistry: an atom with b bonds to its like keeps the charge
-(8 - N - b), N its valence electrons. An O-O bond of a superoxide carries half of that.
"""

import functools

import numpy as np

from etl.features.elements import SYMBOLS
from etl.features.neighbours import Neighbours
from schemas.arrays import Floats, Ints

_VALENCE_ELECTRONS = {
    **dict.fromkeys(("Si", "Ge"), 4), **dict.fromkeys(("P", "As", "Sb"), 5), **dict.fromkeys(("O", "S", "Se", "Te"), 6),
}  # fmt: skip
"""Elements whose chains, rings and pairs obey the rule; multiple bonds (C2, N2) do not."""
_STRETCH = 1.17
"""Bonds are up to this factor longer than two covalent radii."""
_SUPEROXIDE_ANGSTROM = 1.40
"""Between O2- (1.33) and O2 2- (1.49)."""


def anion_charges(near: Neighbours, numbers: Ints, anions: frozenset[str]) -> Floats | None:
    """Charge of each site that is bonded to another anion, NaN for all others; None where there is none.

    Args:
        near: pairs up to 4 angstrom or more.
        numbers: atomic number of each site.
        anions: symbols of the elements that are anions.
    """
    able = np.array([False, *(s in anions and s in _VALENCE_ELECTRONS for s in SYMBOLS)])
    radii = _radii()
    first, second = numbers[near.first], numbers[near.second]
    bonded = able[first] & able[second]
    bonded &= near.distances < _STRETCH * (radii[first] + radii[second])
    if not bonded.any():
        return None
    bonds = np.bincount(near.first[bonded], minlength=len(numbers))
    short = bonded & (near.distances < _SUPEROXIDE_ANGSTROM) & (first == 8) & (second == 8)
    super_oxide = np.zeros(len(numbers), dtype=bool)
    super_oxide[near.first[short]] = True
    electrons = np.array([0.0, *(float(_VALENCE_ELECTRONS.get(s, 0)) for s in SYMBOLS)])[numbers]
    charges = -np.maximum(8.0 - electrons - bonds, 0.0)
    charges[super_oxide] = -0.5
    return np.where(bonds > 0, charges, np.nan)


@functools.cache
def _radii() -> Floats:
    """Covalent radii in angstrom by atomic number: B. Cordero et al., Dalton Trans. 2832 (2008)."""
    from etl.features.composition import PROPERTIES, elemental_table

    radii: Floats = elemental_table()[:, PROPERTIES.index("CovalentRadius")] / 100.0
    return np.nan_to_num(radii)
