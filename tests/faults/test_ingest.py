"""An update of literature under SIGKILL: the same tables as without, and no page fetched in vain."""

import json
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.servers.literature import Literature, serving
from warehouse.store import Store

DRIVER = Path(__file__).with_name("ingest_driver.py")
KILLS = 30
TABLES = ("raw.documents", "raw.fetch_log", "raw.harvests")


def driven(at: Literature, home: Path, *, kills: int, rounds: int) -> list[dict[str, Any]]:
    """What the rounds of the driver said."""
    command = [sys.executable, str(DRIVER), str(home), at.url, "11", str(kills), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert {r["exit"] for r in told} == {0}, told
    return told


def pages(at: Literature) -> dict[str, Counter[str]]:
    """How often each page was asked for: first day of its window -> where it begins."""
    found: dict[str, Counter[str]] = {}
    for path in at.asked:
        query = {k: v[0] for k, v in parse_qs(urlsplit(path).query).items()}
        low, _, start = query.get("resumptionToken", "||").split("|")
        since = at.corpus.day(int(low)).isoformat() if low else query["from"]
        found.setdefault(since, Counter())[start or str(at.corpus.window(date.fromisoformat(since), None).start)] += 1
    return found


@pytest.mark.slow
def test_thirty_kills_leave_the_tables_of_an_undisturbed_update_and_fetch_nothing_twice(tmp_path: Path) -> None:
    with serving(records=920, page=10, per_day=10, last=date(2026, 9, 30)) as at:
        rounds = driven(at, tmp_path / "home", kills=KILLS, rounds=15)
        asked = pages(at)
        at.asked.clear()
        driven(at, tmp_path / "calm", kills=0, rounds=len(rounds))
        once = pages(at)
    kills, replays = (sum(r[name] for r in rounds) for name in ("kills", "replays"))
    assert kills >= KILLS
    store, calm = Store(tmp_path / "home"), Store(tmp_path / "calm")
    for table in TABLES:
        assert store.passed_version(table) == store.version(table) is not None
        assert store.read(table).equals(calm.read(table)), table
    assert store.rows("raw.documents") > 40 * len(rounds)
    again = 0
    for told in rounds:
        first, now = once[told["since"]], asked[told["since"]]
        assert set(first.values()) == {1}
        assert set(now) == set(first)
        most = 1 + told["replays"]  # a window that was recorded is asked for anew: that is a replay
        again += sum(max(0, times - most) for times in now.values())
    pages_once = sum(c.total() for c in once.values())
    print(f"{kills} kills in {len(rounds)} windows of {pages_once} pages: {again} asked for again, {replays} replays")
    assert again <= 3  # a page is asked for again only where the kill came between its request and its answer
