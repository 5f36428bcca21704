"""One step of a campaign: what a problem and its observations so far say to evaluate next."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from etl.features.elements import SYMBOLS
from models.design.candidates import initial
from models.design.proposal import propose
from models.lvgp.descriptors import COLUMNS, described
from models.lvgp.encoding import Encoding
from schemas.arrays import Bools, Floats
from schemas.errors import InputError
from schemas.problem import Categorical, DesignProblem


def encoding_of(problem: DesignProblem, *, strategy: str = "lvgp") -> Encoding:
    """The encoding that a problem's variables imply; with descriptors where the strategy uses them."""
    levels = {v.name: v.levels for v in problem.variables if isinstance(v, Categorical)}
    bounds = {v.name: (float(v.low), float(v.high)) for v in problem.variables if not isinstance(v, Categorical)}
    made = Encoding(levels, bounds)
    return described(made, descriptors_of(problem)) if strategy == "lvgp-descriptor" else made


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
        encoding=encoding_of(problem, strategy=strategy),
        wanted=problem.objectives,
        batch=batch,
        strategy=strategy if known >= 2 else "random",
        seed=seed,
    )


@dataclass(frozen=True)
class Told:
    """What observations say of the candidates of an enumeration.

    Attributes:
        values: n x k objectives, NaN where unknown or failed.
        tried: which candidates were evaluated, n.
        refused: why an observation was left out, one text each.
    """

    values: Floats
    tried: Bools
    refused: tuple[str, ...]


def told(problem: DesignProblem, frame: pl.DataFrame, observed: pl.DataFrame) -> Told:
    """Finds the candidate of each observation; what is no candidate, or has text as objective, is left out.

    Args:
        problem: the problem.
        frame: its candidates, n rows.
        observed: columns are the variables and the objectives.

    Raises:
        InputError: there are observations, and none of them can be used.
    """
    names, wanted = [v.name for v in problem.variables], [o.name for o in problem.objectives]
    index = {row: i for i, row in enumerate(frame.select(names).iter_rows())}
    values = np.full((frame.height, len(wanted)), np.nan)
    tried = np.zeros(frame.height, dtype=bool)
    refused = []
    keys = observed.select(pl.col(n).cast(frame.schema[n], strict=False) for n in names)
    found = observed.select(pl.col(w).cast(pl.Float64, strict=False) for w in wanted)
    odd = observed.select(pl.col(w).is_not_null() & found[w].is_null() for w in wanted)
    for number, (key, numbers, texts) in enumerate(
        zip(keys.iter_rows(), found.iter_rows(), odd.iter_rows(), strict=True)
    ):
        at = index.get(key)
        if at is None:
            shown = ", ".join(f"{n}={v}" for n, v in observed.select(names).row(number, named=True).items())
            refused.append(f"row {number} ({shown}) is no candidate")
        elif any(texts):
            refused.append(f"row {number} has no number as {wanted[texts.index(True)]}")
        else:
            tried[at] = True
            values[at] = [np.nan if v is None else v for v in numbers]
    if refused and not tried.any():
        raise InputError.of(f"{refused[0]}, as all {len(refused)}", "the observations", "use the problem's levels")
    return Told(values, tried, tuple(refused))
