"""What the Parquet files of a table hold, in the declared shape, and how frames differ from it.

Files are read as streams: nothing here holds more of a table than its keys and the rows that were asked for. Which
files make up a version is known to `store`.
"""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from schemas.core import Table, Type
from schemas.emit import polars as emitted

_FILE = "__file__"


def scan(table: Table, files: list[Path]) -> pl.LazyFrame:
    """The rows of files in the declared columns and types; what the files lack is null."""
    if not files:
        return emitted.empty(table).lazy()
    lazy = pl.scan_parquet(files, glob=False)
    there = lazy.collect_schema()
    return lazy.select(
        (pl.col(n) if n in there else pl.lit(None).alias(n)).cast(t, strict=True)
        for n, t in emitted.schema(table).items()
    )


def among(table: Table, files: list[Path], frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of files whose key a frame has.

    The keys of all files are looked through; other columns are read from files with such a key only.
    """
    keys = list(table.key)
    wanted = frame.select(keys).lazy()
    if files:
        marked = pl.scan_parquet(files, glob=False, include_file_paths=_FILE).select(*keys, _FILE)
        hit = marked.join(wanted, on=keys, how="semi").select(pl.col(_FILE).unique())
        found = set(hit.collect(engine="streaming")[_FILE].to_list())
        files = [file for file in files if str(file) in found]
    return scan(table, files).join(wanted, on=keys, how="semi").collect(engine="streaming")


def replaceable(table: Table) -> bool:
    """Whether Delta can replace the rows of given keys: one text is the key, and no name has a capital letter.

    Its overwrite by predicate loses the case of names.
    """
    plain = all(name == name.lower() for name in table.column_names)
    return plain and len(table.key) == 1 and table.column(table.key[0]).type is Type.STRING


def difference(
    good: pl.DataFrame, current: pl.DataFrame | None, table: Table
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Rows with new keys, rows with other values, and how many stored keys the frame does not have."""
    if current is None:
        return good, good.clear(), 0
    keys = list(table.key)
    compared = [c.name for c in table.columns if not c.volatile and c.name not in keys]
    added = good.join(current, on=keys, how="anti")
    gone = current.join(good, on=keys, how="anti").height
    if not compared:
        return added, good.clear(), gone
    both = good.join(current.select(*keys, *(pl.col(c).alias(f"{c}\0old") for c in compared)), on=keys, how="inner")
    differs = pl.any_horizontal(pl.col(c).ne_missing(pl.col(f"{c}\0old")) for c in compared)
    return added, both.filter(differs).select(good.columns), gone


def rejections(rejected: pl.DataFrame, *, at: datetime) -> pl.DataFrame:
    """Rows of meta.rejections, each once, from columns of `schemas.emit.polars.REJECTED`."""
    ids = [hashlib.sha256(repr(row).encode()).hexdigest()[:32] for row in rejected.iter_rows()]
    names = {"table": "table_name", "column": "column_name", "rule": "rule_text", "value": "value_text"}
    frame = rejected.rename({**names, "row": "row_json"}).with_columns(
        pl.Series("rejection_id", ids), pl.lit(at, dtype=pl.Datetime("us", "UTC")).alias("rejected_at")
    )
    return frame.unique("rejection_id", keep="first", maintain_order=True)


def as_arrow(rows: pl.DataFrame, table: Table) -> Any:
    """The rows as an Arrow table of the declared schema."""
    import pyarrow as pa

    from schemas.emit import arrow

    return pa.table(rows.to_arrow()).cast(arrow.schema(table))


def columns(of: Any) -> dict[str, Any]:
    """Name and Arrow type of the columns of a declaration, or of a stored Delta table."""
    import pyarrow as pa

    from schemas.emit import arrow

    schema = arrow.schema(of) if isinstance(of, Table) else pa.schema(of.schema().to_arrow())
    return {field.name: field.type for field in schema}
