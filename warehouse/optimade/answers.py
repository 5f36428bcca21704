"""The documents of the service: JSON:API with what OPTIMADE adds. HTTP is in `app`, entries are in `entries`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import Any
from urllib.parse import urlencode

import polars as pl

from warehouse.optimade.entries import Entries
from warehouse.optimade.errors import BadRequestError, ForbiddenError, ServiceError
from warehouse.optimade.filters import translate
from warehouse.optimade.properties import PREFIX, PROPERTIES, UNSERVED

VERSION = "1.1.0"
SCHEMA = f"https://schemas.optimade.org/openapi/v{VERSION}/optimade.json"
PAGE, MOST = 50, 500
ENDPOINTS = ("info", "links", "structures")
PROVIDER = {
    "name": "matloom",
    "description": "Emerging microelectronic materials: structures with screening predictions.",
    "prefix": PREFIX.strip("_"),
}
IMPLEMENTATION = {"name": "matloom", "version": metadata.version("matloom")}
Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request.

    Attributes:
        base: address of the service without a version.
        root: the same with the version that was asked.
        path: what follows it, such as ``/structures``.
        query: the parameters, decoded.
    """

    base: str
    root: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def representation(self) -> str:
        """Path and query, as the answer repeats them."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


def listed(asked: Asked, entries: Entries) -> Document:
    """The entry listing: filtered, sorted and cut to a page.

    Raises:
        ServiceError: see `errors`.
    """
    check_format(asked)
    names, warnings = _fields(asked)
    found = entries.frame
    if asked.query.get("filter", "").strip():
        wanted, more = translate(asked.query["filter"])
        warnings += more
        found = found.filter(wanted.fill_null(False))
    found = _sorted(found, asked.query.get("sort", ""))
    size, start = _page(asked)
    rows = found.slice(start, size)
    further = start + rows.height < found.height
    following = {**asked.query, "page_limit": str(size), "page_offset": str(start + size)}
    following = {k: v for k, v in following.items() if k != "page_number"}
    # an empty page goes nowhere: its next would be itself
    links = {"next": f"{asked.root}{asked.path}?{urlencode(following)}" if further and rows.height else None}
    return {
        "data": [
            _resource(row_id, told) for row_id, told in zip(rows["id"], entries.attributes(rows, names), strict=True)
        ],
        "links": {**_base(asked), **links},
        "meta": _meta(asked, entries, found.height, further=further, warnings=warnings),
    }


def single(asked: Asked, entries: Entries, entry_id: str) -> Document:
    """One entry, or null where there is none of that id."""
    check_format(asked)
    names, warnings = _fields(asked)
    rows = entries.frame.filter(pl.col("id") == entry_id)
    data = [_resource(entry_id, told) for told in entries.attributes(rows, names)]
    return {
        "data": data[0] if data else None,
        "links": _base(asked),
        "meta": _meta(asked, entries, rows.height, warnings=warnings),
    }


def info(asked: Asked, entries: Entries) -> Document:
    """What the service is."""
    check_format(asked)
    attributes = {
        "api_version": VERSION,
        "available_api_versions": [{"url": f"{asked.base}/v1/", "version": VERSION}],
        "formats": ["json"],
        "entry_types_by_format": {"json": ["structures"]},
        "available_endpoints": list(ENDPOINTS),
        "is_index": False,
    }
    data = {"id": "/", "type": "info", "attributes": attributes}
    return {"data": data, "links": _base(asked), "meta": _meta(asked, entries, 1)}


def info_structures(asked: Asked, entries: Entries) -> Document:
    """What is known of a structure, with units."""
    check_format(asked)
    properties = {
        p.name: {"description": p.doc, "type": p.kind, "sortable": p.sortable} | ({"unit": p.unit} if p.unit else {})
        for p in PROPERTIES.values()
    }
    data = {
        "id": "structures",
        "type": "info",
        "description": "Crystal structures that may be given away, with what the screening model says of the compound.",
        "properties": properties,
        "formats": ["json"],
        "output_fields_by_format": {"json": list(properties)},
    }
    return {"data": data, "links": _base(asked), "meta": _meta(asked, entries, 1)}


def links(asked: Asked, entries: Entries) -> Document:
    """Where this service stands: it is its own root."""
    check_format(asked)
    attributes = {
        "name": PROVIDER["name"],
        "description": PROVIDER["description"],
        "base_url": asked.base,
        "homepage": None,
        "link_type": "root",
    }
    data = [{"id": "matloom", "type": "links", "attributes": attributes}]
    return {"data": data, "links": _base(asked), "meta": _meta(asked, entries, 1, available=1)}


def failure(asked: Asked, error: ServiceError) -> Document:
    """The document of an error."""
    told = {"status": str(error.status), "title": error.title, "detail": str(error)}
    return {"errors": [told], "meta": _said(asked)}


def check_format(asked: Asked) -> None:
    """Refuses formats other than JSON.

    Raises:
        BadRequestError: another format, or relations to include that nothing has.
    """
    wanted = asked.query.get("response_format", "json")
    if wanted != "json":
        raise BadRequestError(f"response_format {wanted!r} is not served: json is")
    included = asked.query.get("include", "")
    if included not in ("", "references"):
        raise BadRequestError(f"include={included!r}: no entry is related to such")


def _fields(asked: Asked) -> tuple[list[str], list[str]]:
    """The attributes to give, and warnings of those of other providers."""
    given = asked.query.get("response_fields", "")
    if not given:
        return [n for n in PROPERTIES if n not in ("id", "type")], []
    names = list(dict.fromkeys(n.strip() for n in given.split(",") if n.strip()))
    foreign = [n for n in names if n.startswith("_") and not n.startswith(PREFIX)]
    # of the specification's own properties that this service does not know, the value is null
    unknown = [n for n in names if n not in PROPERTIES and n not in foreign and n not in UNSERVED]
    if unknown:
        raise BadRequestError(f"{unknown[0]} is no property of structures: see /info/structures")
    return [n for n in names if n not in ("id", "type")], [f"{n} belongs to another provider: null" for n in foreign]


def _sorted(found: pl.DataFrame, sort: str) -> pl.DataFrame:
    """Rows in the order asked for, unknown values last, equals by id."""
    names = [n.strip() for n in sort.split(",") if n.strip()]
    for name in names:
        known = PROPERTIES.get(name.removeprefix("-"))
        if known is None or not known.sortable:
            raise BadRequestError(f"sort by {name}: /info/structures says what is sortable")
    if not names:
        return found
    by = [n.removeprefix("-") for n in names]
    return found.sort(*by, "id", descending=[*(n.startswith("-") for n in names), False], nulls_last=True)


def _page(asked: Asked) -> tuple[int, int]:
    """Size and start of the page."""
    size = _whole(asked, "page_limit", PAGE)
    if size > MOST:
        raise ForbiddenError(f"page_limit {size}: no more than {MOST} entries are given at once")
    if "page_offset" not in asked.query and "page_number" in asked.query:
        return size, (max(_whole(asked, "page_number", 1), 1) - 1) * size
    other = [n for n in ("page_cursor", "page_above", "page_below") if n in asked.query]
    if other:
        raise BadRequestError(f"{other[0]}: pages go by page_offset or page_number; follow links.next")
    return size, _whole(asked, "page_offset", 0)


def _whole(asked: Asked, name: str, otherwise: int) -> int:
    text = asked.query.get(name, str(otherwise))
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BadRequestError(f"{name}={text[:30]!r}: give a whole number from 0")
    return int(text)


def _resource(entry_id: str, attributes: Document) -> Document:
    return {"id": entry_id, "type": "structures", "attributes": attributes}


def _base(asked: Asked) -> Document:
    return {"base_url": asked.base}


def _said(asked: Asked) -> Document:
    return {
        "query": {"representation": asked.representation},
        "api_version": VERSION,
        "more_data_available": False,
        "schema": SCHEMA,
        "time_stamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "provider": PROVIDER,
        "implementation": IMPLEMENTATION,
    }


def _meta(
    asked: Asked,
    entries: Entries,
    returned: int,
    *,
    available: int | None = None,
    further: bool = False,
    warnings: Sequence[str] = (),
) -> Document:
    told = _said(asked) | {
        "more_data_available": further,
        "data_returned": returned,
        "data_available": entries.frame.height if available is None else available,
        "_matloom_publication_id": entries.publication_id,
    }
    if warnings:
        told["warnings"] = [{"type": "warning", "detail": w} for w in warnings]
    return told
