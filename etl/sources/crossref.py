"""Crossref's REST API: what publishers deposit of their works, by window of days on which a record was indexed.

The abstract is often missing; references are DOIs; notices of retraction name the works that they retract.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field

from etl.sources import cursors, markup, records
from etl.sources.records import Page, Parsed
from schemas.errors import InputError

if TYPE_CHECKING:
    from etl.http import Client

SOURCE = "crossref"
URL = "https://api.crossref.org/works"
ROWS = 500
RETRACTING = frozenset({"retraction", "withdrawal", "removal"})
# the version that a licence speaks of, the article as published first
_VERSIONS = ("vor", "am", "unspecified", "tdm")


class _Day(markup.Record):
    parts: tuple[tuple[int | None, ...], ...] = Field((), alias="date-parts")


class _Name(markup.Record):
    given: str | None = None
    family: str | None = None
    name: str | None = None


class _Licence(markup.Record):
    url: str = Field(alias="URL")
    version: str = Field("unspecified", alias="content-version")
    start: _Day | None = None


class _Reference(markup.Record):
    doi: str | None = Field(None, alias="DOI")


class _Update(_Reference):
    kind: str = Field("", alias="type")
    updated: _Day | None = None


class _Work(markup.Record):
    doi: str = Field(alias="DOI")
    title: tuple[str | None, ...] = ()
    abstract: str | None = None
    author: tuple[_Name, ...] = ()
    subject: tuple[str, ...] = ()
    published: _Day | None = None
    issued: _Day | None = None
    deposited: _Day | None = None
    indexed: _Day | None = None
    license: tuple[_Licence, ...] = ()
    reference: tuple[_Reference, ...] = ()
    update_to: tuple[_Update, ...] = Field((), alias="update-to")
    updated_by: tuple[_Update, ...] = Field((), alias="updated-by")


def parse(data: bytes, *, where: str, size: int | None = None) -> Parsed:
    """Reads one list of works; `token` is the cursor of the next, None where the list is shorter than asked for.

    Args:
        data: the answer.
        where: named in errors.
        size: works asked for; what the answer says of itself if not given.

    Raises:
        InputError: no JSON, or no list of works.
    """
    answer = cursors.json_object(data, where=where)
    if answer.get("message-type") != "work-list":
        raise InputError.of("no work-list", where, "check the address of the service")
    message = cursors.part(answer, "message", dict, where=where)
    items = cursors.part(message, "items", list, where=where)
    full = len(items) >= (size or message.get("items-per-page") or 1)
    token, total = message.get("next-cursor"), message.get("total-results")
    return replace(
        cursors.gathered(items, _row, named="work"),
        token=token if full and items and isinstance(token, str) else None,
        total=total if isinstance(total, int) else None,
    )


def fetch(
    client: "Client", *, since: date, until: date, query: str, resume: str | None = None, url: str = URL
) -> Iterator[Page]:
    """Pages of a window. A cursor lives for some minutes and may stay the same from page to page.

    Args:
        client: asks the service.
        since, until: first and last day of indexing.
        query: words to look for; everything if empty.
        resume: token of an earlier page of the same window, to go on after it.
        url: address of the service.

    Raises:
        InputError: a page that `parse` refuses, one that came before, or a list that ends early.
    """
    from etl.http import mailto

    asked = {"filter": f"from-index-date:{since},until-index-date:{until}", "rows": str(ROWS)}
    asked |= ({"query": query} if query else {}) | mailto()
    read = partial(parse, size=ROWS)
    return cursors.starred(client, url, asked, read, since=since, until=until, resume=resume, steady=True)


def _row(item: Any) -> dict[str, Any] | str:
    """The row of one work, or why there is none."""
    work = markup.read(_Work, item)
    if isinstance(work, str):
        return work
    identifier = markup.doi(work.doi)
    title = markup.clean(next((t for t in work.title if t), None))
    if not identifier or not title:
        return "no DOI or no title"
    touched = _day(work.indexed)
    gone = [_day(u.updated) or touched for u in work.updated_by if u.kind in RETRACTING]
    return records.document(
        SOURCE,
        identifier,
        doi=identifier,
        arxiv_id=identifier.removeprefix("10.48550/arxiv.") if identifier.startswith("10.48550/arxiv.") else None,
        title=title,
        abstract=markup.clean(work.abstract),
        cited_dois=records.dois(r.doi for r in work.reference) or None,
        retracted_dois=records.dois(u.doi for u in work.update_to if u.kind in RETRACTING) or None,
        authors=[n for n in map(_name, work.author) if n] or None,
        categories=list(work.subject) or None,
        published_on=_day(work.published) or _day(work.issued),
        updated_on=_day(work.deposited),
        datestamp=touched,
        withdrawn_on=max((day for day in gone if day), default=None),
        licence=_licence(work.license, touched),
    )


def _day(given: _Day | None) -> date | None:
    """The day, the first of month or year where no more is said."""
    year, month, day = [*(given.parts[0] if given and given.parts else []), None, None, None][:3]
    return records.day(f"{year:04d}-{month or 1:02d}-{day or 1:02d}") if year else None


def _name(name: _Name) -> str | None:
    return markup.clean(" ".join(p for p in (name.given, name.family) if p) or name.name)


def _licence(licences: Sequence[_Licence], on: date | None) -> str | None:
    """The licence of the best version that holds on that day; an embargoed one does not yet."""
    held = [licence for licence in licences if not on or (_day(licence.start) or on) <= on]
    known = [licence for licence in held if licence.version in _VERSIONS]
    return min(known, key=lambda licence: _VERSIONS.index(licence.version)).url if known else None
