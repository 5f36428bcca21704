"""Heat that recipes speak against, and mixtures of a higher and a lower source of one element."""

import dataclasses
from fractions import Fraction

import polars as pl
import pytest

from models.recipes import HEATS, doubts, precursors, training, valence
from models.recipes.atmosphere import raised
from models.recipes.compositions import parse, precursor_key
from models.recipes.table import normalise
from tests.servers.planner import planner


def recipe(target: str, paper: str, kelvin: float) -> dict[str, object]:
    return {"target": target, "doi": f"10.1/{paper}", "route": "solid-state", "max_temperature_K": kelvin}


def learned(*rows: dict[str, object]) -> doubts.Heated:
    return doubts.learn(normalise(pl.DataFrame(rows)).frame)


@pytest.mark.parametrize(
    ("target", "metals", "state"),
    [("NdNiO3", ("Ni",), 3.0), ("YBa2Cu3O7", ("Cu",), 7 / 3), ("SrFeO3", ("Fe",), 4.0), ("LaFeO3", None, 0.0)],
)
def test_metals_above_what_hot_air_leaves_are_named(target: str, metals: tuple[str, ...] | None, state: float) -> None:
    found = raised(target)
    assert (found.metals if found else None) == metals
    assert found is None or found.state == pytest.approx(state)


def test_heat_beyond_every_paper_on_the_compound_is_doubted() -> None:
    heated = learned(recipe("LaCoO3", "a", 1173.0), recipe("LaCoO3", "b", 1273.0), recipe("LaMnO3", "c", 900.0))
    assert heated.doubt("LaCoO3", 1300.0) is None
    hot, cool = heated.doubt("Co2La2O6", 1500.0), heated.doubt("LaCoO3", 900.0)
    assert hot is not None
    assert cool is not None
    assert "hotter than in all 2 papers" in hot.reason
    assert hot.reach == 1273.0
    assert "cooler than in all 2 papers" in cool.reason
    assert cool.reach == 1173.0
    assert heated.doubt("LaMnO3", 1500.0) is None  # one paper is not enough


def test_oxides_that_lose_oxygen_are_heated_as_their_like() -> None:
    like = [recipe(f"La{1 - k / 50:g}Pr{k / 50:g}NiO3", str(k), 950.0 + 20 * k) for k in range(1, 12)]
    heated = learned(*like, *(recipe("La2NiO4", f"n{k}", 1600.0) for k in range(12)))
    doubt = heated.doubt("NdNiO3", 1523.0)
    assert doubt is not None
    assert "Ni at +3" in doubt.reason
    assert doubt.reach == pytest.approx(1070.0)
    assert heated.doubt("NdNiO3", 1100.0) is None
    assert heated.doubt("Nd2NiO4", 1523.0) is None  # nickel +2 is what air leaves
    assert heated.doubt("LaNi0.1Al0.9O3", 1523.0) is None  # a dopant does not carry the structure


def test_a_doubted_prediction_is_outside_the_domain_and_its_interval_reaches_the_papers() -> None:
    model = planner()
    target = pl.DataFrame({"target": ["LaNiO3"]})
    plain = training.predict(model, target).row(0, named=True)
    hottest = max(plain[c] for c in HEATS)
    low = hottest - 400.0
    cold = doubts.Heated({"La0.2|Ni0.2|O0.6": (low, low, 3)}, {})
    asked = training.predict(dataclasses.replace(model, heated=cold), target).row(0, named=True)
    assert asked["in_domain"] is False
    assert "all 3 papers" in asked["domain_reason"]
    assert asked["max_temperature_K"] == plain["max_temperature_K"]
    assert all(asked[f"{c}_low"] <= low for c in HEATS)


@pytest.mark.parametrize(
    ("formula", "element", "state"),
    [
        ("VO2", "V", Fraction(4)),
        ("LiV2O4", "V", Fraction(7, 2)),
        ("NbS2", "Nb", Fraction(4)),
        ("LiFePO4", "P", None),  # iron's state is not certain
        ("VO2", "O", None),
    ],
)
def test_states_follow_where_all_others_are_certain(formula: str, element: str, state: Fraction | None) -> None:
    assert valence.state(parse(formula) or {}, element) == state


def test_sources_bracket_the_state_of_the_target() -> None:
    names = ["V2O5", "NH4VO3", "V2O3", "V", "Li2CO3"]
    spelling = {precursor_key(n): n for n in names}
    sources = {"V": [precursor_key(n) for n in names[:4]], "Li": [precursor_key("Li2CO3")]}
    found = valence.brackets(parse("LiV2O4") or {}, sources, spelling)
    assert set(found) == {"V"}
    assert [(spelling[a], spelling[b]) for a, b in found["V"]] == [("V2O3", "V2O5"), ("V", "V2O5")]
    assert valence.brackets(parse("LiVO3") or {}, sources, spelling) == {}  # nothing lies above +5


def test_dry_mixtures_of_two_oxides_are_among_the_candidates() -> None:
    rows = [
        {"target": t, "doi": f"10.1/{t}", "route": "solid-state", "precursors": p}
        for t, p in (("Cr0.1V1.9O3", "V2O3;Cr2O3"), ("LiVO3", "Li2CO3;V2O5"), ("Li3VO4", "Li2CO3;V2O5"))
    ]
    library = precursors.fit(normalise(pl.DataFrame(rows)).frame)
    mixture = {"Li2CO3", "V2O3", "V2O5"}
    made = {r: precursors.propose(library, "LiV2O4", routes={r: 1.0}, top=20) for r in ("solid-state", "sol-gel")}
    closed = [p for p in made["solid-state"] if set(p.precursors) == mixture]
    assert len(closed) == 1
    assert closed[0].reaction.balanced
    assert "O2" not in dict(closed[0].reaction.coefficients)
    assert all(set(p.precursors) != mixture for p in made["sol-gel"])
    told = precursors.mixture(library, "LiV2O4")
    assert told is not None
    assert told.text == "0.5 Li2CO3 + 0.75 V2O3 + 0.25 V2O5 -> LiV2O4 + 0.5 CO2"
    assert precursors.mixture(library, "LiVO3") is None
