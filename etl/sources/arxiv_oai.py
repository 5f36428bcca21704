"""arXiv's OAI-PMH service: harvests by window of days, with resumption tokens and withdrawn records.

The window is one of header datestamps: the day on which the service last touched the record, whatever the article's own
dates say.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from etl.sources import cursors, records, xml
from etl.sources.records import Page, Parsed, TokenError
from schemas.errors import InputError

if TYPE_CHECKING:
    from etl.http import Client

SOURCE = "arxiv_oai"
URL = "https://oaipmh.arxiv.org/oai"


def parse(data: bytes, *, where: str) -> Parsed:
    """Reads one ListRecords response.

    Raises:
        InputError: no XML, no OAI-PMH, or an OAI error other than noRecordsMatch; a TokenError if it does not know the
            token.
    """
    return _parsed(_root(data, where), where)


def _root(data: bytes, where: str) -> Any:
    root = xml.parse(data, where=where)
    if xml.local(root) != "OAI-PMH":
        raise InputError.of(f"<{xml.local(root)}> instead of <OAI-PMH>", where, "check the address of the service")
    return root


def _in_time(root: Any, since: date, where: str) -> Any:
    """The response itself, unless the service's clock has not come to the window.

    Such a service would date what changes today before the window, where no later harvest looks.
    """
    clock = records.day(xml.text(xml.first(root, "responseDate")))
    if clock and clock < since:
        raise InputError.of(f"a clock at {clock}, before the window from {since}", where, "harvest it later")
    return root


def _parsed(root: Any, where: str) -> Parsed:
    rows, refused, withdrawn = [], records.Refusals(), []
    closing, number = None, 0
    for element in root.iter("{*}record", "{*}error", "{*}resumptionToken"):
        kind = xml.local(element)
        if kind == "resumptionToken":
            closing = element
        elif kind == "error":
            if element.get("code") != "noRecordsMatch":
                raise _error(element, where)
        else:
            row, gone = _record(element)
            if row is not None:
                rows.append(row)
            elif gone is None:
                refused.add(f"record {number}", "no id or no title", xml.raw(element))
            elif gone[0] and gone[1]:
                withdrawn.append((f"arxiv:{gone[0]}", gone[1]))
            else:
                refused.add(f"record {number}", "withdrawn without id or datestamp", xml.raw(element))
            number += 1
    size = closing.get("completeListSize", "") if closing is not None else ""
    total = int(size) if size.isdigit() else None
    found = refused.parsed(records.frame(rows))
    return replace(found, token=xml.text(closing), withdrawn=tuple(withdrawn), total=total)


def _error(element: Any, where: str) -> InputError:
    code = element.get("code")
    kind = TokenError if code == "badResumptionToken" else InputError
    return kind.of(f"{code}: {xml.text(element)}", where, "start the window again")


def fetch(
    client: "Client", *, since: date, until: date, query: str, resume: str | None = None, url: str = URL
) -> Iterator[Page]:
    """Pages of a window. A token goes alone with the verb.

    Args:
        client: asks the service.
        since, until: first and last datestamp.
        query: set of the service; all sets if empty.
        resume: token of an earlier page of the same window, to go on after it.
        url: address of the service.

    Raises:
        InputError: a page that `parse` refuses, a list in circles, one that ends before its last known
            `completeListSize`, or a service whose clock has not come to the window. The `cursor` of a list is not
            checked: services count it differently.
    """
    window = {"metadataPrefix": "arXiv", "from": str(since), "until": str(until)} | ({"set": query} if query else {})
    number = 0

    def ask(token: str | None) -> Page:
        nonlocal number
        name = f"{url} page {number} from {since} until {until}" + (" resumed" if resume else "")
        number += 1
        data = client.get(url, {"verb": "ListRecords", **({"resumptionToken": token} if token else window)})
        return Page(name, data, _parsed(_in_time(_root(data, name), since, name), name))

    return cursors.walk(ask, resume=resume)


def _record(record: Any) -> tuple[dict[str, Any] | None, tuple[str, date | None] | None]:
    """The row of a record, or id and day of a withdrawn one; neither for one without id or title."""
    header, metadata = record.find("{*}header"), record.find("{*}metadata")
    about = {} if header is None else _firsts(header)
    day = records.day(xml.text(about.get("datestamp")))
    if header is not None and header.get("status") == "deleted":
        return None, ((xml.text(about.get("identifier")) or "").rsplit(":", 1)[-1], day)
    found = {} if metadata is None else _firsts(metadata)
    identifier, title = xml.text(found.get("id")), xml.text(found.get("title"))
    if metadata is None or not identifier or not title:
        return None, None
    return _row(identifier, title, found, [_firsts(a) for a in metadata.iter("{*}author")], day), None


def _firsts(element: Any) -> dict[str, Any]:
    """The first descendant of each local name; one pass, since a harvest looks at millions."""
    found: dict[str, Any] = {}
    for inside in element.iterdescendants():
        found.setdefault(xml.local(inside), inside)
    return found


def _row(
    identifier: str, title: str, found: dict[str, Any], authors: list[dict[str, Any]], day: date | None
) -> dict[str, Any]:
    parts = [(xml.text(a.get("forenames")), xml.text(a.get("keyname"))) for a in authors]
    return records.document(
        "arxiv",
        identifier,
        arxiv_id=identifier,
        doi=xml.text(found.get("doi")),
        title=title,
        abstract=xml.text(found.get("abstract")),
        authors=[" ".join(n for n in pair if n) for pair in parts] or None,
        categories=(xml.text(found.get("categories")) or "").split() or None,
        published_on=records.day(xml.text(found.get("created"))),
        updated_on=records.day(xml.text(found.get("updated"))),
        datestamp=day,
        licence=xml.text(found.get("license")) or "metadata CC0-1.0",
    )
