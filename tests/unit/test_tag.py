"""Entities of synthesis text in the labels of the MSPT scheme."""

import time

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.text.tag import entities, tag, tag_by_rules
from schemas.errors import InputError


def found(text: str) -> set[tuple[str, str]]:
    return {(e["label"], e["text"]) for e in entities(text)}


def test_a_synthesis_sentence_is_tagged() -> None:
    text = "La2O3 and CuO powders were mixed in an agate mortar and calcined at 950 °C for 24 h in air."
    assert found(text) >= {
        ("Material", "La2O3"),
        ("Material", "CuO"),
        ("Operation", "mixed"),
        ("Synthesis-Apparatus", "agate mortar"),
        ("Operation", "calcined"),
        ("Number", "950"),
        ("Condition-Unit", "°C"),
        ("Number", "24"),
        ("Condition-Unit", "h"),
        ("Material", "air"),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "heated at 900oC for 2h",
            {("Number", "900"), ("Condition-Unit", "oC"), ("Number", "2"), ("Condition-Unit", "h")},
        ),
        ("5 mL of water at pH 9", {("Amount-Unit", "mL"), ("Condition-Unit", "pH"), ("Number", "9")}),
        ("between 5 and 10 mol%", {("Number", "10"), ("Amount-Unit", "mol%")}),
        ("80-120 °C", {("Number", "80"), ("Number", "120"), ("Condition-Unit", "°C")}),
        ("in a molar ratio of 1:2", {("Amount-Unit", "molar ratio"), ("Number", "1:2")}),
        ("as reported [12, 13]", {("Reference", "[12, 13]")}),
        ("NaOH solution", {("Material", "NaOH"), ("Material-Descriptor", "solution")}),
    ],
)
def test_numbers_units_and_marks(text: str, expected: set[tuple[str, str]]) -> None:
    assert found(text) >= expected


def test_nouns_and_identifiers_are_no_operations_or_numbers() -> None:
    text = "The mixture is the product; precipitates in a solvent with additional yield."
    assert "Operation" not in {label for label, _ in found(text)}
    assert found("10.1234/a1bc98765d") == set()
    assert {text for label, text in found("VO2 and C2H6O2") if label == "Number"} == set()


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="VO2 at9°C,[]:-.$_{}pH\\₂א\x00%gml", max_size=60))
def test_entities_lie_in_the_text_in_order_and_apart(text: str) -> None:
    last = 0
    for entity in entities(text):
        assert last <= entity["start"] < entity["end"] <= len(text)
        assert text[entity["start"] : entity["end"]] == entity["text"]
        last = entity["end"]


def test_a_table_keeps_every_row() -> None:
    frame = pl.DataFrame({"id": ["a", "a", "c"], "text": ["5 g of NaN", None, ""]})
    made = tag_by_rules(frame)
    assert made["id"].to_list() == ["a", "a", "c"]
    assert made["ok"].to_list() == [True, False, False]
    assert made["reason"].to_list() == [None, "no text", "no text"]
    assert [e["text"] for e in made["entities"].to_list()[0]] == ["5", "g", "NaN"]
    assert made["entities"].to_list()[1:] == [[], []]
    assert made["relations"].list.len().to_list() == [0, 0, 0]
    learned = tag(frame)
    assert learned.schema == made.schema
    assert learned["ok"].to_list() == made["ok"].to_list()
    assert tag(pl.DataFrame({"text": [1]}))["reason"].to_list() == ["not text"]
    with pytest.raises(InputError, match="missing column words"):
        tag(frame, column="words")


@pytest.mark.parametrize("piece", ["1", "0.", "(", "1:", "VO2 ", "5 mL ", "10.1039/", "[1,", "\x00"])
def test_long_texts_take_no_time(piece: str) -> None:
    start = time.process_time()
    entities(piece * (50_000 // len(piece)))
    assert time.process_time() - start < 5


@pytest.mark.parametrize("held", ["text", '[{"start": 0}]'])
def test_known_entities_that_are_no_list_leave_the_row(held: str) -> None:
    done = tag(pl.DataFrame({"text": ["BaCO3 was fired."], "known": [held]}), known="known")
    assert done["ok"].to_list() == [False]
    assert done["reason"].to_list() == ["known entities that are no list"]


def test_known_entities_without_numbers_leave_the_row() -> None:
    held = [{"start": "0", "end": "5", "label": "Material"}]
    done = tag(pl.DataFrame({"text": ["BaCO3 was fired."], "known": [held]}), known="known")
    assert done["reason"].to_list() == ["a known entity without start, end and label"]
