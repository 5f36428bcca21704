"""Traces of damaged or contradictory values: placeholder zeros, repeats that disagree."""

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.bias.frames import ALL, Row, metrics, named, need

# Zeros stand apart where no other value comes nearer to zero than this share of the median magnitude.
_ISOLATION = 0.1
_MOST = 0.4


def sentinel_zeros(
    frame: pl.DataFrame, *, columns: tuple[str, ...] | None = None, label: str | None = None
) -> pl.DataFrame:
    """Exact zeros that stand apart from the other values of a column, as a placeholder does.

    A failed Ewald sum stored as 0.0 among energies of tens of eV is one; when only some labels have it, the zero
    tells the label to a model.

    Args:
        frame: one row an item.
        columns: numeric columns to look at; all if not given. Whole-number columns are counts and are left out.
        label: column of labels.

    Returns:
        Per column with such zeros `sentinel_share` (group_rows: the zeros) and, with a label, `label_information`
        (mutual information of zero and label in nats) and, per label, `sentinel_share:<column>`.
    """
    need(frame, *(columns or ()), *((label,) if label else ()))
    chosen = columns or tuple(c for c, t in frame.schema.items() if t.is_float())
    rows: list[Row] = []
    for column in chosen:
        zero = _isolated_zeros(frame.get_column(column))
        if zero is None:
            continue
        count = int(zero.sum())
        rows.append((column, ALL, "sentinel_share", count / frame.height, count))
        if label:
            labels = named(frame, label).to_numpy()
            rows.append((column, ALL, "label_information", _information(zero, labels), count))
            for kind in sorted(set(labels)):
                here = zero[labels == kind]
                rows.append((label, str(kind), f"sentinel_share:{column}", float(here.mean()), int(here.sum())))
    return metrics(rows)


def _isolated_zeros(series: pl.Series) -> NDArray[np.bool_] | None:
    values = series.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
    zero = values == 0.0
    size = np.abs(values[np.isfinite(values) & ~zero])
    if not zero.any() or len(size) < 5 or zero.sum() > _MOST * (len(size) + zero.sum()):
        return None
    whole = bool(np.all(size == np.round(size)))
    # Quantiles, not the minimum: one real small value must not hide a placeholder.
    apart = float(np.quantile(size, 0.01)) > _ISOLATION * float(np.median(size))
    return zero if apart and not whole else None


def _information(zero: NDArray[np.bool_], labels: NDArray[np.object_]) -> float:
    total = 0.0
    for state in (True, False):
        for kind in set(labels):
            joint = float(np.mean((zero == state) & (labels == kind)))
            if joint > 0:
                total += joint * math.log(joint / (float(np.mean(zero == state)) * float(np.mean(labels == kind))))
    return max(total, 0.0)


def duplicate_disagreement(frame: pl.DataFrame, *, keys: tuple[str, ...], value: str) -> pl.DataFrame:
    """How much repeats of the same thing disagree: no honest error of a model goes far below it.

    Args:
        frame: one row a measurement.
        keys: columns that say what was measured, such as the composition.
        value: number (spread) or text (label).

    Returns:
        Over all: `repeated` (share of keys with several values), for numbers `pooled_sd` (of the value's unit) and
        `largest_range`; for labels `disagreeing` (share of repeated keys with more than one label). group_rows is
        the number of keys it rests on.
    """
    need(frame, *keys, value)
    there = frame.drop_nulls([*keys, value])
    numeric = frame.schema[value].is_numeric()
    spread = [pl.col(value).var(ddof=1).alias("var"), (pl.col(value).max() - pl.col(value).min()).alias("range")]
    group = there.group_by(keys).agg(
        pl.len().alias("n"), pl.col(value).n_unique().alias("kinds"), *(spread if numeric else ())
    )
    several = group.filter(pl.col("n") > 1)
    name = ", ".join(keys)
    rows: list[Row] = [(name, ALL, "repeated", several.height / group.height if group.height else None, group.height)]
    if not numeric:
        mixed = several.filter(pl.col("kinds") > 1).height
        share = mixed / several.height if several.height else None
        return metrics([*rows, (name, ALL, f"disagreeing:{value}", share, several.height)])
    freedom = several.select((pl.col("n") - 1).sum()).item()
    pooled = several.select(((pl.col("n") - 1) * pl.col("var")).sum()).item()
    largest = several.get_column("range").max()
    return metrics(
        [
            *rows,
            (name, ALL, f"pooled_sd:{value}", math.sqrt(pooled / freedom) if freedom else None, several.height),
            (name, ALL, f"largest_range:{value}", None if largest is None else float(largest), several.height),  # type: ignore[arg-type]
        ]
    )
