"""How a sample stands for the pool it was drawn from."""

import math

import polars as pl

from models.bias.frames import ALL, Row, metrics, named, need


def representation(sample: pl.DataFrame, pool: pl.DataFrame, *, group: str) -> pl.DataFrame:
    """Compares the groups' shares in a sample with those in the pool.

    Returns:
        Per group of either `share`, `pool_share`, `representation` (their ratio; 1 is fair, 0 is absent, null where
        the pool has none); over all `divergence` (Jensen-Shannon, base 2, 0 to 1), `absent_share` (pool rows whose
        group the sample lacks). group_rows counts the sample.
    """
    need(sample, group)
    need(pool, group)
    p, q = _shares(sample, group), _shares(pool, group)
    rows: list[Row] = []
    counts = dict(named(sample, group).value_counts().iter_rows())
    for kind in sorted({*p, *q}):
        here, there, n = p.get(kind, 0.0), q.get(kind, 0.0), counts.get(kind, 0)
        rows += [
            (group, kind, "share", here, n),
            (group, kind, "pool_share", there, n),
            (group, kind, "representation", here / there if there else None, n),
        ]
    divergence = sum((_term(p.get(k, 0.0), q.get(k, 0.0)) for k in {*p, *q}), start=0.0) if p and q else None
    absent = sum(share for kind, share in q.items() if kind not in p) if q else None
    return metrics(
        [
            *rows,
            (group, ALL, "divergence", divergence, sample.height),
            (group, ALL, "absent_share", absent, sample.height),
        ]
    )


def _term(p: float, q: float) -> float:
    m = (p + q) / 2
    return sum(x / 2 * math.log2(x / m) for x in (p, q) if x > 0)


def _shares(frame: pl.DataFrame, group: str) -> dict[str, float]:
    return {k: n / frame.height for k, n in named(frame, group).value_counts().iter_rows()}
