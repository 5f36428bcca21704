"""Publishing: `warehouse.duckdb` holds only views, each over the exact files of the last version that passed.

It is built aside, smoke-queried and renamed into place, so all tables change together for readers and open readers
keep what they had. A manifest of every published state stays in `publications/`, so a state can be brought back.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from schemas.core import Registry, Table
from schemas.emit import checks
from schemas.emit import duckdb as emitted
from schemas.errors import InputError
from warehouse import manifests
from warehouse.ledger import Ledger, StoreError, lock, now
from warehouse.query import CATALOG, connected, publication_id

_OWN = "meta.publications"  # made here from the manifests, never stored


class NothingAuditedError(StoreError):
    """No version of any table passed its audit, so there is nothing to publish."""


@dataclass(frozen=True, kw_only=True)
class Publication:
    """One published state.

    Attributes:
        publication_id: hash of the files that make the state.
        published_at: ISO time, UTC, of its first publication.
        versions: version by table; tables without data are left out.
        rows: rows by table.
        changed: whether this call changed what readers see.
        held: table -> why its newest passed version is not part of the state.
    """

    publication_id: str
    published_at: str
    versions: dict[str, int]
    rows: dict[str, int]
    changed: bool
    held: dict[str, str] = field(default_factory=dict)


def publish(home: Path, *, registry: Registry | None = None, wait_s: float = 60.0) -> Publication:
    """Publishes the newest passed version of every table; the same versions again change nothing.

    A version that would leave a foreign key pointing to nothing is held back: readers keep the table's published
    version, and all other tables go on. `Publication.held` says which and why.

    Raises:
        NothingAuditedError: no version passed its audit.
        StoreError: a view fails, a held lock, a full disk; the old state stays.
    """
    home, declared = Path(home).resolve(), _registry(registry)
    with lock(home, wait_s=wait_s):
        _sweep(home)
        current = publication_id(home)
        wanted, held = _pinned(home, declared, manifests.read(home, current) if current else None)
        if not wanted["tables"]:
            what = "; ".join(held.values()) or "no audited version"
            raise NothingAuditedError(f"{what} in {home}: run `matloom run`")
        known = manifests.find(home, wanted["publication_id"])
        body = {**wanted, "published_at": known["published_at"]} if known else wanted
        if known == body and current == body["publication_id"]:
            return _publication(body, changed=False, held=held)
        return _swap(home, body, declared, held=held)


def rollback(home: Path, *, to: str, registry: Registry | None = None, wait_s: float = 60.0) -> Publication:
    """Publishes an earlier state again and withdraws what came later.

    Later publications and later versions of their tables are not published again and not built on, until a new version
    passes.

    Args:
        home: the warehouse.
        to: publication id or its beginning, as `history` lists it.
        registry: declarations; all if not given.
        wait_s: how long to wait for a writer, in seconds.

    Raises:
        InputError: no such publication, or an ambiguous beginning.
        StoreError: a file of that state is gone or damaged.
    """
    home, declared = Path(home).resolve(), _registry(registry)
    with lock(home, wait_s=wait_s):
        known = manifests.every(home)
        found = [m for m in known if m["publication_id"].startswith(to)] if to else []
        if len(found) != 1:
            raise InputError.of(
                f"{len(found) or 'no'} publications {to!r}", home, "name one id that `matloom history` lists"
            )
        target = {**found[0], "withdrawn": False, "home": str(home)}
        broken = _file_defects(home, target)
        if broken:
            raise StoreError.of(
                f"{len(broken)} missing or damaged files (first: {broken[0]})", home, "choose another publication"
            )
        result, ledger = _swap(home, target, declared), Ledger(home)
        for table in declared:
            ledger.withdraw(table.name, after=target["tables"].get(table.name, {}).get("version"))
        for later in known:
            if later["published_at"] > target["published_at"] and not later["withdrawn"]:
                manifests.write(home, {**later, "withdrawn": True})
        return result


def history(home: Path, table: str | None = None, *, registry: Registry | None = None) -> list[dict[str, Any]]:
    """The published states, newest first, or the versions of one table with the states that hold them.

    Raises:
        InputError: no table of that name.
    """
    current = publication_id(home)
    known = manifests.every(home)[::-1]
    if table is None:
        return [
            {
                "publication_id": m["publication_id"],
                "published_at": m["published_at"],
                "tables": len(m["tables"]),
                "rows": sum(t["rows"] for t in m["tables"].values()),
                "withdrawn": m["withdrawn"],
                "current": m["publication_id"] == current,
            }
            for m in known
        ]
    from warehouse.store import Store

    versions = Store(Path(home), registry=registry).versions(table).to_dicts()
    held = [(m["tables"].get(table, {}).get("version"), m["publication_id"]) for m in known]
    return [{**v, "published_in": [i for held_version, i in held if held_version == v["version"]]} for v in versions]


def verify(home: Path, *, registry: Registry | None = None) -> list[str]:
    """Every defect of the published state, as one line each; an empty list means that all is well.

    Looks at each file's presence, size and SHA-256, each view, each declared check and each foreign key.

    Raises:
        StoreError: nothing is published.
    """
    home, declared = Path(home).resolve(), _registry(registry)
    with connected(home) as connection:
        found = connection.execute("SELECT publication_id FROM main.publication").fetchone()
        body = manifests.read(home, str(found[0]) if found else "")
        defects = _file_defects(home, body)
        if defects:
            return defects
        orphans = [why for _, _, why in _orphans(connection, body, declared)]
        return [*_view_defects(connection, body, declared), *orphans]


def _registry(given: Registry | None) -> Registry:
    if given is not None:
        return given
    from schemas.tables import REGISTRY

    return REGISTRY


def _sweep(home: Path) -> None:
    """Removes what a killed publication left behind."""
    for path in [
        *home.glob(f".{CATALOG}.*"),
        *(home / "publications").glob(".*.part"),
        *(home / "ledger").glob(".*.part"),
    ]:
        path.unlink(missing_ok=True)


def _pinned(home: Path, declared: Registry, published: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, str]]:
    """The manifest of the state that should be published, and what had to be held back for it."""
    from warehouse.store import Store

    store, ledger = Store(home, registry=declared), Ledger(home)
    sums = {f["path"]: f for m in manifests.every(home) for t in m["tables"].values() for f in t["files"]}
    tables: dict[str, Any] = {}
    for table in declared:
        version = None if table.name == _OWN else ledger.passed_version(table.name)
        if version is None:
            continue
        files = [_file(home, path, sums) for path in store.files(table.name, version=version)]
        tables[table.name] = {"version": version, "files": files, "rows": sum(f["rows"] for f in files)}
    before = published["tables"] if published else {}
    held = _hold_back(home, tables, before, declared) if tables != before else {}
    content = {n: [t["version"], [f["path"] for f in t["files"]]] for n, t in tables.items()}
    return {
        "publication_id": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16],
        "published_at": now(),
        "withdrawn": False,
        "home": str(home),
        "declarations": {t.name: t.fingerprint() for t in declared},
        "tables": tables,
    }, held


def _hold_back(home: Path, tables: dict[str, Any], before: dict[str, Any], declared: Registry) -> dict[str, str]:
    """Puts the published version in the place of each version that breaks a foreign key; changes `tables`.

    The published state held together, so this ends: at the latest when every table is as it was. The table that refers
    steps back first; where it cannot, because it is as published, the table it refers to has lost rows and steps back.
    """
    held: dict[str, str] = {}
    with duckdb.connect(":memory:") as connection:
        while True:
            for table in declared:
                if table.name in tables:
                    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {emitted.quoted(table.layer)}")
                    connection.execute(_view(home, tables[table.name], table))
            broken = _orphans(connection, {"tables": tables}, declared)
            pairs = [(name, why) for own, other, why in broken for name in (own, other)]
            step = next(((name, why) for name, why in pairs if tables.get(name) != before.get(name)), None)
            if step is None:
                return held
            name, why = step
            held[name] = why
            if name in before:
                tables[name] = before[name]
            else:
                del tables[name]


def _file(home: Path, path: Path, known: dict[str, Any]) -> dict[str, Any]:
    """A file's entry; Parquet files never change, so each is read once."""
    from pyarrow import parquet

    relative, size = str(path.relative_to(home)), path.stat().st_size
    if relative in known and known[relative]["bytes"] == size:
        return dict(known[relative])
    with parquet.ParquetFile(path) as file:
        rows, columns = file.metadata.num_rows, list(file.schema_arrow.names)
    return {"path": relative, "bytes": size, "sha256": _sha256(path), "rows": rows, "columns": columns}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _swap(home: Path, body: dict[str, Any], declared: Registry, *, held: dict[str, str] | None = None) -> Publication:
    """Builds the catalog aside, tries it, keeps the manifest and renames the catalog into place."""
    aside = home / f".{CATALOG}.{os.getpid()}.part"
    try:
        with duckdb.connect(str(aside)) as connection:
            connection.begin()
            for statement in _statements(home, body, declared):
                connection.execute(statement)
            connection.commit()
            connection.execute("CHECKPOINT")
        # Opened again, because what counts is what reached the disk.
        with duckdb.connect(str(aside), read_only=True) as connection:
            defects = _view_defects(connection, body, declared, deep=False)
        if defects:
            raise StoreError.of(
                f"{len(defects)} defects (first: {defects[0]})", home, "mend the tables; the old state is kept"
            )
        with aside.open("rb+") as file:
            os.fsync(file.fileno())
        manifests.write(home, body)
        aside.replace(home / CATALOG)
    except (duckdb.Error, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise StoreError.of(
            f"cannot publish ({first[:200]})", home, "make room or mend the tables; the old state is kept"
        ) from error
    finally:
        for path in home.glob(f"{aside.name}*"):
            path.unlink(missing_ok=True)
    return _publication(body, changed=True, held=held or {})


def _statements(home: Path, body: dict[str, Any], declared: Registry) -> Iterator[str]:
    for layer in dict.fromkeys(t.layer for t in declared):
        yield f"CREATE SCHEMA IF NOT EXISTS {emitted.quoted(layer)}"
    for table in declared:
        own = table.name == _OWN
        yield _own_view(home, body, table) if own else _view(home, body["tables"].get(table.name), table)
        yield from emitted.comments_sql(table)
    values = ", ".join(emitted.literal(body[k]) for k in ("publication_id", "published_at", "home"))
    yield f"CREATE VIEW main.publication AS SELECT * FROM (VALUES ({values})) AS p(publication_id, published_at, home)"


def _view(home: Path, pinned: dict[str, Any] | None, table: Table) -> str:
    files = pinned["files"] if pinned else []
    present = {c for f in files for c in f["columns"]}
    return emitted.view_sql(table, [str(home / f["path"]) for f in files], present=present)


def _own_view(home: Path, body: dict[str, Any], table: Table) -> str:
    others = [m for m in manifests.every(home) if m["publication_id"] != body["publication_id"]]
    states = sorted([*others, body], key=lambda m: str(m["published_at"]))
    rows = ", ".join(
        "("
        + ", ".join(
            (
                emitted.literal(m["publication_id"]),
                emitted.literal(m["published_at"]),
                str(len(m["tables"])),
                str(sum(t["rows"] for t in m["tables"].values())),
                emitted.literal(json.dumps({n: t["version"] for n, t in m["tables"].items()})),
                str(m["withdrawn"]).lower(),
            )
        )
        + ")"
        for m in states
    )
    columns = ", ".join(
        f"CAST({emitted.quoted(c.name)} AS {emitted.TYPES[c.type]}) AS {emitted.quoted(c.name)}" for c in table.columns
    )
    names = "publication_id, published_at, table_count, row_count, table_versions, withdrawn"
    return f"CREATE VIEW {emitted.quoted(table.name)} AS SELECT {columns} FROM (VALUES {rows}) AS p({names})"


def _file_defects(home: Path, body: dict[str, Any]) -> list[str]:
    defects = []
    for name, pinned in body["tables"].items():
        for file in pinned["files"]:
            path = home / file["path"]
            if not path.is_file():
                defects.append(f"missing file {file['path']} in {name}: restore it or roll back")
            elif path.stat().st_size != file["bytes"] or _sha256(path) != file["sha256"]:
                defects.append(f"changed file {file['path']} in {name}: restore it or roll back")
    return defects


def _view_defects(
    connection: duckdb.DuckDBPyConnection, body: dict[str, Any], declared: Registry, *, deep: bool = True
) -> list[str]:
    """Views that fail or have another number of rows than stored; with `deep`, declared checks that rows break."""
    defects = []
    for table in declared:
        name = emitted.quoted(table.name)
        try:
            connection.execute(f"SELECT * FROM {name} LIMIT 1").fetchall()
            if table.name == _OWN:
                continue
            count, expected = (
                _count(connection, f"SELECT count(*) FROM {name}"),
                body["tables"].get(table.name, {"rows": 0})["rows"],
            )
            if count != expected:
                defects.append(f"{count} rows instead of {expected} in {table.name}: restore the files or roll back")
            for check in checks(table) if deep else [c for c in checks(table) if c.kind == "key"]:
                failing = _count(connection, emitted.violations_sql(table, check))
                if failing:
                    defects.append(
                        f"{failing} rows break '{check.name}' in {table.name}: mend them and run the asset again"
                    )
        except duckdb.Error as error:
            defects.append(f"failing view ({str(error).splitlines()[0][:160]}) in {table.name}: run `matloom publish`")
    return defects


def _orphans(
    connection: duckdb.DuckDBPyConnection, body: dict[str, Any], declared: Registry
) -> list[tuple[str, str, str]]:
    """Foreign keys that point to nothing: who refers, to whom, and how many rows; absent tables are not looked up."""
    defects = []
    for table in declared:
        for index, foreign in enumerate(table.foreign_keys):
            if table.name not in body["tables"] or foreign.table not in body["tables"]:
                continue
            failing = _count(connection, emitted.orphans_sql(table, index))
            if failing:
                where = f"{table.name} ({', '.join(foreign.columns)})"
                why = f"{failing} rows without their {foreign.table} in {where}: run both assets again"
                defects.append((table.name, foreign.table, why))
    return defects


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    found = connection.execute(sql).fetchone()
    return int(found[0]) if found else 0


def _publication(body: dict[str, Any], *, changed: bool, held: dict[str, str] | None = None) -> Publication:
    return Publication(
        publication_id=body["publication_id"],
        published_at=body["published_at"],
        versions={n: t["version"] for n, t in body["tables"].items()},
        rows={n: t["rows"] for n, t in body["tables"].items()},
        changed=changed,
        held=held or {},
    )
