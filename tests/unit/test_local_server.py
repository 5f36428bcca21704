"""The local literature server itself: the same records whatever the protocol, the window and the day."""

from datetime import date, timedelta
from types import ModuleType
from typing import Any

import pytest

from etl.http import Client
from etl.sources import arxiv_atom, arxiv_oai, crossref, europepmc, openalex
from tests.servers.corpus import Corpus
from tests.servers.faults import Fault
from tests.servers.literature import serving

LAST = date(2026, 10, 4)
PATHS: dict[ModuleType, str] = {
    arxiv_oai: "/oai",
    arxiv_atom: "/api/query",
    crossref: "/crossref/works",
    openalex: "/openalex/works",
    europepmc: "/europepmc",
}


@pytest.mark.parametrize("module", PATHS, ids=lambda module: module.SOURCE)
def test_windows_of_days_tile_the_corpus_in_every_protocol(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(openalex.KEY, "k")
    for asking_for, size in ((arxiv_atom, "PAGE"), (crossref, "ROWS"), (openalex, "PAGE"), (europepmc, "PAGE")):
        monkeypatch.setattr(asking_for, size, 17)
    days = [LAST - timedelta(days=n) for n in range(5)]
    with serving(records=110, last=LAST, per_day=30, page=17) as at, Client(pauses={}) as asking:
        held = {
            day: [
                page.parsed for page in module.fetch(asking, since=day, until=day, query="", url=at.url + PATHS[module])
            ]
            for day in days
        }
    counts = [sum(parsed.received for parsed in held[day]) for day in days]
    assert counts == [20, 30, 30, 30, 0]
    titles = {title for pages in held.values() for parsed in pages for title in parsed.documents["title"]}
    gone = sum(len(parsed.withdrawn) for pages in held.values() for parsed in pages)
    assert len(titles) + gone == 110


def test_a_record_depends_on_the_seed_and_its_index_alone() -> None:
    small, large = Corpus(10, seed=3, last=LAST), Corpus(10_000, seed=3, last=LAST)
    assert (small[7].title, small[7].abstract) == (large[7].title, large[7].abstract)
    assert small[7].abstract != Corpus(10, seed=4, last=LAST)[7].abstract
    assert len({large[n].abstract for n in range(10_000)}) == 10_000


def test_a_corpus_that_grows_gives_its_new_records_the_last_day_and_moves_no_old_one() -> None:
    corpus = Corpus(50, last=LAST, per_day=10)
    before = [corpus.day(n) for n in range(50)]
    corpus.records = 75
    assert [corpus.day(n) for n in range(50)] == before
    assert corpus.window(LAST, None) == range(40, 75)
    assert corpus.window(None, LAST - timedelta(days=1)) == range(40)


def test_a_token_keeps_to_its_list_while_the_corpus_grows() -> None:
    window: dict[str, Any] = {"since": LAST, "until": LAST, "query": ""}
    with serving(records=20, last=LAST, page=8) as at, Client(pauses={}) as asking:
        received = 0
        for page in arxiv_oai.fetch(asking, **window, url=f"{at.url}/oai"):
            received += page.parsed.received
            at.corpus.records += 5
    assert received == 20


def test_an_unknown_fault_is_no_fault() -> None:
    assert Fault.of("503:2") == Fault("503", 2)
    with pytest.raises(ValueError, match="no fault 'nonsense'"):
        Fault.of("nonsense")
