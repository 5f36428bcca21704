"""What the rules read from text: formulas, names, transitions, recipes, entities, and where they stand."""

import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.text import extract, recipes, tag
from etl.text.formula import parse, parse_many, reduce
from etl.text.materials import find
from etl.text.plain import plain, sentences
from schemas.emit.polars import inspect
from schemas.errors import InputError
from schemas.tables import REGISTRY


def records(text: str, *kinds: str) -> list[dict[str, object]]:
    docs = pl.DataFrame({"document_id": ["d"], "text": [text]})
    found, _ = extract.extract(docs, kinds=kinds or extract.KINDS)
    return found.to_dicts()


def transitions(text: str) -> list[tuple[object, object, object]]:
    return [(r["formula"], r["type"], r["value"]) for r in records(text, "transition")]


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("La1-xSrxCoO3 (x = 0.1-0.3)", "SrxLa1-xCoO3"),
        ("RNiO3 (R = La, Nd)", "RNiO3"),
        ("Mn(NO3)2·4H2O", "MnH8N2O10"),
        ("Mn(NO3)2.4H2O", "MnH8N2O10"),
        ("VO2(M1)", "VO2"),
        ("vanadium dioxide", "VO2"),
        ("manganese (II) nitrate", "MnN2O6"),
        ("YAG", "Y3Al5O12"),
        ("NaN", "NaN"),
        ("Oy", "Oy"),
        ("Ba(Mg(1-x)/3SnxTa2(1-x)/3)O3", "BaMg0.3333-0.3333xTa0.6667-0.6667xSnxO3"),
    ],
)
def test_formulas_as_written(text: str, formula: str) -> None:
    assert parse(text).formula == formula


def test_variables_keep_their_values() -> None:
    assert parse("RNiO3 (R = La, Nd)").variables == {"R": ["La", "Nd"]}
    assert parse("La1-xSrxCoO3 (x = 0.1-0.3)").variables == {"x": [0.1, 0.3]}


@pytest.mark.parametrize("text", ["Xx2O3", "", "(" * 5000, "hello world", "\x00", "(1-x)A-xB"])
def test_what_is_no_formula_says_why(text: str) -> None:
    made = parse(text)
    assert not made.ok
    assert made.reason


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="()[]{}NaVOx123.+-·, =/δα\n", max_size=60))
def test_no_string_breaks_the_parser(text: str) -> None:
    made = parse(text)
    assert made.ok or made.reason


def test_a_table_of_formulas_keeps_every_row() -> None:
    found = parse_many(pl.DataFrame({"n": [1, 2, 3], "text": ["VO2", None, "Zz"]}))
    assert found["ok"].to_list() == [True, False, False]
    assert found["n"].to_list() == [1, 2, 3]
    with pytest.raises(InputError, match="missing column name"):
        parse_many(found, column="name")


def test_reduction() -> None:
    assert reduce("V2O4") == "VO2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("VO$_2$ shows a metal-insulator transition at $T_{MI}=340$ K.", [("VO2", "MIT", 340.0)]),
        ("The Verwey transition of Fe3O4 takes place at 122 K.", [("Fe3O4", "MIT", 122.0)]),
        ("NdNiO3 orders antiferromagnetically below the Néel temperature T_N = 200 K.", [("NdNiO3", "NEEL", 200.0)]),
        ("The Curie temperature of SrRuO3 is 160 K.", [("SrRuO3", "CURIE", 160.0)]),
        ("The Curie-Weiss temperature of CuO is 340 K.", []),
        ("Spectra of VO2 were measured at 300 K.", []),
        ("Films of VO2 were annealed at 723 K.", []),
        ("The blocking temperature of CoFe2O4 particles is 145 K.", []),
    ],
)
def test_transitions_and_what_only_looks_like_one(text: str, expected: list[object]) -> None:
    assert transitions(text) == expected


def test_degrees_celsius_become_kelvin() -> None:
    (found,) = transitions("The metal-insulator transition of VO2 occurs at 68 °C.")
    assert found[2] == pytest.approx(341.15)


def test_respectively_pairs_values_with_compounds() -> None:
    found = transitions("The metal-insulator transition of PrNiO3 and NdNiO3 occurs at 130 K and 200 K, respectively.")
    assert set(found) == {("PrNiO3", "MIT", 130.0), ("NdNiO3", "MIT", 200.0)}


def test_spans_hold_what_was_read() -> None:
    text = "We study VO$_2$. Its metal-insulator transition is at $T_{MI}\\sim340$\\,K in bulk."
    for record in records(text):
        assert record["field"] == "text"
        held = text[record["start"] : record["end"]]  # type: ignore[misc]
        assert held.strip()
        if record["kind"] == "transition":
            assert "340" in held


def test_lists_nulls_and_odd_types_are_told_apart() -> None:
    docs = pl.DataFrame(
        {
            "document_id": ["a", None, "c"],
            "abstract": [None, "x", ""],
            "body": [["The Verwey transition of Fe3O4 is at 122 K.", ""], None, []],
        }
    )
    found, summary = extract.extract(docs, kinds=("transition",))
    assert found["field"].to_list() == ["body[0]"]
    assert summary["left_out"] == {"no document id": 1, "no text": 1}
    with pytest.raises(InputError, match="unknown kind poem"):
        extract.extract(docs, kinds=("poem",))
    with pytest.raises(InputError, match="missing column"):
        extract.extract(docs.drop("abstract", "body"))


def test_long_and_hostile_text_takes_no_time() -> None:
    start = time.process_time()
    for text in ("(" * 20_000, "VO2 " * 5_000, "1" * 50_000, "\x00\u202e" * 5_000, "a." * 20_000):
        records(text)
    assert time.process_time() - start < 10


def test_compounds_are_found_and_words_are_not() -> None:
    named = [m.formula for m in find("We mixed La2O3 with CuO In this case I used He and VO2 at K.")]
    assert named[:2] == ["La2O3", "CuO"]
    assert "VO2" in named
    assert "In" not in named
    assert "I" not in named


PARAGRAPH = (
    "La2CuO4 was prepared by a solid-state reaction. La2O3 and CuO were mixed, calcined at 950 °C for 24 h, "
    "pressed into pellets and sintered at 1000 °C for 10 h in air with a heating rate of 5 °C/min."
)


def test_a_recipe_has_target_precursors_and_ordered_steps() -> None:
    found = recipes.read(PARAGRAPH)
    assert found is not None
    assert found.route == "solid_state"
    assert [s.operation for s in found.steps][:2] != []
    frame = pl.DataFrame(
        {
            "document_id": ["d"], "field": ["body[0]"], "text": [PARAGRAPH], "doi": ["10.1/x"], "licence": ["CC0-1.0"],
        }
    )  # fmt: skip
    made, steps = recipes.extract_recipes(frame)
    row = made.row(0, named=True)
    assert row["target"] == "La2CuO4"
    assert set(row["precursors"]) == {"La2O3", "CuO"}
    assert row["sinter_temperature_K"] == pytest.approx(1273.15)
    assert row["sinter_time_h"] == 10
    assert row["calcine_temperature_K"] == pytest.approx(1223.15)
    assert row["max_temperature_K"] == pytest.approx(1273.15)
    assert steps["step"].to_list() == list(range(1, steps.height + 1))
    assert inspect(made, REGISTRY["core.recipes"]).rejected_rows == 0
    assert inspect(steps, REGISTRY["core.recipe_steps"]).rejected_rows == 0


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("VO2 was obtained by a hydrothermal reaction in an autoclave at 180 °C for 8 h.", "hydrothermal"),
        ("The sol-gel route with citric acid gave LaCoO3 after calcination at 700 °C.", "sol_gel"),
        ("Fe3O4 was made by co-precipitation from FeCl2 and FeCl3 at 80 °C.", "precipitation"),
        ("Films of VO2 were deposited by pulsed laser deposition at 500 °C.", "film"),
    ],
)
def test_routes(text: str, route: str) -> None:
    assert recipes.route(text) == route


def test_text_without_a_procedure_has_no_recipe() -> None:
    assert recipes.read("The paper is organised as follows.") is None


def test_entities_of_a_synthesis_sentence() -> None:
    text = "La2O3 and CuO powders were mixed and calcined at 950 °C for 24 h."
    frame = tag.tag(pl.DataFrame({"id": ["1", "2"], "text": [text, None]}))
    found = {(e["label"], text[e["start"] : e["end"]]) for e in frame["entities"].to_list()[0]}
    assert {("Material", "La2O3"), ("Operation", "calcined"), ("Number", "950"), ("Number", "24")} <= found
    assert frame["ok"].to_list() == [True, False]
    with pytest.raises(InputError, match="missing column words"):
        tag.tag(frame, column="words")


def test_latex_is_undone_with_offsets() -> None:
    source = r"La$_{1-x}$Sr$_x$MnO$_3$ at 300\,K"
    made = plain(source)
    assert "La1-xSrxMnO3" in made.text
    at = made.text.index("300")
    start, end = made.span(at, at + 3)
    assert source[start:end] == "300"


def test_sentences_do_not_break_at_abbreviations() -> None:
    text = "As shown by Mott et al. in 1949, it is so. Fig. 2 agrees."
    assert [text[a:b] for a, b in sentences(text)] == ["As shown by Mott et al. in 1949, it is so.", "Fig. 2 agrees."]


def test_a_configuration_of_properties_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("surprise: true", "utf-8")
    docs = pl.DataFrame({"document_id": ["d"], "text": ["VO2 at 3 K"]})
    with pytest.raises(InputError) as caught:
        extract.extract(docs, properties=str(path))
    assert "p.yaml" in str(caught.value)
    with pytest.raises(InputError):
        extract.extract(docs, properties=str(tmp_path / "none.yaml"))
