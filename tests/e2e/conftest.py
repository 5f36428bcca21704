"""One small home and its service for all tests of the site."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dagster_project import insight
from dagster_project.versions import report_stamp
from tests.servers import matloom, screened
from warehouse.report import build


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With its report, as a run leaves it."""
    made = screened.home(tmp_path_factory.mktemp("screened") / "home")
    build(made, made / "report", insight=insight.of(made), stamp=report_stamp(made))
    return made


@pytest.fixture(scope="session")
def at(home: Path) -> Iterator[str]:
    with matloom.serving(home) as address:
        yield address
