"""Updates of literature on their way into the warehouse: audited, recorded, and seen by what watches them."""

import base64
import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from click.testing import Result
from typer.testing import CliRunner

from dagster_project import launch
from dagster_project.cli import app
from dagster_project.landing import AuditFailedError, audited, put, settled, structures
from dagster_project.settings import Settings
from etl.sources import update, windows
from etl.sources.update import Update
from schemas.errors import InputError
from tests.servers.literature import Literature, serving
from warehouse.store import Store

CORPUS = Path(__file__).resolve().parents[2] / "etl/reference/corpus"


def ingest(*arguments: str, home: Path) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["ingest", *arguments, "--json", "--home", str(home)])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def land(store: Store, found: Update) -> None:
    put(store, found)
    settled(store)


def harvested(day: str) -> Update:
    return update.harvest("arxiv_oai", since=day, until=day, live=False)


def test_what_is_ingested_is_audited_recorded_and_wakes_the_sensor(tmp_path: Path) -> None:
    papers, home = tmp_path / "papers", tmp_path / "home"
    papers.mkdir()
    shutil.copy(CORPUS / "jats/demo-0201.xml", papers)
    assert ingest(str(papers), home=home)["new"] == 1
    store = Store(home)
    assert store.read("raw.harvests").select("source", "complete", "records").rows() == [("folder", True, 1)]
    for table in ("raw.documents", "raw.fetch_log", "raw.harvests"):
        assert store.passed_version(table) == 0
    ingest(str(papers), home=home)
    assert store.passed_version("raw.harvests") == 0
    shutil.copy(CORPUS / "jats/demo-0202.xml", papers / "demo-0201.xml")
    assert ingest(str(papers), home=home)["new"] == 1
    assert store.passed_version("raw.harvests") == 1  # the counts are those of before, the content is not


def test_a_broken_document_is_kept_with_its_bytes_and_read_again_changes_nothing(tmp_path: Path) -> None:
    papers, home = tmp_path / "papers", tmp_path / "home"
    papers.mkdir()
    shutil.copy(CORPUS / "jats/demo-0201.xml", papers)
    (papers / "cut.xml").write_bytes(b"<article><p>cut")
    (papers / "odd.txt").write_bytes(b"\xff\xfe" * 50_000)
    (papers / "bad.jsonl").write_bytes(b'{"name": "none of arXiv"}\n')
    found = ingest(str(papers), home=home)
    assert (found["new"], found["rejected"]) == (1, 3)
    store = Store(home)
    kept = store.read("meta.rejections").filter(pl.col("table_name") == "raw.documents")
    rows = {json.loads(r)["record"]: json.loads(r) for r in kept["row_json"]}
    assert {(n, r["encoding"]) for n, r in rows.items()} == {
        ("cut.xml", "utf-8"), ("odd.txt", "base64"), ("bad.jsonl", "utf-8"),
    }  # fmt: skip
    assert rows["cut.xml"]["raw"] == "<article><p>cut"
    assert base64.b64decode(rows["odd.txt"]["raw"]) == b"\xff\xfe" * 32_768
    assert all(r["source"] == "folder" for r in rows.values())
    for said in ("no UTF-8 text (byte 0)", "no arXiv metadata: no arXiv id", "no well-formed XML"):
        assert [said in why for why in kept["rule_text"]].count(True) == 1
    version = store.version("meta.rejections")
    ingest(str(papers), home=home)
    assert store.version("meta.rejections") == version


@pytest.mark.parametrize("most", ["BATCH", "BYTES"])
def test_a_folder_is_landed_in_parts_and_ends_as_if_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: str
) -> None:
    papers = empty_folder(tmp_path)
    for file in (CORPUS / "jats").iterdir():
        shutil.copy(file, papers)
    (papers / "cut.xml").write_bytes(b"<article><p>cut")
    whole = update.read_folder(papers)
    monkeypatch.setattr(windows, most, 1)
    parts = list(update.folder_parts(papers))
    assert [p.log.height for p in parts] == [1] * 11
    assert parts[-1].summary.rows() == whole.summary.rows()
    found = ingest(str(papers), home=tmp_path / "home")
    assert (found["new"], found["rejected"]) == (10, 1)
    store = Store(tmp_path / "home")
    assert store.read("raw.documents").equals(whole.documents.sort("document_id"))
    assert store.read("raw.harvests").select("complete", "records", "rejected").rows() == [(True, 10, 1)]
    assert store.read("meta.rejections").height == 1


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("MATLOOM_HOME", str(tmp_path))
    monkeypatch.delenv("MATLOOM_PROFILE", raising=False)
    return Store(tmp_path)


def selections(store: Store) -> list[str]:
    """Documents that are scored when the articles are found and selected anew."""
    from dagster_project.assets.corpus import articles, documents, harvests, selected
    from dagster_project.resources import store_io_manager, warehouse_resource

    resources = {"warehouse": warehouse_resource, "io_manager": store_io_manager}
    chosen = dg.AssetSelection.assets(articles, selected)
    assert dg.materialize([documents, harvests, articles, selected], selection=chosen, resources=resources).success
    return store.read("core.selections")["document_id"].to_list()


def test_a_withdrawn_document_is_kept_and_no_longer_selected(store: Store, tmp_path: Path) -> None:
    found = harvested("2026-10-01")
    land(store, found)
    land(store, harvested("2026-10-02"))
    assert selections(store) == ["arxiv:demo-0101", "arxiv:demo-0102"]
    gone = found.documents.select("document_id", withdrawn_on=pl.date(2026, 10, 3))
    nothing = update.read_folder(empty_folder(tmp_path))
    land(store, Update(nothing.documents, nothing.log, nothing.summary, gone))
    assert store.read("raw.documents")["withdrawn_on"].null_count() == 1
    assert selections(store) == ["arxiv:demo-0102"]


def test_an_article_of_two_sources_is_selected_once_by_its_full_text_and_not_after_its_retraction(
    store: Store, tmp_path: Path
) -> None:
    land(store, harvested("2026-10-01"))
    land(store, harvested("2026-10-02"))
    papers = empty_folder(tmp_path)
    head = "<article><front><article-meta><article-id pub-id-type='doi'>10.1000/{}</article-id>{}<title-group>"
    rest = "<article-title>A title of its own, number {}</article-title></title-group></article-meta></front>"
    same = head.format("same", "<article-id pub-id-type='arxiv'>demo-0101</article-id>") + rest.format(1)
    (papers / "same.xml").write_text(f"{same}<body><p>Full text.</p></body></article>")
    land(store, update.read_folder(papers))
    assert selections(store) == ["arxiv:demo-0102", "jats:10.1000/same"]
    (papers / "same.xml").unlink()
    related = "<related-article related-article-type='retracted-article' href='10.1000/SAME'/>"
    (papers / "notice.xml").write_text(head.format("notice", related) + rest.format(2) + "</article>")
    land(store, update.read_folder(papers))
    assert selections(store) == ["arxiv:demo-0102", "jats:10.1000/notice"]


def empty_folder(where: Path) -> Path:
    (where / "none").mkdir()
    return where / "none"


def test_what_fails_its_audit_is_said_each_time_and_never_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    land(store, harvested("2026-10-01"))
    store.write("core.selections", orphan())
    for _ in range(2):
        with pytest.raises(AuditFailedError, match=r"refers to raw\.documents"):
            audited(store, ("core.selections",))
    assert store.passed_version("core.selections") is None


def orphan() -> pl.DataFrame:
    row = {
        "document_id": "arxiv:nobody",
        "problem": "mit",
        "selected": True,
        "score": 1.0,
        "groups": [],
        "hit_count": 0,
    }
    return pl.DataFrame([row], schema_overrides={"groups": pl.List(pl.String)})


def test_the_next_harvest_starts_a_day_before_the_end_of_the_last_complete_one(tmp_path: Path) -> None:
    from dagster_project.commands.run import _last_day

    store = Store(tmp_path)
    for day in ("2026-10-02", "2026-10-04"):
        store.write("raw.harvests", harvested(day).summary)
    store.write("raw.harvests", harvested("2026-10-09").summary.with_columns(complete=pl.lit(False)))
    assert _last_day(store, "arxiv_oai", query="", overlap_days=1) == "2026-10-03"


def test_the_days_of_another_question_are_no_day_to_start_from(tmp_path: Path) -> None:
    from dagster_project.commands.run import _last_day

    store = Store(tmp_path)
    store.write("raw.harvests", harvested("2026-10-02").summary.with_columns(query=pl.lit(update.DEMO)))
    with pytest.raises(InputError, match="no day to start from"):
        _last_day(store, "arxiv_oai", query="physics:cond-mat", overlap_days=1)


def test_a_month_that_a_broken_page_stopped_is_asked_for_again_by_the_next_harvest(tmp_path: Path) -> None:
    def asked(server: Literature, *more: str) -> Result:
        words = ["ingest", "arxiv_oai", "--until", "2026-09-20", "--url", f"{server.url}/oai", *more]
        return CliRunner().invoke(app, [*words, "--json", "--home", str(tmp_path)])

    corpus: dict[str, Any] = {"records": 80, "last": date(2026, 9, 20), "per_day": 1}
    with serving(**corpus, fault=("entity:2",)) as server:
        stopped = asked(server, "--since", "2026-07-10")
    assert (stopped.exit_code, "from 2026-08-01 until 2026-08-31" in stopped.stderr) == (2, True)
    store = Store(tmp_path)
    assert store.read("raw.harvests").sort("day")["complete"].to_list() == [True, False, True]
    with serving(**corpus) as server:
        again = [json.loads(asked(server).stdout)["new"] for _ in range(2)]
    assert again == [store.read("raw.documents").filter(pl.col("datestamp").dt.month() == 8).height, 0]
    assert store.read("raw.harvests")["complete"].all()


def test_a_stopped_window_is_asked_for_once_where_the_next_one_holds_its_days() -> None:
    window = windows.Window(source="arxiv_oai", since=date(2026, 8, 30), until=date(2026, 9, 25))
    rows = [
        {
            "source": "arxiv_oai",
            "query": "",
            "day": date(2026, m, first),
            "until": date(2026, m, last),
            "complete": done,
        }
        for m, first, last, done in ((7, 10, 31, False), (8, 1, 31, True), (9, 1, 20, False))
    ]
    assert [w.since for w in window.unfinished(pl.DataFrame(rows))] == [date(2026, 7, 10)]


def test_structures_before_a_page_that_does_not_come_are_landed_and_audited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.structures.optimade.PAGE", 4)
    store = Store(tmp_path)
    with serving(records=1, fault=("404:2",)) as server:
        url = f"{server.url}/optimade/v1/structures"
        landed = structures(store, "oqmd", ["O"], limit=None, url=url)
    assert (landed.fetched, [str(e)[:10] for e in landed.failures]) == (4, ["status 404"])
    assert store.passed_version("raw.structures") == store.version("raw.structures") == 0


def test_structures_of_a_service_are_landed_once_and_outlive_a_run(tmp_path: Path) -> None:
    def ingest_structures(*more: str) -> dict[str, Any]:
        return ingest(*more, "--url", f"{server.url}/optimade/v1/structures", home=tmp_path)

    with serving(records=1) as server:
        first = ingest_structures("oqmd", "--elements", "V,O")
        assert first["new"] == first["fetched"] > 0
        assert ingest_structures("oqmd", "--elements", "V, O")["new"] == 0
        wrong = CliRunner().invoke(app, ["ingest", "oqmd", "--elements", "V,Qq", "--home", str(tmp_path)])
        assert (wrong.exit_code, "'Qq' is no element" in wrong.stderr) == (2, True)
    store = Store(tmp_path)
    assert store.passed_version("raw.structures") == 0
    settings = replace(Settings.from_environment(), home=tmp_path, profile="embedded")
    assert launch.run(settings, select=("raw.structures",), publish=False, quiet=True).success
    sources = store.read("raw.structures")["source"]
    assert (sources == "OQMD").sum() == first["new"]
    assert (sources == "prototype substitution").any()


@pytest.mark.parametrize("words", ["oqmd --since 2026-10-01", "arxiv_oai --elements V", ". --url http://127.0.0.1"])
def test_an_option_that_a_source_has_no_use_for_is_refused(words: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["ingest", *words.split(), "--home", str(tmp_path)])
    assert (done.exit_code, "leave it out" in done.stderr) == (2, True)
