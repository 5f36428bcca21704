"""Runs the checks of a table: the promises of its declaration, its foreign keys, and those of `bias`."""

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from dagster_project.quality.bias import bias_checks, narrowed
from dagster_project.quality.content import content_checks
from dagster_project.quality.former import former_checks
from dagster_project.quality.judge import beyond, contract_verdicts, judge
from dagster_project.quality.model import Check, CheckResult, Measured, Others
from dagster_project.quality.subject import Subject
from models.bias.findings import told
from schemas.core import ForeignKey, Table
from schemas.emit import Check as Rule
from schemas.emit import checks as contract

WHOLE_ROWS, WHOLE_RULES = 100_000, 100  # longer tables, and those of more rules, are reduced by polars first


_GRAVE = 0.005  # share of rows from which a grave finding blocks


def checks_for(table: Table) -> list[Check]:
    """All checks of a table: contract, foreign keys, bias, then the looks that its columns allow."""
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
    found += bias_checks(table)
    return found if table.layer == "meta" else found + content_checks(table) + former_checks(table)


def run_checks(
    table: Table,
    frame: pl.DataFrame | pl.LazyFrame,
    *,
    version: int = 0,
    others: Others | None = None,
    former: pl.LazyFrame | None = None,
    counted: bool = False,
) -> list[CheckResult]:
    """Runs every check of a table on its rows.

    Args:
        table: the declaration.
        frame: rows of the declared columns and types; a lazy one is reduced as a stream, and never held whole.
        version: version that the verdicts speak of.
        others: the other tables, for foreign keys; without them foreign keys are not judged.
        former: rows of the version before; without them nothing is said of what changed.
        counted: whether to do without Great Expectations however few the rows are: the same verdicts, sooner.

    Raises:
        InputError: a frame without the declared columns and types.
    """
    from schemas.emit.polars import cast

    lazy = isinstance(frame, pl.LazyFrame)
    # counted before anything is held: the keys of a large table take most of the memory
    counts = _contract_counts(table, frame) if isinstance(frame, pl.LazyFrame) else {}
    typed = narrowed(table, frame) if isinstance(frame, pl.LazyFrame) else cast(frame, table)
    rows = frame if isinstance(frame, pl.LazyFrame) else typed.lazy()
    subject = Subject(table=table, frame=typed, rows=rows, former=former, others=others)
    checks = checks_for(table)
    measured = {c.name: c.measure(typed, others) for c in checks if c.measure is not None}
    if not (lazy or counted) and typed.height <= WHOLE_ROWS and len(contract(table)) <= WHOLE_RULES:
        verdicts = contract_verdicts(table, typed)
        measured |= {name: _of_rows(broken) for name, broken in verdicts.items()}
    else:
        measured |= counts or _contract_counts(table, rows)
    metrics = [(c.name, measured[c.name].value, c.low, _high(c)) for c in checks if c.name in measured]
    failed = beyond(metrics) if counted else judge(metrics)
    at = datetime.now(UTC)
    return [
        _looked(c, subject, version, at)
        if c.look
        else _judged(c, subject, measured[c.name], c.name in failed, version, at)
        for c in checks
    ]


def _judged(check: Check, subject: Subject, found: Measured, failed: bool, version: int, at: datetime) -> CheckResult:
    passed = not failed or check.severity == "info"
    return CheckResult(
        table_name=subject.table.name,
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


def _looked(check: Check, subject: Subject, version: int, at: datetime) -> CheckResult:
    """The verdict of a look; it blocks where a grave finding concerns more than a few rows."""
    assert check.look is not None, check.name
    alone = check.compares and subject.former_height == 0
    findings = [] if alone or not subject.height else check.look(subject)
    blocks = any(f.grave and f.share >= _GRAVE for f in findings)
    text = "no former version to compare with" if alone else told(findings) or "nothing"
    result = _judged(
        replace(check, severity="blocking" if blocks else check.severity),
        subject,
        Measured(
            value=None,
            text=f"{text} (of a sample of {subject.now.height} rows)" if subject.sampled and not alone else text,
            failing_rows=sum(f.count for f in findings),
        ),
        bool(findings),
        version,
        at,
    )
    return replace(result, findings=tuple(findings))


def failing_rows(table: Table, frame: pl.DataFrame, rule: Rule, *, most: int = 20) -> pl.DataFrame:
    """The first rows that break a rule, with their 0-based number in `row`."""
    from schemas.emit.polars import violation

    return frame.with_row_index("row").filter(violation(rule, table)).head(most)


def _contract_remedy(rule: Rule, table: Table) -> str:
    where = f"column {rule.column.name}" if rule.column else f"the rows of {table.name}"
    return f"mend {where} at the source, or its rule in schemas/tables if that is wrong"


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
