"""What happened to the rows of a table between two versions: values changed, moved, rescaled, rows gone.

Rows are told by their key. A few changed values are how tables live; what is looked for is a pattern that no work on
single rows makes.
"""

import math

import numpy as np
import polars as pl

from models.bias.findings import Finding
from schemas.arrays import Floats

NAMED = (1000.0, 100.0, 10.0, 60.0, 3600.0, 24.0, 96.4853, 27.211386, 13.605693, 4.184, 23.0605, 1.60218, 0.529177)
"""Ratios of units: prefixes, h / min / s, eV / (kJ/mol), Hartree, Rydberg, calories, Bohr."""
ZERO_CELSIUS = 273.15
PART = 0.2
"""Share of changed values in a column above which its history was rewritten."""
_BEFORE = "__before__"


def aligned(before: pl.DataFrame, now: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    """Rows of both versions with the same key; columns of the former version end in `__before__`.

    Rows whose key is missing or repeated in either version cannot be told and are left out.
    """
    sides = [
        f.drop_nulls(key).filter(pl.struct(key).is_unique())
        if len(key) > 1
        else f.drop_nulls(key).filter(pl.col(key[0]).is_unique())
        for f in (before, now)
    ]
    shared = [c for c in now.columns if c in before.columns]
    return sides[1].select(shared).join(sides[0].select(shared), on=list(key), how="inner", suffix=_BEFORE)


def changes(both: pl.DataFrame, column: str) -> list[Finding]:
    """What changed in a column, row by row.

    Args:
        both: frame of `aligned`.
        column: column of text, numbers or flags.
    """
    old, new = both[column + _BEFORE], both[column]
    if old.dtype.is_numeric() and new.dtype.is_numeric():
        return _numbers(both, column)
    if old.dtype != new.dtype or old.dtype.is_nested():
        return []
    known = both.filter(old.is_not_null() & new.is_not_null() & (old != new))
    few = _told(both, old)
    if known.height < 3:
        return []
    long = old.dtype == pl.String and float(old.str.len_chars().fill_null(0).to_numpy().mean()) > 40
    part = 0.6 if long else PART
    return _moved(known, column, few) or _cut(known, column, few) or _rewritten(known, column, few, part=part)


def _numbers(both: pl.DataFrame, column: str) -> list[Finding]:
    old, new = (both[c].cast(pl.Float64).fill_nan(None) for c in (column + _BEFORE, column))
    scale = pl.Series(np.maximum(np.abs(old.fill_null(0).to_numpy()), np.abs(new.fill_null(0).to_numpy())))
    differ = (old.is_not_null() & new.is_not_null() & ((old - new).abs() > 1e-3 * scale)).fill_null(False)
    known, few = both.filter(differ), _told(both, old)
    if known.height < 3:
        return []
    a, b = (known[c].cast(pl.Float64).to_numpy() for c in (column + _BEFORE, column))
    return (
        _rescaled(a, b, column, few)
        or _same(a, b, column, few)
        or _moved(known, column, few)
        or _signs(a, b, column, few)
        or _rewritten(known, column, few)
    )


def emptied(both: pl.DataFrame, column: str) -> list[Finding]:
    """Values that were known and are missing now, in more rows than single withdrawals make."""
    gone = int((both[column + _BEFORE].is_not_null() & both[column].is_null()).sum())
    few = _told(both, both[column + _BEFORE])
    if gone < 5 or gone <= 0.04 * few:
        return []
    return [Finding(column=column, text=f"{gone} of {few} values that were known are missing", count=gone, of=few)]


def _told(both: pl.DataFrame, old: pl.Series) -> int:
    return both.height - old.null_count()


def _rescaled(old: Floats, new: Floats, column: str, of: int) -> list[Finding]:
    """Changed by one factor, or by the zero of the Celsius scale."""
    if len(old) < 4 or len(np.unique(old)) < 3:
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = new / old
    there = np.isfinite(ratio) & (ratio > 0)
    if there.sum() >= 4:
        middle = float(np.median(ratio[there]))
        alike = float(np.mean(there & (np.abs(ratio - middle) <= 5e-3 * middle)))
        if alike >= 0.8 and not 0.98 < middle < 1.02:
            known = any(
                abs(math.log(middle)) - math.log(f) < 0.02 and abs(math.log(middle)) - math.log(f) > -0.02
                for f in NAMED
            )
            if known or len(old) > 0.5 * of:
                text = f"multiplied by {middle:.4g} in {len(old)} of {of} rows: another unit"
                return [Finding(column=column, text=text, count=len(old), of=of, grave=True)]
    step = new - old
    middle = float(np.median(step))
    alike = float(np.mean(np.abs(step - middle) <= 2e-3 * np.maximum(1.0, np.abs(old))))
    if alike >= 0.8 and (abs(abs(middle) - ZERO_CELSIUS) < 0.2 or (len(old) > 0.5 * of and middle)):
        text = f"moved by {middle:.4g} in {len(old)} of {of} rows: another unit or zero"
        return [Finding(column=column, text=text, count=len(old), of=of, grave=True)]
    return []


def _same(old: Floats, new: Floats, column: str, of: int) -> list[Finding]:
    """Different values replaced by one."""
    kinds, counts = np.unique(new, return_counts=True)
    top = int(counts.max())
    if top < max(4, 0.8 * len(new)) or len(np.unique(old[new == kinds[counts.argmax()]])) < 3:
        return []
    text = f"{top} different values became {kinds[counts.argmax()]:g}"
    return [Finding(column=column, text=text, count=top, of=of, grave=True)]


def _signs(old: Floats, new: Floats, column: str, of: int) -> list[Finding]:
    """Values whose sign was turned."""
    turned = int(np.sum(np.abs(new + old) <= 1e-6 * np.abs(old)))
    if turned < max(4, 0.8 * len(new)):
        return []
    return [Finding(column=column, text=f"{turned} values changed sign", count=turned, of=of, grave=True)]


def _moved(known: pl.DataFrame, column: str, of: int) -> list[Finding]:
    """Values that went to other rows: what stands in the changed rows stood in others of them before."""
    old, new = known[column + _BEFORE], known[column]
    kinds = old.n_unique()
    if known.height < 8 or kinds < 4 or known.height < 0.02 * of:
        return []
    a, b = (s.value_counts().rename({s.name: "v"}).cast({"count": pl.Int64}) for s in (old, new))
    common = a.join(b, on="v", how="inner").select(pl.min_horizontal("count", "count_right")).sum().item() or 0
    if common < 0.85 * known.height:
        return []
    text = f"{known.height} values went to other rows: shifted, shuffled or joined wrongly"
    return [Finding(column=column, text=text, count=known.height, of=of, grave=True)]


def _cut(known: pl.DataFrame, column: str, of: int) -> list[Finding]:
    """Texts of which only the beginning is left."""
    old, new = known[column + _BEFORE], known[column]
    if old.dtype != pl.String:
        return []
    begins = pl.DataFrame({"old": old, "new": new}).select(
        (pl.col("old").str.starts_with(pl.col("new"))) & (pl.col("new").str.len_chars() > 0)
    )
    cut = int(begins.to_series().sum())
    if cut < max(3, 0.7 * known.height):
        return []
    return [Finding(column=column, text=f"of {cut} texts only the beginning is left", count=cut, of=of, grave=True)]


def _rewritten(known: pl.DataFrame, column: str, of: int, *, part: float = PART) -> list[Finding]:
    """More values became others than work on single rows makes; long texts may be read anew in half of the rows."""
    if known.height < 5 or known.height <= part * of:
        return []
    text = f"{known.height} of {of} values that were known are others now"
    return [Finding(column=column, text=text, count=known.height, of=of)]


def swapped(both: pl.DataFrame, columns: tuple[str, ...]) -> list[Finding]:
    """Two columns that changed places, in a part of the rows."""
    found: list[Finding] = []
    for i, left in enumerate(columns):
        for right in columns[i + 1 :]:
            if both[left].dtype != both[right].dtype:
                continue
            a, b, c, d = (pl.col(n) for n in (left, right, left + _BEFORE, right + _BEFORE))
            hit = both.select(((a == d) & (b == c) & (a != b)).fill_null(False)).to_series()
            if int(hit.sum()) >= max(3, 0.01 * both.height):
                text = f"changed places in {hit.sum()} rows"
                found.append(
                    Finding(column=f"{left}, {right}", text=text, count=int(hit.sum()), of=both.height, grave=True)
                )
    return found


def flipped(both: pl.DataFrame, label: str, groups: tuple[str, ...]) -> list[Finding]:
    """Labels that changed: in more than a twentieth of the rows, or in most rows of one group."""
    known = both.drop_nulls([label, label + _BEFORE]).with_columns(
        flip=pl.col(label).cast(pl.String) != pl.col(label + _BEFORE).cast(pl.String)
    )
    flips = int(known["flip"].sum())
    if flips >= 4 and flips > 0.02 * known.height:
        return [Finding(column=label, text=f"{flips} labels changed", count=flips, of=known.height, grave=True)]
    for group in groups:
        parts = known.drop_nulls([group]).group_by(group).agg(pl.len().alias("n"), pl.col("flip").sum())
        worst = parts.filter((pl.col("flip") >= 3) & (pl.col("flip") > 0.5 * pl.col("n")))
        if worst.height:
            name, n, count = worst.sort("flip", descending=True).row(0)
            text = f"{count} of {n} labels changed in {group} {name!r}"
            return [Finding(column=label, text=text, count=int(count), of=known.height, grave=True)]
    return []


def lost(before: pl.DataFrame, now: pl.DataFrame, key: tuple[str, ...], groups: tuple[str, ...]) -> list[Finding]:
    """Rows that are gone and are of one kind: a part of the table is missing, or the sample is not fair."""
    gone = before.join(now.select(key), on=list(key), how="anti")
    if gone.height < 5 or gone.height == before.height:
        return []
    found: list[Finding] = []
    share = gone.height / before.height
    for group in groups:
        marked = before.select(pl.col(group).cast(pl.String).alias("kind"), *_keyed(key)).drop_nulls("kind")
        left = gone.select(pl.col(group).cast(pl.String).alias("kind")).drop_nulls().group_by("kind").len("gone")
        parts = marked.group_by("kind").len("n").join(left, on="kind", how="left").fill_null(0)
        if parts.height < 2:
            continue
        whole = parts.filter((pl.col("gone") == pl.col("n")) & (pl.col("n") >= 4))
        # a fair loss takes all n of a group with chance share ** n
        unlikely = whole.filter(pl.col("n") * -math.log10(max(share, 1e-9)) > 4 + math.log10(parts.height))
        n, g = parts["n"].to_numpy().astype(float), parts["gone"].to_numpy().astype(float)
        expected = n * share
        chi2 = float(np.sum((g - expected) ** 2 / (expected * (1 - share))))
        freedom = parts.height - 1
        z = (chi2 - freedom) / math.sqrt(2 * freedom)
        effect = math.sqrt(max(chi2 - freedom, 0.0) / before.height)
        if unlikely.height:
            kind, size, _ = unlikely.sort("n", descending=True).row(0)
            text = f"all {size} rows of {kind!r} are gone, and {share:.1%} of all"
        elif z > 8 and effect > 0.25:
            worst = int(np.argmax(np.abs(g - expected)))
            kind = f"{g[worst]:.0f} of {n[worst]:.0f} of {parts['kind'][worst]!r}"
            text = f"the {gone.height} rows that are gone are no fair sample: {kind}"
        else:
            continue
        found.append(Finding(column=group, text=text, count=gone.height, of=before.height))
        break
    return found


def _keyed(key: tuple[str, ...]) -> list[pl.Expr]:
    return [pl.col(k).alias(f"__key_{k}") for k in key]


def hazards(before: pl.DataFrame, now: pl.DataFrame, columns: tuple[str, ...]) -> list[Finding]:
    """Words that a reader takes for something else (NaN, NA, No, inf, 1E5), gone while the others stayed."""
    found: list[Finding] = []
    for column in columns:
        words = before[column].drop_nulls().unique()
        risky = set(
            words.filter(words.str.contains(r"(?i)^(nan|na|n/a|null|none|inf|nil|no|yes|true|false|[ynf]|\d+e\d+)$"))
        )
        gone = risky - set(now[column].drop_nulls().unique())
        kept = len(set(words) & set(now[column].drop_nulls().unique())) / max(1, len(words))
        if gone and kept > 0.97:
            text = f"{', '.join(sorted(gone))} is gone: read as something else than a name"
            found.append(Finding(column=column, text=text, count=len(gone), of=len(words), grave=True))
    return found


def older(before: pl.DataFrame, now: pl.DataFrame, column: str) -> list[Finding]:
    """A newest day that lies before the newest day of the former version."""
    a, b = before[column].max(), now[column].max()
    if a is None or b is None or not b < a:  # type: ignore[operator]
        return []
    newer = int((before[column] > b).sum())
    share = max(0.02, 1 - now.height / before.height)
    if newer * -math.log10(share) < 4:  # a fair sample may miss the newest rows
        return []
    text = f"newest {b!s} lies before {a!s} of the version before, and {newer} newer rows are gone"
    return [Finding(column=column, text=text, count=newer, of=before.height)]


def repeats(before: pl.DataFrame, now: pl.DataFrame, columns: tuple[str, ...]) -> list[Finding]:
    """More rows that say the same as others than before, keys and times left out."""
    if not columns or not before.height or not now.height:
        return []
    a, b = (f.height - f.select(columns).n_unique() for f in (before, now))
    share, now_share = a / before.height, b / now.height
    noise = math.sqrt(max(share, 1 / before.height) * (1 / before.height + 1 / now.height))
    if b < 5 or now_share - share <= max(0.01, 5 * noise):
        return []
    text = f"more rows say the same as others than before: {share:.1%} -> {now_share:.1%}"
    return [Finding(column=", ".join(columns[:3]), text=text, count=b, of=now.height)]
