"""OpenAlex: an open index of works, by window of days on which a record changed. It asks for a key.

Abstracts come as inverted index and are put back in order. What it cites is given by its own ids, which are not kept.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from etl.sources import cursors, markup, records
from etl.sources.records import Page, Parsed

if TYPE_CHECKING:
    from etl.http import Client

SOURCE = "openalex"
URL = "https://api.openalex.org/works"
KEY = "OPENALEX_API_KEY"
PAGE = 100
LONGEST = 50_000
"""Words of an abstract; a position beyond it is no abstract's."""
_ARXIV = re.compile(r"(?:arxiv\.org/abs/|10\.48550/arxiv\.)([^?#]+?)/?$", re.IGNORECASE)


class _Named(markup.Record):
    display_name: str | None = None


class _Authorship(markup.Record):
    author: _Named | None = None


class _Location(markup.Record):
    license: str | None = None
    landing_page_url: str | None = None


class _Work(markup.Record):
    id: str
    doi: str | None = None
    title: str | None = None
    abstract_inverted_index: dict[str, list[int]] | None = None
    authorships: tuple[_Authorship, ...] = ()
    topics: tuple[_Named, ...] = ()
    publication_date: str | None = None
    updated_date: str | None = None
    is_retracted: bool = False
    best_oa_location: _Location | None = None
    primary_location: _Location | None = None
    locations: tuple[_Location, ...] = ()


def parse(data: bytes, *, where: str) -> Parsed:
    """Reads one list of works; `token` is the cursor of the next.

    Raises:
        InputError: no JSON, or no list of works.
    """
    answer = cursors.json_object(data, where=where)
    meta = cursors.part(answer, "meta", dict, where=where)
    results = cursors.part(answer, "results", list, where=where)
    token, total = meta.get("next_cursor"), meta.get("count")
    return replace(
        cursors.gathered(results, _row, named="work"),
        token=token if results and isinstance(token, str) else None,
        total=total if isinstance(total, int) else None,
    )


def fetch(
    client: "Client", *, since: date, until: date, query: str, resume: str | None = None, url: str = URL
) -> Iterator[Page]:
    """Pages of a window.

    Args:
        client: asks the service.
        since, until: first and last day of change.
        query: words to look for; everything if empty.
        resume: token of an earlier page of the same window, to go on after it.
        url: address of the service.

    Raises:
        InputError: no key in OPENALEX_API_KEY, a page that `parse` refuses, a list in circles or one that ends early.
    """
    from etl.addresses import Secrets
    from etl.http import mailto, secret

    secrets = Secrets(parameters={"api_key": secret(KEY, source=SOURCE)})
    asked = {"filter": f"from_updated_date:{since},to_updated_date:{until}", "per_page": str(PAGE)}
    asked |= ({"search": query} if query else {}) | mailto()
    return cursors.starred(client, url, asked, parse, since=since, until=until, resume=resume, secrets=secrets)


def _row(item: Any) -> dict[str, Any] | str:
    """The row of one work, or why there is none."""
    work = markup.read(_Work, item)
    if isinstance(work, str):
        return work
    identifier, title = work.id.rsplit("/", 1)[-1], markup.clean(work.title)
    if not identifier or not title:
        return "no id or no title"
    abstract = in_order(work.abstract_inverted_index or {})
    if abstract is None:
        return f"an abstract with positions outside 0 to {LONGEST}"
    touched = records.day(work.updated_date)
    if work.is_retracted and touched is None:
        return "retracted, no one knows when"
    places = [place for place in (work.best_oa_location, work.primary_location) if place]
    return records.document(
        SOURCE,
        identifier,
        doi=markup.doi(work.doi),
        arxiv_id=_arxiv([work.doi, *(place.landing_page_url for place in work.locations)]),
        title=title,
        abstract=markup.clean(abstract),
        authors=[n for n in (markup.clean(a.author.display_name) for a in work.authorships if a.author) if n] or None,
        categories=[t.display_name for t in work.topics if t.display_name] or None,
        published_on=records.day(work.publication_date),
        datestamp=touched,
        withdrawn_on=touched if work.is_retracted else None,
        licence=next((place.license for place in places if place.license), None),
    )


def in_order(index: dict[str, list[int]]) -> str | None:
    """The text of an inverted index: each word at its positions; None where a position is none.

    Args:
        index: word to its places, counted from 0.
    """
    placed = {place: word for word, places in index.items() for place in places}
    if any(not 0 <= place < LONGEST for place in placed):
        return None
    return " ".join(placed[place] for place in sorted(placed))


def _arxiv(addresses: list[str | None]) -> str | None:
    found = (_ARXIV.search(address) for address in addresses if address)
    return records.bare_arxiv_id(next((match[1] for match in found if match), None))
