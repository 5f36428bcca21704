"""Releases: the published state as a folder of Parquet files that may be given away.

Licences are honoured here: rows of a table with a licence column leave only under a licence that allows it.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from schemas.core import Registry
from schemas.emit import duckdb as emitted
from schemas.emit.frictionless import datapackage
from schemas.errors import InputError
from warehouse.files import write_aside, write_table
from warehouse.query import publication_id, query

OPEN_LICENCES = (
    "CC0-1.0",
    "CC-BY-4.0",
    "CC-BY-3.0",
    "CC-BY-SA-4.0",
    "MIT",
    "BSD-3-Clause",
    "Apache-2.0",
    "PDDL-1.0",
    "ODC-By-1.0",
)


def export(
    home: Path, *, out: Path, licences: tuple[str, ...] = OPEN_LICENCES, registry: Registry | None = None
) -> dict[str, Any]:
    """Writes every published table with rows to `out`, with datapackage.json and checksums.

    Args:
        home: the warehouse.
        out: a folder that is empty or does not exist.
        licences: SPDX names under which rows may leave; all other rows of tables with a licence column stay.
        registry: declarations; all if not given.

    Returns:
        `publication_id`, and `tables`: rows `written` and `withheld` by table.

    Raises:
        InputError: `out` is not empty.
        StoreError: nothing is published.
    """
    if registry is None:
        from schemas.tables import REGISTRY

        registry = REGISTRY
    if out.exists() and any(out.iterdir()):
        raise InputError.of("files that are already there", out, "name an empty folder")
    descriptor = datapackage(registry)
    counts: dict[str, dict[str, int]] = {}
    for table, resource in zip(registry, descriptor["resources"], strict=True):
        frame = query(
            home, f"SELECT * FROM {emitted.quoted(table.name)} ORDER BY {', '.join(map(emitted.quoted, table.key))}"
        )
        kept = (
            frame
            if table.licence_column is None
            else frame.filter(frame[table.licence_column].is_in(licences).fill_null(False))
        )
        if frame.is_empty():
            continue
        path = out / resource["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_table(kept, str(path))
        resource["bytes"] = path.stat().st_size
        resource["hash"] = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
        counts[table.name] = {"written": kept.height, "withheld": frame.height - kept.height}
    descriptor["resources"] = [r for r in descriptor["resources"] if "hash" in r]
    out.mkdir(parents=True, exist_ok=True)
    write_aside((json.dumps(descriptor, indent=2, ensure_ascii=False) + "\n").encode(), out / "datapackage.json")
    return {"publication_id": publication_id(home), "tables": counts}
