"""A small neural network that gives every condition a distribution over bins, and time given temperature.

All five conditions share the hidden layers, so rows that state only a highest temperature teach sintering too; what a
row does not state is left out of the loss. Trained with torch, run with numpy.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from models.recipes import HEATS
from models.recipes.compositions import ELEMENTS
from models.recipes.features import Singles
from models.recipes.grid import STEPS, TEMPERATURES, TIMES, popular, spread
from schemas.arrays import Floats, Ints

if TYPE_CHECKING:
    import torch

N_HEATS = len(HEATS)
HIDDEN, BATCH, STEPS_LARGE, RATE, DECAY = 256, 256, 1200, 2e-3, 0.02
DROPPED, BLANKED, WITHOUT = 0.35, 0.1, 0.25
SMOOTH, ORDERED = 0.3, 0.5


@dataclass(frozen=True)
class Scale:
    """Turns features into network inputs: roots of fractions, standardised statistics, precursors with a gap flag."""

    centre: Singles
    width: Singles
    precursors: int

    @classmethod
    def of(cls, X: Singles, precursors: int) -> "Scale":
        """Learns centre and width of the statistics from training rows."""
        middle = X[:, len(ELEMENTS) : -precursors]
        return cls(np.nanmean(middle, axis=0), np.nanstd(middle, axis=0) + np.float32(1e-6), precursors)

    def inputs(self, X: Singles) -> Singles:
        """Network inputs, n x (d + 1); the last one says that no precursors are known."""
        share, middle, last = np.split(X, [len(ELEMENTS), X.shape[1] - self.precursors], axis=1)
        scaled = np.clip((middle - self.centre) / self.width, -4, 4)
        parts = (2 * np.sqrt(share), np.nan_to_num(scaled), np.nan_to_num(last), np.isnan(last[:, -1:]))
        return np.hstack(parts).astype(np.float32)


@dataclass(frozen=True)
class Network:
    """Several networks that differ in their seed; their probabilities are averaged.

    Attributes:
        scale: of the inputs.
        members: weights by name.
    """

    scale: Scale
    members: tuple[dict[str, Singles], ...]

    def probabilities(self, X: Singles) -> tuple[Floats, Floats]:
        """Temperatures, n x N_HEATS x TEMPERATURES, and joints of both steps, n x 2 x TEMPERATURES x TIMES."""
        Z = self.scale.inputs(X)
        heats = np.zeros((len(X), N_HEATS, TEMPERATURES))
        joints = np.zeros((len(X), len(STEPS), TEMPERATURES, TIMES))
        for m in self.members:
            heat, time = _forward(m, Z)
            heats += heat / len(self.members)
            link = m["from"][:, :TEMPERATURES] @ m["to"]
            for k in range(len(STEPS)):
                given = _softmax(time[:, k, None, :] + link[k][None])
                joints[:, k] += heat[:, k, :, None] * given / len(self.members)
        return heats, joints


def _softmax(v: Any) -> Any:
    e = np.exp(v - v.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _forward(m: dict[str, Singles], Z: Singles) -> tuple[Singles, Singles]:
    """Probabilities of temperatures and logits of times."""
    for k in range(2):
        Z = Z @ m[f"w{k}"] + m[f"b{k}"]
        Z = Z / (1 + np.exp(-np.clip(Z, -60, 60)))
    out = Z @ m["w2"] + m["b2"]
    heat = out[:, : N_HEATS * TEMPERATURES].reshape(-1, N_HEATS, TEMPERATURES)
    return _softmax(heat), out[:, N_HEATS * TEMPERATURES :].reshape(-1, len(STEPS), TIMES)


@dataclass(frozen=True)
class _Task:
    """One condition as the loss sees it."""

    bins: "torch.Tensor"
    soft: "torch.Tensor"


def fit(
    X: Singles, heats: Sequence[Ints], times: Sequence[Ints], weight: Floats, *, precursors: int, seeds: Sequence[int]
) -> Network:
    """Trains one network for each seed, side by side.

    Args:
        X: features, n x d.
        heats: bins of the three temperatures, -1 where unknown.
        times: bins of the two times, -1 where unknown.
        weight: of the rows, mean 1.
        precursors: how many of the last columns describe precursors.
        seeds: one a network.
    """
    import torch

    scale = Scale.of(X, precursors)
    Z = torch.tensor(scale.inputs(X))
    w = torch.tensor(weight, dtype=torch.float32)
    tasks = [_task(b, weight, TEMPERATURES, 2.0) for b in heats] + [_task(b, weight, TIMES, 1.5) for b in times]
    shares = [popular(b, weight, TEMPERATURES) for b in heats] + [popular(b, weight, TIMES) for b in times]
    start = np.log(np.concatenate(shares)).astype(np.float32)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in one order on every machine; members run side by side instead
    try:
        with ThreadPoolExecutor(2) as pool:
            members = tuple(pool.map(lambda s: _member(Z, tasks, w, start, precursors, s), seeds))
    finally:
        torch.set_num_threads(before)
    return Network(scale, members)


def _task(bins: Ints, weight: Floats, count: int, width: float) -> _Task:
    import torch

    moved = spread(popular(bins, weight, count), width)
    soft = (1 - SMOOTH) * np.eye(count) + SMOOTH * moved
    return _Task(torch.tensor(bins), torch.tensor(soft, dtype=torch.float32))


def _member(
    Z: "torch.Tensor", tasks: list[_Task], w: "torch.Tensor", start: Singles, precursors: int, seed: int
) -> dict[str, Singles]:
    import torch

    draw = torch.Generator().manual_seed(seed)
    p = _weights(Z.shape[1], start, draw)
    optimiser = torch.optim.AdamW(list(p.values()), lr=RATE, weight_decay=DECAY)
    steps = max(200, min(STEPS_LARGE, len(Z) // 4))
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * step / steps))
        rows = torch.randint(len(Z), (min(BATCH, len(Z)),), generator=draw)
        loss = _loss(p, _blank(Z[rows], precursors, draw), [t.bins[rows] for t in tasks], tasks, w[rows], draw)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(p.values(), 5.0)
        optimiser.step()
    return {k: v.detach().numpy().copy() for k, v in p.items()}


def _weights(d: int, start: Singles, draw: "torch.Generator") -> "dict[str, torch.Tensor]":
    import torch

    def normal(*shape: int, width: float) -> torch.Tensor:
        return (torch.randn(*shape, generator=draw) * width).requires_grad_()

    return {
        "w0": normal(d, HIDDEN, width=math.sqrt(1 / d)),
        "b0": torch.zeros(HIDDEN, requires_grad=True),
        "w1": normal(HIDDEN, HIDDEN, width=math.sqrt(1 / HIDDEN)),
        "b1": torch.zeros(HIDDEN, requires_grad=True),
        "w2": normal(HIDDEN, len(start), width=0.01),
        "b2": torch.tensor(start, requires_grad=True),
        "from": normal(len(STEPS), TEMPERATURES + 1, 8, width=0.01),
        "to": normal(len(STEPS), 8, TIMES, width=0.1),
    }


def _blank(Z: "torch.Tensor", precursors: int, draw: "torch.Generator") -> "torch.Tensor":
    """Blanks some inputs, and in some rows all precursors, so that one network serves with and without them."""
    import torch

    Z = Z * (torch.rand(Z.shape, generator=draw) > BLANKED)
    without = torch.rand(len(Z), generator=draw) < WITHOUT
    Z[without, -precursors - 1 : -1] = 0
    Z[without, -1] = 1
    return Z


def _loss(
    p: "dict[str, torch.Tensor]",
    Z: "torch.Tensor",
    bins: "list[torch.Tensor]",
    tasks: list[_Task],
    w: "torch.Tensor",
    draw: "torch.Generator",
) -> "torch.Tensor":
    """Cross entropy with neighbours, and the ranked probability score: a near miss costs less than a far one."""
    import torch

    for k in range(2):
        Z = torch.nn.functional.silu(Z @ p[f"w{k}"] + p[f"b{k}"])
        Z = Z * (torch.rand(Z.shape, generator=draw) > DROPPED) / (1 - DROPPED)
    out = Z @ p["w2"] + p["b2"]
    total = torch.zeros(())
    for k, (task, found) in enumerate(zip(tasks, bins, strict=True)):
        rows = (found >= 0).nonzero()[:, 0]
        if not len(rows):
            continue
        y = found[rows]
        if k < N_HEATS:
            logits = out[rows, k * TEMPERATURES : (k + 1) * TEMPERATURES]
        else:
            step = k - N_HEATS
            first = N_HEATS * TEMPERATURES + step * TIMES
            heat = bins[step][rows]
            given = p["from"][step][torch.where(heat < 0, TEMPERATURES, heat)] @ p["to"][step]
            logits = out[rows, first : first + TIMES] + given
        log_p = torch.log_softmax(logits, -1)
        ranked = log_p.exp().cumsum(-1) - (torch.arange(log_p.shape[1])[None, :] >= y[:, None]).float()
        each = -(task.soft[y] * log_p).sum(-1) + ORDERED * (ranked**2).sum(-1)
        total = total + (each * w[rows]).sum() / len(Z)
    return total
