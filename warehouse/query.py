"""Read-only SQL on the published catalog, and what is known of tables without opening them.

Imports DuckDB and nothing else heavy: `matloom query` and `matloom status` must start in a blink.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from schemas.errors import InputError
from warehouse import manifests
from warehouse.ledger import Ledger, StoreError, latest_version

if TYPE_CHECKING:
    import polars as pl

    from schemas.core import Column, Registry

CATALOG = "warehouse.duckdb"
THREADS, MEMORY_GIB = 8, 8  # the most that one reader takes of a machine; half its memory where that is less

_UNHELD = {"interval", "union", "variant", "bignum"}  # DuckDB's types that polars has not

FINISHED = ("accepted", "calculation_failed", "rejected")  # states of models.evaluators that nothing follows
_WAITING = f"""
WITH last AS (SELECT problem, batch_id, candidate_id, arg_max(state, sequence) AS state
              FROM design.events GROUP BY ALL)
SELECT p.batch_id, p.problem, coalesce(last.state, 'proposed') AS state, count(*) AS candidates,
       strftime(min(p.proposed_at) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS since
FROM design.proposals AS p LEFT JOIN last USING (problem, batch_id, candidate_id)
     JOIN design.candidates AS c USING (problem, candidate_id)
WHERE NOT c.retired AND coalesce(last.state, 'proposed') NOT IN {FINISHED}
GROUP BY ALL ORDER BY ALL"""


def query(home: Path, sql: str) -> "pl.DataFrame":
    """Runs one read-only statement on the published state.

    SQL reads the views, the files of the published state and the catalog, and nothing else: no older or refused
    version, no log, no folder, no network; no setting can be changed, and a writer may run at the same time. It may
    learn where things lie, for a view names its files: duckdb_views(), duckdb_databases(), duckdb_settings() and
    main.publication show paths of the home and of DuckDB's own folders, of which none can be opened but the above.

    Raises:
        InputError: SQL that is wrong, that would do anything but read, or with values that no table file holds.
        StoreError: nothing is published yet, or a published file is damaged.
    """
    with connected(home) as connection, _explained(home):
        found = connection.sql(_checked(sql))
        for name, kind in zip(found.columns, found.types, strict=True):
            unheld = _UNHELD & set(_kinds(kind))
            if unheld:
                raise InputError.of(f"column {name} of type {unheld.pop().upper()}", "the SQL", "cast it to VARCHAR")
        return found.pl()


def rows(home: Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """`query` as column names and plain tuples, without polars; same errors, but for values that no table file holds.

    A name that comes again is numbered as `query` does: a, a_1, a_2.
    """
    with connected(home) as connection, _explained(home):
        cursor = connection.execute(_checked(sql))
        return _numbered([d[0] for d in cursor.description or []]), cursor.fetchall()


@contextmanager
def connected(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A locked-down connection to the published catalog.

    The catalog is attached to a private in-memory database, so a reader never blocks a publication and sees one state.

    Raises:
        StoreError: nothing is published yet, or the catalog cannot be opened.
    """
    catalog = Path(home).resolve() / CATALOG
    if not catalog.is_file():
        raise StoreError.of("nothing published", home, "run `matloom run`, or `matloom publish` after an audit")
    connection = duckdb.connect(":memory:")
    try:
        try:
            connection.execute(f"ATTACH {_text(str(catalog))} AS warehouse (READ_ONLY)")
            connection.execute("USE warehouse")
            for setting, value in _limits(connection, catalog.parent).items():
                connection.execute(f"SET {setting} = {value}")
        except duckdb.Error as error:
            raise StoreError.of(f"unreadable catalog ({_first(error)})", catalog, "run `matloom publish`") from error
        yield connection
    finally:
        connection.close()


def publication_id(home: Path) -> str | None:
    """The id of the published state; None where nothing is published."""
    if not (Path(home) / CATALOG).is_file():
        return None
    found = rows(home, "SELECT publication_id FROM main.publication")[1]
    return str(found[0][0]) if found else None


def status(home: Path, *, registry: "Registry | None" = None) -> dict[str, Any]:
    """What is stored and published, over one connection.

    Returns:
        publication_id: None where nothing is published.
        tables: one record a declared table: table, rows, version, published_version, last_check, passed, age_h.
        batches: published batches that have no outcome yet: batch_id, problem, state, candidates, since.
    """
    current, batches = None, []
    if (Path(home) / CATALOG).is_file():
        with connected(home) as connection, _explained(home):
            current = str(connection.execute("SELECT publication_id FROM main.publication").fetchall()[0][0])
            found = connection.execute(_WAITING)
            columns = [d[0] for d in found.description or []]
            batches = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    return {"publication_id": current, "tables": _tables(home, current, _registry(registry)), "batches": batches}


def describe(home: Path, table: str | None = None, *, registry: "Registry | None" = None) -> dict[str, Any]:
    """The data dictionary with what is stored: all tables in short, or one table in full.

    Raises:
        InputError: no table of that name.
    """
    declared = _registry(registry)
    if table is None:
        short = {s["table"]: s for s in _tables(home, publication_id(home), declared)}
        return {
            "tables": [
                {
                    "table": t.name,
                    "doc": t.doc,
                    "grain": t.grain,
                    "rows": short[t.name]["rows"],
                    "version": short[t.name]["version"],
                }
                for t in declared
            ]
        }
    if table not in declared:
        raise InputError.of(
            f"no table {table}", "the declarations", f"name one of {', '.join(t.name for t in declared)}"
        )
    from schemas.rules import describe as phrase

    found = declared[table]
    state = next(s for s in _tables(home, publication_id(home), declared) if s["table"] == table)
    return {
        "table": found.name,
        "doc": found.doc,
        "grain": found.grain,
        "key": list(found.key),
        "foreign_keys": [
            f"{', '.join(f.columns)} -> {f.table} ({', '.join(f.references)})" for f in found.foreign_keys
        ],
        "row_rules": [phrase(r) for r in found.row_rules],
        "usage_warnings": list(found.usage_warnings),
        "licence_column": found.licence_column,
        **{k: state[k] for k in ("rows", "version", "published_version", "passed")},
        "columns": [_column(c) for c in found.columns],
    }


def _column(declared: "Column") -> dict[str, Any]:
    """A column in the data dictionary."""
    from schemas.rules import describe as phrase

    return {
        "column": declared.name,
        "type": declared.type.value,
        "unit": declared.unit,
        "nullable": declared.nullable,
        "doc": declared.doc,
        "rules": [phrase(r) for r in declared.rules],
    }


def _tables(home: Path, current: str | None, declared: "Registry") -> list[dict[str, Any]]:
    pinned = manifests.read(home, current)["tables"] if current else {}
    ledger = Ledger(Path(home))
    found = []
    for table in declared:
        version = latest_version(Path(home), table.name)
        entry = ledger.entry(table.name)
        written = entry["written"] or {}
        checked = entry["verdicts"].get(str(version)) or {}
        found.append(
            {
                "table": table.name,
                "rows": written.get("rows") if written.get("version") == version else None,
                "version": version,
                "published_version": (pinned.get(table.name) or {}).get("version"),
                "last_check": checked.get("at"),
                "passed": checked.get("passed"),
                "age_h": _age_h(written.get("at")),
            }
        )
    return found


def _registry(given: "Registry | None") -> "Registry":
    if given is not None:
        return given
    from schemas.tables import REGISTRY

    return REGISTRY


def _checked(sql: str) -> str:
    """The statement, if it is one that only reads."""
    statements = duckdb.extract_statements(sql)
    if len(statements) != 1:
        raise InputError.of(f"{len(statements)} statements", "the SQL", "give exactly one")
    kind = statements[0].type
    if kind != duckdb.StatementType.SELECT and not (kind == duckdb.StatementType.EXPLAIN and _only_explains(sql)):
        raise InputError.of(f"a statement of kind {kind.name}", "the SQL", "the catalog is read-only: use SELECT")
    return sql


def _only_explains(sql: str) -> bool:
    """Whether the word after EXPLAIN begins a query; EXPLAIN ANALYZE would carry out what follows."""
    starts = [at for at, _ in duckdb.tokenize(sql)]  # comments are no tokens
    return len(starts) > 1 and bool(re.match(rb"(select|from|with)\b", sql.encode()[starts[1] :], re.IGNORECASE))


def _kinds(kind: Any) -> Iterator[str]:
    """The names of a DuckDB type and of all types inside it."""
    yield kind.id
    if kind.id in ("list", "array", "struct", "map"):
        for _, inner in kind.children:
            if not isinstance(inner, int):  # an array's length
                yield from _kinds(inner)


def _numbered(names: list[str]) -> list[str]:
    """Distinct names, numbered as DuckDB does for a table file; it takes a and A for the same."""
    seen: dict[str, int] = {}
    found = []
    for given in names:
        name, count = given, seen.get(given.lower(), 0)
        while name.lower() in seen:
            name, count = f"{given}_{count}", count + 1
        seen[given.lower()] = max(count, 1)
        seen.setdefault(name.lower(), 1)
        found.append(name)
    return found


@contextmanager
def _explained(home: Path) -> Iterator[None]:
    try:
        yield
    except (duckdb.IOException, duckdb.InternalException) as error:
        raise _damaged(home, _first(error)) from error
    except duckdb.Error as error:
        # DuckDB looks for a folder in the place of a missing file, and is refused.
        said, files = _first(error), manifests.published_files(Path(home).resolve())
        missing = [p for p in files if f'"{p}/' in said and not p.exists()]
        if isinstance(error, duckdb.PermissionException) and missing:
            raise _damaged(home, f"{missing[0].name} is missing") from error
        raise InputError.of(said, "the SQL", "`matloom describe` lists tables and columns") from error


def _damaged(home: Path, what: str) -> StoreError:
    return StoreError.of(f"damaged file ({what})", home, "run `matloom verify`, then `matloom publish`")


def _limits(connection: duckdb.DuckDBPyConnection, home: Path) -> dict[str, str]:
    """What a reader may use, in the order in which it must be set.

    Files are allowed one by one, as the views name them: a home that was moved is published again before it is read.
    """
    found = connection.execute("SELECT publication_id, home FROM main.publication").fetchone()
    paths = manifests.files(Path(found[1]), manifests.read(home, str(found[0]))) if found else []
    memory = min(MEMORY_GIB * 2**30, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
    return {
        "threads": str(min(THREADS, os.cpu_count() or 1)),
        "memory_limit": f"'{memory // 2**20}MiB'",
        "temp_directory": "''",  # a reader writes nowhere
        "allowed_paths": f"[{', '.join(_text(str(p)) for p in paths)}]",
        "python_enable_replacements": "false",  # a name in SQL never means a variable of this program
        "enable_external_access": "false",
        "lock_configuration": "true",
    }


def _age_h(at: str | None) -> float | None:
    return None if at is None else round((datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds() / 3600, 2)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
