"""`fit`, `predict`, `latent`, `save` and `load` of one output over mixed inputs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import torch
from torch import Tensor

from models import cards
from models.lvgp import inference
from models.lvgp.encoding import Encoding, Kind
from models.lvgp.kernel import LATENT, Rows, Space, State
from schemas.arrays import Floats
from schemas.errors import InputError

if TYPE_CHECKING:
    from models.lvgp.surrogate import MixedGP

KIND = "lvgp"
MEMBERS, FEWEST, SPENT = 16, 4, 1600
"""Members of an ensemble: at most, at least, and times the rows; with many rows they agree."""
CELLS = 8_000_000  # of a covariance that is made at once


@dataclass(frozen=True)
class LVGP:
    """An exact Gaussian process, averaged over an ensemble of hyperparameters.

    Attributes:
        kind: how levels are placed; see `models.lvgp.kernel`.
        encoding: of the inputs.
        ensemble: the parameter sets, s.
        rows: training inputs, n x (m + d); see `inputs`.
        outputs: training outputs, n, in their own units.
    """

    kind: Kind
    encoding: Encoding
    ensemble: inference.Ensemble
    rows: Tensor
    outputs: Tensor

    @property
    def space(self) -> Space:
        """The inputs as the kernel takes them."""
        return _space(self.kind, self.encoding)

    @cached_property
    def gp(self) -> "MixedGP":
        """The botorch model."""
        from models.lvgp.kernel import MixedKernel
        from models.lvgp.surrogate import MixedGP

        made = MixedGP(self.rows, self.outputs, MixedKernel(self.space, self.ensemble.sets), self._solved[0].noise)
        made.eval()
        return made

    def members(self, frame: pl.DataFrame, *, noisy: bool = False) -> tuple[Floats, Floats]:
        """Mean and standard deviation of each member of the ensemble at k rows, s x k, in the units of the output.

        Args:
            frame: k rows.
            noisy: of the output as measured, which has effects of single rows that no input explains.
        """
        rows = _rows(inputs(self.encoding, frame), self.encoding)
        size = max(1, CELLS // (len(self.ensemble.sets) * len(self.outputs)))
        with torch.no_grad(), _one_thread():
            parts = [self._moments(rows.take(slice(at, at + size)), noisy) for at in range(0, len(rows), size)]
        means, variances = (torch.cat(p, dim=1).numpy() for p in zip(*parts, strict=True))
        center, scale = _units(self.outputs)
        return center + scale * means, scale * np.sqrt(variances)

    def predict(self, frame: pl.DataFrame) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the noise-free output at k rows, in the units of the output."""
        return mixed(*self.members(frame))

    def draw(self, frame: pl.DataFrame, *, count: int, chance: np.random.Generator, noisy: bool = False) -> Floats:
        """Joint draws at k rows, count x k, evenly of all members; see `members`."""
        rows = _rows(inputs(self.encoding, frame), self.encoding)
        state, factor, weights = self._solved
        space = self.space
        with torch.no_grad(), _one_thread():
            cross = space.covariance(state, _rows(self.rows, self.encoding), rows)
            part = torch.linalg.solve_triangular(factor, cross, upper=False)
            left = space.covariance(state, rows, rows) - part.mT @ part
            ridge = 1e-6 * state.scale + (state.noise if noisy else 0.0)
            left.diagonal(dim1=1, dim2=2).add_(ridge[:, None])
            root = _root(left)
            each = [len(range(k, count, len(root))) for k in range(len(root))]
            normal = torch.from_numpy(chance.standard_normal((len(root), len(rows), max(each))))
            drawn = ((cross.mT @ weights) + root @ normal).mT.numpy()
        center, scale = _units(self.outputs)
        return np.asarray(center + scale * np.concatenate([d[:n] for d, n in zip(drawn, each, strict=True)]))

    def some(self, count: int) -> "LVGP":
        """The same model with the first members of the ensemble only."""
        return replace(self, ensemble=self.ensemble.some(count))

    def latent(self) -> pl.DataFrame:
        """Positions of the levels in the likeliest member: `variable`, `level`, `z1`, `z2`.

        The first level lies at the origin, the second on the first axis; a distance of one is one length of the kernel.

        Raises:
            InputError: a model without positions.
        """
        if not self.space.free:
            raise InputError.of(f"no positions with kind {self.kind}", "the model", "fit with kind lvgp")
        best = int(self.ensemble.reached.argmax())
        sets = self.ensemble.sets[best : best + 1]
        rows: list[tuple[str, str, float, float]] = []
        for (name, levels), places in zip(self.encoding.levels.items(), self.space.state(sets).places, strict=True):
            assert places.points is not None
            points = (places.spread.sqrt() * places.points)[0].numpy()
            for level, (u, v) in zip(levels, _canonical(points), strict=True):
                rows.append((name, level, float(u), float(v)))
        return pl.DataFrame(rows, schema=["variable", "level", *(f"z{i + 1}" for i in range(LATENT))], orient="row")

    @cached_property
    def _solved(self) -> tuple[State, Tensor, Tensor]:
        """State, Cholesky factors of the training covariance, s x n x n, and weights of the outputs, s x n x 1."""
        rows = _rows(self.rows, self.encoding)
        center, scale = _units(self.outputs)
        with torch.no_grad(), _one_thread():
            state = self.space.state(self.ensemble.sets)
            covariance = self.space.covariance(state, rows, rows)
            covariance.diagonal(dim1=1, dim2=2).add_(state.noise[:, None])
            factor = _root(covariance)
            told = ((self.outputs - center) / scale)[:, None].expand(len(factor), -1, 1)
            return state, factor, torch.cholesky_solve(told, factor)

    def _moments(self, rows: Rows, noisy: bool) -> tuple[Tensor, Tensor]:
        """Standardised means and variances, s x k."""
        state, factor, weights = self._solved
        cross = self.space.covariance(state, _rows(self.rows, self.encoding), rows)
        part = torch.linalg.solve_triangular(factor, cross, upper=False)
        variance = (state.scale[:, None] - part.square().sum(1)).clamp_min(1e-12)
        return (cross.mT @ weights)[..., 0], variance + (state.noise[:, None] if noisy else 0.0)


def fit(
    frame: pl.DataFrame,
    outputs: Floats,
    *,
    encoding: Encoding,
    kind: Kind = "lvgp",
    seed: int = 0,
    members: int | None = None,
    steps: int = 60,
    rate: float = 0.1,
    warm: "LVGP | None" = None,
) -> LVGP:
    """Fits one output.

    Args:
        frame: n rows of inputs.
        outputs: n values; rows without one must be left out before.
        encoding: of the inputs.
        kind: how levels are placed.
        seed: of the ensemble.
        members: of the ensemble; by default 16, and fewer from 100 rows on, down to 4.
        steps: of the optimiser.
        rate: of its first step.
        warm: an earlier model of the same inputs, whose ensemble goes on.

    Raises:
        InputError: fewer than two rows, or an output that is no number.
    """
    if len(outputs) < 2 or not np.isfinite(outputs).all():
        raise InputError.of("fewer than two rows or an output that is no number", "the training rows", "drop such rows")
    rows = inputs(encoding, frame)
    told = torch.tensor(np.asarray(outputs, dtype=np.float64))
    center, scale = _units(told)
    with _one_thread():
        found = inference.anchored(
            _space(kind, encoding),
            _rows(rows, encoding),
            (told - center) / scale,
            members=members or max(FEWEST, min(MEMBERS, SPENT // len(told))),
            steps=steps,
            rate=rate,
            seed=seed,
            warm=warm.ensemble if warm else None,
        )
    return LVGP(kind, encoding, found, rows, told)


def inputs(encoding: Encoding, frame: pl.DataFrame) -> Tensor:
    """Rows as the botorch model takes them: codes of levels, then scaled numbers, n x (m + d).

    Raises:
        InputError: see `Encoding.encode`.
    """
    codes, numbers = encoding.encode(frame)
    return torch.from_numpy(np.column_stack([codes.astype(np.float64), numbers]))


def mixed(means: Floats, deviations: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of an even mixture of normals, k each, from s x k means and deviations."""
    return means.mean(axis=0), np.sqrt(np.square(deviations).mean(axis=0) + means.var(axis=0))


def save(model: LVGP, folder: Path, *, target: str) -> cards.Card:
    """Writes the model folder with its card."""
    settings = {"kind": model.kind, "inputs": list(model.encoding.names), "target": target}
    card = cards.Card(
        kind=KIND,
        model_id=cards.identify(KIND, settings, model.rows.tolist(), model.outputs.tolist()),
        summary=f"Predicts {target} from {', '.join(model.encoding.names)} with a Gaussian process.",
        data={"rows": len(model.outputs)},
        settings=settings,
        scores={"log_posterior": float(model.ensemble.reached.mean())},
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


def _space(kind: Kind, encoding: Encoding) -> Space:
    described = tuple(torch.from_numpy(d) for d in encoding.described())
    return Space(kind, encoding.sizes, len(encoding.bounds), described)


def _rows(rows: Tensor, encoding: Encoding) -> Rows:
    m = len(encoding.levels)
    return Rows(rows[:, :m].long(), rows[:, m:], encoding.sizes)


def _units(outputs: Tensor) -> tuple[float, float]:
    """Center and scale of outputs; the scale of constant ones is 1."""
    return float(outputs.mean()), float(outputs.std()) or 1.0


def _root(covariance: Tensor) -> Tensor:
    """Cholesky factors, with as little added to the diagonal as they need."""
    from gpytorch.utils.cholesky import psd_safe_cholesky

    found: Tensor = psd_safe_cholesky(covariance)
    return found


@contextmanager
def _one_thread() -> Iterator[None]:
    """Small matrices: threads would wait for each other longer than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
