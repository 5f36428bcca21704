"""Materials Project, asked through its own client, which knows its pages and retries; it needs a key.

The functional is left open: a summary does not say which of several made the structure.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from etl.structures.cif import raw_frame, to_cif
from etl.structures.found import Found
from schemas.errors import InputError

SOURCE = "Materials Project API"  # apart from the public data sets, which go with their profile
KEY = "MP_API_KEY"
HOST = "api.materialsproject.org"
FIELDS = ("material_id", "formula_pretty", "structure", "deprecated", "builder_meta")
# as the service writes them; a part of its structures came with a licence of its own
_LICENCES = {"BY-C": "CC-BY-4.0", "BY-NC": "CC-BY-NC-4.0"}
# what pymatgen raises on malformed input
_PARSE_ERRORS = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError, ArithmeticError, RuntimeError,
    StopIteration, UserWarning,
)  # fmt: skip


def rows(documents: Iterable[Mapping[str, Any]]) -> Found:
    """Raw rows of summary documents with the fields in `FIELDS`; the structure as dictionary or pymatgen's."""
    made, refused = [], []
    for number, document in enumerate(documents):
        row = _row(document)
        if isinstance(row, str):
            refused.append((str(document.get("material_id") or f"document {number}"), row))
        else:
            made.append(row)
    return Found(raw_frame(made), tuple(refused))


def fetch(
    *,
    chemsys: str | None = None,
    elements: Sequence[str] = (),
    formula: str | None = None,
    endpoint: str | None = None,
) -> Found:
    """Structures of a chemical system, with elements, or of a formula.

    Args:
        chemsys: as in ``O-V``.
        elements: symbols that must all be there.
        formula: as in ``VO2``.
        endpoint: another address of the service.

    Raises:
        InputError: no key in MP_API_KEY, or nothing to look for.
        FetchError: the service did not answer, or refused.
    """
    from etl.http import FetchError, secret

    if not (chemsys or elements or formula):
        raise InputError.of("nothing to look for", SOURCE, "give a chemical system, elements or a formula")
    asked = {"chemsys": chemsys, "elements": list(elements) or None, "formula": formula}
    found = _search(secret(KEY, source=SOURCE), {k: v for k, v in asked.items() if v}, endpoint)
    if isinstance(found, str):
        raise FetchError.of(found, HOST, f"check {KEY} and try again later; nothing was stored")
    return rows(found)


def _search(key: str, asked: Mapping[str, Any], endpoint: str | None) -> list[dict[str, Any]] | str:
    """Summary documents, or what went wrong in a few words; the client's own words may hold more than is good."""
    import requests
    from mp_api.client import MPRester
    from mp_api.client.core.exceptions import MPRestError

    try:
        with MPRester(key, endpoint=endpoint, use_document_model=False, mute_progress_bars=True) as service:
            found = service.materials.summary.search(**asked, fields=list(FIELDS))
    except (MPRestError, requests.RequestException, ValueError) as error:
        return type(error).__name__
    return [dict(document) for document in found]


def _row(document: Mapping[str, Any]) -> Mapping[str, str | None] | str:
    """The raw row of one document, or why there is none."""
    identifier, given = document.get("material_id"), document.get("structure")
    if not identifier or given is None:
        return "no id or no structure"
    if document.get("deprecated"):
        return "deprecated"
    try:
        cif = to_cif(_structure(given))
    except _PARSE_ERRORS as error:
        return f"no structure ({type(error).__name__})"
    meta = document.get("builder_meta") or {}
    formula = document.get("formula_pretty")
    return {
        "source": SOURCE,
        "source_id": str(identifier),
        "formula": str(formula) if formula else None,
        "cif": cif,
        "fidelity": "calculation",
        "licence": _LICENCES.get(str(meta.get("license")), "unknown"),
    }


def _structure(given: Any) -> Any:
    from pymatgen.core import Structure

    return Structure.from_dict(given) if isinstance(given, dict) else given
