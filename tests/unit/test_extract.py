"""Records of documents: spans, kinds, odd input, and the commands over them."""

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from dagster_project.cli import app
from etl.text import extract
from schemas.errors import InputError

TEXT = "We study VO$_2$. Its metal-insulator transition is at $T_{MI}\\sim340$\\,K in bulk."
RECIPE = "LaCoO3 was prepared from La2O3 and Co3O4. They were mixed, calcined at 900 °C for 12 h and pressed."


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def test_every_record_points_at_what_was_read() -> None:
    docs = pl.DataFrame({"document_id": ["d"], "title": ["On VO$_2$"], "abstract": [TEXT], "body": [[RECIPE, TEXT]]})
    found, summary = extract.extract(docs)
    assert found.columns == list(extract.RECORDS)
    assert {r["kind"] for r in found.to_dicts()} == {"transition", "recipe", "compound"}
    assert summary["records"] == found.height == sum(summary[k] for k in extract.KINDS)
    texts = {"title": "On VO$_2$", "abstract": TEXT, "body[0]": RECIPE, "body[1]": TEXT}
    for row in found.to_dicts():
        held = texts[row["field"]][row["start"] : row["end"]]
        assert held.strip()
        assert row["sentence"] in texts[row["field"]]
        assert 0 < row["confidence"] <= 1
        if row["kind"] == "compound":
            assert held == row["compound"]
        if row["kind"] == "transition":
            assert "340" in held
            assert row["compound"] == "VO$_2$"


def test_the_same_statement_twice_is_one_record() -> None:
    docs = pl.DataFrame({"document_id": ["d"], "abstract": [TEXT + " " + TEXT], "body": [[TEXT]]})
    found, _ = extract.extract(docs, kinds=("transition",))
    assert found.height == 1


def test_recipes_and_compounds_say_what_they_are() -> None:
    docs = pl.DataFrame({"document_id": ["d"], "text": [RECIPE]})
    found, _ = extract.extract(docs, kinds=("recipe", "compound"))
    (recipe,) = found.filter(pl.col("kind") == "recipe").to_dicts()
    assert (recipe["formula"], recipe["value"], recipe["unit"]) == ("LaCoO3", 1173.15, "K")
    assert found.filter(pl.col("kind") == "compound")["formula"].to_list() == ["LaCoO3", "La2O3", "Co3O4"]


def test_odd_rows_are_counted_and_never_stop_the_others() -> None:
    docs = pl.DataFrame(
        {
            "document_id": ["a", None, "c", "d", "d"],
            "abstract": [None, TEXT, "", "\x00\u202eאבג", TEXT],
            "body": [[TEXT, "", None], None, [], ["(" * 5000], None],
        }
    )
    found, summary = extract.extract(docs, kinds=("transition",))
    assert found.select("document_id", "field").rows() == [("a", "body[0]"), ("d", "abstract")]
    assert summary["left_out"] == {"no document id": 1, "no text": 1}
    numbers = pl.DataFrame({"document_id": [7], "abstract": [3.5]})
    assert extract.extract(numbers)[1]["left_out"] == {"abstract is not text": 1}
    empty = extract.extract(docs.clear())[0]
    assert empty.height == 0
    assert empty.schema == pl.Schema(extract.RECORDS)


def test_nan_is_a_compound() -> None:
    docs = pl.DataFrame({"document_id": ["NaN"], "text": ["NaN and NaNO3 were compared."]})
    found, _ = extract.extract(docs, kinds=("compound",))
    assert found.select("document_id", "formula").rows() == [("NaN", "NaN"), ("NaN", "NaNO3")]


def test_wrong_arguments_are_told() -> None:
    docs = pl.DataFrame({"document_id": ["d"], "abstract": [TEXT]})
    with pytest.raises(InputError, match="unknown kind poem"):
        extract.extract(docs, kinds=("poem",))
    with pytest.raises(InputError, match="missing column doi"):
        extract.extract(docs, id_column="doi")
    with pytest.raises(InputError, match="missing column title or abstract"):
        extract.extract(docs.drop("abstract"))


def test_members_of_a_series_are_compounds_too() -> None:
    docs = pl.DataFrame({"document_id": ["d"], "abstract": ["We made Pr1-xCaxMnO3 (x = 0, 0.1) and CaCO3."]})
    found, _ = extract.extract(docs, kinds=("compound",))
    assert found.select("type", "compound", "formula").rows() == [
        ("formula", "Pr1-xCaxMnO3", "CaxPr1-xMnO3"),
        ("series", "Pr1-xCaxMnO3", "PrMnO3"),
        ("series", "Pr1-xCaxMnO3", "Ca0.1Pr0.9MnO3"),
        ("formula", "CaCO3", "CaCO3"),
    ]


def test_another_extractor_takes_the_place_of_the_rules() -> None:
    def one(fields: Sequence[extract.Field], kinds: Sequence[str]) -> Iterable[dict[str, Any]]:
        yield {"kind": kinds[0], "field": fields[0].name, "start": 0, "end": 2, "rule": "mine", "confidence": 1.0}

    docs = pl.DataFrame({"document_id": ["d"], "abstract": [TEXT]})
    found, _ = extract.extract(docs, extractor=one)
    assert found.select("document_id", "kind", "rule").rows() == [("d", "transition", "mine")]


@pytest.mark.parametrize(
    "piece",
    ["(", "VO2 ", "1", "300 K ", "300 K, ", "\x00", "\u202eא ", "\\", "$", "Tc = ", "heated at 300 C for 2 h and "],
)
def test_hostile_text_takes_no_time(piece: str) -> None:
    def seconds(characters: int) -> float:
        docs = pl.DataFrame({"document_id": ["d"], "abstract": [piece * (characters // len(piece))]})
        start = time.process_time()
        extract.extract(docs)
        return time.process_time() - start

    seconds(100)  # word lists and weights are read once
    assert seconds(50_000) < 5 or seconds(50_000) < 8 * seconds(12_500)  # a loaded machine takes longer, in proportion


def test_the_command_reads_documents_with_lists(tmp_path: Path) -> None:
    docs, out = tmp_path / "docs.jsonl", tmp_path / "out.jsonl"
    docs.write_text(json.dumps({"id": "007", "title": None, "body": [TEXT]}) + "\n", "utf-8")
    code, stdout, _ = run(
        "text", "extract", str(docs), "--out", str(out), "--id", "id", "--kinds", "transition", "--json"
    )
    assert code == 0
    assert json.loads(stdout)["transition"] == 1
    row = json.loads(out.read_text("utf-8"))
    assert (row["document_id"], row["field"], row["value"]) == ("007", "body[0]", 340.0)


def test_the_command_keeps_the_column_it_parses(tmp_path: Path) -> None:
    table, out = tmp_path / "t.csv", tmp_path / "out.parquet"
    table.write_text("formula\nV2O4\nZz\n", "utf-8")
    assert run("formula", "parse", str(table), "--out", str(out), "--column", "formula")[0] == 0
    assert pl.read_parquet(out).select("formula_input", "formula").rows() == [("V2O4", "VO2"), ("Zz", None)]


def test_the_commands_say_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    table, out = tmp_path / "t.csv", str(tmp_path / "out.csv")
    table.write_text("document_id,abstract\nd,VO2\n", "utf-8")
    for arguments, message in (
        (("text", "extract", str(table), "--out", out, "--kinds", "poem"), "unknown kind poem"),
        (("text", "extract", str(table), "--out", out, "--id", "doi"), "doi"),
        (("text", "extract", str(tmp_path / "none.csv"), "--out", out), "none.csv"),
        (("text", "extract", str(table), "--out", out, "--properties", "none.yaml"), "none.yaml"),
        (("text", "tag", str(table), "--out", out), "text"),
        (("text", "tag", str(table), "--out", out, "--column", "abstract", "--model", "gpt"), "unknown model gpt"),
        (("formula", "parse", str(table), "--out", out), "text"),
    ):
        code, _, stderr = run(*arguments)
        assert code == 2
        assert stderr.startswith("error: ")
        assert message in stderr
        assert stderr.count("\n") == 1
    assert not (tmp_path / "out.csv").exists()


def test_parse_and_tag_keep_the_rows(tmp_path: Path) -> None:
    table, out = tmp_path / "t.csv", tmp_path / "out.parquet"
    table.write_text("id,text\n1,NaN\n2,\n3,Zz\n", "utf-8")
    code, stdout, _ = run("formula", "parse", str(table), "--out", str(out), "--json")
    assert code == 0
    assert json.loads(stdout) == {"rows": 3, "ok": 1, "not_ok": 2}
    assert pl.read_parquet(out)["formula"].to_list() == ["NaN", None, None]
    code, stdout, _ = run("text", "tag", str(table), "--out", str(out), "--json")
    assert code == 0
    assert json.loads(stdout) == {"texts": 3, "entities": 1, "relations": 0, "not_ok": 1}
    assert pl.read_parquet(out)["ok"].to_list() == [True, False, True]
