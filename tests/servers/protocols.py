"""What each service answers: from a request's parameters and the corpus to a body.

How answers go wrong is in `faults`, sockets in `literature`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from tests.servers.corpus import Corpus, Record

Query = dict[str, str]
XML, JSON, CIF = "text/xml; charset=utf-8", "application/json", "chemical/x-cif"


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    body: bytes
    kind: str = XML
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


_OAI = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
    "<responseDate>{0}T00:00:00Z</responseDate>"
    '<request verb="ListRecords" metadataPrefix="arXiv">http://localhost/oai</request>{1}</OAI-PMH>'
)


def oai(corpus: Corpus, query: Query, *, size: int) -> Answer:
    """OAI-PMH ListRecords in the arXiv format."""
    token = query.get("resumptionToken")
    if query.get("verb") != "ListRecords":
        return _oai_error(corpus, "badVerb", "only ListRecords is spoken here")
    if token is not None:
        places = token.split("|")
        if len(places) != 3 or not all(p.isdigit() for p in places) or set(query) != {"verb", "resumptionToken"}:
            return _oai_error(corpus, "badResumptionToken", "the token is unknown or has expired")
        low, high, start = (int(p) for p in places)
    else:
        if query.get("metadataPrefix") != "arXiv":
            return _oai_error(corpus, "cannotDisseminateFormat", "only arXiv is given")
        found = corpus.window(_day(query.get("from")), _day(query.get("until")))
        low, high, start = found.start, found.stop, found.start
    if start >= high:
        return _oai_error(corpus, "noRecordsMatch", "nothing in that window")
    end = min(start + size, high)
    body = "".join([_oai_record(corpus[index]) for index in range(start, end)])
    following = f"{low}|{high}|{end}" if end < high else ""
    closing = ""
    if following or token is not None:
        closing = (
            f'<resumptionToken completeListSize="{high - low}" cursor="{start - low}">{following}</resumptionToken>'
        )
    return Answer(_OAI.format(corpus.last, f"<ListRecords>{body}{closing}</ListRecords>").encode())


def _oai_error(corpus: Corpus, code: str, said: str) -> Answer:
    return Answer(_OAI.format(corpus.last, f'<error code="{code}">{said}</error>').encode())


def _oai_record(record: Record) -> str:
    day = record.day.isoformat()
    name = f"<identifier>oai:arXiv.org:{record.arxiv_id}</identifier><datestamp>{day}</datestamp>"
    name += "<setSpec>physics:cond-mat</setSpec>"
    if record.gone:
        return f'<record><header status="deleted">{name}</header></record>'
    licence = f"<license>{record.licence}</license>" if record.licence else ""
    return (
        f'<record><header>{name}</header><metadata><arXiv xmlns="http://arxiv.org/OAI/arXiv/">'
        f"<id>{record.arxiv_id}</id><created>{day}</created><authors><author><keyname>{record.author}</keyname>"
        f"<forenames>A.</forenames></author></authors><title>{record.title}</title>"
        f"<categories>cond-mat.str-el</categories><doi>{record.doi}</doi>{licence}"
        f"<abstract>{record.abstract}</abstract></arXiv></metadata></record>"
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text[:10]) if text else None


# path -> (what answers there, records a page if the request does not say)
ROUTES: dict[str, Callable[..., Answer]] = {"/oai": oai}
