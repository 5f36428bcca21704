"""Posterior modes of the hyperparameters, from many starts at once.

Likelihood alone overfits the positions when points are few, so positions, scales and noise carry priors. Starts share
one tensor; the best by penalised likelihood is kept.
"""

import math

import torch
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch import Tensor

from models.lvgp.kernel import LATENT, PRIORS
from models.lvgp.surrogate import MixedGP

NOISE_PRIOR = (math.log(1e-3), 1.5)  # mean and standard deviation of the logarithm
Parameters = dict[str, Tensor]


def parameters_of(gp: MixedGP) -> Parameters:
    """The parameter sets, each b x ...; `log_noise` is that of the likelihood above its floor."""
    kernel = {name: p.detach().clone() for name, p in gp.covar_module.named_parameters()}
    return {**kernel, "log_noise": gp.likelihood.noise_covar.raw_noise.detach()[:, 0].clone()}


def assign(gp: MixedGP, parameters: Parameters) -> None:
    """Puts parameter sets into a model of the same b."""
    with torch.no_grad():
        for name, p in gp.covar_module.named_parameters():
            p.copy_(parameters[name])
        gp.likelihood.noise_covar.raw_noise.copy_(parameters["log_noise"][:, None])


def starts(like: Parameters, *, count: int, seed: int) -> Parameters:
    """Random parameter sets near the priors' centres, shaped like those of a model."""
    chance = torch.Generator().manual_seed(seed)
    centers = {name: mean for name, (mean, _) in PRIORS.items()} | {"log_noise": NOISE_PRIOR[0], "positions": 0.0}
    widths = {"log_scale": 0.2, "log_noise": 0.5, "log_lengths": 0.3, "positions": 0.5, "log_weights": 0.3}
    return {
        name: centers[name]
        + widths.get(name, 0.0) * torch.randn(count, *value.shape[1:], generator=chance, dtype=torch.float64)
        for name, value in like.items()
    }


def optimise(gp: MixedGP, *, steps: int = 80, rate: float = 0.1) -> tuple[Parameters, float]:
    """The best parameter set (b = 1) after Adam on all of a model's, and its negative log posterior."""
    likelihood = ExactMarginalLogLikelihood(gp.likelihood, gp)
    optimizer = torch.optim.Adam(gp.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=rate / 20)
    gp.train()
    for _ in range(steps):
        optimizer.zero_grad()
        _objective(gp, likelihood).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        reached = _objective(gp, likelihood)
    gp.eval()
    best = int(reached.argmin())
    return {k: v[best : best + 1] for k, v in parameters_of(gp).items()}, float(reached[best])


def joined(*sets: Parameters) -> Parameters:
    """Several collections of parameter sets as one."""
    return {name: torch.cat([s[name] for s in sets]) for name in sets[0]}


def placed(parameters: Parameters, unseen: Tensor, sizes: tuple[int, ...], *, count: int) -> Parameters:
    """One set `count` times, its unseen levels at draws from the prior.

    At the mode they all lie in the middle, near everything, and look known: draws keep them apart and uncertain.

    Args:
        parameters: one set, b = 1.
        unseen: which levels no row has, sum(L).
        sizes: levels of each variable.
        count: draws.
    """
    chance = torch.Generator().manual_seed(0)
    spread = parameters["log_spread"][0].exp().repeat_interleave(torch.tensor(sizes))
    drawn = spread[:, None] * torch.randn(count, sum(sizes), LATENT, generator=chance, dtype=torch.float64)
    many = {name: value.expand(count, *value.shape[1:]) for name, value in parameters.items()}
    return {**many, "positions": torch.where(unseen[:, None], drawn, many["positions"])}


def _objective(gp: MixedGP, likelihood: ExactMarginalLogLikelihood) -> Tensor:
    """Negative log posterior of each parameter set, b (up to a constant)."""
    targets = gp.train_targets
    noise = (gp.likelihood.noise_covar.raw_noise[:, 0] - NOISE_PRIOR[0]) / NOISE_PRIOR[1]
    evidence = targets.shape[-1] * likelihood(gp(*gp.train_inputs), targets)
    found: Tensor = 0.5 * noise.square() - evidence - gp.covar_module.log_prior()
    return found
