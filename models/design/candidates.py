"""The rows a problem allows, and which of them to evaluate before anything is known."""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from schemas.errors import InputError
from schemas.problem import Categorical, DesignProblem, Integer

MOST = 2_000_000
GRID = 11  # points of a real variable in an enumeration


def candidates(problem: DesignProblem) -> pl.DataFrame:
    """All candidates: `candidate_id`, `formula` where the problem has one, and one column a variable.

    Real variables are taken on a grid of 11 points.

    Raises:
        InputError: more than two million.
    """
    options = [_options(v) for v in problem.variables]
    size = int(np.prod([len(o) for o in options]))
    if size > MOST:
        raise InputError.of(f"{size} candidates", problem.name, "remove levels or split the problem")
    names = [v.name for v in problem.variables]
    rows = [dict(zip(names, choice, strict=True)) for choice in itertools.product(*options)]
    kept = [row for row in rows if not _forbidden(row, problem)]
    frame = pl.DataFrame(kept, schema={v.name: _type(v) for v in problem.variables})
    identifier = pl.concat_str([pl.col(n).cast(pl.String) for n in names], separator="|").alias("candidate_id")
    found = [identifier]
    if problem.formula:
        found.append(pl.Series("formula", [_formula(problem.formula, row) for row in kept], dtype=pl.String))  # type: ignore[arg-type]
    return frame.select(*found, *names)


def initial(frame: pl.DataFrame, *, n: int, variables: tuple[str, ...], seed: int = 0) -> list[int]:
    """Rows of an initial design: levels evenly used, then far from the rows chosen before.

    Args:
        frame: candidates.
        n: how many rows.
        variables: columns that make a row different.
        seed: of the order in which ties are broken.

    Returns:
        Row numbers, n of them, in the order chosen.

    Raises:
        InputError: fewer candidates than asked for.
    """
    if n > frame.height:
        raise InputError.of(f"{n} rows asked of {frame.height}", "the initial design", "ask for fewer")
    chance = np.random.default_rng(seed)
    columns = [_ranks(frame[v]) for v in variables]
    used = [np.zeros(int(c.max()) + 1) for c in columns]
    mismatch = np.full(frame.height, np.inf)
    tie = chance.random(frame.height)
    open_rows = np.ones(frame.height, dtype=bool)
    chosen: list[int] = []
    for _ in range(n):
        load = sum(u[c] for u, c in zip(used, columns, strict=True))
        near = np.where(np.isfinite(mismatch), mismatch, 0.0)
        order = np.lexsort((tie, -near, np.where(open_rows, load, np.inf)))
        row = int(order[0])
        chosen.append(row)
        open_rows[row] = False
        for u, c in zip(used, columns, strict=True):
            u[c[row]] += 1
        distance = sum((c != c[row]).astype(float) for c in columns)
        mismatch = np.minimum(mismatch, distance)
    return chosen


def _options(variable: Any) -> list[Any]:
    if isinstance(variable, Categorical):
        return list(variable.levels)
    if isinstance(variable, Integer):
        return list(range(variable.low, variable.high + 1))
    return [float(v) for v in np.linspace(variable.low, variable.high, GRID)]


def _type(variable: Any) -> Any:
    if isinstance(variable, Categorical):
        return pl.String
    return pl.Int64 if isinstance(variable, Integer) else pl.Float64


def _forbidden(row: dict[str, Any], problem: DesignProblem) -> bool:
    return any(all(row[name] == level for name, level in rule.items()) for rule in problem.forbidden)


def _formula(template: str, row: dict[str, Any]) -> str:
    text = template
    for name, value in row.items():
        text = text.replace("{" + name + "}", str(value))
    return text


def _ranks(column: pl.Series) -> npt.NDArray[np.int64]:
    return column.cast(pl.String).rank("dense").to_numpy().astype(np.int64) - 1
