"""Rows of raw.documents, raw.fetch_log and raw.harvests as every source makes them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from schemas.emit.polars import schema
from schemas.errors import InputError
from schemas.tables import REGISTRY

DOCUMENTS = schema(REGISTRY["raw.documents"])
FETCHES = schema(REGISTRY["raw.fetch_log"])
HARVESTS = schema(REGISTRY["raw.harvests"])
_HASHED = (
    "title", "abstract", "body", "captions", "table_texts", "cited_dois", "retracted_dois", "doi", "authors", "licence",
)  # fmt: skip


class TokenError(InputError):
    """The service no longer knows where the next page starts: the window is to be asked from its beginning."""


@dataclass(frozen=True)
class Parsed:
    """What one page or file gave.

    Attributes:
        documents: rows of raw.documents.
        refused: (which record, why) for records that could not be used.
        token: where the next page starts; None on the last.
        withdrawn: (document id, day) for records that the source withdrew.
        total: how many records the whole list has, where the source says so.
    """

    documents: pl.DataFrame
    refused: tuple[tuple[str, str], ...] = ()
    token: str | None = None
    withdrawn: tuple[tuple[str, date], ...] = ()
    total: int | None = None

    @property
    def received(self) -> int:
        """Records of the page, usable or not."""
        return self.documents.height + len(self.refused) + len(self.withdrawn)


@dataclass(frozen=True)
class Page:
    """One page of a service, or one file.

    Attributes:
        name: the request or file, without secrets; stands in raw.fetch_log.
        data: its content as received.
        parsed: what it gave.
    """

    name: str
    data: bytes
    parsed: Parsed


def document(source: str, source_id: str, **values: Any) -> dict[str, Any]:
    """One row; `content_hash` is computed, names not given are null, an unknown licence is called so."""
    row = {name: values.get(name) for name in DOCUMENTS}
    row |= {"document_id": f"{source.split('_')[0]}:{source_id}", "source": source, "source_id": source_id}
    row["doi"] = row["doi"].strip().lower() or None if row["doi"] else None
    row["licence"] = row["licence"] or "unknown"
    row["content_hash"] = content_hash(row)
    return row


def content_hash(row: Mapping[str, Any]) -> str:
    """Hash of texts, names and licence; dates of the source do not count."""
    body = json.dumps([row.get(name) for name in _HASHED], ensure_ascii=False, default=str)
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def frame(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as frame of raw.documents."""
    held = list(rows)
    return pl.DataFrame({name: [row.get(name) for row in held] for name in DOCUMENTS}, schema=DOCUMENTS)


def fetch_row(source: str, page: Page) -> dict[str, Any]:
    """The row of raw.fetch_log of one page; its id is a hash, so a replay changes nothing."""
    parsed = page.parsed
    digest = hashlib.sha256(f"{source}\0{page.name}\0".encode() + page.data).hexdigest()[:16]
    refusals = "; ".join(f"{which}: {why}" for which, why in parsed.refused) or None
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


def day(text: str | None) -> date | None:
    """The day at the start of an ISO time; None where there is none or it is no date."""
    try:
        return date.fromisoformat((text or "").strip()[:10])
    except ValueError:
        return None
