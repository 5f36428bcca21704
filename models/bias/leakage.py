"""What a training set and a test set share: documents, compositions, whole rows."""

import polars as pl

from models.bias.frames import need
from schemas.errors import InputError

LEAKAGE = pl.Schema(
    {
        "key": pl.String(),
        "shared_values": pl.Int64(),
        "train_rows": pl.Int64(),
        "test_rows": pl.Int64(),
        "test_share": pl.Float64(),
        "leak": pl.Boolean(),
    }
)


def leakage(train: pl.DataFrame, test: pl.DataFrame, *, keys: tuple[str, ...]) -> pl.DataFrame:
    """Counts, per key, of values that occur on both sides; missing values are never shared.

    Text is compared without outer white space; DOIs also without case and resolver address.

    Returns:
        One row a key: `key`, `shared_values`, `train_rows` and `test_rows` that carry them, `test_share`, `leak`.

    Raises:
        InputError: no key, or a key column missing on either side.
    """
    rows = []
    for key in _checked(train, test, keys):
        left, right = _normal(train, key), _normal(test, key)
        shared = set(left.drop_nulls()) & set(right.drop_nulls())
        marks = pl.Series(sorted(shared), dtype=pl.String).implode()
        in_train, in_test = int(left.is_in(marks).sum()), int(right.is_in(marks).sum())
        rows.append((key, len(shared), in_train, in_test, in_test / test.height if test.height else 0.0, bool(shared)))
    return pl.DataFrame(rows, schema=LEAKAGE, orient="row")


def leaking_rows(train: pl.DataFrame, test: pl.DataFrame, *, keys: tuple[str, ...]) -> pl.DataFrame:
    """The rows of the test set that share a key with the training set, with `row` (0-based) and `leaks_by` (keys)."""
    found = test.with_row_index("row").with_columns(pl.lit("").alias("leaks_by"))
    for key in _checked(train, test, keys):
        left = _normal(train, key).drop_nulls().unique().implode()
        mark = _normal(test, key).is_in(left).fill_null(False)
        found = found.with_columns(
            pl.when(mark)
            .then(pl.concat_str(pl.col("leaks_by"), pl.lit(f",{key}")))
            .otherwise("leaks_by")
            .alias("leaks_by")
        )
    return found.with_columns(pl.col("leaks_by").str.strip_prefix(",")).filter(pl.col("leaks_by") != "")


def _checked(train: pl.DataFrame, test: pl.DataFrame, keys: tuple[str, ...]) -> tuple[str, ...]:
    if not keys:
        raise InputError.of("no key", "leakage", "name at least one column, such as doi or target")
    need(train, *keys)
    need(test, *keys)
    return keys


def _normal(frame: pl.DataFrame, key: str) -> pl.Series:
    series = frame.get_column(key)
    if series.dtype.is_nested():
        return pl.Series(key, [None if v is None else str(v) for v in series.to_list()], dtype=pl.String)
    if series.dtype == pl.String:
        series = series.str.strip_chars()
        series = series.set(series == "", None)
    elif series.dtype.is_numeric():
        series = series.cast(pl.Float64)
    series = series.cast(pl.String)
    if "doi" in key.lower():
        series = series.str.to_lowercase().str.replace(r"^(https?://(dx\.)?doi\.org/|doi:\s*)", "")
    return series
