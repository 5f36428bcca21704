"""The published conditional autoencoder of heating conditions, as described, to be compared with.

Karpovich et al., Chem. Mater. 35, 1062 (2023): one-dimensional convolutions encode the vector of conditions, a
recurrent unit decodes it, gaps are filled before training, and the loss is squared error plus the divergence averaged
over the latent. The decoder has no noise: samples differ by the latent alone. What plans use is in `generators`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from models.recipes.features import Singles
from models.recipes.generators import standard
from models.recipes.grid import STEPS, TEMPERATURES, TIMES, place
from models.recipes.network import Scale
from schemas.arrays import Floats

if TYPE_CHECKING:
    import torch

LATENT, HIDDEN, BATCH, ROUNDS, RATE, DRAWS = 3, 64, 128, 1500, 1e-3, 200
SMOOTH = 1.0  # bins that samples are spread by: a decoder without noise gives points, no density
FLOOR = 0.01  # share of the uniform, without which most values would be impossible


@dataclass(frozen=True)
class Published:
    """A trained decoder.

    Attributes:
        scale: of the inputs.
        decoder: torch modules that turn inputs and latent into conditions.
        centre: of temperature and log time of both steps.
        width: of the same.
    """

    scale: Scale
    decoder: "torch.nn.Module"
    centre: Floats
    width: Floats

    def joints(self, X: Singles) -> Floats:
        """Mass of the bins of both steps, n x 2 x TEMPERATURES x TIMES: smoothed shares of samples, with a floor."""
        import torch
        from scipy.ndimage import gaussian_filter

        Z = torch.tensor(self.scale.inputs(X))
        out = np.full((len(X), len(STEPS), TEMPERATURES, TIMES), FLOOR / (TEMPERATURES * TIMES))
        draw, rows = torch.Generator().manual_seed(0), np.arange(len(X))
        with torch.no_grad():
            for _ in range(DRAWS):
                z = torch.randn(1, LATENT, generator=draw).expand(len(Z), LATENT)
                y = self.decoder(torch.cat([Z, z], 1)).numpy() * self.width + self.centre
                for k in range(len(STEPS)):
                    heat, time = y[:, 2 * k], np.exp(y[:, 2 * k + 1])
                    out[rows, k, place(heat, hours=False), place(time, hours=True)] += (1 - FLOOR) / DRAWS
        return np.asarray(gaussian_filter(out, (0, 0, SMOOTH, SMOOTH), mode="nearest"))


def fit(X: Singles, pairs: list[tuple[Floats, Floats]], weight: Floats, *, precursors: int, seed: int) -> Published:
    """Trains the autoencoder.

    Args:
        X: features, n x d.
        pairs: temperature (K) and time (h) of each step, NaN where unknown.
        weight: of the rows, mean 1; not used by the published loss but to draw rows.
        precursors: how many of the last columns describe precursors.
        seed: of weights, batches and latent.
    """
    import torch

    y, centre, width = standard(pairs)
    known = ~np.isnan(y).all(axis=1)
    # Gaps take the mean of the column, as a simple imputer does.
    Y = torch.tensor(np.nan_to_num(y[known]), dtype=torch.float32)
    scale = Scale.of(X, precursors)
    Z = torch.tensor(scale.inputs(X[known]))
    torch.manual_seed(seed)
    encoder, decoder = _encoder(Z.shape[1], Y.shape[1]), _decoder(Z.shape[1], Y.shape[1])
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=RATE)
    chance = torch.tensor(weight[known], dtype=torch.float32)
    for _ in range(ROUNDS):
        rows = torch.multinomial(chance, BATCH, replacement=True)
        mean, log_var = encoder(Z[rows], Y[rows])
        z = mean + (0.5 * log_var).exp() * torch.randn_like(mean)
        misfit = ((decoder(torch.cat([Z[rows], z], 1)) - Y[rows]) ** 2).sum(1).mean()
        divergence = -0.5 * (1 + log_var - mean**2 - log_var.exp()).mean()
        optimiser.zero_grad()
        (misfit + divergence).backward()
        optimiser.step()
    return Published(scale, decoder, centre, width)


def _encoder(d: int, count: int) -> Any:
    import torch
    from torch import nn

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.along = nn.Sequential(
                nn.Conv1d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv1d(16, 16, 3, padding=1), nn.ReLU(), nn.Flatten()
            )
            self.out = nn.Sequential(nn.Linear(16 * count + d, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * LATENT))

        def forward(self, Z: torch.Tensor, Y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            mean, log_var = self.out(torch.cat([self.along(Y[:, None]), Z], 1)).chunk(2, 1)
            return mean, log_var

    return Encoder()


def _decoder(d: int, count: int) -> Any:
    import torch
    from torch import nn

    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.start = nn.Sequential(nn.Linear(d + LATENT, HIDDEN), nn.ReLU())
            self.along, self.out = nn.GRU(HIDDEN, HIDDEN, batch_first=True), nn.Linear(HIDDEN, 1)

        def forward(self, Z: torch.Tensor) -> torch.Tensor:
            steps, _ = self.along(self.start(Z)[:, None].expand(-1, count, -1))
            made: torch.Tensor = self.out(steps)[:, :, 0]
            return made

    return Decoder()
