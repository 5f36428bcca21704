"""One step of a campaign: what a problem and its observations so far say to evaluate next."""

from typing import Any

import numpy as np
import polars as pl

from models.design.candidates import candidates, initial
from models.design.proposal import propose
from models.lvgp.encoding import Encoding
from schemas.errors import InputError
from schemas.problem import Categorical, DesignProblem


def encoding_of(problem: DesignProblem) -> Encoding:
    """The encoding that a problem's variables imply."""
    levels = {v.name: v.levels for v in problem.variables if isinstance(v, Categorical)}
    bounds = {v.name: (float(v.low), float(v.high)) for v in problem.variables if not isinstance(v, Categorical)}
    return Encoding(levels, bounds)


def next_candidates(
    problem: DesignProblem,
    frame: pl.DataFrame,
    *,
    values: Any,
    tried: Any,
    batch: int = 1,
    strategy: str = "lvgp",
    seed: int = 0,
) -> pl.DataFrame:
    """The next candidates of an enumeration: the initial design first, then proposals.

    Args:
        problem: the problem.
        frame: its candidates, n rows.
        values: n x k objectives, NaN where unknown or failed.
        tried: which candidates were evaluated, n.
        batch: how many.
        strategy: of the proposals.
        seed: of everything random.

    Returns:
        The candidates, with `row` and the columns of `models.design.propose` after the initial design.
    """
    names = tuple(v.name for v in problem.variables)
    if not tried.any():
        rows = initial(frame, n=min(problem.budget.initial, frame.height), variables=names, seed=seed)
        return frame[rows].with_columns(row=pl.Series(rows, dtype=pl.Int64))
    known = int((tried & np.isfinite(values).all(axis=1)).sum())
    return propose(
        frame,
        values=values,
        tried=tried,
        encoding=encoding_of(problem),
        wanted=problem.objectives,
        batch=batch,
        strategy=strategy if known >= 2 else "random",
        seed=seed,
    )


def next_rows(
    problem: DesignProblem, observed: pl.DataFrame, *, batch: int = 1, strategy: str = "lvgp", seed: int = 0
) -> pl.DataFrame:
    """The next candidates given a table of observations (columns: the variables and the objectives).

    Raises:
        InputError: an observation that is no candidate of the problem.
    """
    frame = candidates(problem)
    names = [v.name for v in problem.variables]
    index = {row: i for i, row in enumerate(frame.select(names).iter_rows())}
    values = np.full((frame.height, len(problem.objectives)), np.nan)
    tried = np.zeros(frame.height, dtype=bool)
    casted = observed.with_columns(pl.col(n).cast(frame.schema[n], strict=False) for n in names)
    wanted = [o.name for o in problem.objectives]
    for number, row in enumerate(casted.iter_rows(named=True)):
        at = index.get(tuple(row[n] for n in names))
        if at is None:
            shown = ", ".join(f"{n}={row[n]}" for n in names)
            raise InputError.of(
                f"row {number} ({shown}) is no candidate", "the observations", "use the problem's levels"
            )
        tried[at] = True
        values[at] = [float(row[w]) if row[w] is not None else np.nan for w in wanted]
    return next_candidates(problem, frame, values=values, tried=tried, batch=batch, strategy=strategy, seed=seed)
