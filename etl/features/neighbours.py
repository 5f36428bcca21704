"""Periodic neighbour lists of points in a cell."""

from dataclasses import dataclass

import numpy as np

from schemas.arrays import Floats, Ints

_MOST_CUBES = 1_000_000


@dataclass(frozen=True, eq=False)
class Neighbours:
    """All pairs of points up to `reach` angstrom, each in both directions; a point and its own images count too.

    Attributes:
        reach: angstrom.
        first, second: indices of the points.
        images: of the second point, in lattice vectors.
        distances: angstrom.
    """

    reach: float
    first: Ints
    second: Ints
    images: Ints
    distances: Floats

    def apart(self) -> "Neighbours":
        """Without the pairs of points that are one place."""
        keep = self.distances > 1e-6
        return Neighbours(self.reach, self.first[keep], self.second[keep], self.images[keep], self.distances[keep])


def neighbours(lattice: Floats, coords: Floats, reach: float) -> Neighbours:
    """Pairs closer than `reach`.

    Args:
        lattice: 3 x 3, vectors in rows, angstrom.
        coords: n x 3 fractional coordinates.
        reach: angstrom.
    """
    from pymatgen.optimization.neighbors import find_points_in_spheres

    cells = np.floor(coords)
    places = np.ascontiguousarray((coords - cells) @ lattice)
    # the search lays cubes as wide as its reach over the cell: in a large one they must not be too many
    box = float(np.prod(np.abs(lattice).sum(axis=0) + 2.0 * reach))
    wide = max(float(reach), (box / _MOST_CUBES) ** (1 / 3))
    first, second, images, distances = find_points_in_spheres(
        places, places, r=wide, pbc=np.ones(3, dtype=np.int64), lattice=np.ascontiguousarray(lattice), tol=1e-8
    )
    keep = ((first != second) | (distances >= 1e-8)) & (distances <= reach)
    first, second = first[keep], second[keep]
    moved = images[keep] + cells[first] - cells[second]
    return Neighbours(float(reach), first, second, np.asarray(moved, dtype=np.int64), distances[keep])
