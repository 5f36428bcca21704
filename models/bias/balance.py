"""How evenly rows fall on labels and groups. Entropies are in nats; diversity of values is in `diversity`."""

import math

import polars as pl

from models.bias.diversity import mixed_entropy
from models.bias.frames import ALL, Row, metrics, named, need


def class_balance(frame: pl.DataFrame, *, label: str) -> pl.DataFrame:
    """Shares of the labels, with the smallest share and the evenness over all.

    Args:
        frame: one row an item.
        label: column of labels; missing labels are left out.

    Returns:
        Per label `share`; over all `minority_share`, `evenness` (entropy over its maximum, 1 is balanced).
    """
    need(frame, label)
    counts = _counts(frame.filter(pl.col(label).is_not_null()), label)
    total = sum(counts.values())
    rows: list[Row] = [(label, k, "share", n / total, n) for k, n in counts.items()]
    smallest = min(counts.values()) / total if len(counts) > 1 else None
    rows += [
        (label, ALL, "minority_share", smallest, total),
        (label, ALL, "evenness", evenness(list(counts.values())), total),
    ]
    return metrics(rows)


def coverage(frame: pl.DataFrame, *, group: str) -> pl.DataFrame:
    """Counts of the groups and how concentrated they are.

    Returns:
        Per group `share`; over all `groups`, `entropy` (nats), `evenness`, `effective_groups` (exp of the entropy,
        Hill number of order 1), `largest_share`, `singletons` (share of groups with one row).
    """
    need(frame, group)
    counts = _counts(frame, group)
    total = sum(counts.values())
    rows: list[Row] = [(group, k, "share", n / total, n) for k, n in counts.items()]
    if not total:
        return metrics([(group, ALL, "groups", 0.0, 0)])
    sizes = list(counts.values())
    found = {
        "groups": float(len(sizes)),
        "entropy": entropy(sizes),
        "evenness": evenness(sizes),
        "effective_groups": math.exp(entropy(sizes)),
        "largest_share": max(sizes) / total,
        "singletons": sum(n == 1 for n in sizes) / len(sizes),
    }
    return metrics(rows + [(group, ALL, name, value, total) for name, value in found.items()])


def value_spread(frame: pl.DataFrame, *, group: str, value: str) -> pl.DataFrame:
    """How a value is spread within each group and over all.

    Numbers get `present`, `mean`, `sd`, `atom_share` and `mixed_entropy` (see `diversity.mixed_entropy`); text and
    flags get `present`, `distinct` and `label_entropy`. Over all also `entropy_gap`: largest minus smallest group
    entropy, the imbalance that ET-AL (doi 10.1063/5.0138913) drives down.
    """
    need(frame, group, value)
    parts = {str(k[0]): part for k, part in _grouped(frame, group).group_by("__group__", maintain_order=True)}
    rows: list[Row] = []
    entropies: list[float] = []
    for key in sorted(parts):
        found = _spread(parts[key].get_column(value))
        rows += [(group, key, f"{name}:{value}", v, parts[key].height) for name, v in found.items()]
        h = found.get("mixed_entropy", found.get("label_entropy"))
        entropies += [] if h is None else [h]
    over_all = {
        **_spread(frame.get_column(value)),
        "entropy_gap": max(entropies) - min(entropies) if entropies else None,
    }
    return metrics(rows + [(group, ALL, f"{name}:{value}", v, frame.height) for name, v in over_all.items()])


def group_bias(frame: pl.DataFrame, *, group: str, value: str) -> pl.DataFrame:
    """`coverage` of the groups and `value_spread` of the value in them, in one frame."""
    return pl.concat([coverage(frame, group=group), value_spread(frame, group=group, value=value)])


def entropy(counts: list[int]) -> float:
    """Shannon entropy of counts, nats; 0 where there is nothing."""
    total = sum(counts)
    return -sum(n / total * math.log(n / total) for n in counts if n) if total else 0.0


def evenness(counts: list[int]) -> float | None:
    """Entropy over its maximum (Pielou); None for fewer than two groups."""
    return entropy(counts) / math.log(len(counts)) if len(counts) > 1 else None


def _counts(frame: pl.DataFrame, column: str) -> dict[str, int]:
    counted = _grouped(frame, column).group_by("__group__").len().sort(["len", "__group__"], descending=[True, False])
    return dict(counted.iter_rows())


def _grouped(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    return frame.with_columns(named(frame, column).alias("__group__"))


def _spread(series: pl.Series) -> dict[str, float | None]:
    there = series.drop_nulls()
    if series.dtype.is_numeric():
        numbers = there.cast(pl.Float64)
        numbers = numbers.filter(numbers.is_finite())
        mean, sd, measured = numbers.mean(), numbers.std(), mixed_entropy(numbers.to_numpy())
        return {
            "present": len(numbers) / len(series) if len(series) else None,
            "mean": None if mean is None else float(mean),  # type: ignore[arg-type]
            "sd": None if sd is None else float(sd),  # type: ignore[arg-type]
            "atom_share": measured.atom_share,
            "mixed_entropy": measured.entropy,
        }
    counts = list(_counts(pl.DataFrame({"v": there}), "v").values())
    return {
        "present": len(there) / len(series) if len(series) else None,
        "distinct": float(len(counts)),
        "label_entropy": entropy(counts) if counts else None,
    }
