"""What a crystal must satisfy to be used, and what about it is worth a flag."""

from dataclasses import replace

import numpy as np

from etl.features.elements import NUMBER
from etl.features.neighbours import neighbours
from etl.structures.crystal import FULL, Crystal
from etl.structures.errors import StructureError
from schemas.arrays import Floats

OVERLAP_ANGSTROM = 0.5
CLOSE_ANGSTROM = 1.0
LARGE_SITES = 2000
"""Sites from which a cell is flagged as large."""
MAX_SITES = 20_000
MAX_DENSITY = 2.0
"""Atoms a cubic angstrom; hydrogen in the middle of Jupiter has fewer."""
LEAST_SPACING_ANGSTROM = 0.3
"""Of lattice planes; cells flatter or more skewed than that are none, and a search in them would not end."""
FAR_CELLS = 100.0
SHORTEST_ANGSTROM, LONGEST_ANGSTROM = 0.5, 1000.0
"""Of the vectors of a cell."""
_DENSE = 64
"""Atoms up to which all pairs are looked at."""


def checked(crystal: Crystal) -> Crystal:
    """The crystal itself, once it passed every check; flags that need its neighbours are added to `notes`.

    Raises:
        StructureError: no atoms or too many, a degenerate cell, coordinates that are not finite, occupancy outside 0 to
            1, or two atoms closer than `OVERLAP_ANGSTROM` that are not alternatives on a split site.
    """
    if len(crystal.numbers) == 0:
        raise StructureError("no atoms")
    if crystal.n_sites > MAX_SITES:
        raise StructureError(f"{crystal.n_sites} sites, more than {MAX_SITES}")
    if not (np.isfinite(crystal.coords).all() and np.isfinite(crystal.lattice).all()):
        raise StructureError("coordinates that are not finite")
    lengths = np.sqrt(np.square(crystal.lattice).sum(axis=1))
    if not (lengths.min() >= SHORTEST_ANGSTROM and lengths.max() <= LONGEST_ANGSTROM):
        raise StructureError(f"cell lengths of {lengths.min():.3g} to {lengths.max():.3g} angstrom")
    if np.abs(crystal.coords).max() > FAR_CELLS:
        raise StructureError(f"an atom {np.abs(crystal.coords).max():.3g} cells away")
    if not crystal.ordered:
        filled = crystal.filled
        if filled.max() > 1.001 or filled.min() <= 0:
            wrong = filled.max() if filled.max() > 1.001 else filled.min()
            raise StructureError(f"occupancy {wrong:g} outside 0 to 1")
    if not crystal.volume > 0.1 * crystal.n_sites**0.5:
        raise StructureError(f"degenerate cell of {crystal.volume:.3g} cubic angstrom")
    spacing = float(1.0 / np.sqrt(np.square(np.linalg.inv(crystal.lattice)).sum(axis=0).max()))
    if spacing < LEAST_SPACING_ANGSTROM:
        raise StructureError(f"degenerate cell with planes {spacing:.3g} angstrom apart")
    if crystal.n_sites > MAX_DENSITY * crystal.volume:
        raise StructureError(f"overlapping atoms, {crystal.n_sites} in {crystal.volume:.3g} cubic angstrom")
    # with lattice planes two reaches apart, the image nearest in each coordinate is the nearest one
    if spacing > 2 * CLOSE_ANGSTROM and _surely_apart(crystal.lattice, crystal.coords):
        return crystal
    return _apart(crystal)


def _apart(crystal: Crystal) -> Crystal:
    near = neighbours(crystal.lattice, crystal.coords, CLOSE_ANGSTROM)
    if not len(near.distances):
        return crystal
    other = crystal.sites[near.first] != crystal.sites[near.second]
    other |= near.distances > 1e-3  # the own image of an atom is another atom
    overlap = other & (near.distances < OVERLAP_ANGSTROM)
    # alternatives of one atom, each partly occupied, may lie as close as they like
    together = crystal.filled[crystal.sites[near.first]] + crystal.filled[crystal.sites[near.second]]
    split = overlap & (together <= 1.001) & (crystal.sites[near.first] != crystal.sites[near.second])
    if (overlap & ~split).any():
        least = near.distances[overlap & ~split].min()
        raise StructureError(f"overlapping atoms, {least:.3f} angstrom apart")
    found = ["split sites"] if split.any() else []
    hydrogen = (crystal.numbers[near.first] == NUMBER["H"]) | (crystal.numbers[near.second] == NUMBER["H"])
    if (other & ~split & ~hydrogen).any():
        found.append("close atoms")
    return _noted(crystal, found)


def _surely_apart(lattice: Floats, coords: Floats) -> bool:
    """Whether no two atoms of a few are within `CLOSE_ANGSTROM`; the slow search decides else."""
    if len(coords) > _DENSE:
        return False
    apart = coords[:, None] - coords[None]
    apart -= np.rint(apart)
    apart = apart.reshape(-1, 3) @ lattice
    squares = np.einsum("ij,ij->i", apart, apart)
    return int(np.count_nonzero(squares <= CLOSE_ANGSTROM**2)) == len(coords)


def _noted(crystal: Crystal, found: list[str]) -> Crystal:
    return replace(crystal, notes=(*crystal.notes, *found)) if found else crystal


def flags(crystal: Crystal) -> list[str]:
    """What is noteworthy of a checked crystal.

    "disordered", "vacancies", "close atoms" (under 1 angstrom without H), "split sites", "large cell", "low density",
    and what its text said: "several structures", "symmetry mismatch", "isotopes read as H" and the like.
    """
    found = list(crystal.notes)
    if not crystal.ordered:
        found.append("disordered")
    if (crystal.filled < FULL).any():
        found.append("vacancies")
    if crystal.n_sites > LARGE_SITES:
        found.append("large cell")
    if crystal.volume / crystal.n_sites > 100:
        found.append("low density")
    return found
