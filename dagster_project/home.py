"""The home folder: its layout and the Dagster configuration written into it."""

from pathlib import Path

from warehouse.files import write_aside

DAGSTER_YAML = b"""\
# Written by matloom; yours to edit: it is only made where it is missing.
telemetry:
  enabled: false
nux:
  enabled: false
# Runs that the UI, a schedule or a sensor starts wait for each other: they write the same tables. A run from the
# command line does not wait; the tables' own lock keeps writers apart, and every step keeps the versions it began with.
concurrency:
  runs:
    max_concurrent_runs: 4
    tag_concurrency_limits:
      - key: matloom/queue
        value: warehouse
        limit: 1
# A run whose process died must not keep the others waiting for ever.
run_monitoring:
  enabled: true
  max_runtime_seconds: 86400
"""


def prepare(home: Path) -> Path:
    """Makes the home and its Dagster folder, and returns the latter (DAGSTER_HOME)."""
    dagster = home / "dagster"
    dagster.mkdir(parents=True, exist_ok=True)
    if not (dagster / "dagster.yaml").exists():
        write_aside(DAGSTER_YAML, dagster / "dagster.yaml")
    return dagster
