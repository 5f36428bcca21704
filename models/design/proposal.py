"""From observations to the next rows: fit one surrogate an objective, score every open row, take the best.

A row whose evaluation failed is never proposed again and teaches nothing. Several rows at once are taken one by one,
each scored on joint posterior draws in which the former ones have their drawn values (Wilson et al., NeurIPS 2018).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy.special import logsumexp

from models.design import acquisition
from models.lvgp.encoding import Encoding
from models.lvgp.kinds import KINDS
from schemas.arrays import Bools, Floats, Ints
from schemas.errors import InputError
from schemas.problem import Objective

if TYPE_CHECKING:
    from models.lvgp.interface import Surrogate

STRATEGIES = (*KINDS, "random")
DRAWS = 128
MANY, SCOUTS = 4_000, 2  # of more open rows, those stay that few members of the ensembles prefer
POOL = 96  # open rows of the largest gain, of which joint draws are made


@dataclass
class Memory:
    """Surrogates of the last proposal, whose ensembles go on."""

    models: "dict[str, Surrogate]" = field(default_factory=dict)


def objectives(text: str) -> tuple[Objective, ...]:
    """Objectives from ``max:gap,min:stability``.

    Raises:
        InputError: any other form.
    """
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(max|min)\s*:\s*(\S+)\s*", part)
        if not match:
            raise InputError.of(f"objective {part.strip()!r}", "--objectives", "write max:NAME or min:NAME")
        found.append(Objective(name=match.group(2), direction=match.group(1)))  # type: ignore[arg-type, call-arg]
    return tuple(found)


def signs(wanted: Sequence[Objective]) -> Floats:
    """+1 for objectives to be made large, -1 for small ones, k."""
    return np.array([1.0 if o.direction == "max" else -1.0 for o in wanted])


def reference_point(values: Floats, wanted: Sequence[Objective]) -> Floats:
    """The worst point of interest in turned signs: as declared, else a tenth of the range below the worst seen, k."""
    low, high = values.min(axis=0), values.max(axis=0)
    fallback = low - 0.1 * np.where(high > low, high - low, 1.0)
    given = [None if o.reference is None else s * o.reference for o, s in zip(wanted, signs(wanted), strict=True)]
    return np.array([f if g is None else g for f, g in zip(fallback, given, strict=True)])


def propose(
    frame: pl.DataFrame,
    *,
    values: Floats,
    tried: Bools,
    encoding: Encoding,
    wanted: Sequence[Objective],
    batch: int = 1,
    strategy: str = "lvgp",
    seed: int = 0,
    memory: Memory | None = None,
) -> pl.DataFrame:
    """The next rows to evaluate, best first.

    Args:
        frame: all candidates, n rows.
        values: objectives as measured, n x k; NaN where unknown or failed.
        tried: which rows were evaluated, failed ones included, n.
        encoding: of the variables.
        wanted: the k objectives.
        batch: how many rows.
        strategy: one of `STRATEGIES`.
        seed: of starts, draws and ties.
        memory: carries surrogates from call to call.

    Returns:
        The rows with `row` (their number), `acquisition`, `mean_<objective>` and `sd_<objective>`; fewer than `batch`
        where fewer are open. Random proposals have null predictions.

    Raises:
        InputError: an unknown strategy, or fewer than two known rows.
    """
    if strategy not in STRATEGIES:
        raise InputError.of(f"unknown strategy {strategy!r}", "--strategy", f"use one of {', '.join(STRATEGIES)}")
    chance = np.random.default_rng(seed)
    open_rows = np.flatnonzero(~tried)
    count = min(batch, len(open_rows))
    if strategy == "random" or not count:
        rows = chance.permutation(open_rows)[:count]
        return _proposed(frame, rows, wanted, np.full(count, np.nan), None, None)
    known = tried & np.isfinite(values).all(axis=1)
    if known.sum() < 2:
        raise InputError.of(f"{int(known.sum())} known rows", "the observations", "evaluate an initial design first")
    kept = memory or Memory()
    models = _fitted(frame, values, known, encoding, wanted, strategy, seed, kept)
    turn = signs(wanted)
    told = (values * turn)[known]
    if len(open_rows) > MANY:
        few = [model.some(SCOUTS) for model in models]
        open_rows = _leading(_gain(_foreseen(few, frame, open_rows, turn), told, wanted), MANY, open_rows)
    outlook = _foreseen(models, frame, open_rows, turn)
    gain = _gain(outlook, told, wanted)
    pool = _leading(gain, POOL, np.arange(len(open_rows)))
    open_rows, outlook, gain = open_rows[pool], outlook.take(pool), gain[pool]
    draws = _drawn(models, frame[open_rows], turn, chance)
    turns = Coverage.of(frame, encoding, tried, open_rows)
    at, scores = _best(gain, draws, told, wanted, count=count, chance=chance, turns=turns)
    return _proposed(frame, open_rows[at], wanted, scores, outlook.mean[at] * turn, outlook.deviation[at])


@dataclass(frozen=True)
class Coverage:
    """Whose turn it is: of the rows that promise most, one with a level never tried goes first every second time.

    What a level does is unknown until it is tried once, and a surrogate that is sure of the others never asks. Only
    variables of which half the levels are known take part: where hundreds are open, no loop sees them all.

    Attributes:
        levels: codes of the levels of n open rows, n x m.
        seen: of each variable that takes part, its column and the codes that were tried.
        number: how many rows were tried.
    """

    levels: Ints
    seen: tuple[tuple[int, frozenset[int]], ...]
    number: int

    @classmethod
    def of(cls, frame: pl.DataFrame, encoding: Encoding, tried: Bools, rows: Ints) -> "Coverage":
        """Of the open rows of a frame."""
        codes, _ = encoding.encode(frame[np.flatnonzero(tried)])
        known = [frozenset(codes[:, j].tolist()) for j in range(len(encoding.sizes))]
        most = tuple((j, k) for j, (k, n) in enumerate(zip(known, encoding.sizes, strict=True)) if n <= 2 * len(k))
        return cls(encoding.encode(frame[rows])[0], most, int(tried.sum()))

    def allowed(self, chosen: Sequence[int]) -> Bools:
        """Which rows may come after those that were chosen for the batch, n; all where no level is left to try."""
        every = np.ones(len(self.levels), dtype=bool)
        if (self.number + len(chosen)) % 2:
            return every
        fresh = ~every
        for column, tried in self.seen:
            told = [*tried, *self.levels[list(chosen), column].tolist()]
            fresh |= ~np.isin(self.levels[:, column], told)
        fresh[list(chosen)] = False
        return fresh if fresh.any() else every


@dataclass(frozen=True)
class Outlook:
    """What the surrogates say of n open rows, objectives turned so that large is good.

    Attributes:
        means: of each member of the ensembles, s x n x k.
        deviations: likewise, s x n x k.
    """

    means: Floats
    deviations: Floats

    def take(self, at: Ints) -> "Outlook":
        """Of some rows."""
        return Outlook(self.means[:, at], self.deviations[:, at])

    @cached_property
    def mean(self) -> Floats:
        """Of the mixture, n x k."""
        return np.asarray(self.means.mean(axis=0))

    @cached_property
    def deviation(self) -> Floats:
        """Of the mixture, n x k."""
        return np.asarray(np.sqrt(np.square(self.deviations).mean(axis=0) + self.means.var(axis=0)))


def _fitted(
    frame: pl.DataFrame,
    values: Floats,
    known: Bools,
    encoding: Encoding,
    wanted: Sequence[Objective],
    strategy: str,
    seed: int,
    memory: Memory,
) -> "list[Surrogate]":
    from models.lvgp.model import fit

    rows = frame[np.flatnonzero(known)]
    for j, objective in enumerate(wanted):
        warm = memory.models.get(objective.name)
        steps = {"steps": 60, "rate": 0.1} if warm is None else {"steps": 10, "rate": 0.05}
        memory.models[objective.name] = fit(
            rows,
            values[known, j],
            encoding=encoding,
            kind=strategy,  # type: ignore[arg-type]
            seed=seed + 1000 * j,
            warm=warm,
            **steps,  # type: ignore[arg-type]
        )
    return [memory.models[o.name] for o in wanted]


def _foreseen(models: "list[Surrogate]", frame: pl.DataFrame, rows: Ints, turn: Floats) -> Outlook:
    """Of the outputs as measured: what no input explains is part of what is looked for."""
    asked = frame[rows]
    parts = [model.members(asked, noisy=True) for model in models]
    means, deviations = (np.stack(a, axis=-1) for a in zip(*parts, strict=True))
    return Outlook(means * turn, np.maximum(deviations, 1e-9))


def _drawn(models: "list[Surrogate]", frame: pl.DataFrame, turn: Floats, chance: np.random.Generator) -> Floats:
    """Joint draws of n rows, DRAWS x n x k, turned."""
    return turn * np.stack([m.draw(frame, count=DRAWS, chance=chance, noisy=True) for m in models], axis=-1)


def _leading(gain: Floats, count: int, rows: Ints) -> Ints:
    """The rows of the largest gain."""
    return np.asarray(rows[np.argsort(-gain, kind="stable")[:count]])


def _gain(outlook: Outlook, told: Floats, wanted: Sequence[Objective]) -> Floats:
    """What a row promises, n: expected improvement, of the hypervolume for two objectives; for more, its reach.

    Each member of the ensembles has its say, not their mixture: a row may be the hope of one of them.
    """
    means, deviations = outlook.means, outlook.deviations
    if len(wanted) == 1:
        best = float(told.max())
        logs = acquisition.log_expected_improvement(means[..., 0], deviations[..., 0], best)
        return np.asarray(np.exp(logsumexp(logs, axis=0) - np.log(len(logs)) - logs.max()))
    if len(wanted) == 2:
        reference = reference_point(told, wanted)
        growth = acquisition.expected_hypervolume_improvement
        return np.asarray(
            np.mean([growth(m, d, told, reference) for m, d in zip(means, deviations, strict=True)], axis=0)
        )
    return np.asarray(np.exp(((outlook.mean + outlook.deviation) / (told.std(axis=0) + 1e-12)).sum(axis=1)))


def _best(
    gain: Floats,
    draws: Floats,
    told: Floats,
    wanted: Sequence[Objective],
    *,
    count: int,
    chance: np.random.Generator,
    turns: "Coverage",
) -> tuple[list[int], Floats]:
    """The rows of the highest scores, taken one by one, and their scores; ties are broken by chance.

    The score is the gain plus the probability that the row is the optimum, or on the front: gain alone asks for large
    steps and leaves the last small one, which ends a search, to the end.
    """
    at: list[int] = []
    scores: list[float] = []
    for _ in range(count):
        if at:
            gain = _gain_beside(draws, told, at, wanted)
        member = acquisition.front_probability(draws, told)
        share = member / (member.max() or 1.0) if len(wanted) == 1 else member  # one optimum is shared by many rows
        score = share + (gain / (gain.max() or 1.0) if len(wanted) < 3 else 0.0)
        score[at] = -np.inf
        score[~turns.allowed(at)] = -np.inf
        at.append(int(np.lexsort((chance.random(len(score)), -score))[0]))
        scores.append(float(score[at[-1]]))
    return at, np.array(scores)


def _gain_beside(draws: Floats, told: Floats, chosen: list[int], wanted: Sequence[Objective]) -> Floats:
    """The gain when, in each draw, rows chosen for the batch have the value of that draw: what resembles them loses."""
    if len(wanted) == 1:
        best = np.maximum(draws[:, chosen, 0].max(axis=1), told.max())
        return np.asarray(np.maximum(draws[..., 0] - best[:, None], 0.0).mean(axis=0))
    if len(wanted) > 2:
        return np.zeros(draws.shape[1])
    reference = reference_point(told, wanted)
    fronts = (np.vstack([told, draw[chosen]]) for draw in draws)
    gains = [acquisition.hypervolume_gain(d, f, reference) for d, f in zip(draws, fronts, strict=True)]
    return np.asarray(np.mean(gains, axis=0))


def _proposed(
    frame: pl.DataFrame,
    rows: Ints,
    wanted: Sequence[Objective],
    score: Floats,
    mean: Floats | None,
    deviation: Floats | None,
) -> pl.DataFrame:
    none = np.full((len(rows), len(wanted)), np.nan)
    columns = {"acquisition": score}
    for j, objective in enumerate(wanted):
        columns[f"mean_{objective.name}"] = (none if mean is None else mean)[:, j]
        columns[f"sd_{objective.name}"] = (none if deviation is None else deviation)[:, j]
    made = pl.DataFrame({"row": rows.astype(np.int64), **columns}).with_columns(pl.col(list(columns)).fill_nan(None))
    taken: pl.DataFrame = frame[rows.tolist()]
    return pl.concat([taken, made], how="horizontal")
