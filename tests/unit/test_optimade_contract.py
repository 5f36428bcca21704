"""Our OPTIMADE client against the specification: what it asks, how it pages, what it makes of the official examples."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from etl.http import Client, FetchError
from etl.structures import optimade
from etl.structures.assemble import assemble
from etl.structures.found import Found
from tests.servers import openapi
from tests.servers.plain import Answer, server
from warehouse.optimade.grammar import parse

OQMD = optimade.PROVIDERS["oqmd"]
CSCL = {
    "lattice_vectors": [[4, 0, 0], [0, 4, 0], [0, 0, 4]],
    "cartesian_site_positions": [[0, 0, 0], [2, 2, 2]],
    "species_at_sites": ["Cs", "Cl"],
    "species": [{"name": name, "chemical_symbols": [name], "concentration": [1.0]} for name in ("Cs", "Cl")],
    "structure_features": [],
    "dimension_types": [1, 1, 1],
    "chemical_formula_reduced": "ClCs",
    "last_modified": "2026-01-01T00:00:00Z",
}


def client() -> Client:
    return Client(tries=1, timeout_s=5, backoff_s=0.01, pauses={})


def paged(total: int, style: str, asked: list[dict[str, str]]) -> Any:
    """Answers with pages of two, and with next links of one of the styles that the document recommends."""

    def answer(path: str, query: dict[str, list[str]]) -> Answer:
        told = {k: v[0] for k, v in query.items()}
        asked.append(told)
        page = int(told.get("page_number", "1"))
        start = int(told.get("page_offset", told.get("page_cursor", (page - 1) * 2)))
        held = range(start, min(start + 2, total))
        number = {"page_offset": start + 2, "page_number": page + 1, "page_cursor": start + 2}[style]
        link = f"{path}?{urlencode({**told, style: str(number)})}"
        body = {
            "data": [{"id": str(i), "type": "structures", "attributes": CSCL} for i in held],
            "links": {"next": ({"href": link} if style == "page_number" else link) if start + 2 < total else None},
            "meta": {
                "query": {"representation": path}, "api_version": "1.2.0", "data_returned": total,
                "more_data_available": start + 2 < total,
            },
        }  # fmt: skip
        openapi.check_answer("/structures", body)  # the test server itself keeps to the document
        return 200, {"Content-Type": "application/vnd.api+json"}, json.dumps(body).encode()

    return answer


@pytest.mark.parametrize("style", ["page_offset", "page_number", "page_cursor"])
def test_what_is_asked_is_in_the_document_whatever_pages_are_called(style: str) -> None:
    asked: list[dict[str, str]] = []
    with server(paged(5, style, asked)) as at, client() as asking:
        pages = list(optimade.fetch(asking, OQMD, query=optimade.holding(["Cs", "Cl"]), url=f"{at}/v1/structures"))
    assert [i for p in pages for i in p.structures["source_id"]] == ["0", "1", "2", "3", "4"]
    assert len(asked) == 3
    if style != "page_cursor" or openapi.document() is not None:
        for query in asked:
            openapi.check_request(query)
    assert {q["filter"] for q in asked} == {'elements HAS ALL "Cs","Cl"'}


@pytest.mark.parametrize("elements", [["V"], ["V", "O"], ["La", "Ni", "O"]])
def test_the_filters_of_the_client_are_filters_of_the_language(elements: list[str]) -> None:
    text = optimade.holding(elements)
    found = parse(text)
    assert found.values == tuple(elements)  # type: ignore[union-attr]


def test_an_error_document_of_a_service_is_an_error() -> None:
    body = {"errors": [{"status": "400", "title": "Bad Request", "detail": "no filter"}], "meta": {}}

    def answer(path: str, query: dict[str, list[str]]) -> Answer:
        return 400, {"Content-Type": "application/vnd.api+json"}, json.dumps(body).encode()

    with server(answer) as at, client() as asking, pytest.raises(FetchError, match="400"):
        list(optimade.fetch(asking, OQMD, query="x", url=f"{at}/v1/structures"))


def test_cells_come_back_as_they_went() -> None:
    mixed = {"name": "M", "chemical_symbols": ["V", "Cr", "vacancy"], "concentration": [0.5, 0.25, 0.25]}
    oxygen = {"name": "O", "chemical_symbols": ["O"], "concentration": [1.0]}
    given = {
        **CSCL,
        "lattice_vectors": [[4.0, 0, 0], [-1.0, 4.5, 0], [0.3, 0.2, 5.0]],
        "species": [mixed, oxygen],
        "species_at_sites": ["M", "O"],
    }
    found = one(given)
    told = optimade.attributes(found.structures["cif"][0])
    assert told["structure_features"] == ["disorder"]
    assert told["species"][0]["chemical_symbols"] == ["V", "Cr", "vacancy"]
    assert told["species"][0]["concentration"] == pytest.approx([0.5, 0.25, 0.25])
    again = assemble(one({**CSCL, **told}).structures).row(0, named=True)
    first = assemble(found.structures).row(0, named=True)
    for name in ("formula", "volume_angstrom3", "density_g_cm3", "n_sites", "flags"):
        assert (
            again[name] == pytest.approx(first[name]) if isinstance(first[name], float) else again[name] == first[name]
        )


def test_vectors_that_span_no_volume_are_refused_with_that_reason() -> None:
    found = one({**CSCL, "lattice_vectors": [[4, 0, 0], [0, 4, 0], [0, 0, 0]]})
    assert found.structures.height == 0
    assert [reason for _, reason in found.refused] == ["cell vectors that span no volume"]


def one(attributes: dict[str, Any]) -> Found:
    body = {"data": [{"id": "1", "attributes": attributes}], "links": {"next": None}, "meta": {"data_returned": 1}}
    return optimade.parse(json.dumps(body).encode(), where="x", provider=OQMD)


def test_the_official_examples_are_read_or_refused_with_a_reason() -> None:
    folder = os.environ.get("MATLOOM_DATASETS")
    path = Path(folder or "") / "mit" / "optimade_test_structures.json"
    if not folder or not path.is_file():
        pytest.skip("MATLOOM_DATASETS is not set: the official examples are needed")
    examples = json.loads(path.read_text(encoding="utf-8"))
    body = {"data": [{"id": e["task_id"], "attributes": e} for e in examples], "links": {}, "meta": {}}
    found = optimade.parse(json.dumps(body).encode(), where="x", provider=OQMD)
    assert found.received == len(examples) == 17
    assert all(reason for _, reason in found.refused)
    assert found.structures.height >= 13
