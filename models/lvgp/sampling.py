"""Draws from a density whose slope is known: Hamiltonian Monte Carlo with many chains in one tensor.

All parameters have a standard normal prior, so directions that data say nothing of turn once in 2 pi and a quarter turn
is the length of a path; it is jittered, lest a direction be met at its period (Neal, Handbook of MCMC 2011, 5.4.2.2).
Belongs here: the sampler and what tells whether it is done (Vehtari et al., Bayesian Analysis 2021).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import ndtri
from scipy.stats import rankdata
from torch import Tensor

from schemas.arrays import Floats

Density = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From c points, c x size, to their log densities, c, and the slopes of these, c x size."""
WANTED = 0.8  # share of paths that are taken
LONGEST = 60  # steps of a path
QUARTER = math.pi / 2


@dataclass(frozen=True, eq=False)
class Chains:
    """What was drawn.

    Attributes:
        sets: draws x chains x size.
        reached: log densities, draws x chains.
        step: of the integrator, after it was tuned, size.
        taken: share of paths that ended in a new point.
    """

    sets: Tensor
    reached: Tensor
    step: Tensor
    taken: float

    def longer(self, target: Density, *, draws: int, seed: int) -> "Chains":
        """The same chains with more draws."""
        more = _drawn(_Walk(target, self.sets[-1], seed), self.step, draws)
        return Chains(
            torch.cat([self.sets, more.sets]),
            torch.cat([self.reached, more.reached]),
            self.step,
            float(np.average([self.taken, more.taken], weights=[len(self.sets), draws])),
        )


def sample(target: Density, start: Tensor, *, warmup: int, draws: int, seed: int) -> Chains:
    """Draws from a density.

    Args:
        target: the density.
        start: one point a chain, c x size, spread wider than the density.
        warmup: paths that tune the step and the scales, and are dropped.
        draws: paths of every chain that are kept.
        seed: of momenta, lengths and acceptance.
    """
    walk = _Walk(target, start, seed)
    scales, tuned, seen = torch.ones(start.shape[1], dtype=start.dtype), _Step(0.1), []
    for turn in range(warmup):
        tuned.learn(walk.go(tuned.trial * scales))
        if turn >= warmup // 4:
            seen.append(walk.at)
        if turn == warmup // 2:
            scales = torch.cat(seen).std(0).clamp(0.05, 1.0)
            tuned = _Step(tuned.settled / float(scales.mean()))
    return _drawn(walk, tuned.settled * scales, draws)


def _drawn(walk: "_Walk", step: Tensor, draws: int) -> Chains:
    sets, reached, taken = [], [], []
    for _ in range(draws):
        taken.append(walk.go(step))
        sets.append(walk.at)
        reached.append(walk.value)
    return Chains(torch.stack(sets), torch.stack(reached), step, float(np.mean(taken)))


class _Walk:
    """Where the chains are."""

    def __init__(self, target: Density, at: Tensor, seed: int) -> None:
        self.target, self.at, self.chance = target, at, torch.Generator().manual_seed(seed)
        self.value, self.slope = target(at)

    def go(self, step: Tensor) -> float:
        """One path of each chain; the share that is taken."""
        length = QUARTER * (0.3 + 1.4 * float(torch.rand((), generator=self.chance)))
        count = min(LONGEST, max(1, round(length / float(step.max()))))
        at, slope = self.at, self.slope
        push = torch.randn(at.shape, generator=self.chance, dtype=at.dtype)
        before = self.value - 0.5 * push.square().sum(1)
        value, push = self.value, push + 0.5 * step * slope
        for k in range(count):  # leapfrog
            at = at + step * push
            value, slope = self.target(at)
            push = push + (0.5 if k == count - 1 else 1.0) * step * slope
        rate = (value - 0.5 * push.square().sum(1) - before).clamp(max=0.0).exp().nan_to_num(0.0)
        yes = torch.rand(len(at), generator=self.chance) < rate
        self.at, self.slope = torch.where(yes[:, None], at, self.at), torch.where(yes[:, None], slope, self.slope)
        self.value = torch.where(yes, value, self.value)
        return float(rate.mean())


class _Step:
    """Step of the integrator by dual averaging (Hoffman and Gelman, JMLR 2014, algorithm 5)."""

    def __init__(self, first: float) -> None:
        self.center, self.miss, self.number = math.log(4 * first), 0.0, 0
        self.trial, self.settled = first, first

    def learn(self, taken: float) -> None:
        """Tells the share of paths that the last step had taken."""
        self.number += 1
        t = self.number
        self.miss += (WANTED - taken - self.miss) / (t + 10)
        log = self.center - math.sqrt(t) / 0.05 * self.miss
        share = t**-0.75
        self.trial = min(math.exp(log), 1.0)
        self.settled = math.exp(share * math.log(self.trial) + (1 - share) * math.log(self.settled))


def r_hat(draws: Floats) -> float:
    """Spread between half chains against that within, draws x chains; 1 where they agree (section 4.1)."""
    halves = _halves(draws)
    return max(_between(_normal(halves)), _between(_normal(np.abs(halves - np.median(halves)))))


def effective(draws: Floats) -> float:
    """How many independent draws tell as much of the middle as draws x chains do (bulk, section 4.3)."""
    x = _normal(_halves(draws))
    n, m = x.shape
    centered = x - x.mean(axis=0)
    size = 1 << (2 * n - 1).bit_length()
    power = np.abs(np.fft.rfft(centered, size, axis=0)) ** 2
    lagged = np.fft.irfft(power, size, axis=0)[:n].real / n
    within = lagged[0].mean() * n / (n - 1)
    total = within * (n - 1) / n + (x.mean(axis=0).var(ddof=1) if m > 1 else 0.0)
    if total <= 0:
        return float(n * m)
    rho = 1 - (within - lagged.mean(axis=1) * n / (n - 1)) / total
    rho[0] = 1.0
    pairs = rho[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    stop = int(np.argmax(pairs <= 0)) if (pairs <= 0).any() else len(pairs)
    spent = 2 * np.minimum.accumulate(pairs[:stop]).sum() - 1  # Geyer's initial monotone sequence
    return float(n * m / max(spent, 1 / math.log10(n * m)))


def _halves(draws: Floats) -> Floats:
    n = len(draws) // 2
    return np.concatenate([draws[:n], draws[-n:]], axis=1)


def _normal(draws: Floats) -> Floats:
    ranks = rankdata(draws).reshape(draws.shape)
    return np.asarray(ndtri((ranks - 0.375) / (draws.size + 0.25)))


def _between(x: Floats) -> float:
    n = len(x)
    within = x.var(axis=0, ddof=1).mean()
    return float(np.sqrt((n - 1) / n + x.mean(axis=0).var(ddof=1) / within)) if within > 0 else 1.0
