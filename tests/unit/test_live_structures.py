"""Structures from live services: OPTIMADE and COD over a real local server, Materials Project's documents."""

import json
from typing import Any

import polars as pl
import pytest

from etl.http import Client, FetchError
from etl.structures import cod, mp, optimade
from etl.structures.assemble import assemble
from etl.structures.found import Found
from schemas.errors import InputError
from tests.servers.literature import serving
from tests.servers.plain import Answer, server

OQMD = optimade.PROVIDERS["oqmd"]


def together(parts: list[Found]) -> Found:
    frame = pl.concat(part.structures for part in parts)
    assert not frame["structure_id"].is_duplicated().any()
    return Found(frame, tuple(refusal for part in parts for refusal in part.refused))


def client() -> Client:
    return Client(tries=2, timeout_s=2, backoff_s=0.01, pauses={})


def test_pages_of_optimade_become_structures_that_pass_every_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimade, "PAGE", 4)
    with serving() as at, client() as asking:
        url = f"{at.url}/optimade/v1/structures"
        found = together(list(optimade.fetch(asking, OQMD, query='elements HAS ALL "O"', url=url)))
        assert len(at.asked) == 3
        assert "filter=elements+HAS+ALL+%22O%22" in at.asked[0]
        nickel = together(list(optimade.fetch(asking, OQMD, query='elements HAS ALL "Ni","O"', url=url)))
    assert found.structures.height == 9
    assert found.refused == ()
    row = nickel.structures.row(0, named=True)
    assert (row["structure_id"], row["source"], row["licence"]) == ("OQMD:rs-0", "OQMD", "CC-BY-4.0")
    assert (row["fidelity"], row["functional"]) == ("calculation", "PBE")
    core = assemble(found.structures)
    assert core["valid"].all()
    assert core.row(0, named=True)["volume_angstrom3"] == pytest.approx(4.18**3, rel=1e-4)


def test_a_list_of_optimade_goes_on_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimade, "PAGE", 4)
    with serving() as at, client() as asking:
        url = f"{at.url}/optimade/v1/structures"
        first = next(optimade.fetch(asking, OQMD, query="", url=url))
        rest = together(list(optimade.fetch(asking, OQMD, query="", resume=first.token, url=url)))
    assert first.structures.height + rest.structures.height == 12


def answer(*resources: Any, following: Any = None, total: int | None = None) -> bytes:
    meta = {"data_returned": len(resources) if total is None else total}
    return json.dumps({"data": list(resources), "links": {"next": following}, "meta": meta}).encode()


def resource(**changed: Any) -> dict[str, Any]:
    attributes = {
        "lattice_vectors": [[4, 0, 0], [0, 4, 0], [0, 0, 4]],
        "cartesian_site_positions": [[0, 0, 0], [2, 2, 2]],
        "species_at_sites": ["Cs", "Cl"],
        "species": [
            {"name": name, "chemical_symbols": [name], "concentration": [1]} for name in ("Cs", "Cl")
        ],
        "structure_features": [],
        "dimension_types": [1, 1, 1],
    }  # fmt: skip
    return {"id": "1", "attributes": {**attributes, **changed}}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"lattice_vectors": None}, "attributes.lattice_vectors"),
        ({"lattice_vectors": [[4, 0, 0], [0, 4, 0]]}, "attributes.lattice_vectors"),
        ({"cartesian_site_positions": [[0, 0, "x"], [2, 2, 2]]}, "attributes.cartesian_site_positions"),
        ({"cartesian_site_positions": [[0, 0, 0]]}, "2 species at 1 sites"),
        ({"species_at_sites": ["Cs", "Br"]}, "a site of undeclared species"),
        ({"structure_features": ["assemblies"]}, "structure feature assemblies"),
        ({"dimension_types": [1, 1, 0]}, "not periodic in three directions"),
        ({"species": [{"name": "Cs", "chemical_symbols": ["X"], "concentration": [1]},
                      {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1]}]}, "'X' is no element"),
        ({"species": [{"name": "Cs", "chemical_symbols": ["Cs", "K"], "concentration": [0.9, 0.9]},
                      {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1]}]}, "concentrations outside"),
        ({"species": [{"name": "Cs", "chemical_symbols": ["Qq"], "concentration": [1]},
                      {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1]}]}, "'Qq' is no element"),
    ],
)  # fmt: skip
def test_a_resource_outside_the_specification_is_refused_and_stops_no_other(changed: dict[str, Any], why: str) -> None:
    found = optimade.parse(answer(resource(**changed), resource()), where="x", provider=OQMD)
    assert found.structures.height == 1
    assert found.refused[0][0] == "structure 0"
    assert found.refused[0][1].startswith(why)


def test_partly_filled_sites_keep_their_shares() -> None:
    mixed = {"name": "Cs", "chemical_symbols": ["Cs", "K", "vacancy"], "concentration": [0.5, 0.25, 0.25]}
    chlorine = {"name": "Cl", "chemical_symbols": ["Cl"], "concentration": [1]}
    found = optimade.parse(answer(resource(species=[mixed, chlorine])), where="x", provider=OQMD)
    core = assemble(found.structures).row(0, named=True)
    assert core["valid"]
    assert set(core["flags"]) >= {"disordered", "vacancies"}


@pytest.mark.parametrize(
    ("following", "says"),
    [
        ("http://127.0.0.1:9/v1/structures?page=2", "a next page on another host"),
        ({"href": "https://example.org/v1"}, "a next page on another host"),
        ("/v1/structures?page=2", "goes in circles"),
        ("", "1 of 5 structures at the end of the list"),
    ],
)
def test_a_list_of_optimade_stays_with_its_host_and_ends(following: Any, says: str) -> None:
    with (
        server(lambda path, query: (200, {}, answer(resource(), following=following, total=5))) as url,
        client() as asking,
        pytest.raises(InputError, match=says),
    ):
        list(optimade.fetch(asking, OQMD, query="", url=f"{url}/v1/structures"))


def test_a_service_behind_a_proxy_that_calls_itself_http_is_asked_by_https() -> None:
    home, link = "https://a.org/v1/structures", "http://a.org/v1/structures?page=2"
    assert optimade.next_page(home, link, "x") == "https://a.org/v1/structures?page=2"
    with pytest.raises(InputError, match="another host"):
        optimade.next_page(home, "http://a.org:8080/v1/structures?page=2", "x")


def test_a_filter_that_the_service_does_not_know_is_an_error_of_one_line() -> None:
    with serving() as at, client() as asking, pytest.raises(FetchError, match="status 400"):
        list(optimade.fetch(asking, OQMD, query='elements HAS "O', url=f"{at.url}/optimade/v1/structures"))


def test_cod_is_searched_by_elements_and_formula_and_gives_its_cifs() -> None:
    with serving() as at, client() as asking:
        oxides = together(list(cod.fetch(asking, elements=["O"], url=f"{at.url}/cod")))
        salt = together(list(cod.fetch(asking, formula="Cl Na", url=f"{at.url}/cod")))
    assert oxides.structures.height == 9
    row = salt.structures.row(0, named=True)
    assert (row["structure_id"], row["formula"], row["doi"]) == ("COD:9000010", "Cl Na", "10.5555/cod.9")
    assert (row["licence"], row["fidelity"], row["functional"]) == ("CC0-1.0", "experiment", None)
    assert assemble(oxides.structures)["valid"].all()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "nothing to look for"),
        ({"elements": ["Vn"]}, "'Vn' is no element"),
        ({"elements": ["O"] * 9}, "more than 8 elements"),
        ({"formula": "VO2!"}, "'VO2!' is no formula"),
    ],
)
def test_a_search_of_cod_that_makes_no_sense_asks_nobody(asked: dict[str, Any], says: str) -> None:
    with serving() as at, client() as asking:
        with pytest.raises(InputError, match=says):
            list(cod.fetch(asking, url=f"{at.url}/cod", **asked))
        assert at.asked == []


def test_what_cod_lost_or_withdrew_is_refused_and_stops_no_other() -> None:
    listed = [
        {"file": "9000001", "status": "retracted"},
        {"file": "9000002", "duplicateof": "9000003"},
        {"file": "../etc/passwd"},
        {"file": "9000004", "doi": "10.1000/X", "method": "theoretical"},
        {"file": "9000005"},
    ]
    texts = {"9000004": b"data_9000004\n_cell_length_a 1", "9000005": b"<html>sorry</html>"}

    def answers(path: str, query: dict[str, list[str]]) -> Answer:
        return 200, {}, json.dumps(listed).encode() if path == "/result" else texts[path[1:8]]

    with server(answers) as url, client() as asking:
        found = together(list(cod.fetch(asking, elements=["O"], url=url)))
    assert found.structures.select("source_id", "fidelity", "doi").rows() == [("9000004", "calculation", "10.1000/x")]
    assert [why for _, why in found.refused][1:] == ["retracted", "the same as 9000003", "no CIF"]
    assert found.refused[0][0] == "entry 2"


def test_documents_of_materials_project_become_rows_with_their_own_licence() -> None:
    from pymatgen.core import Lattice, Structure

    salt = Structure(Lattice.cubic(4.1), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    good = {"material_id": "mp-1", "formula_pretty": "CsCl", "structure": salt.as_dict()}
    found = mp.rows(
        [
            good | {"builder_meta": {"license": "BY-C"}},
            good | {"material_id": "mp-2", "structure": salt, "builder_meta": {"license": "BY-NC"}},
            good | {"material_id": "mp-3"},
            good | {"material_id": "mp-4", "deprecated": True},
            good | {"material_id": "mp-5", "structure": {"lattice": "none"}},
            {"structure": salt},
        ]
    )
    licences = found.structures.select("structure_id", "licence").rows()
    assert licences == [
        ("Materials Project API:mp-1", "CC-BY-4.0"),
        ("Materials Project API:mp-2", "CC-BY-NC-4.0"),
        ("Materials Project API:mp-3", "unknown"),
    ]
    assert [which for which, _ in found.refused] == ["mp-4", "mp-5", "document 5"]
    assert assemble(found.structures)["valid"].all()


def test_materials_project_without_its_key_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(mp.KEY, raising=False)
    with pytest.raises(InputError, match="no key for Materials Project API in MP_API_KEY"):
        mp.fetch(formula="VO2")
    with pytest.raises(InputError, match="nothing to look for"):
        mp.fetch()


def test_materials_project_out_of_reach_is_an_error_that_keeps_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(mp.KEY, "hidden" * 5 + "00")
    with pytest.raises(FetchError, match=r"api\.materialsproject\.org") as caught:
        mp.fetch(formula="VO2", endpoint="http://127.0.0.1:9/")
    assert "hidden" not in f"{caught.value!r}{caught.value.__cause__!r}{caught.value.__context__!r}"
