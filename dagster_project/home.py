"""The home folder: its layout and the Dagster configuration written into it."""

from pathlib import Path

from warehouse.files import write_aside

DAGSTER_YAML = b"""\
# Written by matloom; yours to edit: it is only made where it is missing.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    default_limit: 1
  runs:
    max_concurrent_runs: 2
"""


def prepare(home: Path) -> Path:
    """Makes the home and its Dagster folder, and returns the latter (DAGSTER_HOME)."""
    dagster = home / "dagster"
    dagster.mkdir(parents=True, exist_ok=True)
    if not (dagster / "dagster.yaml").exists():
        write_aside(DAGSTER_YAML, dagster / "dagster.yaml")
    return dagster
