"""The Crystallography Open Database: measured structures by elements or formula, each with the DOI of its article.

CIF texts are kept as they are; they are read and checked where raw rows become core rows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from etl.sources import cursors, markup
from etl.structures.cif import raw_frame
from etl.structures.found import Found, check_elements
from schemas.errors import InputError

if TYPE_CHECKING:
    from etl.http import Client

SOURCE = "COD"
URL = "https://www.crystallography.net/cod"
LICENCE = "CC0-1.0"
MOST_ELEMENTS = 8
BATCH = 50
"""Structures a page."""
_PART = re.compile(r"[A-Z][a-z]?(?:\d+(?:\.\d+)?)?")


class Entry(markup.Record):
    """One line of a search."""

    file: str = Field(pattern=r"^\d{7}$")
    formula: str | None = None
    doi: str | None = None
    method: str | None = None
    status: str | None = None
    duplicate_of: str | None = Field(None, alias="duplicateof")


def search(
    client: "Client", *, elements: Sequence[str] = (), formula: str | None = None, url: str = URL
) -> tuple[list[Entry], list[tuple[str, str]]]:
    """Entries with those elements, or of that formula, and the lines refused with their reason.

    Args:
        client: asks the service.
        elements: symbols that must all be there, at most eight.
        formula: in the order of Hill with blanks between, as in ``O2 V``.
        url: address of the service.

    Raises:
        InputError: nothing to look for, no symbol, no formula, or an answer that is no list.
    """
    check_elements(elements)
    if len(elements) > MOST_ELEMENTS:
        raise InputError.of(f"more than {MOST_ELEMENTS} elements", "the elements", "name the rarest of them")
    if not (elements or formula):
        raise InputError.of("nothing to look for", "the search of COD", "give elements or a formula")
    if formula and not all(_PART.fullmatch(part) for part in formula.split()):
        raise InputError.of(f"{formula!r} is no formula", "the search of COD", "write it as in O2 V")
    asked = {"format": "json"} | {f"el{n}": symbol for n, symbol in enumerate(elements, 1)}
    asked |= {"formula": " ".join(formula.split())} if formula else {}
    return _entries(client.get(f"{url}/result", asked), f"{url}/result")


def fetch(
    client: "Client", *, elements: Sequence[str] = (), formula: str | None = None, url: str = URL
) -> Iterator[Found]:
    """Structures with those elements, or of that formula, in batches; arguments and errors as for `search`.

    An entry that COD withdrew or holds twice is refused, and so is one whose CIF is not there.

    Raises:
        InputError: as `search` does.
        FetchError: the service did not answer.
    """
    entries, refused = search(client, elements=elements, formula=formula, url=url)
    for start in range(0, max(1, len(entries)), BATCH):
        rows = []
        for entry in entries[start : start + BATCH]:
            row = _row(client, entry, url)
            if isinstance(row, str):
                refused.append((f"COD:{entry.file}", row))
            else:
                rows.append(row)
        yield Found(raw_frame(rows), tuple(refused), total=len(entries))
        refused = []


def _entries(data: bytes, where: str) -> tuple[list[Entry], list[tuple[str, str]]]:
    listed = cursors.json_value(data, where=where)
    if not isinstance(listed, list):
        raise InputError.of(f"{type(listed).__name__} instead of a list", where, "check the address of the service")
    entries, refused = [], []
    for number, item in enumerate(listed):
        found = markup.read(Entry, item)
        if isinstance(found, str):
            refused.append((f"entry {number}", found))
        else:
            entries.append(found)
    return entries, refused


def _row(client: "Client", entry: Entry, url: str) -> Mapping[str, str | None] | str:
    """The raw row of one entry, or why there is none."""
    from etl.http import FetchError

    if entry.duplicate_of or (entry.status or "").lower() == "retracted":
        return f"the same as {entry.duplicate_of}" if entry.duplicate_of else "retracted"
    try:
        text = client.get(f"{url}/{entry.file}.cif").decode("utf-8", "replace")
    except FetchError as error:
        if error.status not in {403, 404, 410}:
            raise
        return f"status {error.status}"
    if "data_" not in text:
        return "no CIF"
    return {
        "source": SOURCE,
        "source_id": entry.file,
        "formula": (entry.formula or "").strip("- ") or None,
        "cif": text,
        "fidelity": "calculation" if (entry.method or "").lower() == "theoretical" else "experiment",
        "doi": markup.doi(entry.doi),
        "licence": LICENCE,
    }
