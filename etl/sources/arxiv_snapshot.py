"""arXiv's metadata snapshot: one JSON object a line, read as a stream of batches in constant memory.

A record gets the same id and texts as from `arxiv_oai`, so that the same state of the same article is the same row.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import date
from email.utils import parsedate
from typing import IO, Any

from etl.sources import records
from etl.sources.records import Page
from schemas.errors import InputError

SOURCE = "arxiv_snapshot"
BATCH = 20_000  # records
LINE = 1_000_000  # bytes; the longest record of arXiv has some 100,000
_PIECES = ("id", "title", "abstract", "categories", "doi", "license", "update_date")


def pages(stream: IO[bytes], *, name: str, size: int = BATCH) -> Iterator[Page]:
    """Batches of records, each named by its lines. A bad line is refused with its number and stops no other.

    Args:
        stream: the decoded lines.
        name: of the file.
        size: lines of a batch.

    Raises:
        InputError: no line of the first batch is a record of arXiv.
    """
    first = 1
    while True:
        refusals, rows, digest, number = records.Refusals(), [], hashlib.sha256(), first
        while number < first + size and (line := stream.readline(LINE)):
            digest.update(line)
            try:
                rows += [_row(_whole(line, stream))] if line.strip() else []
            except (ValueError, RecursionError) as error:
                refusals.add(f"line {number}", str(error), line)
            number += 1
        if number == first:
            return
        if first == 1 and not rows:
            said = refusals.pairs[0][1] if refusals.pairs else "blank lines"
            raise InputError.of(f"no arXiv metadata ({said})", name, "give one record of arXiv's snapshot a line")
        yield Page(f"{name} lines {first} to {number - 1}", digest.digest(), refusals.parsed(rows))
        first = number


def _whole(line: bytes, stream: IO[bytes]) -> bytes:
    if len(line) == LINE and not line.endswith(b"\n"):
        while (rest := stream.readline(LINE)) and not rest.endswith(b"\n"):
            pass
        raise ValueError(f"a line of more than {LINE} bytes")
    return line


def _row(line: bytes) -> dict[str, Any]:
    """One record as row of raw.documents.

    Raises:
        ValueError: no JSON, no record, or one without id or title.
    """
    try:
        given = json.loads(line)
    except UnicodeDecodeError as error:
        raise ValueError(f"no UTF-8 text (byte {error.start})") from error
    except ValueError as error:
        raise ValueError(f"no JSON ({error})") from error
    if not isinstance(given, dict):
        raise ValueError("no JSON object")
    strange = [k for k in _PIECES if not isinstance(given.get(k), str | None)]
    if strange:
        raise ValueError(f"{strange[0]} is no text")
    identifier, title = records.bare_arxiv_id(given.get("id")), _flat(given.get("title"))
    if not identifier or not title:
        raise ValueError("no id or no title")
    versions = [_created(v) for v in given.get("versions") or []]
    return records.document(
        "arxiv",
        identifier,
        arxiv_id=identifier,
        doi=next(iter((given.get("doi") or "").split()), None),
        title=title,
        abstract=_flat(given.get("abstract")),
        authors=_authors(given.get("authors_parsed") or []) or None,
        categories=(given.get("categories") or "").split() or None,
        published_on=versions[0] if versions else None,
        updated_on=versions[-1] if len(versions) > 1 else None,
        datestamp=records.day(given.get("update_date")),
        licence=given.get("license") or "metadata CC0-1.0",
    )


def _flat(text: str | None) -> str | None:
    return " ".join((text or "").split()) or None


def _authors(given: Any) -> list[str]:
    """Forenames before the family name, from [family name, forenames, suffix]."""
    try:
        return [n for n in (" ".join(f"{fore} {key}".split()) for key, fore, *_ in given) if n]
    except (TypeError, ValueError) as error:
        raise ValueError("authors_parsed is no list of names") from error


def _created(version: Any) -> date | None:
    """The day of a version, from "Mon, 2 Apr 2007 19:18:42 GMT"."""
    said = version.get("created") if isinstance(version, dict) else None
    found = parsedate(said) if isinstance(said, str) else None
    try:
        return date(*found[:3]) if found else None
    except ValueError:
        return None
