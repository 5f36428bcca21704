"""Accumulated local effects (ALE) of one and of two features, with bands: arrays in, arrays out.

Apley and Zhu, J. R. Stat. Soc. B 82, 1059 (2020), equations 5 to 11, written out here in numpy. Edges of bins are
values that occur, so that no bin is empty and what ties falls to one side, as trees split it. Bands come of a Bayesian
bootstrap (Rubin, Ann. Stat. 9, 130 (1981)) that weighs whole groups at random: edges stay where they are, and no bin
loses its last row as it would if groups were drawn. Which features are explained is `explanation`.
"""

from collections.abc import Callable, Sequence

import numpy as np

from schemas.arrays import Floats, Ints

Predictor = Callable[[Floats], Floats]
"""Rows, n x d, to values, ... x n: the leading axes are replicates and classes, or there is none."""
LEVEL = 0.95
ROUNDING = 1e-9


def group_weights(groups: Sequence[str], *, replicates: int, rng: np.random.Generator) -> Floats:
    """Weights of rows, (replicates + 1) x n: first of the sample as it is, then each group weighed at random."""
    code = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)[1]
    drawn = rng.exponential(size=(replicates, int(code.max(initial=-1)) + 1))
    return np.vstack([np.ones(len(code)), drawn[:, code]])


def band(values: Floats) -> tuple[Floats, Floats, Floats]:
    """The estimate, and the percentile interval of `LEVEL` over the replicates after it, from the first axis."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return values[0], low, high


def edges(x: Floats, bins: int) -> Floats:
    """Distinct quantiles of x, each a value of x, as bin edges; at least one. What differs by rounding is one value."""
    found = np.unique(np.quantile(x, np.linspace(0, 1, bins + 1), method="inverted_cdf"))
    distinct = np.append(True, np.diff(found) > ROUNDING * np.ptp(found))
    return np.asarray(found[distinct], dtype=np.float64)


def ale_1d(
    predict: Predictor, X: Floats, feature: int, *, bins: int = 20, weights: Floats | None = None
) -> tuple[Floats, Floats, Ints]:
    """First-order ALE of one feature.

    Args:
        predict: n x d to ... x n.
        X: background rows without missing values.
        feature: column.
        bins: quantile bins.
        weights: of the rows, ... x n; all the same unless told.

    Returns:
        Edges (m + 1), centred effect at each edge (... x (m + 1)), rows in each bin (m).
    """
    x, w = X[:, feature], np.ones(len(X)) if weights is None else weights
    z = edges(x, bins)
    if len(z) < 2:
        return z, _zeros(predict, X, w, 1), np.zeros(0, np.int64)
    place = _place(x, z)
    low, high = X.copy(), X.copy()
    low[:, feature], high[:, feature] = z[place], z[place + 1]
    inside = np.eye(len(z) - 1)[place]
    step = ((w * (predict(high) - predict(low))) @ inside) / (w @ inside)
    effect = _accumulated(step, -1)
    mean = ((w @ _hats(x, z)) * effect).sum(axis=-1) / w.sum(axis=-1)
    return z, effect - mean[..., None], np.bincount(place, minlength=len(z) - 1)


def ale_2d(
    predict: Predictor, X: Floats, pair: tuple[int, int], *, bins: int = 8, weights: Floats | None = None
) -> tuple[Floats, Floats, Floats]:
    """Second-order ALE of two features: the pure interaction, main effects removed.

    Returns:
        Edges of the first, edges of the second, effect at the crossings (... x (m + 1) x (k + 1)). Cells without rows
        take the mean difference of the nearest cell that has some.
    """
    a, b = pair
    w = np.ones(len(X)) if weights is None else weights
    u, v = edges(X[:, a], bins), edges(X[:, b], bins)
    if len(u) < 2 or len(v) < 2:
        return u, v, _zeros(predict, X, w, len(u), len(v))
    i, j = _place(X[:, a], u), _place(X[:, b], v)
    corners = np.tile(X, (4, 1))
    corners[:, a] = np.concatenate([u[i + 1], u[i], u[i + 1], u[i]])
    corners[:, b] = np.concatenate([v[j + 1], v[j + 1], v[j], v[j]])
    upper, left, lower, both = np.split(predict(corners), 4, axis=-1)
    shape = (len(u) - 1, len(v) - 1)
    filled, cell = np.unique(i * shape[1] + j, return_inverse=True)
    inside = np.eye(len(filled))[cell]
    step = ((w * (upper - left - lower + both)) @ inside) / (w @ inside)
    step = step[..., _nearest(filled, shape)]
    effect = _accumulated(_accumulated(step.reshape(*step.shape[:-1], *shape), -1), -2)
    return u, v, _pure(effect, w, (i, j), (_hats(X[:, a], u), _hats(X[:, b], v)))


def meeting(X: Floats, u: Floats, v: Floats) -> Ints:
    """Rows of X (n x 2) in the cells that meet at each crossing of edges; effects where none are, are copied ones."""
    if len(u) < 2 or len(v) < 2:
        return np.full((len(u), len(v)), len(X), dtype=np.int64)
    around = np.zeros((len(u) + 1, len(v) + 1), dtype=np.int64)
    np.add.at(around, (_place(X[:, 0], u) + 1, _place(X[:, 1], v) + 1), 1)
    total: Ints = around[:-1, :-1] + around[1:, :-1] + around[:-1, 1:] + around[1:, 1:]
    return total


def _place(x: Floats, z: Floats) -> Ints:
    """The bin of each value: an edge belongs to the bin that it closes, as `x <= threshold` does."""
    return np.clip(np.searchsorted(z, x, side="left") - 1, 0, len(z) - 2)


def _hats(x: Floats, z: Floats) -> Floats:
    """Weights that interpolate what is known at the edges linearly to each value, n x (m + 1)."""
    place = _place(x, z)
    share = (x - z[place]) / (z[place + 1] - z[place])
    eye = np.eye(len(z))
    made: Floats = (1 - share)[:, None] * eye[place] + share[:, None] * eye[place + 1]
    return made


def _accumulated(step: Floats, axis: int) -> Floats:
    """Sums from zero along an axis."""
    start = np.zeros_like(np.take(step, [0], axis=axis))
    return np.concatenate([start, np.cumsum(step, axis=axis)], axis=axis)


def _nearest(filled: Ints, shape: tuple[int, int]) -> Ints:
    """For each cell of a grid, which of the filled ones is nearest, in cells."""
    grid = np.indices(shape).reshape(2, -1).T
    gap = ((grid[:, None, :] - grid[filled][None]) ** 2).sum(axis=-1)
    return np.asarray(gap.argmin(axis=1), dtype=np.int64)


def _pure(effect: Floats, w: Floats, place: tuple[Ints, Ints], hats: tuple[Floats, Floats]) -> Floats:
    """Removes the first-order effects and the mean that the double sum still carries (equations 9 and 10)."""
    (i, j), (hu, hv) = place, hats
    along_u, along_v = np.diff(effect, axis=-2), np.diff(effect, axis=-1)
    rows = (w[..., None, :] * np.eye(hu.shape[1] - 1)[i].T) @ hv  # ... x m x (k + 1)
    columns = (w[..., None, :] * hu.T) @ np.eye(hv.shape[1] - 1)[j]  # ... x (m + 1) x k
    main_u = _accumulated((rows * along_u).sum(axis=-1) / rows.sum(axis=-1), -1)
    main_v = _accumulated((columns * along_v).sum(axis=-2) / columns.sum(axis=-2), -1)
    left = effect - main_u[..., :, None] - main_v[..., None, :]
    nodes = (w[..., None, :] * hu.T) @ hv
    mean = (nodes * left).sum(axis=(-2, -1)) / w.sum(axis=-1)
    pure: Floats = left - mean[..., None, None]
    return pure


def _zeros(predict: Predictor, X: Floats, w: Floats, *shape: int) -> Floats:
    """No effect, in the shape of one."""
    return np.zeros((*np.broadcast_shapes(predict(X[:1]).shape[:-1], w.shape[:-1]), *shape))
