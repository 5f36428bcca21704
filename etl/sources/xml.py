"""XML without its dangers: no entities, no network, no DTD, and nothing recovered in silence."""

import html.entities
import re
from typing import Any

from schemas.errors import InputError

_PREDEFINED = {"amp", "lt", "gt", "quot", "apos"}
_NAMED = re.compile(rb"&([A-Za-z][A-Za-z0-9]{1,31});")
_LIMIT = 200_000_000


def parse(data: bytes, *, where: str) -> Any:
    """The root element.

    Known named entities (``&alpha;``) are replaced first. A document type with entity declarations is refused, so an
    entity bomb never starts.

    Raises:
        InputError: not well-formed, truncated, too large, empty, or with entity declarations.
    """
    from lxml import etree

    if len(data) > _LIMIT:
        raise InputError.of(f"{len(data)} bytes", where, "split it into files below 200 MB")
    if b"<!ENTITY" in data[:100_000]:
        raise InputError.of("entity declarations", where, "remove the document type; entities are not expanded")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(_NAMED.sub(_character, data), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError.of(f"no well-formed XML ({first})", where, "fetch the file again") from error
    declared = root.getroottree().docinfo.internalDTD if root is not None else None
    if declared is not None and any(True for _ in declared.iterentities()):  # in another encoding, or further down
        raise InputError.of("entity declarations", where, "remove the document type; entities are not expanded")
    if root is None or (len(root) == 0 and not (root.text or "").strip()):
        raise InputError.of("an empty XML document", where, "fetch the file again")
    return root


def local(element: Any) -> str:
    """Tag without its namespace; "" for comments and instructions."""
    return element.tag.rsplit("}", 1)[-1] if isinstance(element.tag, str) else ""


def find_all(element: Any, name: str) -> list[Any]:
    """All descendants of that local name, in document order."""
    return [e for e in element.iter() if local(e) == name]


def first(element: Any, name: str) -> Any | None:
    """First descendant of that local name."""
    return next((e for e in element.iter() if local(e) == name), None)


def text(element: Any | None) -> str | None:
    """Text of an element; superscripts get a ^, subscripts are joined, citation marks are dropped."""
    if element is None:
        return None
    return " ".join("".join(_pieces(element)).split()) or None


def _pieces(element: Any) -> list[str]:
    out = [element.text or ""]
    for child in element:
        name = local(child)
        if name == "xref" and child.get("ref-type") == "bibr":
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


def _is_mark(element: Any) -> bool:
    """A superscript that only holds citation marks."""
    return len(element) > 0 and all(local(c) == "xref" for c in element) and not (element.text or "").strip()


def _character(match: re.Match[bytes]) -> bytes:
    name = match.group(1).decode("ascii")
    found = html.entities.html5.get(f"{name};")
    if name in _PREDEFINED or found is None:
        return match.group(0)
    return "".join(f"&#{ord(c)};" for c in found).encode("ascii")
