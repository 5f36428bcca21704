"""Full articles in Elsevier's XML, as its interface answers or as bare articles; elements go by their local names."""

from datetime import date
from typing import Any

from etl.sources import records, xml
from etl.sources.records import Parsed
from schemas.errors import InputError

SOURCE = "elsevier"
_ANSWER = "full-text-retrieval-response"
_HOUSE = "elsevier.com"
_IDS = ("pii", "doi", "identifier")
_ASIDE = {"figure", "table", "section-title", "caption", "bibliography", "footnote", "textbox"}
_RETRACTED = {"ret", "retraction", "removal", "withdrawal"}


def is_article(root: Any) -> bool:
    """Whether the root element is one of this kind."""
    return xml.local(root) == _ANSWER or any(_HOUSE in (uri or "") for uri in root.nsmap.values())


def parse(data: bytes, *, where: str) -> Parsed:
    """Reads the article of one file.

    Raises:
        InputError: no XML, or no article of this kind in it.
    """
    root = xml.parse(data, where=where)
    if not is_article(root):
        raise InputError.of(f"<{xml.local(root)}> instead of an article", where, "give Elsevier's full-text XML")
    refusals, row = records.Refusals(), _row(root)
    if row is None:
        refusals.add("article 0", "no identifier or no title", data)
    return refusals.parsed(records.frame([] if row is None else [row]))


def _row(root: Any) -> dict[str, Any] | None:
    identifier = next((t for t in (_said(root, n) for n in _IDS) if t), None)
    head = xml.first(root, "head")
    title = _said(root, "coredata", "title") or (_said(head, "title") if head is not None else None)
    if not identifier or not title:
        return None
    paragraphs = _paragraphs(xml.first(root, "body"))
    doi = next(iter(records.dois([_said(root, "doi")])), None)
    return records.document(
        SOURCE,
        identifier.removeprefix("doi:"),
        doi=doi,
        title=title,
        abstract=_abstract(root),
        body=[p for _, p in paragraphs] or None,
        sections=[s for s, _ in paragraphs] or None,
        captions=_texts(root, "caption") or None,
        table_texts=[t for t in map(xml.grid, _tables(root)) if t] or None,
        cited_dois=_cited(root, doi) or None,
        retracted_dois=_retracted(root) or None,
        authors=_authors(root) or None,
        categories=_texts(root, "subject") or None,
        published_on=_date(root),
        licence=_licence(root),
    )


def _said(element: Any, *path: str) -> str | None:
    """Text of the first element that the local names lead to."""
    for name in path:
        element = xml.first(element, name) if element is not None else None
    return xml.text(element)


def _texts(element: Any, name: str) -> list[str]:
    return [t for t in (xml.text(e) for e in xml.find_all(element, name)) if t]


def _abstract(root: Any) -> str | None:
    """The author's abstract, without highlights and graphical ones; else what the metadata say."""
    for element in xml.find_all(root, "abstract"):
        if element.get("class", "author") == "author":
            said = "\n".join(_texts(element, "simple-para") or _texts(element, "para"))
            if said:
                return said
    return _said(root, "coredata", "description")


def _paragraphs(body: Any | None) -> list[tuple[str, str]]:
    """(section title, paragraph); figures and tables have their own fields."""
    found: list[tuple[str, str]] = []

    def walk(element: Any, section: str) -> None:
        for child in element:
            name = xml.local(child)
            if name in {"para", "simple-para"}:
                said = xml.text(child)
                found.extend([(section, said)] if said else [])
            elif name == "section":
                heading = next((xml.text(e) for e in child if xml.local(e) == "section-title"), None)
                walk(child, heading or section)
            elif name and name not in _ASIDE:
                walk(child, section)

    if body is not None:
        walk(body, "")
    return found


def _tables(root: Any) -> list[Any]:
    return [e for e in xml.find_all(root, "table") if xml.first(e, "row") is not None]


def _cited(root: Any, own: str | None) -> list[str]:
    given = [xml.text(d) for e in xml.find_all(root, "bib-reference") for d in xml.find_all(e, "doi")]
    return [d for d in records.dois(given) if d != own]


def _retracted(root: Any) -> list[str]:
    """DOIs that a notice of retraction, removal or withdrawal names as its article."""
    kinds = (root.get("docsubtype"), _said(root, "pubType"), _said(root, "document-subtype"))
    if _RETRACTED.isdisjoint((kind or "").strip().lower() for kind in kinds):
        return []
    return records.dois(xml.text(d) for e in xml.find_all(root, "document-thread") for d in xml.find_all(e, "doi"))


def _authors(root: Any) -> list[str]:
    """Given name and surname of each author of the head; else the metadata's names, turned round at the comma."""
    names = []
    for group in xml.find_all(root, "author-group"):
        for author in (e for e in group if xml.local(e) == "author"):
            names.append(" ".join(t for t in (_said(author, n) for n in ("given-name", "surname")) if t))
    if not any(names) and (core := xml.first(root, "coredata")) is not None:
        turned = (t.partition(",") for t in _texts(core, "creator"))
        names = [f"{fore.strip()} {family.strip()}".strip() for family, _, fore in turned]
    return [n for n in names if n]


def _date(root: Any) -> date | None:
    found = records.day(_said(root, "coredata", "coverDate"))
    if found:
        return found
    given = next((e for n in ("date-accepted", "date-received") for e in xml.find_all(root, n)), None)
    if given is None:
        return None
    year, month, day = (xml.number(given.get(n)) for n in ("year", "month", "day"))
    return records.day(f"{year:04d}-{month or 1:02d}-{day or 1:02d}")


def _licence(root: Any) -> str | None:
    """The user licence of open-access articles; that an article is free to read is none."""
    return _said(root, "openaccessUserLicense") or _said(root, "user-license") or _said(root, "license")
