"""From observations to the next rows: fit one surrogate an objective, score every open row, take the best.

A row whose evaluation failed is never proposed again and teaches nothing. Several rows at once are taken one by one,
each scored on joint posterior draws in which the former ones have their drawn values (Wilson et al., NeurIPS 2018).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy.special import ndtr

from models import cards
from models.design import scoring
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
CLIMBS, CLIMBERS = 8, 24  # rounds of looking near the best, where there are too many candidates to see them all
FAILURES = 3  # evaluations that fail and that succeed, at least, before failure is foreseen


@dataclass
class Memory:
    """Surrogates of the last proposal, whose ensembles go on."""

    models: "dict[str, Surrogate]" = field(default_factory=dict)


def objectives(text: str) -> tuple[Objective, ...]:
    """Objectives from ``max:gap,min:stability``.

    Raises:
        InputError: any other form, or a name given twice.
    """
    found: list[Objective] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(max|min)\s*:\s*(\S+)\s*", part)
        if not match:
            raise InputError.of(f"objective {part.strip()!r}", "--objectives", "write max:NAME or min:NAME")
        if match.group(2) in {o.name for o in found}:
            raise InputError.of(f"objective {match.group(2)} twice", "--objectives", "leave one out")
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


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How rows are chosen, beside what is known of them.

    Attributes:
        acquisition: a name of `models.design.scoring.ACQUISITIONS`.
        costs: of the evaluation of rows; what a row promises counts per cost. None where all cost the same.
        pending: rows that are being evaluated, n: proposals are made as if their outcome were drawn. None for none.
        near: candidates near given ones, where the frame does not hold all; those that promise more join.
    """

    acquisition: str = scoring.USUAL
    costs: Callable[[pl.DataFrame], Floats] | None = None
    pending: Bools | None = None
    near: Callable[[pl.DataFrame], pl.DataFrame] | None = None


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
    rules: Rules | None = None,
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
        rules: how they are chosen; as usual by default.

    Returns:
        The rows with `row` (their number, null for one that is near), `acquisition`, `mean_<objective>` and
        `sd_<objective>`, what `scoring.Remaining` says in `remaining_improvement` and `p_complete`, and `model_id`, a
        hash of what the surrogates learned from; fewer than `batch` where fewer are open. Random proposals have null
        predictions.

    Raises:
        InputError: an unknown strategy or acquisition, an infinite value, or fewer than two known rows.
    """
    rules = rules or Rules()
    if strategy not in STRATEGIES:
        raise InputError.of(f"unknown strategy {strategy!r}", "--strategy", f"use one of {', '.join(STRATEGIES)}")
    score = scoring.score_of(rules.acquisition, len(wanted))
    if np.isinf(values).any():
        raise InputError.of("an infinite value", "the observations", "leave out what failed, or give a number")
    chance = np.random.default_rng(seed)
    waiting = np.zeros(len(tried), dtype=bool) if rules.pending is None else rules.pending & ~tried
    open_rows = np.flatnonzero(~tried & ~waiting)
    if strategy == "random" or not len(open_rows):
        return _at_random(frame, chance.permutation(open_rows)[:batch], wanted)
    known = tried & np.isfinite(values).all(axis=1)
    if known.sum() < 2:
        raise InputError.of(f"{int(known.sum())} known rows", "the observations", "evaluate an initial design first")
    models = _fitted(frame, values, known, encoding, wanted, strategy, seed, memory or Memory())
    turn = signs(wanted)
    told = (values * turn)[known]
    numbered = frame.with_columns(row=pl.int_range(pl.len(), dtype=pl.Int64))
    pool = _pool(models, numbered[open_rows], told, wanted, rules.near)
    extra = numbered[np.flatnonzero(waiting)[:POOL]]
    rows = pl.concat([pool.rows, extra])
    sight = _sight(models, frame.filter(known), rows, told, wanted, rules, chance, pool.gain)
    worth = _succeeding(frame, tried, known, rows, encoding, strategy, seed)
    if rules.costs is not None:
        worth = worth / rules.costs(rows)
    turns = Coverage.of(frame, encoding, tried, rows)
    at, scores = _best(sight, score, worth, range(pool.rows.height, rows.height), batch, chance, turns)
    outlook = pool.outlook.take(np.array(at))
    left = scoring.remaining(sight)
    made = _proposed(rows[at], wanted, np.array(scores), outlook.mean * turn, outlook.deviation)
    return made.with_columns(
        remaining_improvement=pl.lit(left.improvement),
        p_complete=pl.lit(left.complete),
        model_id=pl.lit(cards.identify(strategy, {"seed": seed}, frame.filter(known).rows(), values[known].tolist())),
    )


@dataclass(frozen=True)
class Pool:
    """The open rows of the largest gain, with what is expected of them."""

    rows: pl.DataFrame
    outlook: scoring.Outlook
    gain: Floats


def _pool(
    models: "list[Surrogate]",
    rows: pl.DataFrame,
    told: Floats,
    wanted: Sequence[Objective],
    near: Callable[[pl.DataFrame], pl.DataFrame] | None,
) -> Pool:
    """Of the open rows those of the largest gain; then of those and what is near them, until nothing better comes."""
    turn, reference = signs(wanted), reference_point(told, wanted)

    def judged(rows: pl.DataFrame, models: "list[Surrogate]", most: int) -> Pool:
        outlook = _foreseen(models, rows, turn)
        gain = scoring.gain(outlook, told, reference)
        at = np.argsort(-gain, kind="stable")[:most]
        return Pool(rows[at], outlook.take(at), gain[at])

    if rows.height > MANY:
        rows = judged(rows, [model.some(SCOUTS) for model in models], MANY).rows
    found = judged(rows, models, POOL)
    for _ in range(CLIMBS if near else 0):
        assert near is not None
        names = [c for c in found.rows.columns if c != "row"]
        new = near(found.rows.head(CLIMBERS)).select(names).join(found.rows, on=names, how="anti", nulls_equal=True)
        wider = pl.concat([found.rows, new.with_columns(row=pl.lit(None, pl.Int64)).select(found.rows.columns)])
        found = judged(wider, models, POOL)
    return found


def _at_random(frame: pl.DataFrame, rows: Ints, wanted: Sequence[Objective]) -> pl.DataFrame:
    none = np.full((len(rows), len(wanted)), np.nan)
    taken: pl.DataFrame = frame[rows.tolist()]
    return _proposed(taken.with_columns(row=pl.Series(rows, dtype=pl.Int64)), wanted, none[:, 0], none, none)


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
    def of(cls, frame: pl.DataFrame, encoding: Encoding, tried: Bools, rows: pl.DataFrame) -> "Coverage":
        """Of open rows, given a frame and which of its rows were tried."""
        codes, _ = encoding.encode(frame[np.flatnonzero(tried)])
        known = [frozenset(codes[:, j].tolist()) for j in range(len(encoding.sizes))]
        most = tuple((j, k) for j, (k, n) in enumerate(zip(known, encoding.sizes, strict=True)) if n <= 2 * len(k))
        return cls(encoding.encode(rows)[0], most, int(tried.sum()))

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


def _foreseen(models: "list[Surrogate]", rows: pl.DataFrame, turn: Floats) -> scoring.Outlook:
    """Of the outputs as measured: what no input explains is part of what is looked for."""
    parts = [model.members(rows, noisy=True) for model in models]
    means, deviations = (np.stack(a, axis=-1) for a in zip(*parts, strict=True))
    return scoring.Outlook(means * turn, np.maximum(deviations, 1e-9))


def _sight(
    models: "list[Surrogate]",
    known: pl.DataFrame,
    rows: pl.DataFrame,
    told: Floats,
    wanted: Sequence[Objective],
    rules: Rules,
    chance: np.random.Generator,
    gain: Floats,
) -> scoring.Sight:
    """Joint draws of rows, and of the known ones where the acquisition asks for them, turned."""
    usual, anew = rules.acquisition == scoring.USUAL, rules.acquisition == "nei"
    asked = pl.concat([rows.select(known.columns), known]) if anew else rows
    count = DRAWS if usual else 4 * DRAWS
    drawn = signs(wanted) * np.stack([m.draw(asked, count=count, chance=chance, noisy=True) for m in models], axis=-1)
    return scoring.Sight(
        draws=drawn[:, : rows.height],
        told=told,
        again=drawn[:, rows.height :],
        reference=reference_point(told, wanted),
        weights=chance.dirichlet(np.ones(len(wanted)), scoring.SCALARS),
        promise=gain if len(wanted) < 3 and len(gain) == rows.height else None,
    )


def _succeeding(
    frame: pl.DataFrame,
    tried: Bools,
    known: Bools,
    rows: pl.DataFrame,
    encoding: Encoding,
    strategy: str,
    seed: int,
) -> Floats:
    """Probability that the evaluation of each row gives values, n; ones until three have failed."""
    from models.lvgp.model import fit

    if (tried & ~known).sum() < FAILURES or known.sum() < FAILURES:
        return np.ones(rows.height)
    outcome = known[tried].astype(np.float64)
    model = fit(frame.filter(tried), outcome, encoding=encoding, kind=strategy, seed=seed, members=4)  # type: ignore[arg-type]
    mean, deviation = model.predict(rows)
    return np.asarray(ndtr((mean - 0.5) / np.maximum(deviation, 1e-9)))


def _best(
    sight: scoring.Sight,
    score: Callable[[scoring.Sight, Sequence[int]], Floats],
    worth: Floats,
    pending: Sequence[int],
    count: int,
    chance: np.random.Generator,
    turns: "Coverage",
) -> tuple[list[int], list[float]]:
    """The rows of the highest scores times their worth, taken one by one, and these; ties are broken by chance."""
    at: list[int] = []
    scores: list[float] = []
    for _ in range(min(count, len(worth) - len(pending))):
        taken = [*pending, *at]
        value = score(sight, taken) * worth
        value[taken] = -np.inf
        value[~turns.allowed(taken)] = -np.inf
        at.append(int(np.lexsort((chance.random(len(value)), -value))[0]))
        scores.append(float(value[at[-1]]))
    return at, scores


def _proposed(
    rows: pl.DataFrame, wanted: Sequence[Objective], score: Floats, mean: Floats, deviation: Floats
) -> pl.DataFrame:
    columns = {"acquisition": score}
    for j, objective in enumerate(wanted):
        columns[f"mean_{objective.name}"] = mean[:, j]
        columns[f"sd_{objective.name}"] = deviation[:, j]
    made = pl.DataFrame(columns).with_columns(pl.all().fill_nan(None))
    return pl.concat([rows, made], how="horizontal")
