"""Electrostatic potentials of point charges in a periodic cell by Ewald's sum.

P. P. Ewald, Annalen der Physik 369, 253 (1921); the uniform background of a charged cell is included, so that each
group of charges can be summed by itself.
"""

import math

import numpy as np
from scipy.special import erfc

from etl.features.neighbours import neighbours
from schemas.arrays import Floats

COULOMB_EV_ANGSTROM = 14.39964547842567
"""e^2 / (4 pi epsilon_0), CODATA 2018."""
_DIGITS = 21.0
"""Both sums stop where their terms fall below exp(-21), 8e-10 of the first."""
_BALANCE = 1.2
"""Factor on the width of the screening that is usually best; here the reciprocal sum is the cheaper one."""


def site_potentials(lattice: Floats, coords: Floats, members: Floats) -> Floats:
    """Potential at each site made by each group of charges when every member of the group is a unit charge.

    The potential of any charges that are equal within groups is this matrix times their charges, as long as they sum to
    zero over the cell.

    Args:
        lattice: 3 x 3, vectors in rows, angstrom.
        coords: n x 3 fractional coordinates.
        members: n x groups, what of each site belongs to each group: a one and zeros where sites are not shared.

    Returns:
        n x groups, volt; the charge at a site does not act on itself.
    """
    count, volume = len(coords), float(abs(np.linalg.det(lattice)))
    width = math.sqrt(math.pi) * (_BALANCE * count / volume**2) ** (1 / 6)  # root of Ewald's eta, 1 / angstrom
    near = neighbours(lattice, coords, math.sqrt(_DIGITS) / width)
    # from each site to each, all images together
    direct = np.bincount(
        near.first * count + near.second, erfc(width * near.distances) / near.distances, minlength=count * count
    )
    made = direct.reshape(count, count) @ members
    made += _reciprocal(lattice, coords, members, width, volume)
    made -= 2.0 * width / math.sqrt(math.pi) * members
    made -= math.pi / (volume * width**2) * members.sum(axis=0)
    result: Floats = made * COULOMB_EV_ANGSTROM
    return result


def _reciprocal(lattice: Floats, coords: Floats, members: Floats, width: float, volume: float) -> Floats:
    """The smooth part, over one of each pair of opposite reciprocal vectors."""
    basis = 2.0 * math.pi * np.linalg.inv(lattice).T
    reach = 2.0 * width * math.sqrt(_DIGITS)
    # the greatest index along each axis that a vector within reach can have
    most = np.floor(reach * np.linalg.norm(lattice, axis=1) / (2.0 * math.pi)).astype(int)
    axes = [np.arange(-m, m + 1) for m in most]
    h, k, m = np.meshgrid(np.arange(most[0] + 1), axes[1], axes[2], indexing="ij")
    index = np.stack([h.ravel(), k.ravel(), m.ravel()], axis=1)
    half = (index[:, 0] > 0) | (index[:, 1] > 0) | ((index[:, 1] == 0) & (index[:, 2] > 0))
    index = index[half]
    square = np.square(index @ basis).sum(axis=1)
    inside = square <= reach**2
    index, square = index[inside], square[inside]
    phase = 2.0 * math.pi * (coords @ index.T)
    cosine, sine = np.cos(phase), np.sin(phase)
    weight = 8.0 * math.pi / volume * np.exp(-square / (4.0 * width**2)) / square
    result: Floats = (cosine * weight) @ (cosine.T @ members) + (sine * weight) @ (sine.T @ members)
    return result
