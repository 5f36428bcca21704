"""Rows of raw.documents, raw.fetch_log, raw.harvests and meta.rejections as every source makes them."""

import base64
import codecs
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from schemas.emit.polars import REJECTED, schema
from schemas.errors import InputError
from schemas.tables import REGISTRY

DOCUMENTS = schema(REGISTRY["raw.documents"])
FETCHES = schema(REGISTRY["raw.fetch_log"])
HARVESTS = schema(REGISTRY["raw.harvests"])
RAW_BYTES = 65_536  # kept of one refused record or file
_RAW_TOTAL = 4_194_304  # kept of all refused records of one page: a page of nothing else must not fill the memory
_NAMED = 20  # refusals of a page that its row of the log names
_JSON = json.JSONEncoder(ensure_ascii=False, default=str)
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_RESOLVER = re.compile(r"^(?:https?://(?:dx\.)?doi\.org/|doi:\s*)")
_ARXIV = re.compile(r"^arxiv:\s*", re.IGNORECASE)
_VERSION = re.compile(r"v\d+$")
_HASHED = (
    "title", "abstract", "body", "captions", "table_texts", "cited_dois", "retracted_dois", "doi", "authors", "licence",
)  # fmt: skip


class TokenError(InputError):
    """The list cannot go on where it stopped: the window is to be asked from its beginning."""


@dataclass(frozen=True)
class Parsed:
    """What one page or file gave.

    Attributes:
        documents: rows of raw.documents.
        refused: (which record, why) for records that could not be used.
        token: where the next page starts; None on the last.
        withdrawn: (document id, day) for records that the source withdrew.
        total: how many records the whole list has, where the source says so.
        raws: the start of the bytes of refused records, by their name in `refused`; see `Refusals`.
    """

    documents: pl.DataFrame
    refused: tuple[tuple[str, str], ...] = ()
    token: str | None = None
    withdrawn: tuple[tuple[str, date], ...] = ()
    total: int | None = None
    raws: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def received(self) -> int:
        """Records of the page, usable or not."""
        return self.documents.height + len(self.refused) + len(self.withdrawn)


@dataclass(frozen=True)
class Page:
    """One page of a service, or one file.

    Attributes:
        name: the request or file, without secrets; stands in raw.fetch_log.
        data: its content as received, or a digest of it where it is a part of a file read as a stream.
        parsed: what it gave.
    """

    name: str
    data: bytes
    parsed: Parsed


class Refusals:
    """Collects the refused records of one page, and of the bytes of each no more than is kept.

    Args:
        where: stands before the name of each, where that alone does not say what to look into.
    """

    def __init__(self, where: str = "") -> None:
        self._where = where
        self.pairs: list[tuple[str, str]] = []
        self.raws: dict[str, bytes] = {}
        self._room = _RAW_TOTAL

    def add(self, which: str, why: str, raw: bytes = b"") -> None:
        """Notes one record: its name on the page, why it is refused, and its bytes."""
        which = f"{self._where}{which}"
        self.pairs.append((which, why))
        kept = raw[: min(RAW_BYTES, self._room)]
        if kept:
            self.raws[which] = kept
            self._room -= len(kept)

    def parsed(self, documents: pl.DataFrame) -> Parsed:
        """What the page gave, with its rows of raw.documents."""
        return Parsed(documents, tuple(self.pairs), raws=self.raws)


def refused(name: str, why: str, data: bytes = b"") -> Page:
    """A page or file that could not be read at all."""
    found = Refusals()
    found.add(name, why, data)
    return Page(name, data, found.parsed(frame([])))


def document(source: str, source_id: str, **values: Any) -> dict[str, Any]:
    """One row; `content_hash` is computed, names not given are null, an unknown licence is called so."""
    row = {name: values.get(name) for name in DOCUMENTS}
    row |= {"document_id": f"{source.split('_')[0]}:{source_id}", "source": source, "source_id": source_id}
    row["doi"] = next(iter((row["doi"] or "").lower().split()), None)  # arXiv's records may name several
    row["licence"] = row["licence"] or "unknown"
    row["content_hash"] = content_hash(row)
    return row


def content_hash(row: Mapping[str, Any]) -> str:
    """Hash of texts, names and licence; dates of the source do not count."""
    return _hash([row.get(name) for name in _HASHED])


def rows(given: pl.DataFrame) -> pl.DataFrame:
    """Columns of raw.documents as all of its columns: those not given are null, `content_hash` is computed."""
    full = given.select(pl.col(n) if n in given.columns else pl.lit(None, t).alias(n) for n, t in DOCUMENTS.items())
    hashes = [_hash(row) for row in full.select(_HASHED).iter_rows()]
    return full.with_columns(content_hash=pl.Series(hashes, dtype=pl.String))


def _hash(texts: Iterable[Any]) -> str:
    return hashlib.sha256(_JSON.encode(list(texts)).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def frame(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as frame of raw.documents."""
    held = list(rows)
    return pl.DataFrame({name: [row.get(name) for row in held] for name in DOCUMENTS}, schema=DOCUMENTS)


def fetch_row(source: str, page: Page) -> dict[str, Any]:
    """The row of raw.fetch_log of one page; its id is a hash, so a replay changes nothing."""
    parsed = page.parsed
    digest = hashlib.sha256(f"{source}\0{page.name}\0".encode() + page.data).hexdigest()[:16]
    said = [f"{which}: {why}" for which, why in parsed.refused[:_NAMED]]
    more = len(parsed.refused) - len(said)
    refusals = "; ".join([*said, f"and {more} more, see meta.rejections"] if more else said) or None
    return {
        "fetch_id": digest,
        "source": source,
        "page": page.name,
        "records": parsed.documents.height,
        "withdrawals": len(parsed.withdrawn),
        "rejected": len(parsed.refused),
        "refusals": refusals,
        "content_hash": content_digest(parsed),
    }


def content_digest(parsed: Parsed) -> str:
    """Hash of what a page says of which documents, whatever their order; see `combined`."""
    held = parsed.documents.select("document_id", "content_hash").iter_rows()
    said = (*held, *((name, f"withdrawn {day}") for name, day in parsed.withdrawn))
    return combined(hashlib.sha256("\0".join(pair).encode()).hexdigest()[:16] for pair in said)


def combined(digests: Iterable[str]) -> str:
    """One hash of many, the same in whatever order and parts they come."""
    return f"{sum(int(d, 16) for d in digests) % 2**64:016x}"


def rejections(source: str, page: Page) -> pl.DataFrame:
    """The refused records of one page as `Store.refuse` takes them, each with the start of its bytes.

    Bytes that are UTF-8 stand there as text, others in base64. Where the source keeps none, the start of the page does.
    """
    rows = []
    for which, why in page.parsed.refused:
        raw = page.parsed.raws.get(which, b"" if page.parsed.raws else page.data)[:RAW_BYTES]
        text, encoding = _readable(raw)
        key = {"source": source, "page": page.name, "record": which}
        rows.append(
            {
                "table": "raw.documents",
                "row_key": json.dumps(key, ensure_ascii=False),
                "column": None,
                "rule": why,
                "value": None,
                "row": json.dumps({**key, "encoding": encoding, "raw": text}, ensure_ascii=False),
            }
        )
    return pl.DataFrame(rows, schema=REJECTED, orient="row")


def _readable(raw: bytes) -> tuple[str, str]:
    try:
        # a cut may go through the last character
        return codecs.getincrementaldecoder("utf-8")().decode(raw, final=len(raw) < RAW_BYTES), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(raw).decode("ascii"), "base64"


def dois(given: Iterable[str | None]) -> list[str]:
    """DOIs in lower case without the resolver's address, each once, in their order; what is none is left out."""
    found = (_RESOLVER.sub("", (text or "").strip().lower()) for text in given)
    return list(dict.fromkeys(d for d in found if _DOI.fullmatch(d)))


def bare_arxiv_id(given: str | None) -> str | None:
    """An arXiv identifier without prefix and version; None where none is given."""
    return _VERSION.sub("", _ARXIV.sub("", (given or "").strip())) or None


def day(text: str | None) -> date | None:
    """The day at the start of an ISO time; None where there is none or it is no date."""
    try:
        return date.fromisoformat((text or "").strip()[:10])
    except ValueError:
        return None
