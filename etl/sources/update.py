"""One incremental update of a source: fetched pages as rows, ready to be written together."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

import polars as pl

from etl.sources import arxiv_atom, arxiv_oai, folder, records
from etl.sources.records import Page
from schemas.emit.polars import REJECTED
from schemas.errors import InputError

LIVE = ("arxiv_oai", "arxiv_atom")
_QUERY = "cat:cond-mat.str-el OR cat:cond-mat.mtrl-sci"
_EARLIEST = date(1, 1, 1)


@dataclass(frozen=True)
class Update:
    """Rows of raw.documents, raw.fetch_log and raw.harvests, and what the source withdrew (document_id, withdrawn_on).

    Withdrawn records come without their text: `merged` finds the stored ones. `rejections` are the refused records, as
    `Store.refuse` takes them.
    """

    documents: pl.DataFrame
    log: pl.DataFrame
    summary: pl.DataFrame
    withdrawn: pl.DataFrame
    rejections: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTED))


def harvest(
    source: str,
    *,
    since: str,
    until: str | None = None,
    limit: int | None = None,
    live: bool = True,
    url: str | None = None,
) -> Update:
    """Fetches what changed (arxiv_oai) or was submitted (arxiv_atom) in a window of days.

    Args:
        source: one of `LIVE`.
        since: first ISO day.
        until: last ISO day; today (UTC) if not given.
        limit: stop after about so many records; the window then counts as incomplete.
        live: ask the service; else read the demonstration corpus, which speaks the same format.
        url: another address of the service.

    Raises:
        InputError: an unknown source, a day that is none, a window that ends before it starts, half a page or list.
        FetchError: the service did not answer; nothing is returned then.
    """
    if source not in LIVE:
        raise InputError.of(f"unknown source {source!r}", "the sources", f"use one of {', '.join(LIVE)}")
    first = _day(since, "--since")
    last = max(first, today()) if until is None else _day(until, "--until")
    if last < first:
        raise InputError.of(f"a window from {first} until {last}", "--until", "name a day not before --since")
    pages = _live(source, first, last, limit, url) if live else _embedded(source, first, last)
    complete = not pages or pages[-1].parsed.token is None
    return _update(source, pages, (first, last), complete=complete)


def read_folder(path: Path, *, limit: int | None = None) -> Update:
    """Documents of a folder; a file that cannot be read is refused with its reason and stops no other.

    Raises:
        InputError: no such folder.
    """
    found = folder.pages(path)
    pages = list(islice(found, limit))
    return _update(folder.SOURCE, pages, (today(), today()), complete=next(found, None) is None)


def merged(found: Update, stored: pl.LazyFrame) -> pl.DataFrame:
    """Rows to upsert into raw.documents: the new ones, and stored ones that the source withdrew, marked with the day.

    Args:
        found: what a source gave.
        stored: raw.documents.
    """
    fresh = not_older(found.documents, stored)
    gone = stored.drop("withdrawn_on").join(found.withdrawn.lazy(), on="document_id").select(fresh.columns).collect()
    gone = gone.filter(pl.col("datestamp").fill_null(_EARLIEST) <= pl.col("withdrawn_on"))
    return pl.concat([fresh, gone.join(fresh, on="document_id", how="anti")])


def not_older(rows: pl.DataFrame, stored: pl.LazyFrame) -> pl.DataFrame:
    """Rows without those whose stored record was touched or withdrawn by its service later (rows without datestamp)."""
    touched = pl.max_horizontal("datestamp", "withdrawn_on")
    known = stored.select("document_id", touched=touched).drop_nulls().collect()
    overtaken = rows.join(known, on="document_id").filter(pl.col("touched") > pl.col("datestamp").fill_null(_EARLIEST))
    return rows.join(overtaken, on="document_id", how="anti")


def today() -> date:
    """The day in UTC, in which the services date their records."""
    return datetime.now(UTC).date()


def _day(text: str, option: str) -> date:
    found = records.day(text)
    if found is None or found.isoformat() != text:
        raise InputError.of(f"{text!r} is no day", option, "write YYYY-MM-DD")
    return found


def _live(source: str, first: date, last: date, limit: int | None, url: str | None) -> list[Page]:
    from etl.http import Client

    module, query = {"arxiv_atom": (arxiv_atom, _QUERY), "arxiv_oai": (arxiv_oai, "physics:cond-mat")}[source]
    pages: list[Page] = []
    with Client() as client:
        for page in module.fetch(client, since=first, until=last, query=query, url=url or module.URL):
            pages.append(page)
            if limit is not None and sum(p.parsed.documents.height for p in pages) >= limit:
                break
    return pages


def _embedded(source: str, first: date, last: date) -> list[Page]:
    """What the service would answer if the demonstration corpus were all that it has."""
    from etl.reference import demo_corpus

    name, dated = ("oai.xml", "datestamp") if source == "arxiv_oai" else ("atom.xml", "published_on")
    data = demo_corpus()[name]
    parsed = folder.parse(data, where=name)
    inside = parsed.documents.filter(pl.col(dated).is_between(first, last))
    return [Page(f"{name} from {first} until {last}", data, replace(parsed, documents=inside))]


def _update(source: str, pages: list[Page], window: tuple[date, date], *, complete: bool) -> Update:
    gone = dict(pair for page in pages for pair in page.parsed.withdrawn)
    withdrawn = pl.DataFrame(
        list(gone.items()), schema={"document_id": pl.String, "withdrawn_on": pl.Date}, orient="row"
    )
    found = pl.concat([records.frame([]), *(page.parsed.documents for page in pages)])
    found = found.unique("document_id", keep="last", maintain_order=True)
    found = not_older(found, found.drop("withdrawn_on").join(withdrawn, on="document_id").lazy())
    row = {
        "source": source,
        "day": window[0],
        "until": window[1],
        "complete": complete,
        "records": found.height,
        "withdrawals": len(gone),
        "rejected": sum(len(page.parsed.refused) for page in pages),
        "content_hash": _digest(found, gone),
    }
    log = [records.fetch_row(source, page) for page in pages]
    return Update(
        documents=found,
        log=pl.DataFrame(log, schema=records.FETCHES, orient="row"),
        summary=pl.DataFrame([row], schema=records.HARVESTS, orient="row"),
        withdrawn=withdrawn,
        rejections=pl.concat([pl.DataFrame(schema=REJECTED), *(records.rejections(source, page) for page in pages)]),
    )


def _digest(documents: pl.DataFrame, gone: dict[str, date]) -> str:
    held: Iterator[tuple[str, str]] = documents.select("document_id", "content_hash").iter_rows()
    return hashlib.sha256(repr((sorted(held), sorted(gone))).encode()).hexdigest()[:16]
