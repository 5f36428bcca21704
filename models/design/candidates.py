"""The list of a problem's candidates: every combination that it allows, or the rows of a table it names.

What is allowed is in `space`; which rows are evaluated before anything is known in `doe`.
"""

import numpy as np
import polars as pl

from models.design import space
from schemas.errors import InputError
from schemas.problem import Categorical, DesignProblem


def candidates(problem: DesignProblem) -> pl.DataFrame:
    """All candidates: `candidate_id`, `formula` where the problem has one, and one column a variable.

    Real variables are taken on a grid of 11 points, unless the problem names a table of candidates.

    Raises:
        InputError: more than two million, or none.
    """
    if problem.candidates:
        return space.named(problem, _listed(problem, problem.candidates))
    size = space.size(problem)
    if size > space.MOST:
        raise InputError.of(f"{size} candidates", problem.name, "remove levels or split the problem")
    kinds = space.types(problem)
    options = [space.options(v) for v in problem.variables]
    codes = np.unravel_index(np.arange(size), [len(o) for o in options])
    columns = zip(problem.variables, options, codes, strict=True)
    frame = pl.DataFrame({v.name: pl.Series(o, dtype=kinds[v.name]).gather(c) for v, o, c in columns})
    return space.named(problem, space.some(problem, space.allowed(problem, frame)))


def _listed(problem: DesignProblem, where: str) -> pl.DataFrame:
    """The candidates of a table.

    Raises:
        InputError: no CSV or parquet file, a missing column, a level that is not declared, a number that is none or out
            of bounds.
    """
    choices = [v.name for v in problem.variables if isinstance(v, Categorical)]
    read = _read(where, choices)
    missing = [v.name for v in problem.variables if v.name not in read.columns]
    if missing:
        raise InputError.of(f"missing column {missing[0]}", where, f"it has {', '.join(read.columns)}")
    frame = space.typed(problem, read)
    for row in frame.iter_rows(named=True):
        why = space.refusal(problem, row)
        if why:
            raise InputError.of(why, where, "mend the row or the problem")
    return space.some(problem, space.allowed(problem, frame))


def _read(where: str, text: list[str]) -> pl.DataFrame:
    try:
        if where.endswith(".parquet"):
            return pl.read_parquet(where)
        return pl.read_csv(where, schema_overrides=dict.fromkeys(text, pl.String))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError.of("unreadable table of candidates", where, "name a CSV or parquet file") from error
