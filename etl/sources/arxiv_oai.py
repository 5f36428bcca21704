"""arXiv's OAI-PMH service: incremental harvests by day, with resumption tokens and deleted records."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from etl.sources import records, xml
from etl.sources.records import Parsed
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
    rows, refused, deleted = [], [], []
    for number, record in enumerate(xml.find_all(root, "record")):
        header = xml.first(record, "header")
        if header is not None and header.get("status") == "deleted":
            deleted.append("arxiv:" + (xml.text(xml.first(header, "identifier")) or "").rsplit(":", 1)[-1])
            continue
        row = _row(record)
        if row is None:
            refused.append((f"record {number}", "no id or no title"))
        else:
            rows.append(row)
    token = xml.text(xml.first(root, "resumptionToken"))
    return Parsed(records.frame(rows), tuple(refused), token, tuple(deleted))


def fetch(
    client: "Client", *, since: str | None = None, subject: str | None = None, limit: int | None = None, url: str = URL
) -> Iterator[tuple[str, bytes, Parsed]]:
    """Pages of a harvest from a day on: (page name, content, what it gave). A token goes alone with the verb."""
    parameters = {"verb": "ListRecords", "metadataPrefix": "arXiv"}
    parameters |= {k: v for k, v in {"from": since, "set": subject}.items() if v}
    seen, number = 0, 0
    while True:
        page = f"{url} page {number} from {since or 'the beginning'}"
        data = client.get(url, parameters)
        parsed = parse(data, where=page)
        yield page, data, parsed
        seen += parsed.documents.height
        if parsed.token is None or (limit is not None and seen >= limit):
            return
        parameters, number = {"verb": "ListRecords", "resumptionToken": parsed.token}, number + 1


def _row(record: Any) -> dict[str, Any] | None:
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
        doi=xml.text(xml.first(metadata, "doi")),
        title=title,
        abstract=xml.text(xml.first(metadata, "abstract")),
        authors=names or None,
        categories=(xml.text(xml.first(metadata, "categories")) or "").split() or None,
        published_on=records.day(xml.text(xml.first(metadata, "created"))),
        updated_on=records.day(xml.text(xml.first(metadata, "updated"))),
        licence=xml.text(xml.first(metadata, "license")) or "metadata CC0-1.0",
    )
