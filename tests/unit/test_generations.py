"""The report of a loop, its progress, and when it ends."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from etl.reference import recorded
from etl.structures.substituted import crystals
from models.design import candidates as candidates_of
from models.evaluators import budget, generations, progress, recipes
from schemas import problem as problems
from schemas.emit.polars import schema
from schemas.problem import DesignProblem
from schemas.tables import REGISTRY

AT = datetime(2026, 1, 1, tzinfo=UTC)
TOY = DesignProblem.model_validate(
    {
        "name": "toy",
        "title": "toy",
        "variables": [{"kind": "categorical", "name": "A", "levels": [*"abcdefgh"]}],
        "objectives": [{"name": "gap_eV", "direction": "max"}, {"name": "cost", "direction": "min"}],
        "evaluator": {"kind": "gpaw"},
        "budget": {"initial": 2, "total": 8, "batch": 2, "patience": 3},
    }
)


@pytest.fixture(autouse=True)
def only_toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "worked_on", lambda: [TOY])


@pytest.mark.parametrize("where", sorted((problems.FOLDER / "loops").glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_loops_are_problems_with_a_recipe_or_a_table(where: Path) -> None:
    asked = problems.load(str(where))
    if asked.evaluator.kind == "recorded":
        assert asked.evaluator.table in recorded()
    else:
        assert recipes.load(str(asked.evaluator.options["recipe"])).engine == asked.evaluator.kind
        made = dict(crystals(asked, candidates_of(asked).to_dicts()))
        assert len(made) == candidates_of(asked).height, "every candidate has a crystal"


def table(name: str, rows: list[dict[str, object]]) -> pl.DataFrame:
    declared = schema(REGISTRY[name])
    return pl.DataFrame([{c: row.get(c) for c in declared} for row in rows], schema=declared)


CANDIDATES = table(
    "design.candidates",
    [{"problem": "toy", "candidate_id": c, "formula": c.upper(), "retired": False} for c in "abcdefgh"],
)


def observed(*outcomes: tuple[int, str, float | None, float | None]) -> pl.DataFrame:
    """Batch, candidate, gap and cost; without a gap the calculation failed."""
    rows = []
    for batch, candidate, gap, cost in outcomes:
        told = {} if gap is None else {"gap_eV": gap, "cost": cost}
        state = "calculation_failed" if gap is None else "accepted"
        row = {"problem": "toy", "candidate_id": candidate, "batch_id": f"toy-{batch:04d}", "state": state}
        why = "it swings" if gap is None else None
        rows.append({**row, "objectives": json.dumps(told), "evaluator": "e", "reason": why, "observed_at": AT})
    return table("design.observations", rows)


def proposed(*asked: tuple[int, str, float | None]) -> pl.DataFrame:
    """Batch, candidate and foretold gap, with a deviation of a tenth."""
    rows: list[dict[str, object]] = []
    for batch, candidate, mean in asked:
        predicted = None if mean is None else json.dumps({"mean_gap_eV": mean, "sd_gap_eV": 0.1})
        row = {"problem": "toy", "candidate_id": candidate, "batch_id": f"toy-{batch:04d}", "iteration": batch}
        rows.append({**row, "rank": 1, "strategy": "lvgp" if batch else "initial", "predicted": predicted})
    return table("design.proposals", rows)


def submitted(*batches: int) -> pl.DataFrame:
    rows = [{"problem": "toy", "batch_id": f"toy-{b:04d}", "state": "submitted"} for b in batches]
    return table("design.events", [dict(r) for r in rows])


ASKED = proposed((0, "a", None), (0, "b", None), (1, "c", 1.5), (1, "d", 1.0), (2, "e", 1.0))
OUTCOMES = observed((0, "a", 1.0, 5.0), (0, "b", 0.5, 1.0), (1, "c", 2.0, 5.0), (1, "d", None, None))


def test_a_step_knows_the_best_the_front_and_who_is_new_on_it() -> None:
    first, second = progress.steps(TOY, OUTCOMES).values()
    assert (first.best, first.front) == ({"gap_eV": 1.0, "cost": 1.0}, ("a", "b"))
    assert (second.evaluations, second.best["gap_eV"]) == (4, 2.0)
    assert (second.front, second.newcomers) == (("b", "c"), ("c",))


def test_who_equals_the_front_is_not_new_on_it() -> None:
    again = progress.steps(TOY, observed((0, "a", 1.0, 5.0), (1, "c", 1.0, 5.0)))["toy-0001"]
    assert (again.front, again.newcomers) == (("a", "c"), ())


@pytest.mark.parametrize(
    ("outcomes", "why"),
    [
        ([(0, "a", 1.0, 1.0), (1, "b", 0.1, 2.0), (2, "c", None, None)], None),
        ([(0, "a", 1.0, 1.0), (1, "b", 0.1, 2.0), (2, "c", None, None), (3, "d", 0.2, 2.0)], "the last 3 evaluations"),
        ([(0, "a", 1.0, 1.0), (1, "b", 0.1, 2.0), (2, "c", None, None), (3, "d", 2.0, 2.0)], None),
        ([(k, c, 1.0 + k, 1.0) for k, c in enumerate("abcdefgh")], "the budget of 8"),
    ],
)
def test_a_loop_ends_when_nothing_better_came_or_the_budget_is_spent(
    outcomes: list[tuple[int, str, float | None, float | None]], why: str | None
) -> None:
    every = pl.Series([*"abcdefghi"])
    found = progress.ended(TOY, observed(*outcomes), ASKED, candidates=every)
    assert (found is None) if why is None else (found or "").startswith(why)
    assert (budget.left(TOY, observed(*outcomes), ASKED, candidates=every) > 0) is (why is None)
    assert progress.ended(TOY, observed(*outcomes), ASKED, candidates=every[: len(outcomes)]) is not None, (
        "all are evaluated"
    )


@pytest.mark.parametrize(("told", "last", "ends"), [(0.97, 1.0, True), (0.94, 1.0, False), (0.97, 3.0, False)])
def test_a_loop_ends_when_nothing_better_is_left(told: float, last: float, *, ends: bool) -> None:
    """Not while the probability is low, and not where the batch that said so brought something better."""
    asked = TOY.model_copy(update={"budget": TOY.budget.model_copy(update={"complete": 0.95})})
    outcomes = observed((0, "a", 1.0, 1.0), (1, "b", 0.1, 2.0), (2, "c", last, 2.0))
    proposals = proposed((0, "a", None), (1, "b", 1.0), (2, "c", 1.0))
    said = pl.when(pl.col("iteration") == 2).then(told).when(pl.col("iteration") == 1).then(0.99)
    every = pl.Series([*"abcdefghi"])
    found = progress.ended(asked, outcomes, proposals.with_columns(p_complete=said), candidates=every)
    assert found == ("nothing better is left with a probability of 0.97" if ends else None)
    assert progress.ended(asked, outcomes.head(1), proposals.head(1), candidates=every) is None


def test_a_generation_tells_what_was_asked_came_back_surprised_and_comes_next() -> None:
    told = generations.report(CANDIDATES, ASKED, submitted(0, 0, 1, 1, 1), OUTCOMES)["design.generations"]
    first, second, third = told.iter_rows(named=True)
    assert (first["asked"], first["accepted"], first["attempts"]) == (["A", "B"], 2, 2)
    assert (first["error_in_deviations"], first["surprises"]) == (None, []), "an initial design is foretold nothing"
    assert first["next"] == "toy-0001: C, D"
    assert (second["accepted"], second["failed"], second["attempts"], second["newcomers"]) == (1, 1, 3, ["C"])
    assert second["surprises"] == [
        "C: gap_eV 2 where 1.5 ± 0.1 was expected",
        "D: calculation_failed, it swings",
    ]
    assert second["error_in_deviations"] == pytest.approx(5.0)
    assert (third["waiting"], third["next"]) == (1, "1 wait to be submitted")
    assert second["report"].splitlines() == [
        "toy-0001 asked 2 by lvgp: C, D",
        "came back: 1 with a value, 1 failed, after 3 attempts; best so far gap_eV 2, cost 1; new on the front: C",
        "surprised: C: gap_eV 2 where 1.5 ± 0.1 was expected; D: calculation_failed, it swings",
        "next: toy-0002: E",
    ]


def test_the_last_generation_says_why_the_loop_ended() -> None:
    outcomes = observed((0, "a", 1.0, 1.0), (1, "b", 0.1, 2.0), (1, "c", None, None), (1, "d", 0.2, 2.0))
    asked = proposed((0, "a", None), (1, "b", 0.1), (1, "c", 0.1), (1, "d", 0.1))
    last = generations.report(CANDIDATES, asked, submitted(0, 1), outcomes)["design.generations"].row(-1, named=True)
    assert last["next"] == "the loop ended: the last 3 evaluations brought nothing better"
