"""Gold of formulas: the rules by which labelled strings are compared, each on strings of our own."""

from typing import Any

import pytest

from etl.text.evaluation.formulas import labelled
from etl.text.evaluation.tasks import evaluate
from schemas.errors import InputError


def row(text: str, *components: tuple[str, dict[str, str]], kind: str = "formulas") -> dict[str, Any]:
    composition = [{"amount": amount, "elements": elements} for amount, elements in components]
    return {"kind": kind, "material": text, "parser_output": [{"composition": composition}]}


ROWS = [
    row("TiO2", ("1", {"Ti": "1", "O": "2"})),
    row("Zn1-xMgxO", ("1", {"Zn": "1-x", "Mg": "x", "O": "1"})),
    row("SrCoO3-δ", ("1", {"Sr": "1", "Co": "1", "O": "3"})),  # the label leaves δ out
    row("NdCoOy", ("1", {"Nd": "1", "Co": "1", "O": "1"})),
    row("TiO2 + 2 wt% ZnO", ("1-x", {"Ti": "1", "O": "2"}), ("x", {"Zn": "1", "O": "1"})),  # weight is no mole
    row("Ca0.5□0.5TiO3", ("1", {"Ca": "0.5", "□": "0.5", "Ti": "1", "O": "3"})),
    row("(1-x)MgO-xZnO", ("1-x", {"Mg": "1", "O": "1"}), ("x", {"Zn": "1", "O": "1"})),
    row("calcium oxide", ("1", {"Ca": "1", "O": "1"}), kind="chemical_names"),
    row("MgO", ("1", {"Mg": "1", "O": "1.5"})),  # a wrong label
]


def test_the_share_of_strings_read_exactly_is_told_by_kind() -> None:
    scored = evaluate("formula", ROWS)
    scores = scored.scores["scores"]
    assert scores["f1"] == pytest.approx(8 / 9, abs=1e-3)
    assert {kind: held["hits"] for kind, held in scores["labels"].items()} == {"plain": 5, "variables": 2, "names": 1}
    assert scores["labels"]["names"]["f1_low"] is not None
    assert [(e["document_id"], e["label"], e["text"]) for e in scored.errors] == [("MgO", "plain", "MgO")]


def test_amounts_of_labels_are_read_exactly_or_left_out() -> None:
    made = labelled(row("AB", ("1-x", {"Ca": "2-2*x", "O": "x*(-z+1)"}), ("0.5", {"Ca": "2"})))
    assert made is not None
    assert made.amounts["Ca"] == {("x",): -4, (): 3, ("x", "x"): 2}
    assert labelled(row("AB", ("1", {"Ca": "2%"}))) is None
    assert labelled(row("AB")) is None
    silver = {"material_string": "ZnO", "composition": '[{"amount": "1", "elements": {"Zn": "1", "O": "1"}}]'}
    assert (found := labelled(silver)) is not None
    assert found.kind == "plain"


def test_tagged_phrases_are_scored_by_span() -> None:
    segments = [{"tag": "formula", "begin": 0, "end": 4}, {"tag": "shape", "begin": 5, "end": 9}]
    scored = evaluate("phrases", [{"text": "TiO2 film", "segments": segments}] * 2)
    assert scored.scores["scores"]["f1"] == 1.0
    assert scored.scores["scores"]["hits"] == 2  # the same phrase counts once


def test_rows_of_another_form_are_told() -> None:
    with pytest.raises(InputError, match="no gold of formula"):
        evaluate("formula", [{"text": "TiO2"}])
