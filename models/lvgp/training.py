"""Posterior modes of the hyperparameters, from many starts at once.

Likelihood alone overfits the positions when points are few, so positions, scales and noise carry priors. Starts share
one tensor; the best by penalised likelihood is kept.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models.lvgp.kernel import LATENT, Kind, covariance

JITTER = 1e-8
# Means and standard deviations of normal priors on the logarithms; outputs are standardised.
PRIORS = {
    "log_scale": (0.0, 0.7),
    "log_noise": (math.log(1e-3), 1.5),
    "log_lengths": (math.log(0.7), 0.7),
    "log_weights": (0.0, 1.0),
    "log_spread": (math.log(0.7), 0.5),
}


@dataclass(frozen=True)
class Data:
    """Training rows: codes (n x m), numbers (n x d), standardised outputs (n), levels of each variable."""

    codes: Tensor
    numbers: Tensor
    outputs: Tensor
    sizes: tuple[int, ...]


def objective(kind: Kind, parameters: dict[str, Tensor], data: Data) -> Tensor:
    """Negative log posterior of each parameter set, b (up to a constant)."""
    n = data.outputs.shape[0]
    left = (data.codes, data.numbers)
    noise = parameters["log_noise"].exp()[:, None, None] + JITTER
    cov = covariance(kind, parameters, data.sizes, left, left) + noise * torch.eye(n, dtype=torch.float64)
    factor, failed = torch.linalg.cholesky_ex(cov)
    whitened = torch.linalg.solve_triangular(factor, data.outputs.expand(len(cov), n)[:, :, None], upper=False)
    fit = 0.5 * whitened.square().sum((1, 2)) + factor.diagonal(dim1=1, dim2=2).clamp_min(1e-12).log().sum(1)
    return torch.where(failed > 0, torch.full_like(fit, 1e6), fit) - log_prior(parameters, data.sizes)


def log_prior(parameters: dict[str, Tensor], sizes: tuple[int, ...]) -> Tensor:
    """Log prior density of each parameter set, b (up to a constant)."""
    total = torch.zeros_like(parameters["log_scale"])
    for name, (mean, deviation) in PRIORS.items():
        if name in parameters:
            part = -0.5 * ((parameters[name] - mean) / deviation).square()
            total = total + (part if part.dim() == 1 else part.sum(1))
    if "positions" in parameters:
        spread = parameters["log_spread"]  # b x m: how far the levels of a variable lie apart
        for j, points in enumerate(torch.split(parameters["positions"], list(sizes), dim=1)):
            inside = points / spread[:, j].exp()[:, None, None]
            total = total - 0.5 * inside.square().sum((1, 2)) - LATENT * points.shape[1] * spread[:, j]
    return total


def starts(kind: Kind, data: Data, *, count: int, seed: int) -> dict[str, Tensor]:
    """Random parameter sets near the priors' centres."""
    chance = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=chance, dtype=torch.float64)

    made = {
        "log_scale": PRIORS["log_scale"][0] + 0.2 * normal(count),
        "log_noise": PRIORS["log_noise"][0] + 0.5 * normal(count),
        "log_lengths": PRIORS["log_lengths"][0] + 0.3 * normal(count, data.numbers.shape[1]),
    }
    if kind == "lvgp":
        made["positions"] = 0.5 * normal(count, sum(data.sizes), LATENT)
        made["log_spread"] = torch.full((count, len(data.sizes)), PRIORS["log_spread"][0], dtype=torch.float64)
    else:
        made["log_weights"] = 0.3 * normal(count, len(data.sizes))
    return made


def optimise(
    kind: Kind, data: Data, first: dict[str, Tensor], *, steps: int = 80, rate: float = 0.1
) -> tuple[dict[str, Tensor], float]:
    """The best parameter set (b = 1) after Adam on all of them, and its negative log posterior."""
    parameters = {k: v.detach().clone().requires_grad_() for k, v in first.items()}
    optimizer = torch.optim.Adam(list(parameters.values()), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=rate / 20)
    for _ in range(steps):
        optimizer.zero_grad()
        objective(kind, parameters, data).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        reached = objective(kind, parameters, data)
        best = int(reached.argmin())
        return {k: v.detach()[best : best + 1].clone() for k, v in parameters.items()}, float(reached[best])


def joined(*sets: dict[str, Tensor]) -> dict[str, Tensor]:
    """Several collections of parameter sets as one."""
    return {name: torch.cat([s[name] for s in sets]) for name in sets[0]}


def unseen(data: Data) -> Tensor:
    """Which levels no row has, in the order of the positions, sum(L)."""
    flags = []
    for j, size in enumerate(data.sizes):
        flag = torch.ones(size, dtype=torch.bool)
        flag[data.codes[:, j]] = False
        flags.append(flag)
    return torch.cat(flags) if flags else torch.zeros(0, dtype=torch.bool)


def placed(parameters: dict[str, Tensor], data: Data, *, seed: int) -> dict[str, Tensor]:
    """The same parameters with unseen levels at draws from the prior.

    At the mode they all lie in the middle, near everything, and look known: draws keep them apart and uncertain.
    """
    chance = torch.Generator().manual_seed(seed)
    spread = parameters["log_spread"][0].exp().repeat_interleave(torch.tensor(data.sizes))
    drawn = spread[:, None] * torch.randn(sum(data.sizes), LATENT, generator=chance, dtype=torch.float64)
    positions = torch.where(unseen(data)[:, None], drawn, parameters["positions"][0])
    return {**parameters, "positions": positions[None]}
