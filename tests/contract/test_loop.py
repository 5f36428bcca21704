"""A screening family becomes a problem whose candidates the loop can calculate."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dagster_project import calculations
from dagster_project.cli import app
from dagster_project.settings import Settings
from models.design import candidates as candidates_of
from models.design.campaigns import usual
from models.evaluators import campaign
from models.evaluators.ledger import Ledger
from models.screening import families
from schemas import problem
from tests.servers import screened
from warehouse.store import Store

WRONG = """
name: wrong
title: Wrong
variables: [{name: A, levels: [Al, Si]}, {name: B, levels: [C, N]}]
objectives: [{name: gap_eV, direction: max, unit: eV}]
evaluator: {kind: recorded, TABLE}
budget: {initial: 2, total: 3, batch: 1}
"""
RECIPE = "{name: r, title: t, engine: gpaw, reasons: {all: a test}}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return screened.home(tmp_path_factory.mktemp("home"))


def asked(home: Path, tmp_path: Path, *, family: str, out: str = "f.yaml") -> list[str]:
    (tmp_path / "r.yaml").write_text(RECIPE)
    words = ["design", "family", family, "--recipe", str(tmp_path / "r.yaml"), "--objectives", "max:gap_eV"]
    return [*words, "--grouping", "prototype", "--home", str(home), "--out", str(tmp_path / out), "--json"]


def test_a_family_of_the_screen_becomes_a_problem_that_can_be_calculated(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = CliRunner().invoke(app, asked(home, tmp_path, family="perovskite Pnma"))
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["candidates"] == 4
    made = problem.load(str(tmp_path / "f.yaml"))
    frame = candidates_of(made)
    assert sorted(frame["formula"]) == ["LaMnO3", "LaTiO3", "NdNiO3", "SmNiO3"]
    assert (made.objectives[0].unit, usual(made)) == ("eV", "lvgp-descriptor")
    monkeypatch.setenv("MATLOOM_PROBLEMS", str(tmp_path / "f.yaml"))
    store, rows = Store(home), campaign.candidate_rows(made, frame)
    settings = Settings(home=tmp_path / "other", executor="local")
    evaluator = calculations.evaluators(settings, store.read("core.structures"), rows)[made.name]
    evaluator.submit("b", frame.to_dicts())
    labels = Ledger(calculations.folder(settings.home)).table("calculations")["label"]
    assert sorted(labels) == sorted(frame["formula"])


@pytest.mark.parametrize("grouping", families.GROUPINGS)
def test_every_grouping_of_the_screen_may_make_a_problem(home: Path, tmp_path: Path, grouping: str) -> None:
    words = [w if w != "prototype" else grouping for w in asked(home, tmp_path, family="no such family")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "0 compounds with a structure in family no such family" in done.stderr


@pytest.mark.parametrize("motif", ["layered A2BO4", "lacunar spinel AM4X8"])
def test_a_family_by_motif_has_the_compounds_of_that_kind(home: Path, tmp_path: Path, motif: str) -> None:
    words = [w if w != "prototype" else "motif" for w in asked(home, tmp_path, family=motif)]
    done = CliRunner().invoke(app, words)
    # Ba2CoO4 and Ba2CrO4; GaV4S8 and GaMo4S8: too few for a problem, but found
    assert f"2 compounds with a structure in family {motif}" in done.stderr


@pytest.mark.parametrize("text", ["table: no_such_table", "table: max_phases, options: {seconds: 1}"])
def test_a_problem_that_its_table_cannot_answer_ends_the_loop_at_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.delenv(problem.CHOSEN, raising=False)
    (tmp_path / "wrong.yaml").write_text(WRONG.replace("TABLE", text))
    words = ["design", "loop", str(tmp_path / "wrong.yaml"), "--executor", "local", "--home", str(tmp_path / "home")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "home" / "tables").exists(), "no run was made"
    assert problem.CHOSEN not in os.environ, "what is refused changes nothing for others"


@pytest.mark.parametrize(
    ("family", "out", "said"),
    [
        ("no such family", "f.yaml", "0 compounds with a structure"),
        ("it's one", "f.yaml", "0 compounds with a structure"),
        ("perovskite Pnma", "f.csv", "neither .yaml nor .yml"),
    ],
)
def test_what_makes_no_problem_is_said_in_one_line(
    home: Path, tmp_path: Path, family: str, out: str, said: str
) -> None:
    done = CliRunner().invoke(app, asked(home, tmp_path, family=family, out=out))
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert not (tmp_path / out).exists()
