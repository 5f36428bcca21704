"""What the loop around a calculation costs, and whether a long campaign survives 40 kills."""

import importlib.util
import resource
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from models.evaluators import service
from models.evaluators.calculations import Atoms, Calculation
from models.evaluators.executors import Local
from models.evaluators.ledger import Ledger
from models.evaluators.states import FINAL, State

COUNT = 1000
ATOMS = Atoms(lattice=np.eye(3) * 4.2, symbols=("Ni", "O"), coords=np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]))


def cpu_s() -> float:
    """CPU time of this process and of all it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def test_a_thousand_recorded_calculations_pass_the_loop_in_minutes(tmp_path: Path) -> None:
    ledger, executor, caps = Ledger(tmp_path), Local(), service.Caps(running=16, hours=0.1)
    asked = [
        Calculation(
            engine="recorded", settings={"values": {"gap_eV": k / 100}}, structure=ATOMS.as_json(), label=str(k)
        )
        for k in range(COUNT)
    ]
    start, before = time.perf_counter(), cpu_s()
    service.ask(ledger, [(c, "bench") for c in asked])
    for _ in service.ticks(ledger, executor, caps, pause_s=0.01):
        continue
    wall, cpu = time.perf_counter() - start, cpu_s() - before
    print(f"{COUNT} calculations: {wall:.0f} s wall, {1000 * cpu / COUNT:.0f} ms CPU each (asked: 300 s, 2000 ms)")
    assert len(ledger.standings(State.ACCEPTED)) == COUNT
    assert wall < 300
    assert cpu / COUNT < 2.0


def faults() -> ModuleType:
    """The fault test, whose campaign is run here at full length."""
    path = Path(__file__).parents[1] / "faults" / "test_calculations.py"
    spec = importlib.util.spec_from_file_location("campaign_of_faults", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.mark.parametrize("seed", [0, 1])
def test_two_hundred_calculations_survive_forty_kills(tmp_path: Path, seed: int) -> None:
    campaign = faults()
    ledger = campaign.campaign(tmp_path.resolve(), count=200, kills=40, seed=seed)
    campaign.check(ledger, 200)
    done = campaign.finished(ledger)
    assert done.is_unique().all(), "none ran to its end twice"
    attempts = ledger.table("attempts").height
    print(f"seed {seed}: {len(ledger.standings(*FINAL))} in one terminal state each, {attempts} attempts")
