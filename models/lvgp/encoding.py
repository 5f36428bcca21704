"""Rows of mixed variables as codes of levels and scaled numbers."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from scipy.linalg import block_diag

from schemas.arrays import Floats, Ints
from schemas.errors import InputError


@dataclass(frozen=True)
class Encoding:
    """Levels of each categorical variable and bounds of each number.

    Attributes:
        levels: variable -> levels in order.
        bounds: variable -> (low, high), scaled to 0 and 1.
        descriptors: variable -> columns that describe its levels, L x q; see `models.lvgp.descriptors`.
    """

    levels: dict[str, tuple[str, ...]]
    bounds: dict[str, tuple[float, float]]
    descriptors: dict[str, Floats] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All inputs, categorical ones first."""
        return (*self.levels, *self.bounds)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Levels of each categorical variable, m."""
        return tuple(len(v) for v in self.levels.values())

    def extended(self, frame: pl.DataFrame) -> "Encoding":
        """The encoding with the levels of a frame that it lacks, put last; a descriptor column of its own for each."""
        new = {
            name: [v for v in frame[name].cast(pl.String).drop_nulls().unique(maintain_order=True) if v not in levels]
            for name, levels in self.levels.items()
        }
        levels = {name: (*old, *new[name]) for name, old in self.levels.items()}
        descriptors = {name: block_diag(old, np.eye(len(new[name]))) for name, old in self.descriptors.items()}
        return Encoding(levels, self.bounds, descriptors)

    def told(self) -> dict[str, Any]:
        """What it says, as JSON holds it."""
        described = {name: columns.tolist() for name, columns in self.descriptors.items()}
        return {"levels": self.levels, "bounds": self.bounds, "descriptors": described}

    def described(self) -> list[Floats]:
        """Descriptors of every categorical variable, L x q each; q = 0 where there are none."""
        return [self.descriptors.get(name, np.zeros((len(v), 0))) for name, v in self.levels.items()]

    def encode(self, frame: pl.DataFrame) -> tuple[Ints, Floats]:
        """Codes, n x m, and scaled numbers, n x d.

        Raises:
            InputError: a missing column, a level never declared, or no number.
        """
        missing = [n for n in self.names if n not in frame.columns]
        if missing:
            raise InputError.of(f"missing column {missing[0]}", "the inputs", f"they have {', '.join(frame.columns)}")
        codes = [self._codes(frame[name], name) for name in self.levels]
        numbers = [self._scaled(frame[name], name) for name in self.bounds]
        n = frame.height
        return (
            np.column_stack(codes) if codes else np.zeros((n, 0), np.int64),
            np.column_stack(numbers) if numbers else np.zeros((n, 0)),
        )

    def numeric(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with its numbers as such; null where a text is none."""
        return frame.with_columns(pl.col(n).cast(pl.Float64, strict=False) for n in self.bounds)

    def refusal(self, row: dict[str, Any]) -> str | None:
        """Why a row cannot be encoded; None where it can."""
        for name, levels in self.levels.items():
            if row[name] is None or pl.Series([row[name]]).cast(pl.String)[0] not in levels:
                return f"unknown level {row[name]!r} of {name}"
        for name in self.bounds:
            if not isinstance(row[name], int | float) or not np.isfinite(row[name]):
                return f"no number in {name}"
        return None

    def _codes(self, column: pl.Series, name: str) -> Ints:
        levels = self.levels[name]
        codes = pl.Series(range(len(levels)), dtype=pl.Int64)
        found = column.cast(pl.String).replace_strict(pl.Series(levels, dtype=pl.String), codes, default=None)
        if found.null_count():
            value = column[found.is_null().arg_true()[0]]
            raise InputError.of(f"unknown level {value!r}", f"column {name}", f"use {', '.join(levels)}")
        return np.asarray(found.to_numpy(), dtype=np.int64)

    def _scaled(self, column: pl.Series, name: str) -> Floats:
        low, high = self.bounds[name]
        values = column.cast(pl.Float64, strict=False).to_numpy()
        if not np.isfinite(values).all():
            raise InputError.of("missing or unreadable number", f"column {name}", "give numbers in every row")
        return np.asarray((values - low) / (high - low), dtype=np.float64)


def of_frame(frame: pl.DataFrame, *, inputs: tuple[str, ...], categorical: tuple[str, ...]) -> Encoding:
    """The encoding that a table of rows implies: its levels, sorted, and the range of its numbers.

    Raises:
        InputError: a missing column, a number that never varies, or text among the numbers of a column that is not
            said to be categorical.
    """
    names = [*inputs, *(c for c in categorical if c not in inputs)]
    missing = [n for n in names if n not in frame.columns]
    if missing:
        raise InputError.of(f"missing column {missing[0]}", "the table", f"it has {', '.join(frame.columns)}")
    levels: dict[str, tuple[str, ...]] = {}
    bounds: dict[str, tuple[float, float]] = {}
    for name in names:
        if name in categorical or not frame.schema[name].is_numeric():
            if name not in categorical:
                _refuse_numbers(frame[name])
            levels[name] = tuple(sorted(frame[name].drop_nulls().cast(pl.String).unique().to_list()))
            continue
        low, high = _range(frame[name])
        if not low < high:
            raise InputError.of(f"{name} never varies", "the table", "leave it out of the inputs")
        bounds[name] = (low, high)
    return Encoding(levels, bounds)


def _refuse_numbers(column: pl.Series) -> None:
    """Refuses a column of text and numbers, which a typing error turned into one of levels."""
    numbers = column.cast(pl.String).cast(pl.Float64, strict=False)
    odd = column.filter(numbers.is_null() & column.is_not_null())
    if len(odd) < len(column.drop_nulls()):
        said = f"{odd[0]!r} among the numbers of {column.name}" if len(odd) else f"numbers as text in {column.name}"
        raise InputError.of(said, "the inputs", "mend it, or name the column with --categorical")


def _range(column: pl.Series) -> tuple[float, float]:
    low: Any = column.min()
    high: Any = column.max()
    return float(low if low is not None else 0.0), float(high if high is not None else 0.0)
