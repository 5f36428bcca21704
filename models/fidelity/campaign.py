"""Optimization over a finite pool with a cheap and a costly source: which row to ask which source about next.

Two processes, the costly value being a multiple of the cheap one and a difference (Kennedy and O'Hagan, Biometrika 87,
1 (2000)). The next question has the largest augmented expected improvement by cost (Huang, Allen, Notz and Miller,
Struct. Multidiscip. Optim. 32, 369 (2006)). Campaigns over mixed variables of one source are in `models.design`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from models.bias.describing import described, finite_numbers
from models.bias.frames import need
from models.bias.pool import Hyperparameters, Pool, learn
from models.normal import excess
from schemas.arrays import Floats
from schemas.errors import InputError

TRACE = pl.Schema(
    {
        "seed": pl.Int64(),
        "step": pl.Int64(),
        "row": pl.Int64(),
        "source": pl.String(),
        "cost": pl.Float64(),
        "best": pl.Float64(),
    }
)
"""`cost` is what was spent so far, `best` the highest costly value known."""
_PAIRS = 2  # rows with both values from which on their difference is learned
_GROWN = 1.2


@dataclass(frozen=True)
class Plan:
    """How a campaign is run.

    Attributes:
        costs: of a cheap and a costly value.
        init: costly values at the start; with two sources so many cheap ones more, and those of the same rows.
        budget: what may be spent.
        fused: whether the cheap source is used at all.
    """

    costs: tuple[float, float] = (1.0, 10.0)
    init: int = 5
    budget: float = 1000.0
    fused: bool = True


def run(features: Floats, cheap: Floats, costly: Floats, plan: Plan, *, seed: int) -> pl.DataFrame:
    """Maximizes the costly value over a table whose values are revealed one by one, until the best row is known.

    Args:
        features: n x d, standardized.
        cheap: n values.
        costly: n values.
        plan: costs, start and budget.
        seed: of the start.

    Returns:
        A frame of `TRACE`.
    """
    chance = np.random.default_rng(seed)
    order = chance.permutation(len(costly))
    known = _Known(features, np.full((2, len(costly)), np.nan))
    truth, goal = np.stack([cheap, costly]), float(costly.max())
    first = order[: plan.init]
    queue = [(1, int(row)) for row in first]
    if plan.fused:
        queue = [(0, int(row)) for row in order[: 2 * plan.init]] + queue
    spent = 0.0
    rows: list[tuple[object, ...]] = []
    while spent < plan.budget:
        source, row = queue.pop(0) if queue else known.choose(plan)
        known.reveal(source, row, float(truth[source, row]))
        spent += plan.costs[source]
        best = known.best
        rows.append((seed, len(rows), row, ("cheap", "costly")[source], spent, best if np.isfinite(best) else None))
        if best >= goal:
            break
    return pl.DataFrame(rows, schema=TRACE, orient="row")


def simulate(
    frame: pl.DataFrame,
    *,
    cheap: str,
    costly: str,
    plan: Plan,
    seeds: range,
    rows: int = 300,
    features: tuple[str, ...] = (),
) -> pl.DataFrame:
    """Campaigns over a table in which both sources are known: one a seed, over a random part of its rows.

    Args:
        frame: one row a material, with a formula or numbers to tell them apart; rows without both values are left out.
        cheap: column of the cheap source.
        costly: column of the costly one, of which the largest value is looked for.
        plan: costs, start and budget.
        seeds: one campaign each.
        rows: how many of the table each campaign may choose from.
        features: columns that tell rows apart; see `describing.described`.

    Returns:
        A frame of `TRACE` with the `goal`, the largest costly value among the rows of the seed; rows count those of
        the table.

    Raises:
        InputError: a missing column, or too few rows with both values.
    """
    need(frame, cheap, costly)
    values = np.stack([finite_numbers(frame, cheap), finite_numbers(frame, costly)])
    both = np.flatnonzero(np.isfinite(values).all(axis=0))
    if len(both) < 2 * plan.init:
        raise InputError.of(
            f"{len(both)} rows with {cheap} and {costly}", "the table", f"give at least {2 * plan.init}"
        )
    traces = []
    for seed in seeds:
        part = np.random.default_rng(seed).permutation(both)[:rows]
        points = described(frame[part], features, without=(cheap, costly))
        trace = run(points, values[0, part], values[1, part], plan, seed=seed)
        goal = float(values[1, part].max())
        traces.append(trace.with_columns(row=pl.Series(part)[trace["row"]], goal=pl.lit(goal)))
    return pl.concat(traces)


def compare(frame: pl.DataFrame, *, plan: Plan, **how: Any) -> dict[str, pl.DataFrame]:
    """Campaigns with both sources and with the costly one alone over the same rows, by name; see `simulate`."""
    ways = {"fused": True, "costly alone": False}
    return {name: simulate(frame, plan=replace(plan, fused=fused), **how) for name, fused in ways.items()}


def summarise(runs: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    """Of the campaigns of `compare`: median costs until the best row is known, their ratio, how many seeds got there.

    A median is None where half of the seeds never got there.
    """
    spent = {name: costs(trace) for name, trace in runs.items()}
    middle = {name: float(np.median(found)) for name, found in spent.items()}
    told = {f"cost_{name.replace(' ', '_')}": c if np.isfinite(c) else None for name, c in middle.items()}
    share = middle["fused"] / middle["costly alone"] if all(map(np.isfinite, middle.values())) else None
    reached = {name: int(np.isfinite(found).sum()) for name, found in spent.items()}
    return {"seeds": len(spent["fused"]), **told, "share": share, "seeds_reached": reached}


def costs(trace: pl.DataFrame) -> list[float]:
    """What each seed of `simulate` spent until its best row was known; infinite where it never was."""
    by = trace.partition_by("seed", maintain_order=True)
    return [cost_to_best(one, float(one["goal"][0])) for one in by]


def cost_to_best(trace: pl.DataFrame, goal: float) -> float:
    """What was spent until the best row was known; infinite where it never was."""
    there = trace.filter(pl.col("best") >= goal)
    return float(there["cost"].min()) if there.height else np.inf  # type: ignore[arg-type]


@dataclass
class _Known:
    """What is known, and the joint posterior of both sources at all rows (cheap first)."""

    features: Floats
    values: Floats
    _pool: Pool | None = None
    _fitted: int = 0
    _hyper: list[Hyperparameters | None] = field(default_factory=lambda: [None, None])

    @property
    def best(self) -> float:
        """The highest costly value known."""
        there = self.values[1][np.isfinite(self.values[1])]
        return float(there.max()) if len(there) else -np.inf

    def reveal(self, source: int, row: int, value: float) -> None:
        self.values[source, row] = value
        if self._pool is not None:
            self._pool.reveal(source * len(self.features) + row, value)

    def choose(self, plan: Plan) -> tuple[int, int]:
        """Source and row of the next question."""
        count = int(np.isfinite(self.values).sum())
        if self._pool is None or count > _GROWN * self._fitted:
            self._pool, self._fitted = self._learned(plan.fused), count
        n, pool = len(self.features), self._pool
        mean, sd = pool.mean[n:], pool.sd[n:]
        gain = excess(mean, sd, self.best)
        gain = np.where(np.isfinite(self.values[1]), -1.0, gain) / plan.costs[1]
        scores = [np.full(n, -1.0), gain]
        if plan.fused:
            shared = pool.covariance[np.arange(n), n + np.arange(n)] / (pool.sd[:n] * sd)
            scores[0] = np.where(np.isfinite(self.values[0]), -1.0, gain * shared * plan.costs[1] / plan.costs[0])
        at = int(np.argmax(np.concatenate(scores)))
        return divmod(at, n)

    def _learned(self, fused: bool) -> Pool:
        """Both processes, learned anew."""
        cheap, costly = (np.isfinite(v) for v in self.values)
        x, both = self.features, cheap & costly
        paired = fused and both.sum() >= _PAIRS
        slope = _slope(self.values[0, both], self.values[1, both], self.values[0, cheap]) if paired else 0.0
        at = both if paired else costly
        left = self.values[1, at] - slope * np.nan_to_num(self.values[0, at])
        over = learn(x[at], left, each=False, start=self._hyper[1])
        if not cheap.any():
            return self._conditioned(over.kernel(x, x), np.full(len(x), over.mean), over.noise)
        base = learn(x[cheap], self.values[0, cheap], each=False, start=self._hyper[0])
        self._hyper = [base, over]
        shared = base.kernel(x, x)
        prior = np.block([[shared, slope * shared], [slope * shared, slope**2 * shared + over.kernel(x, x)]])
        mean = np.concatenate([np.full(len(x), base.mean), np.full(len(x), slope * base.mean + over.mean)])
        return self._conditioned(prior, mean, min(base.noise, over.noise))

    def _conditioned(self, prior: Floats, mean: Floats, noise: float) -> Pool:
        """The posterior of both sources given all that is known; a prior of one source stands for the costly one."""
        n = len(self.features)
        if len(prior) == n:
            prior = np.block([[np.eye(n), np.zeros((n, n))], [np.zeros((n, n)), prior]])
            mean = np.concatenate([np.zeros(n), mean])
        values = np.concatenate(list(self.values))
        at = np.flatnonzero(np.isfinite(values))
        within = prior[np.ix_(at, at)] + (noise + 1e-6 * float(np.diag(prior).max())) * np.eye(len(at))
        solved = np.linalg.solve(within, prior[at])
        return Pool(mean + solved.T @ (values[at] - mean[at]), prior - prior[:, at] @ solved, noise)


def _slope(cheap: Floats, costly: Floats, every: Floats) -> float:
    """How the costly value follows the cheap one: least squares, drawn to 1 as by one pair more of usual spread."""
    spread = float(every.var()) + 1e-9
    apart = cheap - cheap.mean()
    return float((apart @ (costly - costly.mean()) + spread) / (apart @ apart + spread))
