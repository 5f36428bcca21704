"""From observations to the next rows: fit a surrogate of each outcome, score every open row, take the best.

A row whose evaluation failed is never proposed again and teaches nothing. Several rows at once are taken one by one,
each scored on joint posterior draws in which the former ones have their drawn values (Wilson et al., NeurIPS 2018).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy.special import ndtr

from models import cards
from models.design import goals, scoring
from models.design.coverage import Coverage
from models.lvgp.encoding import Encoding
from models.lvgp.kinds import KINDS
from schemas.arrays import Bools, Floats, Ints
from schemas.errors import InputError
from schemas.problem import Limit, Objective
from schemas.quantities import LARGEST

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
    """Surrogates of the outcomes at the last proposal, whose ensembles go on."""

    models: "dict[str, Surrogate]" = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of the candidates of a campaign, and what is wanted of them.

    Attributes:
        frame: all candidates, n rows.
        values: outcomes as measured, those of the objectives first, n x (k + c); NaN where unknown or failed.
        tried: which rows were evaluated, failed ones included, n.
        encoding: of the variables.
        wanted: the k objectives.
        limits: of c further outcomes.
    """

    frame: pl.DataFrame
    values: Floats
    tried: Bools
    encoding: Encoding
    wanted: Sequence[Objective]
    limits: Sequence[Limit] = ()

    @property
    def outcomes(self) -> list[str]:
        """Names of what is measured, k + c."""
        return [*(o.name for o in self.wanted), *(limit.name for limit in self.limits)]

    @cached_property
    def done(self) -> Bools:
        """Which rows gave all outcomes, n."""
        return np.asarray(self.tried & np.isfinite(self.values).all(axis=1))

    @cached_property
    def rows(self) -> pl.DataFrame:
        """Those rows, m."""
        return self.frame.filter(self.done)

    @cached_property
    def told(self) -> Floats:
        """Their outcomes, m x (k + c)."""
        return self.values[self.done]

    @cached_property
    def kept(self) -> Bools:
        """Which of them keep the limits, m."""
        return goals.met(self.told[:, len(self.wanted) :], self.limits)

    @cached_property
    def turned(self) -> Floats:
        """Objectives of the rows that keep the limits, turned so that large is good."""
        return self.told[self.kept, : len(self.wanted)] * self.turn

    @property
    def turn(self) -> Floats:
        """See `goals.signs`, k."""
        return goals.signs(self.wanted)

    @property
    def reference(self) -> Floats:
        """See `goals.reference_point`, k."""
        return goals.reference_point(self.turned, self.wanted)


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
    known: Known,
    *,
    batch: int = 1,
    strategy: str = "lvgp",
    seed: int = 0,
    memory: Memory | None = None,
    rules: Rules | None = None,
) -> pl.DataFrame:
    """The next rows to evaluate.

    Args:
        known: the candidates and what is known of them.
        batch: how many rows.
        strategy: one of `STRATEGIES`.
        seed: of starts, draws and ties.
        memory: carries surrogates from call to call.
        rules: how they are chosen; as usual by default.

    Returns:
        The rows in the order they are taken, with `row` (their number, null for one that is near), `acquisition`, its
        score times the chance to succeed and per cost, `mean_<outcome>` and
        `sd_<outcome>`, where there are limits `p_feasible`, the probability that all hold, what `scoring.Remaining`
        says in `remaining_improvement` and `p_complete`, and `model_id`, a hash of what the surrogates learned from;
        fewer than `batch` where fewer are open; of random ones nothing is said. While no known row keeps the limits,
        a row promises to be likelier than others to do so.

    Raises:
        InputError: an unknown strategy or acquisition, a value infinite or too large, or fewer than two known rows.
    """
    rules = rules or Rules()
    score = _checked(known, strategy, rules)
    chance = np.random.default_rng(seed)
    waiting = np.zeros(len(known.tried), dtype=bool) if rules.pending is None else rules.pending & ~known.tried
    open_rows = np.flatnonzero(~known.tried & ~waiting)
    if strategy == "random" or not len(open_rows):
        return _at_random(known, chance.permutation(open_rows)[:batch])
    if known.done.sum() < 2:
        raise InputError.of(f"{len(known.rows)} known rows", "the observations", "evaluate an initial design first")
    models = _fitted(known, strategy, seed, memory or Memory())
    numbered = known.frame.with_columns(row=pl.int_range(pl.len(), dtype=pl.Int64))
    pool = _pool(models, known, numbered[open_rows], rules.near)
    rows = pl.concat([pool.rows, numbered[np.flatnonzero(waiting)[:POOL]]])
    sight = _sight(models, known, rows, rules, chance, pool.gain)
    worth = _succeeding(known, rows, strategy, seed) / (1.0 if rules.costs is None else rules.costs(rows))
    # an acquisition that was asked for by name is what decides
    turns = Coverage.of(known.frame, known.encoding, known.tried, rows) if rules.acquisition == scoring.USUAL else None
    at, scores = _best(sight, score, worth, range(pool.rows.height, rows.height), batch, chance, turns)
    left = scoring.remaining(sight)
    settings = {"seed": seed, **known.encoding.told()}
    return _proposed(known, rows[at], np.array(scores), pool.outlook.take(np.array(at))).with_columns(
        remaining_improvement=pl.lit(left.improvement).fill_nan(None),
        p_complete=pl.lit(left.complete).fill_nan(None),
        model_id=pl.lit(cards.identify(strategy, settings, known.rows.rows(), known.told.tolist())),
    )


def _checked(known: Known, strategy: str, rules: Rules) -> Callable[[scoring.Sight, Sequence[int]], Floats]:
    """The score that rows are chosen by."""
    if strategy not in STRATEGIES:
        raise InputError.of(f"unknown strategy {strategy!r}", "--strategy", f"use one of {', '.join(STRATEGIES)}")
    score = scoring.score_of(rules.acquisition, len(known.wanted))
    if (np.abs(known.values) > LARGEST).any():
        what = f"an infinite value, or one beyond {LARGEST:g}"
        raise InputError.of(what, "the observations", "leave out what failed, or give a number")
    return score if len(known.turned) else scoring.keeping


@dataclass(frozen=True)
class Pool:
    """The open rows that promise most, with what is expected of them.

    Attributes:
        rows: of the frame, and what is near.
        outlook: on all outcomes, as they are measured.
        gain: what each promises.
    """

    rows: pl.DataFrame
    outlook: scoring.Outlook
    gain: Floats


def _pool(
    models: "list[Surrogate]",
    known: Known,
    rows: pl.DataFrame,
    near: Callable[[pl.DataFrame], pl.DataFrame] | None,
) -> Pool:
    """Of the open rows those that promise most; then of those and what is near them, until nothing better comes."""

    def judged(rows: pl.DataFrame, models: "list[Surrogate]", most: int) -> Pool:
        outlook = _foreseen(models, rows, known.told)
        gain = _gain(known, outlook)
        at = _apart(gain, _cells(known, rows), most)
        return Pool(rows[at], outlook.take(at), gain[at])

    if rows.height > MANY:
        rows = judged(rows, [model.some(SCOUTS) for model in models], MANY).rows
    found = judged(rows, models, POOL)
    for _ in range(CLIMBS if near else 0):
        assert near is not None
        names = [c for c in found.rows.columns if c != "row"]
        told = pl.concat([found.rows.select(names), known.frame.select(names)])  # open ones among these were judged
        begin = found.rows[_apart(found.gain, _cells(known, found.rows), CLIMBERS)]
        new = near(begin).select(names).join(told, on=names, how="anti", nulls_equal=True)
        wider = pl.concat([found.rows, new.with_columns(row=pl.lit(None, pl.Int64)).select(found.rows.columns)])
        found = judged(wider, models, POOL)
    return found


def _cells(known: Known, rows: pl.DataFrame) -> Ints:
    """Which rows lie together, n: of the same levels, and in the same tenth of each number."""
    if not known.encoding.bounds:
        return np.arange(rows.height)
    codes, numbers = known.encoding.encode(rows)
    tenths = np.minimum((numbers * 10).astype(np.int64), 9)
    return np.asarray(np.unique(np.hstack([codes, tenths]), axis=0, return_inverse=True)[1].reshape(-1))


def _apart(gain: Floats, cells: Ints, most: int) -> Ints:
    """The rows of the largest gain, best first: half of them whatever they are, then each the best of its own cell.

    The largest gains of numbers lie on one peak, where a batch finds one point, and the rest of the space is not seen.
    """
    order = np.argsort(-gain, kind="stable")
    begin = order[: most // 2]
    rest = order[most // 2 :]
    _, firsts = np.unique(cells[rest], return_index=True)
    others = rest[np.sort(firsts)]
    others = others[~np.isin(cells[others], cells[begin])]
    kept = np.concatenate([begin, others, np.setdiff1d(rest, others, assume_unique=True)])[:most]
    return np.asarray(kept[np.argsort(-gain[kept], kind="stable")])


def _gain(known: Known, outlook: scoring.Outlook) -> Floats:
    """What a row promises of the objectives where it keeps the limits, n; before any did, how likely it is to.

    That is 1 / (1 + x), x being how far the log of its chance lies below the largest: the chance itself is too small
    for a number where all rows are far from the limits.
    """
    k = len(known.wanted)
    chance = goals.log_chance_met(outlook.means[..., k:], outlook.deviations[..., k:], known.limits)
    if not len(known.turned):
        return np.asarray(1.0 / (1.0 + chance.max(initial=-np.inf) - chance))
    hoped = scoring.Outlook(outlook.means[..., :k] * known.turn, outlook.deviations[..., :k])
    return np.asarray(np.exp(chance) * scoring.gain(hoped, known.turned, known.reference))


def _at_random(known: Known, rows: Ints) -> pl.DataFrame:
    none = np.full((1, len(rows), len(known.outcomes)), np.nan)
    taken: pl.DataFrame = known.frame[rows.tolist()]
    numbered = taken.with_columns(row=pl.Series(rows, dtype=pl.Int64))
    return _proposed(known, numbered, none[0, :, 0], scoring.Outlook(none, none))


def _fitted(known: Known, strategy: str, seed: int, memory: Memory) -> "list[Surrogate]":
    """A surrogate of each outcome, fitted together where it is exact; they go on where those of the same ended."""
    from models.lvgp.exact import fit_together
    from models.lvgp.model import fit

    names = known.outcomes
    goes_on = sorted(names) == sorted(n for n, model in memory.models.items() if model.kind == strategy)
    before = [memory.models[name] for name in names] if goes_on else []
    how: dict[str, Any] = {"encoding": known.encoding, "kind": strategy}
    if before:
        how |= {"steps": _warm_steps(known.encoding, strategy), "rate": 0.05}
    found: list[Surrogate]
    if KINDS[strategy].exact:  # type: ignore[index]
        found = [*fit_together(known.rows, known.told, seed=seed, warm=before, **how)]
    else:
        warm: list[Surrogate | None] = [*before] or [None] * len(names)
        each = enumerate(zip(known.told.T, warm, strict=True))
        found = [fit(known.rows, y, seed=seed + 1000 * j, warm=last, **how) for j, (y, last) in each]
    memory.models = dict(zip(names, found, strict=True))
    return found


def _warm_steps(encoding: Encoding, strategy: str) -> int:
    """Steps of a fit that goes on: a sixth of what a first one has by itself."""
    from models.lvgp import exact, sparse

    if KINDS[strategy].way == "inducing":  # type: ignore[index]
        return sparse.STEPS // 6
    return exact.STEPS[bool(encoding.bounds)] // 6


def _foreseen(models: "list[Surrogate]", rows: pl.DataFrame, told: Floats) -> scoring.Outlook:
    """Of the outcomes as they are looked for, see `_whole`; told ones give the scale."""
    parts = [model.members(rows, noisy=_whole(model)) for model in models]
    means, deviations = (np.stack(a, axis=-1) for a in zip(*parts, strict=True))
    spread = np.ptp(told, axis=0)
    return scoring.Outlook(means, np.maximum(deviations, 1e-9 * np.where(spread > 0, spread, 1.0)))


def _whole(model: "Surrogate") -> bool:
    """Whether what no input explains is part of what is looked for.

    Of a row of levels it is a property. Numbers have near doubles, of which none has a scatter of its own to look for.
    """
    return not model.encoding.bounds


def _sight(
    models: "list[Surrogate]",
    known: Known,
    rows: pl.DataFrame,
    rules: Rules,
    chance: np.random.Generator,
    gain: Floats,
) -> scoring.Sight:
    """Joint draws of the objectives of rows, and of known ones where the acquisition asks for them."""
    usual, anew = rules.acquisition == scoring.USUAL, rules.acquisition == "nei"
    names, k = known.frame.columns, len(known.wanted)
    asked = pl.concat([rows.select(names), known.rows.filter(known.kept)]) if anew else rows
    count = DRAWS if usual else 4 * DRAWS
    drawn = np.stack([m.draw(asked, count=count, chance=chance, noisy=_whole(m) and not anew) for m in models], axis=-1)
    kept = goals.met(drawn[..., k:], known.limits)
    hopes = np.where(kept[..., None], known.turn * drawn[..., :k], -np.inf)
    return scoring.Sight(
        draws=hopes[:, : rows.height],
        told=known.turned,
        again=hopes[:, rows.height :],
        reference=known.reference if len(known.turned) else np.zeros(k),
        weights=chance.dirichlet(np.ones(k), scoring.SCALARS),
        promise=gain if k < 3 and len(gain) == rows.height else None,
    )


def _succeeding(known: Known, rows: pl.DataFrame, strategy: str, seed: int) -> Floats:
    """Probability that the evaluation of each row gives values, n; ones until three have failed."""
    from models.lvgp.model import fit

    if (known.tried & ~known.done).sum() < FAILURES or known.done.sum() < FAILURES:
        return np.ones(rows.height)
    tried, outcome = known.frame.filter(known.tried), known.done[known.tried].astype(np.float64)
    model = fit(tried, outcome, encoding=known.encoding, kind=strategy, seed=seed, members=4)  # type: ignore[arg-type]
    mean, deviation = model.predict(rows)
    return np.asarray(ndtr((mean - 0.5) / np.maximum(deviation, 1e-9)))


def _best(
    sight: scoring.Sight,
    score: Callable[[scoring.Sight, Sequence[int]], Floats],
    worth: Floats,
    pending: Sequence[int],
    count: int,
    chance: np.random.Generator,
    turns: Coverage | None,
) -> tuple[list[int], list[float]]:
    """The rows of the highest scores times their worth, taken one by one, and these; ties are broken by chance.

    A turn is not for rows worth less than half of another that is open: their levels are dear, or likely to fail.
    """
    at: list[int] = []
    scores: list[float] = []
    for _ in range(min(count, len(worth) - len(pending))):
        taken = [*pending, *at]
        value = score(sight, taken) * worth
        value[taken] = -np.inf
        if turns:
            open_ = np.isfinite(value)
            whose = turns.allowed(taken) & open_ & (worth >= worth[open_].max(initial=0.0) / 2)
            if whose.any():
                value[~whose] = -np.inf
        at.append(int(np.lexsort((chance.random(len(value)), -value))[0]))
        scores.append(float(value[at[-1]]))
    return at, scores


def _proposed(known: Known, rows: pl.DataFrame, score: Floats, outlook: scoring.Outlook) -> pl.DataFrame:
    columns = {"acquisition": score}
    for j, name in enumerate(known.outcomes):
        columns[f"mean_{name}"] = outlook.mean[:, j]
        columns[f"sd_{name}"] = outlook.deviation[:, j]
    if known.limits:
        k = len(known.wanted)
        columns["p_feasible"] = goals.chance_met(outlook.means[..., k:], outlook.deviations[..., k:], known.limits)
    made = pl.DataFrame(columns).with_columns(pl.all().fill_nan(None))
    return pl.concat([rows, made], how="horizontal")
