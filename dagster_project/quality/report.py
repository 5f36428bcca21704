"""Checks of a stored table or of a file, with the first rows that fail: what `matloom quality check` shows."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from dagster_project.quality.model import CheckResult, Others
from dagster_project.quality.run import failing_rows, run_checks
from schemas.core import Table
from schemas.emit import checks as contract


@dataclass(frozen=True, kw_only=True)
class Report:
    """The verdicts on one table or file, and the first rows that fail."""

    table: str
    rows: int
    results: list[CheckResult]
    failing: list[dict[str, Any]]

    @property
    def blocking(self) -> list[CheckResult]:
        """Blocking checks that failed."""
        return [r for r in self.results if not r.passed and r.severity == "blocking"]

    def summary(self) -> dict[str, Any]:
        """Counts, for the end of a command."""
        warned = sum(not r.passed and r.severity != "blocking" for r in self.results)
        return {
            "table": self.table,
            "rows": self.rows,
            "rules": len(self.results),
            "failed": len(self.blocking),
            "warnings": warned,
        }

    def frame(self) -> pl.DataFrame:
        """One row a rule."""
        types = {"observed": pl.String, "failing_rows": pl.Int64, "remedy": pl.String}
        return pl.DataFrame([r.printed() for r in self.results], schema_overrides=types)


def check_stored(store: Any, table: Table) -> Report:
    """Checks the newest version of a table of the store, beside the one that passed before it."""
    frame, version = store.read(table.name), store.version(table.name)
    former = None if version is None else former_version(store, table, version=version)
    scanned = None if former is None else store.scan(table.name, version=former)
    results = run_checks(table, frame, version=version or 0, others=store, former=scanned)
    return Report(table=table.name, rows=frame.height, results=results, failing=_listed(table, frame, results))


def former_version(store: Any, table: Table, *, version: int) -> int | None:
    """The newest version before this one that passed under the declaration of today; None where there is none.

    Of a table whose meaning was changed (`Table.version`) the former values are no measure.
    """
    verdicts = store.ledger.entry(table.name)["verdicts"]
    passed = [int(v) for v, found in verdicts.items() if found["passed"]]
    known = [v for v in passed if v < version and verdicts[str(v)]["declaration"] == table.fingerprint()]
    return max(known, default=None)


def check_file(
    frame: pl.DataFrame,
    table: Table,
    *,
    former: pl.DataFrame | None = None,
    others: Others | None = None,
    counted: bool = False,
) -> Report:
    """Checks the rows of a file against a declaration.

    Unlike a write, which refuses them, missing columns and values of another type are verdicts of their own: a
    missing column counts as null everywhere, and so does a value that cannot be read.

    Args:
        frame: the rows.
        table: the declaration that they should keep.
        former: rows of a version before, to compare with; shaped in the same way.
        others: the other tables, for foreign keys.
        counted: see `run_checks`.
    """
    shaped, found, failing = _shape(frame, table)
    before = None if former is None else _shape(former, table)[0].lazy()
    results = found + run_checks(table, shaped, others=others, former=before, counted=counted)
    return Report(
        table=table.name, rows=frame.height, results=results, failing=failing + _listed(table, shaped, results)
    )


def _listed(table: Table, frame: pl.DataFrame, results: list[CheckResult]) -> list[dict[str, Any]]:
    """The first rows of each broken rule: check, row (0-based), key, value."""
    failed = {r.check_name for r in results if not r.passed}
    listed: list[dict[str, Any]] = []
    for rule in contract(table):
        if rule.name not in failed:
            continue
        for row in failing_rows(table, frame, rule).iter_rows(named=True):
            key = ", ".join(str(row[k]) for k in table.key)
            value = None if rule.column is None else row[rule.column.name]
            listed.append({"check_name": rule.name, "row": row["row"], "key": key, "value": _short(value)})
    for result in results:
        for finding in result.findings:
            shown = zip(finding.rows, finding.values, strict=False)
            named = {"check_name": result.check_name, "key": finding.column}
            listed += [{**named, "row": number, "value": value} for number, value in shown]
    return listed


def _shape(frame: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, list[CheckResult], list[dict[str, Any]]]:
    from schemas.emit.polars import TYPES

    columns: list[pl.Series] = []
    results: list[CheckResult] = []
    failing: list[dict[str, Any]] = []
    missing = [c.name for c in table.columns if c.name not in frame.columns]
    extra = [c for c in frame.columns if c not in table.column_names]
    needed = [c for c in missing if not table.column(c).nullable]
    results.append(_shape_result(table, "columns present", ", ".join(missing), blocking=bool(needed)))
    results.append(_shape_result(table, "no undeclared column", ", ".join(extra), blocking=False))
    for column in table.columns:
        wanted = TYPES[column.type]
        if column.name in missing:
            columns.append(pl.Series(column.name, [None] * frame.height, dtype=wanted))
            continue
        given = frame.get_column(column.name)
        read = _read_as(given, wanted)
        lost = given.is_not_null() & read.is_null()
        columns.append(read)
        if lost.any():
            name = f"{column.name}: {column.type.value}"
            results.append(
                _shape_result(table, name, f"{lost.sum()} values are not", blocking=True, rows=int(lost.sum()))
            )
            rows = lost.arg_true().head(20).to_list()
            failing += [{"check_name": name, "row": i, "key": "", "value": _short(given[i])} for i in rows]
    return pl.DataFrame({s.name: s for s in columns}), results, failing


def _shape_result(table: Table, name: str, text: str, *, blocking: bool, rows: int | None = None) -> CheckResult:
    return CheckResult(
        table_name=table.name,
        table_version=0,
        check_name=name,
        severity="blocking" if blocking else "warning",
        passed=not text,
        observed=text or None,
        failing_rows=rows,
        remedy="give the file the declared columns and types; see `matloom describe`" if text else None,
        owner=f"team:{table.layer}",
        checked_at=datetime.now(UTC),
    )


def _read_as(series: pl.Series, wanted: pl.DataType) -> pl.Series:
    """The values in the declared type; null where one cannot be read as that without loss."""
    if series.dtype == wanted:
        return series
    if series.dtype == pl.String and wanted.is_nested():
        return pl.Series(series.name, [_parsed(v) for v in series.to_list()], dtype=wanted, strict=False)
    if series.dtype == pl.String and isinstance(wanted, pl.Datetime):
        return series.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    if series.dtype == pl.String and wanted == pl.Boolean:
        lower = series.str.strip_chars().str.to_lowercase()
        return lower.replace_strict({"true": True, "false": False}, default=None, return_dtype=pl.Boolean)
    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone is None and isinstance(wanted, pl.Datetime):
        return series.dt.replace_time_zone("UTC").cast(wanted)
    if series.dtype.is_nested() and wanted == pl.String:
        return pl.Series(series.name, [None if v is None else json.dumps(v, default=str) for v in series.to_list()])
    try:
        read = series.cast(wanted, strict=False)
        if series.dtype.is_float() and wanted.is_integer():
            return read.set(read.cast(series.dtype) != series, None)
    except pl.exceptions.PolarsError:
        return pl.Series(series.name, [None] * len(series), dtype=wanted)
    return read


def _parsed(text: str | None) -> list[Any] | None:
    try:
        value = None if text is None else json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, list) else None


def _short(value: Any) -> str | None:
    return None if value is None else str(value)[:100]
