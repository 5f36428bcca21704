"""Precursor sets for every target of a table, as records.

How sets are found and ranked is `precursors`; here they meet the route model and the rows that cannot be read.
"""

from typing import Any

import polars as pl

from models.recipes import ROUTES, precursors
from models.recipes.training import RecipeModel, prepare


def propose(model: RecipeModel, table: pl.DataFrame, *, top: int = 5) -> pl.DataFrame:
    """Precursor sets: records `row`, `rank`, `target`, `route`, `precursors`, `score`, `reaction`, `ok`, `reason`.

    Sets are ranked over the target's routes as probable as these are; `route` is the one that a set serves most. A
    target without any proposal keeps one record, ok = false.
    """
    frame, _, rows = prepare(model, table.select([c for c in table.columns if c == "target"]))
    judged = model.route.probabilities(frame[rows.tolist()]).tolist() if len(rows) else []
    likely = {row: dict(zip(ROUTES, p, strict=True)) for row, p in zip(rows.tolist(), judged, strict=True)}
    records: list[dict[str, Any]] = []
    for row, (target, reason) in enumerate(frame.select("target", "reason").iter_rows()):
        base = {"row": row, "target": target}
        found = precursors.propose(model.library, target, routes=likely[row], top=top) if row in likely else []
        if not found:
            best = max(likely[row], key=lambda r: likely[row][r]) if row in likely else None
            records.append(
                {**base, "route": best, "ok": False, "reason": reason or "no known precursor set brings its elements"}
            )
        records += [{**base, **_record(k, p)} for k, p in enumerate(found, start=1)]
    schema: dict[str, Any] = {
        "row": pl.Int64,
        "rank": pl.Int64,
        "target": pl.String,
        "route": pl.String,
        "precursors": pl.List(pl.String),
        "score": pl.Float64,
        "reaction": pl.String,
        "balanced": pl.Boolean,
        "ok": pl.Boolean,
        "reason": pl.String,
    }
    return pl.DataFrame(records, schema=schema)


def _record(rank: int, p: precursors.Proposal) -> dict[str, Any]:
    return {
        "rank": rank,
        "route": p.route,
        "precursors": list(p.precursors),
        "score": p.score,
        "reaction": p.reaction.text or None,
        "balanced": p.reaction.balanced,
        "ok": True,
        "reason": p.reaction.reason or None,
    }
