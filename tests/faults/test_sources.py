"""The fault table of the connectors: what each misbehaviour of a service leads to, through the real client.

One row a fault; the server is `tests.servers.literature`, a real one on this machine.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from types import ModuleType
from typing import Any

import pytest

from etl.http import Client, FetchError, OversizeError, Secrets
from etl.sources import arxiv_atom, arxiv_oai, crossref, europepmc, openalex
from etl.sources.records import Page, TokenError
from schemas.errors import InputError, MatloomError
from tests.servers.literature import Literature, serving

LAST = date(2026, 10, 4)
WINDOW: dict[str, Any] = {"since": date(2026, 10, 1), "until": LAST, "query": ""}
RECORDS = 30
KEY = "hidden+key/0815"
PATHS: dict[ModuleType, str] = {
    arxiv_oai: "/oai",
    arxiv_atom: "/api/query",
    crossref: "/crossref/works",
    openalex: "/openalex/works",
    europepmc: "/europepmc",
}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(openalex.KEY, KEY)
    for module, size in ((arxiv_atom, "PAGE"), (crossref, "ROWS"), (openalex, "PAGE"), (europepmc, "PAGE")):
        monkeypatch.setattr(module, size, 10)


def client(**settings: Any) -> Client:
    quick = {"tries": 3, "timeout_s": 0.3, "deadline_s": 0.6, "backoff_s": 0.01, "most_bytes": 2_000_000}
    return Client(**{**quick, "patience_s": 5.0, "pauses": {}, **settings})


def server(*faults: str, **settings: Any) -> Any:
    return serving(records=RECORDS, page=10, last=LAST, per_day=10, fault=faults, **settings)


def pages(module: ModuleType, at: Literature, **settings: Any) -> Iterator[Page]:
    with client(**settings) as asking:
        yield from module.fetch(asking, **WINDOW, url=at.url + PATHS[module])


@dataclass(frozen=True)
class Row:
    """A fault and what is promised: all records, or an error after so many pages.

    Attributes:
        fault: as the server takes it.
        says: text of the error; all records arrive if empty.
        module: the connector.
        requests: how often the server is asked.
        whole_pages: pages that came before the error.
        refused: records refused, by name.
        at_least_s: what waiting takes.
    """

    fault: str
    says: str = ""
    module: ModuleType = arxiv_oai
    requests: int | None = None
    whole_pages: int = 1
    refused: int = 0
    at_least_s: float = 0.0
    error: type[MatloomError] = InputError


TABLE = [
    # busy, broken and slow servers
    Row("429:2", requests=4, at_least_s=1.0),
    Row("429-date:2", requests=4, at_least_s=1.0),
    Row("429-long:2", "status 429, asked to wait 86400 s", requests=2, error=FetchError),
    Row("503:2", requests=4),
    Row("500", "status 500 after 3 tries", requests=3, whole_pages=0, error=FetchError),
    Row("404:2", "status 404", requests=2, error=FetchError),
    Row("drop:2", requests=4),
    Row("hang:2", requests=4),
    Row("hang", "ReadTimeout after 3 tries", requests=3, whole_pages=0, error=FetchError),
    Row("drip", "no whole answer in time after 3 tries", requests=3, whole_pages=0, error=FetchError),
    Row("drip-head", "no whole answer in time after 3 tries", requests=3, whole_pages=0, error=FetchError),
    # answers of the wrong length or packing
    Row("short:2", requests=4),
    Row("short", "RemoteProtocolError after 3 tries", requests=3, whole_pages=0, error=FetchError),
    Row("chunk-cut:2", requests=4),
    Row("huge:2", "more than 2000000 bytes", requests=2, error=OversizeError),
    Row("gzip:2", requests=3),
    Row("gzip-bomb:2", "more than 2000000 bytes", requests=2, error=OversizeError),
    Row("gzip-cut:2", requests=4),
    Row("gzip-lie", "no gzip after 3 tries", whole_pages=0, error=FetchError),
    Row("encoding", "encoding 'br' after 3 tries", whole_pages=0, error=FetchError),
    # no XML, or dangerous XML
    Row("cut:2", "no well-formed XML"),
    Row("garbage:2", "no well-formed XML"),
    Row("nothing:2", "no well-formed XML"),
    Row("html:2", "<html> instead of <OAI-PMH>"),
    Row("html:2", "<html> instead of <feed>", arxiv_atom),
    Row("api-error:2", "an error of the service (bad query)", arxiv_atom),
    Row("entity:2", "entity declarations"),
    Row("bomb:2", "entity declarations"),
    Row("charset:2", "no well-formed XML"),
    Row("latin:2", requests=3),
    Row("nul:2", "no well-formed XML"),
    Row("unknown-entity:2", "no well-formed XML"),
    Row("named-entity:2", requests=3),
    # lists that go wrong
    Row("last:2", "20 of 30 records at the end of the list"),
    Row("half-list:3", "21 of 30 records at the end of the list", whole_pages=2),
    Row("empty:2", "20 of 30 records at the end of the list", whole_pages=2),
    Row("expired:2", "badResumptionToken: expired", error=TokenError),
    Row("loop", "goes in circles", requests=2),
    Row("skew", "a clock at 1999-10-04, before the window from 2026-10-01", whole_pages=0),
    Row("no-id:2", refused=1),
    # the same for services that speak JSON
    Row("503:2", module=crossref, requests=5),
    Row("cut:2", "no JSON", crossref),
    Row("garbage:2", "no JSON", crossref),
    Row("html:2", "no JSON", crossref),
    Row("list:2", "list instead of an object", crossref),
    Row("deep:2", "no JSON", crossref),
    Row("loop", "the same page twice", crossref, whole_pages=2),
    Row("loop", "goes in circles", openalex),
    Row("loop", "20 of 30 records at the end of the list", europepmc),
    Row("nul-json:2", module=crossref),
    Row("no-doi:2", module=crossref, refused=1),
    Row("401", "status 401", openalex, whole_pages=0, error=FetchError),
    Row("403:2", "status 403", openalex, error=FetchError),
    # servers that send elsewhere
    Row("around", "more than 5 redirects", requests=6, whole_pages=0, error=FetchError),
    Row("file", "a redirect to no web address", requests=1, whole_pages=0, error=FetchError),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.module.SOURCE}-{row.fault}")
def test_a_misbehaving_service_leads_to_what_is_promised(row: Row, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    found: list[Page] = []
    start, raised = time.monotonic(), None
    with server(row.fault) as at:
        try:
            found.extend(pages(row.module, at))
        except MatloomError as error:
            raised = error
    assert type(raised) is (row.error if row.says else type(None))
    assert row.says in str(raised)
    assert "\n" not in str(raised)
    if row.says:
        assert len(found) == row.whole_pages
    else:
        assert sum(page.parsed.received for page in found) == RECORDS
    assert sum(len(page.parsed.refused) for page in found) == row.refused
    assert row.requests in (None, len(at.asked))
    assert row.at_least_s <= time.monotonic() - start < 10
    said = "" if raised is None else f"{raised!r}{raised.__cause__!r}{raised.__context__!r}"
    shown = said + caplog.text + "".join(page.name for page in found)
    assert KEY not in shown
    assert "0815" not in shown


@pytest.mark.parametrize(
    ("fault", "title"),
    [("latin", "Über Probe 0"), ("named-entity", "On α sample 0"), ("nul-json", "On sample 0")],
)
def test_titles_come_through_odd_characters(fault: str, title: str) -> None:
    module = crossref if fault == "nul-json" else arxiv_oai
    with server(fault) as at:
        first = next(pages(module, at)).parsed.documents["title"][0]
    assert first.startswith(title)


def test_a_key_stays_with_its_host_when_the_service_has_moved() -> None:
    with server() as new, server("moved", elsewhere=new.url) as old:
        with pytest.raises(FetchError, match="status 401"):
            list(pages(openalex, old))
        assert "api_key" in old.asked[0]
        assert len(new.asked) == 1
        assert "api_key" not in new.asked[0]
        assert "0815" not in new.asked[0]


def test_a_key_in_a_header_stays_with_its_host_too() -> None:
    secrets = Secrets(headers={"X-Api-Key": KEY})
    with server() as new, server("moved", elsewhere=new.url) as old, client() as asking:
        asking.get(f"{old.url}/cod/result", {"el1": "Ni"}, secrets=secrets)
        assert old.heard[0]["x-api-key"] == KEY
        assert new.asked == ["/cod/result?el1=Ni"]
        assert "x-api-key" not in new.heard[0]


def test_the_moved_service_is_read_where_no_key_is_needed() -> None:
    with server() as new, server("moved", elsewhere=new.url) as old:
        assert sum(page.parsed.received for page in pages(arxiv_oai, old)) == RECORDS


def test_a_slow_drip_through_a_proxy_is_cut_off_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    with server("drip") as at:
        monkeypatch.setenv("HTTP_PROXY", at.url)
        with client(tries=1) as asking, pytest.raises(FetchError, match="no whole answer in time"):
            asking.get("http://example.invalid/oai")
    assert at.asked == ["http://example.invalid/oai"]


def test_nothing_listens_and_nobody_waits_for_it() -> None:
    with server() as at:
        gone = at.url
    with client() as asking, pytest.raises(FetchError, match="ConnectError after 3 tries"):
        asking.get(f"{gone}/oai")


def test_what_did_not_change_is_not_sent_again() -> None:
    with server() as at, client() as asking:
        body, validator = asking.get_if_changed(f"{at.url}/cod/result", {"el1": "Ni"}) or pytest.fail("nothing")
        assert asking.get_if_changed(f"{at.url}/cod/result", {"el1": "Ni"}, known=validator) is None
        other = asking.get_if_changed(f"{at.url}/cod/result", {"el1": "Mg"}, known=validator)
    assert other is not None
    assert body != other[0]
    assert at.heard[1]["if-none-match"] == validator.etag


def test_the_rate_that_a_service_names_is_kept() -> None:
    with server() as at, client() as asking:
        at.headers = {"X-Rate-Limit-Limit": "5", "X-Rate-Limit-Interval": "1s"}
        start = time.monotonic()
        for _ in range(3):
            asking.get(f"{at.url}/cod/result")
        assert 0.4 <= time.monotonic() - start < 2


def test_services_learn_whom_to_write_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATLOOM_CONTACT", "someone@example.org")
    with server() as at:
        list(pages(crossref, at))
        assert all("mailto=someone%40example.org" in path for path in at.asked)
        assert "mailto:someone@example.org" in at.heard[0]["user-agent"]
    monkeypatch.setenv("MATLOOM_CONTACT", "a\r\nX-Evil: 1")
    with server() as at:
        list(pages(crossref, at))
        assert "mailto" not in at.asked[0]


def test_a_missing_key_names_its_variable_and_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(openalex.KEY)
    with server() as at:
        with pytest.raises(InputError, match="no key for openalex in OPENALEX_API_KEY"):
            list(pages(openalex, at))
        assert at.asked == []


def test_a_broken_window_goes_on_after_its_last_whole_page() -> None:
    with server("cut:2") as at, client() as asking:
        whole = list(_until_broken(pages(arxiv_oai, at)))
        token = whole[-1].parsed.token
        rest = list(arxiv_oai.fetch(asking, **WINDOW, url=f"{at.url}/oai", resume=token))
    assert sum(page.parsed.received for page in [*whole, *rest]) == RECORDS


def test_a_full_text_that_is_gone_broken_or_a_bomb_leaves_its_record_and_is_named() -> None:
    with server("404:2", "cut:3", "gzip-bomb:4") as at:
        found = next(pages(europepmc, at)).parsed
    assert found.documents["body"].is_null().to_list()[:6] == [True, True, True, True, False, True]
    named = [f"full text of europepmc:MED/{n}" for n in (0, 1, 3)]
    assert [which for which, _ in found.refused] == named
    assert [why.split(" in ")[0].split(" (")[0] for _, why in found.refused] == [
        "status 404", "no well-formed XML", "more than 2000000 bytes"
    ]  # fmt: skip
    assert found.raws[named[1]].startswith(b"<?xml")


def _until_broken(found: Iterator[Page]) -> Iterator[Page]:
    try:
        yield from found
    except InputError:
        return
