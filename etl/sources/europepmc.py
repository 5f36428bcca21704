"""Europe PMC: abstracts and, where access is open, full texts as JATS, by window of days of change or publication.

The search gives the record, `jats` reads the full text, and both become one document.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import Field

from etl.sources import cursors, jats, markup, records
from etl.sources.records import Page, Parsed
from schemas.errors import InputError

if TYPE_CHECKING:
    from etl.http import Client

SOURCE = "europepmc"
URL = "https://www.ebi.ac.uk/europepmc/webservices/rest"
PAGE = 100
RETRACTED = "retracted publication"
_FROM_TEXT = ("body", "sections", "captions", "table_texts", "cited_dois", "retracted_dois")


class _Author(markup.Record):
    full: str | None = Field(None, alias="fullName")
    collective: str | None = Field(None, alias="collectiveName")


class _Authors(markup.Record):
    author: tuple[_Author, ...] = ()


class _Kinds(markup.Record):
    kinds: tuple[str, ...] = Field((), alias="pubType")


class _Keywords(markup.Record):
    keyword: tuple[str, ...] = ()


class _Result(markup.Record):
    id: str
    source: str
    doi: str | None = None
    pmcid: str | None = None
    title: str | None = None
    abstract: str | None = Field(None, alias="abstractText")
    authors: _Authors | None = Field(None, alias="authorList")
    kinds: _Kinds | None = Field(None, alias="pubTypeList")
    keywords: _Keywords | None = Field(None, alias="keywordList")
    licence: str | None = Field(None, alias="license")
    open: str = Field("N", alias="isOpenAccess")
    held: str = Field("N", alias="inEPMC")
    published: str | None = Field(None, alias="firstPublicationDate")
    revised: str | None = Field(None, alias="dateOfRevision")
    indexed: str | None = Field(None, alias="firstIndexDate")


def parse(data: bytes, *, where: str) -> Parsed:
    """Reads one page of a search; `token` is the cursor mark of the next, None where it stays as it was.

    Raises:
        InputError: no JSON, or no list of results.
    """
    answer, results = _results(data, where)
    asked = answer.get("request")
    token = answer.get("nextCursorMark")
    last = not results or not isinstance(token, str) or token == (asked or {}).get("cursorMark")
    total = answer.get("hitCount")
    return replace(
        cursors.gathered(results, _row, named="result"),
        token=None if last else token,
        total=total if isinstance(total, int) else None,
    )


def fetch(
    client: "Client",
    *,
    since: date,
    until: date,
    query: str,
    resume: str | None = None,
    url: str = URL,
    window: str = "UPDATE_DATE",
) -> Iterator[Page]:
    """Pages of a window, with the full texts of the records of open access.

    A full text that is not there or broken leaves its record as the search gave it, and is named with the refusals.

    Args:
        client: asks the service.
        since, until: first and last day.
        query: in the service's language; everything if empty.
        resume: token of an earlier page of the same window, to go on after it.
        url: address of the service.
        window: what the days are of: UPDATE_DATE or FIRST_PDATE.

    Raises:
        InputError: a page that `parse` refuses, a list in circles, or one that ends early.
        FetchError: the service did not answer, not even for one full text.
    """
    days = f"({window}:[{since} TO {until}])"
    asked = {"query": f"({query}) AND {days}" if query else days, "resultType": "core", "format": "json"}
    asked |= {"pageSize": str(PAGE)}
    listed = cursors.starred(
        client, f"{url}/search", asked, parse, since=since, until=until, resume=resume, cursor="cursorMark"
    )
    for page in listed:
        yield _with_full_texts(client, page, url)


def full_text_ids(data: bytes, *, where: str) -> dict[str, str]:
    """Source id of each record of a page whose full text may be had, and the PMC id under which."""
    found = (markup.read(_Result, item) for item in _results(data, where)[1])
    return {
        f"{r.source}/{r.id}": r.pmcid
        for r in found
        if not isinstance(r, str) and r.open == r.held == "Y" and r.pmcid and r.pmcid.isalnum()
    }


def merged(row: dict[str, Any], text: dict[str, Any]) -> dict[str, Any]:
    """The record with what its full text adds; the text's own licence goes before the one that the search names."""
    given = {name: value for name, value in row.items() if name not in {"source", "source_id", "document_id"}}
    given |= {name: text[name] for name in _FROM_TEXT if text.get(name)}
    given["abstract"] = given["abstract"] or text["abstract"]
    given["licence"] = text["licence"] if text["licence"] != "unknown" else given["licence"]
    return records.document(SOURCE, row["source_id"], **given)


def _with_full_texts(client: "Client", page: Page, url: str) -> Page:
    wanted, parsed = full_text_ids(page.data, where=page.name), page.parsed
    rows, refused, raws = [], list(parsed.refused), dict(parsed.raws)
    for row in parsed.documents.iter_rows(named=True):
        identifier = wanted.get(row["source_id"])
        text = _full_text(client, f"{url}/{identifier}/fullTextXML") if identifier else Parsed(records.frame([]))
        for which, why in text.refused:
            name = f"full text of {row['document_id']}"
            refused.append((name, why))
            raws[name] = text.raws.get(which, b"")
        rows.append(merged(row, text.documents.row(0, named=True)) if text.documents.height else row)
    found = replace(parsed, documents=records.frame(rows), refused=tuple(refused), raws=raws)
    return replace(page, parsed=found)


def _full_text(client: "Client", url: str) -> Parsed:
    """What a full text gave, or its refusal. A service that is down is no refusal, but an error."""
    from etl.http import FetchError, OversizeError

    data = b""
    try:
        data = client.get(url)
        return jats.parse(data, where=url)
    except (InputError, OversizeError) as error:
        why = str(error)
    except FetchError as error:
        if error.status not in {403, 404, 410}:
            raise
        why = f"status {error.status}"
    return records.refused(url, why, data).parsed


def _results(data: bytes, where: str) -> tuple[dict[str, Any], list[Any]]:
    answer = cursors.json_object(data, where=where)
    listed = cursors.part(answer, "resultList", dict, where=where)
    return answer, cursors.part(listed, "result", list, where=where)


def _row(item: Any) -> dict[str, Any] | str:
    """The row of one result, or why there is none."""
    result = markup.read(_Result, item)
    if isinstance(result, str):
        return result
    title = markup.clean(result.title)
    if not title or not result.id:
        return "no id or no title"
    published, revised = records.day(result.published), records.day(result.revised)
    gone = RETRACTED in {kind.lower() for kind in (result.kinds.kinds if result.kinds else ())}
    touched = revised or records.day(result.indexed)
    if gone and not (touched or published):
        return "retracted, no one knows when"
    authors = result.authors.author if result.authors else ()
    names = [name for name in (markup.clean(author.full or author.collective) for author in authors) if name]
    return records.document(
        SOURCE,
        f"{result.source}/{result.id}",
        doi=markup.doi(result.doi),
        title=title,
        abstract=markup.clean(result.abstract),
        authors=names or None,
        categories=(list(result.keywords.keyword) if result.keywords else None) or None,
        published_on=published,
        updated_on=revised,
        datestamp=touched,
        withdrawn_on=(touched or published) if gone else None,
        licence=result.licence,
    )
