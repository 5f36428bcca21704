"""Parameter sets that fit data: ensembles near anchors, each drawn to a sample of the prior.

One mode is too sure when a dozen rows are known. Each member of an ensemble maximises the posterior density around an
anchor of its own, drawn from the prior (randomised maximum a posteriori: exact for linear models, Bardsley et al., SIAM
J. Sci. Comput. 2014); what data say nothing of, as the place of a level never seen, stays at its draw.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from models.lvgp.kernel import FLOOR, Rows, Space
from models.lvgp.sampling import Density

FAILED = -1e10
"""Log density of a set whose covariance has no Cholesky factor."""


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Parameter sets and what they are drawn to, s x size each; log density reached, s."""

    sets: Tensor
    anchors: Tensor
    reached: Tensor

    def of(self, at: Tensor) -> "Ensemble":
        """Some parameters of each set; the density stays that of whole sets."""
        return Ensemble(self.sets[:, at], self.anchors[:, at], self.reached)

    def some(self, count: int) -> "Ensemble":
        """The first members."""
        return Ensemble(self.sets[:count], self.anchors[:count], self.reached[:count])


@dataclass(frozen=True, eq=False)
class Data:
    """What is learned from.

    Several outputs share the places of levels, as a level is the same whatever is measured of it, and are independent
    given these; lengths, weights, scale and noise each has for itself. A parameter set is that of the first output,
    then what further ones have of their own. A constant output beside others would only draw levels together: it has no
    say.

    Attributes:
        space: the inputs.
        rows: n rows.
        outputs: standardised, n x t.
        known: noise variance that is known beforehand, n; it adds to the noise that is learned.
    """

    space: Space
    rows: Rows
    outputs: Tensor
    known: Tensor

    @cached_property
    def index(self) -> Tensor:
        """Where in a set the parameters of each output are, t x size of the space."""
        size, own = self.space.size, (~self.space.placing).nonzero()[:, 0]
        found = torch.arange(size).repeat(self.outputs.shape[1], 1)
        for k in range(1, len(found)):
            found[k, own] = size + (k - 1) * len(own) + torch.arange(len(own))
        return found

    @property
    def size(self) -> int:
        """Parameters of a set."""
        return int(self.index.max()) + 1

    def posterior(self, center: Tensor | float = 0.0) -> Density:
        """Log density of parameter sets, of a standard normal prior around a center, up to a constant."""

        def target(sets: Tensor) -> tuple[Tensor, Tensor]:
            value, slope = self.likelihood(sets)
            away = sets - center
            return value - 0.5 * away.square().sum(1), slope - away

        return target

    def likelihood(self, sets: Tensor) -> tuple[Tensor, Tensor]:
        """Log likelihood of the outputs under s parameter sets, s, and its slope, s x size."""
        found, slopes = torch.zeros(len(sets), dtype=sets.dtype), torch.zeros_like(sets)
        for k in self._told:
            value, slope = self._alone(sets[:, self.index[k]], self.outputs[:, k, None])
            found += value
            slopes[:, self.index[k]] += slope
        return found, slopes

    @cached_property
    def _told(self) -> list[int]:
        """Outputs that tell something: those that vary, else all."""
        varied = (self.outputs != self.outputs[0]).any(0)
        return (varied if varied.any() else ~varied).nonzero()[:, 0].tolist()

    def _alone(self, sets: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """The same of one output, n x 1, and its parameters."""
        space, rows = self.space, self.rows
        state = space.state(sets)
        covariance = space.covariance(state, rows, rows)
        noisy = covariance.clone()  # the slope needs the one without noise
        noisy.diagonal(dim1=1, dim2=2).add_(state.noise[:, None] + self.known)
        root, info = torch.linalg.cholesky_ex(noisy)
        failed = info != 0
        if failed.any():
            root[failed] = torch.eye(len(rows), dtype=root.dtype)
        inverse = torch.cholesky_inverse(root)
        weights = inverse @ outputs
        found = -0.5 * (weights * outputs).sum((1, 2))
        found = found - root.diagonal(dim1=1, dim2=2).log().sum(1) - 0.5 * len(rows) * math.log(2 * math.pi)
        slope = 0.5 * (weights @ weights.mT - inverse)  # Rasmussen and Williams, equation 5.9
        slopes = space.pull(state, sets, rows, covariance, slope)
        noise = slope.diagonal(dim1=1, dim2=2).sum(1) * (state.noise - FLOOR)
        slopes[:, space.layout["noise"]] = space.prior("noise")[1] * noise[:, None]
        return found.masked_fill(failed, FAILED), slopes.masked_fill(failed[:, None], 0.0)


def anchored(
    data: Data, *, members: int, steps: int, rate: float = 0.1, seed: int = 0, warm: Ensemble | None = None
) -> Ensemble:
    """An ensemble of modes.

    Args:
        data: what is learned from.
        members: how many.
        steps: of Adam.
        rate: of its first step.
        seed: of the anchors.
        warm: an earlier ensemble of the same inputs, whose anchors are kept and whose sets are the start.
    """
    chance = torch.Generator().manual_seed(seed)
    warm = warm.some(members) if warm else None
    anchors = warm.anchors if warm else torch.randn(members, data.size, generator=chance, dtype=torch.float64)
    target = data.posterior(anchors)
    with torch.no_grad():
        sets = _climb(target, warm.sets if warm else anchors, steps=steps, rate=rate)
        return Ensemble(sets, anchors, target(sets)[0])


def mode(data: Data, *, steps: int = 200) -> Tensor:
    """Of one output the mode of the posterior density that is reached from the profiles of the levels, 1 x size.

    What data say nothing of is at its prior mean there, not at a draw as in an ensemble, and no chance is left: a map
    shows what was learned.
    """
    with torch.no_grad():
        return _climb(data.posterior(), profiles(data), steps=steps, rate=0.1)


def profiles(data: Data) -> Tensor:
    """Of one output a parameter set, 1 x size, with levels apart as their outputs are, and all else at its prior mean.

    The profile of a level is how far its mean output beside each level of the other variables is from the mean there;
    its place is given by the two (or more) leading principal components, scaled to one. Beside numbers, which are
    parted in three then, a variable looks only where it is the only one.
    """
    space, codes, told = data.space, data.rows.codes, data.outputs[:, 0]
    found = torch.zeros(1, space.size, dtype=told.dtype)
    for j, size in enumerate(space.sizes):
        others = [(codes[:, k], n) for k, n in enumerate(space.sizes) if k != j]
        blocks = []
        for other, count in others or _thirds(data.rows.numbers):
            beside = _means(codes[:, j] * count + other, told, size * count)
            blocks.append(beside.reshape(size, -1) - _means(other, told, count))
        apart = torch.cat(blocks, dim=1).nan_to_num(0.0)
        left, length, _ = torch.linalg.svd(apart, full_matrices=False)
        place = torch.zeros(size, space.dims, dtype=told.dtype)
        leading = (left * length)[:, : space.dims]
        place[:, : leading.shape[1]] = leading - leading.mean(0)
        width = place.std(0, correction=min(1, size - 1))
        place = place / width.clamp_min(1e-6)
        if not others:  # where all levels share a line, no slope leads away from it
            place = place + 0.1 * (width < 1e-6) * (-1.0) ** torch.arange(size)[:, None]
        found[0, space.layout[f"rest{j}"]] = place.flatten()
    return found


def _thirds(numbers: Tensor) -> list[tuple[Tensor, int]]:
    """Which third of its range each number lies in, and how many parts there are; one part for all without numbers."""
    parts = [((column * 3).long().clamp(0, 2), 3) for column in numbers.T]
    return parts or [(torch.zeros(len(numbers), dtype=torch.long), 1)]


def _means(group: Tensor, values: Tensor, count: int) -> Tensor:
    """Mean of each group; no number where it has no member."""
    sums = torch.zeros(count, dtype=values.dtype).index_add_(0, group, values)
    return sums / torch.bincount(group, minlength=count)


def _climb(target: Density, start: Tensor, *, steps: int, rate: float) -> Tensor:
    """Adam uphill with a falling step."""
    sets, mean, square = start.clone(), torch.zeros_like(start), torch.zeros_like(start)
    for t in range(1, steps + 1):
        slope = target(sets)[1]
        mean = 0.8 * mean + 0.2 * slope
        square = 0.95 * square + 0.05 * slope.square()
        step = rate * (0.1 + 0.45 * (1.0 + math.cos(math.pi * (t - 1) / steps)))
        sets = sets + step * (mean / (1 - 0.8**t)) / ((square / (1 - 0.95**t)).sqrt() + 1e-3)
    return sets
