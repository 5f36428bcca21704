"""The covariance over codes of levels and scaled numbers: every input becomes a point, and distance decides.

Three ways to place the levels of a categorical variable: `lvgp` (free points of a plane), `onehot` (corners of a
simplex), `hamming` (the same corners, and an exponential of the summed mismatch as in mixed single-task models).
"""

import math
from typing import Any

import torch
from gpytorch.kernels import Kernel
from torch import Tensor
from torch.nn import Parameter
from torch.nn.functional import one_hot

from models.lvgp.encoding import Kind

LATENT = 2
# Means and standard deviations of normal priors on the logarithms; outputs are standardised, numbers lie in [0, 1].
PRIORS = {
    "log_scale": (0.0, 0.7),
    "log_lengths": (math.log(0.7), 0.7),
    "log_weights": (0.0, 1.0),
    "log_spread": (math.log(0.7), 0.5),
}
_ROOT5 = math.sqrt(5.0)


class MixedKernel(Kernel):  # type: ignore[misc]
    """Covariance of b parameter sets at once over rows of m codes followed by d numbers.

    Matern 5/2 over the joint distance (Rasmussen and Williams, equation 4.17) of latent positions and scaled numbers
    (Zhang et al., Technometrics 2020, equation 4).

    Args:
        kind: how levels are placed.
        sizes: levels of each categorical variable, m.
        numbers: how many numbers follow the codes, d.
        batch: parameter sets, b.
    """

    def __init__(self, kind: Kind, sizes: tuple[int, ...], numbers: int, *, batch: int = 1) -> None:
        super().__init__(batch_shape=torch.Size([batch]))
        self.kind, self.sizes = kind, sizes
        shapes: dict[str, tuple[int, ...]] = {"log_scale": (), "log_lengths": (numbers,)}
        if kind == "lvgp":
            shapes |= {"positions": (sum(sizes), LATENT), "log_spread": (len(sizes),)}
        else:
            shapes |= {"log_weights": (len(sizes),)}
        for name, shape in shapes.items():
            center = PRIORS[name][0] if name in PRIORS else 0.0
            self.register_parameter(name, Parameter(torch.full((batch, *shape), center, dtype=torch.float64)))

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **_: Any) -> Tensor:
        """Prior covariance without noise, ... x b x n x k from ... x 1 x n and ... x 1 x k rows."""
        squared = self.covar_dist(self.embed(x1), self.embed(x2), square_dist=True, diag=diag)
        scale = self.log_scale.exp()[:, None] if diag else self.log_scale.exp()[:, None, None]
        if self.kind == "hamming":
            shape = torch.exp(-squared)
        else:
            distance = (squared + 1e-12).sqrt()
            shape = (1.0 + _ROOT5 * distance + 5.0 / 3.0 * squared) * torch.exp(-_ROOT5 * distance)
        found: Tensor = scale * shape
        return found

    def embed(self, x: Tensor) -> Tensor:
        """Rows as points: the places of their levels, then numbers in units of their lengths, ... x b x n x p."""
        m = len(self.sizes)
        parts = [x[..., m:] / self.log_lengths.exp()[:, None, :]]
        for j, places in enumerate(self.places()):
            parts.append(one_hot(x[..., j].long(), self.sizes[j]).to(places) @ places)
        return torch.cat(parts, dim=-1)

    def places(self) -> list[Tensor]:
        """Where the levels of each variable lie, b x L x p."""
        if self.kind == "lvgp":
            return list(torch.split(self.positions, list(self.sizes), dim=1))
        corner = (0.5 * self.log_weights.exp()).sqrt()  # two corners lie a squared distance of the weight apart
        return [c[:, None, None] * torch.eye(n, dtype=c.dtype) for c, n in zip(corner.T, self.sizes, strict=True)]

    def log_prior(self) -> Tensor:
        """Log prior density of each parameter set, b (up to a constant)."""
        total = torch.zeros_like(self.log_scale)
        for name, (mean, deviation) in PRIORS.items():
            if hasattr(self, name):
                inside = (getattr(self, name) - mean) / deviation
                total = total - 0.5 * inside.square().reshape(len(total), -1).sum(1)
        if self.kind == "lvgp":  # positions are normal, as wide as the learned spread of their variable
            for places, spread in zip(self.places(), self.log_spread.T, strict=True):
                inside = places / spread.exp()[:, None, None]
                total = total - 0.5 * inside.square().sum((1, 2)) - LATENT * places.shape[1] * spread
        return total
