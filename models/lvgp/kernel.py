"""Covariances over codes of levels and scaled numbers, for many parameter sets at once, with their gradients.

Every level is a point, distance decides, and each variable adds its effect alone and with the others. All parameters of
a set lie in one vector whose prior is standard normal. Which vectors fit data is found in `inference`.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from gpytorch.kernels import Kernel
from torch import Tensor
from torch.nn import Parameter
from torch.nn.functional import one_hot

from models.lvgp.kinds import Place

FLOOR = 1e-6  # of the noise; keeps the covariance of repeated rows invertible
# Means and standard deviations of the logarithms (of the share: its logit); outputs are standardised, numbers lie in
# [0, 1]. Chosen by log density on sub-tables of other ABO3 compounds, 14 to 45 rows known.
PRIORS = {
    "spread": (0.5, 0.7),  # of the levels of a variable around the origin
    "rate": (math.log(1.0 / 0.7), 0.7),  # of a number: one over its length
    "weight": (0.0, 1.0),  # of a variable against what is constant in it
    "share": (2.0, 1.5),  # of the descriptors in the position of a level
    "scale": (0.0, 0.7),
    "noise": (math.log(0.1), 0.3),  # narrow: points that fit everything leave none, and then nothing else is tried
}
SMOOTH = (math.log(1e-3), 2.0)  # of the noise where there are numbers: how outputs follow them tells noise apart
_ROOT5 = math.sqrt(5.0)


@dataclass(frozen=True, eq=False)
class Rows:
    """n rows: codes of levels, n x m, scaled numbers, n x d, and how many levels each variable has, m."""

    codes: Tensor
    numbers: Tensor
    sizes: tuple[int, ...]

    @cached_property
    def marks(self) -> list[Tensor]:
        """Which level a row has, n x L, of each variable."""
        return [one_hot(self.codes[:, j], n).to(self.numbers.dtype) for j, n in enumerate(self.sizes)]

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, at: Any) -> "Rows":
        """Some of the rows."""
        return Rows(self.codes[at], self.numbers[at], self.sizes)


@dataclass(frozen=True, eq=False)
class Places:
    """Where s parameter sets put the levels of one variable.

    Attributes:
        squares: squared distances, s x L x L.
        spread: its square, s x 1 x 1.
        points: before they are spread, s x L x p; None, as what follows, where levels are just different.
        rest: free part of the points.
        mapped: what descriptors say of them; None where there are none.
        share: of what descriptors say, s x 1 x 1.
    """

    squares: Tensor
    spread: Tensor
    points: Tensor | None = None
    rest: Tensor | None = None
    mapped: Tensor | None = None
    share: Tensor | None = None


@dataclass(frozen=True, eq=False)
class State:
    """What a covariance needs of s parameter sets.

    Attributes:
        places: of each categorical variable, m.
        rates: squared rate of each number, s x d.
        weights: of the inputs, s x (m + d).
        scale: prior variance, s.
        noise: variance of the noise, s.
    """

    places: tuple[Places, ...]
    rates: Tensor
    weights: Tensor
    scale: Tensor
    noise: Tensor


@dataclass(frozen=True, eq=False)
class Space:
    """The inputs of a Gaussian process and how the levels of its categorical variables are placed.

    `free`: points of a plane, K = scale * prod_j (1 + w_j k_j) / (1 + w_j) with squared exponentials k_j, which is a
    constant, main effects and interactions (Duvenaud et al., NeurIPS 2011); a point is a linear map of descriptors,
    where there are some, and a free rest (Iyer et al., J. Mech. Des. 2023). `corners`: of a simplex, Matern 5/2 of the
    joint distance. `mismatch`: the same corners, exponential of the summed mismatch, as in mixed single-task models.
    `gower`: exponential of Gower's distance (Biometrics 27, 857 (1971)), the mean of mismatches and differences in
    units of ranges, with one length for all.

    Attributes:
        place: of levels.
        sizes: levels of each categorical variable, m.
        numbers: how many numbers there are, d.
        descriptors: of the levels of each categorical variable, L x q with q = 0 where there are none.
        dims: of the points; a plane can be looked at, and many rows a level tell more apart.
    """

    place: Place
    sizes: tuple[int, ...]
    numbers: int = 0
    descriptors: tuple[Tensor, ...] = ()
    dims: int = 2

    @cached_property
    def layout(self) -> dict[str, slice]:
        """Where the parameters lie in the vector."""
        m, one = len(self.sizes), self.place == "gower"
        counts = {"spread": 1 if one else m, "rate": 0 if one else self.numbers, "weight": m + self.numbers, "share": m}
        counts |= {"scale": 1, "noise": 1}
        for j, size in enumerate(self.sizes):
            counts[f"rest{j}"] = size * self.dims if self.free else 0
            counts[f"map{j}"] = self._described(j).shape[1] * self.dims
        found, at = {}, 0
        for name, count in counts.items():
            found[name] = slice(at, at + count)
            at += count
        return found

    @property
    def size(self) -> int:
        """Parameters of a set."""
        return int(max(s.stop for s in self.layout.values()))

    @property
    def placing(self) -> Tensor:
        """Which parameters place levels, lengths left out, size; none where places are not learned."""
        found = torch.zeros(self.size, dtype=torch.bool)
        for name, at in self.layout.items():
            found[at] = self.free and name.startswith(("rest", "map", "share"))
        return found

    def widened(self, former: "Space", sets: Tensor) -> Tensor:
        """Parameter sets of a space with fewer levels, s x size of it, with prior draws for the levels put last."""
        chance = torch.Generator().manual_seed(0)
        found = torch.randn(len(sets), self.size, generator=chance, dtype=sets.dtype)
        for name, at in former.layout.items():
            start = self.layout[name].start
            found[:, start : start + at.stop - at.start] = sets[:, at]
        return found

    @property
    def free(self) -> bool:
        """Whether positions are learned."""
        return self.place == "free"

    def prior(self, name: str) -> tuple[float, float]:
        """Mean and standard deviation of the logarithm of a parameter; see `PRIORS`."""
        return SMOOTH if name == "noise" and self.numbers else PRIORS[name]

    def natural(self, sets: Tensor, name: str) -> Tensor:
        """Parameters in their own units, s x count."""
        center, width = self.prior(name)
        inside = center + width * sets[:, self.layout[name]]
        return torch.sigmoid(inside) if name == "share" else inside.exp()

    def state(self, sets: Tensor) -> State:
        """Places, distances and scales of s parameter sets."""
        spreads, shares = self.natural(sets, "spread").square(), self.natural(sets, "share")
        rates = self.natural(sets, "rate").square()
        if self.place == "gower":
            whole = spreads / (len(self.sizes) + self.numbers)
            spreads, rates = whole.expand(-1, len(self.sizes)), whole.expand(-1, self.numbers)
        return State(
            tuple(self._places(sets, j, spreads[:, j, None, None], shares) for j in range(len(self.sizes))),
            rates,
            self.natural(sets, "weight"),
            self.natural(sets, "scale")[:, 0],
            FLOOR + self.natural(sets, "noise")[:, 0],
        )

    def covariance(self, state: State, left: Rows, right: Rows) -> Tensor:
        """Prior covariance without noise, s x n x k."""
        return math.prod(self._factors(state, left, right), start=state.scale[:, None, None])

    def pull(self, state: State, sets: Tensor, rows: Rows, covariance: Tensor, slope: Tensor) -> Tensor:
        """From the slope along a covariance of rows with themselves, s x n x n, to that along the sets, s x size.

        `covariance` is that of these rows, without noise; the entry of the noise is left zero.
        """
        found = torch.zeros_like(sets)
        m = len(self.sizes)
        whole = covariance * slope  # along the logarithm of the scale, and of each factor
        tables = [*(p.squares for p in state.places), *self._gaps(state, rows, rows)]
        base = whole if self.free else self._steep(state, rows) * slope
        # a factor depends on levels alone: pairs of rows are summed to pairs of levels before they are divided by it
        along = [self._into(base, rows, j) if j < m else base for j in range(len(tables))]
        if self.free:
            for j, (d, squares) in enumerate(zip(along, tables, strict=True)):
                k, w = torch.exp(-0.5 * squares), state.weights[:, j, None, None]
                d = d / (1.0 + w * k)  # along the factor (1 + w k) / (1 + w), over 1 + w
                at = self.layout["weight"].start + j
                found[:, at] = PRIORS["weight"][1] * (d * (k - 1.0) * w / (1.0 + w)).sum((1, 2))
                along[j] = -0.5 * d * k * w
        found[:, self.layout["scale"]] = PRIORS["scale"][1] * whole.sum((1, 2))[:, None]
        for j, (d, squares) in enumerate(zip(along, tables, strict=True)):
            name, at = ("spread", 0) if self.place == "gower" else ("spread", j) if j < m else ("rate", j - m)
            found[:, self.layout[name].start + at] += 2.0 * PRIORS[name][1] * (d * squares).sum((1, 2))
            if j < m and self.free:
                self._pull_points(state.places[j], found, j, d)
        return found

    def _steep(self, state: State, rows: Rows) -> Tensor:
        """Slope of a covariance along the joint squared distance of rows, s x n x n; where levels are no points."""
        squares = sum(self._distances(state, rows, rows), torch.zeros(()))
        return state.scale[:, None, None] * self._joint(squares)[1]

    def _pull_points(self, places: Places, found: Tensor, j: int, along: Tensor) -> None:
        """Writes the slope along the free points of variable j, given that along its squared distances."""
        points, rest, mapped, share = places.points, places.rest, places.mapped, places.share
        assert points is not None
        d = along * places.spread
        slope = 4.0 * (d.sum(2, keepdim=True) * points - d @ points)
        if mapped is not None and share is not None and rest is not None:
            tilt = mapped / (2 * share.sqrt()) - rest / (2 * (1 - share).sqrt().clamp_min(1e-6))
            inner = PRIORS["share"][1] * (share * (1 - share))[:, 0, 0]
            found[:, self.layout["share"].start + j] = inner * (slope * tilt).sum((1, 2))
            found[:, self.layout[f"map{j}"]] = (self._described(j).mT @ slope * share.sqrt()).flatten(1)
            slope = slope * (1 - share).sqrt()
        found[:, self.layout[f"rest{j}"]] = slope.flatten(1)

    def _described(self, j: int) -> Tensor:
        if self.descriptors:
            return self.descriptors[j]
        return torch.zeros(self.sizes[j], 0, dtype=torch.float64)

    def _places(self, sets: Tensor, j: int, spread: Tensor, shares: Tensor) -> Places:
        size, described = self.sizes[j], self._described(j)
        if not self.free:
            return Places(spread * (1.0 - torch.eye(size, dtype=sets.dtype)), spread)
        rest = sets[:, self.layout[f"rest{j}"]].reshape(len(sets), size, self.dims)
        if not described.shape[1]:
            return Places(spread * _squares(rest), spread, rest, rest)
        mapped = described @ sets[:, self.layout[f"map{j}"]].reshape(len(sets), described.shape[1], self.dims)
        share = shares[:, j, None, None]
        points = share.sqrt() * mapped + (1 - share).sqrt() * rest
        return Places(spread * _squares(points), spread, points, rest, mapped, share)

    def _into(self, slope: Tensor, rows: Rows, j: int) -> Tensor:
        """Sums of pairs of rows as sums of pairs of levels, s x L x L."""
        return rows.marks[j].mT @ slope @ rows.marks[j]

    def _factors(self, state: State, left: Rows, right: Rows) -> list[Tensor]:
        """What the covariance over the scale is the product of, s x n x k each.

        (1 + w k) / (1 + w) of each input; exponentials are taken of pairs of levels, not of rows. One correlation where
        levels are just different.
        """
        if not self.free:
            return [self._joint(sum(self._distances(state, left, right), torch.zeros(())))[0]]
        found = []
        for j, places in enumerate(state.places):
            found.append(_picked(_factor(places.squares, state.weights[:, j]), left, right, j))
        for j, gap in enumerate(self._gaps(state, left, right), len(state.places)):
            found.append(_factor(gap, state.weights[:, j]))
        return found

    def _distances(self, state: State, left: Rows, right: Rows) -> list[Tensor]:
        picked = [_picked(places.squares, left, right, j) for j, places in enumerate(state.places)]
        return [*picked, *self._gaps(state, left, right)]

    def _gaps(self, state: State, left: Rows, right: Rows) -> list[Tensor]:
        """Squared differences of each number in units of its length, s x n x k."""
        gaps = self._apart(left.numbers.T[:, :, None] - right.numbers.T[:, None, :])
        return [state.rates[:, j, None, None] * gap for j, gap in enumerate(gaps)]

    def _apart(self, gap: Tensor) -> Tensor:
        """What two numbers add to the squared distance, or to Gower's, in units of their length."""
        return gap.abs() if self.place == "gower" else gap.square()

    def _joint(self, squares: Tensor) -> tuple[Tensor, Tensor]:
        """Correlation at a joint squared distance, and its slope."""
        if self.place in ("mismatch", "gower"):
            shape = torch.exp(-squares)
            return shape, -shape
        distance = _ROOT5 * (squares + 1e-12).sqrt()  # Rasmussen and Williams, equation 4.17
        fall = torch.exp(-distance)
        return (1.0 + distance + 5.0 / 3.0 * squares) * fall, -5.0 / 6.0 * (1.0 + distance) * fall

    def embedded(self, state: State, x: Tensor, y: Tensor) -> Tensor:
        """Prior covariance of rows as botorch holds them, ... x s x n x k; a gradient flows to their numbers."""
        m = len(self.sizes)
        squares = []
        for j, places in enumerate(state.places):
            left, right = (one_hot(v[..., j].long(), self.sizes[j]).to(places.squares) for v in (x, y))
            squares.append(left @ places.squares @ right.mT)
        for j in range(self.numbers):
            gap = x[..., m + j].unsqueeze(-1) - y[..., m + j].unsqueeze(-2)
            squares.append(state.rates[:, j, None, None] * self._apart(gap))
        if not self.free:
            return state.scale[:, None, None] * self._joint(sum(squares, torch.zeros(())))[0]
        factors = (_factor(square, state.weights[:, j]) for j, square in enumerate(squares))
        return math.prod(factors, start=state.scale[:, None, None])


class MixedKernel(Kernel):  # type: ignore[misc]
    """A space with s parameter sets as a gpytorch kernel over rows of m codes followed by d numbers."""

    def __init__(self, space: Space, sets: Tensor) -> None:
        super().__init__(batch_shape=torch.Size([len(sets)]))
        self.space = space
        self.register_parameter("sets", Parameter(sets.clone()))

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **_: Any) -> Tensor:
        """Prior covariance without noise, ... x s x n x k."""
        state = self.space.state(self.sets)
        if diag:
            return state.scale[:, None].expand(*x1.shape[:-1])
        return self.space.embedded(state, x1, x2)


def _squares(points: Tensor) -> Tensor:
    """Squared distances of s x L x p points, s x L x L."""
    norms = points.square().sum(-1)
    return (norms[:, :, None] + norms[:, None, :] - 2 * points @ points.mT).clamp_min(0.0)


def _factor(squares: Tensor, weight: Tensor) -> Tensor:
    w = weight[:, None, None]
    return (1.0 + w * torch.exp(-0.5 * squares)) / (1.0 + w)


def _picked(table: Tensor, left: Rows, right: Rows, j: int) -> Tensor:
    """Entries of s x L x L tables of variable j at pairs of rows, s x n x k."""
    if left is right:  # quicker for few rows, and marks are made once a fit
        return left.marks[j] @ table @ left.marks[j].mT
    return table[:, left.codes[:, j]][:, :, right.codes[:, j]]
