"""Scores of reading as tables: measured on the documents that ship, errors with their sentence, shown in the report."""

import json
from pathlib import Path

import polars as pl

from etl.text.evaluation import reading
from schemas.emit.polars import inspect
from schemas.tables import REGISTRY


def test_the_documents_that_ship_are_read_well_and_better_than_by_the_baseline() -> None:
    made = reading.measured({})
    for name, frame in made.items():
        assert inspect(frame, REGISTRY[name]).rejected_rows == 0
    whole = made["core.reading_scores"].filter(pl.col("label") == "*")
    (rules,) = whole.filter(pl.col("reader") == "rules").to_dicts()
    (nearest,) = whole.filter(pl.col("reader") == "nearest").to_dicts()
    assert (rules["documents"], rules["hits"] + rules["misses"]) == (60, 29)
    assert rules["f1"] > 0.95 > nearest["f1"]
    assert rules["f1_low"] <= rules["f1"] <= rules["f1_high"]
    assert reading.measured({})["core.reading_scores"].equals(made["core.reading_scores"])


def test_data_sets_are_measured_where_they_lie_and_each_error_is_kept(tmp_path: Path) -> None:
    assert reading.files(tmp_path) == {}
    path = tmp_path / "text/psie/Tc_abstracts.jsonl.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    assert reading.files(tmp_path) == {"curie": path}
    text = "The Curie temperature of EuO is 69 K. That of SrRuO3 is high."
    rows = [{"source": "s", "text": text, "gold": [{"compound": "SrRuO3", "value": "160 K"}]}]
    made = reading.measured({"curie": json.loads(json.dumps(rows))})
    errors = made["core.reading_errors"].filter(pl.col("gold") == "data set").sort("error").to_dicts()
    assert [(e["error"], e["document_id"]) for e in errors] == [("false alarm", "s"), ("miss", "s")]
    assert errors[0]["sentence"] == "The Curie temperature of EuO is 69 K."
    assert made["core.reading_errors"]["error_id"].is_unique().all()
    scored = made["core.reading_scores"].filter((pl.col("task") == "curie") & (pl.col("reader") == "rules"))
    assert scored.select("label", "hits", "false_alarms", "misses").rows() == [("*", 0, 1, 1)]
