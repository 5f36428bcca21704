"""Windows of days of a live source: asked page by page, handed on in batches, and taken up where they stopped.

What a batch becomes in the warehouse is decided in `dagster_project.landing`, how a service is spoken to in its module.
"""

import hashlib
import os
from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from importlib import import_module
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from etl.sources import records
from etl.sources.records import Page, TokenError
from schemas.errors import MatloomError

BATCH = 20_000  # records that are landed together, in whole pages
BYTES = 64_000_000  # of pages as received, likewise: full texts are much longer than abstracts
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Window:
    """Days of one source, asked for in one way.

    Attributes:
        source: module of `etl.sources`.
        since, until: first and last day.
        query: in the service's language.
        url: another address of the service.
    """

    source: str
    since: date
    until: date
    query: str = ""
    url: str | None = None

    @property
    def address(self) -> str:
        """Address of the service as logs show it: without user and query."""
        parts = urlsplit(self.url or str(self.module.URL))
        return f"{parts.scheme}://{parts.netloc.rsplit('@', 1)[-1]}{parts.path}"

    @property
    def module(self) -> ModuleType:
        """The connector: its `fetch` gives the pages."""
        return import_module(f"etl.sources.{self.source}")

    @property
    def lacks_key(self) -> str | None:
        """The variable of the environment that must hold a key for the service and does not."""
        key: str | None = getattr(self.module, "KEY", None)
        return key if key and not os.environ.get(key, "").strip() else None

    def months(self) -> "Iterator[Window]":
        """The window by calendar months, so that a broken page stops no more than its month."""
        first = self.since
        while first <= self.until:
            last = min(self.until, first.replace(day=monthrange(first.year, first.month)[1]))
            yield replace(self, since=first, until=last)
            first = last + _DAY

    def chosen(self) -> pl.Expr:
        """The rows of raw.fetch_log that speak of this window."""
        days = (pl.col("day") == self.since) & (pl.col("until") == self.until)
        return days & (pl.col("source") == self.source) & (pl.col("query") == self.query)

    @property
    def days(self) -> list[date]:
        """Every day of the window."""
        return [self.since + i * _DAY for i in range((self.until - self.since).days + 1)]

    def missing(self, harvests: pl.DataFrame) -> list[date]:
        """The days for which the same question was not answered to its end, by the rows of raw.harvests."""
        answered: set[date] = set()
        for first, last in self._same(harvests).filter("complete").select("day", "until").iter_rows():
            answered.update(first + i * _DAY for i in range((last - first).days + 1))
        return [day for day in self.days if day not in answered]

    def unfinished(self, harvests: pl.DataFrame) -> "Iterator[Window]":
        """Windows of the same question that began before this one, stopped and lack days still, oldest first."""
        begun = (pl.col("day") < self.since) & (pl.col("until") <= self.until)
        stopped = self._same(harvests).filter(~pl.col("complete") & begun).sort("day", "until")
        for first, last in stopped.select("day", "until").iter_rows():
            window = replace(self, since=first, until=last)
            if window.missing(harvests):
                yield window

    def _same(self, harvests: pl.DataFrame) -> pl.DataFrame:
        """The rows of raw.harvests of the same question."""
        return harvests.filter(pl.col("source") == self.source, pl.col("query") == self.query)


@dataclass(frozen=True)
class Place:
    """How far a window came: rows of raw.fetch_log of its pages so far, and the one that holds the token.

    Attributes:
        pages: of all pages before the next one.
        open: the row that says where the next page starts; None at the beginning.
    """

    pages: pl.DataFrame
    open: Mapping[str, Any] | None = None

    @property
    def token(self) -> str | None:
        """Where the next page starts."""
        return self.open["token"] if self.open else None

    def beginning(self) -> "Place":
        """The start of the window; the row that holds the old token is kept in mind, to be closed."""
        return Place(self.pages.clear(), {**self.open, "token": None} if self.open else None)


def place(known: pl.DataFrame) -> Place:
    """Where to go on, from the rows of raw.fetch_log of one window."""
    stopped = known.filter(pl.col("token").is_not_null()).sort("page_number").tail(1)
    if not stopped.height:
        return Place(known)
    row = stopped.row(0, named=True)
    return Place(known.filter(pl.col("page_number") <= row["page_number"]), row)


def advanced(
    window: Window, before: Place, pages: list[Page], *, keep_token: bool
) -> tuple[pl.DataFrame, pl.DataFrame, Place]:
    """What further pages change: the row of raw.fetch_log that loses its token, their own rows, the place then reached.

    The last page holds the token until there are further ones: a window has at most one.
    """
    start, token = before.pages.height, pages[-1].parsed.token if keep_token else None
    rows = [_log_row(window, start + i, page) for i, page in enumerate(pages)]
    rows[-1]["token"] = token
    fresh, last = log(rows), rows[-1] if token else None
    closed = log([{**before.open, "token": None}] if before.open else [])
    closed = closed.join(fresh, on="fetch_id", how="anti")
    return closed, fresh, Place(pl.concat([before.pages, fresh]), last)


def check_whole(before: Place, pages: list[Page]) -> None:
    """Refuses the end of a list that came too early.

    A list that was read from its beginning was checked page by page; one that was taken up may lack what a service
    with moving cursors gave just before the break.

    Raises:
        TokenError: fewer records than the service promises.
    """
    promised = next((p.parsed.total for p in reversed(pages) if p.parsed.total is not None), 0)
    landed = sum(int(before.pages[name].sum()) for name in ("records", "withdrawals", "rejected"))
    received = landed + sum(page.parsed.received for page in pages)
    if pages[-1].parsed.token is None and received < promised:
        said = f"{received} of {promised} records at the end of the list"
        raise TokenError.of(said, pages[-1].name, "harvest it again")


def named(window: Window, before: Place, pages: list[Page]) -> list[Page]:
    """Pages under names that say the same of the same place, whether or not the window was taken up there."""
    first, days = before.pages.height, f"from {window.since} until {window.until}"
    return [replace(page, name=f"{window.address} page {first + i} {days}") for i, page in enumerate(pages)]


def groups(pages: Iterator[Page], *, limit: int | None = None) -> Iterator[list[Page]]:
    """Pages in groups of about `BATCH` records or `BYTES`; what came before an error is handed on before it raises."""
    group: list[Page] = []
    total = held = size = 0
    try:
        for page in pages:
            group.append(page)
            held, size = held + page.parsed.received, size + len(page.data)
            enough = limit is not None and total + held >= limit
            if enough or held >= BATCH or size >= BYTES:
                yield group
                group, total, held, size = [], total + held, 0, 0
            if enough:
                return
    except MatloomError:
        if group:
            yield group
        raise
    if group:
        yield group


def log(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as frame of raw.fetch_log."""
    return pl.DataFrame(list(rows), schema=records.FETCHES, orient="row")


def _log_row(window: Window, number: int, page: Page) -> dict[str, Any]:
    """The row of a page: the same for the same place of the same window, however often it is asked for."""
    asked = (window.source, window.query, str(window.since), str(window.until), str(number))
    return records.fetch_row(window.source, page) | {
        "fetch_id": hashlib.sha256("\0".join(asked).encode()).hexdigest()[:16],
        "query": window.query,
        "day": window.since,
        "until": window.until,
        "page_number": number,
    }
