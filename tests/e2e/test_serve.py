"""`matloom serve` on a real port: the official validator, our own client, and what is never served."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl.http import Client
from etl.structures import optimade
from etl.structures.assemble import assemble
from tests.servers import openapi, screened
from tests.servers.matloom import ROOT, command
from warehouse.catalog import publish
from warehouse.optimade import entries
from warehouse.query import query
from warehouse.store import Store

VALIDATE = "from optimade.validator import validate; validate()"
TOOLS = Path(sys.prefix) / "tools"


def get(url: str, **parameters: str) -> dict[str, Any]:
    query_ = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    with urllib.request.urlopen(url + query_, timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("application/vnd.api+json")
        found: dict[str, Any] = json.loads(answer.read())
        return found


def refused(url: str) -> tuple[int, dict[str, Any]]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url, timeout=30)
    return caught.value.code, json.loads(caught.value.read())


def client() -> Client:
    return Client(tries=2, timeout_s=20, backoff_s=0.01, pauses={})


def test_the_official_validator_finds_nothing_wrong(at: str) -> None:
    if not (TOOLS / "optimade").is_dir():
        pytest.skip(f"no validator in {TOOLS}: `make setup` puts it there")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            VALIDATE,
            f"{at}/v1",
            "--json",
            "--random-seed",
            "0",
        ],
        env=os.environ | {"PYTHONPATH": str(TOOLS)},
        cwd=TOOLS,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    found = json.loads(done.stdout[done.stdout.index("{") :])
    assert found["failure_messages"] == []
    assert found["optional_failure_messages"] == []
    assert found["internal_failure_messages"] == []
    assert found["success_count"] >= 35
    assert done.returncode == 0


def test_our_client_reads_what_our_server_serves(at: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimade, "PAGE", 3)
    own = optimade.Provider("matloom", f"{at}/v1/structures", "CC0-1.0", "prototype")
    held = query(home, "SELECT * FROM core.structures WHERE licence = 'CC0-1.0' ORDER BY structure_id")
    with client() as asking:
        pages = list(optimade.fetch(asking, own, query=""))
        some = list(optimade.fetch(asking, own, query=optimade.holding(["Ba", "Cr", "O"])))
    assert len(pages) == -(-held.height // 3)
    got = assemble(pl.concat(p.structures for p in pages)).sort("source_id")
    assert got["source_id"].to_list() == held["structure_id"].to_list()
    assert got["valid"].all()
    assert got["formula"].to_list() == held["formula"].to_list()
    assert got["n_sites"].to_list() == held["n_sites"].to_list()
    assert got["volume_angstrom3"].to_list() == pytest.approx(held["volume_angstrom3"].to_list(), rel=1e-5)
    assert [f for p in some for f in p.structures["formula"]] == ["Ba2CrO4"]


def test_closed_structures_are_never_served(at: str) -> None:
    every = get(f"{at}/v1/structures", page_limit="500")
    assert screened.CLOSED not in json.dumps(every)
    assert get(f"{at}/v1/structures/{screened.CLOSED}")["data"] is None
    assert get(f"{at}/v1/structures", filter='_matloom_licence = "ICSD"')["data"] == []
    # the compound has an open structure too, but its prediction rests on the closed one
    open_one = get(f"{at}/v1/structures", filter='_matloom_formula = "SrVO3"')["data"][0]["attributes"]
    assert open_one["_matloom_p_mit"] is None
    assert open_one["lattice_vectors"] is not None


def test_predictions_and_labels_are_served_filtered_and_sorted(at: str, home: Path) -> None:
    told = get(f"{at}/v1/structures", sort="-_matloom_p_mit", response_fields="_matloom_p_mit,_matloom_t_mit,elements")
    rows = [r["attributes"] for r in told["data"]]
    p = [r["_matloom_p_mit"] for r in rows if r["_matloom_p_mit"] is not None]
    assert p == sorted(p, reverse=True)
    assert rows[-1]["_matloom_p_mit"] is None  # unknown values come last
    assert set(rows[0]) == {"_matloom_p_mit", "_matloom_t_mit", "elements"}
    found = get(f"{at}/v1/structures", filter='elements HAS "V" AND _matloom_t_mit > 300')["data"]
    assert [r["attributes"]["chemical_formula_reduced"] for r in found] == ["O2V"]
    assert found[0]["attributes"]["_matloom_t_mit"] == 340.0
    units = get(f"{at}/v1/info/structures")["data"]["properties"]
    assert units["_matloom_t_mit"]["unit"] == "K"
    assert units["lattice_vectors"]["unit"] == "angstrom"


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/v1/structures?filter=nsites%20%3D", 400, "unreadable filter"),
        ("/v1/structures?filter=crazy=1", 400, "no property"),
        ("/v1/structures?filter=nsites=nelements", 501, "two properties"),
        ("/v1/structures?sort=lattice_vectors", 400, "sortable"),
        ("/v1/structures?response_fields=crazy", 400, "no property"),
        ("/v1/structures?response_format=xml", 400, "json is"),
        ("/v1/structures?include=calculations", 400, "related"),
        ("/v1/structures?page_limit=501", 403, "500"),
        ("/v1/structures?page_limit=-1", 400, "whole number"),
        ("/v1/structures?page_offset=1e3", 400, "whole number"),
        ("/v1/nothing", 404, "nothing at"),
        ("/v7/structures", 553, "not served"),
    ],
)
def test_a_refusal_is_an_error_document(at: str, path: str, status: int, says: str) -> None:
    code, document = refused(at + path)
    assert code == status
    assert document["errors"][0]["status"] == str(status)
    assert says in document["errors"][0]["detail"]
    assert document["meta"]["api_version"] == "1.1.0"


def test_a_slash_at_the_end_is_still_the_list(at: str) -> None:
    assert get(f"{at}/v1/structures/")["data"] == get(f"{at}/v1/structures")["data"]


def test_answers_are_what_the_openapi_document_says(at: str) -> None:
    for path in ("/info", "/links", "/structures"):
        openapi.check_answer(path, get(f"{at}/v1{path}"))
    openapi.check_answer("/info/{entry}", get(f"{at}/v1/info/structures"))
    known = get(f"{at}/v1/structures", page_limit="1")["data"][0]["id"]
    for entry in (known, "nothing"):
        answer = get(f"{at}/v1/structures/{urllib.parse.quote(entry, safe='')}")
        assert (answer["data"] or {}).get("id") == (known if entry == known else None)
        if answer["data"]:
            openapi.check_answer("/structures/{entry_id}", answer)
    for path, status in (("?filter=x", 400), ("?page_limit=999", 403), ("?filter=nsites=nelements", 501)):
        code, document = refused(f"{at}/v1/structures{path}")
        assert code == status
        openapi.check_answer("/structures", document, status=status)


def test_pages_meet_every_entry_once_and_an_empty_page_leads_nowhere(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "CACHED", 2)  # fewer than a page: what is asked for is given all the same
    every = [e["id"] for e in get(f"{at}/v1/structures")["data"]]
    for style in ("page_offset", "page_number"):
        met, link = [], f"{at}/v1/structures?page_limit=5&sort=-nsites&response_fields=lattice_vectors&{style}=1"
        while link:
            page = get(link)
            met += [e["id"] for e in page["data"]]
            assert all(len(e["attributes"]["lattice_vectors"]) == 3 for e in page["data"])
            link = page["links"]["next"]
        assert len(met) == len(set(met)) == len(every) - (style == "page_offset")
    nothing = get(f"{at}/v1/structures", page_limit="0")
    assert nothing["data"] == []
    assert nothing["links"]["next"] is None
    assert nothing["meta"]["data_returned"] == len(every)


def test_only_reading_is_allowed(at: str) -> None:
    for method in ("POST", "PUT", "DELETE"):
        asked = urllib.request.Request(f"{at}/v1/structures", method=method, data=b"{}")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(asked, timeout=30)
        assert caught.value.code == 405


@pytest.mark.parametrize("path", ["/v1/info", "/v1/structures", "/v1/structures/nothing", "/versions", "/site/"])
def test_who_asks_for_the_head_gets_that_of_the_answer(at: str, path: str) -> None:
    asked = urllib.request.Request(at + path, method="HEAD")
    with urllib.request.urlopen(asked, timeout=30) as head, urllib.request.urlopen(at + path, timeout=30) as answer:
        assert head.read() == b""
        for name in ("Content-Type", "Content-Length"):
            assert head.headers[name] == answer.headers[name]


def test_versions_and_pages_beside_the_interface(at: str) -> None:
    with urllib.request.urlopen(f"{at}/versions", timeout=30) as answer:
        assert answer.read() == b"version\n1\n"
    assert get(f"{at}/v1/links")["data"][0]["attributes"]["link_type"] == "root"
    with urllib.request.urlopen(f"{at}/", timeout=30) as answer:
        assert answer.url == f"{at}/site/"
        assert b"<title>Overview" in answer.read()
    assert refused(f"{at}/site/..%2f..%2fwarehouse.duckdb")[0] == 404


def test_a_new_publication_is_served_without_a_restart(at: str, home: Path) -> None:
    before = get(f"{at}/v1/structures")["meta"]
    store = Store(home)
    fewer = query(home, "SELECT * FROM core.labels WHERE formula <> 'VO2'")
    store.record_verdict("core.labels", store.write("core.labels", fewer, mode="replace").version, passed=True)
    publish(home)
    after = get(f"{at}/v1/structures", filter='elements HAS "V" AND _matloom_t_mit > 300')
    assert after["meta"]["_matloom_publication_id"] != before["_matloom_publication_id"]
    assert after["data"] == []


def test_the_command_serves_until_it_is_stopped_and_refuses_a_taken_port(home: Path, tmp_path: Path) -> None:
    with command(home, temporary=tmp_path) as at:
        assert list(tmp_path.iterdir())
        assert get(f"{at}/v1/info")["data"]["attributes"]["api_version"] == "1.1.0"
        done = subprocess.run(
            [Path(sys.executable).with_name("matloom"), "serve", "--port", at.rsplit(":", 1)[1], "--home", str(home)],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 2
        assert done.stderr.startswith("error: cannot listen")
    with pytest.raises(urllib.error.URLError):
        get(f"{at}/v1/info")
    assert not list(tmp_path.iterdir()), "what was made for the while is still there"
