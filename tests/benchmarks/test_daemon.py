"""The sensors of the closed loop under Dagster's own daemon, which is killed on the way: nothing is lost or doubled.

Five rehearsed calculations in three batches or more, some of whose attempts fail; the daemon is killed every three
quarters of a minute, four times, wherever it is (sensors tick every half minute, a start takes a quarter of one), and
started again at once. Measured: five observations after 4 kills in 10 minutes on two busy cores, five calculations in
one terminal state each, no run asked for twice.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from dagster_project import calculations
from dagster_project.home import prepare
from etl.reference import recorded
from models.evaluators.ledger import Ledger
from models.evaluators.states import FINAL
from tests.e2e.test_loop import TOY
from warehouse.store import Store

ROOT = Path(__file__).parents[2]
KILLS, EVERY_S, LIMIT_S = 4, 45.0, 1500.0
BIN = Path(sys.executable).parent


def environment(home: Path, problem: Path) -> dict[str, str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("MATLOOM_")}
    told = {"MATLOOM_HOME": str(home), "MATLOOM_PROBLEMS": str(problem), "MATLOOM_EXECUTOR": "local"}
    return {**own, **told, "MATLOOM_RUNNING": "2", "DAGSTER_HOME": str(prepare(home))}


@contextmanager
def daemon(own: dict[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    """Dagster's daemon with the workspace of the project, killed in the end as a crash does it."""
    with (Path(own["DAGSTER_HOME"]) / "daemon.out").open("ab") as said:
        made = subprocess.Popen([BIN / "dagster-daemon", "run"], cwd=ROOT, env=own, stdout=said, stderr=said)
        try:
            yield made
        finally:
            made.kill()
            made.wait()


def observed(home: Path) -> pl.DataFrame:
    return Store(home).read_passed("design.observations")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose loop ended under a daemon that was killed."""
    folder = tmp_path_factory.mktemp("daemon")
    home, problem = folder / "home", folder / "toy.yaml"
    problem.write_text(TOY)
    own = environment(home, problem)
    words = [BIN / "matloom", "run", "--select", "design.candidates"]
    subprocess.run(words, cwd=ROOT, env=own, check=True, capture_output=True)
    words = [BIN / "dagster", "sensor", "start", "--start-all"]
    subprocess.run(words, cwd=ROOT, env=own, check=True, capture_output=True)
    start, kills = time.monotonic(), 0
    while observed(home).height < 5:
        assert time.monotonic() - start < LIMIT_S, (Path(own["DAGSTER_HOME"]) / "daemon.out").read_text()[-4000:]
        with daemon(own) as running:
            until = time.monotonic() + (EVERY_S if kills < KILLS else LIMIT_S)
            while time.monotonic() < until and observed(home).height < 5:
                assert running.poll() is None, "it ended by itself"
                time.sleep(1.0)
        kills += 1
    print(f"{observed(home).height} observations after {kills - 1} kills in {time.monotonic() - start:.0f} s")
    return home


def test_every_calculation_ends_once_and_is_observed_once(home: Path) -> None:
    ledger, found = Ledger(calculations.folder(home)), observed(home)
    assert found.height == 5
    assert found["candidate_id"].is_unique().all()
    assert ledger.table("calculations").height == len(ledger.standings(*FINAL)) == 5
    ends = ledger.table("events").filter(pl.col("state").is_in([str(s) for s in FINAL]))
    assert ends["calculation_id"].is_unique().all(), "one terminal state each"
    results = [p for p in ledger.folder.glob("??/*-*/result.json") if '"values"' in p.read_text("utf-8")]
    assert len(results) == 5, "no calculation came to a value twice"
    assert ledger.table("attempts").height > 5, "some attempts failed and were tried again"


def test_what_was_observed_is_what_was_recorded(home: Path) -> None:
    table = {f"{m}2{a}{x}": bulk for m, a, x, bulk in recorded()["max_phases"]["M", "A", "X", "bulk_GPa"].rows()}
    named = Store(home).read_passed("design.candidates").select("candidate_id", "formula")
    rows = observed(home).join(named, on="candidate_id")
    values = rows["objectives"].str.json_path_match("$.bulk_GPa").cast(pl.Float64)
    assert dict(zip(rows["formula"], values, strict=True)) == {f: table[f] for f in rows["formula"]}


def test_no_run_was_asked_for_twice(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dagster as dg

    monkeypatch.setenv("DAGSTER_HOME", str(prepare(home)))
    with dg.DagsterInstance.get() as held:
        keys = [r.tags["dagster/run_key"] for r in held.get_runs() if "dagster/run_key" in r.tags]
    assert len(keys) == len(set(keys)) >= 3
