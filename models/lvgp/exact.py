"""The exact Gaussian process: predictions, draws and positions from an ensemble of parameter sets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from models.lvgp import bayes, inference
from models.lvgp.encoding import Encoding
from models.lvgp.frames import inputs, one_thread, positions, rows_of, space_of, units_of
from models.lvgp.interface import Surrogate
from models.lvgp.kernel import Rows, Space, State
from models.lvgp.kinds import KINDS, Kind
from schemas.arrays import Floats
from schemas.errors import InputError
from schemas.quantities import LARGEST

if TYPE_CHECKING:
    from botorch.posteriors import Posterior

    from models.lvgp.wrapper import MixedGP

MEMBERS, FEWEST, SPENT = 16, 4, 1600
"""Members of an ensemble of modes: at most, at least, and times the rows; with many rows they agree."""
STEPS = {False: 60, True: 200}
"""Of the optimiser, without numbers and with: noise that vanishes makes a long way."""
CELLS = 8_000_000  # of a covariance that is made at once


@dataclass(frozen=True)
class LVGP(Surrogate):
    """An exact Gaussian process, averaged over an ensemble of hyperparameters.

    Attributes:
        kind: how levels are placed; see `models.lvgp.kernel`.
        encoding: of the inputs.
        ensemble: the parameter sets, s.
        rows: training inputs, n x (m + d); see `inputs`.
        outputs: training outputs, n, in their own units.
        known: noise variance known beforehand, n, in squared units of the output.
        diagnosis: of the chains, where the ensemble is drawn.
    """

    kind: Kind
    encoding: Encoding
    ensemble: inference.Ensemble
    rows: Tensor
    outputs: Tensor
    known: Tensor
    diagnosis: bayes.Diagnosis | None = None

    @property
    def space(self) -> Space:
        """The inputs as the kernel takes them."""
        return space_of(self.kind, self.encoding)

    @cached_property
    def gp(self) -> "MixedGP":
        """The botorch model."""
        from models.lvgp.kernel import MixedKernel
        from models.lvgp.wrapper import MixedGP

        noise = self._solved[0].noise[:, None]
        if self.known.any():
            noise = noise + self.known / units_of(self.outputs)[1] ** 2
        made = MixedGP(self.rows, self.outputs, MixedKernel(self.space, self.ensemble.sets), noise)
        made.eval()
        return made

    def posterior(self, frame: pl.DataFrame) -> "Posterior":
        """The joint posterior of botorch at k rows."""
        return self.gp.posterior(inputs(self.encoding, frame))

    def members(self, frame: pl.DataFrame, *, noisy: bool = False) -> tuple[Floats, Floats]:
        """See `Surrogate`."""
        rows = rows_of(inputs(self.encoding, frame), self.encoding)
        size = max(1, CELLS // (len(self.ensemble.sets) * len(self.outputs)))
        with torch.no_grad(), one_thread():
            parts = [self._moments(rows.take(slice(at, at + size)), noisy) for at in range(0, len(rows), size)]
        means, variances = (torch.cat(p, dim=1).numpy() for p in zip(*parts, strict=True))
        center, scale = units_of(self.outputs)
        return center + scale * means, scale * np.sqrt(variances)

    def draw(self, frame: pl.DataFrame, *, count: int, chance: np.random.Generator, noisy: bool = False) -> Floats:
        """See `Surrogate`."""
        rows = rows_of(inputs(self.encoding, frame), self.encoding)
        state, factor, weights = self._solved
        space = self.space
        with torch.no_grad(), one_thread():
            cross = space.covariance(state, rows_of(self.rows, self.encoding), rows)
            part = torch.linalg.solve_triangular(factor, cross, upper=False)
            left = space.covariance(state, rows, rows) - part.mT @ part
            ridge = 1e-6 * state.scale + (state.noise if noisy else 0.0)
            left.diagonal(dim1=1, dim2=2).add_(ridge[:, None])
            root = _root(left)
            each = [len(range(k, count, len(root))) for k in range(len(root))]
            normal = torch.from_numpy(chance.standard_normal((len(root), len(rows), max(each))))
            drawn = ((cross.mT @ weights) + root @ normal).mT.numpy()
        center, scale = units_of(self.outputs)
        return np.asarray(center + scale * np.concatenate([d[:n] for d, n in zip(drawn, each, strict=True)]))

    def some(self, count: int) -> "LVGP":
        """See `Surrogate`."""
        return replace(self, ensemble=self.ensemble.some(count))

    def latent_positions(self) -> pl.DataFrame:
        """See `Surrogate`; as this output alone tells them."""
        if not self.space.free or not self.space.sizes:
            return super().latent_positions()
        data = _data(self.space, rows_of(self.rows, self.encoding), self.outputs[:, None], self.known)
        with one_thread():
            return positions(self.space, self.encoding, inference.mode(data))

    def extended(self, frame: pl.DataFrame) -> "LVGP":
        """The model that also knows the levels of a frame that were never declared: their points are prior draws."""
        encoding = self.encoding.extended(frame)
        if encoding.levels == self.encoding.levels:
            return self
        sets = space_of(self.kind, encoding).widened(self.space, self.ensemble.sets)
        return replace(self, encoding=encoding, ensemble=replace(self.ensemble, sets=sets, anchors=sets))

    def told(self) -> dict[str, Any]:
        """See `Surrogate`."""
        found = {"rows": len(self.outputs), "log_posterior": float(self.ensemble.reached.mean())}
        if self.diagnosis is None:
            return found
        return found | {"r_hat": self.diagnosis.r_hat, "effective_draws": self.diagnosis.effective}

    def learned(self) -> tuple[Any, ...]:
        """See `Surrogate`."""
        return self.rows.tolist(), self.outputs.tolist(), self.known.tolist()

    def caveats(self) -> tuple[str, ...]:
        """See `Surrogate`."""
        if self.diagnosis is None or self.diagnosis.enough:
            return ()
        return (f"The chains disagree: R-hat {self.diagnosis.r_hat:.3f}, {self.diagnosis.effective:.0f} draws.",)

    @cached_property
    def _solved(self) -> tuple[State, Tensor, Tensor]:
        """State, Cholesky factors of the training covariance, s x n x n, and weights of the outputs, s x n x 1."""
        rows = rows_of(self.rows, self.encoding)
        center, scale = units_of(self.outputs)
        with torch.no_grad(), one_thread():
            state = self.space.state(self.ensemble.sets)
            covariance = self.space.covariance(state, rows, rows)
            covariance.diagonal(dim1=1, dim2=2).add_(state.noise[:, None] + self.known / scale**2)
            factor = _root(covariance)
            told = ((self.outputs - center) / scale)[:, None].expand(len(factor), -1, 1)
            return state, factor, torch.cholesky_solve(told, factor)

    def _moments(self, rows: Rows, noisy: bool) -> tuple[Tensor, Tensor]:
        """Standardised means and variances, s x k."""
        state, factor, weights = self._solved
        cross = self.space.covariance(state, rows_of(self.rows, self.encoding), rows)
        part = torch.linalg.solve_triangular(factor, cross, upper=False)
        variance = (state.scale[:, None] - part.square().sum(1)).clamp_min(1e-12)
        return (cross.mT @ weights)[..., 0], variance + (state.noise[:, None] if noisy else 0.0)


def fit(
    frame: pl.DataFrame, outputs: Floats, *, known: Floats | None, warm: Surrogate | None = None, **how: Any
) -> LVGP:
    """Fits one output by modes of the posterior, or by draws; see `models.lvgp.model.fit`."""
    told = np.asarray(outputs, dtype=np.float64)[:, None]
    return _fitted(frame, told, known, warm=[warm] if warm else [], **how)[0]


def fit_together(frame: pl.DataFrame, outputs: Floats, *, warm: Sequence[Surrogate] = (), **how: Any) -> list[LVGP]:
    """Fits several outputs of the same rows, n x t, that share the places of levels.

    Each is standardised for itself and has lengths, weights, scale and noise of its own; of one that is constant beside
    others nothing is learned. Kinds without places share nothing. `models.lvgp.model.fit` says what else may be given.

    Args:
        frame: n rows of inputs.
        outputs: n x t values.
        warm: earlier models of the same outputs, fitted together, which go on.
        how: see `models.lvgp.model.fit`.

    Raises:
        InputError: fewer than two rows, or an output that is no number.
    """
    if len(outputs) < 2:
        raise InputError.of("fewer than two rows with all outputs", "the training rows", "add some, or fit each alone")
    if not (np.abs(outputs) <= LARGEST).all():
        raise InputError.of(
            f"an output that is no number up to {LARGEST:g}", "the training rows", "drop such rows, or fit each alone"
        )
    return _fitted(frame, np.asarray(outputs, dtype=np.float64), None, warm=warm, **how)


def _fitted(
    frame: pl.DataFrame,
    outputs: Floats,
    known: Floats | None,
    *,
    encoding: Encoding,
    kind: Kind = "lvgp",
    seed: int = 0,
    warm: Sequence[Surrogate] = (),
    members: int | None = None,
    steps: int | None = None,
    rate: float = 0.1,
) -> list[LVGP]:
    rows = inputs(encoding, frame)
    told = torch.tensor(outputs)
    noise = torch.zeros(len(told), dtype=torch.float64) if known is None else torch.tensor(known)
    data = _data(space_of(kind, encoding), rows_of(rows, encoding), told, noise)
    former = _joined(data, warm)
    diagnosis = None
    with one_thread():
        if KINDS[kind].way == "draws":
            found, diagnosis = bayes.drawn(data, seed=seed, warm=former)
        else:
            count = members or max(FEWEST, min(MEMBERS, SPENT // len(told)))
            steps = steps or STEPS[bool(encoding.bounds)]
            found = inference.anchored(data, members=count, steps=steps, rate=rate, seed=seed, warm=former)
    each = zip(data.index, told.T, strict=True)
    return [LVGP(kind, encoding, found.of(at), rows, column.clone(), noise, diagnosis) for at, column in each]


def _joined(data: inference.Data, models: Sequence[Surrogate]) -> inference.Ensemble | None:
    """The ensemble that models of each output, fitted together, were taken from; None where there are none."""
    parts = [model.ensemble for model in models if isinstance(model, LVGP)]
    if not parts:
        return None
    sets, anchors = (torch.zeros(len(parts[0].sets), data.size, dtype=torch.float64) for _ in range(2))
    for at, part in zip(data.index, parts, strict=True):
        sets[:, at], anchors[:, at] = part.sets, part.anchors
    return inference.Ensemble(sets, anchors, parts[0].reached)


def _data(space: Space, rows: Rows, outputs: Tensor, known: Tensor) -> inference.Data:
    """Rows and standardised outputs, n x t; the known noise is in squared units of the first."""
    center, scale = (
        torch.tensor(u, dtype=torch.float64) for u in zip(*(units_of(column) for column in outputs.T), strict=True)
    )
    return inference.Data(space, rows, (outputs - center) / scale, known / scale[0] ** 2)


def _root(covariance: Tensor) -> Tensor:
    """Cholesky factors, with as little added to the diagonal as they need."""
    from gpytorch.utils.cholesky import psd_safe_cholesky

    found: Tensor = psd_safe_cholesky(covariance)
    return found
