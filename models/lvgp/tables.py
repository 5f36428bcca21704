"""From a table to fitted models: which rows count, what their inputs are, what is known of their noise."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from models.lvgp import descriptors as levels
from models.lvgp import exact, model
from models.lvgp.encoding import Encoding, of_frame
from models.lvgp.interface import Surrogate
from models.lvgp.kinds import KINDS, Kind
from models.lvgp.noise import replicated
from models.lvgp.sources import walked
from schemas.arrays import Floats
from schemas.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be learned from a table.

    Attributes:
        targets: columns of outputs, each learned by a model of its own.
        inputs: columns; those that are no numbers are categorical.
        categorical: columns that are categorical though they may be numbers.
        kind: see `models.lvgp.kinds`.
        noise: column with the standard deviation of each output; empty where it is not known.
        repeated: whether rows of equal inputs tell the noise.
        together: whether the models share the places of levels; see `models.lvgp.exact.fit_together`.
        source: column with the source of each row; empty where all are of one. See `models.lvgp.sources`.
        order: of the sources, from the coarsest to the one that counts.

    Raises:
        InputError: what contradicts itself.
    """

    targets: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    kind: Kind = "lvgp"
    noise: str = ""
    repeated: bool = False
    together: bool = False
    source: str = ""
    order: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError.of(f"unknown kind {self.kind!r}", "--kind", f"use one of {', '.join(KINDS)}")
        if self.noise and self.repeated:
            raise InputError.of("noise told and estimated", "--noise and --repeated", "give one of them")
        if both := [t for t in self.targets if t in self.names]:
            raise InputError.of(f"the target {both[0]}", "the inputs", "leave it out")
        if not self.targets or not self.names:
            raise InputError.of("no inputs or no target", "--inputs and --target", "name columns")
        if bool(self.source) != bool(self.order):
            raise InputError.of("a source without an order, or the reverse", "--source and --order", "give both")
        if self.source and not KINDS[self.kind].described:
            kinds = ", ".join(k for k, traits in KINDS.items() if traits.described and traits.place == "free")
            raise InputError.of(f"sources with kind {self.kind}", "--kind", f"use one of {kinds}")
        shares = KINDS[self.kind].place == "free" and KINDS[self.kind].exact
        if self.together and (self.noise or self.repeated or not shares):
            remedy = "leave out --noise and --repeated, and use kind lvgp, lvgp-descriptor or lvgp-bayes"
            raise InputError.of("outputs that share the places of levels", "--together", remedy)

    @property
    def names(self) -> tuple[str, ...]:
        """Columns of all inputs."""
        return (*self.inputs, *self.categorical, *filter(None, [self.source]))

    @property
    def text(self) -> tuple[str, ...]:
        """Columns that are read as text."""
        return (*self.categorical, *filter(None, [self.source]))

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that a table needs."""
        return (*self.names, *self.targets, *filter(None, [self.noise]))


@dataclass(frozen=True)
class Learned:
    """A model of one target, and how many rows had a value of it."""

    target: str
    model: Surrogate
    rows: int


def learn(frame: pl.DataFrame, task: Task, *, descriptors: pl.DataFrame | None = None, seed: int = 0) -> list[Learned]:
    """Fits one model a target; rows without a value of it, or of any where they are fitted together, are left out.

    Args:
        frame: rows with the columns of the task.
        task: what is to be learned.
        descriptors: of levels, a long table; elements that it leaves alike, or all without it, are described by the
            periodic table; see `models.lvgp.descriptors`.
        seed: of the fits.

    Raises:
        InputError: an input or a noise that is none, or too few rows; see also `models.lvgp.model.fit`.
    """
    if not task.together:
        return [_alone(frame, task, target, descriptors, seed) for target in task.targets]
    rows, outputs = _known(frame, task.targets)
    encoding = _encoding(rows, task, descriptors)
    made = exact.fit_together(rows, outputs, encoding=encoding, kind=task.kind, seed=seed)
    return [Learned(target, found, rows.height) for target, found in zip(task.targets, made, strict=True)]


def _alone(frame: pl.DataFrame, task: Task, target: str, descriptors: pl.DataFrame | None, seed: int) -> Learned:
    rows, outputs = _known(frame, (target,))
    values, count, spread = outputs[:, 0].copy(), rows.height, _spread(rows, task.noise)
    encoding = _encoding(rows, task, descriptors)
    if task.repeated:
        rows, values, spread = replicated(rows, values, encoding.names)
    return Learned(target, model.fit(rows, values, encoding=encoding, kind=task.kind, known=spread, seed=seed), count)


def _known(frame: pl.DataFrame, targets: tuple[str, ...]) -> tuple[pl.DataFrame, Floats]:
    """Rows with a number in every target, and these, n x t."""
    found = frame.select(pl.col(t).cast(pl.Float64, strict=False) for t in targets)
    kept = found.select(pl.all_horizontal(pl.all().is_finite().fill_null(False))).to_series()
    return frame.filter(kept), found.filter(kept).to_numpy(writable=True)  # torch shares its memory


def _encoding(rows: pl.DataFrame, task: Task, table: pl.DataFrame | None) -> Encoding:
    made = of_frame(rows, inputs=task.inputs, categorical=task.text)
    if table is not None and KINDS[task.kind].described:
        made = levels.described(made, table)
    elif task.kind == "lvgp-descriptor":
        made = levels.described(made, None) if not task.source or levels.of_elements(made.levels) else made
    return walked(made, task.order, source=task.source) if task.source else made


def _spread(rows: pl.DataFrame, noise: str) -> Floats | None:
    """Variances of the noise, n; None where they are not told."""
    if not noise:
        return None
    told = rows[noise].cast(pl.Float64, strict=False)
    wrong = (~(told.is_finite() & (told >= 0))).fill_null(True)
    if wrong.any():
        value = rows[noise].filter(wrong)[0]
        raise InputError.of(f"no deviation ({value})", f"column {noise}", "give a number from 0 on in each row used")
    return np.asarray(told.pow(2).to_numpy())
