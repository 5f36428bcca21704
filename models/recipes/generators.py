"""Two published kinds of generator of (temperature, time): a mixture density network and a conditional autoencoder.

They stand beside the pool of forest and network to be compared with it, and answer on the same bins. The autoencoder is
the framework's (Karpovich et al., Chem. Mater. 35, 1062 (2023)) with a learned noise scale; conditions that a recipe
does not state are left out of its loss instead of being imputed. Trained with torch, run with numpy.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.recipes.features import Singles
from models.recipes.grid import BIN_K, STEPS, TEMPERATURES, TIME_EDGES, TIMES
from models.recipes.network import Scale
from schemas.arrays import Floats
from schemas.tables.recipes import HEATING_K

if TYPE_CHECKING:
    import torch

GENERATORS = ("pooled", "forest", "mdn", "cvae")
WIDE, BATCH, ROUNDS, RATE, DECAY, BLANKED = 128, 128, 900, 3e-3, 1e-2, 0.2
KERNELS, LATENT, DRAWS = 8, 6, 96
FREE_BITS, WARM_UP = 0.05, 0.5
NARROWEST = -3.0

Weights = dict[str, Singles]
HEAT_EDGES = HEATING_K[0] + BIN_K * np.arange(TEMPERATURES + 1)


@dataclass(frozen=True)
class Generator:
    """A trained generator.

    Attributes:
        kind: "mdn" or "cvae".
        scale: of the inputs.
        weights: by name.
        centre: of temperature and log time of both steps.
        width: of the same.
    """

    kind: str
    scale: Scale
    weights: Weights
    centre: Floats
    width: Floats

    def joints(self, X: Singles) -> Floats:
        """Mass of the bins of both steps, n x 2 x TEMPERATURES x TIMES."""
        Z = self.scale.inputs(X)
        out = np.empty((len(X), len(STEPS), TEMPERATURES, TIMES))
        for k in range(len(STEPS)):
            part = slice(2 * k, 2 * k + 2)
            edges = [
                (e - c) / w
                for e, c, w in zip((HEAT_EDGES, np.log(TIME_EDGES)), self.centre[part], self.width[part], strict=True)
            ]
            edges = [np.concatenate([[-np.inf], e[1:-1], [np.inf]]) for e in edges]
            out[:, k] = _mdn_mass(self.weights, Z, k, *edges) if self.kind == "mdn" else self._decoded(Z, k, *edges)
        return out

    def _decoded(self, Z: Singles, step: int, heat: Floats, time: Floats) -> Floats:
        """Mean over draws of the latent of the decoder's normal mass."""
        total = np.zeros((len(Z), TEMPERATURES, TIMES))
        for z in np.random.default_rng(0).normal(size=(DRAWS, LATENT)).astype(np.float32):
            both = np.hstack([Z, np.broadcast_to(z, (len(Z), LATENT))])
            out = _perceptron(self.weights, "d", both).astype(np.float64)
            mean, log_width = out[:, : 2 * len(STEPS)], np.maximum(out[:, 2 * len(STEPS) :], NARROWEST)
            at = [_mass(e, mean[:, j], np.exp(log_width[:, j])) for e, j in ((heat, 2 * step), (time, 2 * step + 1))]
            total += at[0][:, :, None] * at[1][:, None, :] / DRAWS
        return total


def _mass(edges: Floats, mean: Floats, width: Floats) -> Floats:
    from scipy.special import ndtr

    return np.asarray(np.diff(ndtr((edges[None, :] - mean[:, None]) / width[:, None]), axis=1))


def _mdn_mass(weights: Weights, Z: Singles, step: int, heat: Floats, time: Floats) -> Floats:
    """Each kernel's mass of a temperature bin, times that of a time bin given the middle of that bin."""
    out = _perceptron(weights, f"m{step}", Z).reshape(len(Z), 6, KERNELS).astype(np.float64)
    share = np.exp(out[:, 0] - out[:, 0].max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    middle = 0.5 * (np.maximum(heat[:-1], heat[1] - 1) + np.minimum(heat[1:], heat[-2] + 1))
    total = np.zeros((len(Z), TEMPERATURES, TIMES))
    for k in range(KERNELS):
        wide = np.exp(np.maximum(out[:, 3:5, k], NARROWEST))
        at_heat = _mass(heat, out[:, 1, k], wide[:, 0])
        given = out[:, 2, k, None] + out[:, 5, k, None] * (middle[None, :] - out[:, 1, k, None])
        at_time = _mass(time, given.ravel(), np.repeat(wide[:, 1], TEMPERATURES)).reshape(len(Z), TEMPERATURES, TIMES)
        total += share[:, k, None, None] * at_heat[:, :, None] * at_time
    return total


def _perceptron(weights: Weights, name: str, Z: Singles) -> Singles:
    for k in range(2):
        Z = Z @ weights[f"{name}w{k}"] + weights[f"{name}b{k}"]
        Z = Z / (1 + np.exp(-np.clip(Z, -60, 60)))
    return Z @ weights[f"{name}w2"] + weights[f"{name}b2"]


def fit(
    kind: str, X: Singles, pairs: list[tuple[Floats, Floats]], weight: Floats, *, precursors: int, seed: int
) -> Generator:
    """Trains a generator.

    Args:
        kind: "mdn" or "cvae".
        X: features, n x d.
        pairs: temperature (K) and time (h) of each step, NaN where unknown.
        weight: of the rows, mean 1.
        precursors: how many of the last columns describe precursors.
        seed: of weights, batches and noise.
    """
    import torch

    y, centre, width = standard(pairs)
    stated = ~np.isnan(y)
    scale = Scale.of(X, precursors)
    draw = torch.Generator().manual_seed(seed)
    inputs = [torch.tensor(a, dtype=torch.float32) for a in (scale.inputs(X), np.nan_to_num(y), stated, weight)]
    d, count = inputs[0].shape[1], 2 * len(STEPS)
    if kind == "mdn":
        p = _layers("m0", d, 6 * KERNELS, draw) | _layers("m1", d, 6 * KERNELS, draw)
        loss: Callable[..., torch.Tensor] = _mdn_loss
    else:
        p = _layers("e", d + 2 * count, 2 * LATENT, draw) | _layers("d", d + LATENT, 2 * count, draw)
        loss = _cvae_loss
    _descend(p, loss, inputs, draw)
    return Generator(kind, scale, {k: v.detach().numpy().copy() for k, v in p.items()}, centre, width)


def standard(pairs: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats, Floats]:
    """Temperature and log time of each step in units of their spread, n x 4, NaN where unknown; centres and widths."""
    y = np.column_stack([c for heat, time in pairs for c in (heat, np.log(time))])
    known = [c[~np.isnan(c)] for c in y.T]
    centre = np.array([c.mean() if len(c) else 0.0 for c in known])
    width = np.array([max(float(c.std()), 1e-6) if len(c) else 1.0 for c in known])
    return (y - centre) / width, centre, width


def _layers(name: str, d: int, out: int, draw: "torch.Generator") -> "dict[str, torch.Tensor]":
    import torch

    made: dict[str, torch.Tensor] = {}
    for k, (a, b) in enumerate(((d, WIDE), (WIDE, WIDE), (WIDE, out))):
        made[f"{name}w{k}"] = (torch.randn(a, b, generator=draw) / math.sqrt(a)).requires_grad_()
        made[f"{name}b{k}"] = torch.zeros(b, requires_grad=True)
    return made


def _descend(
    p: "dict[str, torch.Tensor]",
    loss: "Callable[..., torch.Tensor]",
    inputs: "list[torch.Tensor]",
    draw: "torch.Generator",
) -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in one order on every machine
    optimiser = torch.optim.AdamW(list(p.values()), lr=RATE, weight_decay=DECAY)
    steps = max(300, min(ROUNDS, len(inputs[0]) // 2))
    try:
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
            rows = torch.randint(len(inputs[0]), (BATCH,), generator=draw)
            Z, y, stated, w = (t[rows] for t in inputs)
            Z = Z * (torch.rand(Z.shape, generator=draw) > BLANKED)
            each = loss(p, Z, y, stated, draw, min(1.0, step / (WARM_UP * steps)))
            optimiser.zero_grad()
            (each * w).mean().backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(p.values(), 5.0)
            optimiser.step()
    finally:
        torch.set_num_threads(before)


def _through(p: "dict[str, torch.Tensor]", name: str, Z: "torch.Tensor") -> "torch.Tensor":
    import torch

    for k in range(2):
        Z = torch.nn.functional.silu(Z @ p[f"{name}w{k}"] + p[f"{name}b{k}"])
    return Z @ p[f"{name}w2"] + p[f"{name}b2"]


def _mdn_loss(
    p: "dict[str, torch.Tensor]",
    Z: "torch.Tensor",
    y: "torch.Tensor",
    stated: "torch.Tensor",
    draw: "torch.Generator",
    warm: float,
) -> "torch.Tensor":
    """Negative log-likelihood of full-covariance kernels, temperature first and time given it."""
    import torch

    total = torch.zeros(len(Z))
    for k in range(len(STEPS)):
        share, heat, time, heat_width, time_width, slope = _through(p, f"m{k}", Z).view(len(Z), 6, KERNELS).unbind(1)
        heat_width, time_width = heat_width.clamp(min=NARROWEST), time_width.clamp(min=NARROWEST)
        off = y[:, 2 * k, None] - heat
        late = y[:, 2 * k + 1, None] - time - slope * off
        first = -0.5 * (off / heat_width.exp()) ** 2 - heat_width
        second = -0.5 * (late / time_width.exp()) ** 2 - time_width
        both, only = stated[:, 2 * k, None] * stated[:, 2 * k + 1, None], stated[:, 2 * k, None]
        total = total - torch.logsumexp(torch.log_softmax(share, 1) + only * first + both * second, 1)
    return total


def _cvae_loss(
    p: "dict[str, torch.Tensor]",
    Z: "torch.Tensor",
    y: "torch.Tensor",
    stated: "torch.Tensor",
    draw: "torch.Generator",
    warm: float,
) -> "torch.Tensor":
    """Evidence bound: normal noise of learned width on what is stated, warm-up and free bits for the latent."""
    import torch

    mean, log_width = torch.split(_through(p, "e", torch.cat([Z, y * stated, stated], 1)), LATENT, 1)
    log_width = log_width.clamp(-6, 3)
    z = mean + log_width.exp() * torch.randn(mean.shape, generator=draw)
    at, noise = torch.split(_through(p, "d", torch.cat([Z, z], 1)), y.shape[1], 1)
    noise = noise.clamp(min=NARROWEST)
    misfit = ((0.5 * ((y - at) / noise.exp()) ** 2 + noise) * stated).sum(1)
    divergence = 0.5 * (mean**2 + (2 * log_width).exp() - 1 - 2 * log_width)
    return misfit + warm * divergence.clamp(min=FREE_BITS).sum(1)
