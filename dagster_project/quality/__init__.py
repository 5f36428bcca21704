"""Checks of a table: every rule of its declaration, its foreign keys, bias, its content, and what changed.

polars reduces, Great Expectations judges. Tables of up to `WHOLE_ROWS` rows are judged row by row with the suite made
from the declaration; larger ones, read as a stream, and all measures of bias, as a frame of one metric a row with its
bounds. Looks at the content (`content`) and at the version before (`former`) know columns by their role (`roles`). The
measures are in `models.bias`; what a failed check stops is decided in `dagster_project.checks`;
`faults` does defects to real tables and counts which of them the checks find.
"""

from dagster_project.quality.bias import bias_metrics, narrowed
from dagster_project.quality.judge import judge
from dagster_project.quality.model import Check, CheckResult, Frames, Measured, Others
from dagster_project.quality.report import Report, check_file, check_stored, former_version
from dagster_project.quality.run import WHOLE_ROWS, checks_for, failing_rows, run_checks

__all__ = [
    "WHOLE_ROWS",
    "Check",
    "CheckResult",
    "Frames",
    "Measured",
    "Others",
    "Report",
    "bias_metrics",
    "check_file",
    "check_stored",
    "checks_for",
    "failing_rows",
    "former_version",
    "judge",
    "narrowed",
    "run_checks",
]
