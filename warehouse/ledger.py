"""Small files beside the tables: the writers' lock, and the ledger of versions, verdicts and fingerprints.

Every file is JSON, written aside and renamed, so a reader sees the old or the new one. Tables are in `store`.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from schemas.errors import MatloomError


class StoreError(MatloomError):
    """The warehouse could not do its work: a held lock, a full disk, too many rejected rows, a damaged file."""

    @classmethod
    def of(cls, what: str, where: object, remedy: str) -> "StoreError":
        """Builds the error from its three parts, on one line."""
        return cls(" ".join(f"{what} in {where}: {remedy}".split()))


def now() -> str:
    """The time as ISO text, UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


@contextmanager
def lock(home: Path, *, wait_s: float = 60.0) -> Iterator[None]:
    """Holds the home's one writers' lock; the kernel releases it when the process dies.

    Raises:
        StoreError: another writer held it for longer than `wait_s`, or the folder cannot be written.
    """
    path = home / "lock"
    deadline = time.monotonic() + wait_s
    try:
        home.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b", buffering=0)
    except OSError as error:
        raise StoreError.of(f"cannot write ({error.strerror})", home, "choose a folder you may write to") from error
    with file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    file.seek(0)
                    holder = (file.read(40) or b"").decode("ascii", "replace").strip() or "unknown"
                    raise StoreError.of(
                        f"another writer (process {holder}) holds the lock",
                        home,
                        "wait for it or stop it, then try again",
                    ) from None
                time.sleep(0.02)
        with suppress(OSError):  # the name of the holder is a courtesy: a full disk is reported by the write itself
            file.truncate(0)
            file.write(str(os.getpid()).encode())
        yield


def write_json(path: Path, value: Any) -> None:
    """Writes JSON aside, flushes and renames.

    Raises:
        StoreError: the disk is full or the folder cannot be written.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise StoreError.of(f"cannot write ({error.strerror})", path, "make room on the disk and try again") from error


def read_json(path: Path) -> Any:
    """The value in a JSON file; None where there is no file.

    Raises:
        StoreError: the file is not JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StoreError.of("unreadable JSON", path, "delete it and run the assets again") from error


def table_folder(home: Path, name: str) -> Path:
    """Where the Delta table of that name is kept."""
    layer, short = name.split(".")
    return home / "tables" / layer / short


def latest_version(home: Path, name: str) -> int | None:
    """The newest committed version of a table; None where it has none. Reads file names only."""
    log = table_folder(home, name) / "_delta_log"
    if not log.is_dir():
        return None
    return max((int(p.stem) for p in log.glob("*.json") if p.stem.isdecimal()), default=None)


class Ledger:
    """What is remembered of each table beside its data: last write, verdicts by version, versions rolled back.

    Args:
        home: the folder of the warehouse.
    """

    def __init__(self, home: Path) -> None:
        self.home = home

    def entry(self, name: str) -> dict[str, Any]:
        """The entry of a table: `written`, `verdicts` and `withdrawn`."""
        kept = read_json(self._path(name)) or {}
        return {"table": name, "written": None, "verdicts": {}, "withdrawn": [], **kept}

    def record_write(
        self, name: str, *, version: int, rows: int, fingerprint: str | None, declaration: str, fresh: bool
    ) -> None:
        """Remembers a finished write; `fresh` forgets verdicts about a table that was there before."""
        entry = self.entry(name)
        if fresh:
            entry["verdicts"], entry["withdrawn"] = {}, []
        same = {"version": version, "rows": rows, "fingerprint": fingerprint, "declaration": declaration}
        written = entry["written"] or {}
        if all(written.get(k) == v for k, v in same.items()):
            return
        entry["written"] = {**same, "at": now()}
        write_json(self._path(name), entry)

    def record_verdict(
        self, name: str, *, version: int, passed: bool, fingerprint: str | None, declaration: str
    ) -> None:
        """Remembers the verdict on a version; a later verdict on the same version replaces it."""
        entry = self.entry(name)
        written = entry["written"] or {}
        if fingerprint is None and written.get("version") == version:
            fingerprint = written.get("fingerprint")
        found = {"passed": passed, "fingerprint": fingerprint, "declaration": declaration}
        known = entry["verdicts"].get(str(version)) or {}
        if all(known.get(k, ...) == v for k, v in found.items()):
            return
        entry["verdicts"][str(version)] = {**found, "at": now()}
        write_json(self._path(name), entry)

    def withdraw(self, name: str, *, after: int | None) -> None:
        """Marks every version newer than `after` (None: every one) as rolled back, and `after` as not."""
        latest = latest_version(self.home, name)
        if latest is None:
            return
        entry, first = self.entry(name), -1 if after is None else after
        withdrawn = sorted({*(v for v in entry["withdrawn"] if v < first), *range(first + 1, latest + 1)})
        if withdrawn != entry["withdrawn"]:
            write_json(self._path(name), {**entry, "withdrawn": withdrawn})

    def passed_version(self, name: str) -> int | None:
        """The newest version that passed and was not rolled back.

        Versions of meta tables pass until a verdict says otherwise.
        """
        latest = latest_version(self.home, name)
        if latest is None:
            return None
        entry = self.entry(name)
        passed = {int(v) for v, found in entry["verdicts"].items() if found["passed"] and int(v) <= latest}
        if _is_meta(name):
            passed |= {v for v in range(latest + 1) if str(v) not in entry["verdicts"]}
        return max(passed - set(entry["withdrawn"]), default=None)

    def base_version(self, name: str) -> int | None:
        """The version that the next write builds on: the newest, or the last that passed if that one was refused.

        Meta tables are logs: what was rolled back stays in them.
        """
        latest = latest_version(self.home, name)
        if latest is None:
            return None
        entry = self.entry(name)
        failed = self.failed(name, latest)
        withdrawn = latest in entry["withdrawn"] and not _is_meta(name)
        return self.passed_version(name) if failed or withdrawn else latest

    def failed(self, name: str, version: int) -> bool:
        """Whether the version failed its audit."""
        return not self.entry(name)["verdicts"].get(str(version), {"passed": True})["passed"]

    def fingerprints(self, name: str, *, declaration: str) -> set[str]:
        """Fingerprints of inputs that need no new build: those of the version to build on and of what was rolled back.

        What was rolled back is not built again from the same inputs: that would undo the rollback.
        """
        entry, base = self.entry(name), self.base_version(name)
        if base is None:
            return set()
        settled = {base, *entry["withdrawn"]}
        found = [entry["verdicts"].get(str(version)) for version in settled]
        return {
            str(v["fingerprint"])
            for v in found
            if v and v["passed"] and v["declaration"] == declaration and v["fingerprint"] is not None
        }

    def _path(self, name: str) -> Path:
        return self.home / "ledger" / f"{name}.json"


def _is_meta(name: str) -> bool:
    return name.startswith("meta.")
