"""Dominance and hypervolume; every objective is to be made large (the caller turns signs)."""

import numpy as np

from schemas.arrays import Bools, Floats


def nondominated(values: Floats) -> Bools:
    """Which of n rows no other row dominates, n; equal rows do not dominate each other.

    Args:
        values: n x k.
    """
    if values.shape[1] == 1:
        return np.asarray(values[:, 0] == values[:, 0].max(initial=-np.inf))
    if values.shape[1] == 2:
        return _staircase(values)
    at_least = (values[:, None, :] >= values[None, :, :]).all(-1)
    better = (values[:, None, :] > values[None, :, :]).any(-1)
    return np.asarray(~(at_least & better).any(axis=0))


def _staircase(values: Floats) -> Bools:
    """The same of two objectives, by one sweep from the largest first value down."""
    order = np.lexsort((-values[:, 1], -values[:, 0]))
    first, second = values[order].T
    new = np.append(True, first[1:] < first[:-1])[: len(first)]  # where rows with another first value begin
    start = np.maximum.accumulate(np.where(new, np.arange(len(first)), 0))
    above = np.append(-np.inf, np.maximum.accumulate(second))[start]  # of all rows with a larger first value
    kept = np.zeros(len(values), dtype=bool)
    kept[order] = ((second > above) | (start == 0)) & (second == second[start])
    return kept


def hypervolume(values: Floats, reference: Floats) -> float:
    """Volume that n rows dominate above a reference point of k coordinates.

    One and two objectives are exact sweeps; more go to the algorithm of Fonseca et al. (2006) in botorch.
    """
    inside = values[(values > reference).all(axis=1)]
    if not len(inside):
        return 0.0
    if inside.shape[1] == 1:
        return float(inside.max() - reference[0])
    if inside.shape[1] == 2:
        falling = inside[np.lexsort((-inside[:, 1], -inside[:, 0]))]
        highest = np.maximum.accumulate(falling[:, 1])
        first, second = falling[np.append(True, falling[1:, 1] > highest[:-1])].T  # the front, from its first end
        widths = first - np.append(first[1:], reference[0])
        return float((widths * (second - reference[1])).sum())
    import torch
    from botorch.utils.multi_objective.hypervolume import Hypervolume

    front = torch.from_numpy(inside[nondominated(inside)])
    return float(Hypervolume(torch.from_numpy(reference)).compute(front))
