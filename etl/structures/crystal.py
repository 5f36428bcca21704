"""A crystal as arrays: what readers make and features read. Conversions to other libraries' objects are here too."""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from etl.features.elements import NUMBER, SYMBOLS
from schemas.arrays import Floats, Ints

if TYPE_CHECKING:
    from pymatgen.core import Structure


FULL = 0.999
"""Occupancy from which a site counts as full."""
_DALTON_G = 1.66053906892e-24


@dataclass(frozen=True, eq=False, kw_only=True)
class Crystal:
    """A periodic structure, one row a species on a site; a site of mixed occupancy has several rows.

    Attributes:
        lattice: 3 x 3, vectors in rows, angstrom.
        numbers: atomic number of each row.
        coords: n x 3 fractional coordinates.
        occupancies: share of the site that the species fills.
        sites: which site each row is on, from 0 without gaps, in rising order.
        notes: what its text said that is worth a flag.
        kelvin: temperature of the measurement, where its text says it.
    """

    lattice: Floats
    numbers: Ints
    coords: Floats
    occupancies: Floats
    sites: Ints
    notes: tuple[str, ...] = ()
    kelvin: float | None = None

    @property
    def n_sites(self) -> int:
        """Sites in the cell."""
        return int(self.sites[-1]) + 1

    @functools.cached_property
    def volume(self) -> float:
        """Volume of the cell, cubic angstrom."""
        return float(abs(np.linalg.det(self.lattice)))

    @functools.cached_property
    def ordered(self) -> bool:
        """Whether one species fills each site."""
        return len(self.numbers) == self.n_sites and bool(np.all(self.occupancies >= FULL))

    @functools.cached_property
    def filled(self) -> Floats:
        """Occupancy of each site, all species together."""
        total: Floats = np.bincount(self.sites, self.occupancies).astype(np.float64)
        return total

    @functools.cached_property
    def amounts(self) -> dict[str, float]:
        """Atoms of each element in the cell, by symbol."""
        total = np.bincount(self.numbers, self.occupancies)
        return {SYMBOLS[z - 1]: float(total[z]) for z in np.unique(self.numbers)}

    @functools.cached_property
    def symbols(self) -> tuple[str, ...]:
        """Symbol of each row."""
        return tuple(SYMBOLS[z - 1] for z in self.numbers)

    @property
    def density(self) -> float:
        """Mass density, g/cm3."""
        return float(_masses()[self.numbers] @ self.occupancies) * _DALTON_G / (self.volume * 1e-24)

    def to_pymatgen(self) -> "Structure":
        """The structure as pymatgen's object, species without oxidation states."""
        from pymatgen.core import Lattice, Structure

        species: list[dict[str, float]] = [{} for _ in range(self.n_sites)]
        places = np.zeros((self.n_sites, 3))
        for at, symbol, share, place in zip(self.sites, self.symbols, self.occupancies, self.coords, strict=True):
            species[at][symbol] = species[at].get(symbol, 0.0) + float(share)
            places[at] = place
        return Structure(Lattice(self.lattice), species, places)


def ordered_crystal(lattice: Floats, numbers: Ints, coords: Floats, notes: tuple[str, ...] = ()) -> Crystal:
    """A crystal of full sites."""
    count = len(numbers)
    return Crystal(
        lattice=lattice, numbers=numbers, coords=coords, occupancies=np.ones(count), sites=np.arange(count), notes=notes
    )


def from_pymatgen(structure: "Structure") -> Crystal:
    """The arrays of a pymatgen structure; oxidation states and site properties are left behind."""
    rows = [
        (index, NUMBER[getattr(getattr(s, "element", s), "symbol", str(s))], float(share), site.frac_coords)
        for index, site in enumerate(structure)
        for s, share in site.species.items()
    ]
    return Crystal(
        lattice=np.array(structure.lattice.matrix, dtype=np.float64),
        numbers=np.array([z for _, z, _, _ in rows], dtype=np.int64),
        coords=np.array([place for *_, place in rows], dtype=np.float64).reshape(-1, 3),
        occupancies=np.array([share for _, _, share, _ in rows], dtype=np.float64),
        sites=np.array([index for index, *_ in rows], dtype=np.int64),
    )


@functools.cache
def _masses() -> Floats:
    from pymatgen.core import Element

    return np.array([0.0, *(float(Element(s).atomic_mass) for s in SYMBOLS)])
