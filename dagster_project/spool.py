"""Answers of a service on disk until what they hold is landed, so that a killed ingest asks for no page twice.

They are thrown away once their rows are stored, when a window stops at a broken page, and when they are old: an answer
is worth keeping over a restart, not over a day.
"""

import hashlib
import os
import shutil
import time
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
    """A client that looks into its folder first; a request is known by its hash, so that no key is written down."""

    def __init__(self, client: "Client", folder: Path) -> None:
        self._client, self._folder = client, folder

    def get(self, *arguments: Any, **options: Any) -> bytes:
        """The body of a GET, as `etl.http.Client.get` gives it."""
        path = self._folder / hashlib.sha256(repr((arguments, sorted(options.items()))).encode()).hexdigest()[:32]
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

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@contextmanager
def kept(client: "Client | None", home: Path, window: "Window") -> "Iterator[tuple[Client | None, Callable[[], None]]]":
    """A client that keeps the answers of a window, and what to call once the rows so far are stored."""
    for old in (home / "spool").glob("*"):
        if time.time() - old.stat().st_mtime > OLD_S:
            shutil.rmtree(old, ignore_errors=True)
    folder = home / "spool" / hashlib.sha256(repr(window).encode()).hexdigest()[:16]

    def let_go() -> None:
        shutil.rmtree(folder, ignore_errors=True)

    try:
        yield (None if client is None else cast("Client", _Spool(client, folder))), let_go
    except MatloomError:  # the page that stopped the window is asked for again
        let_go()
        raise
