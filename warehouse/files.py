"""Table files by suffix: CSV, Parquet, JSON lines, plain or gzip; read strictly, written aside and renamed."""

import contextlib
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
import polars.selectors as cs

from schemas.errors import InputError

SUFFIXES = (".csv", ".csv.gz", ".parquet", ".jsonl", ".jsonl.gz")
_BOM = b"\xef\xbb\xbf"  # some editors begin a text file with it; it is no part of the text


def suffix_of(where: str) -> str:
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


def read_table(where: str, *, needs: tuple[str, ...] = (), text: tuple[str, ...] = ()) -> pl.DataFrame:
    """Reads a table file whole.

    Args:
        where: path, or '-' for JSON lines on stdin.
        needs: columns that must be present.
        text: CSV columns to keep as strings. Only an empty CSV field is missing; "NaN" stays a value. One that is
            needed holds no lists or objects in any file.

    Raises:
        InputError: missing file, unknown suffix, unreadable bytes, missing column, lists or objects where text is
            needed, or one name for two columns.
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
    return _checked(frame, where, needs, text)


def _checked(frame: pl.DataFrame, where: str, needs: tuple[str, ...], text: tuple[str, ...]) -> pl.DataFrame:
    missing = [c for c in needs if c not in frame.columns]
    if missing:
        raise InputError.of(
            f"missing column {', '.join(missing)}", where, f"it has {', '.join(frame.columns) or 'none'}"
        )
    nested = [c for c in needs if c in text and frame.schema[c].is_nested()]
    if nested:
        raise InputError.of(f"lists or objects in column {', '.join(nested)}", where, "give one text a row")
    return frame


def read_batches(
    where: str, *, needs: tuple[str, ...] = (), text: tuple[str, ...] = (), rows: int = 20_000
) -> Iterator[pl.DataFrame]:
    """`read_table` in parts; of a Parquet file only one part is in memory at a time.

    Args:
        where, needs, text: as of `read_table`.
        rows: of a part, at most. The first part comes even if it has no row, to show the columns.

    Raises:
        InputError: as `read_table`; unreadable bytes of a later part when it is reached.
    """
    if suffix_of(where) != ".parquet" or not Path(where).is_file():
        yield from _sliced(read_table(where, needs=needs, text=text), rows)
        return
    try:
        lazy = pl.scan_parquet(where, glob=False)
        yield _checked(pl.DataFrame(schema=lazy.collect_schema()), where, needs, text)
        yield from lazy.collect_batches(chunk_size=rows, maintain_order=True)
    except (pl.exceptions.PolarsError, OSError) as error:
        first = (str(error).splitlines() or ["unreadable"])[0]
        raise InputError.of(
            f"unreadable .parquet ({first[:120]})", where, "write the file again or name another"
        ) from error


def _sliced(frame: pl.DataFrame, rows: int) -> Iterator[pl.DataFrame]:
    yield frame.head(rows)
    yield from (frame.slice(start, rows) for start in range(rows, frame.height, rows))


def _parse(raw: bytes, suffix: str, needs: tuple[str, ...], text: tuple[str, ...]) -> pl.DataFrame:
    if suffix == ".parquet":
        return pl.read_parquet(io.BytesIO(raw))
    raw = raw.removeprefix(_BOM)
    raw.decode("utf-8")
    if suffix == ".jsonl":  # no line is a table without rows, and what it was to have cannot be told from what it has
        return pl.read_ndjson(io.BytesIO(raw), infer_schema_length=None) if raw.strip() else _empty(needs)
    if not raw.strip():
        return pl.DataFrame()
    header = pl.read_csv(io.BytesIO(raw), has_header=False, n_rows=1, infer_schema=False).row(0)
    twice = sorted({c or "" for c in header if header.count(c) > 1})
    if twice:
        raise ValueError(f"more than one column {', '.join(map(repr, twice))}")
    overrides = {c: pl.String for c in text if c in header}
    return pl.read_csv(io.BytesIO(raw), schema_overrides=overrides, infer_schema_length=None)


def _empty(columns: tuple[str, ...]) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))


def write_table(frame: pl.DataFrame, where: str) -> None:
    """Writes a table file whole or not at all.

    In text files bytes become hexadecimal digits; in CSV durations become ISO text, and nested columns JSON text.

    Raises:
        InputError: unknown suffix, values that the file cannot hold, or a folder that is missing or cannot be written.
    """
    suffix = suffix_of(where)
    try:
        body = _bytes(frame, suffix.removesuffix(".gz"))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, TypeError) as error:
        first = (str(error).splitlines() or ["unwritable"])[0]
        raise InputError.of(f"values that {suffix} cannot hold ({first[:120]})", where, "convert them first") from error
    if where == "-":
        sys.stdout.write(body.decode())
    else:
        write_aside(gzip.compress(body, mtime=0) if suffix.endswith(".gz") else body, Path(where))


def write_batches(frames: Iterable[pl.DataFrame], where: str) -> None:
    """`write_table` of frames one after the other; for Parquet only one is in memory at a time.

    Args:
        frames: at least one, all of the same columns.
        where: as of `write_table`.

    Raises:
        InputError: as `write_table`.
    """
    if suffix_of(where) != ".parquet":
        write_table(pl.concat(frames), where)
        return
    import pyarrow.parquet as pq

    with _aside(Path(where)) as file:
        iterator = iter(frames)
        first = next(iterator).to_arrow()
        with pq.ParquetWriter(file, first.schema, compression="zstd") as writer:
            writer.write_table(first)
            for frame in iterator:
                writer.write_table(frame.to_arrow())


def _bytes(frame: pl.DataFrame, suffix: str) -> bytes:
    buffer = io.BytesIO()
    if suffix == ".parquet":
        frame.write_parquet(buffer)
    elif suffix == ".csv":
        _flat(_text(frame)).write_csv(buffer)
    else:
        _text(frame).write_ndjson(buffer)
    return buffer.getvalue()


def write_aside(body: bytes, path: Path) -> None:
    """Writes bytes next to `path`, flushes them to disk and renames: readers see the old or the new file.

    Raises:
        InputError: the folder is missing or cannot be written.
    """
    with _aside(path) as file:
        file.write(body)


@contextlib.contextmanager
def _aside(path: Path) -> Iterator[BinaryIO]:
    """A file next to `path` that takes its name once it is written whole, and vanishes if it is not."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise InputError.of(
            f"cannot write ({error.strerror})", path, "choose a folder that exists and has room"
        ) from error
    finally:
        with contextlib.suppress(OSError):  # the first error is the one to report
            aside.unlink(missing_ok=True)


def _text(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame without bytes, for which text has no form."""
    for name, kind in frame.schema.items():
        if kind.is_nested() and pl.Binary in _leaves(kind):
            raise TypeError(f"bytes in the nested column {name}")
    return frame.with_columns(cs.binary().bin.encode("hex"))


def _leaves(kind: Any) -> Iterator[Any]:
    if isinstance(kind, pl.Struct):
        inner = [field.dtype for field in kind.fields]
    else:
        inner = [getattr(kind, part) for part in ("inner", "key", "value") if hasattr(kind, part)]
    if not inner:
        yield kind
    for part in inner:
        yield from _leaves(part)


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    import json

    def said(value: object) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False, default=str)

    nested = [c for c, t in frame.schema.items() if t.is_nested()]
    return frame.with_columns(
        cs.duration().dt.to_string("iso"),
        *(pl.Series(c, [said(v) for v in frame[c].to_list()], dtype=pl.String) for c in nested),
    )
