"""Killed daemons and workers neither lose nor double a calculation."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from models.evaluators.ledger import Ledger

ROOT = Path(__file__).parents[2]
COUNT, KILLS = 60, 16


def driver(folder: Path, count: int) -> "subprocess.Popen[bytes]":
    asked = [sys.executable, str(ROOT / "tests/faults/campaign_driver.py"), str(folder), str(count)]
    return subprocess.Popen(asked, env={**os.environ, "PYTHONPATH": str(ROOT)})


def workers(folder: Path) -> list[int]:
    """Processes that run a script of the campaign, and what they started."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                if (place / "cwd").readlink().is_relative_to(folder):
                    found.append(int(place.name))
            except OSError:
                continue
    return found


def campaign(folder: Path, *, count: int, kills: int, seed: int) -> Ledger:
    """Runs a campaign to its end, killing the daemon or a worker at random moments."""
    chance = random.Random(seed)
    running = driver(folder, count)
    ledger = Ledger(folder)
    done = seen = 0
    while running.poll() is None and done < kills:
        if (now := ledger.table("events").height) == seen:
            time.sleep(0.01)  # it is still starting: nothing to be hit in
            continue
        seen = now
        time.sleep(chance.uniform(0.0, 0.1))
        victims = workers(folder)
        if chance.random() < 0.5 and victims:
            try:
                os.kill(chance.choice(victims), signal.SIGKILL)
            except ProcessLookupError:
                continue
        else:
            running.kill()
            running.wait()
            running = driver(folder, count)
        done += 1
    assert running.wait(timeout=240) == 0
    assert done > kills / 2, "too few kills to tell anything"
    return ledger


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    return campaign(tmp_path_factory.mktemp("campaign").resolve(), count=COUNT, kills=KILLS, seed=1)


def check(ledger: Ledger, count: int) -> None:
    latest = ledger.table("latest")
    assert latest.height == count
    assert set(latest["state"]) == {"accepted", "calculation_failed"}
    assert (latest["state"] == "calculation_failed").sum() == count // 10, "those that no remedy helps"
    events = ledger.table("events").sort("calculation_id", "sequence")
    ends = events.filter(pl.col("state").is_in(["accepted", "calculation_failed", "rejected"]))
    assert ends["calculation_id"].is_unique().all(), "one terminal state each"
    for (_,), group in events.group_by("calculation_id"):
        assert group["sequence"].to_list() == list(range(group.height)), "no event is lost"


def finished(ledger: Ledger) -> pl.Series:
    """Calculation of each attempt that came to a value, from the folders and not from the ledger."""
    results = [p for p in ledger.folder.glob("??/*-*/result.json") if '"values"' in p.read_text("utf-8")]
    return pl.Series([p.parent.name.rsplit("-", 1)[0] for p in results], dtype=pl.String)


def test_every_calculation_ends_in_one_terminal_state(ledger: Ledger) -> None:
    check(ledger, COUNT)


def test_none_runs_to_its_end_twice(ledger: Ledger) -> None:
    done = finished(ledger)
    assert done.is_unique().all()
    accepted = ledger.table("latest").filter(pl.col("state") == "accepted")["calculation_id"]
    assert set(done) == set(accepted)


def test_results_are_those_that_were_asked_for(ledger: Ledger) -> None:
    found = ledger.table("results").join(ledger.table("calculations"), on="calculation_id")
    for label, values in found.select("label", "found").iter_rows():
        assert values == f'{{"gap_eV": {int(label.split()[1]) / 100}}}'


def test_nothing_of_the_campaign_runs_on(ledger: Ledger) -> None:
    assert workers(ledger.folder) == []
