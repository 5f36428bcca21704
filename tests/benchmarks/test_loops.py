"""Closed loops that nobody attends: what latency and failures cost, and real engines for five generations and more.

(a) The widest gap of ABO3-270, 12 initial evaluations, four calculations at once, each of up to ten ticks: evaluations,
repeated attempts included, until the optimum is observed, with one attempt in ten failing and with none; 144 at most,
which is also what a loop counts that never observed it. Time is counted in ticks, so that the machine has no part in
it; ledger, service and remedies are the real ones. Measured, seeds 0-39, reached in 39 and 40: means 28.3 and 29.9,
medians 25 and 23.5, 1.06 (0.91-1.23) times as many; seeds 0-19, which are run here, 0.97 (0.80-1.20). The repeated
attempts themselves should make 1.1. Two CPU minutes.
(b) CHGNet and (c) GPAW under SLURM on this machine, where they are installed: `make loops`.
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from etl.reference import recorded
from models.design import candidates as candidates_of
from models.evaluators import campaign, rounds, service
from models.evaluators.executors import EXIT, Needs, Status
from models.evaluators.ledger import Ledger
from models.evaluators.rehearsed import Rehearsed
from schemas import problem as problems
from schemas.emit.polars import schema
from schemas.problem import DesignProblem
from schemas.tables import REGISTRY
from tests.servers import slurm
from tests.servers.engines import has

ROOT = Path(__file__).parents[2]
LOOPS = problems.FOLDER / "loops"
AT = datetime(2026, 1, 1, tzinfo=UTC)
SEEDS = range(int(os.environ.get("MATLOOM_LOOP_SEEDS", "20")))
TICKS, RUNNING, MOST = 10, 4, 144


class Ticking:
    """An executor without processes: an attempt takes as many ticks as its calculation has seconds."""

    name = "ticking"
    late_s = 0.0

    def __init__(self) -> None:
        self.now, self._ends = 0, dict[str, float]()

    def start(self, folder: Path, name: str, needs: Needs) -> str:
        """Notes when the attempt will end."""
        told = json.loads((folder / "input.json").read_text("utf-8"))
        self._ends[name] = self.now + told["seconds"]
        return name

    def status(self, folder: Path, name: str, reference: str | None) -> Status:
        """Lets the attempt end when its time has come."""
        if self._ends[name] > self.now:
            return Status.RUNNING
        if not (folder / EXIT).exists():
            (folder / "answer.json").rename(folder / "result.json")
            (folder / EXIT).write_text("0")
        return Status.ENDED

    def stop(self, folder: Path, name: str, reference: str | None) -> None:
        """Nothing runs."""


def asked(failing: float, seed: int) -> DesignProblem:
    """The problem of the rehearsal with these failures."""
    shipped = problems.load(str(LOOPS / "rehearsal.yaml"))
    evaluator = shipped.evaluator.model_copy(update={"options": {"seconds": TICKS, "failing": failing, "seed": seed}})
    budget = shipped.budget.model_copy(update={"total": MOST, "batch": RUNNING, "patience": None})
    return shipped.model_copy(update={"evaluator": evaluator, "budget": budget})


def attempts(folder: Path, *, failing: float, seed: int) -> tuple[float, int]:
    """Attempts until the optimum is observed, infinite where all were not enough; and generations."""
    problem, ledger, executor = asked(failing, seed), Ledger(folder), Ticking()
    caps = service.Caps(running=RUNNING)
    table = rounds.recorded(problem, recorded())
    evaluator = Rehearsed(table, ledger=ledger, options=problem.evaluator.options)
    best = recorded()[str(problem.evaluator.table)]["gap_eV"].max()
    candidates = campaign.candidate_rows(problem, candidates_of(problem))
    proposals, observed = (pl.DataFrame(schema=schema(REGISTRY[f"design.{n}"])) for n in ("proposals", "observations"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(problems, "worked_on", lambda: [problem])
        while observed.height < MOST:
            made = rounds.propose(candidates, observed, proposals, seed=1000 * seed, at=AT)
            proposals = pl.concat([proposals, made["design.proposals"]])
            known = observed.height
            while observed.height == known:
                evaluators = {problem.name: evaluator}
                found = rounds.evaluate(proposals, observed, tables={}, evaluators=evaluators, at=AT)
                observed = pl.concat([observed, found["design.observations"]])
                service.submit(ledger, executor, caps)
                executor.now += 1
                service.poll(ledger, executor, caps)
                if not any(proposals["candidate_id"].is_in(observed["candidate_id"].to_list()).not_()):
                    break
            if any(json.loads(o).get("gap_eV") == best for o in observed["objectives"]):
                return ledger.table("attempts").height, proposals["iteration"].n_unique()
    return np.inf, proposals["iteration"].n_unique()


def test_one_failure_in_ten_costs_less_than_a_fifth_more_evaluations(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    counts = {
        share: [attempts(tmp_path_factory.mktemp("loop"), failing=share, seed=s) for s in SEEDS] for share in (0.0, 0.1)
    }
    without, failing = (np.array([n for n, _ in counts[share]]) for share in (0.0, 0.1))
    print(f"without failures {without.tolist()}, with one in ten {failing.tolist()}")
    print(f"reached: {np.isfinite(without).sum()} and {np.isfinite(failing).sum()} of {len(SEEDS)}")
    capped = [np.minimum(found, MOST) for found in (without, failing)]
    ratio = capped[1].mean() / capped[0].mean()
    chance = np.random.default_rng(0)
    again = [chance.integers(0, len(without), len(without)) for _ in range(2000)]
    low, high = np.percentile([capped[1][i].mean() / capped[0][i].mean() for i in again], [2.5, 97.5])
    print(f"means {capped[0].mean():.1f} and {capped[1].mean():.1f}: {ratio:.2f} ({low:.2f}-{high:.2f}) times as many")
    assert np.median([g for found in counts.values() for _, g in found]) >= 5, "five generations and more"
    assert ratio <= 1.2


def loop(home: Path, name: str, *options: str, environment: dict[str, str]) -> dict[str, Any]:
    """Runs the shipped loop of that name to its end; what it says is printed."""
    asked = [Path(sys.executable).with_name("matloom"), "design", "loop", str(LOOPS / f"{name}.yaml"), "--json"]
    done = subprocess.run(
        [*asked, "--home", str(home), *options],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stderr + done.stdout)
    assert done.returncode == 0
    found: dict[str, Any] = json.loads(done.stdout)["problems"][name]
    return found


@has("MATLOOM_CHGNET_PYTHON", "chgnet")
def test_chgnet_runs_for_five_generations_unattended(tmp_path: Path) -> None:
    end = loop(tmp_path, "perovskites_chgnet", "--executor", "local", environment={})
    assert end["generations"] >= 5
    assert (end["waiting"], end["next"][:14]) == (0, "the loop ended")


@has("MATLOOM_GPAW_PYTHON", "gpaw")
@pytest.mark.skipif(slurm.missing() is not None, reason=f"no SLURM: {slurm.missing()}")
def test_gpaw_under_slurm_runs_for_five_generations_unattended(tmp_path: Path) -> None:
    with slurm.cluster(tmp_path / "slurm") as made:
        environment = {"SLURM_CONF": str(made.conf)}
        end = loop(tmp_path / "home", "rock_salt_gpaw", "--executor", "slurm", environment=environment)
    assert end["generations"] >= 5
    assert (end["waiting"], end["next"][:14]) == (0, "the loop ended")
