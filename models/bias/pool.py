"""A Gaussian process over a finite pool whose rows are revealed one by one, at the cost of one outer product each.

What to reveal is decided in `etal`. A process over mixed variables, with levels, is in `models.lvgp`.
"""

from dataclasses import dataclass

import numpy as np

from schemas.arrays import Floats

FITTED = 400
"""Rows that hyperparameters are learned from at most; a random part of more rows."""
_BOUNDS = {"length": (-3.0, 4.0), "signal": (-5.0, 3.0), "noise": (-12.0, 1.0)}


@dataclass(frozen=True)
class Hyperparameters:
    """Of a process with constant mean, squared exponential kernel and equal noise.

    Attributes:
        lengths: length scale of each column.
        signal: variance of the function.
        noise: variance of the noise.
        mean: its constant mean.
    """

    lengths: Floats
    signal: float
    noise: float
    mean: float

    def kernel(self, left: Floats, right: Floats) -> Floats:
        """Covariance of the function between n and m rows, n x m."""
        return np.asarray(self.signal * np.exp(-0.5 * _squares(left / self.lengths, right / self.lengths)))


@dataclass
class Pool:
    """What is known of m rows: means and covariances of the function there, updated as rows are revealed.

    Attributes:
        mean: m.
        covariance: m x m.
        noise: variance of what is revealed beside the function.
    """

    mean: Floats
    covariance: Floats
    noise: float

    @classmethod
    def of(cls, known: Floats, values: Floats, rows: Floats, hyper: Hyperparameters) -> "Pool":
        """The posterior at m rows, m x d, given n known rows, n x d, and their values."""
        from scipy.linalg import cho_solve, cholesky

        within = hyper.kernel(known, known) + (hyper.noise + 1e-8 * hyper.signal) * np.eye(len(known))
        root, across = cholesky(within, lower=True), hyper.kernel(known, rows)
        solved = cho_solve((root, True), across)
        mean = hyper.mean + solved.T @ (values - hyper.mean)
        return cls(mean, hyper.kernel(rows, rows) - across.T @ solved, hyper.noise)

    @property
    def sd(self) -> Floats:
        """Standard deviation of the function at each row."""
        return np.asarray(np.sqrt(np.maximum(np.diag(self.covariance), 1e-12)))

    def reveal(self, at: int, value: float) -> None:
        """Takes in the value of one row; the posterior is what it would be with that row known from the start."""
        column = self.covariance[:, at].copy()
        scale = max(column[at], 1e-12) + self.noise
        self.mean = self.mean + column * ((value - self.mean[at]) / scale)
        self.covariance -= np.outer(column, column / scale)


def learn(
    rows: Floats, values: Floats, *, each: bool, start: Hyperparameters | None = None, seed: int = 0
) -> Hyperparameters:
    """Hyperparameters of the highest marginal likelihood.

    Args:
        rows: n x d, standardized columns.
        values: n.
        each: whether each column has a length scale of its own; else all share one.
        start: where to start from, such as the former ones.
        seed: of the part of the rows, where there are more than `FITTED`.
    """
    from scipy.optimize import minimize

    if len(rows) > FITTED:
        part = np.random.default_rng(seed).choice(len(rows), FITTED, replace=False)
        rows, values = rows[part], values[part]
    mean, scale = float(values.mean()), float(values.std()) or 1.0
    columns = rows.shape[1]
    squares = [np.square(np.subtract.outer(c, c)) for c in rows.T] if each else [_squares(rows, rows)]
    if start is None:
        lengths = np.full(len(squares), 0.5 * np.log(max(columns, 1)))
        first = np.concatenate([lengths, [0.0, np.log(0.1)]])
    else:
        given = np.log(start.lengths if each else start.lengths[:1])
        first = np.concatenate([given, np.log([start.signal / scale**2, start.noise / scale**2])])
    bounds = [_BOUNDS["length"]] * len(squares) + [_BOUNDS["signal"], _BOUNDS["noise"]]
    first = np.clip(first, *np.transpose(bounds))
    best = minimize(
        _loss,
        first,
        args=((values - mean) / scale, squares),
        jac=True,
        bounds=bounds,
        options={"maxiter": 60 if start is None else 20},
    ).x
    lengths = np.exp(best[:-2]) if each else np.full(columns, np.exp(best[0]))
    return Hyperparameters(lengths, float(np.exp(best[-2])) * scale**2, float(np.exp(best[-1])) * scale**2, mean)


def _loss(logs: Floats, values: Floats, squares: list[Floats]) -> tuple[float, Floats]:
    """Negative log marginal likelihood by n, and its gradient in the logarithms of lengths, signal and noise."""
    from scipy.linalg import cho_solve, cholesky

    n, inverse = len(values), np.exp(-2 * logs[:-2])
    kernel = np.exp(logs[-2]) * np.exp(-0.5 * sum(s * w for s, w in zip(squares, inverse, strict=True)))
    noise = np.exp(logs[-1])
    root = cholesky(kernel + (noise + 1e-8) * np.eye(n), lower=True)
    weights = cho_solve((root, True), values)
    slope = 0.5 * (cho_solve((root, True), np.eye(n)) - np.outer(weights, weights))
    by_kernel = slope * kernel
    gradient = [float(np.sum(by_kernel * s)) * w for s, w in zip(squares, inverse, strict=True)]
    gradient += [float(by_kernel.sum()), noise * float(np.trace(slope))]
    loss = 0.5 * values @ weights + np.log(np.diag(root)).sum()
    return float(loss) / n, np.array(gradient) / n


def _squares(left: Floats, right: Floats) -> Floats:
    """Squared distances between rows, n x m."""
    found = np.sum(left**2, axis=1)[:, None] + np.sum(right**2, axis=1)[None, :] - 2 * left @ right.T
    return np.asarray(np.maximum(found, 0.0))
