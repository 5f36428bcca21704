"""Runs the checks of a table: the promises of its declaration, its foreign keys, and those of `bias`."""

from datetime import UTC, datetime

import polars as pl

from dagster_project.quality.bias import bias_checks, narrowed
from dagster_project.quality.judge import contract_verdicts, judge
from dagster_project.quality.model import Check, CheckResult, Measured, Others
from schemas.core import ForeignKey, Table
from schemas.emit import Check as Rule
from schemas.emit import checks as contract

WHOLE_ROWS, WHOLE_RULES = 100_000, 100  # longer tables, and those of more rules, are reduced by polars first


def checks_for(table: Table) -> list[Check]:
    """All checks of a table: contract, foreign keys, then the hand-written ones that its columns allow."""
    owner = f"team:{table.layer}"
    found = [
        Check(
            name=rule.name,
            severity="blocking",
            owner=owner,
            remedy=_contract_remedy(rule, table),
            rule=rule,
        )
        for rule in contract(table)
    ]
    found += [_foreign(key, table, owner) for key in table.foreign_keys]
    return found + bias_checks(table)


def run_checks(
    table: Table, frame: pl.DataFrame | pl.LazyFrame, *, version: int = 0, others: Others | None = None
) -> list[CheckResult]:
    """Runs every check of a table on its rows.

    Args:
        table: the declaration.
        frame: rows of the declared columns and types; a lazy one is reduced as a stream, and never held whole.
        version: version that the verdicts speak of.
        others: the other tables, for foreign keys; without them foreign keys are not judged.

    Raises:
        InputError: a frame without the declared columns and types.
    """
    from schemas.emit.polars import cast

    checks = checks_for(table)
    lazy = isinstance(frame, pl.LazyFrame)
    typed = narrowed(table, frame) if isinstance(frame, pl.LazyFrame) else cast(frame, table)
    measured = {c.name: c.measure(typed, others) for c in checks if c.measure is not None}
    whole = not lazy and typed.height <= WHOLE_ROWS and len(contract(table)) <= WHOLE_RULES
    verdicts = contract_verdicts(table, typed) if whole else {}
    if not verdicts:
        measured |= _contract_counts(table, frame if isinstance(frame, pl.LazyFrame) else typed.lazy())
    failed = judge([(c.name, measured[c.name].value, c.low, _high(c)) for c in checks if c.name in measured])
    at = datetime.now(UTC)
    results = []
    for check in checks:
        found = measured.get(check.name) or _of_rows(verdicts[check.name])
        bad = check.name in failed if check.name in measured else verdicts[check.name] > 0
        passed = not bad or check.severity == "info"
        results.append(
            CheckResult(
                table_name=table.name,
                table_version=version,
                check_name=check.name,
                severity=check.severity,
                passed=passed,
                observed=found.text,
                failing_rows=found.failing_rows,
                remedy=None if passed else check.remedy,
                owner=check.owner,
                checked_at=at,
            )
        )
    return results


def failing_rows(table: Table, frame: pl.DataFrame, rule: Rule, *, most: int = 20) -> pl.DataFrame:
    """The first rows that break a rule, with their 0-based number in `row`."""
    from schemas.emit.polars import violation

    return frame.with_row_index("row").filter(violation(rule, table)).head(most)


def _contract_remedy(rule: Rule, table: Table) -> str:
    where = f"column {rule.column.name}" if rule.column else f"the rows of {table.name}"
    return f"mend {where} at the source, or the rule in schemas/tables/{table.layer} if it is wrong"


def _contract_counts(table: Table, rows: pl.LazyFrame) -> dict[str, Measured]:
    from schemas.emit.polars import counts

    return {name: _of_rows(broken) for name, broken in counts(rows, table).items()}


def _of_rows(rows: int) -> Measured:
    return Measured(
        value=float(rows), text="no row breaks it" if not rows else f"{rows} rows break it", failing_rows=rows
    )


def _high(check: Check) -> float | None:
    return 0.0 if check.rule is not None else check.high


def _foreign(key: ForeignKey, table: Table, owner: str) -> Check:
    def measure(frame: pl.DataFrame, others: Others | None) -> Measured:
        own = key.table == table.name
        if not own and (others is None or others.version(key.table) is None):
            return Measured(value=None, text=f"{key.table} is not there to compare with")
        target = frame.lazy() if own or others is None else others.scan_passed(key.table)
        named = target.select(pl.col(r).alias(c) for c, r in zip(key.columns, key.references, strict=True))
        known = named.unique().collect(engine="streaming")
        orphans = frame.drop_nulls(key.columns).join(known, on=list(key.columns), how="anti").height
        return Measured(
            value=float(orphans), text=f"{orphans} rows refer to nothing in {key.table}", failing_rows=orphans
        )

    return Check(
        name=f"{', '.join(key.columns)} refers to {key.table}",
        severity="blocking",
        owner=owner,
        remedy=f"materialize {key.table} first, or drop the rows that refer to nothing",
        measure=measure,
        high=0.0,
    )
