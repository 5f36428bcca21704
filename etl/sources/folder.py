"""Files on disk, known by content: articles as XML, PDF or plain text, arXiv's snapshot, and archives of any of these.

A folder is a stream of pages: what is in memory is one document, or one batch of records, whatever the folder holds.
"""

import codecs
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from etl.sources import archives, arxiv_atom, arxiv_oai, arxiv_snapshot, elsevier, jats, pdf, records, xml
from etl.sources.records import Page, Parsed
from schemas.errors import InputError

SOURCE = "folder"
SUFFIXES = (".xml", ".nxml", ".txt", ".pdf", ".json", ".jsonl", ".zip", ".tar", ".gz", ".tgz")
_MARKED = (".xml", ".nxml", ".pdf")
LARGEST = 200_000_000  # bytes of one document
_READERS = {"feed": arxiv_atom.parse, "OAI-PMH": arxiv_oai.parse}
_XML = (b"<", codecs.BOM_UTF8 + b"<", b"\xff\xfe<\x00", b"\xfe\xff\x00<")
_LEVELS = 2  # archives within each other; a tar within a gzip is one
_START = 1024


def parse(data: bytes, *, where: str) -> Parsed:
    """Reads one document by what its content is.

    Raises:
        InputError: unreadable bytes or XML of an unknown kind.
    """
    name = where.lower()
    if b"%PDF-" in data[:_START] and not name.endswith(".txt"):
        return pdf.parse(data, where=where)
    if name.endswith(".txt") or not data.lstrip().startswith(_XML):
        if data.strip() and name.endswith(_MARKED):
            raise InputError.of("text that is neither XML nor PDF", where, "fetch it again; name it .txt if it is one")
        return _plain(data, where=where)
    root = xml.parse(data, where=where)
    if elsevier.is_article(root):
        return elsevier.parse(data, where=where)
    return _READERS.get(xml.local(root), jats.parse)(data, where=where)


def files(folder: Path) -> list[Path]:
    """Documents and archives in a folder, sorted.

    Raises:
        InputError: no such folder.
    """
    if not folder.is_dir():
        raise InputError.of("no such folder", folder, "name a folder with articles or archives of articles")
    # a link to nowhere is listed too: its reader says so, while a folder or a pipe is no document
    return sorted(p for p in folder.rglob("*") if _wanted(p.name) and (p.is_file() or not p.exists()))


def pages(folder: Path) -> Iterator[Page]:
    """Every document of a folder, and every batch of a snapshot; what cannot be read is a page with its refusal.

    Raises:
        InputError: no such folder.
    """
    for file in files(folder):
        name = file.relative_to(folder).as_posix()
        if not file.resolve().is_relative_to(folder.resolve()):
            # what is read must be what was named
            why = InputError.of("a link out of the folder", name, "copy the document into the folder")
            yield records.refused(name, str(why))
            continue
        try:
            stream = file.open("rb", buffering=records.RAW_BYTES)
        except OSError as error:
            yield records.refused(name, f"{error.strerror or type(error).__name__} in {name}: make it readable")
            continue
        with stream:
            yield from read(stream, name=name)


def read(stream: IO[bytes], *, name: str, level: int = 0) -> Iterator[Page]:
    """The pages of one file; raises nothing for what it holds.

    Args:
        stream: its bytes; `peek` as buffered readers have it.
        name: of the file, and of its archive before that.
        level: how many archives it lies in.
    """
    start = b""
    try:
        start = stream.peek(records.RAW_BYTES)[: records.RAW_BYTES]  # type: ignore[attr-defined]
        kind = archives.kind(start, name)
        if kind == "gz" and level < _LEVELS:
            inner = archives.unzipped(stream, where=name)
            held = archives.kind(inner.peek(_START), name.removesuffix(".gz"))
            inside = _members(inner, "tar", name, level) if held == "tar" else read(inner, name=name, level=level + 1)
            yield from inside
        elif kind and level < _LEVELS:
            yield from _members(stream, kind, name, level)
        elif kind:
            raise InputError.of("an archive in an archive in an archive", name, "unpack it first")
        elif _lines(start, name.lower()):
            yield from arxiv_snapshot.pages(stream, name=name)
        else:
            yield _document(stream.read(LARGEST + 1), name)
    except InputError as error:
        yield records.refused(name, str(error), start)
    except archives.BROKEN as error:
        said = InputError.of(f"unreadable bytes ({archives.said(error)})", name, "fetch it again")
        yield records.refused(name, str(said), start)


def _lines(start: bytes, name: str) -> bool:
    """Whether it is JSON lines, by its first character or else by its name."""
    json = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
    return bool(start.strip()) and (name.endswith(json) or (start.lstrip()[:1] == b"{" and not name.endswith(".txt")))


def _members(stream: IO[bytes], kind: str, name: str, level: int) -> Iterator[Page]:
    if kind == "zip" and not stream.seekable():
        stream = io.BytesIO(_within(stream.read(LARGEST + 1), name))
    for member in archives.members(stream, kind=kind, where=name):
        place = f"{name}/{member.name}"
        if member.stream is None:
            yield records.refused(place, str(InputError.of(member.why, place, "leave it out of the archive")))
        elif _wanted(member.name):
            yield from read(member.stream, name=place, level=level + 1)


def _document(data: bytes, name: str) -> Page:
    try:
        return Page(name, data, parse(_within(data, name), where=name.removesuffix(".gz")))
    except InputError as error:
        return records.refused(name, str(error), data)


def _within(data: bytes, name: str) -> bytes:
    if len(data) > LARGEST:
        raise InputError.of(f"more than {LARGEST} bytes", name, "split it into smaller files")
    return data


def _wanted(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _plain(data: bytes, *, where: str) -> Parsed:
    try:
        said = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise InputError.of(f"no UTF-8 text (byte {error.start})", where, "convert it to UTF-8") from error
    if not said:
        raise InputError.of("an empty file", where, "remove it or fetch it again")
    title, _, rest = said.partition("\n")
    paragraphs = [" ".join(p.split()) for p in rest.split("\n\n") if p.strip()]
    identifier = hashlib.sha256(data).hexdigest()[:16]
    row = records.document(SOURCE, identifier, title=title.strip(), body=paragraphs or None)
    return Parsed(records.frame([row]))
