"""`fit`, `predict`, `latent`, `save` and `load` of one output over mixed inputs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import gpytorch
import numpy as np
import polars as pl
import torch
from gpytorch.utils.cholesky import psd_safe_cholesky
from torch import Tensor

from models import cards
from models.lvgp import training
from models.lvgp.encoding import Encoding, Kind
from models.lvgp.kernel import MixedKernel
from models.lvgp.surrogate import MixedGP
from schemas.arrays import Floats
from schemas.errors import InputError

KIND = "lvgp"
PLACEMENTS = 8


@dataclass(frozen=True)
class LVGP:
    """An exact Gaussian process at the posterior mode of its hyperparameters.

    Attributes:
        kind: how levels are placed; see `models.lvgp.kernel`.
        encoding: of the inputs.
        parameters: one set, b = 1.
        rows: training inputs, n x (m + d); see `inputs`.
        outputs: training outputs, n, in their own units.
        loss: negative log posterior reached.
    """

    kind: Kind
    encoding: Encoding
    parameters: training.Parameters
    rows: Tensor
    outputs: Tensor
    loss: float

    @cached_property
    def gp(self) -> MixedGP:
        """The botorch model; levels that no row has are at `PLACEMENTS` draws from the prior."""
        sizes = self.encoding.sizes
        used = self.parameters
        unseen = _unseen(self.rows, sizes)
        if self.kind == "lvgp" and unseen.any():
            used = training.placed(used, unseen, sizes, count=PLACEMENTS)
        made = _model(self.kind, self.encoding, self.rows, self.outputs, batch=len(used["log_scale"]))
        training.assign(made, used)
        made.eval()
        return made

    def predict(self, frame: pl.DataFrame) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the noise-free output at n rows, in the units of the output."""
        # one row a batch: no covariance between the rows is needed
        means, covariances = self._posterior(inputs(self.encoding, frame)[:, None, :])
        return _mixed(means[..., 0].T, covariances[..., 0, 0].T)

    def draw(self, frame: pl.DataFrame, *, count: int, chance: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """Mean, n, standard deviation, n, and joint draws, count x n, of the noise-free output."""
        means, covariances = self._posterior(inputs(self.encoding, frame))
        ridge = 1e-6 * covariances.diagonal(dim1=1, dim2=2).mean(1) + 1e-12 * self.outputs.var()
        eye = torch.eye(frame.height, dtype=torch.float64)
        factors = psd_safe_cholesky(covariances + ridge[:, None, None] * eye).numpy()
        rows = [
            mean + chance.standard_normal((len(range(k, count, len(means))), frame.height)) @ factor.T
            for k, (mean, factor) in enumerate(zip(means.numpy(), factors, strict=True))
        ]
        return *_mixed(means, covariances.diagonal(dim1=1, dim2=2)), np.concatenate(rows)

    def _posterior(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Means, ... x b x q, and covariances, ... x b x q x q, of each parameter set at ... x q rows."""
        with torch.no_grad(), _exact():
            found = self.gp.posterior(rows).distribution
            return found.mean, found.covariance_matrix

    def latent(self) -> pl.DataFrame:
        """Positions of the levels: `variable`, `level`, `z1`, `z2`; first at the origin, second on the first axis.

        Raises:
            InputError: a model without positions.
        """
        if self.kind != "lvgp":
            raise InputError.of(f"no positions with kind {self.kind}", "the model", "fit with kind lvgp")
        rows: list[tuple[str, str, float, float]] = []
        parts = torch.split(self.parameters["positions"][0], list(self.encoding.sizes))
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
    rows = inputs(encoding, frame)
    told = torch.tensor(np.asarray(outputs, dtype=np.float64))
    made = _model(kind, encoding, rows, told, batch=count + (warm is not None))
    sets = [training.starts(training.parameters_of(made), count=count, seed=seed)]
    sets += [warm.parameters] if warm is not None else []
    training.assign(made, training.joined(*sets))
    with _exact(), _one_thread():
        found, loss = training.optimise(made, steps=steps)
    return LVGP(kind, encoding, found, rows, told, loss)


def inputs(encoding: Encoding, frame: pl.DataFrame) -> Tensor:
    """Rows as the botorch model takes them: codes of levels, then scaled numbers, n x (m + d).

    Raises:
        InputError: see `Encoding.encode`.
    """
    codes, numbers = encoding.encode(frame)
    return torch.from_numpy(np.column_stack([codes.astype(np.float64), numbers]))


def save(model: LVGP, folder: Path, *, target: str) -> cards.Card:
    """Writes the model folder with its card."""
    settings = {"kind": model.kind, "inputs": list(model.encoding.names), "target": target}
    card = cards.Card(
        kind=KIND,
        model_id=cards.identify(KIND, settings, model.rows.tolist(), model.outputs.tolist()),
        summary=f"Predicts {target} from {', '.join(model.encoding.names)} with a Gaussian process.",
        data={"rows": len(model.outputs)},
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


def _model(kind: Kind, encoding: Encoding, rows: Tensor, outputs: Tensor, *, batch: int) -> MixedGP:
    return MixedGP(rows, outputs, MixedKernel(kind, encoding.sizes, len(encoding.bounds), batch=batch))


def _exact() -> gpytorch.settings.fast_computations:
    """Cholesky factors throughout, no iterative solvers."""
    return gpytorch.settings.fast_computations(covar_root_decomposition=False, log_prob=False, solves=False)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Small matrices: threads would wait for each other longer than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _unseen(rows: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Which levels no row has, in the order of the positions, sum(L)."""
    flags = [torch.ones(size, dtype=torch.bool) for size in sizes]
    for j, flag in enumerate(flags):
        flag[rows[:, j].long()] = False
    return torch.cat(flags) if flags else torch.zeros(0, dtype=torch.bool)


def _mixed(means: Tensor, variances: Tensor) -> tuple[Floats, Floats]:
    """Mean and standard deviation of an even mixture of normals, n each, from b x n means and variances."""
    spread = variances.clamp_min(0.0).mean(0) + means.var(0, correction=0)
    return means.mean(0).numpy(), spread.sqrt().numpy()


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
