"""The shape every measure returns: one metric of one group a row. The measures themselves are in the neighbours."""

import math
from collections.abc import Iterable
from datetime import datetime

import polars as pl

from schemas.errors import InputError

ALL = "*"  # the group of a metric over all groups
METRICS = pl.Schema(
    {
        "group_column": pl.String(),
        "group_value": pl.String(),
        "metric_name": pl.String(),
        "metric_value": pl.Float64(),
        "group_rows": pl.Int64(),
    }
)
Row = tuple[str, str, str, float | None, int | None]


def metrics(rows: Iterable[Row]) -> pl.DataFrame:
    """A frame of `METRICS`; values that are not finite become null."""
    clean = [(c, g, m, v if v is not None and math.isfinite(v) else None, n) for c, g, m, v, n in rows]
    return pl.DataFrame(clean, schema=METRICS, orient="row")


def need(frame: pl.DataFrame, *columns: str) -> None:
    """Checks that the columns are there.

    Raises:
        InputError: one is missing.
    """
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise InputError.of(
            f"missing column {', '.join(missing)}", "the table", f"it has {', '.join(frame.columns) or 'none'}"
        )


def named(frame: pl.DataFrame, column: str) -> pl.Series:
    """A column as group names: text, with missing values as "(missing)"."""
    series = frame.get_column(column)
    if series.dtype.is_nested():
        return pl.Series(column, ["(missing)" if v is None else str(v) for v in series.to_list()], dtype=pl.String)
    return series.cast(pl.String).fill_null("(missing)")


def as_table(measured: pl.DataFrame, *, table: str, version: int, at: datetime) -> pl.DataFrame:
    """Metrics as rows of `meta.bias_metrics`, to ten digits: the last ones depend on the order in which threads sum.

    Args:
        measured: frame of `METRICS`.
        table: two-part name of the measured table.
        version: its version.
        at: when it was measured, UTC.
    """
    return measured.with_columns(pl.col("metric_value").round_sig_figs(10)).select(
        pl.lit(table).alias("table_name"),
        pl.lit(version, dtype=pl.Int64).alias("table_version"),
        *METRICS.names(),
        pl.lit(at, dtype=pl.Datetime("us", "UTC")).alias("measured_at"),
    )
