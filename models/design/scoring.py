"""Scores of open rows by the name of an acquisition, from joint draws of them; what may still be gained.

Each score says what a row adds to the rows that are known and those already taken, which have, in each draw, the values
of that draw (Wilson et al., NeurIPS 2018): so a batch, and rows that are being evaluated, need nothing of their own.
Closed forms for one row are in `acquisition`; all objectives are to be made large.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import logsumexp

from models.design import acquisition, pareto
from schemas.arrays import Floats, Ints
from schemas.errors import InputError

BETA = 2.0  # deviations above the mean that `ucb` hopes for
SCALARS = 32  # weightings of `parego`
LEAST = -460.0  # logarithm of an improvement that still is told in its unit


@dataclass(frozen=True)
class Outlook:
    """What the surrogates say of n open rows, objectives turned so that large is good.

    Attributes:
        means: of each member of the ensembles, s x n x k.
        deviations: likewise, s x n x k.
    """

    means: Floats
    deviations: Floats

    def take(self, at: Ints) -> "Outlook":
        """Of some rows."""
        return Outlook(self.means[:, at], self.deviations[:, at])

    @cached_property
    def mean(self) -> Floats:
        """Of the mixture, n x k."""
        return np.asarray(self.means.mean(axis=0))

    @cached_property
    def deviation(self) -> Floats:
        """Of the mixture, n x k."""
        return np.asarray(np.sqrt(np.square(self.deviations).mean(axis=0) + self.means.var(axis=0)))


@dataclass(frozen=True)
class Sight:
    """What scores are made of.

    Attributes:
        draws: joint draws of n open rows, s x n x k; minus infinity where they break a limit.
        told: values of the known rows that keep the limits, m x k.
        again: joint draws of the known rows without noise, s x m x k.
        reference: worst point of interest, k.
        weights: of the objectives, one row a scalar of `parego`.
        promise: the gain of each row alone in closed form, n, which draws would blur.
    """

    draws: Floats
    told: Floats
    again: Floats
    reference: Floats
    weights: Floats
    promise: Floats | None = None

    def beside(self, taken: Sequence[int]) -> Floats:
        """Known values and, in each draw, those of the taken rows, s x (m + t) x k."""
        known = np.broadcast_to(self.told, (len(self.draws), *self.told.shape))
        return np.concatenate([known, self.draws[:, list(taken)]], axis=1)


def gain(outlook: Outlook, told: Floats, reference: Floats) -> Floats:
    """What a row promises, n: expected improvement, of the hypervolume for two objectives; for more, its reach.

    Each member of the ensembles has its say, not their mixture: a row may be the hope of one of them. An improvement
    that is too small for a number everywhere is told over the largest of a member.
    """
    means, deviations = outlook.means, outlook.deviations
    if told.shape[1] == 1:
        best = float(told.max())
        logs = acquisition.log_expected_improvement(means[..., 0], deviations[..., 0], best)
        unit = logs.max(initial=-np.inf) if logs.max(initial=-np.inf) < LEAST else 0.0
        return np.asarray(np.exp(logsumexp(logs, axis=0) - np.log(len(logs)) - unit))
    if told.shape[1] == 2:
        growth = acquisition.expected_hypervolume_improvement
        return np.asarray(
            np.mean([growth(m, d, told, reference) for m, d in zip(means, deviations, strict=True)], axis=0)
        )
    spread = told.std(axis=0)
    return np.asarray(np.exp(((outlook.mean + outlook.deviation) / np.where(spread > 0, spread, 1.0)).sum(axis=1)))


def improvement(sight: Sight, taken: Sequence[int]) -> Floats:
    """Expected improvement on the best value, n."""
    if sight.promise is not None and not taken:
        return sight.promise
    best = sight.beside(taken)[..., 0].max(axis=1)
    return np.asarray(np.maximum(sight.draws[..., 0] - best[:, None], 0.0).mean(axis=0))


def noisy_improvement(sight: Sight, taken: Sequence[int]) -> Floats:
    """Expected improvement on the best of what is behind the known rows, noise left out, n (Letham et al., 2019).

    Where none of them would keep the limits, the worst value known stands for the best.
    """
    best = np.concatenate([sight.again, sight.draws[:, list(taken)]], axis=1)[..., 0].max(axis=1)
    best = np.where(np.isfinite(best), best, sight.told.min())
    return np.asarray(np.maximum(sight.draws[..., 0] - best[:, None], 0.0).mean(axis=0))


def chance_of_improvement(sight: Sight, taken: Sequence[int]) -> Floats:
    """Probability to exceed the best value, n."""
    return np.asarray((sight.draws[..., 0] > sight.beside(taken)[..., 0].max(axis=1)[:, None]).mean(axis=0))


def upper_bound(sight: Sight, taken: Sequence[int]) -> Floats:
    """Upper confidence bound above the lowest, n; beside taken rows what a row adds to theirs.

    Half-normal draws of the right scale have the bound as their mean (Wilson et al., 2017, appendix A).
    """
    draws = np.where(np.isfinite(sight.draws[..., 0]), sight.draws[..., 0], sight.told.min())
    mean = draws.mean(axis=0)
    hopes = mean + BETA * np.sqrt(np.pi / 2) * np.abs(draws - mean)
    if not taken:
        bounds = hopes.mean(axis=0)
        return np.asarray(bounds - bounds.min())
    return np.asarray(np.maximum(hopes - hopes[:, list(taken)].max(axis=1)[:, None], 0.0).mean(axis=0))


def growth(sight: Sight, taken: Sequence[int]) -> Floats:
    """Expected growth of the dominated area, n."""
    if sight.promise is not None and not taken:
        return sight.promise
    pairs = zip(sight.draws, sight.beside(taken), strict=True)
    return np.asarray(np.mean([acquisition.hypervolume_gain(d, f, sight.reference) for d, f in pairs], axis=0))


def scalar_improvement(sight: Sight, taken: Sequence[int]) -> Floats:
    """Expected improvement of scalars of random weights, their mean, n.

    A scalar is minus the augmented Chebyshev distance from the best known of each objective (Knowles, IEEE Trans. Evol.
    Comput. 10, 50 (2006), equation 2), so that a large weight asks for the end of a front.
    """
    high, width = sight.told.max(axis=0), np.ptp(sight.told, axis=0)
    width = np.where(width > 0, width, 1.0)

    def scalars(values: Floats) -> Floats:
        short = (high - values) / width
        worst = np.max([w * short[..., j, None] for j, w in enumerate(sight.weights.T)], axis=0)
        return np.asarray(-worst - 0.05 * short @ sight.weights.T)

    best = scalars(sight.beside(taken)).max(axis=1)
    return np.asarray(np.maximum(scalars(sight.draws) - best[:, None], 0.0).mean(axis=(0, 2)))


def belonging(sight: Sight, taken: Sequence[int]) -> Floats:
    """Probability that a row is the optimum, or on the front, of all rows, n."""
    return acquisition.front_probability(sight.draws, sight.told)


def keeping(sight: Sight, taken: Sequence[int]) -> Floats:
    """Probability over its largest that a row keeps the limits and none of the taken does, n.

    What to ask before any row is of use. A first row, and rows of which no draw is within the limits, are ranked by
    their promise.
    """
    if sight.promise is not None and not taken:
        return sight.promise
    kept = np.isfinite(sight.draws).all(axis=-1)
    share = (kept & ~kept[:, list(taken)].any(axis=1)[:, None]).mean(axis=0)
    return _relative(share) if kept.any() or sight.promise is None else sight.promise


def gain_and_belonging(sight: Sight, taken: Sequence[int]) -> Floats:
    """Gain over its largest, plus the probability to be the optimum, over its largest, or on the front, n.

    Gain alone asks for large steps and leaves the last small one, which ends a search, to the end.
    """
    k = sight.told.shape[1]
    member = belonging(sight, taken)
    share = _relative(member) if k == 1 else member  # one optimum is shared by many rows
    if k > 2:
        return share
    return share + _relative(improvement(sight, taken) if k == 1 else growth(sight, taken))


def _relative(values: Floats) -> Floats:
    return np.asarray(values / (values.max() or 1.0))


USUAL = "gain+front"
ACQUISITIONS: dict[str, tuple[Callable[[Sight, Sequence[int]], Floats], int, int]] = {
    USUAL: (gain_and_belonging, 1, 99),
    "ei": (improvement, 1, 1),
    "nei": (noisy_improvement, 1, 1),
    "pi": (chance_of_improvement, 1, 1),
    "ucb": (upper_bound, 1, 1),
    "ehvi": (growth, 2, 2),
    "parego": (scalar_improvement, 2, 99),
    "front": (belonging, 1, 99),
}
"""Name -> score, and for how many objectives at least and at most it is defined."""


def score_of(name: str, objectives: int) -> Callable[[Sight, Sequence[int]], Floats]:
    """The score of that name.

    Raises:
        InputError: an unknown name, or one that is not defined for so many objectives.
    """
    fit = [n for n, (_, low, high) in ACQUISITIONS.items() if low <= objectives <= high]
    if name not in fit:
        what = "unknown acquisition" if name not in ACQUISITIONS else f"with {objectives} objectives no acquisition"
        raise InputError.of(f"{what} {name!r}", "--acquisition", f"use one of {', '.join(fit)}")
    return ACQUISITIONS[name][0]


@dataclass(frozen=True)
class Remaining:
    """What may still be gained among the open rows.

    Attributes:
        improvement: expected improvement of the best value, in its unit, were all of them evaluated; for several
            objectives, expected growth of the dominated volume over the volume now.
        complete: probability that none of them is better than the best, or belongs to the front.

    Both are NaN before any row is of use: there is no best to compare with.
    """

    improvement: float
    complete: float


def remaining(sight: Sight) -> Remaining:
    """What n open rows leave to gain, from joint draws of them: few are better than chance, and noise counts."""
    if not len(sight.told):
        return Remaining(float("nan"), float("nan"))
    if sight.told.shape[1] == 1:
        step = np.maximum(sight.draws[..., 0].max(axis=1) - sight.told.max(), 0.0)
        return Remaining(float(step.mean()), float((step == 0).mean()))
    best = sight.told[pareto.nondominated(sight.told)]
    volume = pareto.hypervolume(best, sight.reference)
    steps, done = [], 0
    for draw in sight.draws:
        beaten = ((best[None] >= draw[:, None]).all(-1)).any(1)
        done += bool(beaten.all())
        steps.append(pareto.hypervolume(np.vstack([best, draw[~beaten]]), sight.reference) - volume)
    return Remaining(float(np.mean(steps)) / (volume or 1.0), done / len(sight.draws))
