"""Recipes read from paragraphs: target, precursors, ordered steps and their conditions."""

import time

import polars as pl
import pytest

from etl.text import procedures, recipes
from etl.text.materials import Mention
from etl.text.recipes import Recipe, extract_recipes, route
from etl.text.relations import Entity
from etl.text.tagger import Tagged
from schemas.emit.polars import inspect
from schemas.errors import InputError
from schemas.tables import REGISTRY

SOLID = (
    "La2CuO4 was prepared by a solid-state reaction. La2O3 (99.99 %) and CuO were mixed, calcined at 950 °C for 24 h, "
    "pressed into pellets and sintered at 1000 °C for 10 h in flowing O2 with a heating rate of 5 °C/min."
)


def read(text: str) -> Recipe:
    found = recipes.read(text)
    assert found is not None
    return found


def steps(text: str) -> list[tuple[str, str, float | None, float | None, str | None]]:
    return [(s.operation, s.verb, s.temperature_K, s.time_h, s.atmosphere) for s in read(text).steps]


def paragraphs(**columns: object) -> pl.DataFrame:
    return pl.DataFrame({"document_id": ["d"], "text": [SOLID], **columns})


def test_a_recipe_has_target_precursors_and_ordered_steps() -> None:
    made, done = extract_recipes(paragraphs(field=["body[0]"], doi=["10.1/ABC"], licence=["CC0-1.0"]))
    (row,) = made.to_dicts()
    assert (row["route"], row["target"], row["chemsys"]) == ("solid_state", "La2CuO4", "Cu-La-O")
    assert (row["doi"], row["field"], row["licence"]) == ("10.1/abc", "body[0]", "CC0-1.0")
    assert row["precursors"] == ["La2O3", "CuO"]
    assert (row["calcine_temperature_K"], row["calcine_time_h"]) == (1223.15, 24.0)
    assert (row["sinter_temperature_K"], row["sinter_time_h"]) == (1273.15, 10.0)
    assert (row["max_temperature_K"], row["max_time_h"], row["atmosphere"]) == (1273.15, 24.0, "oxygen")
    assert done["operation"].to_list() == ["reaction", "mixing", "heating", "shaping", "heating"]
    assert done["step"].to_list() == [1, 2, 3, 4, 5]
    for step in done.to_dicts():
        assert SOLID[step["start"] : step["end"]] == step["verb"]


def test_the_rows_keep_the_declared_tables() -> None:
    made, done = extract_recipes(paragraphs())
    for frame, table in ((made, REGISTRY["core.recipes"]), (done, REGISTRY["core.recipe_steps"])):
        assert inspect(frame, table).rejected_rows == 0
        assert inspect(frame.clear(), table).rejected_rows == 0
    none = extract_recipes(paragraphs().clear())
    assert none[0].schema == made.schema
    assert none[1].schema == done.schema


def test_precursors_are_told_by_their_part_and_not_by_the_elements_of_a_target() -> None:
    fuel = "Co3O4 was prepared from Co(NO3)2 and urea, dissolved in water, stirred, and heated at 180 °C for 6 h."
    assert [m.formula for m in read(fuel).precursors] == ["CoN2O6", "H4CN2O"]
    unnamed = "To make a ferrite, Fe(NO3)3 and Ni(NO3)2 were dissolved in water, dried and calcined at 700 °C for 2 h."
    assert [m.formula for m in read(unnamed).precursors] == ["FeN3O9", "NiN2O6"]


def test_a_second_hold_of_one_verb_is_a_step_of_its_own() -> None:
    text = "TiO2 and Li2CO3 were mixed and calcined in air at 400 °C for 5 h and then at 850 °C for 12 h."
    assert [s[1:] for s in steps(text)][1:] == [
        ("calcined", 673.15, 5.0, "air"),
        ("calcined", 1123.15, 12.0, "air"),
    ]
    hold = read(text).hold(("calcine",))
    assert hold is not None
    assert hold.time_h == 12.0


def test_respectively_pairs_conditions_with_steps() -> None:
    text = "BaCO3 and TiO2 were mixed, calcined and sintered at 800 and 1300 °C for 2 and 4 h, respectively."
    assert [s[2:4] for s in steps(text)] == [(None, None), (1073.15, 2.0), (1573.15, 4.0)]


@pytest.mark.parametrize(
    ("text", "temperatures"),
    [
        ("at 900 °C", [1173.15]),
        ("at 900degC and 1200oC", [1173.15, 1473.15]),
        ("at 1173 K", [1173.0]),
        ("at 800 and 900 °C", [1073.15, 1173.15]),
        ("at room temperature", [298.15]),
        ("with a heating rate of 5 °C/min", []),
        ("with a ramp rate of 10 °C", []),
        ("10 K min-1", []),
        ("5000 °C", []),
    ],
)
def test_temperatures_are_holds_in_kelvin(text: str, temperatures: list[float]) -> None:
    assert [t for _, t in procedures.temperatures(text)] == pytest.approx(temperatures)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("for 2 h", [2.0]),
        ("for 30 min", [0.5]),
        ("for two days", [48.0]),
        ("for 36 s", [0.01]),
        ("for 1 week", [168.0]),
        ("overnight", [12.0]),
        ("several hours", []),
        ("half an hour", [0.5]),
        ("5 h-1", []),
        ("2 and 4 h", [2.0, 4.0]),
    ],
)
def test_times_are_in_hours(text: str, hours: list[float]) -> None:
    assert [h for _, h in procedures.times(text)] == pytest.approx(hours)


def test_atmospheres_are_gases_around_the_sample() -> None:
    assert [g for _, g in procedures.atmospheres("heated in flowing Ar, then under vacuum")] == ["argon", "vacuum"]
    assert [g for _, g in procedures.atmospheres("in a nitrogen atmosphere")] == ["nitrogen"]
    assert procedures.atmospheres("in an air bath, in water") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("VO2 was obtained by a hydrothermal reaction in an autoclave at 180 °C for 8 h.", "hydrothermal"),
        ("The sol-gel route with citric acid gave LaCoO3 after calcination at 700 °C.", "sol_gel"),
        ("Fe3O4 was made by co-precipitation from FeCl2 and FeCl3 at 80 °C.", "precipitation"),
        ("Films of VO2 were deposited by pulsed laser deposition at 500 °C.", "film"),
        ("Crystals were grown by the floating zone method.", "melt"),
        ("Pellets were sintered; conventional ceramic method.", "solid_state"),
        ("Nothing is said.", "other"),
    ],
)
def test_the_route_is_told_by_its_cues(text: str, expected: str) -> None:
    assert route(text) == expected


def test_targets_are_what_was_made_and_precursors_what_went_in() -> None:
    series = "CaTi1-2xFexNbxO3 was prepared from CaCO3, Fe2O3, Nb2O5 and TiO2, mixed and heated at 1173 K for 30 h. "
    found = read("The CaTi1-xFexNbxO3 family is known. " + series)
    assert found.target is not None
    assert found.target.text == "CaTi1-2xFexNbxO3"
    assert [m.formula for m in found.precursors] == ["CaCO3", "Fe2O3", "Nb2O5", "TiO2"]  # no member of the series
    nothing = read("The powder was mixed in ethanol, heated at 500 °C for 2 h and washed with water.")
    assert nothing.target is None
    assert nothing.precursors == ()
    unnamed = read("A stoichiometric mixture of La2O3 (99.9%) and CuO powders was ground and fired at 900 °C for 5 h.")
    assert {m.formula for m in unnamed.precursors} == {"La2O3", "CuO"}


def test_words_that_only_look_like_operations_are_none() -> None:
    text = (
        "The mixture was stirred, washed with distilled water, dried at 60 °C for 2 h and heated at 500 °C at a "
        "heating rate of 5 K/min. The product is black."
    )
    assert [s.verb for s in read(text).steps] == ["stirred", "washed", "dried", "heated"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The paper is organised as follows.",
        "VO2 is a metal above 340 K.",
        "It was heated.",
        "\x00\u202eאבג",
        "(" * 5000,
    ],
)
def test_text_without_a_procedure_has_no_recipe(text: str) -> None:
    assert recipes.read(text) is None


def test_every_paragraph_is_read_once() -> None:
    frame = pl.DataFrame(
        {
            "document_id": ["a", "a", "a", "b", None, "c"],
            "text": [SOLID, SOLID, SOLID.replace("La2", "Nd2"), SOLID, SOLID, None],
        }
    )
    made, _ = extract_recipes(frame)
    assert made["document_id"].to_list() == ["a", "a", "b"]
    assert made["recipe_id"].n_unique() == 3
    assert extract_recipes(frame)[0].equals(made)


def test_spans_are_those_of_the_text_as_given() -> None:
    text = SOLID.replace("La2CuO4", "La$_2$CuO$_4$").replace("950 °C", "950\\,$^{\\circ}$C")
    made, done = extract_recipes(paragraphs(text=[text]))
    assert made["target"].to_list() == ["La2CuO4"]
    assert made["calcine_temperature_K"].to_list() == [1223.15]
    assert [text[s["start"] : s["end"]] for s in done.to_dicts()] == done["verb"].to_list()


def test_a_missing_column_is_told() -> None:
    with pytest.raises(InputError, match="missing column text"):
        extract_recipes(pl.DataFrame({"document_id": ["a"]}))


def test_branches_of_a_transition_are_no_recipe() -> None:
    assert recipes.read("The resistance of VO2 drops at 341 K on heating and rises at 335 K on cooling.") is None
    assert recipes.read("VO2 was pressed at 300 K, and fired for 2 h at 900 K upon heating in air.") is not None


def test_precursors_of_a_long_text_are_found_in_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Reader:
        def tag(self, texts: list[str]) -> list[Tagged]:
            return [Tagged([Entity(i, i + 4, "Material") for i in range(0, len(text), 5)], []) for text in texts]

    monkeypatch.setattr(recipes, "shipped", Reader)
    took = []
    for number in (500, 8_000):
        mentions = [Mention(5 * i, 5 * i + 4, "TiO2", "TiO2", "formula") for i in range(number)]
        start = time.process_time()
        recipes._told_precursors(mentions, None, "TiO2 " * number)
        took.append(time.process_time() - start)
    assert took[1] < 40 * took[0] + 0.2  # sixteen times the text
