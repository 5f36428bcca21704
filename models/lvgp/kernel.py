"""Covariances over codes and numbers, for many parameter sets at once.

Squared distances over a categorical variable depend on its level pairs only: they are computed as L x L tables and
gathered. Three ways to place levels: `lvgp` (free points of a plane), `onehot` (corners of a simplex), `hamming`.
"""

import math
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["lvgp", "onehot", "hamming"]
KINDS: tuple[Kind, ...] = ("lvgp", "onehot", "hamming")
LATENT = 2
_ROOT5 = math.sqrt(5.0)


def level_tables(kind: Kind, parameters: dict[str, Tensor], sizes: tuple[int, ...]) -> list[Tensor]:
    """Squared distances between levels, one b x L x L table a variable.

    Args:
        kind: how levels are placed.
        parameters: `positions` (b x sum(L) x 2) for lvgp, else `log_weights` (b x m).
        sizes: levels of each variable.
    """
    if kind == "lvgp":
        parts = torch.split(parameters["positions"], list(sizes), dim=1)
        return [((p[:, :, None, :] - p[:, None, :, :]) ** 2).sum(-1) for p in parts]
    weights = parameters["log_weights"].exp()
    return [w[:, None, None] * (1.0 - torch.eye(n, dtype=w.dtype)) for w, n in zip(weights.T, sizes, strict=True)]


def covariance(
    kind: Kind,
    parameters: dict[str, Tensor],
    sizes: tuple[int, ...],
    left: tuple[Tensor, Tensor],
    right: tuple[Tensor, Tensor],
) -> Tensor:
    """Prior covariance without noise, b x n x k.

    Matern 5/2 over the joint distance (Rasmussen and Williams, equation 4.17); exponential of the summed mismatch for
    `hamming`, as in mixed single-task models.

    Args:
        kind: how levels are placed.
        parameters: see `level_tables`; also `log_lengths` (b x d) and `log_scale` (b).
        sizes: levels of each variable.
        left: codes (n x m) and numbers (n x d).
        right: codes (k x m) and numbers (k x d).
    """
    (a, x), (b, y) = left, right
    starts = parameters["log_scale"].shape[0]
    squared = torch.zeros(starts, a.shape[0], b.shape[0], dtype=torch.float64)
    for j, table in enumerate(level_tables(kind, parameters, sizes)):
        squared = squared + table[:, a[:, j]][:, :, b[:, j]]
    if x.shape[1]:
        lengths = parameters["log_lengths"].exp()[:, None, :]
        squared = squared + ((x / lengths)[:, :, None, :] - (y / lengths)[:, None, :, :]).square().sum(-1)
    scale = parameters["log_scale"].exp()[:, None, None]
    if kind == "hamming":
        return scale * torch.exp(-squared)
    distance = (squared + 1e-12).sqrt()
    return scale * (1.0 + _ROOT5 * distance + 5.0 / 3.0 * squared) * torch.exp(-_ROOT5 * distance)
