"""What every fitted surrogate offers, whatever it learned by."""

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import polars as pl

from models.lvgp.encoding import Encoding
from models.lvgp.kinds import Kind
from schemas.arrays import Floats
from schemas.errors import InputError


class Surrogate(ABC):
    """A model of one output over mixed inputs, as an even mixture of members that are normal each.

    Attributes:
        kind: see `models.lvgp.kinds`.
        encoding: of the inputs.
    """

    kind: Kind
    encoding: Encoding

    @abstractmethod
    def members(self, frame: pl.DataFrame, *, noisy: bool = False) -> tuple[Floats, Floats]:
        """Mean and standard deviation of each member at k rows, s x k, in the units of the output.

        Args:
            frame: k rows.
            noisy: of the output as measured, which has effects of single rows that no input explains.
        """

    @abstractmethod
    def draw(self, frame: pl.DataFrame, *, count: int, chance: np.random.Generator, noisy: bool = False) -> Floats:
        """Joint draws at k rows, count x k, evenly of all members; see `members`."""

    def extended(self, frame: pl.DataFrame) -> "Surrogate":
        """The model that also knows the levels of a frame that were never declared, where its kind can; else itself."""
        return self

    @abstractmethod
    def some(self, count: int) -> Self:
        """The same model with the first members only."""

    @abstractmethod
    def told(self) -> dict[str, Any]:
        """For the model card: how many training `rows` there were, and figures of the fit."""

    @abstractmethod
    def learned(self) -> tuple[Any, ...]:
        """What it learned from, as anything JSON can hold."""

    def caveats(self) -> tuple[str, ...]:
        """What the card must warn of beside extrapolation."""
        return ()

    def predict(self, frame: pl.DataFrame) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the noise-free output at k rows, in the units of the output."""
        return mixed(*self.members(frame))

    def latent_positions(self) -> pl.DataFrame:
        """Positions of the levels: `variable`, `level`, `z1`, `z2`; of more dimensions the two that tell most.

        The first level lies at the origin, the second on the first axis; a distance of one is one length of the kernel.

        Raises:
            InputError: a model without positions.
        """
        raise InputError.of(f"no positions with kind {self.kind}", "the model", "fit categorical inputs with kind lvgp")


def mixed(means: Floats, deviations: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of an even mixture of normals, k each, from s x k means and deviations."""
    return means.mean(axis=0), np.sqrt(np.square(deviations).mean(axis=0) + means.var(axis=0))
