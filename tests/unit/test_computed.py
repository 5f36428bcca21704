"""Candidates answered by calculations of their own and of their rivals."""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from models.evaluators import campaign
from models.evaluators.calculations import Atoms
from models.evaluators.computed import Compound, Computed
from models.evaluators.ledger import Ledger
from models.evaluators.protocol import Observation
from models.evaluators.recipes import Recipe
from models.evaluators.service import REPEATS
from models.evaluators.states import State
from schemas.problem import DesignProblem

AT = datetime(2026, 1, 1, tzinfo=UTC)
RECIPE = Recipe(name="test", title="t", engine="gpaw", reasons={"all": "a test"})
PROBLEM = DesignProblem.model_validate(
    {
        "name": "toy",
        "title": "toy",
        "variables": [{"kind": "categorical", "name": "A", "levels": ["Ga", "Al"]}],
        "objectives": [
            {"name": "gap_eV", "direction": "max", "unit": "eV"},
            {"name": "stability_eV_atom", "direction": "min", "unit": "eV_atom"},
        ],
        "evaluator": {"kind": "gpaw"},
    }
)


def crystal(label: str, *symbols: str) -> Compound:
    coords = np.array([[k / len(symbols), 0.0, 0.0] for k in range(len(symbols))])
    return Compound(label=label, atoms=Atoms(lattice=np.eye(3) * 9, symbols=symbols, coords=coords))


PHASES = (crystal("GaS", "Ga", "S"), crystal("S", "S"), crystal("AlS", "Al", "S"))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path)


def evaluator(ledger: Ledger) -> Computed:
    compounds = {"Ga": crystal("GaS2", "Ga", "S", "S"), "near": crystal("near", *["Ga"] * 40)}
    return Computed(
        "test",
        ledger=ledger,
        recipe=RECIPE,
        objectives=("gap_eV", "stability_eV_atom"),
        compounds=compounds,
        phases=PHASES,
    )


def settle(ledger: Ledger, label: str, **found: float) -> None:
    """Brings the calculation of that label to an accepted value, without a process; without values, to a failure."""
    rows = ledger.table("calculations")
    name = rows.row(rows["label"].to_list().index(label), named=True)["calculation_id"]
    ledger.begin(ledger.standing(name), {}, executor="local")
    if found:
        ledger.finish(ledger.standing(name), found, {}, objection=None)
    else:
        ledger.move(ledger.standing(name), State.CALCULATION_FAILED, reason="it swings")


def outcome(ledger: Ledger) -> list[Observation]:
    asked = evaluator(ledger)
    return asked.collect(asked.submit("b", [{"candidate_id": "Ga"}]))


def test_a_candidate_asks_for_itself_and_for_phases_of_its_elements(ledger: Ledger) -> None:
    assert outcome(ledger) == []
    assert sorted(ledger.table("calculations")["label"]) == ["GaS", "GaS2", "S"]


def test_its_outcome_waits_for_its_rivals(ledger: Ledger) -> None:
    outcome(ledger)
    settle(ledger, "GaS2", gap_eV=0.4, energy_eV_atom=-4.0)
    assert outcome(ledger) == []
    asked = evaluator(ledger)
    assert asked.poll(asked.submit("b", [{"candidate_id": "Ga"}])) == [State.SUBMITTED]
    settle(ledger, "GaS", energy_eV_atom=-4.5)
    settle(ledger, "S", energy_eV_atom=-2.0)
    (found,) = outcome(ledger)
    assert (found.state, found.reason) == (State.ACCEPTED, "stability against GaS, S")
    assert found.values == pytest.approx({"gap_eV": 0.4, "stability_eV_atom": -4.0 - (2 * -4.5 + -2.0) / 3})


def test_a_rival_that_plumbing_failed_is_waited_for_while_it_is_tried_again(ledger: Ledger) -> None:
    outcome(ledger)
    settle(ledger, "GaS2", gap_eV=0.4, energy_eV_atom=-4.0)
    settle(ledger, "GaS", energy_eV_atom=-4.5)
    rows = ledger.table("calculations")
    name = rows.row(rows["label"].to_list().index("S"), named=True)["calculation_id"]
    for _ in range(REPEATS):
        assert outcome(ledger) == []
        ledger.begin(ledger.standing(name), {}, executor="local")
        ledger.move(ledger.standing(name), State.PLUMBING_FAILED, code="node")
    assert [o.state for o in outcome(ledger)] == [State.REJECTED], "given up: no mixture makes it"


def test_a_rival_that_failed_is_left_out_and_a_mixture_that_cannot_be_made_is_said(ledger: Ledger) -> None:
    outcome(ledger)
    settle(ledger, "GaS2", gap_eV=0.4, energy_eV_atom=-4.0)
    settle(ledger, "GaS", energy_eV_atom=-4.5)
    settle(ledger, "S")
    (found,) = outcome(ledger)
    assert (found.state, found.values) == (State.REJECTED, {})
    assert found.reason == "no mixture makes GaS2 in the phases GaS: calculate one more phase"


def test_a_candidate_that_failed_tells_why(ledger: Ledger) -> None:
    outcome(ledger)
    settle(ledger, "GaS2")
    assert outcome(ledger) == [Observation("Ga", State.CALCULATION_FAILED, {}, "it swings")]


def test_what_the_engine_refuses_or_has_no_structure_is_rejected_with_the_reason(ledger: Ledger) -> None:
    asked = evaluator(ledger)
    found = asked.collect(asked.submit("b", [{"candidate_id": "near"}, {"candidate_id": "Al"}]))
    assert [o.state for o in found] == [State.REJECTED, State.REJECTED]
    assert "angstrom apart" in str(found[0].reason)
    assert "no structure of Al" in str(found[1].reason)
    assert ledger.standings() == []


def test_events_are_those_of_the_ledger_and_only_grow(ledger: Ledger) -> None:
    def events() -> list[tuple[str, int, str]]:
        rows = [{"candidate_id": "Ga"}]
        frame, _ = campaign.evaluate(PROBLEM, rows, batch="b", evaluator=evaluator(ledger), at=AT)
        return list(zip(frame["event_id"], frame["sequence"], frame["state"], strict=True))

    seen = [events()]
    settle(ledger, "GaS2", gap_eV=0.4, energy_eV_atom=-4.0)
    seen.append(events())
    settle(ledger, "GaS", energy_eV_atom=-4.5)
    settle(ledger, "S", energy_eV_atom=-2.0)
    seen.append(events())
    assert [len(s) for s in seen] == [1, 2, 4]
    for earlier, later in pairwise(seen):
        assert later[: len(earlier)] == earlier
    assert [state for *_, state in seen[-1]] == ["proposed", "submitted", "parsed", "accepted"]


def test_an_objective_that_the_engine_does_not_tell_is_said(ledger: Ledger) -> None:
    outcome(ledger)
    settle(ledger, "GaS2", energy_eV_atom=-4.0)
    settle(ledger, "GaS", energy_eV_atom=-4.5)
    settle(ledger, "S", energy_eV_atom=-2.0)
    (found,) = outcome(ledger)
    assert (found.state, found.reason) == (State.REJECTED, "the engine gpaw does not tell gap_eV")
