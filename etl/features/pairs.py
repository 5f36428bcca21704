"""Distances of a crystal by pair of elements: the published definition, and ours over all images and bridges."""

import numpy as np
import numpy.typing as npt

from etl.features.neighbours import Neighbours, neighbours
from etl.structures.crystal import Crystal
from schemas.arrays import Floats, Ints

WINDOW_ANGSTROM = 1.0
_REACHES = (4.5, 8.5, 14.0, 24.0)
_MOST_PAIRS = 5_000_000
_BONDED = 1.25
"""A metal is bonded to the anions within this factor of its nearest one."""
_SHELL = 1.3
"""Pairs over the same kind of bridge belong together up to this factor: dimers and gaps of one chain (1.21 in VO2)
do, right angles and straight lines over a corner (1.41 in NbO) do not."""


class Pairs:
    """Distances of one crystal by pair of elements; widens its reach when it must. Atoms on one site are no pair."""

    def __init__(self, crystal: Crystal) -> None:
        self._crystal = crystal
        self._lists: list[Neighbours] = []
        self._single = bool((np.bincount(crystal.numbers)[np.unique(crystal.numbers)] == 1).any())

    def near(self) -> Neighbours:
        """The shortest neighbour list, 4.5 angstrom."""
        return self._at(0)

    def _steps(self) -> range:
        """The reaches that are worth their memory: in a large cell the longer ones are not."""
        density = len(self._crystal.numbers) ** 2 / self._crystal.volume
        pairs = [density * 4.19 * reach**3 for reach in _REACHES]
        return range(max(1, sum(count < _MOST_PAIRS for count in pairs)))

    def window(self, left: int, right: int) -> Floats | None:
        """The published distances between two elements, given by atomic number.

        Each pair of different sites counts once with its nearest image, in the cell as it is given (doubled along a
        where an element has one site only); those within 1 angstrom of the least are returned. They depend on the
        choice of the cell, as the published ones do. None where there is no pair within reach.
        """
        for step in self._steps():
            distances = self._pairwise(self._at(step), left, right)
            if len(distances) and distances.min() + WINDOW_ANGSTROM <= _REACHES[step]:
                chosen: Floats = distances[distances <= distances.min() + WINDOW_ANGSTROM]
                return chosen
        return None

    def _pairwise(self, found: Neighbours, left: int, right: int) -> Floats:
        numbers, count = self._crystal.numbers, len(self._crystal.numbers)
        here = (numbers[found.first] == left) & (numbers[found.second] == right)
        first, second, distances = found.first[here], found.second[here], found.distances[here]
        # in the doubled cell a pair is apart by an even or an odd number of old cells
        odd = found.images[here, 0] % 2 if self._single else np.zeros(len(first), dtype=np.int64)
        one_way = first <= second if left == right else np.ones(len(first), dtype=bool)
        one_way &= (first != second) | (odd == 1)
        keys = (first * count + second)[one_way] * 2 + odd[one_way]
        order = np.lexsort((distances[one_way], keys))
        keys, distances = keys[order], distances[one_way][order]
        starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, dtype=np.int64)
        nearest, pair = distances[starts], keys[starts] // 2
        if not self._single or left != right:
            return np.asarray(nearest, dtype=np.float64)
        # of the doubled cell, i and its copy make one pair, i and j two of each kind
        repeated: Floats = np.repeat(nearest, np.where(pair // count == pair % count, 1, 2))
        return repeated

    def shortest(self, left: int, right: int) -> float | None:
        """The least distance between two elements over all images; None where they are too far apart."""
        numbers = self._crystal.numbers
        for step in self._steps():
            found = self._at(step)
            here = (numbers[found.first] == left) & (numbers[found.second] == right)
            if here.any():
                return float(found.distances[here].min())
        return None

    def bridged(self, metal: int, partners: frozenset[int], anions: frozenset[int]) -> float | None:
        """Mean distance of a metal to those it shares the most anions with: an edge or a face, else a corner.

        The neighbours to which d electrons hop: in rutile and corundum those over shared edges and faces, in
        perovskites those over corners. None where it shares no anion.

        Args:
            metal: atomic number.
            partners: atomic numbers of the metals to pair it with, itself among them.
            anions: atomic numbers of the bridges.
        """
        shortest = min((d for x in anions if (d := self.shortest(metal, x)) is not None), default=None)
        if shortest is None or shortest * _BONDED > _REACHES[self._steps()[-1]]:
            return None
        found = self._at(next(i for i, reach in enumerate(_REACHES) if reach >= shortest * _BONDED))
        numbers = self._crystal.numbers
        bond = _among(numbers, partners)[found.first] & _among(numbers, anions)[found.second]
        first, second, images = found.first[bond], found.second[bond], found.images[bond]
        nearest = np.full(len(numbers), np.inf)
        np.minimum.at(nearest, first, found.distances[bond])
        close = found.distances[bond] <= _BONDED * nearest[first]
        pairs = _sharing(first[close], second[close], images[close])
        pairs = pairs[numbers[pairs[:, 0]] == metal]
        if not len(pairs):
            return None
        distinct, shared = np.unique(pairs, axis=0, return_counts=True)
        chosen = distinct[shared >= 2] if (shared >= 2).any() else distinct
        coords = self._crystal.coords
        apart = (coords[chosen[:, 1]] + chosen[:, 2:] - coords[chosen[:, 0]]) @ self._crystal.lattice
        distances = np.sqrt(np.square(apart).sum(axis=1))
        return float(distances[distances <= _SHELL * distances.min()].mean())

    def _at(self, step: int) -> Neighbours:
        while len(self._lists) <= step:
            found = neighbours(self._crystal.lattice, self._crystal.coords, _REACHES[len(self._lists)])
            self._lists.append(found if self._crystal.ordered else found.apart())
        return self._lists[step]


def _among(numbers: Ints, chosen: frozenset[int]) -> npt.NDArray[np.bool_]:
    return np.isin(numbers, sorted(chosen))


def _sharing(metals: Ints, anions: Ints, images: Ints) -> Ints:
    """Rows of metal, other metal and its image, one for each anion that a pair shares.

    Args:
        metals, anions: ends of each bond.
        images: of the anion, in lattice vectors.
    """
    order = np.argsort(anions, kind="stable")
    metals, images = metals[order], images[order]
    counts = np.unique(anions[order], return_counts=True)[1]
    rows = []
    for start, count in zip(np.cumsum(counts) - counts, counts, strict=True):
        left, right = np.nonzero(~np.eye(count, dtype=bool))
        left, right = left + start, right + start
        rows.append(np.column_stack([metals[left], metals[right], images[left] - images[right]]))
    return np.concatenate(rows) if rows else np.zeros((0, 5), dtype=np.int64)
