"""Harvesting literature services: real formats, and a real HTTP server that may misbehave."""

from datetime import date

import polars as pl
import pytest

from etl.http import Client, FetchError
from etl.sources import arxiv_atom, arxiv_oai, records, update
from etl.sources.records import Page, Parsed
from schemas.errors import InputError
from tests.servers.plain import Answer, server

WINDOW = {"since": date(2026, 10, 3), "until": date(2026, 10, 4)}

RECORD = (
    "<record><header><identifier>oai:arXiv.org:{0}</identifier><datestamp>2026-10-03</datestamp></header>"
    '<metadata><arXiv xmlns="http://arxiv.org/OAI/arXiv/"><id>{0}</id><created>2026-01-02</created><title>T {0}</title>'
    "<categories>cond-mat.str-el physics.chem-ph</categories><abstract>A.</abstract></arXiv></metadata></record>"
)


def withdrawal(identifier: str, day: str) -> str:
    header = f"<identifier>oai:arXiv.org:{identifier}</identifier><datestamp>{day}</datestamp>"
    return f'<record><header status="deleted">{header}</header></record>'


def oai(*identifiers: str, token: str | None = None, size: int | None = None, more: str = "") -> bytes:
    body = "".join(RECORD.format(i) for i in identifiers) + more
    stated = f' completeListSize="{size}"' if size is not None else ""
    end = f"<resumptionToken{stated}>{token or ''}</resumptionToken>" if token or stated else ""
    return f'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><ListRecords>{body}{end}</ListRecords></OAI-PMH>'.encode()


def test_a_harvest_follows_tokens_and_sends_them_alone() -> None:
    asked: list[dict[str, list[str]]] = []

    def answer(path: str, query: dict[str, list[str]]) -> Answer:
        asked.append(query)
        return 200, {}, oai("1") if "resumptionToken" in query else oai("2", "3", token="next|1")

    with server(answer) as url, Client() as client:
        pages = [page.parsed for page in arxiv_oai.fetch(client, **WINDOW, query="", url=f"{url}/oai")]
    assert [p.documents["source_id"].to_list() for p in pages] == [["2", "3"], ["1"]]
    first = {"from": ["2026-10-03"], "until": ["2026-10-04"]}
    assert asked[0] == {"verb": ["ListRecords"], "metadataPrefix": ["arXiv"], **first}
    assert asked[1] == {"verb": ["ListRecords"], "resumptionToken": ["next|1"]}


@pytest.mark.parametrize(
    ("last", "whole"), [(oai("1", size=4), False), (oai("1", "4", size=4), True), (oai("1"), False)]
)
def test_a_list_that_ends_early_is_no_list(last: bytes, whole: bool) -> None:
    def answer(path: str, query: dict[str, list[str]]) -> Answer:
        return 200, {}, last if "resumptionToken" in query else oai("2", "3", token="next", size=4)

    with server(answer) as url, Client() as client:
        if whole:
            assert len(list(arxiv_oai.fetch(client, **WINDOW, query="", url=url))) == 2
        else:
            with pytest.raises(InputError, match="3 of 4 records at the end of the list"):
                list(arxiv_oai.fetch(client, **WINDOW, query="", url=url))


def test_a_window_goes_on_after_the_page_whose_token_is_known() -> None:
    asked: list[dict[str, list[str]]] = []

    def answer(path: str, query: dict[str, list[str]]) -> Answer:
        asked.append(query)
        return 200, {}, oai("4", size=4)

    with server(answer) as url, Client() as client:
        pages = list(arxiv_oai.fetch(client, **WINDOW, query="", resume="next|1", url=url))
    assert [p.parsed.documents["source_id"].to_list() for p in pages] == [["4"]]
    assert asked == [{"verb": ["ListRecords"], "resumptionToken": ["next|1"]}]


def test_a_busy_server_is_asked_again_and_a_refusal_is_not() -> None:
    calls: list[str] = []

    def answer(path: str, query: dict[str, list[str]]) -> Answer:
        calls.append(path)
        if path == "/gone":
            return 404, {}, b""
        return (503, {"Retry-After": "0"}, b"") if len(calls) < 3 else (200, {}, b"fine")

    with server(answer) as url, Client(backoff_s=0.01) as client:
        assert client.get(f"{url}/busy") == b"fine"
        assert len(calls) == 3
        with pytest.raises(FetchError, match="status 404"):
            client.get(f"{url}/gone")
        assert len(calls) == 4


def test_half_an_answer_is_no_answer_and_no_secret_is_shown() -> None:
    with (
        server(lambda p, q: (200, {"Content-Length": "1000"}, b"half")) as url,
        Client(tries=2, backoff_s=0.01) as client,
        pytest.raises(FetchError) as caught,
    ):
        client.get(f"{url}/x", {"key": "hidden"})
    assert "hidden" not in str(caught.value)
    assert "2 tries" in str(caught.value)


def test_an_answer_above_the_cap_is_refused() -> None:
    with (
        server(lambda p, q: (200, {}, b"x" * 2000)) as url,
        Client(most_bytes=1000) as client,
        pytest.raises(FetchError, match="more than 1000 bytes"),
    ):
        client.get(url)


def test_nothing_listens_there() -> None:
    with Client(tries=1) as client, pytest.raises(FetchError, match="ConnectError after 1 tries"):
        client.get("http://127.0.0.1:9/")


def test_requests_to_one_host_keep_their_distance() -> None:
    import time

    with server(lambda p, q: (200, {}, b"ok")) as url, Client(pauses={"127.0.0.1": 0.2}) as client:
        start = time.monotonic()
        client.get(url)
        client.get(url)
    assert time.monotonic() - start >= 0.2


def test_oai_errors_and_deleted_records() -> None:
    empty = b'<OAI-PMH><error code="noRecordsMatch">none</error></OAI-PMH>'
    assert arxiv_oai.parse(empty, where="x").documents.is_empty()
    with pytest.raises(InputError, match="badResumptionToken"):
        arxiv_oai.parse(b'<OAI-PMH><error code="badResumptionToken">old</error></OAI-PMH>', where="x")
    gone = arxiv_oai.parse(oai(more=withdrawal("9", "2026-10-04") + withdrawal("8", "lately")), where="x")
    assert gone.withdrawn == (("arxiv:9", date(2026, 10, 4)),)
    assert gone.refused == (("record 1", "withdrawn without id or datestamp"),)
    bad = b"<OAI-PMH><record><metadata><id>7</id></metadata></record></OAI-PMH>"
    found = arxiv_oai.parse(bad, where="x")
    assert found.refused == (("record 0", "no id or no title"),)
    assert found.raws == {"record 0": b"<record><metadata><id>7</id></metadata></record>"}
    with pytest.raises(InputError, match="instead of <OAI-PMH>"):
        arxiv_oai.parse(b"<html>moved</html>", where="x")


ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:o="http://a9.com/-/spec/opensearch/1.1/">
<o:totalResults>{total}</o:totalResults><o:startIndex>{start}</o:startIndex>
<entry><id>http://arxiv.org/abs/2601.00001v2</id><title>VO$_2$
 again</title><summary>S &amp; T</summary><published>2026-01-03T00:00:00Z</published><category term="cond-mat"/>
<author><name>A. B.</name></author></entry><entry><title>no id</title></entry></feed>"""


def test_an_atom_feed_gives_bare_ids_and_the_next_start() -> None:
    parsed = arxiv_atom.parse(ATOM.format(total=5, start=0).encode(), where="feed")
    row = parsed.documents.row(0, named=True)
    assert row["document_id"] == "arxiv:2601.00001"
    assert row["title"] == "VO$_2$ again"
    assert row["abstract"] == "S & T"
    assert row["published_on"] == date(2026, 1, 3)
    assert parsed.token == "2"
    assert parsed.refused == (("entry 1", "no id or no title"),)
    assert b"<title>no id</title>" in parsed.raws["entry 1"]
    with pytest.raises(InputError, match="instead of <feed>"):
        arxiv_atom.parse(b"<html>down</html>", where="x")


def test_feeds_are_fetched_page_by_page_within_their_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arxiv_atom, "PAGE", 2)
    asked: list[dict[str, list[str]]] = []

    def answer(path: str, query: dict[str, list[str]]) -> Answer:
        asked.append(query)
        start = int(query["start"][0])
        return 200, {}, ATOM.format(total=4, start=start).replace("2601.00001", f"2601.0000{start}").encode()

    with server(answer) as url, Client() as client:
        assert len(list(arxiv_atom.fetch(client, **WINDOW, query="cat:a OR cat:b", url=url))) == 2
        assert len(list(arxiv_atom.fetch(client, **WINDOW, query="cat:a OR cat:b", resume="2", url=url))) == 1
    assert [q["start"] for q in asked] == [["0"], ["2"], ["2"]]
    assert asked[0]["search_query"] == ["(cat:a OR cat:b) AND submittedDate:[202610030000 TO 202610042359]"]


def test_half_a_feed_is_no_feed() -> None:
    empty = ATOM.split("<entry>")[0] + "</feed>"
    with pytest.raises(InputError, match="0 entries from 0 on of 1000"):
        arxiv_atom.parse(empty.format(total=1000, start=0).encode(), where="feed")
    assert arxiv_atom.parse(empty.format(total=0, start=0).encode(), where="feed").token is None
    with pytest.raises(InputError, match="2 entries from 0 on of 5"):
        arxiv_atom.parse(ATOM.format(total=5, start=0).encode(), where="feed", size=3)
    told = ATOM.replace("<o:startIndex>", "<o:itemsPerPage>3</o:itemsPerPage><o:startIndex>")
    with pytest.raises(InputError, match="2 entries from 2 on of 5"):
        arxiv_atom.parse(told.format(total=5, start=2).encode(), where="feed")
    assert arxiv_atom.parse(ATOM.format(total=5, start=3).encode(), where="feed", size=3).token is None


def test_the_log_of_a_page_has_a_stable_id() -> None:
    parsed = Parsed(records.frame([]), (("record 1", "no title"),))
    first = records.fetch_row("jats", Page("a.xml", b"x", parsed))
    assert first == records.fetch_row("jats", Page("a.xml", b"x", parsed))
    assert first["refusals"] == "record 1: no title"
    assert first["fetch_id"] != records.fetch_row("jats", Page("a.xml", b"y", parsed))["fetch_id"]


def test_days() -> None:
    assert records.day("2026-02-03T10:00:00Z") == date(2026, 2, 3)
    assert records.day("soon") is None
    assert records.day(None) is None


def test_a_window_ends_today_at_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Days recorded as harvested before they came would never be asked for."""
    monkeypatch.setattr(update, "today", lambda: date(2026, 10, 4))
    assert update.window("crossref", since="2026-10-03", until="2030-01-01").until == date(2026, 10, 4)
    for until in (None, "2030-01-01"):
        with pytest.raises(InputError, match=r"2026-10-05 is yet to come \(2026-10-04 now, UTC\) in --since"):
            update.window("crossref", since="2026-10-05", until=until)


def test_one_day_of_a_source_is_harvested_on_its_own() -> None:
    found = update.harvest("arxiv_oai", since="2026-10-03", until="2026-10-03", live=False)
    assert found.documents["source_id"].to_list() == ["demo-0103"]
    row = found.summary.row(0, named=True)
    assert (row["source"], row["day"], row["until"]) == ("arxiv_oai", date(2026, 10, 3), date(2026, 10, 3))
    assert (row["complete"], row["records"], row["rejected"]) == (True, 1, 0)
    assert update.harvest("arxiv_oai", since="2020-01-01", until="2020-01-01", live=False).documents.is_empty()
    for source, since, said in (("nature", "2026-01-01", "unknown source"), ("arxiv_oai", "soon", "is no day")):
        with pytest.raises(InputError, match=said):
            update.harvest(source, since=since)
    with pytest.raises(InputError, match="a window from 2026-10-03 until 2026-10-02"):
        update.harvest("arxiv_oai", since="2026-10-03", until="2026-10-02")
    submitted = update.harvest("arxiv_atom", since="2026-09-01", until="2026-09-01", live=False)
    assert set(submitted.documents["published_on"]) == {date(2026, 9, 1)}


def test_a_record_belongs_to_the_day_of_its_datestamp_whatever_the_article_says() -> None:
    asked: list[dict[str, list[str]]] = []

    def answer(path: str, query: dict[str, list[str]]) -> Answer:
        asked.append(query)
        return 200, {}, oai("7")

    with server(answer) as url:
        found = update.harvest("arxiv_oai", since="2026-10-03", until="2026-10-03", url=url)
    assert (asked[0]["from"], asked[0]["until"]) == (["2026-10-03"], ["2026-10-03"])
    row = found.documents.row(0, named=True)
    assert (row["published_on"], row["datestamp"]) == (date(2026, 1, 2), date(2026, 10, 3))


def test_what_its_source_withdrew_is_marked_and_stays_marked() -> None:
    def harvested(page: bytes) -> update.Update:
        with server(lambda p, q: (200, {}, page)) as url:
            return update.harvest("arxiv_oai", since="2026-10-03", until="2026-10-09", url=url)

    stored = harvested(oai("7", "8")).documents
    gone = harvested(oai(more=withdrawal("7", "2026-10-05") + withdrawal("99", "2026-10-05")))
    assert gone.summary["withdrawals"].item() == gone.log["withdrawals"].item() == 2
    marks = update.merged(gone, stored.lazy())
    assert marks.select("document_id", "withdrawn_on").rows() == [("arxiv:7", date(2026, 10, 5))]
    assert marks["title"].to_list() == ["T 7"]
    known = pl.concat([stored.filter(pl.col("source_id") == "8"), marks]).lazy()
    older = stored.with_columns(datestamp=pl.lit(None, pl.Date))
    assert update.not_older(older, known).is_empty()
    again = harvested(oai("7").replace(b"2026-10-03", b"2026-10-06"))
    assert update.merged(again, known)["withdrawn_on"].to_list() == [None]
    both = harvested(oai("7", more=withdrawal("7", "2026-10-05")))
    assert both.documents.is_empty()


def test_a_harvest_says_whether_it_is_complete_and_what_it_held() -> None:
    def summary(title: str, limit: int | None = None) -> dict[str, object]:
        page = oai("7", token=None if limit is None else "next").replace(b"T 7", title.encode())
        with server(lambda p, q: (200, {}, page)) as url:
            found = update.harvest("arxiv_oai", since="2026-10-03", until="2026-10-03", limit=limit, url=url)
        return found.summary.row(0, named=True)

    assert summary("A") == summary("A")
    assert summary("A")["content_hash"] != summary("B")["content_hash"]
    assert summary("A")["complete"] is True
    assert summary("A", limit=1)["complete"] is False


def test_a_live_harvest_asks_the_service() -> None:
    def answer(path: str, query: dict[str, list[str]]) -> Answer:
        return (200, {}, oai("7")) if path == "/oai" else (200, {}, ATOM.format(total=2, start=0).encode())

    with server(answer) as url:
        found = update.harvest("arxiv_oai", since="2026-01-01", url=f"{url}/oai")
        assert found.documents["source_id"].to_list() == ["7"]
        found = update.harvest("arxiv_atom", since="2026-01-01", url=f"{url}/atom")
        assert found.log["rejected"].to_list() == [1]
