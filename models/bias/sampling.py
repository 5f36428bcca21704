"""Campaigns of entropy-targeted sampling over a table: simulated where values are known, proposed where they are not.

How a row is chosen is in `etal`. Frames in, frames out.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from models.bias.describing import described, finite_numbers
from models.bias.etal import STRATEGIES, Campaign, Task
from models.bias.frames import named, need
from schemas.arrays import Bools, Floats, Ints
from schemas.errors import InputError

TRACE = pl.Schema(
    {
        "seed": pl.Int64(),
        "draw": pl.Int64(),
        "row": pl.Int64(),
        "group": pl.String(),
        "value": pl.Float64(),
        "coverage": pl.Float64(),
        "lowest": pl.Float64(),
        "gap": pl.Float64(),
    }
)
"""`draw` 0 is the start; `row` counts rows of the table from 0; `coverage` is the mean entropy of the groups, `lowest`
the smallest, `gap` largest minus smallest, all in nats."""
POOL = 1 / 3  # share of the rows that a simulated campaign hides at the start
FEWEST = 5  # rows of a group that stay known


def simulate(
    frame: pl.DataFrame,
    *,
    group: str,
    value: str,
    budget: int,
    seeds: range,
    strategy: str = "etal",
    variant: str = "robust",
    features: tuple[str, ...] = (),
    labelled: str = "",
) -> pl.DataFrame:
    """Campaigns on rows whose values are known but hidden at the start; rows without a finite value are left out.

    Args:
        frame: one row an item.
        group: column of the groups.
        value: column of numbers.
        budget: draws of each campaign, at most.
        seeds: one campaign each.
        strategy: how the next row is chosen.
        variant: see `etal.Task`.
        features: columns that tell rows apart; see `described`.
        labelled: column that is true where a row is known at the start; else see `start`.

    Returns:
        A frame of `TRACE`.

    Raises:
        InputError: unknown strategy or variant, a missing column, nothing to draw from.
    """
    if strategy not in STRATEGIES:
        raise InputError.of(f"unknown strategy {strategy!r}", "--strategy", f"use one of {', '.join(STRATEGIES)}")
    need(frame, group, value)
    numbers = finite_numbers(frame, value)
    kept = np.flatnonzero(np.isfinite(numbers))
    if len(kept) < 2 * FEWEST:
        raise InputError.of(f"{len(kept)} values of {value}", "the table", f"give at least {2 * FEWEST} rows with one")
    part, numbers = frame[kept], numbers[kept]
    task = _task(part, group, value, variant, features)
    rows: list[tuple[object, ...]] = []
    for seed in seeds:
        known = start(task.groups, numbers, seed=seed) if not labelled else _flags(part, labelled)
        rows += _campaign(task, numbers, known, strategy, budget, seed, kept)
    return pl.DataFrame(rows, schema=TRACE, orient="row")


def propose(
    frame: pl.DataFrame,
    *,
    group: str,
    value: str,
    budget: int,
    strategy: str = "etal",
    features: tuple[str, ...] = (),
    seed: int = 0,
) -> pl.DataFrame:
    """Which rows without a value to learn next, best first.

    Values are not there to be revealed, so each proposal counts as the mean expected for it when the next is chosen.

    Returns:
        The chosen rows with `rank` (from 1), `row` (of the table, from 0), `expected` and `expected_sd` (null where
        chance chose).

    Raises:
        InputError: a missing column; fewer than five known values.
    """
    need(frame, group, value)
    numbers = finite_numbers(frame, value)
    known = np.isfinite(numbers)
    if known.sum() < FEWEST:
        raise InputError.of(
            f"{int(known.sum())} values of {value}", "the table", f"give at least {FEWEST} rows with one"
        )
    task = _task(frame, group, value, "robust", features)
    campaign = Campaign(task, numbers.copy(), known, np.random.default_rng(seed))
    chosen: list[tuple[int, float, float]] = []
    typical = float(np.median(numbers[known]))
    while len(chosen) < budget and (found := campaign.choose(strategy)) is not None:
        chosen.append(found)
        campaign.reveal(found[0], found[1] if np.isfinite(found[1]) else typical)
    at = [row for row, *_ in chosen]
    made = pl.DataFrame(
        {
            "rank": pl.Series(range(1, len(at) + 1), dtype=pl.Int64),
            "row": pl.Series(at, dtype=pl.Int64),
            "expected": pl.Series([m for _, m, _ in chosen], dtype=pl.Float64).fill_nan(None),
            "expected_sd": pl.Series([s for *_, s in chosen], dtype=pl.Float64).fill_nan(None),
        }
    )
    return frame[at].select(pl.exclude(made.columns)).hstack(made)


def start(groups: Ints, values: Floats, *, seed: int) -> Bools:
    """What a simulated campaign knows at first: a biased two thirds, as in the paper.

    Of up to half the groups all rows on one side of their median are hidden (the paper hides stable or unstable
    compounds of three crystal systems), then random rows of any group, until a third is hidden; five rows of every
    group stay known.
    """
    chance, n = np.random.default_rng(seed), len(values)
    hidden = np.zeros(n, dtype=bool)
    codes, counts = np.unique(groups, return_counts=True)
    large = chance.permutation(codes[counts >= 4 * FEWEST])
    room = int(POOL * n)
    for code in large[: max(1, len(codes) // 2)]:
        inside = np.flatnonzero(groups == code)
        above = values[inside] > np.median(values[inside])
        side = inside[above if chance.random() < 0.5 else ~above]
        if hidden.sum() + len(side) <= room and len(inside) - len(side) >= FEWEST:
            hidden[side] = True
    for row in chance.permutation(n):
        if hidden.sum() >= room:
            break
        hidden[row] |= (~hidden & (groups == groups[row])).sum() > FEWEST
    return ~hidden


def reached(trace: pl.DataFrame, goals: dict[int, float]) -> list[float]:
    """Draws of each seed until its coverage is at least the seed's goal; infinite where it never is, or has none."""
    found = []
    for seed, goal in goals.items():
        there = (
            trace.filter((pl.col("seed") == seed) & (pl.col("coverage") >= goal))
            if np.isfinite(goal)
            else trace.clear()
        )
        found.append(float(there["draw"].min()) if there.height else np.inf)  # type: ignore[arg-type]
    return found


def finals(trace: pl.DataFrame) -> dict[int, float]:
    """Coverage of each seed after its last draw; NaN where no group has an entropy, as where values repeat."""
    last = trace.group_by("seed", maintain_order=True).agg(pl.col("coverage").last().fill_null(np.nan))
    return dict(last.iter_rows())


def summarise(runs: Mapping[str, pl.DataFrame], strategy: str) -> dict[str, Any]:
    """How soon a strategy is where random draws end, and how soon drawing from the least diverse group is.

    Args:
        runs: traces of the strategy, of "random" and of "group-random" with the same seeds.
        strategy: the one asked for.

    Returns:
        `draws`: median over seeds of draws until the coverage that random draws end with (null where most never reach
        it); `random_draws`, `group_random_draws`: the same of those; `share_of_random`; `seeds_reached`; final means.
    """
    goals = finals(runs["random"])
    draws = {name: reached(trace, goals) for name, trace in runs.items()}
    middle = {name: _finite(float(np.median(d))) for name, d in draws.items()}
    own, chance = middle[strategy], middle["random"]
    return {
        "strategy": strategy,
        "seeds": len(goals),
        "draws": own,
        "random_draws": chance,
        "group_random_draws": middle["group-random"],
        "share_of_random": own / chance if own is not None and chance else None,
        "seeds_reached": int(np.isfinite(draws[strategy]).sum()),
        "coverage": _finite(float(np.mean(list(finals(runs[strategy]).values())))),
        "random_coverage": _finite(float(np.mean(list(goals.values())))),
    }


def _task(frame: pl.DataFrame, group: str, value: str, variant: str, features: tuple[str, ...]) -> Task:
    labels = named(frame, group).to_list()
    names = tuple(sorted(set(labels)))
    codes = {name: code for code, name in enumerate(names)}
    made = described(frame, features, without=(group, value))
    return Task(made, np.array([codes[label] for label in labels], dtype=np.int64), names, variant)


def _campaign(
    task: Task, values: Floats, known: Bools, strategy: str, budget: int, seed: int, kept: Ints
) -> list[tuple[object, ...]]:
    campaign = Campaign(task, np.where(known, values, np.nan), known.copy(), np.random.default_rng(seed))
    rows: list[tuple[object, ...]] = [(seed, 0, None, None, None, *_levels(campaign))]
    while len(rows) <= budget and (found := campaign.choose(strategy)) is not None:
        at = found[0]
        campaign.reveal(at, float(values[at]))
        told = int(kept[at]), task.names[task.groups[at]], float(values[at])
        rows.append((seed, len(rows), *told, *_levels(campaign)))
    return rows


def _levels(campaign: Campaign) -> tuple[float | None, ...]:
    found = [h for h in campaign.entropies.values() if np.isfinite(h)]
    return (float(np.mean(found)), min(found), max(found) - min(found)) if found else (None, None, None)


def _flags(frame: pl.DataFrame, column: str) -> Bools:
    need(frame, column)
    found = frame[column]
    true = found.cast(pl.String).str.to_lowercase().is_in(["1", "1.0", "true", "yes"])
    flags = np.array(true.fill_null(False).to_numpy(), dtype=bool)
    if flags.all() or flags.sum() < FEWEST:
        raise InputError.of(
            f"{int(flags.sum())} known rows by {column}", "the table", f"mark {FEWEST} or more, not all"
        )
    return flags


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
