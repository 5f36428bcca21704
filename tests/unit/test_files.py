"""Table files: what is read strictly, and what is written whole or not at all."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from schemas.errors import InputError
from warehouse.files import read_table, write_table

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
        ("t.jsonl.gz", gzip.compress(b'{"a": 1}')[:-6], "unreadable .jsonl.gz"),
        ("t.jsonl", b"{not json", "unreadable .jsonl"),
        ("t.csv", b"other\n1\n", "missing column formula"),
        ("t.txt", b"formula\n", "unknown suffix"),
        ("t.csv", b"", "missing column formula"),
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
