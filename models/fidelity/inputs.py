"""What models of several fidelities see of a row: its composition as numbers, and the values of lower fidelities."""

import hashlib
from dataclasses import dataclass

import numpy as np
import polars as pl

from etl.features import composition
from models.bias.describing import finite_numbers, shares, systems
from models.fidelity.columns import Columns
from schemas.arrays import Bools, Floats, Ints

_NO_VALUE = "neither a composition nor a value of a lower fidelity"


@dataclass(frozen=True)
class Inputs:
    """Rows as numbers.

    Attributes:
        features: n x d of the composition: extended Magpie, then shares of elements; NaN where there is none.
        low: values of the columns of lower fidelities, n x f; NaN where not known.
        systems: chemical system of each row; unique where the composition is not known.
        reasons: why a row cannot be predicted, else None.
    """

    features: Floats
    low: Floats
    systems: tuple[str, ...]
    reasons: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.systems)

    def take(self, rows: Ints | Bools) -> "Inputs":
        """Some of the rows."""
        at = np.arange(len(self))[rows]
        return Inputs(
            self.features[rows],
            self.low[rows],
            tuple(self.systems[i] for i in at),
            tuple(self.reasons[i] for i in at),
        )

    def folds(self, count: int, *, salt: str) -> Ints:
        """A fold of each row, the same for all rows of a chemical system, in every table and run."""
        known = {s: int(hashlib.sha256(f"{salt} {s}".encode()).hexdigest()[:12], 16) % count for s in set(self.systems)}
        return np.array([known[s] for s in self.systems], dtype=np.int64)


def read(frame: pl.DataFrame, columns: Columns) -> Inputs:
    """The inputs of a table; columns of lower fidelities that it lacks count as not known."""
    low = np.column_stack([numbers(frame, c) for c in columns.low]) if columns.low else np.empty((frame.height, 0))
    texts: list[str | None] = [None] * frame.height
    if columns.formula is not None and columns.formula in frame.columns:
        texts = frame[columns.formula].cast(pl.String).to_list()
    parsed = composition.parse(texts)
    made = composition.composition(pl.DataFrame({"f": pl.Series(texts, dtype=pl.String)}), column="f", set="extended")
    described = made.select(composition.SETS["extended"]).to_numpy()
    named = (name or f"row {row}" for row, name in enumerate(systems(parsed)))
    blind = ~np.isfinite(low).any(axis=1)
    said = [
        None if why is None or not nothing else _why(text, why)
        for text, why, nothing in zip(texts, parsed.reasons, blind, strict=True)
    ]
    features = np.column_stack([described, shares(parsed)]).astype(np.float64)
    return Inputs(features, low, tuple(named), tuple(said))


def numbers(frame: pl.DataFrame, column: str) -> Floats:
    """A column as floats, NaN where there is no finite number or no such column."""
    return finite_numbers(frame, column) if column in frame.columns else np.full(frame.height, np.nan)


def _why(text: str | None, reason: str) -> str:
    return _NO_VALUE if not text else reason
