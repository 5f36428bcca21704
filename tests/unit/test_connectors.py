"""What Crossref, OpenAlex and Europe PMC say of an article, as rows of raw.documents; and the bounds of the client."""

import gzip
import importlib
import json
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpcore
import pytest

from etl import addresses, limits
from etl.addresses import AddressError, Secrets
from etl.http import Client, FetchError, secret
from etl.sources import crossref, cursors, europepmc, markup, openalex, records
from etl.sources.records import Page, Parsed
from schemas.errors import InputError
from schemas.sources import CONNECTORS
from tests.servers.literature import serving
from tests.servers.plain import Answer, server

WINDOW: dict[str, Any] = {"since": date(2026, 10, 3), "until": date(2026, 10, 4), "query": "oxides"}
LAST = date(2026, 10, 4)


def client() -> Client:
    return Client(tries=2, timeout_s=2, backoff_s=0.01, pauses={})


def works(*items: Any, **more: Any) -> bytes:
    message = {"items": list(items), "total-results": len(items), "items-per-page": 2, "next-cursor": "n", **more}
    return json.dumps({"status": "ok", "message-type": "work-list", "message": message}).encode()


def days(*parts: int | None) -> dict[str, Any]:
    return {"date-parts": [list(parts)]}


WORK = {
    "DOI": "10.1103/PhysRevB.1",
    "title": ["The <i>transition</i> of VO<sub>2</sub> at 10<sup>5</sup> &amp; more"],
    "abstract": "<jats:title>Abstract</jats:title><jats:p>First.</jats:p><jats:p>T &lt; 5 K</jats:p>",
    "author": [{"given": "A.", "family": "Bee"}, {"name": "The Team"}, {}],
    "published": days(2026, 2),
    "indexed": days(2026, 10, 3),
    "license": [
        {"URL": "https://example.org/tdm", "content-version": "tdm"},
        {"URL": "https://creativecommons.org/licenses/by/4.0/", "content-version": "vor", "start": days(2026, 1, 1)},
    ],
    "reference": [{"DOI": "10.1000/A"}, {"unstructured": "a book"}, {"DOI": "https://doi.org/10.1000/a"}],
}


def row(parsed: Parsed) -> dict[str, Any]:
    return parsed.documents.row(0, named=True)


def test_a_work_of_crossref_keeps_its_text_dates_licence_and_references() -> None:
    found = row(crossref.parse(works(WORK), where="x"))
    assert found["document_id"] == "crossref:10.1103/physrevb.1"
    assert found["title"] == "The transition of VO2 at 10^5 & more"
    assert found["abstract"] == "First.\nT < 5 K"
    assert found["authors"] == ["A. Bee", "The Team"]
    assert (found["published_on"], found["datestamp"]) == (date(2026, 2, 1), date(2026, 10, 3))
    assert found["licence"] == "https://creativecommons.org/licenses/by/4.0/"
    assert found["cited_dois"] == ["10.1000/a"]
    assert (found["retracted_dois"], found["withdrawn_on"]) == (None, None)


@pytest.mark.parametrize(("kind", "marked"), [("retraction", True), ("removal", True), ("correction", False)])
def test_a_notice_names_what_it_retracts_and_a_retracted_work_is_withdrawn(kind: str, marked: bool) -> None:
    notice = {**WORK, "update-to": [{"DOI": "10.1000/Bad", "type": kind, "updated": days(2026, 9, 9)}]}
    assert row(crossref.parse(works(notice), where="x"))["retracted_dois"] == (["10.1000/bad"] if marked else None)
    work = {**WORK, "updated-by": [{"DOI": "10.1/notice", "type": kind, "updated": days(2026, 9, 9)}]}
    assert row(crossref.parse(works(work), where="x"))["withdrawn_on"] == (date(2026, 9, 9) if marked else None)


def test_a_licence_that_is_not_said_or_not_yet_valid_is_unknown() -> None:
    embargoed = [{"URL": "https://x.org/by", "content-version": "vor", "start": days(2027, 1, 1)}]
    for given in ([], embargoed):
        assert row(crossref.parse(works({**WORK, "license": given}), where="x"))["licence"] == "unknown"


def test_a_bad_work_is_refused_by_name_and_stops_no_other() -> None:
    bad = [{"DOI": "10.1000/x"}, {**WORK, "title": "no list"}, {**WORK, "indexed": {"date-parts": "soon"}}, 7, None]
    found = crossref.parse(works(*bad, WORK, {**WORK, "author": None, "published": days(None)}), where="x")
    assert found.documents.height == 2
    assert [which for which, _ in found.refused] == [f"work {n}" for n in range(5)]
    assert found.refused[0][1] == "no DOI or no title"
    assert found.refused[1][1].startswith("title: ")
    assert json.loads(found.raws["work 1"])["title"] == "no list"


def test_crossref_ends_with_the_first_page_that_is_not_full() -> None:
    assert crossref.parse(works(WORK, WORK), where="x").token == "n"
    assert crossref.parse(works(WORK), where="x").token is None
    assert crossref.parse(works(WORK, WORK), where="x", size=3).token is None
    for broken in (b'{"message-type": "work", "message": {}}', b'{"message-type": "work-list", "message": []}'):
        with pytest.raises(InputError, match="check the address of the service"):
            crossref.parse(broken, where="x")


def test_crossref_may_give_one_cursor_for_all_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crossref, "ROWS", 1)
    asked: list[dict[str, list[str]]] = []

    def answer(path: str, query: dict[str, list[str]]) -> Answer:
        asked.append(query)
        items = [{**WORK, "DOI": f"10.1000/{len(asked)}"}] if len(asked) < 4 else []
        return 200, {}, works(*items, **{"total-results": 3, "next-cursor": "same"})

    with server(answer) as url, client() as asking:
        found = list(crossref.fetch(asking, **WINDOW, url=url))
    assert [page.parsed.documents.height for page in found] == [1, 1, 1, 0]
    assert asked[0]["filter"] == ["from-index-date:2026-10-03,until-index-date:2026-10-04"]
    assert (asked[0]["query"], asked[0]["cursor"], asked[1]["cursor"]) == (["oxides"], ["*"], ["same"])


ALEX = {
    "id": "https://openalex.org/W7",
    "doi": "https://doi.org/10.1000/UP",
    "title": "A title",
    "abstract_inverted_index": {"order": [3, 5], "Back": [0], "in": [1], "good": [2], "again": [4]},
    "authorships": [{"author": {"display_name": "A. Bee"}}, {"author": None}],
    "publication_date": "2026-01-02",
    "updated_date": "2026-10-03T05:06:07.8",
    "best_oa_location": {"license": "cc-by"},
    "locations": [{"landing_page_url": "https://arxiv.org/abs/cond-mat/0101001v3"}],
}


def alex(*items: Any, following: str | None = None) -> bytes:
    return json.dumps({"meta": {"count": len(items), "next_cursor": following}, "results": list(items)}).encode()


def test_an_inverted_abstract_is_put_back_in_order() -> None:
    found = row(openalex.parse(alex(ALEX), where="x"))
    assert found["abstract"] == "Back in good order again order"
    assert (found["document_id"], found["doi"]) == ("openalex:W7", "10.1000/up")
    assert found["arxiv_id"] == "cond-mat/0101001"
    assert (found["licence"], found["datestamp"], found["authors"]) == ("cc-by", date(2026, 10, 3), ["A. Bee"])
    assert found["withdrawn_on"] is None
    assert row(openalex.parse(alex({**ALEX, "best_oa_location": None}), where="x"))["licence"] == "unknown"


def test_a_retracted_work_of_openalex_is_withdrawn_and_nonsense_is_refused() -> None:
    assert row(openalex.parse(alex({**ALEX, "is_retracted": True}), where="x"))["withdrawn_on"] == date(2026, 10, 3)
    bad = [
        {**ALEX, "is_retracted": True, "updated_date": None},
        {**ALEX, "abstract_inverted_index": {"far": [10**9]}},
        {**ALEX, "abstract_inverted_index": {"left": [-1]}},
        {**ALEX, "title": None},
        {**ALEX, "id": None},
    ]
    found = openalex.parse(alex(*bad, following="n"), where="x")
    assert found.documents.is_empty()
    assert len(found.refused) == 5
    assert found.token == "n"
    assert openalex.parse(alex(following="n"), where="x").token is None


def test_openalex_gets_its_key_and_its_page_names_do_not_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(openalex.KEY, "hidden")
    monkeypatch.setattr(openalex, "PAGE", 10)
    with serving(records=25, last=LAST) as at, client() as asking:
        found = list(openalex.fetch(asking, **WINDOW, url=f"{at.url}/openalex/works"))
    assert [page.parsed.documents.height for page in found] == [10, 10, 5, 0]
    assert all("api_key=hidden" in path for path in at.asked)
    assert not any("hidden" in page.name for page in found)
    assert found[0].parsed.documents["abstract"][0] == at.corpus[0].abstract


def test_full_texts_of_open_access_are_merged_into_their_records() -> None:
    with serving(records=6, last=LAST) as at, client() as asking:
        found = list(europepmc.fetch(asking, **WINDOW, url=f"{at.url}/europepmc"))
    assert "UPDATE_DATE%3A%5B2026-10-03+TO+2026-10-04%5D" in at.asked[0]
    documents = found[0].parsed.documents
    assert documents["body"].is_not_null().to_list() == [True, True, False] * 2
    whole = documents.row(0, named=True)
    assert whole["document_id"] == "europepmc:MED/0"
    assert whole["body"] == ["Sample 0 has 10^5 grains."]
    assert (whole["sections"], whole["captions"]) == (["Results"], ["Resistivity of sample 0."])
    assert whole["licence"] == "http://creativecommons.org/licenses/by/4.0/"
    assert whole["abstract"].startswith("Background\n")
    assert documents.row(2, named=True)["licence"] == "unknown"
    assert whole["content_hash"] == records.content_hash(whole)


def test_a_window_of_europe_pmc_may_be_one_of_publication() -> None:
    with serving(records=3, last=LAST) as at, client() as asking:
        list(europepmc.fetch(asking, **WINDOW, url=f"{at.url}/europepmc", window="FIRST_PDATE"))
    assert "FIRST_PDATE" in at.asked[0]


def test_what_europe_pmc_says_is_retracted_is_withdrawn() -> None:
    result = {"id": "1", "source": "MED", "title": "T", "pubTypeList": {"pubType": ["Retracted Publication"]}}
    dated = {**result, "id": "2", "dateOfRevision": "2026-10-03"}
    body = {"hitCount": 2, "nextCursorMark": "*", "request": {"cursorMark": "*"}}
    found = europepmc.parse(json.dumps({**body, "resultList": {"result": [result, dated]}}).encode(), where="x")
    assert row(found)["withdrawn_on"] == date(2026, 10, 3)
    assert found.refused == (("result 0", "retracted, no one knows when"),)
    assert found.token is None


def test_every_connector_that_a_problem_may_name_is_there_under_its_name() -> None:
    for name in CONNECTORS:
        module = importlib.import_module(f"etl.sources.{name}")
        assert name == module.SOURCE
        assert callable(module.fetch)


@pytest.mark.parametrize(
    ("scrap", "plain"),
    [
        ("a < b and c", "a < b and c"),
        ("no <unclosed tag", "no <unclosed tag"),
        ("<p>One</p><p>Two</p>", "One\nTwo"),
        ("<jats:sec><jats:title>Aim</jats:title><jats:p>x&alpha;</jats:p></jats:sec>", "Aim\nxα"),
        ("\ud800 nul\0", "nul"),
        ("<p> </p>", None),
        (None, None),
    ],
)
def test_scraps_of_markup_become_plain_text(scrap: str | None, plain: str | None) -> None:
    assert markup.clean(scrap) == plain


def test_a_list_whose_page_comes_twice_is_refused_even_with_new_tokens() -> None:
    parsed = Parsed(records.frame([records.document("jats", "1", title="T")]), token="a", total=9)
    tokens = iter("abc")

    def ask(token: str | None) -> Page:
        return Page("page", b"", Parsed(parsed.documents, token=next(tokens), total=9))

    with pytest.raises(InputError, match="the same page twice"):
        list(cursors.walk(ask, resume=None))


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert limits.retry_after("7") == 7.0
    assert limits.retry_after(soon) == pytest.approx(100, abs=3)
    assert limits.retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert [limits.retry_after(v) for v in ("soon", "", None, "-1")] == [None] * 4


def test_a_pace_follows_what_is_set_and_what_is_told() -> None:
    pace = limits.Pace({"a": 0.5})
    pace.learn("a", {"x-rate-limit-limit": "10", "x-rate-limit-interval": "1s"})
    pace.learn("b", {"x-rate-limit-limit": "3", "x-rate-limit-interval": "60s"})
    pace.learn("c", {"x-rate-limit-limit": "0", "x-rate-limit-interval": "nonsense"})
    assert [pace.pause(host) for host in "abc"] == [0.5, 20.0, 0.0]


def _chunks(data: bytes, size: int = 50_000) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def test_a_bomb_below_the_cap_is_known_by_its_ratio() -> None:
    bomb = gzip.compress(b" " * (2 * limits.SMALL), 9)
    with pytest.raises(limits.TooMuchError, match="only bombs"):
        list(limits.unpacked(_chunks(bomb), "gzip", most=10**9))
    honest = b"".join(zlib.crc32(n.to_bytes(4)).to_bytes(4) for n in range(10_000))
    assert b"".join(limits.unpacked(_chunks(gzip.compress(honest), 7), "GZIP", most=10**6)) == honest
    with pytest.raises(limits.CutShortError, match="after the end"):
        list(limits.unpacked(_chunks(gzip.compress(b"a") + b"more"), "gzip", most=10**6))


def test_a_deadline_leaves_less_and_less_and_then_nothing() -> None:
    deadline = limits.Deadline()
    deadline.start(5)
    assert 4 < deadline.left(60) <= 5
    assert deadline.left(1) == 1
    deadline.start(-1)
    assert deadline.over()
    with pytest.raises(httpcore.ReadTimeout):
        deadline.left(None)


@pytest.mark.parametrize(
    ("location", "leads"),
    [
        ("/b?api_key=k&x=1", "https://a.org/b?x=1"),
        ("https://b.org/?page=2&other=k", "https://b.org/?page=2"),
        ("http://127.0.0.1/", "http://127.0.0.1/"),
    ],
)
def test_a_redirect_takes_no_secret_along(location: str, leads: str) -> None:
    assert addresses.moved("https://a.org/", location, Secrets({"api_key": "k"})) == leads


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://a.org/", "from https to http"),
        ("ftp://a.org/", "no web address"),
        ("https://[broken/", "no web address"),
        ("https://a.org:99999/", "no web address"),
        ("https://b.org/secr%65t/x", "gives a key away"),
    ],
)
def test_a_redirect_that_is_not_gone_along_with(location: str, why: str) -> None:
    with pytest.raises(AddressError, match=why):
        addresses.moved("https://a.org/", location, Secrets({"api_key": "secret"}))


def test_one_host_is_one_name_and_port_or_its_move_to_https() -> None:
    assert addresses.same_host("http://a.org/x", "https://a.org/y")
    assert addresses.same_host("https://a.org/x", "https://a.org:443/y")
    assert not addresses.same_host("https://a.org/", "http://a.org/")
    assert not addresses.same_host("https://a.org/", "https://a.org:8443/")
    assert not addresses.same_host("https://a.org/", "https://b.a.org/")


def test_a_key_goes_over_no_open_line_and_is_not_shown() -> None:
    with client() as asking:
        with pytest.raises(FetchError, match="a key would go over an open line") as caught:
            asking.get("http://example.org/x?y=1", secrets=Secrets({"key": "hidden"}))
        with pytest.raises(FetchError, match="no web address"):
            asking.get("ftp://user:hidden@example.org/")
        with pytest.raises(FetchError, match="no web address"):
            asking.get("https://[hidden/")
    assert "hidden" not in str(caught.value)
    assert "hidden" not in repr(Secrets({"key": "hidden"}, {"X": "hidden"}))


def test_a_key_that_is_missing_or_no_key_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", " k \n")
    assert secret("SOME_KEY", source="somewhere") == "k"
    for value in ("", "  ", "a\nb"):
        monkeypatch.setenv("SOME_KEY", value)
        with pytest.raises(InputError, match="no key for somewhere in SOME_KEY"):
            secret("SOME_KEY", source="somewhere")
