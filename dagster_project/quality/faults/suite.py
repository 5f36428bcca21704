"""Runs the seeded faults: each against the checks of its table, beside the table as it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from dagster_project.quality.faults import columns, harmless, rows, scales, texts  # noqa: F401 - they register
from dagster_project.quality.faults.register import FAULTS, Fault
from dagster_project.quality.faults.tables import declared, tables
from dagster_project.quality.model import CheckResult, Frames
from dagster_project.quality.report import check_file


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the checks said of one fault.

    Attributes:
        fault: the fault.
        raised: checks that failed and had not failed on the table as it was: (name, whether it blocks).
    """

    fault: Fault
    raised: tuple[tuple[str, bool], ...]

    @property
    def right(self) -> bool:
        """Whether a defect was found, or a harmless change let pass."""
        return bool(self.raised) != self.fault.clean

    @property
    def stops(self) -> bool:
        """Whether one of the checks blocks, so that the graph stops."""
        return any(blocks for _, blocks in self.raised)

    def row(self) -> dict[str, Any]:
        """The outcome as the command line gives it."""
        return {
            "fault": self.fault.name,
            "table": self.fault.table,
            "stands_for": self.fault.stands_for,
            "clean": self.fault.clean,
            "stops": self.stops,
            "caught_by": [name for name, _ in self.raised],
        }


def run(faults: Sequence[Fault] = tuple(FAULTS)) -> list[Outcome]:
    """Seeds each fault into its real table and checks the outcome.

    Args:
        faults: all that are registered if not given.

    Raises:
        ValueError: a fault that changes nothing would prove nothing.
    """
    known = {name: _raised(name, tables()[name]) for name in dict.fromkeys(f.table for f in faults)}
    return [Outcome(fault=f, raised=_new(known[f.table], _seeded(f))) for f in faults]


def _seeded(fault: Fault) -> list[CheckResult]:
    before = tables()[fault.table]
    after = fault.change(before)
    if not fault.clean and after.equals(before, null_equal=True):
        raise ValueError(f"the fault {fault.name!r} changes nothing in {fault.table}")
    return _raised(fault.table, after)


def _raised(name: str, frame: pl.DataFrame) -> list[CheckResult]:
    results = check_file(frame, declared(name), former=tables()[name], others=Frames(tables()), counted=True).results
    return [r for r in results if not r.passed]


def _new(known: list[CheckResult], found: list[CheckResult]) -> tuple[tuple[str, bool], ...]:
    before = {(r.check_name, r.severity) for r in known}
    return tuple((r.check_name, r.severity == "blocking") for r in found if (r.check_name, r.severity) not in before)


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Counts, and the faults that went wrong."""
    defects, harmless_ = ([o for o in outcomes if o.fault.clean is clean] for clean in (False, True))
    return {
        "defects": len(defects),
        "caught": sum(o.right for o in defects),
        "stopped": sum(o.stops for o in defects),
        "missed": [o.row() for o in defects if not o.right],
        "clean": len(harmless_),
        "false_alarms": [o.row() for o in harmless_ if not o.right],
    }
