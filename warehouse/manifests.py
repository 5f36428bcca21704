"""Manifests: one JSON file a published state, naming the version and the exact files of every table in it.

`catalog` writes them; here is how they are kept, found and read, without any heavy package.
"""

from pathlib import Path
from typing import Any

from warehouse.ledger import StoreError, read_json, write_json


def read(home: Path, identifier: str) -> dict[str, Any]:
    """The manifest of a published state.

    Raises:
        StoreError: it is missing.
    """
    found = find(home, identifier)
    if found is None:
        raise StoreError.of(f"no manifest of publication {identifier}", home, "run `matloom publish`")
    return found


def find(home: Path, identifier: str) -> dict[str, Any] | None:
    """The manifest of a published state; None where there is none."""
    found: dict[str, Any] | None = read_json(_path(Path(home), identifier))
    return found


def every(home: Path) -> list[dict[str, Any]]:
    """All manifests, oldest first."""
    found = [read_json(path) for path in sorted((Path(home) / "publications").glob("[0-9a-f]*.json"))]
    return sorted(found, key=lambda m: str(m["published_at"]))


def write(home: Path, body: dict[str, Any]) -> None:
    """Keeps a manifest under its publication's id."""
    write_json(_path(home, body["publication_id"]), body)


def files(home: Path, body: dict[str, Any]) -> list[Path]:
    """The files that a manifest names."""
    return [Path(home) / file["path"] for table in body["tables"].values() for file in table["files"]]


def published_files(home: Path) -> set[Path]:
    """Every file that a publication which was not withdrawn still names: what a rollback may need."""
    return {path for m in every(home) if not m["withdrawn"] for path in files(home, m)}


def _path(home: Path, identifier: str) -> Path:
    return home / "publications" / f"{identifier}.json"
