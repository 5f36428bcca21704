"""Where the public data sets of the measurements lie; a test that lacks one says so and is skipped."""

import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from warehouse.files import read_table


def data_set(name: str) -> Path:
    """A file of MATLOOM_DATASETS, by its path there."""
    folder = os.environ.get("MATLOOM_DATASETS")
    path = Path(folder or "") / name
    if not folder or not path.exists():
        pytest.skip(f"MATLOOM_DATASETS is not set or has no {name}")
    return path


def text_set(name: str) -> Path:
    """A file of the text-mining data sets."""
    return data_set(f"text/{name}")


def rows_of(name: str) -> list[dict[str, Any]]:
    """The rows of such a file, as `matloom text evaluate` reads them."""
    return read_table(str(text_set(name))).to_dicts()


def abstracts(name: str) -> pl.DataFrame:
    """`document_id`, `title` and `abstract` of the abstracts of arXiv: condmat or haystack."""
    frame = pl.read_parquet(text_set(f"arxiv/{name}_abstracts.parquet"))
    return frame.select(pl.col("arxiv_id").alias("document_id"), "title", "abstract")
