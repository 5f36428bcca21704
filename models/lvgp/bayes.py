"""Parameter sets that are draws of the posterior, and whether they are enough (Yerramilli et al., SIAM/ASA JUQ 2023).

Points turn and move together without effect on any prediction, so chains are judged by what has a meaning: similarity
of each pair of levels, lengths, weights, scale, noise, and the density itself.
"""

import logging
from dataclasses import dataclass

import torch
from torch import Tensor

from models.lvgp.inference import Data, Ensemble, anchored
from models.lvgp.kernel import Space
from models.lvgp.sampling import Chains, effective, r_hat, sample

CHAINS, WARMUP, DRAWS, LONGEST = 8, 200, 300, 1200
"""Chains, paths of each that tune, paths that are kept at first, and at most where chains disagree."""
WARM = (40, 60)  # paths that tune and that are kept when an earlier model goes on
KEPT = 64
"""Draws that predict, evenly taken."""
PAIRS = 200  # of levels of a variable that are judged
R_HAT, EFFECTIVE = 1.05, 200.0
"""What chains must reach."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Diagnosis:
    """How far chains can be trusted: the worst over all quantities.

    Attributes:
        r_hat: spread between chains against that within; near 1 where they agree.
        effective: independent draws that tell as much.
        draws: of all chains.
        taken: share of paths that ended in a new point.
    """

    r_hat: float
    effective: float
    draws: int
    taken: float

    @property
    def enough(self) -> bool:
        """Whether chains agree and are long enough."""
        return self.r_hat < R_HAT and self.effective > EFFECTIVE


def drawn(data: Data, *, seed: int = 0, warm: Ensemble | None = None) -> tuple[Ensemble, Diagnosis]:
    """Draws of the posterior; chains go on until they agree, and a warning is logged where they do not.

    Args:
        data: what is learned from.
        seed: of starts and paths.
        warm: draws for fewer rows of the same inputs, where chains start; then they are short and not judged.
    """
    with torch.no_grad():
        if warm:
            start = warm.sets[:: max(1, len(warm.sets) // CHAINS)][:CHAINS]
            chains = sample(data.posterior(), start, warmup=WARM[0], draws=WARM[1], seed=seed)
            return _thinned(chains), diagnose(data, chains)
        start = anchored(data, members=CHAINS, steps=30, seed=seed).sets
        chains = sample(data.posterior(), start, warmup=WARMUP, draws=DRAWS, seed=seed)
        found = diagnose(data, chains)
        while not found.enough and len(chains.sets) < LONGEST:
            chains = chains.longer(data.posterior(), draws=len(chains.sets), seed=seed + len(chains.sets))
            found = diagnose(data, chains)
    if not found.enough:
        log.warning("chains disagree: R-hat %.3f, %.0f effective draws", found.r_hat, found.effective)
    return _thinned(chains), found


def diagnose(data: Data, chains: Chains) -> Diagnosis:
    """The worst of all quantities."""
    each = [chains.reached[..., None]]
    for at in data.index:
        each += _quantities(data.space, chains.sets[..., at])
    columns = [part[..., k].numpy() for part in each for k in range(part.shape[-1])]
    return Diagnosis(
        max(map(r_hat, columns)), min(map(effective, columns)), chains.reached.numel(), round(chains.taken, 3)
    )


def _quantities(space: Space, sets: Tensor) -> list[Tensor]:
    """What has a meaning in draws x chains x size parameters, draws x chains x some each."""
    flat = sets.flatten(0, 1)
    parts = [space.natural(flat, name) for name in ("spread", "rate", "weight", "scale", "noise")]
    for places in space.state(flat).places:
        size = places.squares.shape[1]
        left, right = torch.triu_indices(size, size, offset=1)
        some = slice(None, None, 1 + len(left) // PAIRS)
        parts.append(torch.exp(-0.5 * places.squares[:, left[some], right[some]]))
    return [part.reshape(*sets.shape[:2], -1) for part in parts]


def _thinned(chains: Chains) -> Ensemble:
    sets, reached = chains.sets.flatten(0, 1), chains.reached.flatten()
    at = torch.linspace(0, len(sets) - 1, min(KEPT, len(sets))).round().long()
    return Ensemble(sets[at], sets[at], reached[at])
