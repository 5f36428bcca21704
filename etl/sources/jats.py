"""JATS: full articles as publishers and PubMed Central give them."""

from datetime import date
from typing import Any

from etl.sources import records, xml
from etl.sources.records import Parsed
from schemas.errors import InputError

SOURCE = "jats"
_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
_IDS = ("publisher-id", "pmc", "pmcid", "pmid", "doi")


def parse(data: bytes, *, where: str) -> Parsed:
    """Reads the articles of one file.

    Raises:
        InputError: no XML or no article in it.
    """
    root = xml.parse(data, where=where)
    articles = [root] if xml.local(root) == "article" else xml.find_all(root, "article")
    if not articles:
        raise InputError.of("no <article>", where, "give a JATS file")
    rows, refusals = [], records.Refusals()
    for number, article in enumerate(articles):
        row = _row(article)
        if row is None:
            refusals.add(f"article {number}", "no identifier or no title", xml.raw(article))
        else:
            rows.append(row)
    return refusals.parsed(records.frame(rows))


def _row(article: Any) -> dict[str, Any] | None:
    meta = xml.first(article, "article-meta")
    if meta is None:
        return None
    ids = {e.get("pub-id-type"): xml.text(e) for e in meta if xml.local(e) == "article-id"}
    identifier = next((ids[k] for k in _IDS if ids.get(k)), None)
    title = xml.text(xml.first(meta, "article-title"))
    if not identifier or not title:
        return None
    abstract = xml.first(meta, "abstract")
    paragraphs = _paragraphs(article)
    return records.document(
        SOURCE,
        identifier,
        doi=ids.get("doi"),
        arxiv_id=records.bare_arxiv_id(ids.get("arxiv")),
        title=title,
        abstract="\n".join(_texts(abstract, "p")) or xml.text(abstract) if abstract is not None else None,
        body=[p for _, p in paragraphs] or None,
        sections=[s for s, _ in paragraphs] or None,
        captions=[t for c in xml.find_all(article, "caption") for t in [xml.text(c)] if t] or None,
        table_texts=[t for t in map(xml.grid, xml.find_all(article, "table")) if t] or None,
        cited_dois=_cited(article) or None,
        retracted_dois=_retracted(article, meta) or None,
        authors=_authors(meta) or None,
        categories=_texts(meta, "subject") or None,
        published_on=_date(meta),
        licence=_licence(meta),
    )


def _paragraphs(article: Any) -> list[tuple[str, str]]:
    """(section title, paragraph) of the body; captions are left out, they have their own field."""
    body = next((e for e in article if xml.local(e) == "body"), None)
    found: list[tuple[str, str]] = []
    if body is None:
        return found

    def walk(element: Any, section: str) -> None:
        for child in element:
            name = xml.local(child)
            if name == "p":
                said = xml.text(child)
                if said:
                    found.append((section, said))
            elif name == "sec":
                heading = next((xml.text(e) for e in child if xml.local(e) == "title"), None)
                walk(child, heading or section)
            elif name not in {"fig", "table-wrap", "title", "ref-list"}:
                walk(child, section)

    walk(body, "")
    return found


def _cited(article: Any) -> list[str]:
    """DOIs of the reference list, each once, in its order."""
    given = [e for part in xml.find_all(article, "ref-list") for e in xml.find_all(part, "pub-id")]
    return records.dois(xml.text(e) for e in given if e.get("pub-id-type") == "doi")


def _retracted(article: Any, meta: Any) -> list[str]:
    """DOIs of the articles that this one retracts; a retraction notice need not call them so."""
    related = [(e.get("related-article-type"), e) for e in xml.find_all(meta, "related-article")]
    named = [e for kind, e in related if kind == "retracted-article"]
    if not named and article.get("article-type") == "retraction":
        named = [e for _, e in related]
    return records.dois(xml.link(e) or xml.text(e) for e in named if e.get("ext-link-type", "doi") == "doi")


def _texts(element: Any, name: str) -> list[str]:
    return [t for t in (xml.text(e) for e in xml.find_all(element, name)) if t]


def _authors(meta: Any) -> list[str]:
    names = []
    for contributor in xml.find_all(meta, "contrib"):
        parts = [xml.text(xml.first(contributor, n)) for n in ("given-names", "surname", "collab")]
        name = " ".join(p for p in parts if p)
        names += [name] if name else []
    return names


def _date(meta: Any) -> date | None:
    """The first publication date that is one; the first of the month or year where no more is said (or a season)."""
    for given in xml.find_all(meta, "pub-date"):
        year, month, day = (xml.text(xml.first(given, n)) or "" for n in ("year", "month", "day"))
        number = xml.number(month) or _MONTHS.get(month[:3].lower(), 0)
        found = records.day(f"{year}-{number or 1:02d}-{xml.number(day) if number and day.isdecimal() else 1:02d}")
        if found:
            return found
    return None


def _licence(meta: Any) -> str | None:
    licence = xml.first(meta, "license")
    if licence is None:
        return None
    link = xml.link(licence)
    said = xml.text(licence)
    return said if said and len(said) <= 40 else link or said
