"""Labels of compounds from text: who is believed, who agrees, and that conflicts stay."""

from typing import Any

import polars as pl
import pytest

from etl.text.labels import AGREED, SURE, labels
from schemas.emit.polars import empty, inspect
from schemas.tables import REGISTRY

PROPERTIES = REGISTRY["core.properties"]


def record(document: str, formula: str, kind: str = "MIT", value: float = 340.0, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(PROPERTIES.column_names)
    identity = f"{document}{formula}{kind}{value}"
    row |= {"property_id": identity, "document_id": document, "kind": "transition", "type": kind, "formula": formula}
    return row | {"value": value, "unit": "K", "confidence": 0.9, "sentence": "s", "field": "abstract"} | more


def made(*records: dict[str, Any]) -> list[dict[str, Any]]:
    properties = pl.DataFrame(list(records), schema=empty(PROPERTIES).schema, orient="row")
    names = sorted({r["document_id"] for r in records})
    documents = pl.DataFrame({"document_id": names, "doi": None, "licence": "CC0"}, schema_overrides={"doi": pl.String})
    found = labels(properties, documents)
    assert inspect(found, REGISTRY["core.labels"]).rejected_rows == 0
    return found.filter(~pl.col("curated")).sort("source").to_dicts()


def test_a_sure_record_is_a_label_with_its_evidence() -> None:
    (row,) = made(record("a", "Ag2S", value=230.0, confidence=SURE))
    assert (row["formula"], row["label_name"], row["transition_temperature_K"]) == ("Ag2S", "mit", 230.0)
    assert (row["confidence"], row["property_id"], row["curated"]) == (SURE, "aAg2SMIT230.0", False)
    assert made(record("a", "Ag2S", confidence=SURE - 0.01)) == []


def test_documents_that_are_less_sure_count_where_they_agree() -> None:
    one, other = (record(d, "Ag2S", value=230.0, confidence=AGREED) for d in "ab")
    assert [r["supporting"] for r in made(one, other)] == [2, 2]
    assert made(one, record("b", "FeSi", confidence=AGREED)) == []
    assert made(one, {**other, "confidence": AGREED - 0.01}) == []
    assert made(one, {**other, "document_id": "a"}) == []  # twice in one document is once


def test_conflicts_are_counted_and_kept() -> None:
    rows = made(record("a", "Ag2S"), record("b", "Ag2S", "band_gap", 0.15, unit="eV"))
    assert [(r["label_name"], r["supporting"], r["contradicting"]) for r in rows] == [
        ("mit", 1, 1),
        ("insulator", 1, 1),
    ]
    (against,) = made(record("a", "SrVO3"))  # a metal for the curated source
    assert (against["label_name"], against["contradicting"]) == ("mit", 1)


def test_temperatures_of_several_sources_show_how_far_they_are_apart() -> None:
    rows = made(record("a", "Ag2S", value=226.0), record("b", "Ag2S", value=230.0))
    assert [r["temperature_spread_K"] for r in rows] == [4.0, 4.0]
    (single,) = made(record("a", "Ag2S"))
    assert single["temperature_spread_K"] is None
    (known,) = made(record("a", "VO2", value=345.0))
    assert (known["supporting"], known["temperature_spread_K"]) == (2, 5.0)  # the curated one says 340 K


def test_a_range_is_labelled_by_its_middle() -> None:
    (row,) = made(record("a", "Ti2O3", value=None, low=400.0, high=600.0))  # type: ignore[arg-type]
    assert row["transition_temperature_K"] == 500.0


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("band_gap", {"value": 0.05, "unit": "eV"}),  # as small as that of a density wave
        ("band_gap", {"value": 2.0, "unit": "eV", "confidence": 0.7}),
        ("NEEL", {"value": 100.0}),
        ("MIT", {"formula": None}),
        ("MIT", {"formula": "RNiO3"}),  # no single compound
    ],
)
def test_what_is_no_label(kind: str, more: dict[str, Any]) -> None:
    assert made({**record("a", "Ag2S", kind), **more}) == []


def test_a_gap_beside_a_transition_in_one_document_is_that_of_its_insulating_phase() -> None:
    gap = record("a", "Ag2S", "band_gap", 0.15, unit="eV", confidence=0.95)
    (row,) = made(gap, record("a", "Ag2S", confidence=0.7))
    assert row["label_name"] == "mit"
