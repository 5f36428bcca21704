"""Calculations through a real SLURM on this machine: queued, run, cancelled, refused, and its controller killed."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.evaluators import service
from models.evaluators.calculations import Atoms, Calculation
from models.evaluators.executors import Needs, RefusedError, Slurm
from models.evaluators.ledger import Ledger
from models.evaluators.states import FINAL, State
from tests.servers import slurm

pytestmark = pytest.mark.skipif(slurm.missing() is not None, reason=f"no SLURM: {slurm.missing()}")
ATOMS = Atoms(lattice=np.eye(3) * 4.2, symbols=("Ni", "O"), coords=np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]))
CAPS = service.Caps(running=8, hours=0.1)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slurm.Cluster]:
    with pytest.MonkeyPatch.context() as patched, slurm.cluster(tmp_path_factory.mktemp("slurm")) as made:
        patched.setenv("SLURM_CONF", str(made.conf))
        yield made


def rehearsal(gap: float, **settings: object) -> Calculation:
    told = {"values": {"gap_eV": gap}, **settings}
    return Calculation(engine="recorded", settings=told, structure=ATOMS.as_json(), label=str(gap))


def run(ledger: Ledger, executor: Slurm, *, limit_s: float = 180) -> list[str]:
    """Ticks to the end; returns the troubles on the way."""
    deadline, troubles = time.monotonic() + limit_s, []
    while len(ledger.standings(*FINAL)) < len(ledger.standings()):
        assert time.monotonic() < deadline, ledger.table("latest")
        troubles += [*service.submit(ledger, executor, CAPS).troubles, *service.poll(ledger, executor, CAPS).troubles]
        time.sleep(0.1)
    return troubles


def test_calculations_go_through_the_queue_and_come_back(cluster: slurm.Cluster, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    service.ask(ledger, [(rehearsal(0.1 * k, fails=["scf"] if k == 3 else []), "test") for k in range(6)])
    run(ledger, Slurm())
    found = service.collect(ledger)
    assert found["state"].to_list() == ["accepted"] * 6
    assert found["attempts"].to_list() == [1, 1, 1, 2, 1, 1]
    assert ledger.table("attempts")["reference"].is_unique().all()
    assert ledger.table("hosts")["host"].to_list() == [socket.gethostname()] * 7


def test_a_job_asks_for_its_time_its_ranks_and_what_a_person_adds(cluster: slurm.Cluster, tmp_path: Path) -> None:
    ledger, executor = Ledger(tmp_path), Slurm(["--comment=two words"])
    service.ask(ledger, [(rehearsal(4.0, seconds=60), "test")])
    service.submit(ledger, executor, CAPS)
    attempt = ledger.attempt(ledger.standings()[0].calculation_id)
    assert attempt is not None
    told = executor._run(["scontrol", "show", "job", "--oneliner", str(attempt.reference)])
    assert "TimeLimit=00:07:00" in told, "six minutes and the grace of the attempt's own limit"
    assert "Comment=two words" in told
    service.cancel(ledger, executor, attempt.calculation_id, reason="enough")


def test_a_cancelled_job_leaves_the_queue(cluster: slurm.Cluster, tmp_path: Path) -> None:
    ledger, executor = Ledger(tmp_path), Slurm()
    service.ask(ledger, [(rehearsal(1.0, seconds=60), "test")])
    service.submit(ledger, executor, CAPS)
    name = ledger.standings()[0].calculation_id
    service.cancel(ledger, executor, name, reason="no longer wanted")
    deadline = time.monotonic() + 20
    while executor._queued(f"{name}-1") is not None:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert ledger.standings()[0].state is State.REJECTED


def test_a_job_that_somebody_cancels_is_plumbing_and_runs_again(cluster: slurm.Cluster, tmp_path: Path) -> None:
    ledger, executor = Ledger(tmp_path), Slurm()
    service.ask(ledger, [(rehearsal(2.0, seconds=3), "test")])
    service.submit(ledger, executor, CAPS)
    attempt = ledger.attempt(ledger.standings()[0].calculation_id)
    assert attempt is not None
    executor.stop(tmp_path, attempt.name, attempt.reference)
    run(ledger, executor)
    states = ledger.table("events").sort("sequence")["state"].to_list()
    assert "plumbing_failed" in states
    assert states[-1] == "accepted"


def test_a_queue_that_refuses_says_why(cluster: slurm.Cluster, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    service.ask(ledger, [(rehearsal(3.0), "test")])
    tick = service.submit(ledger, Slurm(["--partition=none"]), CAPS)
    assert "invalid partition" in tick.troubles[0]
    run(ledger, Slurm())
    assert service.collect(ledger)["state"].to_list() == ["accepted"]


def test_a_start_that_was_not_noted_is_not_made_twice(cluster: slurm.Cluster, tmp_path: Path) -> None:
    from models.evaluators.executors import write_script

    write_script(tmp_path, ["sleep", "5"], seconds=60)
    executor = Slurm()
    first = executor.start(tmp_path, "abc-1", Needs(seconds=60))
    assert executor.start(tmp_path, "abc-1", Needs(seconds=60)) == first
    executor.stop(tmp_path, "abc-1", first)


def test_a_killed_controller_neither_loses_nor_doubles(cluster: slurm.Cluster, tmp_path: Path) -> None:
    ledger, executor = Ledger(tmp_path), Slurm(late_s=5.0)
    service.ask(ledger, [(rehearsal(10.0 + k, seconds=1.0), "test") for k in range(6)])
    service.submit(ledger, executor, CAPS)
    cluster.kill("slurmctld")
    with pytest.raises(RefusedError, match="from squeue"):
        executor._queued("x")
    tick = service.poll(ledger, executor, CAPS)
    assert tick.troubles, "the states stay as they are, and somebody is told"
    assert len(ledger.standings(State.SUBMITTED, State.RUNNING)) + len(ledger.standings(State.ACCEPTED)) == 6
    cluster.controller()
    run(ledger, executor)
    assert service.collect(ledger)["state"].to_list() == ["accepted"] * 6
    results = list(tmp_path.glob("??/*-*/result.json"))
    done = pl.Series([p.parent.name.rsplit("-", 1)[0] for p in results])
    assert done.is_unique().all()
