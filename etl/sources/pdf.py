"""PDF: the text of its pages as title and paragraphs. What has no text (scans) or no key (encrypted) is refused.

A PDF knows letters and places, not paragraphs: heads and page numbers are dropped by their repetition, paragraphs end
where a line stops short after a full stop. Its licence is never known.
"""

import hashlib
import io
import logging
import re
import struct
import zlib
from collections import Counter
from statistics import median
from typing import TYPE_CHECKING

from etl.sources import records
from etl.sources.records import Parsed
from schemas.errors import InputError

if TYPE_CHECKING:
    from pypdf import PdfReader

SOURCE = "pdf"
LARGEST = 100_000_000  # bytes
PAGES = 1000
_CHARACTERS = 20_000_000  # of the text of one document
_LEAST = 20  # letters on a page, on average, below which it is a scan
_EDGE = 2  # lines at the top and at the bottom where heads and page numbers stand
_SHORT = 0.75  # of the usual length: a line that ends a paragraph
_TITLE = 300
_PLAIN_NUMBER = re.compile(r"[\s\-–|]*(?:page\s*)?\d{1,5}(?:\s*(?:of|/)\s*\d{1,5})?[\s\-–|]*", re.IGNORECASE)
_DOI = re.compile(r"(?:doi\.org/|\bdoi\s*:?\s*)(10\.\d{4,9}/[^\s\"<>]+)", re.IGNORECASE)
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5}|[a-z\-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?\b")
_HYPHENED = re.compile(r"\w+-[a-zà-ÿ]+")
# What pypdf raises, besides its own errors, for files damaged at random.
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, OSError, zlib.error,
           struct.error, RecursionError, NotImplementedError)  # fmt: skip
logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it says beside the error what is wrong, but not where


def parse(data: bytes, *, where: str) -> Parsed:
    """Reads one document.

    Raises:
        InputError: broken, encrypted, too large, or without text.
    """
    from pypdf.errors import PyPdfError

    if len(data) > LARGEST:
        raise InputError.of(f"a PDF of {len(data)} bytes", where, f"split it into files below {LARGEST} bytes")
    try:
        title, pages = _read(data, where)
    except (PyPdfError, *_BROKEN) as error:
        said = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise InputError.of(f"a broken PDF ({said})", where, "fetch it again or print it anew") from error
    if sum(c.isalpha() for page in pages for c in page) < _LEAST * max(1, len(pages)):
        raise InputError.of("a PDF without text", where, "it is a scan: give a version with recognised text")
    return Parsed(records.frame([_row(data, title, [page.splitlines() for page in pages])]))


def paragraphs(pages: list[list[str]]) -> list[str]:
    """Paragraphs of the lines of pages, without heads and page numbers, words joined that a line break parted."""
    lines = [line for page in _bare(pages) for line in [*page, *([] if _goes_on(page) else [""])]]
    usual = median([len(line) for line in lines if line] or [0])
    hyphened = set(_HYPHENED.findall("\n".join(lines)))
    found: list[list[str]] = [[]]
    for line in lines:
        if line:
            found[-1].append(line)
        if not line or (line[-1] in ".?!:" and len(line) < _SHORT * usual):
            found.append([])
    return [_joined(part, hyphened) for part in found if part]


def _read(data: bytes, where: str) -> tuple[str, list[str]]:
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise InputError.of("an encrypted PDF", where, "give it without a password")
    if len(reader.pages) > PAGES:
        raise InputError.of(f"{len(reader.pages)} pages", where, f"split it into files of at most {PAGES} pages")
    pages: list[str] = []
    for page in reader.pages:
        pages.append(page.extract_text())
        if sum(map(len, pages)) > _CHARACTERS:
            raise InputError.of(f"more than {_CHARACTERS} characters", where, "split it into smaller files")
    return _titled(reader), pages


def _titled(reader: "PdfReader") -> str:
    """The title of the metadata; none where a program put its file name there."""
    title = " ".join(str((reader.metadata and reader.metadata.title) or "").split())
    made_up = " " not in title or re.search(r"\.(?:docx?|tex|dvi|pdf|indd|qxd)$|^microsoft word", title, re.IGNORECASE)
    return "" if made_up else title[:_TITLE]


def _row(data: bytes, title: str, pages: list[list[str]]) -> dict[str, object]:
    body = paragraphs(pages)
    first = "\n".join(pages[0])
    if not title:
        lines = [line.strip() for line in _bare(pages)[0] if line.strip()] or body
        title = " ".join(lines[: 1 if len(lines[0]) > 20 else 2])[:_TITLE]
    named = set(records.dois(d.rstrip(".,;)") for d in _DOI.findall(first)))
    stamped = set(_ARXIV.findall(first))
    return records.document(
        SOURCE,
        hashlib.sha256(data).hexdigest()[:16],
        # a first page that names several works does not say which one it is
        doi=named.pop() if len(named) == 1 else None,
        arxiv_id=stamped.pop() if len(stamped) == 1 else None,
        title=title,
        body=body or None,
    )


def _bare(pages: list[list[str]]) -> list[list[str]]:
    """The pages without lines at their edges that come again on other pages, and without page numbers."""
    stripped = [[line.strip() for line in page] for page in pages]
    edges = [_edges(page) for page in stripped]
    counted = Counter(mask for page, at in zip(stripped, edges, strict=True) for mask in {_mask(page[i]) for i in at})
    often = {mask for mask, times in counted.items() if times >= max(3, len(pages) / 3)}
    return [
        [
            line
            for i, line in enumerate(page)
            if i not in at or not (_mask(line) in often or _PLAIN_NUMBER.fullmatch(line))
        ]
        for page, at in zip(stripped, edges, strict=True)
    ]


def _edges(page: list[str]) -> set[int]:
    """Places of the first and last lines with text."""
    said = [i for i, line in enumerate(page) if line]
    return {*said[:_EDGE], *said[-_EDGE:]}


def _mask(line: str) -> str:
    """A line whose numbers do not count: they are those of the pages."""
    return re.sub(r"\d+", "0", line.lower())


def _goes_on(page: list[str]) -> bool:
    """Whether the last paragraph of a page goes on on the next."""
    last = next((line for line in reversed(page) if line), ".")
    return last[-1] not in ".?!:"


def _joined(lines: list[str], hyphened: set[str]) -> str:
    """One paragraph; a hyphen at the end of a line stays where the word is written with it elsewhere."""
    text = lines[0]
    for line in lines[1:]:
        parted = re.search(r"(\w+)-$", text)
        rest = re.match(r"[a-zà-ÿ]+", line)
        if parted and rest:
            kept = f"{parted.group(1)}-{rest.group()}" in hyphened
            text = (text if kept else text[:-1]) + line
        else:
            text += " " + line
    return " ".join(text.split())
