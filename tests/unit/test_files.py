"""Table files: what is read strictly, and what is written whole or not at all."""

import gzip
import io
import os
import sys
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from schemas.errors import InputError
from warehouse.files import check_out, read_table, write_table

FRAME = pl.DataFrame({"formula": ["VO2", "NaN", None], "t_K": [340.0, None, 1.5]})


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet", ".jsonl", ".jsonl.gz"])
def test_every_suffix_gives_back_what_was_written(tmp_path: Path, suffix: str) -> None:
    path = str(tmp_path / f"table{suffix}")
    write_table(FRAME, path)
    assert read_table(path, needs=("formula",), text=("formula",)).equals(FRAME)
    assert [p.name for p in tmp_path.iterdir()] == [f"table{suffix}"]


def test_sodium_nitride_is_not_a_missing_value(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("formula\nNaN\nNA\n", encoding="utf-8")
    assert read_table(str(path), text=("formula",))["formula"].to_list() == ["NaN", "NA"]


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("t.csv", b"formula\n\xff\xfe\n", "not UTF-8"),
        ("t.parquet", b"PAR1 truncated", "unreadable .parquet"),
        ("t.jsonl.gz", gzip.compress(b'{"a": 1}', mtime=0)[:-6], "unreadable .jsonl.gz"),
        ("t.jsonl", b"{not json", "unreadable .jsonl"),
        ("t.csv", b"other\n1\n", "missing column formula"),
        ("t.txt", b"formula\n", "unknown suffix"),
        ("t.csv", b"", "missing column formula"),
        ("t.csv", b"formula,t_K,formula\nVO2,1,NiO\n", "more than one column 'formula'"),
        ("t.csv", b"formula,,\nVO2,,\n", "more than one column ''"),
    ],
)
def test_bad_input_is_one_line_with_a_remedy(tmp_path: Path, name: str, body: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(body)
    with pytest.raises(InputError, match=said) as caught:
        read_table(str(path), needs=("formula",))
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_table(str(tmp_path / "absent.csv"))
    with pytest.raises(InputError, match="cannot write"):
        write_table(FRAME, str(tmp_path / "absent" / "t.csv"))


def test_nested_values_become_json_text_in_csv(tmp_path: Path) -> None:
    path = str(tmp_path / "t.csv")
    write_table(pl.DataFrame({"hits": [["a", "b"], None]}), path)
    assert read_table(path)["hits"].to_list() == ['["a", "b"]', None]


def test_bytes_and_durations_become_text_where_the_file_is_text(tmp_path: Path) -> None:
    frame = pl.DataFrame({"raw": [b"\xff\x00", None], "spent": [timedelta(days=1, seconds=3), None]})
    found = {}
    for suffix in (".csv", ".jsonl", ".parquet"):
        write_table(frame, str(tmp_path / f"t{suffix}"))
        found[suffix] = read_table(str(tmp_path / f"t{suffix}"))
    assert found[".csv"].rows() == [("ff00", "P1DT3S"), (None, None)]
    assert found[".jsonl"].rows() == [("ff00", "PT86403S"), (None, None)]
    assert found[".parquet"].equals(frame)


def test_nested_values_that_are_no_json_become_text_in_csv(tmp_path: Path) -> None:
    path = str(tmp_path / "t.csv")
    write_table(pl.DataFrame({"days": [[date(2020, 1, 1)]]}), path)
    assert read_table(path)["days"].item() == '["2020-01-01"]'


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@pytest.mark.parametrize(
    "values", [pl.Series([[b"a"]]), pl.Series([{"a": [b"a"]}]), pl.Series([object()], dtype=pl.Object)]
)
def test_values_that_a_file_cannot_hold_are_one_line_and_leave_no_file(
    tmp_path: Path, suffix: str, values: pl.Series
) -> None:
    with pytest.raises(InputError, match=f"values that {suffix} cannot hold"):
        write_table(pl.DataFrame({"x": values}), str(tmp_path / f"t{suffix}"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet", ".jsonl", ".jsonl.gz"])
def test_a_table_without_rows_survives_every_suffix(tmp_path: Path, suffix: str) -> None:
    path = str(tmp_path / f"t{suffix}")
    write_table(pl.DataFrame(schema={"formula": pl.String}), path)
    found = read_table(path, needs=("formula",), text=("formula",))
    assert (found.height, dict(found.schema)) == (0, {"formula": pl.String})


def test_nothing_on_stdin_is_a_table_without_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert dict(read_table("-", needs=("id", "text")).schema) == {"id": pl.String, "text": pl.String}


@pytest.mark.parametrize(("name", "body"), [("t.csv", "formula\nVO2\n"), ("t.jsonl", '{"formula": "VO2"}\n')])
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path, name: str, body: str) -> None:
    (tmp_path / name).write_text(body, "utf-8-sig")
    assert read_table(str(tmp_path / name), needs=("formula",)).rows() == [("VO2",)]


def test_an_output_that_cannot_be_written_is_known_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder.csv").mkdir()
    for where, said in [("t.txt", "unknown suffix"), ("folder.csv", "a folder"), ("absent/t.csv", "no such folder")]:
        with pytest.raises(InputError, match=said):
            check_out(str(tmp_path / where))
    check_out("-")
    check_out(str(tmp_path / "t.csv"))
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(InputError, match="Permission denied"):
        check_out(str(tmp_path / "t.csv"))


@pytest.mark.parametrize("row", ['{"formula": ["VO2"]}', '{"formula": {"a": "VO2"}}'])
def test_lists_and_objects_where_text_is_needed_are_one_line(tmp_path: Path, row: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(f"{row}\n")
    with pytest.raises(InputError, match="lists or objects in column formula"):
        read_table(str(path), needs=("formula",), text=("formula",))
    assert read_table(str(path), needs=("formula",)).height == 1
