"""arXiv's OAI-PMH service: harvests by window of days, with resumption tokens and withdrawn records.

The window is one of header datestamps: the day on which the service last touched the record, whatever the article's own
dates say.
"""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

from etl.sources import cursors, records, xml
from etl.sources.records import Page, Parsed
from schemas.errors import InputError

if TYPE_CHECKING:
    from etl.http import Client

SOURCE = "arxiv_oai"
URL = "https://oaipmh.arxiv.org/oai"


def parse(data: bytes, *, where: str) -> Parsed:
    """Reads one ListRecords response.

    Raises:
        InputError: no XML, no OAI-PMH, or an OAI error other than noRecordsMatch.
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
    error = xml.first(root, "error")
    if error is not None:
        if error.get("code") == "noRecordsMatch":
            return Parsed(records.frame([]))
        raise InputError.of(f"{error.get('code')}: {xml.text(error)}", where, "start the window again")
    rows, refused, withdrawn = [], [], []
    for number, record in enumerate(xml.find_all(root, "record")):
        header = xml.first(record, "header")
        day = records.day(xml.text(xml.first(header, "datestamp"))) if header is not None else None
        if header is not None and header.get("status") == "deleted":
            identifier = (xml.text(xml.first(header, "identifier")) or "").rsplit(":", 1)[-1]
            if identifier and day:
                withdrawn.append((f"arxiv:{identifier}", day))
            else:
                refused.append((f"record {number}", "withdrawn without id or datestamp"))
            continue
        row = _row(record, day)
        if row is None:
            refused.append((f"record {number}", "no id or no title"))
        else:
            rows.append(row)
    closing = xml.first(root, "resumptionToken")
    size = closing.get("completeListSize", "") if closing is not None else ""
    total = int(size) if size.isdigit() else None
    return Parsed(records.frame(rows), tuple(refused), xml.text(closing), tuple(withdrawn), total)


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


def _row(record: Any, day: date | None) -> dict[str, Any] | None:
    metadata = xml.first(record, "metadata")
    if metadata is None:
        return None
    identifier, title = xml.text(xml.first(metadata, "id")), xml.text(xml.first(metadata, "title"))
    if not identifier or not title:
        return None
    names = [
        " ".join(n for n in (xml.text(xml.first(a, "forenames")), xml.text(xml.first(a, "keyname"))) if n)
        for a in xml.find_all(metadata, "author")
    ]
    return records.document(
        "arxiv",
        identifier,
        arxiv_id=identifier,
        doi=xml.text(xml.first(metadata, "doi")),
        title=title,
        abstract=xml.text(xml.first(metadata, "abstract")),
        authors=names or None,
        categories=(xml.text(xml.first(metadata, "categories")) or "").split() or None,
        published_on=records.day(xml.text(xml.first(metadata, "created"))),
        updated_on=records.day(xml.text(xml.first(metadata, "updated"))),
        datestamp=day,
        licence=xml.text(xml.first(metadata, "license")) or "metadata CC0-1.0",
    )
