"""The values of checking: a check, what it measured, its verdict. Which checks there are is in `bias` and `run`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

import polars as pl

from models.bias.findings import Finding
from schemas.emit import Check as Rule

if TYPE_CHECKING:
    from dagster_project.quality.subject import Subject

Severity = Literal["blocking", "warning", "info"]


class Others(Protocol):
    """Where the rows of other tables come from; a `warehouse.store.Store` is one."""

    def version(self, name: str, /) -> int | None:
        """Newest version, or None where nothing was written."""
        ...

    def scan_passed(self, name: str, /) -> pl.LazyFrame:
        """The rows of the newest version that passed its audit."""
        ...


@dataclass(frozen=True)
class Frames:
    """Other tables given as frames, for tests and notebooks."""

    tables: Mapping[str, pl.DataFrame]

    def version(self, name: str, /) -> int | None:
        """0 where there is such a frame."""
        return 0 if name in self.tables else None

    def scan_passed(self, name: str, /) -> pl.LazyFrame:
        """The frame."""
        return self.tables[name].lazy()


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a measure found: the number that is judged (None: nothing to judge), in words, rows concerned."""

    value: float | None
    text: str
    failing_rows: int | None = None


Measure = Callable[[pl.DataFrame, Others | None], Measured]
Look = Callable[["Subject"], list[Finding]]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check of a table.

    Attributes:
        name: unique in its table.
        severity: `blocking` where a later result would be wrong, `warning` where a person must look, else `info`.
        owner: who answers for it.
        remedy: what to do when it fails.
        rule: the promise of the declaration, for contract checks.
        measure: reduces the table to one number that has bounds.
        look: finds what is wrong with the rows; the check blocks where one finding is grave, see `grave`.
        compares: whether the look needs the version before.
        low: smallest number that passes; None is open.
        high: largest number that passes; None is open.
    """

    name: str
    severity: Severity
    owner: str
    remedy: str
    rule: Rule | None = None
    measure: Measure | None = None
    look: Look | None = None
    compares: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The verdict of one check on one version of a table; an `info` check never fails."""

    table_name: str
    table_version: int
    check_name: str
    severity: Severity
    passed: bool
    observed: str | None
    failing_rows: int | None
    remedy: str | None
    owner: str
    checked_at: datetime
    findings: tuple[Finding, ...] = field(default=(), repr=False)

    def row(self) -> dict[str, Any]:
        """The verdict as a row of `meta.quality_results`."""
        return {k: v for k, v in vars(self).items() if k != "findings"}

    def printed(self) -> dict[str, Any]:
        """The verdict as the command line shows it."""
        names = ("check_name", "severity", "passed", "observed", "failing_rows", "remedy", "owner")
        return {n: getattr(self, n) for n in names}
