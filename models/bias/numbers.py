"""Damage to numbers, a column at a time: impossible values, codes for missing ones, values of another scale.

Zeros that stand apart are in `defects`; how a column differs from what it was is in `drift` and `revisions`.
"""

import math

import numpy as np
import polars as pl

from models.bias.findings import Finding, of_rows
from schemas.arrays import Floats
from schemas.quantities import LARGEST

_CODES = (
    -1.0,
    -9.0,
    -99.0,
    -999.0,
    -9999.0,
    -99999.0,
    99.0,
    999.0,
    9999.0,
    99999.0,
    999999.0,
    1e10,
    1e20,
    1e30,
    -1e10,
    -1e20,
    -1e30,
)
MANY = 30
_FAR = 8.0


def impossible(frame: pl.DataFrame, column: str, *, low: float | None, high: float | None, what: str) -> list[Finding]:
    """Values outside what a quantity can be, and values that are not numbers."""
    value = frame[column].cast(pl.Float64)
    marks = value.is_nan() | value.is_infinite()
    if low is not None:
        marks |= value < low
    if high is not None:
        marks |= value > high
    said = f"no possible {what}: it lies between {'-inf' if low is None else low} and {'inf' if high is None else high}"
    return of_rows(frame, marks, column, said)


def absurd(frame: pl.DataFrame, column: str) -> list[Finding]:
    """Numbers so large that no quantity has them, such as 1e300, and those that are none."""
    value = frame[column].cast(pl.Float64)
    marks = value.is_nan() | (value.abs() > LARGEST)
    return of_rows(frame, marks, column, f"beyond {LARGEST:g}, which nothing measures", grave=True)


def unusual_middle(frame: pl.DataFrame, column: str, *, usual: tuple[float, float], what: str) -> list[Finding]:
    """A median that the quantity does not have over many substances: the column is in another unit."""
    value = finite(frame[column])
    if len(value) < MANY or len(np.unique(value[value != 0])) < 8:
        return []
    middle = float(np.median(value))
    if usual[0] <= middle <= usual[1]:
        return []
    text = f"half lie below {middle:.4g}, which is unusual of a {what} ({usual[0]:g} to {usual[1]:g}): another unit?"
    return [Finding(column=column, text=text, count=len(value), of=frame.height, grave=True)]


def codes(frame: pl.DataFrame, column: str) -> list[Finding]:
    """Codes for missing values, such as -999: repeated, and outside the range of all other values."""
    value = frame[column].cast(pl.Float64)
    counts = value.drop_nulls().value_counts().filter(pl.col(column).is_in(_CODES) & (pl.col("count") >= 2))
    found: list[Finding] = []
    for code in counts[column].to_list():
        rest = finite(value.filter((value != code) & ~value.is_in(_CODES)))
        if len(rest) < 10:
            continue
        low, high = float(rest.min()), float(rest.max())
        span = max(high - low, 1e-12)
        if (code < low and (low >= 0 > code or low - code > 0.5 * span)) or (code > high and code - high > 0.5 * span):
            found += of_rows(frame, value == code, column, f"{code:g} stands for a missing value", grave=True)
    return found


def far_off(frame: pl.DataFrame, column: str) -> list[Finding]:
    """A few values many times as far from the middle as nearly all others, on a scale of magnitudes.

    Up to a twentieth of the values may be far: those of a scale a thousand times as large are found so, the tail of a
    broad distribution is not.
    """
    value = frame[column].cast(pl.Float64)
    there = finite(value)
    if len(np.unique(there)) < MANY:
        return []
    size = np.abs(there)
    positive = size[size > 0]
    if len(positive) < MANY:
        return []
    logs = np.log10(positive)
    middle, spread = float(np.median(logs)), float(np.quantile(logs, 0.95) - np.quantile(logs, 0.5))
    limit = middle + max(2.0, _FAR * spread)
    if not np.any(logs > limit) or _tailed(np.sort(logs), limit):
        return []
    return of_rows(
        frame, value.abs() > 10**limit, column, f"far from all others, of which half lie below {10**middle:.4g}"
    )


def _tailed(logs: Floats, limit: float) -> bool:
    """Whether the values go on without a break into those beyond the limit; logs in rising order."""
    beyond = int(np.searchsorted(logs, limit, side="right"))
    return beyond > 0 and bool(logs[beyond] - logs[beyond - 1] < 1.0)


def two_scales(
    frame: pl.DataFrame, column: str, *, factors: tuple[float, ...] = (1000.0, 60.0, 3600.0, 100.0, 10.0)
) -> list[Finding]:
    """Two heaps of values apart by a factor of units: part of the column is in another unit.

    Both heaps are positive, no value lies between them, and the smaller one, divided by the factor, lies inside the
    greater one.
    """
    value = frame[column].cast(pl.Float64)
    there = finite(value)
    there = np.sort(there[there > 0])
    if len(there) < MANY:
        return []
    logs = np.log10(there)
    gaps = np.diff(logs)
    place = int(np.argmax(gaps))
    small, large = there[: place + 1], there[place + 1 :]
    few, most = (large, small) if len(large) <= len(small) else (small, large)
    # towards zero a distribution thins out by itself: there the gap must be a decade and the heap a hundredth
    width, part = (0.45, 0.005) if few is large else (1.0, 0.01)
    if gaps[place] < width or len(few) < max(4, part * len(there)) or len(few) > 0.5 * len(there):
        return []
    if len(np.unique(few)) < 3:
        return []
    for factor in factors:
        moved = few / factor if few is large else few * factor
        inside = (moved >= np.quantile(most, 0.01)) & (moved <= np.quantile(most, 0.99))
        if inside.mean() >= 0.8 and abs(math.log10(float(np.median(moved))) - float(np.median(np.log10(most)))) < 0.5:
            edge = float(small[-1])
            marks = (value > edge) if few is large else ((value <= edge) & (value > 0))
            return of_rows(frame, marks, column, f"a heap of its own, as if {factor:g} times off", grave=True)
    return []


def repeated_odd(frame: pl.DataFrame, column: str) -> list[Finding]:
    """One number with many decimals that stands in far more rows than any other: a mean put where values lacked."""
    value = frame[column].cast(pl.Float64)
    there = value.drop_nulls()
    counts = there.value_counts(sort=True)
    odd = counts.filter((pl.col(column) * 1000 != (pl.col(column) * 1000).round()) & pl.col(column).is_finite())
    if counts.height < MANY or not odd.height:
        return []
    top, times = odd.row(0)
    second = odd.row(1)[1] if odd.height > 1 else 1
    if times < max(8, 0.03 * len(there)) or times < 5 * second:
        return []
    middle = finite(there)
    near = abs(float(top) - float(middle.mean())) < 0.02 * float(middle.std() or 1) or abs(
        float(top) - float(np.median(middle[middle != top]))
    ) < 0.02 * float(middle.std() or 1)
    if not near:
        return []
    return of_rows(frame, value == top, column, f"{top:.6g}, the mean or median of the others, put where values lacked")


def twins(frame: pl.DataFrame, columns: tuple[str, ...]) -> list[Finding]:
    """Columns of measured numbers that are equal in every row: one of them was copied over the other."""
    found: list[Finding] = []
    seen: dict[tuple[float, int, int], str] = {}
    for column in columns:
        value = frame[column].cast(pl.Float64)
        kinds = value.n_unique()
        if kinds < max(MANY, 0.2 * frame.height):
            continue
        key = (float(value.fill_nan(None).sum() or 0.0), kinds, value.null_count())
        other = seen.setdefault(key, column)
        if other != column and frame[other].cast(pl.Float64).equals(value, null_equal=True, check_names=False):
            found.append(
                Finding(column=f"{other}, {column}", text="the same in every row", count=frame.height, of=frame.height)
            )
    return found


def finite(series: pl.Series) -> Floats:
    """The finite values of a column of numbers, shape (n,)."""
    values = series.cast(pl.Float64).drop_nulls().to_numpy()
    there: Floats = values[np.isfinite(values)]
    return there
