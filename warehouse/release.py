"""Releases: the published state as a folder of Parquet files that may be given away.

Licences are honoured here: rows of a table with a licence column leave only under a licence that allows it, and a row
leaves only together with the rows that it refers to, so that what was read from a closed text stays with that text.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from schemas.core import Registry, Table
from schemas.emit import duckdb as emitted
from schemas.emit.frictionless import datapackage
from schemas.errors import InputError
from warehouse.files import write_aside, write_table
from warehouse.licences import OPEN_LICENCES, allowed
from warehouse.query import publication_id, query

WITHHELD = ("meta.rejections",)  # refused rows of any table, with their text


def export(
    home: Path, *, out: Path, licences: tuple[str, ...] = OPEN_LICENCES, registry: Registry | None = None
) -> dict[str, Any]:
    """Writes every published table with rows to `out`, with datapackage.json and checksums; all of it or nothing.

    Args:
        home: the warehouse.
        out: a folder that is empty or does not exist.
        licences: SPDX names under which rows may leave; all other rows of tables with a licence column stay.
        registry: declarations; all if not given.

    Returns:
        `publication_id`, and `tables`: rows `written` and `withheld` by table.

    Raises:
        InputError: `out` is not empty or cannot be written.
        StoreError: nothing is published.
    """
    if registry is None:
        from schemas.tables import REGISTRY

        registry = REGISTRY
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError.of("files that are already there", out, "name an empty folder")
    identifier = publication_id(home)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        try:
            counts = _write(home, aside, licences, registry)
            aside.chmod(0o755)
            aside.replace(out)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise InputError.of(f"cannot write ({error.strerror})", out, "choose a folder that can be written") from error
    return {"publication_id": identifier, "tables": counts}


def _write(home: Path, folder: Path, licences: tuple[str, ...], registry: Registry) -> dict[str, dict[str, int]]:
    descriptor = datapackage(registry)
    resources = {t.name: r for t, r in zip(registry, descriptor["resources"], strict=True)}
    counts: dict[str, dict[str, int]] = {}
    kept: dict[str, pl.DataFrame] = {}
    for table in _parents_first(registry):
        keys = ", ".join(map(emitted.quoted, table.key))
        frame = query(home, f"SELECT * FROM {emitted.quoted(table.name)} ORDER BY {keys}")
        kept[table.name] = _allowed(frame, table, kept, licences)
        if frame.is_empty() or table.name in WITHHELD:
            continue
        resource = resources[table.name]
        path = folder / resource["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_table(kept[table.name], str(path))
        resource["bytes"] = path.stat().st_size
        resource["hash"] = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
        counts[table.name] = {"written": kept[table.name].height, "withheld": frame.height - kept[table.name].height}
    descriptor["resources"] = [r for r in descriptor["resources"] if "hash" in r]
    write_aside((json.dumps(descriptor, indent=2, ensure_ascii=False) + "\n").encode(), folder / "datapackage.json")
    return counts


def _allowed(
    frame: pl.DataFrame, table: Table, kept: dict[str, pl.DataFrame], licences: tuple[str, ...]
) -> pl.DataFrame:
    if table.licence_column is not None:
        frame = frame.filter(allowed(table.licence_column, licences))
    for foreign in table.foreign_keys:
        if foreign.table == table.name or foreign.table not in kept:
            continue
        names = zip(foreign.columns, foreign.references, strict=True)
        known = kept[foreign.table].select(pl.col(theirs).alias(ours) for ours, theirs in names).unique()
        marked = frame.with_row_index("\0row")
        refers = marked.drop_nulls(foreign.columns)
        orphans = refers.join(known, on=list(foreign.columns), how="anti").select("\0row")
        frame = marked.join(orphans, on="\0row", how="anti", maintain_order="left").drop("\0row")
    return frame


def _parents_first(registry: Registry) -> Iterator[Table]:
    """The tables, each after those that it refers to."""
    done: set[str] = set()

    def visit(table: Table) -> Iterator[Table]:
        if table.name in done:
            return
        done.add(table.name)
        for foreign in table.foreign_keys:
            if foreign.table in registry:
                yield from visit(registry[foreign.table])
        yield table

    for table in registry:
        yield from visit(table)
