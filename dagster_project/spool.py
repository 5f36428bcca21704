"""Answers of a service on disk until what they hold is landed, so that a killed ingest asks for no page twice.

They are thrown away once their rows are stored, when a window stops at a broken page, and when they are old: an answer
is worth keeping over a restart, not over a day.
"""

import hashlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from schemas.errors import MatloomError

if TYPE_CHECKING:
    from etl.http import Client
    from etl.sources.windows import Window

OLD_S = 3600.0


class _Spool:
    """A client that looks into its folder first.

    A request is known by the hash of its address and by how often it was made: some services give every page under the
    same token. Secrets do not count.
    """

    def __init__(self, client: "Client", folder: Path) -> None:
        self._client, self._folder, self._times = client, folder, Counter[str]()

    def get(self, *arguments: Any, **options: Any) -> bytes:
        """The body of a GET, as `etl.http.Client.get` gives it."""
        asked = hashlib.sha256(repr(arguments).encode()).hexdigest()[:32]
        path = self._folder / f"{asked}.{self._times[asked]}"
        self._times[asked] += 1
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime < OLD_S:
                return path.read_bytes()
        body = self._client.get(*arguments, **options)
        aside = path.with_suffix(f".{os.getpid()}.part")
        with suppress(OSError):  # a courtesy: a full disk is reported by the write of the rows
            self._folder.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(body)
            aside.replace(path)
        return body

    def let_go(self) -> None:
        """Forgets what was asked so far."""
        self._times.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@contextmanager
def kept(client: "Client | None", home: Path, window: "Window") -> "Iterator[tuple[Client | None, Callable[[], None]]]":
    """A client that keeps the answers of a window, and what to call once the rows so far are stored."""
    if client is None:
        yield None, lambda: None
        return
    for old in (home / "spool").glob("*"):
        with suppress(FileNotFoundError):  # another ingest has just thrown its own away
            if time.time() - old.stat().st_mtime > OLD_S:
                shutil.rmtree(old, ignore_errors=True)
    spool = _Spool(client, home / "spool" / hashlib.sha256(repr(window).encode()).hexdigest()[:16])
    try:
        yield cast("Client", spool), spool.let_go
    except MatloomError:  # the page that stopped the window is asked for again
        spool.let_go()
        raise
