"""A Gaussian process whose kernel parameters are drawn from their posterior, not set to its peak.

With a few dozen rows the likelihood leaves many length scales open. Draws average over them, so that points do not hang
on one choice and the spread says what is not known. What the distances mean is said by who calls.
"""

from collections.abc import Callable

import numpy as np

from schemas.arrays import Floats

AMPLITUDE, LENGTH, NOISE = 0.5, 1.5, 0.15
"""Medians of the log-normal priors, each of spread 1: of kernel and noise in units of y, of lengths in those of X."""
STEP, LEAPS, THIN, WARM = 0.13, 6, 3, 4
"""Of Hamiltonian Monte Carlo: about 80 % of the moves are taken."""
_FAR = 50.0  # of a scaled distance: beyond it a kernel is zero, and denormal numbers would be slow
_JITTER = 1e-8


def squared(a: Floats, b: Floats) -> Floats:
    """Squared distances of each row of a to each of b, n x m."""
    found: Floats = ((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=-1)
    return found


def draw(distances: Floats, y: Floats, *, count: int, seed: int = 0) -> Floats:
    """Draws kernel parameters given rows.

    Args:
        distances: g x n x n squared distances, one a group of features with a length scale of its own.
        y: n values of mean 0 and deviation about 1.
        count: how many draws.
        seed: of the random numbers.

    Returns:
        count x (g + 2): logarithms of amplitude, lengths and noise.
    """
    from scipy.optimize import minimize

    centre = np.log([AMPLITUDE, *[LENGTH] * len(distances), NOISE])

    def energy(p: Floats) -> tuple[float, Floats]:
        value, slope = _negative_evidence(p, distances, y)
        return value + 0.5 * float(((p - centre) ** 2).sum()), slope + p - centre

    bounds = [(-5.0, 4.0)] * len(centre)
    peak = minimize(energy, centre, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 100})
    return _walk(energy, np.asarray(peak.x, dtype=np.float64), count, np.random.default_rng(seed))


def _negative_evidence(p: Floats, distances: Floats, y: Floats) -> tuple[float, Floats]:
    """Negative log marginal likelihood of a Matern 3/2 kernel, and its gradient (Rasmussen and Williams, eq. 5.9)."""
    parts = distances * np.exp(-2 * p[1:-1])[:, None, None]
    r = np.minimum(np.sqrt(3 * parts.sum(axis=0)), _FAR)
    decay = np.exp(2 * p[0] - r)
    noise = np.exp(2 * p[-1])
    unit = np.eye(len(y))
    inverse = np.linalg.inv(np.linalg.cholesky((1 + r) * decay + (noise + _JITTER) * unit))
    weights = inverse.T @ (inverse @ y)
    pull = inverse.T @ inverse - np.outer(weights, weights)
    slopes = [(pull * (1 + r) * decay).sum(), *(1.5 * np.tensordot(parts, pull * decay)), noise * np.trace(pull)]
    return 0.5 * float(y @ weights) - float(np.log(np.diag(inverse)).sum()), np.array(slopes)


def _walk(energy: Callable[[Floats], tuple[float, Floats]], p: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Hamiltonian Monte Carlo from p: every `THIN`-th place after `WARM` of them."""
    kept = []
    here, slope = energy(p)
    for move in range(THIN * (WARM + count)):
        momentum = rng.normal(size=len(p))
        step = STEP * rng.uniform(0.7, 1.3)
        q, there, pull, speed = p, here, slope, momentum - 0.5 * step * slope
        for leap in range(LEAPS):
            q = np.clip(q + step * speed, -7.0, 7.0)
            there, pull = energy(q)
            speed = speed - (step if leap < LEAPS - 1 else 0.5 * step) * pull
        if np.log(rng.uniform()) < here - there + 0.5 * float(momentum @ momentum - speed @ speed):
            p, here, slope = q, there, pull
        if move >= THIN * WARM and move % THIN == THIN - 1:
            kept.append(p)
    return np.array(kept)


def _kernel(p: Floats, distances: Floats) -> Floats:
    r = np.minimum(np.sqrt(3 * np.tensordot(np.exp(-2 * p[1:-1]), distances, axes=1)), _FAR)
    made: Floats = np.exp(2 * p[0]) * (1 + r) * np.exp(-r)
    return made


def predict(draws: Floats, among: Floats, across: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of a new observation under each draw.

    Args:
        draws: k x (g + 2), of `draw`.
        among: g x n x n squared distances among the rows known.
        across: g x m x n from the new rows to them.
        y: n values known.

    Returns:
        Two arrays, k x m.
    """
    means, spreads = [], []
    for p in draws:
        noise = np.exp(2 * p[-1])
        inverse = np.linalg.inv(np.linalg.cholesky(_kernel(p, among) + (noise + _JITTER) * np.eye(len(y))))
        seen = _kernel(p, across) @ inverse.T
        means.append(seen @ (inverse @ y))
        spreads.append(np.sqrt(np.maximum(np.exp(2 * p[0]) + noise - (seen**2).sum(axis=1), noise)))
    return np.array(means), np.array(spreads)
