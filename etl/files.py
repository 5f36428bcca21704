"""Small files that someone may read while they are written. Tables are written by `warehouse`."""

import os
from pathlib import Path

from schemas.errors import InputError


def write_whole(text: str, path: Path) -> None:
    """Writes a file aside and renames it: readers see the old or the new one.

    Raises:
        InputError: it cannot be written.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        aside.write_text(text, "utf-8")
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise InputError.of(
            f"cannot write ({error.strerror})", path, "name a folder that exists and has room"
        ) from error
