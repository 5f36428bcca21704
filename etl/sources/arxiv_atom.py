"""arXiv's query API: Atom feeds of abstracts, by window of days of submission.

It knows when an article was first submitted, not when a record changed: revisions and withdrawals come by `arxiv_oai`.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from etl.sources import cursors, records, xml
from etl.sources.records import Page, Parsed
from schemas.errors import InputError

if TYPE_CHECKING:
    from etl.http import Client

SOURCE = "arxiv_atom"
URL = "https://export.arxiv.org/api/query"
PAGE = 100


def parse(data: bytes, *, where: str, size: int | None = None) -> Parsed:
    """Reads one feed; `token` is the start of the next page.

    Args:
        data: the feed.
        where: named in errors.
        size: entries asked for; what the feed says of itself if not given.

    Raises:
        InputError: no XML, no feed, an error of the service, or fewer entries than the feed promises for this page.
    """
    root = xml.parse(data, where=where)
    if xml.local(root) != "feed":
        raise InputError.of(f"<{xml.local(root)}> instead of <feed>", where, "check the address of the service")
    rows, refused = [], records.Refusals()
    entries = [e for e in root if xml.local(e) == "entry"]
    for number, entry in enumerate(entries):
        if "/api/errors" in (xml.text(xml.first(entry, "id")) or ""):  # the service says so in an entry, as if found
            raise InputError.of(
                f"an error of the service ({xml.text(xml.first(entry, 'summary'))})", where, "mend the query"
            )
        row = _row(entry)
        if row is None:
            refused.add(f"entry {number}", "no id or no title", xml.raw(entry))
        else:
            rows.append(row)
    total, start, said = (_number(root, n) for n in ("totalResults", "startIndex", "itemsPerPage"))
    following = start + len(entries)
    if following < min(total, start + (size or said or 1)):
        raise InputError.of(f"{len(entries)} entries from {start} on of {total}", where, "half a page: fetch it again")
    token = str(following) if following < total else None
    return replace(refused.parsed(records.frame(rows)), token=token, total=total)


def fetch(
    client: "Client", *, since: date, until: date, query: str, resume: str | None = None, url: str = URL
) -> Iterator[Page]:
    """Pages of a window, oldest first.

    Args:
        client: asks the service.
        since, until: first and last day of submission (GMT).
        query: in the service's language.
        resume: token of an earlier page of the same window, to go on after it.
        url: address of the service.

    Raises:
        InputError: a page that `parse` refuses, or one that came before.
    """
    asked = f"({query}) AND submittedDate:[{since:%Y%m%d}0000 TO {until:%Y%m%d}2359]"
    order = {"sortBy": "submittedDate", "sortOrder": "ascending"}

    def ask(token: str | None) -> Page:
        start = token or "0"
        data = client.get(url, {"search_query": asked, "start": start, "max_results": str(PAGE), **order})
        name = f"{url} start={start} from {since} until {until}"
        return Page(name, data, parse(data, where=name, size=PAGE))

    return cursors.walk(ask, resume=resume)


def _row(entry: Any) -> dict[str, Any] | None:
    given = xml.text(xml.first(entry, "id")) or ""
    identifier, title = _bare(given.rsplit("/abs/", 1)[-1]), xml.text(xml.first(entry, "title"))
    if not identifier or not title:
        return None
    return records.document(
        "arxiv",
        identifier,
        arxiv_id=identifier,
        doi=xml.text(xml.first(entry, "doi")),
        title=title,
        abstract=xml.text(xml.first(entry, "summary")),
        authors=[n for n in (xml.text(e) for e in xml.find_all(entry, "name")) if n] or None,
        categories=[e.get("term") for e in xml.find_all(entry, "category") if e.get("term")] or None,
        published_on=records.day(xml.text(xml.first(entry, "published"))),
        updated_on=records.day(xml.text(xml.first(entry, "updated"))),
        licence=xml.text(xml.first(entry, "rights")) or "metadata CC0-1.0",
    )


def _bare(identifier: str) -> str:
    """An arXiv id without its version."""
    head, mark, version = identifier.strip().rpartition("v")
    return head if mark and version.isdigit() and head else identifier.strip()


def _number(root: Any, name: str) -> int:
    found = xml.text(xml.first(root, name)) or "0"
    return int(found) if found.isdigit() else 0
