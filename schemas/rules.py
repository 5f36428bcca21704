"""Rules a value or a row must keep, as plain values.

A rule says nothing of how it is checked: `schemas.emit.polars`, `.duckdb` and `.gx` each compile it, and a test
holds the three to the same verdict. Column rules see non-null values only; missing values are `Column.nullable`.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Between:
    """low <= value <= high; a bound of None is open. NaN never passes."""

    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class OneOf:
    """The value is one of a closed vocabulary."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Matches:
    """The whole string matches the pattern (syntax common to RE2, Rust regex and Python; anchors are added)."""

    pattern: str


@dataclass(frozen=True)
class Finite:
    """Neither NaN nor infinite."""


@dataclass(frozen=True)
class NotBlank:
    """Holds at least one character that is not white space."""


ColumnRule = Between | OneOf | Matches | Finite | NotBlank


@dataclass(frozen=True)
class AtMost:
    """left <= right, where both are present."""

    left: str
    right: str


@dataclass(frozen=True)
class SumsTo:
    """The columns add up to `total` within `tolerance`, where all are present."""

    columns: tuple[str, ...]
    total: float
    tolerance: float = 1e-6


@dataclass(frozen=True)
class PresentWhen:
    """`column` is present wherever `condition` equals `equals`."""

    column: str
    condition: str
    equals: str


@dataclass(frozen=True)
class AnyPresent:
    """At least one of the columns is present."""

    columns: tuple[str, ...]


RowRule = AtMost | SumsTo | PresentWhen | AnyPresent


def vocabulary(rules: Iterable[ColumnRule]) -> tuple[str, ...]:
    """The closed vocabulary that the rules of a column set; empty where they set none."""
    return next((r.values for r in rules if isinstance(r, OneOf)), ())


def probabilities(rules: Iterable[RowRule]) -> tuple[str, ...]:
    """The columns that the rules make add up to one: the probabilities of classes, in declared order."""
    return next((r.columns for r in rules if isinstance(r, SumsTo) and r.total == 1.0), ())


def describe(rule: ColumnRule | RowRule) -> str:
    """The rule as one short phrase, used in rejections, results and the data dictionary."""
    match rule:
        case Between(low, high):
            return f"between {'-inf' if low is None else low} and {'inf' if high is None else high}"
        case OneOf(values):
            return "one of " + ", ".join(values)
        case Matches(pattern):
            return f"matches {pattern}"
        case Finite():
            return "finite"
        case NotBlank():
            return "not blank"
        case AtMost(left, right):
            return f"{left} <= {right}"
        case SumsTo(columns, total, tolerance):
            return f"{' + '.join(columns)} = {total} +- {tolerance}"
        case PresentWhen(column, condition, equals):
            return f"{column} present when {condition} = {equals}"
        case AnyPresent(columns):
            return "any present of " + ", ".join(columns)
