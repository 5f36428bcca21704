"""One step of a campaign: what a problem and its observations so far say to evaluate next."""

import logging
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from etl.features.elements import SYMBOLS
from models.design import doe, scoring, space
from models.design.candidates import candidates
from models.design.proposal import Known, Rules, propose
from models.lvgp.descriptors import COLUMNS, looked_up
from models.lvgp.encoding import Encoding
from schemas.arrays import Bools, Floats
from schemas.errors import InputError
from schemas.problem import Categorical, DesignProblem
from schemas.quantities import LARGEST

log = logging.getLogger(__name__)

_ALLOWED = "use what the problem allows"
SAMPLED = 2_000  # candidates to start from where there are too many to list
NEAR = 20  # neighbours of each that promises much, or was proposed


def encoding_of(problem: DesignProblem, *, strategy: str = "lvgp") -> Encoding:
    """The encoding that a problem's variables imply; with descriptors where the strategy uses them.

    A variable that may be out of use has one level more, "".
    """
    levels = {v.name: (*v.levels, *([""] if v.when else [])) for v in problem.variables if isinstance(v, Categorical)}
    bounds = {v.name: (float(v.low), float(v.high)) for v in problem.variables if not isinstance(v, Categorical)}
    made = Encoding(levels, bounds)
    return looked_up(made, descriptors_of(problem), strategy)


def descriptors_of(problem: DesignProblem) -> pl.DataFrame | None:
    """The descriptors that a problem declares, as a long table; None where it declares none."""
    rows = [
        (variable.name, level, name, value)
        for variable in problem.variables
        if isinstance(variable, Categorical)
        for level, values in variable.descriptors.items()
        for name, value in values.items()
    ]
    return pl.DataFrame(rows, schema=list(COLUMNS), orient="row") if rows else None


def usual(problem: DesignProblem) -> str:
    """The strategy of a problem that names none: descriptors help where levels have some, or are chemical elements."""
    choices = [v for v in problem.variables if isinstance(v, Categorical)]
    helped = any(v.descriptors or set(v.levels) <= set(SYMBOLS) for v in choices)
    return "lvgp-descriptor" if helped else "lvgp"


def first(
    problem: DesignProblem,
    frame: pl.DataFrame,
    *,
    n: int,
    seed: int = 0,
    kind: doe.Kind = "usual",
    given: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The initial design, with `row`, the number of each candidate.

    Args:
        problem: the problem.
        frame: its candidates.
        n: how many.
        seed: of everything random.
        kind: see `models.design.doe`.
        given: candidates that are in it in any case; columns are the variables.

    Raises:
        InputError: see `models.design.doe.initial`; or a given point that is no candidate.
    """
    names = tuple(v.name for v in problem.variables)
    points: list[int] = []
    if given is not None:
        index = {row: i for i, row in enumerate(frame.select(names).iter_rows())}
        for number, key in enumerate(_typed(problem, given).rows()):
            if key not in index:
                why = _why_not(problem, dict(zip(names, key, strict=True)))
                raise InputError.of(f"row {number} is no candidate ({why})", "the points", _ALLOWED)
            points.append(index[key])
    rows = doe.initial(
        frame,
        n=n,
        variables=names,
        seed=seed,
        kind=kind,
        given=list(dict.fromkeys(points)),
        descriptors=descriptors_of(problem),
    )
    return frame[rows].with_columns(row=pl.Series(rows, dtype=pl.Int64))


def next_candidates(
    problem: DesignProblem,
    frame: pl.DataFrame,
    *,
    values: Any,
    tried: Any,
    batch: int = 1,
    strategy: str = "lvgp",
    seed: int = 0,
    rules: Rules | None = None,
) -> pl.DataFrame:
    """The next candidates: the initial design where nothing was evaluated or is being evaluated, else proposals.

    Args:
        problem: the problem.
        frame: its candidates, n rows; where it is open, those that were tried and some to start from.
        values: n x (k + c) outcomes, as in `DesignProblem.outcomes`; NaN where unknown or failed.
        tried: which candidates were evaluated, n.
        batch: how many.
        strategy: of the proposals.
        seed: of everything random.
        rules: how they are chosen; costs are the problem's.

    Returns:
        The candidates, with `row` and the columns of `models.design.propose` after the initial design.
    """
    if not tried.any() and (rules is None or rules.pending is None or not rules.pending.any()):
        return first(problem, frame, n=min(batch, frame.height), seed=seed)
    priced = partial(space.costs, problem) if problem.costs else None
    known = Known(
        frame=space.filled(problem, frame),
        values=values,
        tried=tried,
        encoding=encoding_of(problem, strategy=strategy),
        wanted=problem.objectives,
        limits=problem.limits,
    )
    strategy = strategy if known.done.sum() >= 2 else "random"
    made = propose(known, batch=batch, strategy=strategy, seed=seed, rules=replace(rules or Rules(), costs=priced))
    return space.blank(problem, made)


def offered(problem: DesignProblem, given: pl.DataFrame | None = None, *, seed: int = 0) -> pl.DataFrame:
    """All candidates; of an open problem the given points that it allows, and then some.

    Args:
        problem: the problem.
        given: points with the variables as columns; None for none.
        seed: of the candidates that are drawn.
    """
    if not space.is_open(problem):
        return candidates(problem)
    names = [v.name for v in problem.variables]
    some = space.sampled(problem, SAMPLED, np.random.default_rng(seed))
    if given is None:
        return some
    kept = space.legal(problem, _typed(problem, given))
    return pl.concat([space.named(problem, kept), some]).unique(names, keep="first", maintain_order=True)


def listed(problem: DesignProblem, before: pl.DataFrame) -> pl.DataFrame:
    """What a round chooses from: all candidates; of an open problem those proposed before, some near, and some new.

    Args:
        problem: the problem.
        before: candidates that were proposed, as the problem allows them now; their number is the seed of the draws.
    """
    found = offered(problem, before, seed=before.height)
    if not space.is_open(problem) or before.is_empty():
        return found
    near = space.neighbours(problem, before, NEAR, np.random.default_rng(before.height))
    return pl.concat([found, near]).unique(found.columns, keep="first", maintain_order=True)


def rows_in(problem: DesignProblem, table: pl.DataFrame) -> pl.DataFrame:
    """The rows of a table that are candidates, as models take them, with `table_row`, their number in it."""
    names = [v.name for v in problem.variables]
    typed = _typed(problem, table).with_row_index("table_row")
    kept = typed.join(candidates(problem), on=names, how="semi", nulls_equal=True, maintain_order="left")
    told: pl.DataFrame = table[kept["table_row"].to_list()]
    return told.with_columns(*space.filled(problem, kept))


def proposed(
    problem: DesignProblem,
    observed: pl.DataFrame,
    waiting: pl.DataFrame | None = None,
    *,
    batch: int | None = None,
    strategy: str = "lvgp",
    acquisition: str = scoring.USUAL,
    seed: int = 0,
) -> "tuple[pl.DataFrame, Told]":
    """The next candidates after a table of observations, and what it told.

    Args:
        problem: the problem.
        observed: columns are the variables and the outcomes.
        waiting: candidates that are being evaluated; None for none.
        batch: how many; by default one, or, where nothing is known, as many as the budget has of an initial design.
        strategy: of the proposals.
        acquisition: see `models.design.scoring`.
        seed: of everything random.

    Raises:
        InputError: see `told`; or a candidate that waits and is none.
    """
    names = [v.name for v in problem.variables]
    known = told(problem, observed, waiting, seed=seed)
    pending = None
    if waiting is not None:
        keys, rows = dict.fromkeys(_typed(problem, waiting).rows()), list(known.frame.select(names).iter_rows())
        pending = np.array([row in keys for row in rows])
        if unknown := next(iter(keys.keys() - set(rows)), None):
            shown = ", ".join(f"{n}={v}" for n, v in zip(names, unknown, strict=True))
            why = _why_not(problem, dict(zip(names, unknown, strict=True)))
            raise InputError.of(f"{shown}, which is no candidate ({why})", "the pending table", _ALLOWED)
    chance = np.random.default_rng(seed)

    def near(rows: pl.DataFrame) -> pl.DataFrame:
        return space.filled(problem, space.neighbours(problem, rows, NEAR, chance))

    begun = known.tried.any() or (pending is not None and pending.any())
    found = next_candidates(
        problem,
        known.frame,
        values=known.values,
        tried=known.tried,
        batch=batch or (1 if begun else problem.budget.initial),
        strategy=strategy,
        seed=seed,
        rules=Rules(acquisition=acquisition, pending=pending, near=near if space.is_open(problem) else None),
    )
    return found, known


def followed(found: pl.DataFrame, tried: Bools, strategy: str) -> str:
    """What chose candidates: `initial` before anything is known, `random` where it is too little for a model."""
    return (strategy if "model_id" in found.columns else "random") if tried.any() else "initial"


def said(found: pl.DataFrame, column: str) -> float | None:
    """What all proposals say alike in a column; None where they say nothing."""
    return found[column][0] if column in found.columns and found.height else None


@dataclass(frozen=True)
class Told:
    """What observations say of candidates.

    Attributes:
        frame: the candidates, n; where the problem is open, those observed come first, then some to start from.
        values: n x (k + c) outcomes, NaN where unknown or failed.
        tried: which candidates were evaluated, n.
        refused: why an observation was left out, one text each.
    """

    frame: pl.DataFrame
    values: Floats
    tried: Bools
    refused: tuple[str, ...]


def told(problem: DesignProblem, observed: pl.DataFrame, waiting: pl.DataFrame | None = None, *, seed: int = 0) -> Told:
    """Finds the candidate of each observation; what is no candidate, or has no finite number, is left out.

    Of several observations of one candidate the mean counts; one that failed counts where none gave values.

    Args:
        problem: the problem.
        observed: columns are the variables and the outcomes; an empty one is a failed evaluation.
        waiting: candidates that are being evaluated, which an open problem must offer too.
        seed: of the candidates to start from.

    Raises:
        InputError: there are observations, and none of them can be used.
    """
    names, wanted = [v.name for v in problem.variables], problem.outcomes
    given = [_typed(problem, table) for table in (observed, waiting) if table is not None]
    frame = offered(problem, pl.concat(given), seed=seed)
    index = {row: i for i, row in enumerate(frame.select(names).iter_rows())}
    values = np.full((frame.height, len(wanted)), np.nan)
    tried = np.zeros(frame.height, dtype=bool)
    refused = []
    repeats: dict[int, list[list[float]]] = {}
    keys = _typed(problem, observed)
    found = observed.select(pl.col(w).cast(pl.Float64, strict=False) for w in wanted)
    odd = observed.select(
        (pl.col(w).is_not_null() & found[w].is_null())
        | found[w].abs().is_between(LARGEST, np.inf, closed="right").fill_null(False)
        for w in wanted
    )
    rows = zip(keys.iter_rows(), found.iter_rows(), odd.iter_rows(), strict=True)
    for number, (key, numbers, texts) in enumerate(rows):
        at = index.get(key)
        if at is None:
            shown = ", ".join(f"{n}={v}" for n, v in observed.select(names).row(number, named=True).items())
            why = _why_not(problem, dict(zip(names, key, strict=True)))
            refused.append(f"row {number} ({shown}) is no candidate: {why}")
        elif any(texts):
            j = texts.index(True)
            what = "too large a number" if np.isfinite(numbers[j] or np.inf) else "no number"
            refused.append(f"row {number} has {what} as {wanted[j]}")
        else:
            tried[at] = True
            repeats.setdefault(at, []).append([np.nan if v is None else v for v in numbers])
    for at, made in repeats.items():
        values[at] = _mean(np.array(made))
    if again := sum(len(made) > 1 for made in repeats.values()):
        log.warning("%d candidates were observed more than once: their mean counts", again)
    if refused and not tried.any():
        raise InputError.of(f"{refused[0]}, as all {len(refused)}", "the observations", _ALLOWED)
    return Told(frame, values, tried, tuple(refused))


def _mean(values: Floats) -> Floats:
    """Of the rows that are whole; without any, of what each outcome has."""
    whole = values[np.isfinite(values).all(axis=1)]
    if len(whole):
        return np.asarray(whole.mean(axis=0))
    return np.array([c[np.isfinite(c)].mean() if np.isfinite(c).any() else np.nan for c in values.T])


def _why_not(problem: DesignProblem, row: dict[str, Any]) -> str:
    """Why a row is no candidate."""
    listed = f"{problem.candidates} has no such row" if problem.candidates else "constraints forbid it"
    return space.refusal(problem, row) or listed


def _typed(problem: DesignProblem, observed: pl.DataFrame) -> pl.DataFrame:
    """The variables of observations, in the types of candidates; those out of use without a value."""
    return space.blank(problem, space.typed(problem, observed))
