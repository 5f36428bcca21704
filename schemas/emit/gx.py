"""Declared tables as Great Expectations suites. The package is slow to import, so it is imported inside functions."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from schemas.core import Table, Type
from schemas.emit import BLANK, LISTS, Check, checks
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

if TYPE_CHECKING:
    import polars as pl

_LARGEST = 1.7976931348623157e308


@dataclass(frozen=True)
class Suite:
    """A table and its Great Expectations suite; expectations carry the check's name in their meta."""

    table: Table
    expectations: Any


def suite(table: Table) -> Suite:
    """The Great Expectations suite of a table, one expectation a check of `schemas.emit.checks`."""
    gx = _gx()
    expectations = [_expectation(check, table) for check in checks(table)]
    return Suite(table, gx.ExpectationSuite(name=table.name, expectations=expectations))


def validate(frame: "pl.DataFrame", suite: Suite) -> "pl.DataFrame":
    """Validates a frame of the table's schema.

    Returns:
        One row a check: `check_name`, `passed`, `failing_rows`.

    Raises:
        InputError: the frame does not have the table's columns and types.
    """
    import polars as pl

    from schemas.emit.polars import cast

    batch = batch_of(_prepared(cast(frame, suite.table), suite.table), name=suite.table.name)
    results = batch.validate(suite.expectations).results
    found = {r.expectation_config.meta["check"]: r for r in results}
    rows = [(c.name, bool(found[c.name].success), _failing(found[c.name])) for c in checks(suite.table)]
    return pl.DataFrame(
        rows, schema={"check_name": pl.String, "passed": pl.Boolean, "failing_rows": pl.Int64}, orient="row"
    )


def batch_of(data: Any, *, name: str) -> Any:
    """A pandas frame as a batch that Great Expectations can validate; the frame of the call before is let go."""
    source = _context().data_sources.add_or_update_pandas("frames")
    return source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all").get_batch({"dataframe": data})


@cache
def _context() -> Any:
    """One context a process: making one takes longer than validating a small table."""
    context = _gx().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context


def _gx() -> Any:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations

    return great_expectations


def _failing(result: Any) -> int:
    if result.exception_info and result.exception_info.get("raised_exception"):
        raise RuntimeError(
            f"Great Expectations failed on {result.expectation_config.meta['check']}: {result.exception_info}"
        )
    return int(result.result.get("unexpected_count") or 0)


def _expectation(check: Check, table: Table) -> Any:
    import great_expectations.expectations as gxe

    meta = {"check": check.name}
    if check.kind == "key":
        if len(table.key) == 1:
            return gxe.ExpectColumnValuesToBeUnique(column=table.key[0], meta=meta)
        return gxe.ExpectCompoundColumnsToBeUnique(
            column_list=list(table.key), ignore_row_if="any_value_is_missing", meta=meta
        )
    if check.kind == "present":
        return gxe.ExpectColumnValuesToNotBeNull(column=check.subject.name, meta=meta)
    native = _native(check)
    if native is not None:
        kind, arguments = native
        return getattr(gxe, kind)(column=check.subject.name, meta=meta, **arguments)
    return gxe.ExpectColumnValuesToBeInSet(column=check.name, value_set=[True], meta=meta)


def _native(check: Check) -> tuple[str, dict[str, Any]] | None:
    """The expectation that Great Expectations itself has for a check; None where the verdict is a derived column."""
    if check.kind != "column" or check.subject.type in LISTS:
        return None
    match check.rule:
        case Between(low, high):
            return "ExpectColumnValuesToBeBetween", {"min_value": low, "max_value": high}
        case OneOf(values):
            return "ExpectColumnValuesToBeInSet", {"value_set": list(values)}
        case Matches(pattern):
            return "ExpectColumnValuesToMatchRegex", {"regex": rf"\A(?:{pattern})\Z"}
        case Finite():
            return "ExpectColumnValuesToBeBetween", {"min_value": -_LARGEST, "max_value": _LARGEST}
        case NotBlank():
            return "ExpectColumnValuesToMatchRegex", {"regex": rf"[\s\S]*[^{BLANK}]"}
    return None


def _prepared(frame: "pl.DataFrame", table: Table) -> Any:
    """A pandas frame of Python objects; derived columns hold the verdicts Great Expectations has no expectation for.

    pandas cannot tell NaN from missing, so NaN becomes an infinity that no bound of the column lets pass.
    """
    import pandas as pd

    rows = frame.to_dicts()
    data: dict[str, Any] = {}
    for column in table.columns:
        values = [row[column.name] for row in rows]
        if column.type is Type.FLOAT:
            low = any(isinstance(r, Between) and r.low is not None for r in column.rules)
            values = [(float("-inf") if low else float("inf")) if v is not None and v != v else v for v in values]
        data[column.name] = pd.Series(values, dtype=object)
    for check in checks(table):
        holds = _derived(check)
        if holds is not None:
            data[check.name] = pd.Series([holds(row) for row in rows], dtype=object)
    return pd.DataFrame(data)


def _derived(check: Check) -> Callable[[dict[str, Any]], bool] | None:
    if check.kind == "json":
        from schemas.emit.polars import is_json

        name = check.subject.name
        return lambda row: row[name] is None or is_json(row[name])
    if check.kind == "row":
        rule: RowRule = check.ruled  # type: ignore[assignment]
        return lambda row: _row_holds(rule, row)
    if check.kind == "column" and check.subject.type in LISTS:
        inner: ColumnRule = check.ruled  # type: ignore[assignment]
        column = check.subject.name
        return lambda row: all(_value_holds(inner, v) for v in row[column] or () if v is not None)
    return None


def _value_holds(rule: ColumnRule, value: Any) -> bool:
    match rule:
        case Between(low, high):
            return value == value and (low is None or value >= low) and (high is None or value <= high)
        case OneOf(values):
            return value in values
        case Matches(pattern):
            return re.fullmatch(pattern, value) is not None
        case Finite():
            return bool(abs(value) <= _LARGEST)
        case NotBlank():
            return re.search(f"[^{BLANK}]", value) is not None


def _row_holds(rule: RowRule, row: dict[str, Any]) -> bool:
    match rule:
        case AtMost(left, right):
            return row[left] is None or row[right] is None or row[left] <= row[right]
        case SumsTo(columns, total, tolerance):
            values = [row[c] for c in columns]
            return None in values or abs(sum(values[1:], start=values[0]) - total) <= tolerance
        case PresentWhen(column, condition, equals):
            value = row[condition]
            text = None if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            return text != equals or row[column] is not None
        case AnyPresent(columns):
            return any(row[c] is not None for c in columns)
