"""XML without its dangers: no entities, no network, no DTD, and nothing recovered in silence."""

import html.entities
import re
from typing import Any

from schemas.errors import InputError

_PREDEFINED = {"amp", "lt", "gt", "quot", "apos"}
_SINGLE = {"ascii", "us-ascii", "iso-8859-1", "latin-1", "latin1", "iso-8859-15", "windows-1252", "cp1252"}
_DECLARED = re.compile(rb"\A\s*<\?xml[^>]*?\sencoding\s*=\s*[\"']([\w.-]+)[\"']")
_NAMED = re.compile(rb"&([A-Za-z][A-Za-z0-9]{1,31});")
_LIMIT = 200_000_000
_FLOATS = {"fig", "fig-group", "table-wrap", "table-wrap-group", "figure", "table"}  # they have fields of their own
_REPEATED = 200_000  # characters that spanning cells may add to a table: a hostile one would fill the memory


def parse(data: bytes, *, where: str) -> Any:
    """The root element.

    Known named entities (``&alpha;``) are replaced first. A document type with entity declarations is refused, so an
    entity bomb never starts. What calls itself Latin-1 and is strict UTF-8 beyond ASCII is read as UTF-8.

    Raises:
        InputError: not well-formed, truncated, too large, empty, or with entity declarations.
    """
    from lxml import etree

    if len(data) > _LIMIT:
        raise InputError.of(f"{len(data)} bytes", where, "split it into files below 200 MB")
    if b"<!ENTITY" in data[:100_000]:
        raise InputError.of("entity declarations", where, "remove the document type; entities are not expanded")
    parser = etree.XMLParser(
        encoding=_encoding(data), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(_NAMED.sub(_character, data), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError.of(f"no well-formed XML ({first})", where, "fetch the file again") from error
    declared = root.getroottree().docinfo.internalDTD if root is not None else None
    if declared is not None and next(declared.iterentities(), None) is not None:
        # in another encoding, or far behind a comment
        raise InputError.of("entity declarations", where, "remove the document type; entities are not expanded")
    if root is None or (len(root) == 0 and not (root.text or "").strip()):
        raise InputError.of("an empty XML document", where, "fetch the file again")
    return root


def _encoding(data: bytes) -> str | None:
    """The encoding to use whatever the document declares; None: the declared one."""
    declared = _DECLARED.match(data)
    if declared is None or declared[1].decode("ascii").lower() not in _SINGLE or data.isascii():
        return None
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return "utf-8"


def local(element: Any) -> str:
    """Tag without its namespace; "" for comments and instructions."""
    return element.tag.rsplit("}", 1)[-1] if isinstance(element.tag, str) else ""


def find_all(element: Any, name: str) -> list[Any]:
    """All descendants of that local name, in document order."""
    return list(element.iter(f"{{*}}{name}"))


def first(element: Any, name: str) -> Any | None:
    """First descendant of that local name."""
    return next(element.iter(f"{{*}}{name}"), None)


def link(element: Any) -> str | None:
    """What the element's href names."""
    return next((v for k, v in element.attrib.items() if k.rsplit("}", 1)[-1] == "href"), None)


def raw(element: Any) -> bytes:
    """The element as bytes, to be kept where it is refused."""
    from lxml import etree

    return bytes(etree.tostring(element, encoding="utf-8", with_tail=False))


def grid(table: Any) -> str | None:
    """A table (HTML's or CALS's) as text: cells joined by tabs, rows by line breaks.

    A cell that spans rows or columns stands in each of its places.
    """
    rows = [e for e in table.iter() if local(e) in {"tr", "row"}]
    names = [e.get("colname") for e in find_all(table, "colspec")]
    places: list[dict[int, str]] = [{} for _ in rows]  # column -> text, of each row
    room = _REPEATED
    for at, element in enumerate(rows):
        column = 0
        for cell in (c for c in element if local(c) in {"td", "th", "entry"}):
            while column in places[at]:
                column += 1
            said, (across, down) = text(cell) or "", _spans(cell, names)
            down = min(down, len(rows) - at)
            cost = (across * down - 1) * (len(said) + 1)
            across, down, room = (across, down, room - cost) if cost <= room else (1, 1, room)
            for lower in places[at : at + down]:
                lower |= dict.fromkeys(range(column, column + across), said)
            column += across
    lines = ["\t".join(p.get(i, "") for i in range(max(p, default=-1) + 1)) for p in places]
    return "\n".join(line for line in lines if line.strip()) or None


def number(given: str | None) -> int:
    """A small count as an attribute or text gives it; 0 where it is none."""
    given = (given or "").strip()
    return int(given) if given.isdecimal() and len(given) <= 6 else 0


def _spans(cell: Any, names: list[str | None]) -> tuple[int, int]:
    """How many columns and rows a cell covers."""
    first, last = cell.get("namest"), cell.get("nameend")
    across = names.index(last) - names.index(first) + 1 if first in names and last in names else 1
    down = max(1, number(cell.get("rowspan")), 1 + number(cell.get("morerows")))
    return max(1, across, number(cell.get("colspan"))), down


def text(element: Any | None) -> str | None:
    """Text of an element; superscripts get a ^, subscripts are joined, citation marks and floats are dropped."""
    if element is None:
        return None
    return " ".join("".join(_pieces(element)).split()) or None


def _pieces(element: Any) -> list[str]:
    out = [element.text or ""]
    for child in element:
        name = local(child)
        if name in _FLOATS or _is_citation(child, name) or (name == "tex-math" and _also_mathml(element)):
            inside = ""
        elif name in {"sup", "sub"}:
            inside = "".join(_pieces(child))
            inside = ("^" + inside if inside.strip() else "") if name == "sup" and not _is_mark(child) else inside
        elif name:
            inside = "".join(_pieces(child))
        else:
            inside = ""
        out.append(inside + (child.tail or ""))
    return out


def _also_mathml(element: Any) -> bool:
    """Alternatives of one formula, of which MathML is the one to read."""
    return any(local(c) == "math" for c in element)


def _is_citation(element: Any, name: str) -> bool:
    """A citation mark of JATS or of Elsevier's XML."""
    if name == "xref":
        return bool(element.get("ref-type") == "bibr")
    refers: str = element.get("refid") or ""
    return name in {"cross-ref", "cross-refs"} and refers.startswith("b")


def _is_mark(element: Any) -> bool:
    """A superscript that only holds citation marks."""
    marks = {"xref", "cross-ref", "cross-refs"}
    return len(element) > 0 and all(local(c) in marks for c in element) and not (element.text or "").strip()


def _character(match: re.Match[bytes]) -> bytes:
    name = match.group(1).decode("ascii")
    found = html.entities.html5.get(f"{name};")
    if name in _PREDEFINED or found is None:
        return match.group(0)
    return "".join(f"&#{ord(c)};" for c in found).encode("ascii")
