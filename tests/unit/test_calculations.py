"""Calculations from proposal to outcome: states, remedies, limits, dead letters; the executor of this machine."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.evaluators import executors, service
from models.evaluators import ledger as module
from models.evaluators.calculations import Atoms, Calculation
from models.evaluators.engines import common
from models.evaluators.executors import Local, Needs, RefusedError, Status
from models.evaluators.ledger import Ledger, LedgerError
from models.evaluators.states import State
from schemas.errors import InputError

ATOMS = Atoms(lattice=np.eye(3) * 4.2, symbols=("Ni", "O"), coords=np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]))
CAPS = service.Caps(running=4, hours=0.01)


def rehearsal(gap: float | None = 1.0, *, label: str = "one", **settings: object) -> Calculation:
    told = {"values": {"gap_eV": gap}, **settings}
    return Calculation(engine="recorded", settings=told, structure=ATOMS.as_json(), label=label)


def run(ledger: Ledger, caps: service.Caps = CAPS, executor: executors.Executor | None = None) -> None:
    """Ticks until nothing moves any more."""
    who = executor or Local()
    for _ in range(400):
        moved = service.submit(ledger, who, caps).moved + service.poll(ledger, who, caps).moved
        if not moved and not ledger.standings(State.SUBMITTED, State.RUNNING):
            return
        time.sleep(0.01)
    raise AssertionError("it never ended")


def states(ledger: Ledger) -> list[str]:
    return ledger.table("events").sort("sequence")["state"].to_list()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "calculations")


def test_the_hash_knows_the_crystal_and_not_the_order_of_its_sites_or_its_label() -> None:
    turned = Atoms(lattice=ATOMS.lattice, symbols=("O", "Ni"), coords=np.array([[0.5, 0.5, 0.5], [1.0, 0, 0]]))
    one = rehearsal()
    other = Calculation(engine="recorded", settings=one.settings, structure=turned.as_json(), label="other")
    assert one.calculation_id == other.calculation_id
    moved = Atoms(
        lattice=ATOMS.lattice, symbols=ATOMS.symbols, coords=ATOMS.coords + np.array([[0, 0, 0.001], [0, 0, 0]])
    )
    assert moved.as_json() != ATOMS.as_json()
    assert Atoms.from_json(ATOMS.as_json()).as_json() == ATOMS.as_json()


def test_a_calculation_passes_its_states_in_order_and_its_value_comes_back(ledger: Ledger) -> None:
    assert service.ask(ledger, [(rehearsal(seconds=0.2), "problem a")]) == 1
    run(ledger)
    assert states(ledger) == ["proposed", "submitted", "running", "parsed", "accepted"]
    row = service.collect(ledger).row(0, named=True)
    assert (row["gap_eV"], row["state"], row["attempts"], row["label"]) == (1.0, "accepted", 1, "one")
    assert json.loads(row["provenance"])["settings"]["seconds"] == 0.2


def test_the_same_calculation_asked_by_two_runs_once(ledger: Ledger) -> None:
    assert service.ask(ledger, [(rehearsal(), "a"), (rehearsal(), "b")]) == 1
    run(ledger)
    assert service.ask(ledger, [(rehearsal(), "c")]) == 0
    run(ledger)
    assert ledger.table("attempts").height == 1
    assert ledger.table("asks")["asked_by"].sort().to_list() == ["a", "b", "c"]


def test_a_failure_with_a_remedy_is_tried_again_with_changed_settings(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(fails=["scf"]), "a")])
    run(ledger)
    assert service.collect(ledger)["state"].to_list() == ["accepted"]
    tried = [json.loads(s) for s in ledger.table("attempts").sort("attempt")["settings"]]
    assert ("row" not in tried[0], tried[1]["row"]) == (True, 1)
    reasons = ledger.table("events").filter(pl.col("code") == "scf")["reason"].to_list()
    assert reasons == ["rehearsed: scf; again with row = 1"]


def test_a_failure_that_no_rule_mends_is_data_and_a_dead_letter_until_a_person_asks_again(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(fails=["scf"] * 3), "a")])
    run(ledger)
    dead = service.dead_letters(ledger, CAPS).row(0, named=True)
    assert (dead["state"], dead["attempts"], dead["reason"]) == ("calculation_failed", 3, "rehearsed: scf")
    service.retry(ledger, dead["calculation_id"])
    run(ledger)
    assert service.collect(ledger)["state"].to_list() == ["accepted"], "the fourth attempt is not told to fail"
    with pytest.raises(InputError, match="accepted needs no retry"):
        service.retry(ledger, dead["calculation_id"])


def test_plumbing_is_tried_three_times_and_then_waits_for_a_person(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(fails=["node"] * 3), "a")])
    run(ledger)
    dead = service.dead_letters(ledger, CAPS).row(0, named=True)
    assert (dead["state"], dead["attempts"]) == ("plumbing_failed", 3)
    assert service.collect(ledger).height == 0, "it says nothing about the material"
    service.retry(ledger, dead["calculation_id"])
    run(ledger)
    assert service.collect(ledger)["gap_eV"].to_list() == [1.0]


def test_a_row_without_a_value_fails_as_a_calculation(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(None), "a"), (rehearsal(2.0, label="two"), "a")])
    run(ledger)
    found = service.collect(ledger)
    assert found["state"].to_list() == ["calculation_failed", "accepted"]
    assert found["gap_eV"].to_list() == [None, 2.0]


def test_no_more_run_at_once_than_allowed(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(float(k), seconds=5.0), "a") for k in range(5)])
    service.submit(ledger, Local(), CAPS)
    service.submit(ledger, Local(), CAPS)
    assert len(ledger.standings(State.SUBMITTED, State.RUNNING)) == 4
    for standing in ledger.standings():
        service.cancel(ledger, Local(), standing.calculation_id, reason="enough")
    assert {s.state for s in ledger.standings()} == {State.REJECTED}


def test_spent_hours_stop_submission_and_say_so(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(1.0, seconds=0.3), "a")])
    run(ledger)
    service.ask(ledger, [(rehearsal(2.0), "a")])
    assert ledger.hours() > 0.2 / 3600
    tick = service.submit(ledger, Local(), service.Caps(total_hours=0.1 / 3600))
    assert "hours are spent" in tick.troubles[0]
    assert [s.state for s in ledger.standings()] == [State.ACCEPTED, State.PROPOSED]


def test_an_attempt_over_its_time_is_stopped_and_says_why(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(seconds=60), "a")])
    run(ledger, service.Caps(hours=1 / 3600))
    found = service.collect(ledger).row(0, named=True)
    assert found["state"] == "calculation_failed"
    assert "time limit" in found["reason"]


def test_a_cancelled_calculation_leaves_no_process(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(seconds=60), "a")])
    service.submit(ledger, Local(), CAPS)
    waiting = ledger.standings(State.SUBMITTED)[0]
    attempt = ledger.attempt(waiting.calculation_id)
    assert attempt is not None
    folder = next(ledger.folder.glob("??/*-1"))
    wait_until(lambda: Local().status(folder, attempt.name, attempt.reference) is Status.RUNNING)
    with pytest.raises(InputError, match="run by local, not refuses"):
        service.cancel(ledger, Refuses(), waiting.calculation_id, reason="by the wrong one")
    service.cancel(ledger, Local(), waiting.calculation_id, reason="no longer wanted")
    wait_until(lambda: not processes_in(folder))
    with pytest.raises(InputError, match="rejected cannot be cancelled"):
        service.cancel(ledger, Local(), waiting.calculation_id, reason="again")


def processes_in(folder: Path) -> list[str]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if (place / "cwd").readlink() == folder.resolve():
                found.append(place.name)
        except OSError:
            continue
    return found


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_lost_process_is_plumbing_and_its_orphans_die_before_the_next_attempt(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(seconds=0.5), "a")])
    service.submit(ledger, Local(), CAPS)
    attempt = ledger.attempt(ledger.standings()[0].calculation_id)
    folder = next(ledger.folder.glob("??/*-1"))
    wait_until((folder / "claim").exists)
    assert attempt is not None
    subprocess.run(["kill", "-9", str(attempt.reference)], check=True)  # the script alone: its sleep goes on
    run(ledger)
    assert not (folder / "result.json").exists(), "the orphan was stopped"
    assert states(ledger)[-5:] == ["plumbing_failed", "submitted", "running", "parsed", "accepted"]


def test_what_outlives_its_guard_is_stopped_before_the_next_attempt(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(seconds=0.5), "a")])
    service.submit(ledger, Local(), CAPS)
    folder = next(ledger.folder.glob("??/*-1"))
    wait_until(lambda: bool(guards(folder)))
    subprocess.run(["kill", "-9", *guards(folder)], check=True)
    run(ledger)
    assert executors.exit_code(folder) == executors.KILLED
    assert not (folder / "result.json").exists(), "the command was stopped"
    assert states(ledger)[-1] == "accepted"


def guards(folder: Path) -> list[str]:
    """Processes of coreutils' timeout in a folder."""
    return [p for p in processes_in(folder) if Path(f"/proc/{p}/comm").read_text() == "timeout\n"]


def test_a_result_that_is_there_counts_though_its_script_was_killed(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(seconds=0.2), "a")])
    service.submit(ledger, Local(), CAPS)
    folder = next(ledger.folder.glob("??/*-1"))
    wait_until((folder / "result.json").exists)
    wait_until((folder / "exit").exists)
    (folder / "exit").unlink()  # as where the script dies between the two
    run(ledger)
    assert ledger.table("attempts").height == 1
    assert service.collect(ledger)["gap_eV"].to_list() == [1.0]


def test_a_second_start_of_one_attempt_does_nothing(tmp_path: Path) -> None:
    executors.write_script(tmp_path, ["/bin/sh", "-c", "echo x >> runs"], seconds=10)
    for _ in range(3):
        subprocess.run(["/bin/sh", str(tmp_path / "run.sh")], check=True)
    assert (tmp_path / "runs").read_text() == "x\n"
    assert executors.exit_code(tmp_path) == 0


def test_a_command_that_ignores_its_time_limit_is_told_from_one_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "GRACE_S", 0.1)
    found = []
    for name, command in (("deaf", "trap '' TERM; sleep 20"), ("killed", "kill -9 $$")):
        folder = tmp_path / name
        folder.mkdir()
        executors.write_script(folder, ["/bin/sh", "-c", command], seconds=1)
        subprocess.run(["/bin/sh", str(folder / "run.sh")], check=True)
        failure = common.died(folder, executors.exit_code(folder) or 0)
        found.append(failure and failure.code)
    assert found == ["time", "killed"]


def test_a_number_that_belongs_to_another_process_by_now_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "20"], start_new_session=True) as stranger:
        assert Local().status(tmp_path, "a-1", str(stranger.pid)) is Status.ABSENT
        Local().stop(tmp_path, "a-1", str(stranger.pid))
        assert stranger.poll() is None
        stranger.kill()


class Slow(Local):
    """An executor during whose start something else happens."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self._meanwhile = meanwhile

    def start(self, folder: Path, name: str, needs: Needs) -> str:
        self._meanwhile()
        return super().start(folder, name, needs)


def test_what_is_cancelled_while_it_is_started_does_not_run_on(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(seconds=20), "a")])
    name = ledger.standings()[0].calculation_id
    who = Slow(lambda: service.cancel(ledger, Local(), name, reason="no longer wanted"))
    assert not service.submit(ledger, who, CAPS).moved
    assert ledger.standing(name).state is State.REJECTED
    wait_until(lambda: not processes_in(next(ledger.folder.glob("??/*-1"))))


class Refuses:
    """An executor that takes nothing."""

    name = "refuses"
    late_s = 0.0

    def start(self, folder: Path, name: str, needs: Needs) -> str:
        raise RefusedError("queue full: wait")

    def status(self, folder: Path, name: str, reference: str | None) -> Status:
        raise RefusedError("no answer: wait")

    def stop(self, folder: Path, name: str, reference: str | None) -> None:
        return


def test_a_queue_that_refuses_ends_in_a_named_state_and_the_rest_goes_on(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(), "a")])
    tick = service.submit(ledger, Refuses(), CAPS)
    assert tick.troubles == ["queue full: wait"]
    assert states(ledger) == ["proposed", "submitted", "plumbing_failed"]
    run(ledger)
    assert service.collect(ledger)["state"].to_list() == ["accepted"]


def test_the_machine_of_each_attempt_is_on_record_and_another_is_not_judged_from_here(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(), "a"), (rehearsal(2.0, seconds=20), "a")])
    service.submit(ledger, Local(), CAPS)
    here, slow = os.uname().nodename, ledger.standings()[1].calculation_id
    folder = next(ledger.folder.glob(f"??/{slow}-1"))
    wait_until((folder / "claim").exists)
    own = (folder / "claim").read_text()
    (folder / "claim").write_text(own.replace(here, "elsewhere"))
    wait_until(lambda: bool(service.poll(ledger, Local(), CAPS) and ledger.standings(State.ACCEPTED)))
    tick = service.poll(ledger, Local(), CAPS)
    assert tick.troubles == [f"attempt {slow}-1 runs on elsewhere: poll from there"]
    assert ledger.table("hosts")["host"].to_list() == [here]
    assert json.loads(service.collect(ledger)["provenance"][0])["host"] == here
    (folder / "claim").write_text(own)
    service.cancel(ledger, Local(), slow, reason="enough")


class Ends(Local):
    """An executor whose attempts end at once in the state it is told."""

    name = "ends"

    def __init__(self, status: Status, *, code: int | None = None, late_s: float = 0.0) -> None:
        self._status, self._code, self.late_s = status, code, late_s

    def start(self, folder: Path, name: str, needs: Needs) -> str:
        if self._code is not None:
            (folder / "exit").write_text(str(self._code))
        return name

    def status(self, folder: Path, name: str, reference: str | None) -> Status:
        return self._status


def test_a_job_that_the_queue_kills_for_memory_is_tried_with_fewer_ranks(ledger: Ledger) -> None:
    asked = Calculation(engine="gpaw", settings={"ranks": 4}, structure=ATOMS.as_json())
    service.ask(ledger, [(asked, "a")])
    who = Ends(Status.STARVED)
    service.submit(ledger, who, CAPS)
    service.poll(ledger, who, CAPS)
    tried = [json.loads(text)["ranks"] for text in ledger.table("attempts").sort("attempt")["settings"]]
    assert tried == [4, 1]
    service.poll(ledger, who, CAPS)
    assert service.dead_letters(ledger, service.Caps(attempts=2))["reason"].to_list() == [
        "killed by the queue for want of memory: it is tried again with fewer ranks"
    ]


def test_a_result_that_appears_late_is_waited_for_and_not_calculated_twice(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(), "a")])
    who = Ends(Status.ENDED, code=0, late_s=60.0)
    service.submit(ledger, who, CAPS)
    assert not service.poll(ledger, who, CAPS).moved, "the exit code is here, the result on its way"
    folder = next(ledger.folder.glob("??/*-1"))
    (folder / "answer.json").rename(folder / "result.json")
    service.poll(ledger, who, CAPS)
    assert service.collect(ledger)["gap_eV"].to_list() == [1.0]
    assert ledger.table("attempts").height == 1


@pytest.mark.parametrize("jump_s", [-7200.0, 0.0, 7200.0])
def test_a_clock_that_jumps_ends_the_wait_or_starts_it_anew(
    tmp_path: Path, jump_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = time.time()
    assert not executors.settled(tmp_path, 60.0)
    for passed, settled in ((30.0, jump_s > 0), (59.0, jump_s > 0), (95.0, True)):
        monkeypatch.setattr(executors.time, "time", lambda now=start + jump_s + passed: now)
        assert executors.settled(tmp_path, 60.0) is settled


@pytest.mark.parametrize(
    ("state", "first", "later"),
    [
        ("COMPLETED", Status.RUNNING, Status.LOST),
        ("CANCELLED", Status.LOST, Status.LOST),
        ("NODE_FAIL", Status.LOST, Status.LOST),
        ("OUT_OF_MEMORY", Status.STARVED, Status.STARVED),
        ("PENDING", Status.QUEUED, Status.QUEUED),
    ],
)
def test_slurm_is_believed_about_its_jobs_but_given_time_for_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, first: Status, later: Status
) -> None:
    tool, folder = tmp_path / "bin" / "scontrol", tmp_path / "job"
    for made in (tool.parent, folder):
        made.mkdir()
    tool.write_text(f"#!/bin/sh\necho JobId=7 JobState={state} Reason=None\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    (folder / "claim").write_text("1 1 node")
    assert executors.Slurm(late_s=60.0).status(folder, "a-1", "7") is first
    assert executors.Slurm(late_s=0.0).status(folder, "a-1", "7") is later
    (folder / "exit").write_text("0")
    assert executors.Slurm().status(folder, "a-1", "7") is Status.ENDED


def test_slurm_is_told_time_ranks_and_what_a_person_adds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster_project import calculations

    for name, text in (("squeue", ""), ("sbatch", 'echo "$@" > "$(dirname "$0")/asked"; echo 11')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("MATLOOM_SLURM_OPTIONS", "--partition=long --comment='two words'")
    executor = calculations.executor("slurm")
    assert executor.start(tmp_path / "job", "a-1", Needs(seconds=3600, ranks=4)) == "11"
    asked = (tmp_path / "asked").read_text()
    assert "--time=61 --ntasks=4 --partition=long --comment=two words" in asked
    monkeypatch.setenv("MATLOOM_SLURM_OPTIONS", "--comment='never closed")
    with pytest.raises(InputError, match="MATLOOM_SLURM_OPTIONS"):
        calculations.executor("slurm")


def test_a_full_disk_is_plumbing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    service.ask(ledger, [(rehearsal(), "a")])
    with monkeypatch.context() as patched:
        patched.setattr(executors.Path, "write_text", full)
        service.submit(ledger, Local(), CAPS)
    assert states(ledger)[-1] == "plumbing_failed"
    run(ledger)
    assert service.collect(ledger)["state"].to_list() == ["accepted"]


def test_a_calculation_that_no_input_can_be_made_of_fails_and_the_rest_goes_on(ledger: Ledger) -> None:
    odd = {"values": {"gap_eV": float("nan")}}
    bad = Calculation(engine="recorded", settings=odd, structure=ATOMS.as_json(), label="bad")
    ledger.ask([(bad, "a"), (rehearsal(), "a")])
    run(ledger)
    found = service.collect(ledger)
    assert found["state"].to_list() == ["calculation_failed", "accepted"]
    assert "no input can be written" in found["reason"][0]


def test_of_two_processes_that_decide_on_the_same_attempt_one_does(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(), "a")])
    before = ledger.standings()[0]
    assert ledger.begin(before, {}, executor="local") is not None
    assert ledger.begin(before, {}, executor="local") is None
    assert not ledger.move(before, State.REJECTED)


def test_two_processes_together_take_no_more_room_than_there_is(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(float(k)), "a") for k in range(2)])
    first, second = ledger.standings()
    assert ledger.begin(first, {}, executor="local", most=1) is not None
    assert ledger.begin(second, {}, executor="local", most=1) is None
    assert ledger.begin(second, {}, executor="local", most=2) is not None


def test_attempts_of_another_executor_are_told(ledger: Ledger) -> None:
    service.ask(ledger, [(rehearsal(), "a")])
    ledger.begin(ledger.standings()[0], {}, executor="slurm")
    assert service.poll(ledger, Local(), CAPS).troubles == ["1 attempts are run by slurm: poll with that executor"]


def test_hours_in_a_queue_are_not_spent(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(f"2026-01-01T{hour:02}:00:00+00:00" for hour in range(24))
    monkeypatch.setattr(module, "_now", lambda: next(clock))
    service.ask(ledger, [(rehearsal(), "a")])  # two times: of the ask and its event
    name = ledger.standings()[0].calculation_id
    ledger.begin(ledger.standing(name), {}, executor="slurm")
    assert ledger.hours() == 0.0
    ledger.move(ledger.standing(name), State.RUNNING)
    ledger.move(ledger.standing(name), State.CALCULATION_FAILED)
    assert ledger.hours() == pytest.approx(1.0)


def test_a_clock_that_is_set_back_takes_no_hours_away(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(
        f"2026-01-{day:02}T{hour:02}:00:00+00:00" for day, hour in ((3, 0), (3, 0), (3, 0), (3, 0), (3, 2), (1, 0))
    )
    monkeypatch.setattr(module, "_now", lambda: next(clock))
    service.ask(ledger, [(rehearsal(), "a")])
    name = ledger.standings()[0].calculation_id
    ledger.begin(ledger.standing(name), {}, executor="local")
    ledger.move(ledger.standing(name), State.RUNNING)
    ledger.move(ledger.standing(name), State.CALCULATION_FAILED)
    monkeypatch.undo()
    assert ledger.hours() == 0.0


@pytest.mark.parametrize("jump_h", [-30, 30])
def test_an_attempt_that_was_never_started_is_started_whatever_the_clock_does_meanwhile(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, jump_h: int
) -> None:
    service.ask(ledger, [(rehearsal(), "a")])
    with monkeypatch.context() as patched:
        then = (datetime.now(UTC) - timedelta(hours=jump_h)).isoformat()
        patched.setattr(module, "_now", lambda: then)
        ledger.begin(ledger.standings()[0], rehearsal().settings, executor="local")  # and killed before the start
    run(ledger)
    assert service.collect(ledger)["gap_eV"].to_list() == [1.0]


def test_what_an_engine_refuses_is_not_queued(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="unknown setting colour"):
        service.ask(ledger, [(rehearsal(), "a"), (rehearsal(colour="red"), "a")])
    with pytest.raises(InputError, match="no engine 'none'"):
        service.ask(ledger, [(Calculation(engine="none", settings={}, structure=ATOMS.as_json()), "a")])
    assert ledger.standings() == []


def test_structures_that_are_none_are_refused() -> None:
    near = Atoms(lattice=np.eye(3) * 4, symbols=("V", "O"), coords=np.array([[0, 0, 0], [0, 0, 0.99]]))
    with pytest.raises(InputError, match=r"V and O 0\.04 angstrom apart"):
        common.check_atoms(near, frozenset({"V", "O"}))
    with pytest.raises(InputError, match="no data for Og"):
        common.check_atoms(Atoms(lattice=np.eye(3), symbols=("Og",), coords=np.zeros((1, 3))), frozenset({"V"}))
    short = Atoms(lattice=np.diag([0.5, 4, 4]), symbols=("V",), coords=np.zeros((1, 3)))
    with pytest.raises(InputError, match=r"V and V 0\.50 angstrom apart"):
        common.check_atoms(short, frozenset({"V"}))
    flat = Atoms(lattice=np.diag([4.0, 4, 0]), symbols=("V",), coords=np.zeros((1, 3)))
    with pytest.raises(InputError, match="without volume"):
        common.check_atoms(flat, frozenset({"V"}))


@pytest.mark.parametrize(
    ("code", "said", "expected"),
    [
        (124, "", "time"),
        (137, "", "killed"),
        (1, "OSError: [Errno 28] No space left on device", "disk"),
        (1, "numpy.core._exceptions.MemoryError", "memory"),
        (137, f"Killed\n{executors.OUT_OF_MEMORY}\n", "memory"),
        (1, "slurmstepd: error: Detected 1 oom_kill event in StepId=7.batch.", "memory"),
        (127, "", "missing"),
        (1, "ValueError: x", "crashed"),
    ],
)
def test_a_process_that_left_no_result_is_told_by_its_exit_code_and_last_words(
    tmp_path: Path, code: int, said: str, expected: str
) -> None:
    (tmp_path / "stderr").write_text(said)
    failure = common.read_result(tmp_path, code).failure
    assert failure is not None
    assert failure.code == expected


def test_half_a_result_is_plumbing(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"values": {"gap')
    failure = common.read_result(tmp_path, 0).failure
    assert failure is not None
    assert failure.plumbing


@pytest.mark.parametrize(
    "body",
    ["[]", "null", "{}", '{"values": {"gap_eV": "x"}}', '{"values": {"gap_eV": NaN}}', '{"failure": {"code": "scf"}}',
     '{"values": null}', '{"values": {"gap_eV": 1}, "provenance": 5}'],
)  # fmt: skip
def test_a_result_that_means_nothing_fails_its_calculation_alone(tmp_path: Path, body: str) -> None:
    (tmp_path / "result.json").write_text(body)
    found = common.read_result(tmp_path, 0)
    assert found.failure is not None
    assert (found.failure.code, found.values) == ("crashed", {})
    assert "result.json is not what a runner writes" in found.failure.reason


def test_a_damaged_ledger_is_said(tmp_path: Path) -> None:
    (tmp_path / "calculations.sqlite").write_bytes(b"no database, but long enough to be looked at" * 50)
    with pytest.raises(LedgerError, match="nothing was changed"):
        Ledger(tmp_path)
