"""arXiv's query API: Atom feeds of abstracts."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from etl.sources import records, xml
from etl.sources.records import Parsed

if TYPE_CHECKING:
    from etl.http import Client

SOURCE = "arxiv_atom"
URL = "https://export.arxiv.org/api/query"
PAGE = 100


def parse(data: bytes, *, where: str) -> Parsed:
    """Reads one feed; `token` is the start of the next page.

    Raises:
        InputError: no XML, no feed, or fewer entries than the feed promises for this page.
    """
    root = xml.parse(data, where=where)
    if xml.local(root) != "feed":
        raise records_error(f"<{xml.local(root)}> instead of <feed>", where)
    rows, refused = [], []
    entries = [e for e in root if xml.local(e) == "entry"]
    for number, entry in enumerate(entries):
        row = _row(entry)
        if row is None:
            refused.append((f"entry {number}", "no id or no title"))
        else:
            rows.append(row)
    total, start = (_number(root, n) for n in ("totalResults", "startIndex"))
    following = start + len(entries)
    return Parsed(records.frame(rows), tuple(refused), str(following) if entries and following < total else None)


def fetch(
    client: "Client", *, query: str, limit: int | None = None, url: str = URL
) -> Iterator[tuple[str, bytes, Parsed]]:
    """Pages of a query, newest first: (page name, content, what it gave)."""
    start, seen = "0", 0
    while True:
        size = PAGE if limit is None else min(PAGE, limit - seen)
        if size <= 0:
            return
        parameters = {"search_query": query, "start": start, "max_results": str(size), "sortBy": "lastUpdatedDate"}
        data = client.get(url, parameters)
        page = f"{url} start={start}"
        parsed = parse(data, where=page)
        yield page, data, parsed
        seen += parsed.documents.height
        if parsed.token is None:
            return
        start = parsed.token


def records_error(what: str, where: str) -> Exception:
    """The error of a page that is no feed."""
    from schemas.errors import InputError

    return InputError.of(what, where, "check the address; the service answers with a feed")


def _row(entry: Any) -> dict[str, Any] | None:
    given = xml.text(xml.first(entry, "id")) or ""
    identifier, title = _bare(given.rsplit("/abs/", 1)[-1]), xml.text(xml.first(entry, "title"))
    if not identifier or not title:
        return None
    return records.document(
        "arxiv",
        identifier,
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
