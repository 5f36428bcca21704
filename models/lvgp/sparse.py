"""Gaussian processes of many rows through inducing points of the mixed space, by stochastic variational inference.

An inducing point has a place in the plane of each categorical variable and a value of each number; it need not be a
level (Wang et al., J. Mech. Des. 144, 021703 (2022)). Values there, whitened, have a normal distribution q that takes
natural gradient steps; all else climbs the bound by Adam (Hensman, Fusi and Lawrence, UAI 2013). With all rows in a
batch a natural step of one is the optimum (Titsias, AISTATS 2009), as is the last one, which sees every row.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from models.lvgp.encoding import Encoding
from models.lvgp.frames import inputs, one_thread, positions, rows_of, space_of, units_of
from models.lvgp.inference import Data, profiles
from models.lvgp.interface import Surrogate
from models.lvgp.kernel import Places, Rows, Space, State
from models.lvgp.kinds import Kind
from schemas.arrays import Floats

POINTS, BATCH, STEPS = 256, 512, 800
PACE = 0.1
"""Of natural steps when a batch is not all rows."""
JITTER = 1e-5
CHUNK = 20_000  # rows that are predicted at once


@dataclass(frozen=True, eq=False)
class Induced:
    """Inducing points and what is known there.

    Attributes:
        places: of the points in the space of each categorical variable, m x M x p.
        numbers: M x d.
        first: first natural parameter of q over whitened values, M.
        precision: of q, M x M.
    """

    places: Tensor
    numbers: Tensor
    first: Tensor
    precision: Tensor


@dataclass(frozen=True)
class Sparse(Surrogate):
    """A sparse Gaussian process with one parameter set.

    Attributes:
        kind: see `models.lvgp.kinds`.
        encoding: of the inputs.
        sets: the parameters, 1 x size.
        induced: the inducing points.
        units: center and scale of the outputs.
        seen: what it learned from: rows, and the bound that was reached.
    """

    kind: Kind
    encoding: Encoding
    sets: Tensor
    induced: Induced
    units: tuple[float, float]
    seen: dict[str, Any]

    def members(self, frame: pl.DataFrame, *, noisy: bool = False) -> tuple[Floats, Floats]:
        """See `Surrogate`."""
        rows = rows_of(inputs(self.encoding, frame), self.encoding)
        center, scale = self.units
        with torch.no_grad(), one_thread():
            parts = [self._moments(rows.take(slice(at, at + CHUNK)), noisy) for at in range(0, len(rows), CHUNK)]
        mean, variance = (torch.cat(p).numpy() for p in zip(*parts, strict=True))
        return center + scale * mean[None], scale * np.sqrt(variance)[None]

    def draw(self, frame: pl.DataFrame, *, count: int, chance: np.random.Generator, noisy: bool = False) -> Floats:
        """See `Surrogate`."""
        rows = rows_of(inputs(self.encoding, frame), self.encoding)
        state, root, middle, left = self._solved
        with torch.no_grad(), one_thread():
            reach = torch.linalg.solve_triangular(root, _cross(self.space, state, self.induced, rows), upper=False)
            kept = torch.linalg.solve_triangular(left, reach, upper=False)
            covariance = self.space.covariance(state, rows, rows)[0] - reach.mT @ reach + kept.mT @ kept
            covariance.diagonal().add_(1e-6 * state.scale + (state.noise if noisy else 0.0))
            normal = torch.from_numpy(chance.standard_normal((len(rows), count)))
            drawn = (reach.mT @ middle)[:, None] + torch.linalg.cholesky(covariance) @ normal
        center, scale = self.units
        return np.asarray(center + scale * drawn.mT.numpy())

    def some(self, count: int) -> "Sparse":
        """See `Surrogate`."""
        return self

    def told(self) -> dict[str, Any]:
        """See `Surrogate`."""
        return {"rows": self.seen["rows"], "bound": self.seen["bound"], "inducing_points": len(self.induced.first)}

    def learned(self) -> tuple[Any, ...]:
        """See `Surrogate`."""
        return (self.seen["digest"],)

    def latent_positions(self) -> pl.DataFrame:
        """See `Surrogate`."""
        return positions(self.space, self.encoding, self.sets)

    @property
    def space(self) -> Space:
        """The inputs as the kernel takes them."""
        return space_of(self.kind, self.encoding)

    @cached_property
    def _solved(self) -> tuple[State, Tensor, Tensor, Tensor]:
        """State, Cholesky factor at the inducing points, mean of q, and Cholesky factor of its precision."""
        with torch.no_grad(), one_thread():
            state = self.space.state(self.sets)
            left = torch.linalg.cholesky(self.induced.precision)
            middle = torch.cholesky_solve(self.induced.first[:, None], left)[:, 0]
            return state, _root(self.space, state, self.induced), middle, left

    def _moments(self, rows: Rows, noisy: bool) -> tuple[Tensor, Tensor]:
        """Standardised mean and variance, k."""
        state, root, middle, left = self._solved
        reach = torch.linalg.solve_triangular(root, _cross(self.space, state, self.induced, rows), upper=False)
        kept = torch.linalg.solve_triangular(left, reach, upper=False)
        variance = (state.scale - reach.square().sum(0) + kept.square().sum(0)).clamp_min(1e-12)
        return reach.mT @ middle, variance + (state.noise if noisy else 0.0)


def fit(
    frame: pl.DataFrame,
    outputs: Floats,
    *,
    encoding: Encoding,
    kind: Kind,
    seed: int = 0,
    known: Floats | None = None,
    warm: Surrogate | None = None,
    points: int = POINTS,
    batch: int = BATCH,
    steps: int = STEPS,
    rate: float = 0.1,
    pace: float = PACE,
    **_: Any,
) -> Sparse:
    """Fits one output by inducing points; see `models.lvgp.model.fit`.

    Args:
        frame: n rows of inputs.
        outputs: n values.
        encoding: of the inputs.
        kind: see `models.lvgp.kinds`.
        seed: of inducing points and batches.
        known: noise variance known beforehand, n.
        warm: an earlier model of the same inputs, whose parameters and inducing points are the start.
        points: inducing points.
        batch: rows of a step.
        steps: of the optimiser.
        rate: of its first step.
        pace: of natural steps; 1 where a batch is all rows.
    """
    rows, told = rows_of(inputs(encoding, frame), encoding), torch.tensor(np.asarray(outputs, dtype=np.float64))
    center, scale = units_of(told)
    noise = torch.zeros(len(told), dtype=torch.float64) if known is None else torch.tensor(known) / scale**2
    space, chance = space_of(kind, encoding), torch.Generator().manual_seed(seed)
    data = Data(space, rows, ((told - center) / scale)[:, None], noise)
    task = _Task(space, rows, data.outputs[:, 0], noise)
    with one_thread():
        former = warm if isinstance(warm, Sparse) else None
        sets = former.sets if former else profiles(data)
        induced = former.induced if former else _spread(space, sets, rows, points, chance)
        sets, induced, bound = task.climb(sets, induced, batch, steps, rate, pace, chance)
    digest = hashlib.sha256(inputs(encoding, frame).numpy().tobytes() + told.numpy().tobytes()).hexdigest()
    seen = {"rows": len(told), "bound": bound, "digest": digest}
    return Sparse(kind, encoding, sets, induced, (center, scale), seen)


@dataclass(frozen=True, eq=False)
class _Task:
    """What is learned from: standardised outputs, n, and their known noise."""

    space: Space
    rows: Rows
    outputs: Tensor
    known: Tensor

    def climb(
        self, sets: Tensor, induced: Induced, batch: int, steps: int, rate: float, pace: float, chance: torch.Generator
    ) -> tuple[Tensor, Induced, float]:
        """Parameters, inducing points and the bound after all steps."""
        free = [t.clone().requires_grad_() for t in (sets, induced.places, induced.numbers)]
        adam = torch.optim.Adam(free, lr=rate, betas=(0.8, 0.95))
        fall = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps, rate / 10)
        for at in _batches(len(self.rows), batch, steps, chance):
            now = replace(induced, places=free[1], numbers=free[2])
            adam.zero_grad()
            bound, induced = self._bound(free[0], now, at, 1.0 if len(at) == len(self.rows) else pace)
            (-bound).backward()  # type: ignore[no-untyped-call]
            adam.step()
            fall.step()
        with torch.no_grad():
            now = replace(induced, places=free[1].detach(), numbers=free[2].detach())
            bound, found = self._bound(free[0], now, torch.arange(len(self.rows)), 1.0)
            return free[0].detach(), found, float(bound)

    def _bound(self, sets: Tensor, induced: Induced, at: Tensor, pace: float) -> tuple[Tensor, Induced]:
        """Bound of the log posterior by some rows, after a natural step of q; a gradient flows to all but q."""
        space, rows, told = self.space, self.rows.take(at), self.outputs[at]
        state = space.state(sets)
        root = _root(space, state, induced)
        reach = torch.linalg.solve_triangular(root, _cross(space, state, induced, rows), upper=False)
        noise = state.noise + self.known[at]
        share = len(self.rows) / len(at)
        with torch.no_grad():
            weighed = reach / noise
            eye = torch.eye(len(root), dtype=root.dtype)
            precision = torch.lerp(induced.precision, eye + share * weighed @ reach.mT, pace)
            first = torch.lerp(induced.first, share * weighed @ told, pace)
            left = torch.linalg.cholesky(precision)
            middle = torch.cholesky_solve(first[:, None], left)[:, 0]
            spread = torch.cholesky_inverse(left)
        mean = reach.mT @ middle
        variance = state.scale - reach.square().sum(0) + (reach * (spread @ reach)).sum(0)
        fits = -0.5 * ((2 * math.pi * noise).log() + ((told - mean).square() + variance) / noise)
        gap = 0.5 * (spread.trace() + middle @ middle - len(middle) + 2 * left.diagonal().log().sum())
        found = replace(induced, first=first, precision=precision)
        return share * fits.sum() - gap - 0.5 * sets.square().sum(), found


def _batches(n: int, size: int, steps: int, chance: torch.Generator) -> Iterator[Tensor]:
    """Rows of each step: all, or parts of one shuffle after the other."""
    if n <= size:
        yield from (torch.arange(n) for _ in range(steps))
        return
    order = torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        if len(order) < size:
            order = torch.cat([order, torch.randperm(n, generator=chance)])
        yield order[:size]
        order = order[size:]


def _spread(space: Space, sets: Tensor, rows: Rows, points: int, chance: torch.Generator) -> Induced:
    """Inducing points at some of the rows, a little aside."""
    at = torch.randperm(len(rows), generator=chance)[:points]
    state = space.state(sets)
    known = [_points(p)[rows.codes[at, j]] for j, p in enumerate(state.places)]
    places = torch.stack(known) if known else torch.zeros((0, len(at), 2), dtype=torch.float64)
    places = places + 0.1 * torch.randn(places.shape, generator=chance, dtype=places.dtype)
    return Induced(
        places,
        rows.numbers[at].clone(),
        torch.zeros(len(at), dtype=torch.float64),
        torch.eye(len(at), dtype=torch.float64),
    )


def _root(space: Space, state: State, induced: Induced) -> Tensor:
    """Cholesky factor of the prior covariance at the inducing points, M x M."""
    squares = [_apart(z, z) for z in induced.places]
    gaps = _gaps(state, induced.numbers, induced.numbers)
    covariance = _product(state, [*squares, *gaps])
    ridge = JITTER * state.scale * torch.eye(len(covariance), dtype=covariance.dtype)
    root: Tensor = torch.linalg.cholesky(covariance + ridge)
    return root


def _cross(space: Space, state: State, induced: Induced, rows: Rows) -> Tensor:
    """Prior covariance of inducing points and rows, M x k."""
    weights, found = state.weights[0], state.scale[0]
    for j, (z, p) in enumerate(zip(induced.places, state.places, strict=True)):
        table = _factor(_apart(z, _points(p)), weights[j])
        found = found * table[:, rows.codes[:, j]]
    for j, gap in enumerate(_gaps(state, induced.numbers, rows.numbers), len(induced.places)):
        found = found * _factor(gap, weights[j])
    return found


def _points(places: Places) -> Tensor:
    """Where one parameter set puts the levels of a variable, L x p."""
    assert places.points is not None
    return places.spread[0].sqrt() * places.points[0]


def _product(state: State, squares: list[Tensor]) -> Tensor:
    factors = (_factor(square, w) for square, w in zip(squares, state.weights[0], strict=True))
    return math.prod(factors, start=state.scale[0])


def _factor(squares: Tensor, weight: Tensor) -> Tensor:
    return (1.0 + weight * torch.exp(-0.5 * squares)) / (1.0 + weight)


def _apart(left: Tensor, right: Tensor) -> Tensor:
    """Squared distances of points, L x p and R x p."""
    return (left[:, None] - right[None]).square().sum(-1)


def _gaps(state: State, left: Tensor, right: Tensor) -> list[Tensor]:
    return [r * (a[:, None] - b[None]).square() for r, a, b in zip(state.rates[0], left.T, right.T, strict=True)]
