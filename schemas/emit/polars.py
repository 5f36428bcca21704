"""Declared tables as polars schemas, and `conform`: the gate every row passes before it is stored."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import polars as pl

from schemas.core import Column, Table, Type
from schemas.emit import BLANK, LISTS, Check, anchored, checks
from schemas.errors import InputError
from schemas.rules import (
    AnyPresent,
    AtMost,
    Between,
    ColumnRule,
    Finite,
    Matches,
    NotBlank,
    OneOf,
    PresentWhen,
    RowRule,
    SumsTo,
)

TYPES: dict[Type, pl.DataType] = {
    Type.STRING: pl.String(),
    Type.INT: pl.Int64(),
    Type.FLOAT: pl.Float64(),
    Type.BOOL: pl.Boolean(),
    Type.TIMESTAMP: pl.Datetime("us", "UTC"),
    Type.DATE: pl.Date(),
    Type.STRINGS: pl.List(pl.String()),
    Type.FLOATS: pl.List(pl.Float64()),
    Type.JSON: pl.String(),
}
REJECTED = {c: pl.String() for c in ("table", "row_key", "column", "rule", "value", "row")}
_ROW = "__row__"


@dataclass(frozen=True, kw_only=True)
class Conformed:
    """What `inspect` found.

    Attributes:
        good: the rows that keep every rule, in the declared columns and types.
        rejected: one row for each broken rule of each rejected row; columns of `REJECTED`.
        rejected_rows: how many rows were rejected.
        repeated: how many rows were dropped because an identical row came before.
    """

    good: pl.DataFrame
    rejected: pl.DataFrame
    rejected_rows: int
    repeated: int


def schema(table: Table) -> pl.Schema:
    """The polars schema of a table."""
    return pl.Schema({c.name: TYPES[c.type] for c in table.columns})


def empty(table: Table) -> pl.DataFrame:
    """A frame of the table's schema without rows."""
    return pl.DataFrame(schema=schema(table))


def conform(frame: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Splits a frame into the rows that keep every rule of the table and the reasons why the others do not.

    Returns:
        The good rows in declared order and types, and one row a broken rule: table, row_key (JSON), column, rule,
        value, row (JSON). Of identical rows the first is kept; rows that share a key but differ are all rejected.

    Raises:
        InputError: missing or undeclared columns, or a column whose values cannot be cast without loss.
    """
    result = inspect(frame, table)
    return result.good, result.rejected


def inspect(frame: pl.DataFrame, table: Table) -> Conformed:
    """`conform` with its counts; same arguments, same errors."""
    typed = cast(frame, table)
    compared = [c.name for c in table.columns if not c.volatile]
    unique = typed.unique(subset=compared, keep="first", maintain_order=True)
    marked = unique.with_row_index(_ROW)
    found = [(check, marked.filter(violation(check, table))) for check in checks(table)]
    broken = [(check, rows) for check, rows in found if rows.height]
    bad = (
        pl.concat([rows.get_column(_ROW) for _, rows in broken]).unique()
        if broken
        else pl.Series(_ROW, [], dtype=pl.UInt32)
    )
    good = unique if not broken else marked.filter(~pl.col(_ROW).is_in(bad.implode())).drop(_ROW)
    records = [record for check, rows in broken for record in _records(check, rows, table)]
    return Conformed(
        good=good,
        rejected=pl.DataFrame(records, schema=REJECTED, orient="row"),
        rejected_rows=len(bad),
        repeated=typed.height - unique.height,
    )


def violations(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Counts the rows that break each check.

    Returns:
        One row a check: `check_name`, `passed`, `failing_rows`.
    """
    found = counts(cast(frame, table).lazy(), table)
    return pl.DataFrame(
        {"check_name": list(found), "passed": [n == 0 for n in found.values()], "failing_rows": list(found.values())},
        schema={"check_name": pl.String, "passed": pl.Boolean, "failing_rows": pl.Int64},
    )


def counts(rows: pl.LazyFrame, table: Table) -> dict[str, int]:
    """How many rows of the declared columns and types break each check; read as a stream, only keys are held."""
    declared = checks(table)
    each = [violation(c, table).sum().alias(c.name) for c in declared if c.kind != "key"]
    found = rows.select(each).collect(engine="streaming").row(0, named=True) if each else {}
    keys = rows.select(table.key).drop_nulls().group_by(table.key).len().filter(pl.col("len") > 1)
    repeated = keys.select(pl.col("len").sum()).collect(engine="streaming").item()
    return {c.name: int((repeated if c.kind == "key" else found[c.name]) or 0) for c in declared}


def cast(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """The frame in the declared columns, order and types.

    Raises:
        InputError: missing or undeclared columns, or a column whose values cannot be cast without loss.
    """
    missing = [c for c in table.column_names if c not in frame.columns]
    extra = [c for c in frame.columns if c not in table.column_names]
    if missing:
        raise InputError.of(f"missing column {', '.join(missing)}", table.name, "add it, as null where it is unknown")
    if extra:
        raise InputError.of(
            f"undeclared column {', '.join(extra)}", table.name, "drop it or declare it in schemas/tables"
        )
    return frame.select(_cast(frame.get_column(c.name), c, table) for c in table.columns)


def _cast(series: pl.Series, column: Column, table: Table) -> pl.Series:
    wanted = TYPES[column.type]
    if series.dtype == wanted:
        return series
    if series.dtype == pl.Null or series.null_count() == len(series):
        return pl.Series(series.name, [None] * len(series), dtype=wanted)
    if _comparable(series.dtype, wanted):
        try:
            cast = series.cast(wanted, strict=True)
            back = cast.cast(series.dtype, strict=False)
        except pl.exceptions.PolarsError:
            cast = back = pl.Series(series.name, [], dtype=wanted)
        if len(cast) == len(series) and back.equals(series, null_equal=True):
            return cast
    raise InputError.of(
        f"type {series.dtype} of column {column.name}",
        table.name,
        f"give {column.type.value} ({wanted}), cast without loss",
    )


def _comparable(given: pl.DataType, wanted: pl.DataType) -> bool:
    """Whether two types hold the same sort of value, so that a cast changes the storage and not the meaning."""
    if isinstance(given, pl.List) and isinstance(wanted, pl.List):
        inner, target = pl.DataType.from_python(object) if given.inner is None else given.inner, wanted.inner
        return inner == pl.Null or _comparable(inner, target)  # type: ignore[arg-type]
    if isinstance(given, pl.Array) and isinstance(wanted, pl.List):
        return _comparable(given.inner, wanted.inner)  # type: ignore[arg-type]
    if given.is_numeric() and wanted.is_numeric():
        return True
    if isinstance(given, pl.Datetime) and isinstance(wanted, pl.Datetime):
        return given.time_zone is not None
    return given == wanted or (wanted == pl.String and given in (pl.Categorical, pl.Enum))


def violation(check: Check, table: Table) -> pl.Expr:
    """True for the rows that break the check; never null."""
    if check.kind == "key":
        present = pl.all_horizontal(pl.col(k).is_not_null() for k in table.key)
        return (present & pl.struct(table.key).is_duplicated()).fill_null(False)
    if check.kind == "row":
        return _row_violation(check.ruled, table).fill_null(False)  # type: ignore[arg-type]
    column = check.subject
    if check.kind == "present":
        return pl.col(column.name).is_null()
    if check.kind == "json":
        return ~pl.col(column.name).map_elements(is_json, return_dtype=pl.Boolean, skip_nulls=True).fill_null(True)
    rule: ColumnRule = check.ruled  # type: ignore[assignment]
    if column.type in LISTS:
        inner = _value_violation(rule, pl.element(), is_float=column.type is Type.FLOATS)
        return pl.col(column.name).list.eval(inner.fill_null(False)).list.any().fill_null(False)
    return _value_violation(rule, pl.col(column.name), is_float=column.type is Type.FLOAT).fill_null(False)


def _value_violation(rule: ColumnRule, value: pl.Expr, *, is_float: bool) -> pl.Expr:
    match rule:
        case Between(low, high):
            tests = [value.is_nan()] if is_float else []
            tests += [] if low is None else [value < low]
            tests += [] if high is None else [value > high]
            return reduce(lambda a, b: a | b, tests, pl.lit(False))
        case OneOf(values):
            return ~value.is_in(list(values))
        case Matches():
            return ~value.str.contains(anchored(rule))
        case Finite():
            return ~value.is_finite()
        case NotBlank():
            return ~value.str.contains(f"[^{BLANK}]")


def _row_violation(rule: RowRule, table: Table) -> pl.Expr:
    match rule:
        case AtMost(left, right):
            nan = [pl.col(c).is_nan() for c in (left, right) if table.column(c).type is Type.FLOAT]
            both = pl.col(left).is_not_null() & pl.col(right).is_not_null()
            return both & reduce(lambda a, b: a | b, nan, pl.col(left) > pl.col(right))
        case SumsTo(columns, total, tolerance):
            off = (reduce(lambda a, b: a + b, [pl.col(c) for c in columns]) - total).abs()
            return off.is_nan() | (off > tolerance)
        case PresentWhen(column, condition, equals):
            return pl.col(column).is_null() & (pl.col(condition).cast(pl.String) == equals)
        case AnyPresent(columns):
            return pl.all_horizontal(pl.col(c).is_null() for c in columns)


def is_json(text: str) -> bool:
    """Whether the text is one JSON value in the strict sense, without NaN or Infinity."""
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _records(check: Check, rows: pl.DataFrame, table: Table) -> list[tuple[str | None, ...]]:
    column = check.column.name if check.column else None
    phrase = "duplicate key" if check.kind == "key" else check.phrase
    return [
        (
            table.name,
            as_json({k: row[k] for k in table.key}),
            column,
            phrase,
            None if column is None or row[column] is None else _shown(row[column]),
            as_json({k: v for k, v in row.items() if k != _ROW}),
        )
        for row in rows.to_dicts()
    ]


def as_json(value: Any) -> str:
    """JSON text of a row; times as ISO text, non-finite numbers as text."""
    return json.dumps(_plain(value), ensure_ascii=False, default=str)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(v) for v in value]
    return value


def _shown(value: Any) -> str:
    return (value if isinstance(value, str) else as_json(value))[:500]
