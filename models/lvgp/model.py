"""`fit`, `predict`, `latent`, `save` and `load` of one output over mixed inputs."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch import Tensor

from models import cards
from models.lvgp import training
from models.lvgp.encoding import Encoding
from models.lvgp.kernel import Kind, covariance
from schemas.errors import InputError

KIND = "lvgp"
PLACEMENTS = 8
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LVGP:
    """An exact Gaussian process at the posterior mode of its hyperparameters.

    Attributes:
        kind: how levels are placed; see `models.lvgp.kernel`.
        encoding: of the inputs.
        parameters: one set, b = 1.
        data: the training rows.
        center: mean of the outputs as given.
        scale: their standard deviation.
        loss: negative log posterior reached.
    """

    kind: Kind
    encoding: Encoding
    parameters: dict[str, Tensor]
    data: training.Data
    center: float
    scale: float
    loss: float

    @cached_property
    def _solved(self) -> tuple[Tensor, Tensor]:
        """Cholesky factor of the training covariance, n x n, and the weights, n."""
        left = (self.data.codes, self.data.numbers)
        noise = float(self.parameters["log_noise"].exp()) + training.JITTER
        cov = covariance(self.kind, self.parameters, self.data.sizes, left, left)[0]
        factor = torch.linalg.cholesky(cov + noise * torch.eye(len(cov), dtype=torch.float64))
        return factor, torch.cholesky_solve(self.data.outputs[:, None], factor)[:, 0]

    @cached_property
    def placements(self) -> "tuple[LVGP, ...]":
        """This model with levels that no row has at `PLACEMENTS` draws from the prior; itself if all levels occur."""
        if self.kind != "lvgp" or not training.unseen(self.data).any():
            return (self,)
        drawn = (training.placed(self.parameters, self.data, seed=n) for n in range(PLACEMENTS))
        return tuple(replace(self, parameters=p) for p in drawn)

    def predict(self, frame: pl.DataFrame) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the noise-free output at n rows, in the units of the output."""
        codes, numbers = (torch.from_numpy(a) for a in self.encoding.encode(frame))
        return _mixed([m.posterior(codes, numbers, joint=False) for m in self.placements])

    def draw(self, frame: pl.DataFrame, *, count: int, chance: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """Mean, n, standard deviation, n, and joint draws, count x n, of the noise-free output."""
        codes, numbers = (torch.from_numpy(a) for a in self.encoding.encode(frame))
        parts = [m.posterior(codes, numbers, joint=True) for m in self.placements]
        rows = []
        for number, (mean, cov) in enumerate(parts):
            share = len(range(number, count, len(parts)))
            ridge = 1e-6 * np.trace(cov) / len(cov) + 1e-12 * self.scale**2
            factor = np.linalg.cholesky(cov + ridge * np.eye(len(cov)))
            rows.append(mean + chance.standard_normal((share, len(mean))) @ factor.T)
        return *_mixed([(mean, np.diag(cov)) for mean, cov in parts]), np.concatenate(rows)

    def posterior(self, codes: Tensor, numbers: Tensor, *, joint: bool) -> tuple[Floats, Floats]:
        """Mean, n, and variance, n, or with `joint` covariance, n x n, at encoded rows and these positions."""
        factor, weights = self._solved
        new, old = (codes, numbers), (self.data.codes, self.data.numbers)
        cross = covariance(self.kind, self.parameters, self.data.sizes, new, old)[0]
        mean = cross @ weights
        half = torch.linalg.solve_triangular(factor, cross.T, upper=False)
        if joint:
            spread = covariance(self.kind, self.parameters, self.data.sizes, new, new)[0] - half.T @ half
        else:
            spread = self.parameters["log_scale"].exp()[0] - half.square().sum(0)
        return self.center + self.scale * mean.numpy(), self.scale**2 * spread.numpy()

    def latent(self) -> pl.DataFrame:
        """Positions of the levels: `variable`, `level`, `z1`, `z2`; first at the origin, second on the first axis.

        Raises:
            InputError: a model without positions.
        """
        if "positions" not in self.parameters:
            raise InputError.of(f"no positions with kind {self.kind}", "the model", "fit with kind lvgp")
        rows: list[tuple[str, str, float, float]] = []
        parts = torch.split(self.parameters["positions"][0], list(self.data.sizes))
        for (name, levels), points in zip(self.encoding.levels.items(), parts, strict=True):
            for level, (u, v) in zip(levels, _canonical(points.numpy()), strict=True):
                rows.append((name, level, float(u), float(v)))
        return pl.DataFrame(rows, schema=["variable", "level", "z1", "z2"], orient="row")


def fit(
    frame: pl.DataFrame,
    outputs: Floats,
    *,
    encoding: Encoding,
    kind: Kind = "lvgp",
    seed: int = 0,
    count: int = 6,
    steps: int = 80,
    warm: "LVGP | None" = None,
) -> LVGP:
    """Fits one output.

    Args:
        frame: n rows of inputs.
        outputs: n values; rows without one must be left out before.
        encoding: of the inputs.
        kind: how levels are placed.
        seed: of the starts.
        count: random starts.
        steps: of the optimiser.
        warm: an earlier model of the same inputs; its parameters are one more start.

    Raises:
        InputError: fewer than two rows, or an output that is no number.
    """
    if len(outputs) < 2 or not np.isfinite(outputs).all():
        raise InputError.of("fewer than two rows or an output that is no number", "the training rows", "drop such rows")
    center, scale = float(np.mean(outputs)), float(np.std(outputs)) or 1.0
    codes, numbers = encoding.encode(frame)
    data = training.Data(
        torch.from_numpy(codes),
        torch.from_numpy(numbers),
        torch.from_numpy((np.asarray(outputs, dtype=np.float64) - center) / scale),
        tuple(len(v) for v in encoding.levels.values()),
    )
    sets = [training.starts(kind, data, count=count, seed=seed)] if count else []
    sets += [warm.parameters] if warm is not None else []
    found, loss = training.optimise(kind, data, training.joined(*sets), steps=steps)
    return LVGP(kind, encoding, found, data, center, scale, loss)


def save(model: LVGP, folder: Path, *, target: str) -> cards.Card:
    """Writes the model folder with its card."""
    settings = {"kind": model.kind, "inputs": list(model.encoding.names), "target": target}
    rows = [model.data.codes.tolist(), model.data.numbers.tolist(), model.data.outputs.tolist()]
    card = cards.Card(
        kind=KIND,
        model_id=cards.identify(KIND, settings, *rows),
        summary=f"Predicts {target} from {', '.join(model.encoding.names)} with a Gaussian process.",
        data={"rows": len(model.data.outputs)},
        settings=settings,
        scores={"negative_log_posterior": model.loss},
        caveats=("A level or a number outside the training range is an extrapolation.",),
    )
    return cards.save(model, card, folder)


def load(folder: Path) -> LVGP:
    """Reads a model folder.

    Raises:
        InputError: no such model, or a damaged one.
    """
    found: LVGP = cards.load(folder, kind=KIND, expect=LVGP)
    return found


def _mixed(parts: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Mean and standard deviation of an even mixture of normals given by means and variances."""
    means, variances = (np.stack(a) for a in zip(*parts, strict=True))
    spread = np.maximum(variances, 0.0).mean(axis=0) + means.var(axis=0)
    return means.mean(axis=0), np.sqrt(np.maximum(spread, 0.0))


def _canonical(points: Floats) -> Floats:
    """Moved and turned so that the first point is the origin, the second on the positive axis, the third above it."""
    moved = points - points[0]
    length = float(np.hypot(*moved[1])) if len(moved) > 1 else 0.0
    if length > 0:
        cos, sin = moved[1] / length
        moved = moved @ np.array([[cos, -sin], [sin, cos]])
    if len(moved) > 2 and moved[2, 1] < 0:
        moved = moved * np.array([1.0, -1.0])
    return np.asarray(moved)
