"""Which rows say the same as others because they are near them; what a model gets wrong does not count here.

As MD-HIT (Li, Fu, Omee and Hu, npj Comput. Mater. 10, 245 (2024), doi 10.1038/s41524-024-01426-z) no two kept rows are
nearer than a threshold. Rows are taken farthest first (Gonzalez, Theor. Comput. Sci. 38, 293 (1985)), so one pass
answers for every threshold and every number of rows.
"""

import numpy as np

from schemas.arrays import Floats, Ints


def farthest_first(points: Floats, *, count: int, threshold: float = 0.0, seed: int = 0) -> tuple[Ints, Floats]:
    """Rows in the order in which each is farthest from all before.

    Args:
        points: n x d, such as shares of elements; distances are sums of absolute differences (of shares: twice the
            share of atoms to be exchanged).
        count: rows to take at most.
        threshold: least distance from the rows before; 0 leaves out equal rows only.
        seed: of the first row.

    Returns:
        Rows, and distance of each from those before (infinite for the first).
    """
    if not len(points) or count < 1:
        return np.empty(0, dtype=np.int64), np.empty(0)
    exact = np.ascontiguousarray(points, dtype=np.float32)
    at, far = int(np.random.default_rng(seed).integers(len(points))), np.inf
    nearest = np.full(len(points), np.inf, dtype=np.float32)
    rows: list[int] = []
    distances: list[float] = []
    while len(rows) < count and far > threshold:
        rows.append(at)
        distances.append(far)
        nearest = np.minimum(nearest, np.abs(exact - exact[at]).sum(axis=1))
        at = int(np.argmax(nearest))
        far = float(nearest[at])
    return np.array(rows, dtype=np.int64), np.array(distances)
