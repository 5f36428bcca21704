"""What each service answers: from a request's parameters and the corpus to a body.

Structures are in `crystals`, how answers go wrong in `faults`, sockets in `literature`.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from xml.sax.saxutils import escape

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


_ATOM = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" '
    'xmlns:o="http://a9.com/-/spec/opensearch/1.1/"><o:totalResults>{0}</o:totalResults>'
    "<o:startIndex>{1}</o:startIndex><o:itemsPerPage>{2}</o:itemsPerPage>{3}</feed>"
)
_ATOM_DAYS = re.compile(r"\[(\d{4})(\d\d)(\d\d)\d{4} TO (\d{4})(\d\d)(\d\d)\d{4}\]")
_DAYS = re.compile(r"\[(\d{4}-\d\d-\d\d) TO (\d{4}-\d\d-\d\d)\]")


def atom(corpus: Corpus, query: Query, *, size: int) -> Answer:
    """arXiv's query API, which looks at the window of days and nothing else here."""
    asked = _ATOM_DAYS.search(query.get("search_query", ""))
    days = (date(*map(int, asked.groups()[:3])), date(*map(int, asked.groups()[3:]))) if asked else (None, None)
    found = corpus.window(*days)
    start, size = int(query.get("start", "0")), min(size, int(query.get("max_results", "10")))
    entries = "".join(_atom_entry(corpus[index]) for index in found[start : start + size])
    return Answer(_ATOM.format(len(found), start, size, entries).encode())


def _atom_entry(record: Record) -> str:
    return (
        f"<entry><id>http://arxiv.org/abs/{record.arxiv_id}v1</id><title>{escape(record.title)}</title>"
        f"<summary>{escape(record.abstract)}</summary><published>{record.day}T00:00:00Z</published>"
        f"<author><name>A. {record.author}</name></author><category term='cond-mat.str-el'/></entry>"
    )


def crossref(corpus: Corpus, query: Query, *, size: int) -> Answer:
    """Crossref's list of works, whose cursor here moves from page to page."""
    filters = dict(part.split(":", 1) for part in query.get("filter", "").split(",") if ":" in part)
    days = _day(filters.get("from-index-date")), _day(filters.get("until-index-date"))
    found, start, end, token = _slice(corpus, days, query.get("cursor", "*"), min(size, int(query.get("rows", "20"))))
    message: dict[str, Any] = {
        "total-results": len(found),
        "items-per-page": int(query.get("rows", "20")),
        "items": [_work(corpus[index], corpus) for index in range(start, end)],
        "next-cursor": token,
    }
    return _json({"status": "ok", "message-type": "work-list", "message": message})


def _work(record: Record, corpus: Corpus) -> dict[str, Any]:
    day = {"date-parts": [[record.day.year, record.day.month, record.day.day]]}
    work: dict[str, Any] = {
        "DOI": record.doi.upper(),
        "type": "journal-article",
        "title": [record.title],
        "abstract": f"<jats:title>Abstract</jats:title><jats:p>{escape(record.abstract)}</jats:p>",
        "author": [{"given": "A.", "family": record.author}],
        "published": day,
        "indexed": day,
        "reference": [
            {"key": "1", "DOI": f"10.5555/matloom.{record.index // 2}"},
            {"key": "2", "unstructured": "a book"},
        ],
    }
    if record.licence:
        work["license"] = [{"URL": record.licence, "content-version": "vor", "delay-in-days": 0, "start": day}]
    if record.gone:
        work["updated-by"] = [{"DOI": f"{record.doi}.notice", "type": "retraction", "updated": day}]
    if record.index and corpus[record.index - 1].gone:
        work["update-to"] = [{"DOI": corpus[record.index - 1].doi, "type": "retraction", "updated": day}]
    return work


def openalex(corpus: Corpus, query: Query, *, size: int) -> Answer:
    """OpenAlex's list of works; a key is asked for."""
    if not query.get("api_key"):
        return Answer(b'{"error": "a key is needed"}', JSON, 401)
    filters = dict(part.split(":", 1) for part in query.get("filter", "").split(",") if ":" in part)
    days = _day(filters.get("from_updated_date")), _day(filters.get("to_updated_date"))
    size = min(size, int(query.get("per_page", "25")))
    found, start, end, token = _slice(corpus, days, query.get("cursor", "*"), size)
    meta = {"count": len(found), "per_page": size, "next_cursor": token if start < end else None}
    return _json({"meta": meta, "results": [_alex(corpus[index]) for index in range(start, end)]})


def _alex(record: Record) -> dict[str, Any]:
    index: dict[str, list[int]] = {}
    for place, word in enumerate(record.abstract.split()):
        index.setdefault(word, []).append(place)
    return {
        "id": f"https://openalex.org/W{record.index + 1}",
        "doi": f"https://doi.org/{record.doi}",
        "title": record.title,
        "publication_date": str(record.day),
        "updated_date": f"{record.day}T01:02:03.000000",
        "is_retracted": record.gone,
        "authorships": [{"author": {"display_name": f"A. {record.author}"}}],
        "topics": [{"display_name": "Correlated oxides"}],
        "abstract_inverted_index": index,
        "best_oa_location": {"license": "cc-by" if record.licence else None},
        "locations": [{"landing_page_url": f"http://arxiv.org/abs/{record.arxiv_id}v2"}],
    }


def europepmc(corpus: Corpus, query: Query, *, size: int) -> Answer:
    """Europe PMC's search; the cursor mark of the last page is the one that was sent."""
    asked = _DAYS.search(query.get("query", ""))
    days = (_day(asked[1]), _day(asked[2])) if asked else (None, None)
    cursor = query.get("cursorMark", "*")
    found, start, end, token = _slice(corpus, days, cursor, min(size, int(query.get("pageSize", "25"))))
    body: dict[str, Any] = {
        "version": "6.9",
        "hitCount": len(found),
        "request": {"cursorMark": cursor, "resultType": query.get("resultType", "lite")},
        "nextCursorMark": token if end < found.stop else cursor,
        "resultList": {"result": [_result(corpus[index]) for index in range(start, end)]},
    }
    return _json(body)


def _result(record: Record) -> dict[str, Any]:
    open_access = "Y" if record.licence and not record.gone else "N"
    kinds = ["Journal Article", *(["Retracted Publication"] if record.gone else [])]
    return {
        "id": str(record.index),
        "source": "MED",
        "pmcid": f"PMC{record.index}",
        "doi": record.doi,
        "title": record.title,
        "abstractText": f"<h4>Background</h4>{escape(record.abstract)}",
        "authorList": {"author": [{"fullName": f"{record.author} A"}]},
        "pubTypeList": {"pubType": kinds},
        "isOpenAccess": open_access,
        "inEPMC": open_access,
        "license": "cc by" if record.licence else None,
        "firstPublicationDate": str(record.day),
        "dateOfRevision": str(record.day),
    }


def full_text(corpus: Corpus, identifier: str) -> Answer:
    """JATS of one record of open access."""
    index = int(identifier) if identifier.isdecimal() else -1
    if not 0 <= index < corpus.records or corpus[index].licence is None:
        return Answer(b"not found", "text/plain", 404)
    record = corpus[index]
    return Answer(
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n<article xmlns:xlink="http://www.w3.org/1999/xlink"><front>'
            f'<article-meta><article-id pub-id-type="pmc">PMC{index}</article-id>'
            f'<article-id pub-id-type="doi">{record.doi}</article-id>'
            f"<title-group><article-title>{escape(record.title)}</article-title></title-group>"
            f"<pub-date><year>{record.day.year}</year></pub-date>"
            f'<permissions><license xlink:href="{record.licence}"><license-p>This made-up article may '
            "be shared and changed under the licence linked here."
            "</license-p></license></permissions>"
            f"<abstract><p>{escape(record.abstract)}</p></abstract></article-meta></front><body><sec>"
            f"<title>Results</title><p>Sample {index} has 10<sup>5</sup> grains.</p><fig><caption><p>Resistivity of "
            f"sample {index}.</p></caption></fig></sec></body></article>"
        ).encode()
    )


def _slice(
    corpus: Corpus, days: tuple[date | None, date | None], cursor: str, size: int
) -> tuple[range, int, int, str]:
    """The window, first and one past the last index of a page, and the cursor of the next."""
    if cursor == "*":
        found = corpus.window(*days)
        start = found.start
    else:
        low, high, start = (int(place) for place in cursor.split("|"))
        found = range(low, high)
    end = min(start + size, found.stop)
    return found, start, end, f"{found.start}|{found.stop}|{end}"


def _json(body: dict[str, Any]) -> Answer:
    return Answer(json.dumps(body).encode(), JSON)
