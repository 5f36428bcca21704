"""Updates of a source: fetched pages as rows, in parts ready to be written together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from etl.sources import folder, records, windows
from etl.sources.records import Page, TokenError
from etl.sources.windows import Place, Window
from schemas.emit.polars import REJECTED
from schemas.errors import InputError, MatloomError
from schemas.sources import CONNECTORS

if TYPE_CHECKING:
    from etl.http import Client

Ask = Callable[[str | None], Iterator[Page]]
"""Gives the pages of a window from a token on; from its beginning for None."""
DEMO = "demo:corpus"  # stands in the log in the place of an address
EMBEDDED = {"arxiv_oai": ("oai.xml", "datestamp"), "arxiv_atom": ("atom.xml", "published_on")}  # file, dated by
_EARLIEST = date(1, 1, 1)
_REFUSED = (400, 404, 410)


@dataclass(frozen=True)
class Update:
    """Rows of raw.documents, raw.fetch_log and raw.harvests, and what the source withdrew (document_id, withdrawn_on).

    Withdrawn records come without their text: `merged` finds the stored ones. `closed` is the row of raw.fetch_log of
    an earlier page that no longer says where to go on: it is written with the log. `rejections` are the refused
    records, as `Store.refuse` takes them.
    """

    documents: pl.DataFrame
    log: pl.DataFrame
    summary: pl.DataFrame
    withdrawn: pl.DataFrame
    closed: pl.DataFrame = field(default_factory=lambda: windows.log([]))
    rejections: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTED))


def window(source: str, *, since: str, until: str | None = None, query: str = "", url: str | None = None) -> Window:
    """A window from what a person wrote.

    Args:
        source: one of `CONNECTORS`.
        since: first ISO day.
        until: last ISO day; today (UTC) if not given, and at the latest.
        query: in the service's language.
        url: another address of the service.

    Raises:
        InputError: an unknown source, a day that is none or yet to come, a window that ends before it starts.
    """
    if source not in CONNECTORS:
        raise InputError.of(f"unknown source {source!r}", "the sources", f"use one of {', '.join(CONNECTORS)}")
    first = _day(since, "--since")
    now = today()
    last = now if until is None else _day(until, "--until")
    if first > now:  # recorded as harvested, its days would never be asked for again
        raise InputError.of(f"{first} is yet to come ({now} now, UTC)", "--since", "name a day that has begun")
    if last < first:
        raise InputError.of(f"a window from {first} until {last}", "--until", "name a day not before --since")
    return Window(source=source, since=first, until=min(last, now), query=query, url=url)


def ask(client: "Client | None", asked: Window) -> Ask:
    """What gives the pages of a window from a token on: its service, or without a client the demonstration corpus."""
    if client is None:
        return lambda _token: iter(_embedded(asked))
    module = asked.module
    return lambda token: module.fetch(
        client, since=asked.since, until=asked.until, query=asked.query, resume=token, url=asked.url or module.URL
    )


def batches(
    asked: Window, pages: Ask, *, known: pl.DataFrame, replay: bool = False, limit: int | None = None
) -> Iterator[Update]:
    """A window in parts that can be landed one by one; the summary of each speaks of the window so far.

    It goes on where it stopped, and begins again where the service does not know that place any more, or where what
    comes from there on is not all that is missing. One whose pages are all there is not asked for again, unless it is a
    replay.

    Args:
        asked: the window.
        pages: gives its pages from a token on, see `ask`.
        known: rows of raw.fetch_log of the window.
        replay: its days were harvested before: it is asked for from the beginning, and keeps no token.
        limit: stop after about so many records; the window is then not complete.

    Raises:
        InputError: a broken page; what came before it was handed on.
        FetchError: the service did not answer; likewise.
    """
    here = windows.Place(known.clear()) if replay else windows.place(known)
    if here.pages.height and not here.token:
        yield _part(asked, [], windows.log([]), here)
        return
    for again in (False, True):
        start = here
        try:
            for found in windows.groups(pages(here.token), limit=limit):
                group = windows.named(asked, here, found)
                windows.check_whole(here, group)
                closed, log, here = windows.advanced(asked, here, group, keep_token=not replay)
                yield replace(_part(asked, group, log, here), closed=closed)
            break
        except MatloomError as error:
            if again or not (here.pages.height and _forgotten(error, resumed=here is start)):
                raise
            here = here.beginning()
    if not here.pages.height:  # a service may answer an empty window without a page
        yield _part(asked, [], windows.log([]), here)


def harvest(
    source: str,
    *,
    since: str,
    until: str | None = None,
    query: str = "",
    limit: int | None = None,
    live: bool = True,
    url: str | None = None,
) -> Update:
    """All of a small window at once, for scripts; arguments as in `window`, `batches` and `ask`.

    Raises:
        InputError: see `window`; half a page or list.
        FetchError: the service did not answer; nothing is returned then.
    """
    from etl.http import Client

    asked = window(source, since=since, until=until, query=query, url=url if live else DEMO)
    nothing = windows.log([])
    with Client() as client:
        parts = list(batches(asked, ask(client if live else None, asked), known=nothing, replay=True, limit=limit))
    return _joined(parts)


def folder_parts(path: Path, *, limit: int | None = None) -> Iterator[Update]:
    """Documents of a folder, in parts as `batches` gives them; what cannot be read is refused and stops nothing else.

    Raises:
        InputError: no such folder.
    """
    pages = folder.pages(path)
    asked, done = Window(source=folder.SOURCE, since=today(), until=today(), query=path.as_posix()), windows.log([])
    for group in windows.groups(islice(pages, limit)):
        log = windows.log(records.fetch_row(folder.SOURCE, page) for page in group)
        done = pl.concat([done, log])
        complete = limit is None or done.height < limit or next(pages, None) is None
        yield _update(folder.SOURCE, group, log, _summary(asked, done, complete=complete))
    if not done.height:
        yield _update(folder.SOURCE, [], done, _summary(asked, done, complete=True))


def read_folder(path: Path, *, limit: int | None = None) -> Update:
    """All documents of a small folder at once, for scripts; see `folder_parts`.

    Raises:
        InputError: no such folder.
    """
    return _joined(list(folder_parts(path, limit=limit)))


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


def _forgotten(error: MatloomError, *, resumed: bool) -> bool:
    """Whether the service no longer knows a token; some say so by refusing the request that goes on with an old one."""
    from etl.http import FetchError

    refused = isinstance(error, FetchError) and error.status in _REFUSED
    return isinstance(error, TokenError) or (resumed and refused)


def _day(text: str, option: str) -> date:
    found = records.day(text)
    if found is None or found.isoformat() != text:
        raise InputError.of(f"{text!r} is no day", option, "write YYYY-MM-DD")
    return found


def _embedded(asked: Window) -> list[Page]:
    """What the service would answer if the demonstration corpus were all that it has."""
    from etl.reference import demo_corpus

    if asked.source not in EMBEDDED:
        return []
    name, dated = EMBEDDED[asked.source]
    data = demo_corpus()[name]
    parsed = folder.parse(data, where=name)
    inside = parsed.documents.filter(pl.col(dated).is_between(asked.since, asked.until))
    return [Page(name, data, replace(parsed, documents=inside, total=None))]  # what it says is of the whole file


def stopped(asked: Window, known: pl.DataFrame) -> pl.DataFrame:
    """The row of raw.harvests of a window that a broken page stopped.

    Args:
        asked: the window.
        known: rows of raw.fetch_log of the window.
    """
    return _summary(asked, windows.place(known).pages, complete=False)


def _part(asked: Window, pages: list[Page], log: pl.DataFrame, here: Place) -> Update:
    last = pages[-1].parsed.token if pages else here.token
    return _update(asked.source, pages, log, _summary(asked, here.pages, complete=last is None))


def _joined(parts: list[Update]) -> Update:
    """Parts as one, with the summary of the last."""
    return Update(
        documents=pl.concat([p.documents for p in parts]).unique("document_id", keep="last", maintain_order=True),
        log=pl.concat([p.log for p in parts]),
        summary=parts[-1].summary,
        withdrawn=pl.concat([p.withdrawn for p in parts]).unique("document_id", keep="last", maintain_order=True),
        rejections=pl.concat([p.rejections for p in parts]),
    )


def _update(source: str, pages: list[Page], log: pl.DataFrame, summary: pl.DataFrame) -> Update:
    gone = dict(pair for page in pages for pair in page.parsed.withdrawn)
    withdrawn = pl.DataFrame(
        list(gone.items()), schema={"document_id": pl.String, "withdrawn_on": pl.Date}, orient="row"
    )
    found = pl.concat([records.frame([]), *(page.parsed.documents for page in pages)])
    found = found.unique("document_id", keep="last", maintain_order=True)
    found = not_older(found, found.drop("withdrawn_on").join(withdrawn, on="document_id").lazy())
    refused = pl.concat([pl.DataFrame(schema=REJECTED), *(records.rejections(source, page) for page in pages)])
    return Update(documents=found, log=log, summary=summary, withdrawn=withdrawn, rejections=refused)


def _summary(asked: Window, pages: pl.DataFrame, *, complete: bool) -> pl.DataFrame:
    """The row of raw.harvests of a window, from the rows of raw.fetch_log of its pages."""
    row = {
        "source": asked.source,
        "query": asked.query,
        "day": asked.since,
        "until": asked.until,
        "complete": complete,
        **{name: int(pages[name].sum()) for name in ("records", "withdrawals", "rejected")},
        "content_hash": records.combined(pages["content_hash"]),
    }
    return pl.DataFrame([row], schema=records.HARVESTS, orient="row")
