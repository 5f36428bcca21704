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


NIO = "NiO\n1.0\n0 2.09 2.09\n2.09 0 2.09\n2.09 2.09 0\nNi O\n1 1\ndirect\n0 0 0\n0.5 0.5 0.5\n"
RECIPE = "{name: r, title: t, engine: gpaw, reasons: {all: a test}}"
REFUSED = {
    "overlapping atoms": (NIO.replace("0.5 0.5 0.5", "0.01 0 0"), "angstrom apart"),
    "unknown element": (NIO.replace("Ni O", "Qx O"), "Qx"),
    "missing PAW set": (NIO.replace("Ni O", "Tc O"), "no data for Tc"),
    "no volume": (NIO.replace("2.09 2.09 0\n", "2.09 0 2.09\n"), "degenerate cell"),
}
FAULTS = {
    # what happens to a calculation -> (codes of its attempts, state at the end, what the dead letter says)
    "never converges": (["scf"] * 9, "calculation_failed", "scf"),
    "out of memory": (["memory"] * 9, "plumbing_failed", "memory"),
    "scratch disk full": (["disk"] * 9, "plumbing_failed", "disk"),
    "truncated output": (["lost"] * 9, "plumbing_failed", "lost"),
    "node lost once": (["node"], "accepted", None),
    "disk full twice": (["disk"] * 2, "accepted", None),
    "good": ([], "accepted", None),
}


def test_what_cannot_be_calculated_is_refused_with_the_reason_and_the_rest_is_asked(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from dagster_project.cli import app

    rows = {**{k: text for k, (text, _) in REFUSED.items()}, "good": NIO}
    pl.DataFrame({"label": list(rows), "poscar": list(rows.values())}).write_ndjson(tmp_path / "in.jsonl")
    (tmp_path / "r.yaml").write_text(RECIPE)
    asked = ["dft", "prepare", str(tmp_path / "in.jsonl"), "--recipe", str(tmp_path / "r.yaml")]
    done = CliRunner().invoke(app, [*asked, "--out", str(tmp_path / "c")])
    assert done.exit_code == 0, done.output
    found = {r["label"]: r for r in pl.read_ndjson(tmp_path / "c" / "prepared.jsonl").iter_rows(named=True)}
    assert [k for k, r in found.items() if r["ok"]] == ["good"]
    for name, (_, said) in REFUSED.items():
        assert said in found[name]["reason"], found[name]["reason"]
        assert ": " in found[name]["reason"], "the remedy follows a colon"
    assert Ledger(tmp_path / "c").table("calculations")["label"].to_list() == ["good"]


def test_each_fault_ends_in_a_named_state_and_the_rest_of_the_batch_goes_on(tmp_path: Path) -> None:
    from models.evaluators import service
    from models.evaluators.calculations import Calculation
    from models.evaluators.executors import Local
    from tests.faults.campaign_driver import ATOMS

    ledger, caps = Ledger(tmp_path), service.Caps(running=4, hours=0.1)
    asked = [
        Calculation(
            engine="recorded",
            settings={"values": {"gap_eV": 1.0}, "fails": codes, "candidate": name},
            structure=ATOMS.as_json(),
            label=name,
        )
        for name, (codes, *_) in FAULTS.items()
    ]
    service.ask(ledger, [(c, "test") for c in asked])
    for _ in service.ticks(ledger, Local(), caps, pause_s=0.02):
        continue
    joined = ledger.table("latest").join(ledger.table("calculations"), on="calculation_id")
    states = dict(joined.select("label", "state").rows())
    assert states == {name: state for name, (_, state, _) in FAULTS.items()}
    dead = dict(service.dead_letters(ledger, caps).select("label", "reason").rows())
    assert dead == {name: f"rehearsed: {said}" for name, (_, _, said) in FAULTS.items() if said}
