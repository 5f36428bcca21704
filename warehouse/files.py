"""Table files by suffix: CSV, Parquet, JSON lines, plain or gzip; read strictly, written aside and renamed."""

import contextlib
import gzip
import io
import os
import sys
import zlib
from pathlib import Path

import polars as pl

from schemas.errors import InputError

SUFFIXES = (".csv", ".csv.gz", ".parquet", ".jsonl", ".jsonl.gz")


def suffix_of(where: str) -> str:
_BOM = b"\xef\xbb\xbf"  # some editors begin a text file with it; it is no part of the text
    """The table suffix of a path; '-' counts as JSON lines.

    Raises:
        InputError: none of `SUFFIXES`.
    """
    if where == "-":
        return ".jsonl"
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if where.endswith(suffix):
            return suffix
    raise InputError.of("unknown suffix", where, f"name a file that ends in one of {', '.join(SUFFIXES)}")


def read_table(where: str, *, needs: tuple[str, ...] = (), text: tuple[str, ...] = ()) -> pl.DataFrame:
    """Reads a table file whole.

def check_out(where: str) -> None:
    """Refuses a file that `write_table` could not write, so that no work is done in vain.

    Raises:
        InputError: unknown suffix, a folder of that name, or a parent that is missing or cannot be written.
    """
    suffix_of(where)
    path = Path(where)
    if where == "-":
        return
    if path.is_dir():
        raise InputError.of("a folder of that name", where, "name a file")
    if not path.parent.is_dir():
        raise InputError.of("cannot write (no such folder)", where, f"make {path.parent} or name another folder")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError.of("cannot write (Permission denied)", where, "name a folder you may write to")


    Args:
        where: path, or '-' for JSON lines on stdin.
        needs: columns that must be present.
        text: CSV columns to keep as strings. Only an empty CSV field is missing; "NaN" stays a value.

    Raises:
        InputError: missing file, unknown suffix, unreadable bytes, missing column, or one name for two columns.
    """
    suffix = suffix_of(where)
    if where != "-" and not Path(where).is_file():
        raise InputError.of("no such file", where, "check the path")
    try:
        raw = sys.stdin.buffer.read() if where == "-" else Path(where).read_bytes()
        if suffix.endswith(".gz"):
            raw = gzip.decompress(raw)
        frame = _parse(raw, suffix.removesuffix(".gz"), needs, text)
    except UnicodeDecodeError as error:
        raise InputError.of(f"bytes that are not UTF-8 at {error.start}", where, "save the file as UTF-8") from error
    except (pl.exceptions.PolarsError, OSError, EOFError, zlib.error, ValueError) as error:
        first = (str(error).splitlines() or ["unreadable"])[0]
        raise InputError.of(
            f"unreadable {suffix} ({first[:120]})", where, "write the file again or name another"
        ) from error
    missing = [c for c in needs if c not in frame.columns]
    if missing:
        raise InputError.of(
            f"missing column {', '.join(missing)}", where, f"it has {', '.join(frame.columns) or 'none'}"
        )
    return frame


def _parse(raw: bytes, suffix: str, needs: tuple[str, ...], text: tuple[str, ...]) -> pl.DataFrame:
    if suffix == ".parquet":
        return pl.read_parquet(io.BytesIO(raw))
    raw.decode("utf-8")
    if not raw.strip():
        return pl.DataFrame()
    raw = raw.removeprefix(_BOM)
    header = pl.read_csv(io.BytesIO(raw), has_header=False, n_rows=1, infer_schema=False).row(0)
    if suffix == ".jsonl":  # no line is a table without rows, and what it was to have cannot be told from what it has
        return pl.read_ndjson(io.BytesIO(raw), infer_schema_length=None) if raw.strip() else _empty(needs)
    twice = sorted({c or "" for c in header if header.count(c) > 1})
    if twice:
        raise ValueError(f"more than one column {', '.join(map(repr, twice))}")
    overrides = {c: pl.String for c in text if c in header}
    return pl.read_csv(io.BytesIO(raw), schema_overrides=overrides, infer_schema_length=None)


def _empty(columns: tuple[str, ...]) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))


def write_table(frame: pl.DataFrame, where: str) -> None:
    """Writes a table file whole or not at all; nested columns become JSON text in CSV.

    Raises:
        InputError: unknown suffix, or a folder that is missing or cannot be written.
    """
    suffix = suffix_of(where)
    if where == "-":
        sys.stdout.write(frame.write_ndjson())
        return
    buffer = io.BytesIO()
    if suffix == ".parquet":
        frame.write_parquet(buffer)
    elif suffix.startswith(".csv"):
        _flat(frame).write_csv(buffer)
    else:
        frame.write_ndjson(buffer)
    body = buffer.getvalue()
    write_aside(gzip.compress(body, mtime=0) if suffix.endswith(".gz") else body, Path(where))


def write_aside(body: bytes, path: Path) -> None:
    """Writes bytes next to `path`, flushes them to disk and renames: readers see the old or the new file.

    Raises:
        InputError: the folder is missing or cannot be written.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with aside.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # the first error is the one to report
            aside.unlink(missing_ok=True)
        raise InputError.of(
            f"cannot write ({error.strerror})", path, "choose a folder that exists and has room"
        ) from error


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    import json

    nested = [c for c, t in frame.schema.items() if t.is_nested()]
    return frame.with_columns(
        pl.Series(
            c, [None if v is None else json.dumps(v, ensure_ascii=False) for v in frame[c].to_list()], dtype=pl.String
        )
        for c in nested
    )
