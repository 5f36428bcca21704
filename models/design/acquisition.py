"""How much a row promises, from the mean and standard deviation of its objectives; larger is better.

All functions take objectives that are to be made large. Frames and problems are handled in `proposal`.
"""

import math

import numpy as np
from scipy.special import erfcx, ndtr

from models.design.pareto import nondominated
from models.normal import excess
from schemas.arrays import Floats


def log_expected_improvement(mean: Floats, deviation: Floats, best: float) -> Floats:
    """Logarithm of expected improvement, n; finite far below the best (Ament et al., NeurIPS 2023, equation 9)."""
    z = (mean - best) / deviation
    density = -0.5 * z**2 - 0.5 * math.log(2 * math.pi)
    near = np.log(np.maximum(np.exp(density) + z * ndtr(z), 1e-300))
    low = np.minimum(z, -1.0)
    inner = 1.0 + low * math.sqrt(math.pi / 2) * erfcx(-low / math.sqrt(2))
    middle = density + np.log(np.maximum(inner, 1e-300))
    far = density - 2 * np.log(np.abs(low))
    return np.asarray(np.where(z > -1, near, np.where(z > -1e3, middle, far)) + np.log(deviation))


def expected_hypervolume_improvement(mean: Floats, deviation: Floats, front: Floats, reference: Floats) -> Floats:
    """Expected growth of the dominated area, n; exact for two independent objectives (Emmerich et al., 2011).

    Args:
        mean: n x 2.
        deviation: n x 2.
        front: points found so far, f x 2.
        reference: worst point of interest, 2.
    """
    edges, floors = _strips(front, reference)
    above = _excess(mean[:, 0], deviation[:, 0], edges[:-1])
    beyond = _excess(mean[:, 0], deviation[:, 0], edges[1:])
    height = _excess(mean[:, 1], deviation[:, 1], floors)
    return np.asarray(np.maximum(((above - beyond) * height).sum(axis=1), 0.0))


def hypervolume_gain(points: Floats, front: Floats, reference: Floats) -> Floats:
    """Growth of the dominated area by each of n points, n; the limit of the above without uncertainty.

    Args:
        points: n x 2.
        front: points found so far, f x 2.
        reference: worst point of interest, 2.
    """
    edges, floors = _strips(front, reference)
    reach = np.maximum(points[:, :1] - edges[None, :-1], 0.0)
    width = np.minimum(reach, edges[None, 1:] - edges[None, :-1])
    return np.asarray((width * np.maximum(points[:, 1:] - floors[None, :], 0.0)).sum(axis=1))


def front_probability(samples: Floats, known: Floats) -> Floats:
    """Share of posterior samples in which an open row belongs to the front of open and known rows, n.

    Args:
        samples: s x n x k joint draws of the open rows.
        known: values of the evaluated rows, m x k.
    """
    count = np.zeros(samples.shape[1])
    best = known[nondominated(known)] if len(known) else known
    for draw in samples:
        free = np.ones(len(draw), dtype=bool)
        if len(best):
            free = ~((best[None] >= draw[:, None]).all(-1) & (best[None] > draw[:, None]).any(-1)).any(1)
        rows = np.flatnonzero(free)
        count[rows[nondominated(draw[rows])]] += 1
    return count / max(1, len(samples))


def _strips(front: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Strips of the first objective between neighbours of the front: edges, f + 2, and the front's height, f + 1."""
    inside = front[(front > reference).all(axis=1)]
    points = np.unique(inside[nondominated(inside)], axis=0) if len(inside) else np.zeros((0, 2))
    return np.concatenate([[reference[0]], points[:, 0], [np.inf]]), np.concatenate([points[:, 1], [reference[1]]])


def _excess(mean: Floats, deviation: Floats, bounds: Floats) -> Floats:
    """Expected excess of n normals over b bounds, n x b; zero at an infinite bound."""
    finite = np.isfinite(bounds)
    return np.where(finite, excess(mean[:, None], deviation[:, None], np.where(finite, bounds, 0.0)), 0.0)
