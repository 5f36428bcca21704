"""Rounds of problems that calculations answer: nothing is asked for twice, and waiting outcomes hold proposals back."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.design import space
from models.design.proposal import STRATEGIES
from models.evaluators import campaign, rounds
from models.evaluators.states import State
from schemas import problem as problems
from schemas.emit.polars import inspect, schema
from schemas.errors import InputError
from schemas.rules import OneOf
from schemas.tables import REGISTRY

AT = datetime(2026, 1, 1, tzinfo=UTC)
TOY = """
name: toy
title: Toy
variables: [{name: A, levels: [x, y, z, w]}, {name: B, levels: [u, v, t]}]
objectives: [{name: gap_eV, direction: max, unit: eV}]
evaluator: {kind: gpaw}
budget: {initial: 4, total: 8, batch: 2}
"""
EMPTY = {
    n: pl.DataFrame(schema=schema(REGISTRY[n])) for n in ("design.proposals", "design.observations", "design.problems")
}


@pytest.fixture
def candidates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pl.DataFrame:
    monkeypatch.setattr(problems, "FOLDER", tmp_path)
    (tmp_path / "toy.yaml").write_text(TOY)
    none = pl.DataFrame(schema=schema(REGISTRY["design.candidates"]))
    made = rounds.enumerated(EMPTY["design.problems"], none, EMPTY["design.proposals"])
    return made["design.candidates"]


def observed(proposals: pl.DataFrame, values: list[float | None]) -> pl.DataFrame:
    """Outcomes of the first rows; None is a failed calculation."""
    rows = []
    for row, value in zip(proposals.to_dicts(), values, strict=False):
        state = State.CALCULATION_FAILED if value is None else State.ACCEPTED
        told = "{}" if value is None else f'{{"gap_eV": {value}}}'
        rows.append((row["problem"], row["candidate_id"], row["batch_id"], str(state), told, None, "test", None, AT))
    return pl.DataFrame(rows, schema=campaign.OBSERVATIONS, orient="row")


def test_the_initial_design_is_proposed_once_and_then_waited_for(candidates: pl.DataFrame) -> None:
    first = rounds.propose(candidates, EMPTY["design.observations"], EMPTY["design.proposals"], seed=0, at=AT)
    assert first["design.proposals"]["strategy"].to_list() == ["initial"] * 4
    again = rounds.propose(candidates, EMPTY["design.observations"], first["design.proposals"], seed=0, at=AT)
    assert again["design.proposals"].height == 0
    assert again["design.batches"].height == 0


def test_outcomes_make_room_for_as_many_as_a_batch_holds(candidates: pl.DataFrame) -> None:
    made = rounds.propose(candidates, EMPTY["design.observations"], EMPTY["design.proposals"], seed=0, at=AT)
    proposals = made["design.proposals"]
    for known, new in ((2, 0), (3, 1), (4, 2)):
        outcomes = observed(proposals, [0.1, None, 0.3, 0.2][:known])
        more = rounds.propose(candidates, outcomes, proposals, seed=0, at=AT)["design.proposals"]
        assert more.height == new
        assert not set(more["candidate_id"]) & set(proposals["candidate_id"]), "what waits is not proposed again"
        assert set(more["iteration"]) <= {1}


def test_the_budget_counts_what_waits(candidates: pl.DataFrame) -> None:
    proposals, outcomes = EMPTY["design.proposals"], EMPTY["design.observations"]
    for _ in range(10):
        more = rounds.propose(candidates, outcomes, proposals, seed=0, at=AT)["design.proposals"]
        proposals = pl.concat([proposals, more])
        outcomes = observed(proposals, [0.1 * k for k in range(proposals.height)])
    assert proposals.height == 8
    assert proposals["candidate_id"].is_unique().all()


def test_without_an_evaluator_the_proposals_wait(candidates: pl.DataFrame) -> None:
    made = rounds.propose(candidates, EMPTY["design.observations"], EMPTY["design.proposals"], seed=0, at=AT)
    found = rounds.evaluate(made["design.proposals"], EMPTY["design.observations"], candidates, tables={}, at=AT)
    assert {k: v.height for k, v in found.items()} == {"design.events": 0, "design.observations": 0}


def test_the_tables_of_the_design_loop_know_every_strategy_there_is() -> None:
    for name in ("design.proposals", "design.generations", "design.traces"):
        column = next(c for c in REGISTRY[name].columns if c.name == "strategy")
        known = next(rule.values for rule in column.rules if isinstance(rule, OneOf))
        assert set(known) == {"initial", *STRATEGIES}


def test_where_no_problem_has_a_recorded_table_there_are_no_traces(candidates: pl.DataFrame) -> None:
    asked = rounds.enumerated(EMPTY["design.problems"], candidates, EMPTY["design.proposals"])["design.problems"]
    assert asked.height == 1
    found = rounds.traces(asked, {}, seeds=range(2))["design.traces"]
    assert (found.height, found.schema) == (0, schema(REGISTRY["design.traces"]))


OPEN = """
name: wide
title: More alloys than a list holds
variables:
  - {name: A, levels: [%s]}
  - {name: B, levels: [%s]}
  - {name: x, kind: numerical, low: 0.6, high: 1.8}
objectives: [{name: gap_eV, direction: max}]
evaluator: {kind: gpaw}
budget: {initial: 4, total: 12, batch: 2}
"""
OPEN %= (", ".join(f"a{k}" for k in range(9)), ", ".join(f"b{k}" for k in range(9)))


def test_a_problem_too_wide_to_list_is_worked_on_by_the_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gap is x, and more with late levels: the best lies at the upper bound of x, off what was drawn at first."""
    monkeypatch.setattr(problems, "FOLDER", tmp_path)
    (tmp_path / "wide.yaml").write_text(OPEN)
    rows = pl.DataFrame(schema=schema(REGISTRY["design.candidates"]))
    proposals, outcomes = EMPTY["design.proposals"], EMPTY["design.observations"]
    for _ in range(5):
        tables = [rounds.enumerated(EMPTY["design.problems"], rows, proposals) for _ in range(2)]
        assert tables[0]["design.candidates"].equals(tables[1]["design.candidates"])
        rows = tables[0]["design.candidates"]
        assert inspect(rows, REGISTRY["design.candidates"]).rejected_rows == 0
        assert proposals.join(rows, on=["problem", "candidate_id"], how="anti").is_empty(), "what was proposed stays"
        more = rounds.propose(rows, outcomes, proposals, seed=0, at=AT)["design.proposals"]
        assert more.join(proposals, on="candidate_id", how="semi").is_empty()
        proposals = pl.concat([proposals, more])
        told = proposals.join(rows, on="candidate_id", maintain_order="left")["variables"].to_list()
        values = [v["x"] + int(v["A"][1:]) / 9 for v in map(json.loads, told)]
        outcomes = observed(proposals, [float(v) for v in values])
    assert proposals.height == 12
    assert max(values[4:]) > max(values[:4])
    front = rounds.fronts(outcomes, rows)["design.fronts"]
    assert json.loads(front["objectives"][0])["gap_eV"] == max(values)


def test_a_recorded_table_is_refused_where_candidates_cannot_be_listed() -> None:
    asked = problems.parse(OPEN.replace("kind: gpaw", "kind: recorded, table: toy"), where="wide.yaml")
    with pytest.raises(InputError, match="knows none but its own rows"):
        rounds.recorded(asked, {"toy": pl.DataFrame()})


SHARE = """
name: share
title: A part of a table, whose levels are described
variables:
  - {name: a, levels: [x, y, z], descriptors: {x: {size: 1}, y: {size: 2}, z: {size: 4}}}
  - {name: b, levels: [u, v]}
forbidden: [{a: z, b: v}]
objectives: [{name: f, direction: max}]
evaluator: {kind: recorded, table: toy}
budget: {initial: 2, total: 5}
"""


def test_traces_choose_from_what_the_problem_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "FOLDER", tmp_path)
    (tmp_path / "share.yaml").write_text(SHARE)
    names = [(a, b) for a in "wxyz" for b in "uvt"]
    table = pl.DataFrame(names, schema=["a", "b"], orient="row").with_columns(f=pl.int_range(12).cast(pl.Float64))
    none = pl.DataFrame(schema=schema(REGISTRY["design.candidates"]))
    asked = rounds.enumerated(EMPTY["design.problems"], none, EMPTY["design.proposals"])["design.problems"]
    found = rounds.traces(asked, {"toy": table}, seeds=range(2))["design.traces"]
    allowed = {i for i, (a, b) in enumerate(names) if a != "w" and b != "t" and (a, b) != ("z", "v")}
    assert set(found["strategy"]) == {"lvgp-descriptor", "random"}
    assert set(found["table_row"]) == allowed
    assert set(found.filter(pl.col("evaluation") == 5)["front_fraction"]) == {1.0}


def test_maps_tell_which_levels_act_alike_and_which_were_tried(candidates: pl.DataFrame) -> None:
    made = rounds.propose(candidates, EMPTY["design.observations"], EMPTY["design.proposals"], seed=0, at=AT)
    few = observed(made["design.proposals"], [0.1, 0.2, 0.3])
    assert rounds.maps(few, candidates)["design.maps"].is_empty(), "an initial design is not whole"
    rows = candidates.filter(~pl.col("variables").str.contains('"w"')).with_columns(batch_id=pl.lit("toy-0000"))
    gaps = [float(v["A"] in "xy") + 0.1 * "uvt".index(v["B"]) for v in map(json.loads, rows["variables"])]
    found = rounds.maps(observed(rows, [*gaps]), candidates)["design.maps"]
    assert inspect(found, REGISTRY["design.maps"]).rejected_rows == 0
    assert dict(found.select("level", "evaluations").rows()) == dict.fromkeys("xyz", 3) | dict.fromkeys("uvt", 3) | {
        "w": 0
    }
    x, y, z = (np.array(found.filter(pl.col("level") == n).select("z1", "z2").row(0)) for n in "xyz")
    assert np.linalg.norm(x - y) < 0.5 * np.linalg.norm(x - z)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{name: k, kind: integer, low: 0, high: 10}", "{name: k, kind: integer, low: 5, high: 10}"),
        ("{name: A, levels: [a0, a1, a2]}", "{name: A, kind: numerical, low: 0, high: 1}"),
    ],
)
def test_an_open_problem_that_changes_retires_what_it_no_longer_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    text = OPEN.replace(OPEN[OPEN.index("  - {name: A") : OPEN.index("objectives")], "")
    text = text.replace(
        "variables:\n",
        "variables:\n  - {name: A, levels: [a0, a1, a2]}\n"
        "  - {name: k, kind: integer, low: 0, high: 10}\n  - {name: x, kind: numerical, low: 0, high: 1}\n",
    )
    monkeypatch.setattr(problems, "FOLDER", tmp_path)
    (tmp_path / "wide.yaml").write_text(text)
    rows = pl.DataFrame(schema=schema(REGISTRY["design.candidates"]))
    rows = rounds.enumerated(EMPTY["design.problems"], rows, EMPTY["design.proposals"])["design.candidates"]
    before = rounds.propose(rows, EMPTY["design.observations"], EMPTY["design.proposals"], seed=0, at=AT)
    proposals = before["design.proposals"]
    outcomes = observed(proposals, [1.0, 2.0, 3.0, 4.0])
    assert old in text
    (tmp_path / "wide.yaml").write_text(text.replace(old, new))
    asked = problems.load(str(tmp_path / "wide.yaml"))
    rows = rounds.enumerated(EMPTY["design.problems"], rows, proposals)["design.candidates"]
    assert set(proposals["candidate_id"]) <= set(rows["candidate_id"])
    live = campaign.candidates_in(asked, rows)
    assert live.height == rows.filter(~pl.col("retired")).height
    assert [space.refusal(asked, row) for row in live.iter_rows(named=True)] == [None] * live.height
    more = rounds.propose(rows, outcomes, proposals, seed=0, at=AT)["design.proposals"]
    assert more.height > 0
    assert set(more["candidate_id"]) <= set(live["candidate_id"])


def test_traces_of_few_rows_and_of_a_number_that_never_varies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SHARE.replace(
        "forbidden:",
        "  - {name: k, kind: integer, low: 1, high: 2}\nconstraints: [{terms: {k: 1}, high: 1}]\nforbidden:",
    ).replace("{initial: 2, total: 5}", "{initial: 12, total: 60}")
    monkeypatch.setattr(problems, "FOLDER", tmp_path)
    (tmp_path / "share.yaml").write_text(text)
    names = [(a, b, k) for a in "wxyz" for b in "uvt" for k in (1, 2)]
    table = pl.DataFrame(names, schema=["a", "b", "k"], orient="row").with_columns(f=pl.int_range(24).cast(pl.Float64))
    none = pl.DataFrame(schema=schema(REGISTRY["design.candidates"]))
    asked = rounds.enumerated(EMPTY["design.problems"], none, EMPTY["design.proposals"])["design.problems"]
    found = rounds.traces(asked, {"toy": table}, seeds=range(1))["design.traces"]
    assert sorted(set(found["table_row"])) == [6, 8, 12, 14, 18]
    lone = table.filter((pl.col("a") == "x") & (pl.col("b") == "u"))
    assert rounds.traces(asked, {"toy": lone}, seeds=range(1))["design.traces"].is_empty()
