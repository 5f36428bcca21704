"""The closed loop, unattended, with latency and failures, killed on the way."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dagster_project import calculations
from etl.reference import recorded
from models.evaluators.ledger import Ledger
from warehouse import catalog
from warehouse.query import query
from warehouse.store import Store

ROOT = Path(__file__).resolve().parents[2]
TOY = """
name: toy
title: Toy
formula: "{M}2{A}{X}"
variables:
  - {name: M, levels: [Ti, V]}
  - {name: A, levels: [Al, Si]}
  - {name: X, levels: [C, N]}
objectives: [{name: bulk_GPa, direction: max, unit: GPa}]
evaluator: {kind: recorded, table: max_phases, options: {seconds: 0.2, failing: 0.3, seed: 1}}
budget: {initial: 3, total: 5, batch: 1}
"""


def started(home: Path, problem: Path) -> "subprocess.Popen[str]":
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MATLOOM_")}
    asked = ["design", "loop", str(problem), "--executor", "local", "--running", "2", "--home", str(home), "--json"]
    return subprocess.Popen(
        [Path(sys.executable).with_name("matloom"), *asked],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """A loop that was killed once its first calculations were asked for, and started again."""
    folder = tmp_path_factory.mktemp("loop")
    home, problem = folder / "home", folder / "toy.yaml"
    problem.write_text(TOY)
    first = started(home, problem)
    ledger = calculations.folder(home) / "calculations.sqlite"
    while not (ledger.is_file() and Ledger(ledger.parent).table("attempts").height):
        assert first.poll() is None, first.communicate()
        time.sleep(0.05)
    first.kill()
    first.communicate()
    second = started(home, problem)
    told, said = second.communicate(timeout=900)
    assert second.returncode == 0, said
    return home, json.loads(told), said


@pytest.mark.slow
def test_the_loop_goes_on_where_it_was_killed_and_ends_by_itself(
    finished: tuple[Path, dict[str, Any], str],
) -> None:
    home, told, said = finished
    end = told["problems"]["toy"]
    assert (end["accepted"], end["waiting"]) == (5, 0)
    assert end["next"] == "the loop ended: the budget of 5 evaluations is spent"
    assert end["generations"] >= 3
    assert said.count("came back:") == end["generations"]
    ledger = Ledger(calculations.folder(home))
    assert ledger.table("calculations").height == 5
    assert ledger.table("attempts").height > 5, "some attempts failed and were tried again"


@pytest.mark.slow
def test_what_it_found_is_in_the_published_tables(finished: tuple[Path, dict[str, Any], str]) -> None:
    home, *_ = finished
    table = {f"{m}2{a}{x}": bulk for m, a, x, bulk in recorded()["max_phases"]["M", "A", "X", "bulk_GPa"].rows()}
    found = query(
        home,
        "select c.formula, cast(o.objectives ->> 'bulk_GPa' as double) from design.observations o"
        " join design.candidates c using (problem, candidate_id)",
    )
    assert dict(found.iter_rows()) == {formula: table[formula] for formula in found["formula"]}
    reports = query(home, "select report from design.generations order by iteration")["report"].to_list()
    assert all("asked" in r and "next: " in r for r in reports)
    assert catalog.verify(home) == []


@pytest.mark.slow
def test_started_again_it_changes_nothing(finished: tuple[Path, dict[str, Any], str], tmp_path: Path) -> None:
    home, *_ = finished
    problem = tmp_path / "toy.yaml"
    problem.write_text(TOY)
    store = Store(home)
    before = {t.name: store.version(t.name) for t in store.registry}
    again = started(home, problem)
    told, said = again.communicate(timeout=900)
    assert again.returncode == 0, said
    assert json.loads(told)["problems"]["toy"]["accepted"] == 5
    assert {t.name: store.version(t.name) for t in store.registry} == before
