"""arXiv's OAI-PMH service: harvests by window of days, with resumption tokens and withdrawn records.

The window is one of header datestamps: the day on which the service last touched the record, whatever the article's own
dates say.
"""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

from etl.sources import records, xml
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
    root = xml.parse(data, where=where)
    if xml.local(root) != "OAI-PMH":
        raise InputError.of(f"<{xml.local(root)}> instead of <OAI-PMH>", where, "check the address of the service")
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
        InputError: a page that `parse` refuses, or a list that ends before its last known `completeListSize`. Its
            `cursor` is not checked: services count it differently. Neither is the length of a resumed list.
    """
    parameters = {"verb": "ListRecords", "metadataPrefix": "arXiv", "from": str(since), "until": str(until)}
    parameters |= {"set": query} if query else {}
    parameters = {"verb": "ListRecords", "resumptionToken": resume} if resume else parameters
    received, number, promised = 0, 0, 0
    while True:
        name = f"{url} page {number} from {since} until {until}" + (" resumed" if resume else "")
        data = client.get(url, parameters)
        parsed = parse(data, where=name)
        received += parsed.received
        promised = promised if parsed.total is None else parsed.total
        if parsed.token is None and received < promised and not resume:
            raise InputError.of(f"{received} of {promised} records at the end of the list", name, "harvest it again")
        yield Page(name, data, parsed)
        if parsed.token is None:
            return
        parameters, number = {"verb": "ListRecords", "resumptionToken": parsed.token}, number + 1


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
