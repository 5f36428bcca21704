"""What the specification of OPTIMADE says of requests and answers: its OpenAPI document where MATLOOM_DATASETS has it,
else what this project uses of it, written down here."""

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema

_FIELDS = {"type": "string", "pattern": "^([a-z_][a-z_0-9]*(,[a-z_][a-z_0-9]*)*)?$"}
_WHOLE = {"type": "integer", "minimum": 0}
_PARAMETERS: dict[str, dict[str, Any]] = {
    "filter": {"type": "string"}, "response_format": {"type": "string"}, "response_fields": _FIELDS,
    "page_limit": _WHOLE, "page_offset": _WHOLE, "page_number": {"type": "integer"}, "sort": _FIELDS,
}  # fmt: skip


def _object(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties) if required is None else required, "properties": properties}


def _list(items: Any, **more: Any) -> dict[str, Any]:
    return {"type": ["array", "null"], "items": items, **more}


_TEXT, _MAYBE, _TRUTH = {"type": "string"}, {"type": ["string", "null"]}, {"type": "boolean"}
_VECTOR = {"type": "array", "items": {"type": ["number", "null"]}, "minItems": 3, "maxItems": 3}
_SPECIES = _object(
    ["name", "chemical_symbols", "concentration"],
    name=_TEXT, chemical_symbols={"type": "array", "items": _TEXT},
    concentration={"type": "array", "items": {"type": "number"}},
)  # fmt: skip
_ATTRIBUTES = _object(
    ["last_modified", "structure_features"],
    last_modified=_MAYBE, structure_features={"type": "array", "items": _TEXT}, elements=_list(_TEXT),
    nelements={"type": ["integer", "null"]}, elements_ratios=_list({"type": "number"}),
    chemical_formula_reduced={"type": ["string", "null"], "pattern": "^([A-Z][a-z]?([2-9]|[1-9][0-9]+)?)+$"},
    chemical_formula_anonymous={"type": ["string", "null"], "pattern": "^([A-Z][a-z]?([2-9]|[1-9][0-9]+)?)+$"},
    dimension_types=_list({"enum": [0, 1]}, minItems=3, maxItems=3), nsites={"type": ["integer", "null"]},
    lattice_vectors=_list(_VECTOR, minItems=3, maxItems=3), cartesian_site_positions=_list(_VECTOR),
    species=_list(_SPECIES), species_at_sites=_list(_TEXT),
)  # fmt: skip
_META = _object(
    query=_object(representation=_TEXT), api_version={"type": "string", "pattern": r"^\d+\.\d+\.\d+"},
    more_data_available=_TRUTH,
)  # fmt: skip
_STRUCTURE = _object(id=_TEXT, type={"const": "structures"}, attributes=_ATTRIBUTES)
_PROPERTY = _object(["description"], description=_TEXT, unit=_MAYBE, sortable={"type": ["boolean", "null"]})
_ANSWERS: dict[str, dict[str, Any]] = {
    "/structures": _object(data={"type": "array", "items": _STRUCTURE}, meta=_META),
    "/structures/{entry_id}": _object(data={"anyOf": [_STRUCTURE, {"type": "null"}]}, meta=_META),
    "/info/{entry}": _object(
        data=_object(
            ["description", "properties", "formats", "output_fields_by_format"],
            properties={"type": "object", "additionalProperties": _PROPERTY},
        ),
        meta=_META,
    ),
    "/info": _object(data=_object(id={"const": "/"}, type={"const": "info"}, attributes=_object()), meta=_META),
    "/links": _object(data={"type": "array", "items": _object(id=_TEXT, type={"const": "links"})}, meta=_META),
    "error": _object(errors={"type": "array", "items": _object(["detail"], detail=_TEXT), "minItems": 1}, meta=_META),
}


def document() -> dict[str, Any] | None:
    """The official document, where it lies on this machine."""
    folder = os.environ.get("MATLOOM_DATASETS")
    path = Path(folder or "") / "mit" / "optimade_openapi.json"
    if not folder or not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def parameters() -> dict[str, dict[str, Any]]:
    """Schemas of the parameters of /structures."""
    found = document()
    if found is None:
        return _PARAMETERS
    return {p["name"]: p["schema"] for p in found["paths"]["/structures"]["get"]["parameters"]}


def check_request(query: dict[str, str]) -> None:
    """Fails where a request has a parameter that is not in the document, or a value that it does not allow."""
    known = parameters()
    for name, text in query.items():
        schema = known[name]
        whole = schema.get("type") == "integer" and re.fullmatch(r"-?\d+", text)
        jsonschema.validate(int(text) if whole else text, schema)


def check_answer(path: str, answer: Any, *, status: int = 200) -> None:
    """Fails where the answer of an address is not what the document says."""
    found = document()
    if found is None:
        jsonschema.validate(answer, _ANSWERS["error" if status >= 400 else path])
        return
    responses = found["paths"][path]["get"]["responses"]
    schema = responses[str(status)]["content"]["application/vnd.api+json"]["schema"]
    jsonschema.validate(answer, {**schema, "components": found["components"]})
