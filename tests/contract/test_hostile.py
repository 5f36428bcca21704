"""Odd but likely tables at the doors of models: a typing error costs its own row, and what is no sense is refused."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from dagster_project.cli import app
from models.recipes.table import normalise

ROWS: dict[str, list[Any]] = {
    "A": ["x", "y", "z"] * 4,
    "x": [float(i) for i in range(12)],
    "typed": ["n/a", *map(str, range(11))],
    "y": [float(i * i % 7) for i in range(12)],
    "sd": [-0.1, *[0.1] * 11],
}


def told(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(w) for w in words])
    return done.exit_code, done.stderr


def table(folder: Path) -> Path:
    pl.DataFrame(ROWS).write_csv(folder / "in.csv")
    return folder / "in.csv"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--categorical A --inputs typed --target y", "'n/a' among the numbers of typed in the inputs: mend it"),
        ("--categorical A --inputs y --target y", "the target y in the inputs: leave it out"),
        ("--categorical A --target y --noise sd", "no deviation (-0.1) in column sd: give a number from 0 on"),
        ("--categorical A --target y --noise typed", "no deviation (n/a) in column typed: give a number from 0 on"),
    ],
)
def test_a_model_refuses_inputs_that_make_no_sense(words: str, said: str, tmp_path: Path) -> None:
    code, err = told("model", "fit", table(tmp_path), *words.split(), "--out", tmp_path / "made")
    assert (code, err.startswith(f"error: {said}")) == (2, True), err
    assert not (tmp_path / "made").exists()


def test_another_seed_or_noise_is_another_model(tmp_path: Path) -> None:
    asked = ("model", "fit", table(tmp_path), "--categorical", "A", "--target", "y", "--kind", "forest", "--json")
    made = [
        json.loads(CliRunner().invoke(app, [*map(str, asked), "--out", str(tmp_path / str(n)), *more]).stdout)
        for n, more in enumerate([[], ["--seed", "1"], ["--noise", "x"], []])
    ]
    names = [m["model_id"] for m in made]
    assert len(set(names)) == 3
    assert names[0] == names[3]


@pytest.mark.parametrize(
    "words",
    [
        ["recommend", "TiO2", "--hull", "nan"],
        ["predict", "in.csv", "--out", "x.csv", "--samples", "2", "--samples-out", "x.csv"],
    ],
)
def test_recipes_refuse_what_is_no_number_and_two_tables_in_one_file(words: list[str]) -> None:
    code, err = told("recipes", *words)
    assert (code, err.startswith("error: ")) == (2, True), err
    assert "no such file" not in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--variables A,y --objectives max:y", "the objective y in --variables: leave it out"),
        ("--variables A --objectives max:y,min:y", "objective y twice in --objectives: leave one out"),
    ],
)
def test_an_objective_is_named_once_and_is_no_variable(words: str, said: str, tmp_path: Path) -> None:
    code, err = told("design", "simulate", table(tmp_path), *words.split(), "--out", tmp_path / "out.csv")
    assert (code, said in err) == (2, True), err


def test_a_name_given_twice_counts_once(tmp_path: Path) -> None:
    asked = "--variables A,A --objectives max:y --init 2 --budget 3 --seeds 1 --strategy random --workers 1"
    assert told("design", "simulate", table(tmp_path), *asked.split(), "--out", tmp_path / "out.csv")[0] == 0


def test_inducing_points_need_no_levels(tmp_path: Path) -> None:
    fitted = ("--inputs", "x", "--target", "y", "--kind", "lvgp-svi", "--out", tmp_path / "made")
    assert told("model", "fit", table(tmp_path), *fitted)[0] == 0
    asked = (tmp_path / "made", tmp_path / "in.csv", "--out", tmp_path / "out.csv")
    assert told("model", "predict", *asked)[0] == 0
    assert pl.read_csv(tmp_path / "out.csv")["mean"].is_finite().all()


def test_one_text_among_numbers_costs_its_row_alone(tmp_path: Path) -> None:
    fitted = ("--categorical", "A", "--inputs", "x", "--target", "y", "--kind", "forest", "--out", tmp_path / "made")
    assert told("model", "fit", table(tmp_path), *fitted)[0] == 0
    (tmp_path / "ask.csv").write_text("A,x\nx,1\nx,abc\nnew,1\n")
    assert told("model", "predict", tmp_path / "made", tmp_path / "ask.csv", "--out", tmp_path / "out.csv")[0] == 0
    found = pl.read_csv(tmp_path / "out.csv")
    assert found["x"].to_list() == ["1", "abc", "1"]
    assert found["ok"].to_list() == [True, False, False]
    assert found["reason"].to_list() == [None, "no number in x", "unknown level 'new' of A"]


@pytest.mark.parametrize(
    ("features", "said"),
    [("A", "no number in column A in --features"), ("x,y", "y, which features should tell, in --features")],
)
@pytest.mark.parametrize("words", ["etal --group A --value y", "prune --target y"])
def test_features_hold_numbers_and_not_what_they_should_tell(
    words: str, features: str, said: str, tmp_path: Path
) -> None:
    asked = (words.split()[0], table(tmp_path), *words.split()[1:], "--features", features)
    code, err = told("quality", *asked, "--out", tmp_path / "out.csv")
    assert (code, said in err) == (2, True), err


def test_a_blank_route_is_a_missing_one() -> None:
    recipes = pl.DataFrame({"target": ["TiO2", "VO2", "NiO"], "route": [" ", "Sol Gel ", None]})
    assert normalise(recipes).frame["route"].to_list() == [None, "sol-gel", None]
