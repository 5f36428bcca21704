"""Which state of the project made something. Light: the command line imports it without the orchestrator."""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from dagster_project.settings import DEFAULT_HOME

_ROOT = Path(__file__).resolve().parents[1]


@cache
def package_version(*packages: str) -> str:
    """Hash of packages with their data, of `etl`, `models` and `schemas` unless named: what is made depends on them.

    A module may be named by its path, such as `dagster_project/calculations.py`.
    """
    digest = hashlib.sha256()
    for path in sources(*(packages or ("etl", "models", "schemas"))):
        digest.update(path.relative_to(_ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def report_stamp(home: Path) -> str:
    """What a report of the state that a home publishes is stamped with: the same stamp, the same site."""
    from warehouse.query import publication_id

    return f"{publication_id(home)} {package_version('schemas', 'warehouse', 'dagster_project')}"


def sources(*packages: str) -> Iterator[Path]:
    """The files of packages, in order, but what they made: compiled modules, and the home that lies in one of them."""
    for package in packages:
        found = _ROOT / package
        for path in [found] if found.is_file() else sorted(found.rglob("*.*")):
            if path.suffix != ".pyc" and DEFAULT_HOME not in path.parents and path.is_file():
                yield path
