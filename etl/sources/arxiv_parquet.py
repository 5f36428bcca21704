"""Stored arXiv metadata: Parquet files with arxiv_id, title, abstract, categories, created, updated, doi."""

from pathlib import Path

import polars as pl

from etl.sources import records
from schemas.errors import InputError

SOURCE = "arxiv_parquet"
_NEEDED = ("arxiv_id", "title", "abstract", "categories", "created", "updated", "doi")
LICENCE = "metadata CC0-1.0"


def read(folder: Path) -> pl.DataFrame:
    """All rows as frame of raw.documents, without repeats, in the order of their ids.

    Raises:
        InputError: no file, an unreadable one, or one without the columns.
    """
    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        raise InputError.of("no Parquet file", folder, "point MATLOOM_DATASETS to the registered data sets")
    parts = [_read(path) for path in paths]
    frame = pl.concat(parts).unique("arxiv_id", keep="first", maintain_order=True).sort("arxiv_id")
    return records.rows(
        frame.select(
            document_id=pl.lit("arxiv:") + pl.col("arxiv_id"),
            source=pl.lit("arxiv"),
            source_id="arxiv_id",
            doi=pl.col("doi").str.to_lowercase().str.extract(r"(\S+)"),
            arxiv_id="arxiv_id",
            title=pl.col("title").str.strip_chars(),
            abstract="abstract",
            categories=pl.col("categories").str.split(" "),
            published_on="created",
            updated_on="updated",
            licence=pl.lit(LICENCE),
        )
    )


def _read(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError.of("unreadable Parquet", path, "download it again") from error
    missing = [c for c in _NEEDED if c not in frame.columns]
    if missing:
        raise InputError.of(f"missing column {', '.join(missing)}", path, "it is no arXiv metadata file")
    days = [pl.col(c).cast(pl.String).str.slice(0, 10).str.to_date(strict=False) for c in ("created", "updated")]
    listed = frame.schema["categories"] == pl.List(pl.String)
    categories = pl.col("categories").list.join(" ") if listed else pl.col("categories").cast(pl.String)
    return frame.select("arxiv_id", "title", "abstract", categories, *days, pl.col("doi").cast(pl.String))
