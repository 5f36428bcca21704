"""Windows of a live source on their way into the warehouse: interrupted, resumed, replayed, broken, missing."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from dagster_project import landing, spool
from dagster_project.settings import Settings
from etl.http import Client, FetchError, OversizeError
from etl.sources import crossref, update, windows
from etl.sources.windows import Window
from schemas.errors import InputError
from schemas.sources import load_sources
from tests.servers import plain
from tests.servers.literature import Literature, serving
from warehouse.store import Store

LAST = date(2026, 10, 4)
FIRST = date(2026, 10, 2)


def server(*faults: str, records: int = 30) -> Any:
    return serving(records=records, page=5, last=LAST, per_day=10, fault=faults)


def window(at: Literature, since: date = FIRST, until: date = LAST) -> Window:
    return Window(source="arxiv_oai", since=since, until=until, url=f"{at.url}/oai")


@contextmanager
def quick() -> Iterator[Client]:
    with Client(tries=1, timeout_s=2.0, pauses={}) as client:
        yield client


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every two pages are a part."""
    monkeypatch.setattr(windows, "BATCH", 10)


def ingest(store: Store, *asked: Window, limit: int | None = None) -> landing.Landed:
    with quick() as client:
        landed = landing.ingest(store, asked, client=client, limit=limit)
    landing.record(store, landed.harvests)
    return landed


def tables(store: Store) -> dict[str, list[Any]]:
    names = ("raw.documents", "raw.fetch_log", "raw.harvests")
    return {n: store.read(n).rows() for n in names}


def versions(store: Store) -> dict[str, int | None]:
    return {t.name: store.version(t.name) for t in store.registry}


def starts(at: Literature) -> list[str]:
    """Where the pages that were asked for begin."""
    return [path.rsplit("%7C", 1)[-1] if "resumptionToken" in path else "0" for path in at.asked]


@pytest.mark.usefixtures("small")
def test_a_window_that_a_broken_page_stopped_goes_on_there(tmp_path: Path) -> None:
    with server() as good:
        whole = Store(tmp_path / "whole")
        ingest(whole, window(good))
    store = Store(tmp_path / "home")
    with serving(records=30, page=5, last=LAST, per_day=10, port=good.server_port, fault=("garbage:4",)) as at:
        landed = ingest(store, window(at))
        assert [str(e) for e in landed.failures] == [str(landed.failures[0])]
        assert "no well-formed XML" in str(landed.failures[0])
        assert isinstance(landed.failures[0], InputError)
        assert store.passed_version("raw.documents") == store.version("raw.documents") is not None
        assert store.rows("raw.documents") == 15
        assert store.read("raw.harvests").select("complete", "records").rows() == [(False, 15)]
        assert ingest(store, window(at)).failures == []
        assert starts(at) == ["0", "5", "10", "15", "15", "20", "25"]
    assert tables(store) == tables(whole)
    assert store.read("raw.fetch_log")["token"].null_count() == 6


@pytest.mark.usefixtures("small")
def test_a_token_that_the_service_forgot_starts_the_window_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with server("garbage:4", "expired:5") as at:
        ingest(store, window(at))
        assert ingest(store, window(at)).failures == []
        assert starts(at) == ["0", "5", "10", "15", "15", "0", "5", "10", "15", "20", "25"]
    assert store.rows("raw.documents") == 30
    assert store.read("raw.fetch_log")["token"].null_count() == 6
    assert store.read("raw.harvests")["records"].to_list() == [30]


def test_a_broken_page_stops_its_own_window_and_no_other(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with server("cut:1") as at:
        landed = ingest(store, window(at, FIRST, FIRST), window(at, LAST, LAST))
    assert len(landed.failures) == 1
    assert store.read("raw.harvests").select("day", "complete").rows() == [(FIRST, False), (LAST, True)]
    assert set(store.read("raw.documents")["datestamp"]) == {LAST}
    with pytest.raises(InputError, match="no well-formed XML"):
        landed.complain()


def test_an_answer_that_is_a_bomb_stops_its_own_window_and_no_other(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with server("gzip-bomb:1") as at, Client(tries=1, most_bytes=2_000_000, pauses={}) as client:
        landed = landing.ingest(store, [window(at, FIRST, FIRST), window(at, LAST, LAST)], client=client)
    assert [h.select("day", "complete").row(0) for h in landed.harvests] == [(FIRST, False), (LAST, True)]
    with pytest.raises(OversizeError, match="more than 2000000 bytes"):
        landed.unreachable()


@pytest.mark.usefixtures("small")
def test_a_list_taken_up_that_lacks_a_page_is_asked_for_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crossref, "ROWS", 1)
    place = 0

    def answer(_: str, query: dict[str, list[str]]) -> plain.Answer:
        nonlocal place  # one cursor for all pages: the service itself knows how far it came
        place = 1 if query["cursor"] == ["*"] else place + 1
        works = [{"DOI": f"10.1000/{place}", "title": [f"Work {place}"]}] if place < 5 else []
        message = {"total-results": 4, "items-per-page": 1, "items": works, "next-cursor": "same"}
        return 200, {}, json.dumps({"message-type": "work-list", "message": message}).encode()

    store = Store(tmp_path)
    with plain.server(answer) as url:
        asked = Window(source="crossref", since=FIRST, until=LAST, url=url)
        ingest(store, asked, limit=1)
        place += 1  # given to a run that was killed before it could keep it
        assert ingest(store, asked).failures == []
    assert store.rows("raw.documents") == 4
    assert store.read("raw.harvests").select("complete", "records").rows() == [(True, 4)]


def test_a_service_that_does_not_answer_is_not_asked_for_the_other_windows(tmp_path: Path) -> None:
    with server("500") as at:
        landed = ingest(Store(tmp_path), window(at, FIRST, FIRST), window(at, LAST, LAST))
        assert len(at.asked) == 1
    assert isinstance(landed.failures[0], FetchError)
    assert landed.unreachable()[0].startswith("not harvested, asked again later: status 500")


@pytest.mark.usefixtures("small")
def test_a_replay_of_any_window_has_no_effect(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with server(records=100) as at:
        ingest(store, window(at, date(2026, 9, 25)))
        before = versions(store)
        for since, until in ((date(2026, 9, 25), LAST), (FIRST, LAST), (FIRST, FIRST), (date(2026, 9, 28), FIRST)):
            landed = ingest(store, window(at, since, until))
            assert (landed.new, landed.changed, landed.failures) == (0, 0, [])
        assert ingest(store, window(at, FIRST), limit=5).fetched == 5
    assert versions(store) == before


def test_what_changed_in_days_harvested_before_is_landed_and_logged(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with server() as at:
        ingest(store, window(at))
        at.corpus.records = 33
        assert ingest(store, window(at, LAST)).new == 3
    found = store.read("raw.harvests").select("day", "records").rows()
    assert found == [(FIRST, 30), (LAST, 13)]
    assert store.passed_version("raw.documents") == 1


@pytest.mark.usefixtures("small")
def test_a_limit_leaves_a_window_open_and_the_next_run_goes_on(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with server() as at:
        assert ingest(store, window(at), limit=10).fetched == 10
        assert store.read("raw.harvests")["complete"].to_list() == [False]
        ingest(store, window(at))
        assert starts(at) == ["0", "5", "10", "15", "20", "25"]
    assert store.read("raw.harvests").select("complete", "records").rows() == [(True, 30)]


def test_documents_that_failed_their_audit_are_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster_project import checks

    def fails(store: Store, table: Any, *, version: int, fingerprint: str) -> Iterator[dg.AssetCheckResult]:
        store.record_verdict(table.name, version, passed=False)
        yield dg.AssetCheckResult(asset_key="x", check_name="contract", passed=False, metadata={"failed": "a rule"})

    store = Store(tmp_path)
    with server() as at:
        ingest(store, window(at, FIRST, FIRST))
        with monkeypatch.context() as patch:
            patch.setattr(checks, "audit", fails)
            with pytest.raises(landing.AuditFailedError):
                ingest(store, window(at))
        assert store.current("raw.documents").height == 10
        assert ingest(store, window(at)).fetched == 30
    assert store.read_passed("raw.documents").height == 30
    assert store.read_passed("raw.fetch_log").height == 8


def test_answers_that_were_not_landed_are_not_fetched_again(tmp_path: Path) -> None:
    with server() as at, quick() as client:
        asked = window(at)
        for _ in range(2):  # as after a kill: nobody let the answers go
            with spool.kept(client, tmp_path, asked) as (kept, let_go):
                assert kept is not None
                bodies = [kept.get(f"{at.url}/oai", {"verb": "ListRecords", "resumptionToken": "0|30|5"})] * 2
        assert len(at.asked) == 1
        let_go()
        with spool.kept(client, tmp_path, asked) as (kept, _):
            assert kept is not None
            same = [kept.get(f"{at.url}/oai", {"verb": "ListRecords", "resumptionToken": "0|30|5"}) for _ in range(2)]
        assert len(at.asked) == 3  # the same request made twice in a session is two requests: cursors may move
        assert bodies == same


def test_a_spool_that_another_ingest_threw_away_while_it_was_looked_at_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "gone").symlink_to("nowhere")  # listed, and no longer there
    with server() as at, quick() as client, spool.kept(client, tmp_path, window(at)) as (kept, _):
        assert kept is not None
        assert kept.get(f"{at.url}/oai", {"verb": "Identify"})


def test_a_source_without_its_key_is_one_line_and_no_failed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from dagster_project.definitions import defs

    monkeypatch.setenv("MATLOOM_HOME", str(tmp_path))
    monkeypatch.setenv("MATLOOM_PROFILE", "live")
    monkeypatch.setenv("OPENALEX_API_KEY", " ")
    key = dg.MultiPartitionKey({"source": "openalex", "day": "2026-10-03"})
    with dg.DagsterInstance.ephemeral() as held:
        run = defs.resolve_job_def("literature_update").execute_in_process(instance=held, partition_key=key)
        assert run.success
    said = capsys.readouterr()
    line = "not harvested, asked again later: no key for openalex in OPENALEX_API_KEY: set it to use this source"
    assert (said.out + said.err).count(line) == 1
    assert Store(tmp_path).read("raw.harvests").is_empty()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as held:
        yield held


def test_the_schedule_asks_for_every_day_that_is_missing_and_for_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    from dagster_project.definitions import defs
    from dagster_project.resources import warehouse_resource
    from dagster_project.schedules import MOST, literature_daily

    monkeypatch.setenv("MATLOOM_HOME", str(tmp_path))
    monkeypatch.delenv("MATLOOM_PROFILE", raising=False)
    store = Store(tmp_path)

    def asked() -> list[str]:
        with dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2026, 10, 3, 5, tzinfo=UTC),
            resources={"warehouse": warehouse_resource},
            repository_def=defs.get_repository_def(),
        ) as context:
            found = literature_daily.evaluate_tick(context)
            return [str(r.partition_key) for r in found.run_requests or ()]

    days = [str(date(2026, 9, 1 + i)) for i in range(30)]
    assert asked() == [f"{day}|arxiv_oai" for day in (*days, "2026-10-01", "2026-10-02")][:MOST]
    query = update.DEMO
    spans = ((date(2026, 9, 1), date(2026, 9, 20), True), (date(2026, 9, 22), date(2026, 9, 30), True))
    for first, last, complete in (*spans, (date(2026, 10, 1), date(2026, 10, 2), False)):
        row = {"source": "arxiv_oai", "query": query, "day": first, "until": last, "complete": complete}
        counts = {"records": 0, "withdrawals": 0, "rejected": 0, "content_hash": "0"}
        store.write("raw.harvests", pl.DataFrame([row | counts]))
    landing.audited(store, ("raw.harvests",))
    assert asked() == [f"{day}|arxiv_oai" for day in ("2026-09-21", "2026-10-01", "2026-10-02")]
    for status, day in ((dg.DagsterRunStatus.STARTED, "2026-10-01"), (dg.DagsterRunStatus.FAILURE, "2026-10-02")):
        tags = {"dagster/partition": f"{day}|arxiv_oai"}
        instance.add_run(dg.DagsterRun(job_name="literature_update", status=status, tags=tags))
    assert asked() == [f"{day}|arxiv_oai" for day in ("2026-09-21", "2026-10-02")]


def test_a_year_is_windows_of_a_month() -> None:
    months = list(Window(source="arxiv_oai", since=date(2025, 1, 15), until=date(2025, 12, 31)).months())
    assert len(months) == 12
    assert (months[0].since, months[0].until) == (date(2025, 1, 15), date(2025, 1, 31))
    assert (months[1].since, months[1].until) == (date(2025, 2, 1), date(2025, 2, 28))
    assert sum(len(m.days) for m in months) == 351


def test_a_changed_keyword_list_selects_old_documents_anew_without_fetching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dagster_project.assets.corpus import articles, documents, harvests, selected
    from dagster_project.resources import store_io_manager, warehouse_resource
    from etl.text import keywords

    monkeypatch.setenv("MATLOOM_HOME", str(tmp_path))
    monkeypatch.setenv("MATLOOM_PROFILE", "live")
    store = Store(tmp_path)
    with server() as at:
        ingest(store, window(at))
        before, log = len(at.asked), store.version("raw.fetch_log")

        def number(phrase: str) -> int:
            (tmp_path / "mit.yaml").write_text(json.dumps({"performance": [phrase]}))
            monkeypatch.setenv("MATLOOM_PROBLEM", str(tmp_path / "mit.yaml"))
            resources = {"warehouse": warehouse_resource, "io_manager": store_io_manager}
            chosen = dg.AssetSelection.assets(articles, selected)
            assert dg.materialize(
                [documents, harvests, articles, selected], selection=chosen, resources=resources
            ).success
            return int(store.read("core.selections")["selected"].sum())

        assert keywords.load_keywords("mit").keywords
        assert number("metal-insulator transition") < number("sample") == 30
        assert len(at.asked) == before
    assert store.version("raw.fetch_log") == log


def test_the_log_does_not_name_a_service_that_was_not_asked(tmp_path: Path) -> None:
    store = Store(tmp_path)
    landing.ingest_day(store, "arxiv_oai", date(2026, 10, 3), settings=Settings(home=tmp_path))
    assert store.read("raw.fetch_log")["page"].to_list() == ["demo://corpus page 0 from 2026-10-02 until 2026-10-03"]
    record = landing.ingest_day(store, "arxiv_oai", date(2026, 10, 2), settings=Settings(home=tmp_path)).harvests
    landing.record(store, record)
    live = Settings(home=tmp_path, profile="live")
    days = [d for s, d in landing.missing_days(store, settings=live, until=date(2026, 10, 3)) if s == "arxiv_oai"]
    assert days[-2:] == [date(2026, 10, 2), date(2026, 10, 3)]


def test_sources_are_what_the_problem_says(tmp_path: Path) -> None:
    file = tmp_path / "own_sources.yaml"
    file.write_text("sources: [{name: nature, first_day: 2026-01-01}]")
    with pytest.raises(InputError, match="no source 'nature'"):
        load_sources(str(file))
    file.write_text("sources: [{name: crossref, frist_day: 2026-01-01}]")
    with pytest.raises(InputError, match="unknown key"):
        load_sources(str(file))
    file.write_text("sources: [{name: crossref, first_day: 2019-12-31}]")  # no partition: the schedule could not ask
    with pytest.raises(InputError, match="2020-01-01"):
        load_sources(str(file))
    file.write_text("sources: [{name: crossref, first_day: 2026-01-01}]")
    assert load_sources(str(tmp_path / "own_keywords.yaml")) == load_sources(str(tmp_path / "own.yaml"))
    with pytest.raises(InputError, match="no list of literature sources"):
        load_sources("nothing")


def test_a_source_without_its_key_is_one_line_and_no_day_to_ask_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, settings = Store(tmp_path), Settings(home=tmp_path, profile="live")
    monkeypatch.delenv("OPENALEX_API_KEY", raising=False)
    open_ones = {"arxiv_oai", "crossref", "europepmc"}
    for sources in (open_ones, open_ones | {"openalex"}):
        names = {name for name, _ in landing.missing_days(store, settings=settings, until=date(2026, 9, 1))}
        lines = landing.keyless(settings, until=date(2026, 9, 1))
        assert (names, len(lines)) == (sources, 4 - len(sources))
        monkeypatch.setenv("OPENALEX_API_KEY", "x")
    assert landing.keyless(replace(settings, profile="embedded"), until=date(2026, 9, 1)) == []
