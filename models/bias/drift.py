"""How a column is spread beside what it was: share of missing values, numbers, groups, and what goes together.

Limits grow with the noise of the samples, so that a small table and a fair sample raise nothing. Rows are compared as
sets; what happened to single rows is in `revisions`.
"""

import math

import numpy as np
import polars as pl

from models.bias.findings import Finding
from models.bias.numbers import finite
from schemas.arrays import Floats

SHIFT = 0.12
"""Largest distance of two distributions (0 to 1) that is no drift, however large the samples."""
NOISE = 2.2
"""Of the noise of two fair samples, on the scale of Kolmogorov's statistic: exceeded once in 8,000 columns."""
FEW = 20


def psi(before: Floats, now: Floats, *, bins: int = 10) -> float:
    """Population stability index of numbers over the deciles of `before`; 0 is the same, above .25 is usual to act on.

    Args:
        before: shape (n,), finite.
        now: shape (m,), finite.
        bins: quantile bins; equal quantiles are one.
    """
    edges = np.unique(np.quantile(before, np.linspace(0, 1, bins + 1)[1:-1]))
    p = np.bincount(np.searchsorted(edges, before, side="right"), minlength=len(edges) + 1) + 0.5
    q = np.bincount(np.searchsorted(edges, now, side="right"), minlength=len(edges) + 1) + 0.5
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum((p - q) * np.log(p / q)))


def wasserstein(before: Floats, now: Floats) -> float:
    """Mean distance that a value must be moved, in units of the interquartile range of `before` (or its deviation)."""
    grid = (np.arange(200) + 0.5) / 200
    a, b = np.quantile(before, grid), np.quantile(now, grid)
    low, high = np.quantile(before, [0.25, 0.75])
    scale = float(high - low) or float(before.std()) or 1.0
    return float(np.mean(np.abs(a - b))) / scale


def kolmogorov(before: Floats, now: Floats) -> float:
    """Largest distance of two cumulative distributions, 0 to 1."""
    both = np.sort(np.unique(np.concatenate([before, now])))
    a = np.searchsorted(np.sort(before), both, side="right") / len(before)
    b = np.searchsorted(np.sort(now), both, side="right") / len(now)
    return float(np.max(np.abs(a - b)))


def limit(n: int, m: int) -> float:
    """The largest distance that is no drift, for samples of n and m values."""
    return SHIFT + NOISE * math.sqrt((n + m) / (n * m))


def numbers(before: pl.DataFrame, now: pl.DataFrame, column: str) -> list[Finding]:
    """Numbers that are spread otherwise than before."""
    a, b = finite(before[column]), finite(now[column])
    if min(len(a), len(b)) < FEW:
        return []
    distance = kolmogorov(a, b)
    if distance <= limit(len(a), len(b)):
        return []
    text = (
        f"spread otherwise than before: median {np.median(a):.4g} -> {np.median(b):.4g}, largest distance "
        f"{distance:.2f}, PSI {psi(a, b):.2f}, moved by {wasserstein(a, b):.2f} quartile ranges"
    )
    return [Finding(column=column, text=text, count=len(b), of=now.height)]


def groups(before: pl.DataFrame, now: pl.DataFrame, column: str) -> list[Finding]:
    """Groups whose shares are not what they were, by half the sum of the differences."""
    a, b = (f[column].drop_nulls().cast(pl.String).value_counts() for f in (before, now))
    n, m = int(a["count"].sum()), int(b["count"].sum())
    if min(n, m) < FEW:
        return []
    both = a.join(b, on=column, how="full", coalesce=True, suffix="_now").fill_null(0)
    p, q = both["count"].to_numpy() / n, both["count_now"].to_numpy() / m
    distance = float(np.abs(p - q).sum()) / 2
    # a fair sample of k groups has about this much by chance alone
    pooled = (both["count"].to_numpy() + both["count_now"].to_numpy()) / (n + m)
    noise = float(np.sum(np.sqrt(pooled * (1 - pooled)))) * math.sqrt((n + m) / (n * m)) * 0.4
    if distance <= SHIFT + 1.5 * noise + 1.0 * math.sqrt((n + m) / (n * m)):
        return []
    worst = int(np.argmax(np.abs(p - q)))
    kind = both[column][worst]
    text = f"groups share otherwise than before ({distance:.2f}): {kind!r} {p[worst]:.1%} -> {q[worst]:.1%}"
    return [Finding(column=column, text=text, count=m, of=now.height)]


def shapes(before: pl.DataFrame, now: pl.DataFrame, column: str) -> list[Finding]:
    """Names of a build that none had before, where a few builds made nearly all: mp-12 and arxiv:1234.5, not MP-12.

    The build is told by runs of small letters, capital letters and digits, and by the signs between them.
    """
    a, b = (f.select(_shape(column)).drop_nulls()["shape"] for f in (before, now))
    if min(len(a), len(b)) < FEW:
        return []
    known = a.value_counts(sort=True)
    if known["count"].head(5).sum() < 0.98 * len(a):
        return []
    new = b.filter(~b.is_in(known["shape"].implode()))
    if len(new) < 3 or len(new) <= 0.02 * len(b):
        return []
    text = f"of another build than before: {new[0]!r} beside {known['shape'][0]!r}"
    return [Finding(column=column, text=text, count=len(new), of=len(b))]


def _shape(column: str) -> pl.Expr:
    text = pl.col(column).str.replace_all(r"[a-z]+", "a").str.replace_all(r"[A-Z]+", "A").str.replace_all(r"\d+", "0")
    return text.alias("shape")


def completeness(before: pl.DataFrame, now: pl.DataFrame, column: str) -> list[Finding]:
    """Values that are missing more often than before, by five deviations of a fair sample and two points."""
    n, m = before.height, now.height
    if min(n, m) < FEW:
        return []
    a, b = _missing(before[column]) / n, _missing(now[column]) / m
    pooled = (a * n + b * m) / (n + m)
    noise = math.sqrt(max(pooled * (1 - pooled), 1e-9) * (1 / n + 1 / m))
    if b - a <= max(0.02, 5 * noise):
        return []
    return [
        Finding(
            column=column,
            text=f"missing more often than before: {a:.1%} -> {b:.1%}",
            count=_missing(now[column]),
            of=m,
            grave=b > 0.99 and a < 0.5,
        )
    ]


def _missing(series: pl.Series) -> int:
    empty = series.null_count()
    if series.dtype.is_float():
        empty += int(series.is_nan().sum() or 0)
    if series.dtype == pl.List:
        empty += int((series.list.len() == 0).sum() or 0)
    if series.dtype == pl.String:
        empty += int((series.str.strip_chars() == "").sum() or 0)
    return empty


def together(before: pl.DataFrame, now: pl.DataFrame, columns: tuple[str, ...]) -> list[Finding]:
    """Pairs of numbers whose rank correlation is not what it was: one of them was moved against the other."""
    found: list[Finding] = []
    ranks = [_ranks(f, columns) for f in (before, now)]
    for i, left in enumerate(columns):
        for right in columns[i + 1 :]:
            (a, n), (b, m) = (_correlation(r, left, right) for r in ranks)
            if min(n, m) < 2 * FEW:
                continue
            noise = 4.5 * math.sqrt(1 / n + 1 / m)
            if abs(a) > 0.3 and abs(a - b) > max(0.25, noise) and abs(b) < abs(a):
                text = f"go together otherwise than before: rank correlation {a:.2f} -> {b:.2f}"
                found.append(Finding(column=f"{left}, {right}", text=text, count=m, of=now.height))
    return found


def _ranks(frame: pl.DataFrame, columns: tuple[str, ...]) -> dict[str, pl.Series]:
    return {c: frame[c].cast(pl.Float64).fill_nan(None) for c in columns}


def _correlation(columns: dict[str, pl.Series], left: str, right: str) -> tuple[float, int]:
    both = pl.DataFrame({"a": columns[left], "b": columns[right]}).drop_nulls()
    if both.height < FEW:
        return 0.0, both.height
    rank = both.select(pl.all().rank()).to_numpy()
    deviation = rank.std(axis=0)
    if not deviation.all():
        return 0.0, both.height
    centred = (rank - rank.mean(axis=0)) / deviation
    return float(np.mean(centred[:, 0] * centred[:, 1])), both.height


def ordered(before: pl.DataFrame, now: pl.DataFrame, columns: tuple[str, ...]) -> list[Finding]:
    """Pairs of columns of which one was never above the other, and now is.

    Args:
        before: the version before.
        now: this version.
        columns: numbers of one unit.
    """
    found: list[Finding] = []
    for left in columns:
        for right in columns:
            if left == right:
                continue
            (n, above), (m, now_above) = (_above(f, left, right) for f in (before, now))
            if n >= FEW and not above and now_above > 0.005 * m:
                text = f"{left} is above {right} in {now_above} of {m} rows, and never was before"
                found.append(Finding(column=f"{left}, {right}", text=text, count=now_above, of=m, grave=True))
    return found


def _above(frame: pl.DataFrame, left: str, right: str) -> tuple[int, int]:
    known = frame.select(pl.col(left).alias("left"), pl.col(right).alias("right")).drop_nulls()
    higher = pl.col("left") - pl.col("right") > 1e-3 * pl.col("left").abs()  # rounding puts nothing out of order
    return known.height, known.filter(higher).height


def determined(before: pl.DataFrame, now: pl.DataFrame, left: str, right: str) -> list[Finding]:
    """Rows in which `left` no longer determines `right`, where it did in every repeated value before."""
    repeats, broken = _contradictions(before, left, right)
    if repeats < 10 or broken:
        return []
    repeats, broken = _contradictions(now, left, right)
    if broken <= max(1, 0.01 * repeats):
        return []
    text = f"no longer told by {left}: {broken} of {repeats} repeated values have several"
    return [Finding(column=right, text=text, count=broken, of=repeats)]


def _contradictions(frame: pl.DataFrame, left: str, right: str) -> tuple[int, int]:
    known = frame.select(pl.col(left).alias("left"), pl.col(right).alias("right")).drop_nulls()
    kinds = known.group_by("left").agg(pl.len().alias("n"), pl.col("right").n_unique().alias("kinds"))
    several = kinds.filter(pl.col("n") > 1)
    return several.height, several.filter(pl.col("kinds") > 1).height
