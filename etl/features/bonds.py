"""Distances by pair of elements and bond-valence sums of a structure."""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pymatgen.core import Structure

Floats = npt.NDArray[np.float64]

WINDOW_ANGSTROM = 1.0
BOND_CUTOFF_ANGSTROM = 4.0
_REACHES = (5.0, 8.5, 14.0)


@dataclass(frozen=True)
class Neighbours:
    """All pairs of sites up to `reach` angstrom: site indices and distances."""

    reach: float
    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    distances: Floats


def neighbours(structure: "Structure", reach: float) -> Neighbours:
    """Periodic neighbour list; every pair appears in both directions."""
    first, second, _, distances = structure.get_neighbor_list(reach)
    return Neighbours(reach, first, second, distances)


class Pairs:
    """Distances of one structure by pair of elements, over all periodic images; widens its reach when it must."""

    def __init__(self, structure: "Structure") -> None:
        self._structure = structure
        self._symbols = np.array([site.specie.symbol for site in structure])
        self._lists: list[Neighbours] = []

    def near(self) -> Neighbours:
        """The shortest neighbour list, 5 angstrom."""
        return self._at(0)

    def window(self, left: str, right: str) -> Floats | None:
        """Distances between two elements within 1 angstrom of the least one; None where they are too far apart."""
        for step in range(len(_REACHES)):
            found = self._at(step)
            here = (self._symbols[found.first] == left) & (self._symbols[found.second] == right)
            distances = found.distances[here]
            if len(distances) and distances.min() + WINDOW_ANGSTROM <= found.reach:
                chosen: Floats = distances[distances <= distances.min() + WINDOW_ANGSTROM + 1e-9]
                return chosen
        return None

    def _at(self, step: int) -> Neighbours:
        while len(self._lists) <= step:
            self._lists.append(neighbours(self._structure, _REACHES[len(self._lists)]))
        return self._lists[step]


@functools.cache
def bond_valence_parameters() -> dict[tuple[str, int, str, int], tuple[float, float]]:
    """(cation, valence, anion, valence) to (R0, B): the IUCr table of I. D. Brown, 2020, as shipped with matminer."""
    from importlib.resources import files

    table_file = files("matminer") / "utils" / "data_files" / "bvparm2020.cif"
    text = table_file.read_bytes().decode("utf-8", errors="replace")
    table: dict[tuple[str, int, str, int], tuple[float, float]] = {}
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


def bond_parameters(cation: str, state: float, anion: str, anion_state: float) -> tuple[float, float] | None:
    """R0 and B of a pair: the nearest tabulated cation valence within one, else the unspecified entry (9)."""
    table = bond_valence_parameters()
    charge = round(anion_state)
    nearest = sorted(range(1, 9), key=lambda v: (abs(v - state), v))
    for valence in (*[v for v in nearest if abs(v - state) <= 1.0], 9):
        found = table.get((cation, valence, anion, charge))
        if found is not None:
            return found
    return None


def instability_index(
    structure: "Structure", pairs: Pairs, states: dict[str, float]
) -> tuple[float | None, str | None]:
    """Global instability index in valence units: root mean square of bond-valence sum minus state over all sites.

    Salinas-Sanchez et al., J. Solid State Chem. 100, 201 (1992). Bonds up to 4 angstrom.

    Returns:
        The index and None, or None and the reason.
    """
    found = pairs.near()
    symbols = [site.specie.symbol for site in structure]
    kinds = sorted(set(symbols))
    place = {s: i for i, s in enumerate(kinds)}
    code = np.array([place[s] for s in symbols])
    state = np.array([states[s] for s in kinds])
    radius, softness = np.full((len(kinds),) * 2, np.nan), np.ones((len(kinds),) * 2)
    for cation in (s for s in kinds if states[s] > 0):
        for anion in (s for s in kinds if states[s] < 0):
            known = bond_parameters(cation, states[cation], anion, states[anion])
            if known is None:
                return None, f"no bond-valence parameters for {cation}-{anion}"
            for i, j in ((place[cation], place[anion]), (place[anion], place[cation])):
                radius[i, j], softness[i, j] = known
    left, right = code[found.first], code[found.second]
    bonded = (state[left] * state[right] < 0) & (found.distances <= BOND_CUTOFF_ANGSTROM)
    left, right = left[bonded], right[bonded]
    valences = np.exp((radius[left, right] - found.distances[bonded]) / softness[left, right])
    sums = np.zeros(len(structure))
    np.add.at(sums, found.first[bonded], valences * np.sign(state[left]))
    return float(np.sqrt(np.mean((sums - state[code]) ** 2))), None
