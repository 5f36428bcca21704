"""Limits of outcomes: quantities told beside the objectives, within which alone a candidate is of use."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm
from typer.testing import CliRunner

from dagster_project.cli import app
from models.design import campaigns, candidates, goals, proposal, scoring, simulation
from models.evaluators import campaign, progress, rounds
from models.lvgp.encoding import of_frame
from schemas import problem as problems
from schemas.errors import InputError
from schemas.problem import Limit

AT = datetime(2026, 1, 1, tzinfo=UTC)
FRAME = pl.DataFrame([(a, b) for a in "uvwxyz" for b in "pqrs"], schema=["a", "b"], orient="row")
A, B = np.repeat(np.arange(6.0), 4), np.tile(np.arange(4.0), 6)
TABLE = FRAME.with_columns(y=pl.Series(A + B), toxic=pl.Series(np.where(A > 3, 9.0, A)))
GENTLE = goals.limits("toxic<=5")
BEST = 15  # a = x, b = s: of the rows within the limit that of the largest sum
MOST = ~np.isin(np.arange(24), [7, 11, BEST, 19, 23])  # all levels


def known(tried: np.ndarray, limits: tuple[Limit, ...] = GENTLE) -> proposal.Known:
    values = np.where(tried[:, None], TABLE.select("y", "toxic").to_numpy(), np.nan)
    encoding = of_frame(FRAME, inputs=("a", "b"), categorical=("a", "b"))
    wanted = goals.objectives("max:y")
    return proposal.Known(frame=FRAME, values=values, tried=tried, encoding=encoding, wanted=wanted, limits=limits)


def test_limits_are_written_as_inequalities() -> None:
    found = goals.limits("a<=1, b>=-2e-1,a>=0")
    assert [(f.name, f.low, f.high) for f in found] == [("a", 0.0, 1.0), ("b", -0.2, None)]
    assert goals.limits("") == ()
    for text in ("a", "a<1", "a<=soon", "a<=nan", "<=1", "a<=1.2.3", "a<=.", "a<=1e999"):
        with pytest.raises(InputError, match="write NAME<=NUMBER"):
            goals.limits(text)
    with pytest.raises(InputError, match="above its low and below its high"):
        goals.limits("a<=0,a>=1")
    with pytest.raises(InputError, match="two high limits of a"):
        goals.limits("a<=1,a<=5")


def test_the_chance_to_keep_limits_is_that_of_normals_in_each_member() -> None:
    limits = goals.limits("a<=1,a>=0,b>=2")
    means, deviations = np.array([[[0.5, 2.0]], [[3.0, 5.0]]]), np.array([[[1.0, 0.5]], [[1.0, 1.0]]])
    first = (norm.cdf(0.5) - norm.cdf(-0.5)) * 0.5
    second = (norm.cdf(-2) - norm.cdf(-3)) * norm.cdf(3)
    assert goals.chance_met(means, deviations, limits) == pytest.approx([(first + second) / 2])
    assert goals.log_chance_met(np.array([[[-40.0]]]), np.ones((1, 1, 1)), goals.limits("a>=0")) == pytest.approx(
        norm.logsf(40)
    )
    assert goals.chance_met(means, deviations, goals.limits("a<=0,a>=0,b>=2")).tolist() == [0.0]
    assert goals.met(np.array([[0.5, 2.0], [0.5, 1.9], [np.nan, 3.0]]), limits).tolist() == [True, False, False]


@pytest.mark.parametrize("name", [n for n, (_, low, _) in scoring.ACQUISITIONS.items() if low == 1])
def test_every_acquisition_finds_the_best_row_within_the_limit(name: str) -> None:
    found = proposal.propose(known(MOST), rules=proposal.Rules(acquisition=name))
    assert found["row"].to_list() == [BEST]
    assert found["p_feasible"][0] > 0.5
    assert found["mean_toxic"][0] == pytest.approx(3.0, abs=1.5)


def test_what_breaks_a_limit_is_no_incumbent() -> None:
    tried = np.arange(24) >= 16  # a = y and z: larger sums than any row within the limit has
    tried[[0, 5, 10]] = True
    found = proposal.propose(known(tried))
    assert found["row"][0] < 16
    assert found["remaining_improvement"][0] > 0


def test_before_any_row_is_of_use_the_likeliest_to_keep_the_limit_is_asked_for() -> None:
    tried = ~np.isin(np.arange(24), [3, 11, 23])  # (u, s) alone has A - B below -2.5
    asked = known(tried, goals.limits("toxic<=-2.5"))
    found = proposal.propose(replace(asked, values=np.where(tried, (A + B, A - B), np.nan).T))
    assert found["remaining_improvement"].null_count() == 1
    assert found["p_complete"].null_count() == 1, "no best yet that another could beat"
    assert found["row"].to_list() == [3]
    assert found["p_feasible"].null_count() == 0


def test_far_from_the_limits_the_nearest_rows_are_asked_for_wherever_they_stand() -> None:
    frame = pl.DataFrame({"n": np.arange(120.0)})
    far = frame["n"].to_numpy()
    tried = far < 8
    values = np.where(tried[:, None], np.column_stack([far, far]), np.nan)
    asked = proposal.Known(
        frame=frame,
        values=values,
        tried=tried,
        encoding=of_frame(frame, inputs=("n",), categorical=()),
        wanted=goals.objectives("max:y"),
        limits=goals.limits("toxic>=1e6"),
    )
    found = proposal.propose(asked, batch=2)
    assert found["p_feasible"].to_list() == [0.0, 0.0]
    assert (found["n"] > 103).all()  # the first 96 open rows end there


def test_beside_a_row_that_keeps_the_limits_for_sure_no_double_is_asked_for() -> None:
    draws = np.where(np.arange(3) < 2, 1.0, -np.inf)[None, :, None] * np.ones((4, 1, 1))
    bare, promise = np.zeros((0, 1)), np.array([1.0, 0.9, 0.1])
    weights = np.ones((1, 1))
    sight = scoring.Sight(
        draws=draws, told=bare, again=draws[:, :0], reference=np.zeros(1), weights=weights, promise=promise
    )
    assert scoring.keeping(sight, []).tolist() == promise.tolist()
    assert scoring.keeping(sight, [0]).tolist() == [0.0, 0.0, 0.0]
    assert scoring.keeping(replace(sight, draws=draws - np.inf), [0]).tolist() == promise.tolist()


def test_noisy_improvement_stands_where_no_known_row_keeps_the_limits_in_a_draw() -> None:
    draws, again = np.array([[[-np.inf], [1.0]], [[2.0], [3.0]]]), np.array([[[-np.inf]], [[0.4]]])
    told = np.array([[0.5]])
    sight = scoring.Sight(draws=draws, told=told, again=again, reference=np.zeros(1), weights=np.ones((1, 1)))
    assert scoring.noisy_improvement(sight, []) == pytest.approx([0.8, (0.5 + 2.6) / 2])


def test_a_loop_reaches_the_optimum_within_the_limits_and_counts_no_other() -> None:
    wanted = goals.objectives("max:y")
    plan = simulation.Plan(variables=("a", "b"), wanted=wanted, limits=GENTLE, init=6, budget=16, strategy="onehot")
    trace = simulation.simulate(TABLE, plan, seeds=(0, 1))
    assert simulation.summarise(trace, plan, TABLE)["reached"] == 2
    assert trace["best_y"].max() == 6.0  # of 8 without the limit
    assert trace.filter(pl.col("front_fraction") == 1.0).group_by("seed").len().height == 2
    assert trace["toxic"].null_count() == 0
    with pytest.raises(InputError, match="no row within the limits"):
        simulation.simulate(
            TABLE, simulation.Plan(variables=("a", "b"), wanted=wanted, limits=goals.limits("toxic>=10"))
        )


PROBLEM = """
name: gentle
title: Much, and not toxic
variables:
  - {name: a, levels: [u, v, w, x, y, z]}
  - {name: b, levels: [p, q, r, s]}
objectives: [{name: y, direction: max}]
limits: [{name: toxic, high: 5}]
evaluator: {kind: recorded, table: gentle}
budget: {initial: 6, total: 12, batch: 3}
"""


def test_a_problem_with_limits_is_worked_on_by_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = problems.parse(PROBLEM, where="gentle.yaml")
    monkeypatch.setattr(rounds, "asked_in", lambda rows: [asked])
    candidate_rows = campaign.candidate_rows(asked, candidates(asked))
    empty = {name: pl.DataFrame(schema=campaign.schema(campaign.REGISTRY[f"design.{name}"])) for name in ("proposals",)}
    proposed, observed = empty["proposals"], pl.DataFrame(schema=campaign.OBSERVATIONS)
    for _ in range(3):
        made = rounds.propose(candidate_rows, observed, proposed, seed=0, at=AT)["design.proposals"]
        proposed = pl.concat([proposed, made])
        done = rounds.evaluate(proposed, observed, candidate_rows, tables={"gentle": TABLE}, at=AT)
        observed = pl.concat([observed, done["design.observations"]])
    assert observed.height == 12
    assert set(json.loads(observed["objectives"][0])) == {"toxic", "y"}
    front = rounds.fronts(observed, candidate_rows)["design.fronts"]
    best = max(a + b for a, b in zip(A, B, strict=True) if a <= 3)
    last = list(progress.steps(asked, observed).values())[-1]
    assert last.best["y"] == json.loads(front["objectives"][0])["y"] <= best
    assert all(name.split("|")[0] in "uvwx" for name in (*last.front, *front["candidate_id"]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("{name: toxic, high: 5}", "{name: toxic}"), "needs low, high or both"),
        (("high: 5", "low: 6, high: 5"), "contradictory"),
        (("high: 5", "high: 5, unit: furlong"), "unknown unit"),
        (("{name: toxic,", "{name: y,"), "used twice"),
        (("high: 5", "most: 3.5"), "most"),
    ],
)
def test_a_bad_limit_is_explained(change: tuple[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        problems.parse(PROBLEM.replace(*change), where="gentle.yaml")


def test_the_commands_take_limits(tmp_path: Path) -> None:
    path, seen, out = tmp_path / "gentle.yaml", tmp_path / "seen.csv", tmp_path / "out.csv"
    path.write_text(PROBLEM)
    TABLE.filter(pl.Series(MOST)).write_csv(seen)
    words = ["design", "propose", str(path), "--observations", str(seen), "--strategy", "onehot", "--out", str(out)]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert pl.read_csv(out).select("a", "b").row(0) == ("x", "s")
    TABLE.drop("toxic").write_csv(seen)
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "toxic" in done.stderr
    TABLE.write_csv(seen)
    words = ["design", "simulate", str(seen), "--variables", "a,b", "--objectives", "max:y", "--init", "6", "--budget"]
    words += ["9", "--seeds", "1", "--strategy", "random", "--out", str(out), "--json", "--limits"]
    done = CliRunner().invoke(app, [*words, "toxic<=5"])
    assert done.exit_code == 0, done.stderr
    assert pl.read_csv(out)["best_y"].max() <= 6  # type: ignore[operator]
    for limit, said in (("y<=3", "a limit of y"), ("a<=3", "a limit of a"), ("toxic", "NAME<=NUMBER")):
        done = CliRunner().invoke(app, [*words, limit])
        assert done.exit_code == 2
        assert said in done.stderr


def test_observations_need_what_has_a_limit() -> None:
    asked = problems.parse(PROBLEM, where="gentle.yaml")
    seen = TABLE.with_columns(toxic=pl.when(pl.col("a") != "u").then("toxic"))
    told = campaigns.told(asked, seen)
    assert told.values.shape == (24, 2)
    assert np.isnan(told.values).any(axis=1).sum() == 4, "they count as failed"


def test_an_outcome_too_large_to_be_squared_is_left_out_and_one_that_is_none_counts_as_failed() -> None:
    asked = problems.parse(PROBLEM, where="gentle.yaml")
    odd = pl.Series([1e308, -1e200, float("inf"), float("nan"), *TABLE["toxic"].to_list()[4:]])
    told = campaigns.told(asked, TABLE.with_columns(toxic=odd))
    assert told.refused == (
        "row 0 has too large a number as toxic",
        "row 1 has too large a number as toxic",
        "row 2 has no number as toxic",
    )
    assert told.tried.tolist() == [False] * 3 + [True] * 21
