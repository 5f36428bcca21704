"""Campaigns through the tables of design: states, rounds, what survives a kill or a changed problem."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import torch

from dagster_project.quality import run_checks
from etl import reference
from models.design import campaigns, candidates, goals, simulation
from models.evaluators import RecordedTable, State, budget, campaign, rounds, states
from schemas import problem as problems
from schemas.emit.polars import inspect, schema
from schemas.errors import InputError
from schemas.tables import REGISTRY
from warehouse import catalog
from warehouse.store import Store

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


PLAN = simulation.Plan(variables=("A", "B"), wanted=goals.objectives("max:gap_eV"), init=12, budget=40)


def test_states_follow_each_other_as_declared() -> None:
    states.check_move(None, State.PROPOSED, where="x")
    states.check_move(State.RUNNING, State.PLUMBING_FAILED, where="x")
    with pytest.raises(states.ForbiddenMoveError, match="accepted cannot become running"):
        states.check_move(State.ACCEPTED, State.RUNNING, where="x")
    assert set(states.MOVES) == set(State)
    assert not states.MOVES[State.ACCEPTED]
    assert all(states.MOVES[s] <= {State.PROPOSED} for s in states.FINAL), "only a person asks again"


def test_a_campaign_on_a_recorded_table_fills_the_design_tables() -> None:
    asked = problems.load("abo3_270")
    frame = candidates(asked)
    table = reference.perovskites_270()
    names = tuple(o.name for o in asked.objectives)
    evaluator = RecordedTable("perovskites_270", table, variables=("A", "B"), objectives=names)
    rows = campaign.candidate_rows(asked, frame)
    observed = pl.DataFrame(schema=campaign.OBSERVATIONS)
    for iteration in range(3):
        values, tried = campaign.values_of(asked, observed, frame["candidate_id"].to_list())
        chosen = campaigns.next_candidates(asked, frame, values=values, tried=tried, batch=5 if iteration else 12)
        batch = campaign.batch_id(asked, iteration)
        proposals = campaign.proposal_rows(asked, chosen, iteration=iteration, strategy="lvgp", at=AT)
        events, new = campaign.evaluate(asked, chosen.to_dicts(), batch=batch, evaluator=evaluator, at=AT)
        again, _ = campaign.evaluate(asked, chosen.to_dicts(), batch=batch, evaluator=evaluator, at=AT)
        assert events.equals(again)
        observed = pl.concat([observed, new])
        for name, made in (("design.proposals", proposals), ("design.events", events), ("design.observations", new)):
            assert inspect(made, REGISTRY[name]).rejected_rows == 0
    assert observed.height == 12 + 5 + 5
    assert observed["candidate_id"].n_unique() == observed.height
    front = campaign.front_rows(asked, observed, rows)
    assert inspect(front, REGISTRY["design.fronts"]).rejected_rows == 0
    assert front.height >= 1
    assert set(json.loads(front["objectives"][0])) == set(names)
    for name, made in (("design.problems", campaign.problem_rows(asked)), ("design.candidates", rows)):
        assert inspect(made, REGISTRY[name]).rejected_rows == 0
    trace = simulation.simulate(table, PLAN)
    made = campaign.trace_rows(asked, trace, strategy="lvgp")
    assert inspect(made, REGISTRY["design.traces"]).rejected_rows == 0


TOY = """
name: toy
title: Toy
variables:
  - {name: a, levels: [x, y, z]}
  - {name: b, levels: [u, v]}
objectives: [{name: f, direction: max}]
evaluator: {kind: recorded, table: toy}
budget: {initial: 4, total: 5, batch: 1}
"""


def a_round(store: Store) -> dict[str, list[str]]:
    """One round on the problems of the folder, through the store, as the assets do it; the failed checks by table."""
    table = pl.DataFrame({"a": list("xxyyzz"), "b": list("uvuvuv"), "f": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})
    failed = {}

    def keep(made: dict[str, pl.DataFrame], mode: str) -> None:
        for name in sorted(made, key=lambda n: n != "design.batches"):
            version = store.write(name, made[name], mode=mode).version
            results = run_checks(REGISTRY[name], store.read(name, version=version), version=version, others=store)
            failed[name] = [r.check_name for r in results if not r.passed and r.severity == "blocking"]
            store.record_verdict(name, version, passed=not failed[name])

    passed = store.read_passed
    keep(rounds.enumerated(*(passed(f"design.{n}") for n in ("problems", "candidates", "proposals"))), "replace")
    observed = passed("design.observations")
    asked = (passed("design.candidates"), observed, passed("design.proposals"))
    keep(rounds.propose(*asked, seed=0, at=AT), "upsert")
    rows = (passed("design.proposals"), observed, passed("design.candidates"))
    keep(rounds.evaluate(*rows, tables={"toy": table}, at=AT), "upsert")
    keep(rounds.fronts(passed("design.observations"), passed("design.candidates")), "replace")
    return {name: checks for name, checks in failed.items() if checks}


def test_a_level_that_is_removed_retires_its_candidates_and_blocks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problems, "FOLDER", tmp_path)
    file, store = tmp_path / "toy.yaml", Store(tmp_path / "home")
    file.write_text(TOY)
    assert a_round(store) == {}
    assert catalog.publish(store.home).held == {}
    file.write_text(TOY.replace("[x, y, z]", "[x, y]"))
    assert a_round(store) == {}
    made = catalog.publish(store.home)
    assert made.held == {}
    rows = store.read_passed("design.candidates")
    retired = set(rows.filter("retired")["candidate_id"])
    observed = set(store.read_passed("design.observations")["candidate_id"])
    assert rows.filter(~pl.col("retired")).height == 4
    assert retired == {c for c in observed if c.startswith("z")} != set()
    assert not any(c in retired for c in store.read_passed("design.fronts")["candidate_id"])
    assert len(observed) == 5  # what retired candidates cost is spent
    assert budget.remaining(rows, *(store.read_passed(f"design.{n}") for n in ("observations", "proposals"))) == {
        "toy": 0
    }
    file.unlink()
    (tmp_path / "other.yaml").write_text(TOY.replace("toy", "other").replace("table: other", "table: toy"))
    assert a_round(store) == {}
    assert catalog.publish(store.home).held == {}
    assert store.read_passed("design.problems").filter("retired")["problem"].to_list() == ["toy"]
    assert catalog.verify(store.home) == []


def test_a_campaign_killed_at_any_point_goes_on_as_if_it_had_not_been(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "FOLDER", Path("nowhere"))
    asked = problems.parse(TOY.replace("initial: 4, total: 5", "initial: 3, total: 6"), where="toy.yaml")
    table = pl.DataFrame({"a": list("xxyyzz"), "b": list("uvuvuv"), "f": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})
    monkeypatch.setattr(rounds, "asked_in", lambda rows: [asked])
    candidate_rows = campaign.candidate_rows(asked, candidates(asked))
    proposed, observed = (pl.DataFrame(schema=schema(REGISTRY[f"design.{n}"])) for n in ("proposals", "observations"))
    for _ in range(4):
        once, again = (rounds.propose(candidate_rows, observed, proposed, seed=5, at=AT) for _ in range(2))
        assert once["design.proposals"].equals(again["design.proposals"]), "killed before the proposals were kept"
        proposed = pl.concat([proposed, once["design.proposals"]])
        waiting = rounds.propose(candidate_rows, observed, proposed, seed=5, at=AT)
        assert waiting["design.proposals"].is_empty(), "killed before they were evaluated"
        done, same = (
            rounds.evaluate(proposed, observed, candidate_rows, tables={"toy": table}, at=AT) for _ in range(2)
        )
        assert done["design.events"].equals(same["design.events"])
        assert done["design.observations"].equals(same["design.observations"]), "killed before outcomes were kept"
        observed = pl.concat([observed, done["design.observations"]])
    assert observed.height == 6
    told = proposed.join(observed, on="candidate_id").filter(pl.col("iteration") > 0)
    assert told["model_id"].n_unique() == 3
    assert told["criterion"].unique().to_list() == ["gain+front"]
    assert told["p_complete"].is_between(0, 1).all()
    for predicted, objectives, surprise in told["predicted", "objectives", "surprise"].rows():
        mean, deviation = (json.loads(predicted)[f"{n}_f"] for n in ("mean", "sd"))
        assert json.loads(surprise)["f"] == pytest.approx((json.loads(objectives)["f"] - mean) / deviation)
    assert proposed.filter(iteration=0)["model_id"].null_count() == 3


def test_a_recorded_table_says_what_it_does_not_know() -> None:
    table = pl.DataFrame({"a": ["x", "y"], "f": [1.0, None]})
    evaluator = RecordedTable("t", table, variables=("a",), objectives=("f",))
    handles = evaluator.submit("b", [{"candidate_id": c, "a": c} for c in ("x", "y", "z")])
    assert evaluator.poll(handles) == [State.PARSED, State.CALCULATION_FAILED, State.CALCULATION_FAILED]
    assert [o.reason for o in evaluator.collect(handles)] == [None, "no value in t", "no row in t"]
    with pytest.raises(InputError, match="missing column g"):
        RecordedTable("t", table, variables=("a",), objectives=("g",))
    with pytest.raises(InputError, match="two rows"):
        RecordedTable("t", pl.concat([table, table]), variables=("a",), objectives=("f",))
