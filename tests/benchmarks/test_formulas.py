"""Measured claims of formula parsing on the development data of MATLOOM_DATASETS; `make bench` prints them.

matloom text evaluate formula --data text2chem_cases.jsonl.gz
matloom text evaluate phrases --data supermat_material_strings.jsonl.gz
"""

import time

import polars as pl
import pytest

from etl.text import names
from etl.text.evaluation.tasks import evaluate
from etl.text.formula import parse_many
from tests.benchmarks.datasets import rows_of, text_set
from warehouse.files import read_table

ASKED = {"plain": 0.97, "variables": 0.85, "names": 0.70}


def test_formula_strings_are_read_as_asked() -> None:
    scores = evaluate("formula", rows_of("formula/text2chem_cases.jsonl.gz")).scores["scores"]["labels"]
    for kind, asked in ASKED.items():
        held = scores[kind]
        print(
            f"formula strings, {kind}: {held['f1']:.3f} ({held['f1_low']:.3f} to {held['f1_high']:.3f}), asked {asked}"
        )
        assert held["f1"] >= asked


def test_phrases_of_superconductor_papers_hold_their_formulas_and_names() -> None:
    scores = evaluate("phrases", rows_of("formula/supermat_material_strings.jsonl.gz")).scores["scores"]["labels"]
    for tag in ("formula", "name", "shape", "value", "variable"):
        held = scores[tag]
        print(f"tagged phrases, {tag}: {held['f1']:.3f} ({held['f1_low']:.3f} to {held['f1_high']:.3f})")
    assert scores["formula"]["f1"] >= 0.88
    assert scores["name"]["f1"] >= 0.80


@pytest.mark.parametrize(
    ("name", "column"),
    [("material_strings_silver.parquet", "material_string"), ("supermat_material_strings.jsonl.gz", "text")],
)
def test_distinct_strings_are_parsed_at_the_asked_speed(name: str, column: str) -> None:
    frame = read_table(str(text_set(f"formula/{name}"))).select(text=pl.col(column)).unique(maintain_order=True)
    parse_many(frame.head(1))  # the names are read once
    speed = 0.0
    for _ in range(3):  # the best of three: other work on the machine costs CPU time too
        names.resolve.cache_clear()
        start = time.process_time()
        parse_many(frame)
        speed = max(speed, frame.height / (time.process_time() - start))
    print(f"formula parsing, {frame.height:,} distinct strings of {name}: {speed:,.0f} a CPU second, asked 5,000")
    assert speed >= 5000
