"""Great Expectations, kept quiet: judges metrics against bounds and small tables against their suite."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from schemas.core import Table
from schemas.emit import checks

if TYPE_CHECKING:
    from schemas.emit.gx import Suite

Metric = tuple[str, float | None, float | None, float | None]  # name, observed, lowest, highest that pass


def judge(metrics: list[Metric]) -> set[str]:
    """Lets Great Expectations hold metrics to their bounds.

    Args:
        metrics: name, observed value (None: not judged), lowest and highest that pass (None: open).

    Returns:
        The names that do not keep their bounds.
    """
    failed: set[str] = set()
    for place, (greater, less) in {0: ("observed", "bound"), 1: ("bound", "observed")}.items():
        bounded = [(name, value, (low, high)[place]) for name, value, low, high in metrics]
        kept = [(name, v, bound) for name, v, bound in bounded if v is not None and bound is not None]
        if kept:
            with _quiet():
                failed |= {kept[i][0] for i in _not_ordered(kept, greater, less)}
    return failed


def beyond(metrics: list[Metric]) -> set[str]:
    """The names that do not keep their bounds, without Great Expectations."""
    return {
        name
        for name, value, low, high in metrics
        if value is not None and ((low is not None and value < low) or (high is not None and value > high))
    }


def _not_ordered(rows: list[tuple[str, float, float]], greater: str, less: str) -> list[int]:
    """Numbers of the rows whose `greater` is below `less`."""
    import pandas as pd

    from schemas.emit.gx import batch_of

    data = pd.DataFrame(rows, columns=["check", "observed", "bound"]).astype({"observed": float, "bound": float})
    batch = batch_of(data, name="metrics")
    import great_expectations.expectations as gxe

    expectation = gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A=greater, column_B=less, or_equal=True)
    result = batch.validate(expectation, result_format={"result_format": "COMPLETE"})
    if result.exception_info and result.exception_info.get("raised_exception"):
        raise RuntimeError(f"Great Expectations failed on the metrics: {result.exception_info}")
    return [int(i) for i in result.result.get("unexpected_index_list") or []]


_SUITES: dict[str, "Suite"] = {}


def contract_verdicts(table: Table, frame: pl.DataFrame) -> dict[str, int]:
    """Rows that break each rule, by Great Expectations; an empty table breaks none and needs no judge."""
    if not frame.height:
        return {c.name: 0 for c in checks(table)}
    from schemas.emit.gx import validate

    with _quiet():
        found = validate(frame, _suite(table))
    return {
        name: 0 if passed else max(1, int(rows or 0))
        for name, passed, rows in found.select("check_name", "passed", "failing_rows").iter_rows()
    }


def _suite(table: Table) -> "Suite":
    """The suite of a table, made once a process."""
    from schemas.emit.gx import suite

    key = f"{table.name}/{table.fingerprint()}"
    if key not in _SUITES:
        _SUITES[key] = suite(table)
    return _SUITES[key]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the package's bars and deprecation notices off the terminal; its errors pass."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
