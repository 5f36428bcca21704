"""Delta tables by declared name: conform, compare, merge, read. No other module writes table data.

A write either commits one new Delta version or leaves everything as it was. Verdicts and fingerprints are kept by
`ledger`; what readers see is decided by `catalog`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import polars as pl

from schemas.core import Registry, Table
from schemas.emit import polars as emitted
from schemas.errors import InputError
from warehouse import content, manifests
from warehouse.ledger import Ledger, StoreError, latest_version, lock, table_folder

Mode = Literal["upsert", "replace"]
_LARGE = 100_000  # rows; MERGE took 4 GB for ten rows of a million
# Old versions stay readable until `Store.vacuum` is asked to remove them.
_CONFIGURATION = {"delta.logRetentionDuration": "interval 36500 days", "delta.enableDeletionVectors": "false"}


@dataclass(frozen=True, kw_only=True)
class WriteResult:
    """What a write did.

    Attributes:
        version: the version that holds what was written.
        rows: rows of that version.
        inserted: rows with a new key.
        updated: rows whose key was there with other values.
        deleted: rows that a `replace` removed.
        rejected: rows that broke a rule.
        changed: whether a new version was committed.
    """

    version: int
    rows: int
    inserted: int
    updated: int
    deleted: int
    rejected: int
    changed: bool


class Store:
    """The Delta tables under one home folder.

    Args:
        home: folder with `tables/`, `ledger/`, `publications/` and `warehouse.duckdb`; made when first written.
        registry: declarations; all of `schemas.tables` if not given.
        wait_s: how long a write waits for another writer, in seconds.
    """

    def __init__(self, home: Path, *, registry: Registry | None = None, wait_s: float = 60.0) -> None:
        if registry is None:
            from schemas.tables import REGISTRY

            registry = REGISTRY
        self.home = Path(home)
        self.registry = registry
        self.wait_s = wait_s
        self.ledger = Ledger(self.home)

    def write(
        self, name: str, frame: pl.DataFrame, *, mode: Mode = "upsert", fingerprint: str | None = None
    ) -> WriteResult:
        """Stores the good rows of a frame; nothing is committed when nothing but volatile columns changed.

        A version that failed its audit or was rolled back is not built on: its rows are gone after the next write.

        Args:
            name: declared table.
            frame: rows in the declared columns.
            mode: `upsert` merges by key; `replace` also removes rows that the frame does not have.
            fingerprint: hash of the inputs, see `knows`.

        Raises:
            InputError: undeclared table, or a frame without the declared columns and types.
            StoreError: too many rows rejected (only the rejections are kept), a held lock, a full disk.
        """
        table = self.declared(name)
        found = emitted.inspect(frame, table)
        with lock(self.home, wait_s=self.wait_s):
            self._keep_rejections(found.rejected)
            if found.rejected_rows > table.tolerance * frame.height:
                first = found.rejected.row(0, named=True)
                why = f"{first['column'] or 'row'} {first['rule']}"
                raise StoreError.of(
                    f"{found.rejected_rows} of {frame.height} rows rejected (first: {why})",
                    name,
                    "see meta.rejections; mend the rows or the rule; nothing was written",
                )
            return self._write(table, found.good, mode=mode, fingerprint=fingerprint, rejected=found.rejected_rows)

    def refuse(self, rejected: pl.DataFrame) -> None:
        """Keeps what was refused before it could become a row; nothing is committed where all of it is known.

        Args:
            rejected: columns of `schemas.emit.polars.REJECTED`.
        """
        if rejected.height:
            with lock(self.home, wait_s=self.wait_s):
                self._keep_rejections(rejected)

    def read(self, name: str, *, version: int | None = None) -> pl.DataFrame:
        """The rows of a table, sorted by key; no rows where nothing was written yet.

        Args:
            name: declared table.
            version: the newest if not given.

        Raises:
            InputError: no such table or version.
        """
        return self.scan(name, version=version).sort(self.declared(name).key).collect()

    def read_passed(self, name: str, /) -> pl.DataFrame:
        """The rows of the newest version that passed its audit, sorted by key; no rows where none ever did."""
        return self.scan_passed(name).sort(self.declared(name).key).collect()

    def scan_passed(self, name: str, /) -> pl.LazyFrame:
        """`read_passed` without sorting and lazily."""
        version = self.passed_version(name)
        return emitted.empty(self.declared(name)).lazy() if version is None else self.scan(name, version=version)

    def scan(self, name: str, *, version: int | None = None) -> pl.LazyFrame:
        """`read` without sorting and lazily."""
        return content.scan(self.declared(name), self.files(name, version=version))

    def current(self, name: str, *, among: pl.DataFrame | None = None) -> pl.DataFrame:
        """The rows that the next write builds on, unsorted; with `among` only those whose key that frame has.

        With `among` no more is held in memory than these rows and the table's keys.
        """
        table, base = self.declared(name), self.base_version(name)
        if base is None:
            return emitted.empty(table)
        if among is None:
            return self.scan(name, version=base).collect()
        return content.among(table, self.files(name, version=base), among)

    def rows(self, name: str, *, version: int | None = None) -> int:
        """How many rows a version has, as the ledger knows or the footers of its files say."""
        asked = self.version(name) if version is None else version
        written = self.ledger.entry(name)["written"] or {}
        if asked is not None and written.get("version") == asked:
            return int(written["rows"])
        return int(self.scan(name, version=version).select(pl.len()).collect().item())

    def version(self, name: str) -> int | None:
        """The newest version of a table; None where nothing was written yet."""
        return latest_version(self.home, self.declared(name).name)

    def versions(self, name: str) -> pl.DataFrame:
        """The versions of a table, newest first: `version`, `at`, `operation`, `passed` (null: not audited)."""
        shape: dict[str, Any] = {
            "version": pl.Int64,
            "at": pl.Datetime("us", "UTC"),
            "operation": pl.String,
            "passed": pl.Boolean,
        }
        if self.version(name) is None:
            return pl.DataFrame(schema=shape)
        verdicts = self.ledger.entry(name)["verdicts"]
        rows = [
            (
                h["version"],
                datetime.fromtimestamp(h["timestamp"] / 1000, UTC),
                h["operation"],
                (verdicts.get(str(h["version"])) or {}).get("passed"),
            )
            for h in self._delta(name).history()
        ]
        return pl.DataFrame(rows, schema=shape, orient="row").sort("version", descending=True)

    def files(self, name: str, *, version: int | None = None) -> list[Path]:
        """Exactly the Parquet files that make up a version, sorted."""
        if self.version(name) is None and version is None:
            return []
        folder = table_folder(self.home, name)
        delta = self._delta(name, version)
        return sorted(folder / Path(uri).name for uri in delta.file_uris())

    def record_verdict(self, name: str, version: int, *, passed: bool, fingerprint: str | None = None) -> None:
        """Remembers the outcome of the audit of a version; only passed versions are published.

        Args:
            name: declared table.
            version: the audited version.
            passed: no blocking check failed.
            fingerprint: hash of the inputs; the one given to `write` if not given.
        """
        table = self.declared(name)
        with lock(self.home, wait_s=self.wait_s):
            self.ledger.record_verdict(
                name, version=version, passed=passed, fingerprint=fingerprint, declaration=table.fingerprint()
            )

    def passed_version(self, name: str) -> int | None:
        """The newest version that passed its audit: the one to build on and to publish."""
        return self.ledger.passed_version(self.declared(name).name)

    def base_version(self, name: str) -> int | None:
        """The version that the next write builds on: the newest, or the last passed one if the newest was refused."""
        return self.ledger.base_version(self.declared(name).name)

    def knows(self, name: str, fingerprint: str) -> bool:
        """Whether an asset whose inputs have this fingerprint has nothing to do.

        True for the inputs of the version to build on, if it passed under today's declaration, and for the inputs of
        versions that were rolled back: only new inputs may take their place.
        """
        return fingerprint in self.ledger.fingerprints(name, declaration=self.declared(name).fingerprint())

    def vacuum(self, *, older_than_s: float = 3600.0, dry_run: bool = False) -> list[Path]:
        """Removes Parquet files of versions that nobody can go back to.

        Kept are the files of every publication that was not withdrawn, of the newest version of each table and of the
        one that the next write builds on.

        Args:
            older_than_s: files that are younger stay: a reader may just have been told of them.
            dry_run: only say what would be removed.

        Returns:
            The removed files. Older versions that used them can no longer be read.
        """
        removed: list[Path] = []
        with lock(self.home, wait_s=self.wait_s):
            horizon, wanted = datetime.now(UTC).timestamp() - older_than_s, manifests.published_files(self.home)
            for table in self.registry:
                kept = (self.passed_version(table.name), self.base_version(table.name), self.version(table.name))
                for version in {v for v in kept if v is not None}:
                    wanted |= set(self.files(table.name, version=version))
                for path in sorted(table_folder(self.home, table.name).glob("*.parquet")):
                    if path not in wanted and path.stat().st_mtime < horizon:
                        removed.append(path)
            for path in () if dry_run else removed:
                path.unlink()
        return removed

    def declared(self, name: str) -> Table:
        """The declaration of a table.

        Raises:
            InputError: no table of that name.
        """
        if name not in self.registry:
            known = ", ".join(sorted(t.name for t in self.registry))
            raise InputError.of(f"no table {name}", "the declarations", f"name one of {known}")
        return self.registry[name]

    def _delta(self, name: str, version: int | None = None) -> Any:
        from deltalake import DeltaTable

        with _trouble(name):
            latest = self.version(name)
            if latest is None or (version is not None and not 0 <= version <= latest):
                raise InputError.of(f"no version {version}", name, f"the newest is {latest}")
            return DeltaTable(table_folder(self.home, name), version=version)

    def _write(
        self, table: Table, good: pl.DataFrame, *, mode: Mode, fingerprint: str | None, rejected: int
    ) -> WriteResult:
        newest, base = self.version(table.name), self.base_version(table.name)
        moved = newest is not None and self._reshaped(table)
        light = mode == "upsert" and base is not None and base == newest and not moved
        current = None if base is None else self._stored(table, base, among=good if light else None)
        added, updated, gone = content.difference(good, current, table)
        deleted = gone if mode == "replace" else 0
        rows = (0 if base is None else self.rows(table.name, version=base)) + added.height - deleted
        if base is None or moved or added.height + updated.height + deleted:
            if light and not updated.height:
                version = self._append(table, added)
            elif light:
                version = self._merge(table, pl.concat([added, updated]))
            else:
                kept = [] if mode == "replace" or current is None else [current.join(good, on=table.key, how="anti")]
                version = self._overwrite(table, pl.concat([*kept, good]).sort(table.key), newest=newest, moved=moved)
        else:
            version = base
        changed = newest is None or version > newest
        self.ledger.record_write(
            table.name,
            version=version,
            rows=rows,
            fingerprint=fingerprint,
            declaration=table.fingerprint(),
            fresh=newest is None,
        )
        return WriteResult(
            version=version,
            rows=rows,
            inserted=added.height if changed else 0,
            updated=updated.height if changed else 0,
            deleted=deleted if changed else 0,
            rejected=rejected,
            changed=changed,
        )

    def _stored(self, table: Table, version: int, *, among: pl.DataFrame | None = None) -> pl.DataFrame:
        try:
            if among is None:
                return self.read(table.name, version=version)
            return content.among(table, self.files(table.name, version=version), among)
        except pl.exceptions.PolarsError as error:
            raise StoreError.of(
                "stored columns that the declaration does not fit",
                table.name,
                "remove the table's folder and run its asset again",
            ) from error

    def _reshaped(self, table: Table) -> bool:
        """Whether the stored columns are not the declared ones."""
        return content.columns(self._delta(table.name)) != content.columns(table)

    def _overwrite(self, table: Table, rows: pl.DataFrame, *, newest: int | None, moved: bool) -> int:
        from deltalake import write_deltalake

        if newest is not None and not moved and self.ledger.failed(table.name, newest):
            added, updated, gone = content.difference(rows, self._stored(table, newest), table)
            if not added.height + updated.height + gone:
                return newest  # what was refused came again: it is audited again, not stored again
        folder = table_folder(self.home, table.name)
        extra: dict[str, Any] = {"configuration": _CONFIGURATION} if newest is None else {"schema_mode": "overwrite"}
        with _trouble(table.name):
            folder.mkdir(parents=True, exist_ok=True)
            write_deltalake(folder, content.as_arrow(rows, table), mode="overwrite", name=table.name, **extra)
        return self._committed(table)

    def _append(self, table: Table, rows: pl.DataFrame) -> int:
        from deltalake import write_deltalake

        with _trouble(table.name):
            write_deltalake(table_folder(self.home, table.name), content.as_arrow(rows, table), mode="append")
        return self._committed(table)

    def _merge(self, table: Table, rows: pl.DataFrame) -> int:
        if self.rows(table.name) > _LARGE and content.replaceable(table):
            return self._put_in_place(table, rows)
        match = " AND ".join(f't."{k}" = s."{k}"' for k in table.key)
        with _trouble(table.name):
            delta = self._delta(table.name)
            merger = delta.merge(content.as_arrow(rows, table), predicate=match, source_alias="s", target_alias="t")
            merger.when_matched_update_all().when_not_matched_insert_all().execute()
        return self._committed(table)

    def _put_in_place(self, table: Table, rows: pl.DataFrame) -> int:
        """What MERGE does, for large tables, which it would hold in memory whole: replaces the rows with these keys."""
        from deltalake import write_deltalake

        named = ", ".join("'" + str(key).replace("'", "''") + "'" for key in rows[table.key[0]])
        with _trouble(table.name):
            write_deltalake(
                table_folder(self.home, table.name),
                content.as_arrow(rows, table),
                mode="overwrite",
                predicate=f'"{table.key[0]}" IN ({named})',
            )
        return self._committed(table)

    def _committed(self, table: Table) -> int:
        version = self.version(table.name)
        assert version is not None, table.name
        return version

    def _keep_rejections(self, rejected: pl.DataFrame) -> None:
        name = "meta.rejections"
        if not rejected.height or name not in self.registry:
            return
        table = self.registry[name]
        good = emitted.inspect(content.rejections(rejected, at=datetime.now(UTC)), table).good
        self._write(table, good, mode="upsert", fingerprint=None, rejected=0)


@contextmanager
def _trouble(name: str) -> Iterator[None]:
    """Turns what Delta and the file system raise into one line."""
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (DeltaError, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise StoreError.of(
            f"cannot commit ({first[:160]})",
            name,
            "make room on the disk, check its permissions and run again; the old state is kept",
        ) from error
