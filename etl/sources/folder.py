"""Files on disk, known by content: XML of any kind above, and plain text."""

import hashlib
from pathlib import Path

from etl.sources import arxiv_atom, arxiv_oai, jats, records, xml
from etl.sources.records import Parsed
from schemas.errors import InputError

SOURCE = "folder"
_READERS = {"feed": arxiv_atom.parse, "OAI-PMH": arxiv_oai.parse}
SUFFIXES = (".xml", ".nxml", ".txt")


def parse(data: bytes, *, where: str) -> Parsed:
    """Reads one file by what its content is.

    Raises:
        InputError: unreadable bytes or XML of an unknown kind.
    """
    if where.lower().endswith(".txt") or data.lstrip()[:1] != b"<":
        return _plain(data, where=where)
    kind = xml.local(xml.parse(data, where=where))
    return _READERS.get(kind, jats.parse)(data, where=where)


def files(folder: Path) -> list[Path]:
    """Documents in a folder, sorted.

    Raises:
        InputError: no such folder.
    """
    if not folder.is_dir():
        raise InputError.of("no such folder", folder, "name a folder with XML or text files")
    # a link to nowhere is listed too: its reader says so, while a folder or a pipe is no document
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and (p.is_file() or not p.exists()))


def content(file: Path, *, folder: Path) -> bytes:
    """The bytes of a file of the folder.

    Raises:
        InputError: a link that leads out of the folder: what is read must be what was named.
        OSError: the file cannot be read.
    """
    if not file.resolve().is_relative_to(folder.resolve()):
        name = file.relative_to(folder).as_posix()
        raise InputError.of("a link out of the folder", name, "copy the document into the folder")
    return file.read_bytes()


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
