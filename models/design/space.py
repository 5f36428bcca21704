"""What a problem allows: its variables as columns, constraints, costs, rows drawn at random and rows near others.

The list of all candidates is made in `candidates`; which to evaluate first is decided in `doe`.
"""

import re
from functools import reduce
from operator import and_
from typing import Any

import numpy as np
import polars as pl
from scipy.optimize import linprog
from scipy.stats import qmc

from schemas.arrays import Floats
from schemas.errors import InputError
from schemas.problem import Categorical, DesignProblem, Integer, Numerical, Variable

MOST = 2_000_000  # candidates that are listed
GRID = 11  # points of a real variable in a list
ROUNDS = 20  # of sampling before a problem counts as one that allows nothing


def is_open(problem: DesignProblem) -> bool:
    """Whether candidates are drawn and improved, as a real variable or too many of them forbid to list them all."""
    return not problem.candidates and (any(isinstance(v, Numerical) for v in problem.variables) or size(problem) > MOST)


def sampled(problem: DesignProblem, n: int, chance: np.random.Generator) -> pl.DataFrame:
    """At most n different candidates, spread over what the problem allows; columns as `candidates`.

    Raises:
        InputError: constraints that nothing fulfils.
    """
    found = pl.DataFrame(schema=types(problem))
    for number in range(ROUNDS):
        unit = qmc.LatinHypercube(len(problem.variables), rng=chance).random(n)
        if number and problem.constraints:  # chance alone may never meet them
            unit = _inside(problem, unit, chance)
        found = pl.concat([found, allowed(problem, _from_unit(problem, unit))]).unique(maintain_order=True)
        if found.height >= n:
            break
    return named(problem, some(problem, found.head(n)))


def neighbours(problem: DesignProblem, rows: pl.DataFrame, each: int, chance: np.random.Generator) -> pl.DataFrame:
    """Candidates that differ from a row in one or two variables, `each` a row; numbers move by small and large steps.

    Where there are constraints, half of them move all numbers towards a mixture of corners of what is allowed: along an
    equation, such as shares that sum to one, no number moves alone.

    Args:
        problem: the problem.
        rows: candidates.
        each: neighbours of a row; what the problem forbids is left out.
        chance: of the steps.
    """
    names = [v.name for v in problem.variables]
    unit = np.repeat(to_unit(problem, rows), each, axis=0)
    moved = chance.random(unit.shape) < 1.0 / len(names)
    moved[np.arange(len(unit)), chance.integers(0, len(names), len(unit))] = True
    for j, variable in enumerate(problem.variables):
        if isinstance(variable, Categorical):
            new = chance.random(len(unit))
        else:
            new = unit[:, j] + chance.standard_normal(len(unit)) * 10.0 ** chance.uniform(-3, -0.5, len(unit))
        unit[:, j] = np.where(moved[:, j], np.clip(new, 0.0, 1.0), unit[:, j])
    if problem.constraints and len(unit):
        start = np.repeat(to_unit(problem, rows), each, axis=0)[::2]
        step = 10.0 ** chance.uniform(-3, 0, (len(start), 1))
        unit[::2] = start + step * (_inside(problem, start, chance) - start)
    return named(problem, allowed(problem, _from_unit(problem, unit)))


def allowed(problem: DesignProblem, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of a frame of variables that a problem allows, each once; a variable out of use has no value."""
    frame = blank(problem, frame)
    kept = pl.lit(True)
    for rule in problem.forbidden:
        kept &= ~reduce(and_, (pl.col(n) == level for n, level in rule.items())).fill_null(False)
    for constraint in problem.constraints:
        total = pl.sum_horizontal(factor * pl.col(n).fill_null(0) for n, factor in constraint.terms.items())
        if constraint.low is not None:
            kept &= total >= constraint.low - 1e-9 * (1 + abs(constraint.low))
        if constraint.high is not None:
            kept &= total <= constraint.high + 1e-9 * (1 + abs(constraint.high))
    return frame.filter(kept).unique(maintain_order=True)


def legal(problem: DesignProblem, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of a frame, in the types of candidates, that have values a problem knows and that it allows."""
    known = [refusal(problem, row) is None for row in frame.iter_rows(named=True)]
    return allowed(problem, frame.filter(pl.Series(known, dtype=pl.Boolean)))


def blank(problem: DesignProblem, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows without values of the variables that are out of use."""
    for variable in problem.variables:
        if variable.when:
            used = reduce(and_, (pl.col(n).is_in(levels) for n, levels in variable.when.items()))
            frame = frame.with_columns(pl.when(used.fill_null(False)).then(variable.name))
    return frame


def filled(problem: DesignProblem, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows as models take them: where a variable is out of use, the level "" or the lowest number."""
    return frame.with_columns(
        pl.col(v.name).fill_null("" if isinstance(v, Categorical) else v.low) for v in problem.variables if v.when
    )


def costs(problem: DesignProblem, frame: pl.DataFrame) -> Floats:
    """What the evaluation of each of n candidates costs, n; ones where the problem names no costs."""
    if problem.costs is None:
        return np.ones(frame.height)
    found = np.full(frame.height, problem.costs.base)
    for name, added in problem.costs.levels.items():
        extra = frame[name].replace_strict(added, default=0.0, return_dtype=pl.Float64).fill_null(0.0)
        found = found + extra.to_numpy()
    return found


def to_unit(problem: DesignProblem, frame: pl.DataFrame) -> Floats:
    """Rows as points of the unit cube, n x m; levels and whole numbers lie in the middle of their share."""
    parts = []
    for variable in problem.variables:
        column = frame[variable.name]
        if isinstance(variable, Categorical):
            code = column.replace_strict(
                variable.levels, list(range(len(variable.levels))), default=0, return_dtype=pl.Int64
            )
            parts.append((code.fill_null(0).to_numpy() + 0.5) / len(variable.levels))
            continue
        numbers = column.cast(pl.Float64).fill_null(variable.low).to_numpy()
        if isinstance(variable, Integer):
            parts.append((numbers - variable.low + 0.5) / (variable.high - variable.low + 1))
        else:
            parts.append((numbers - variable.low) / (variable.high - variable.low))
    return np.column_stack(parts)


def _from_unit(problem: DesignProblem, unit: Floats) -> pl.DataFrame:
    columns = {}
    for variable, share in zip(problem.variables, unit.T, strict=True):
        if isinstance(variable, Numerical):
            made = variable.low + share * (variable.high - variable.low)  # rounding may lead beyond
            columns[variable.name] = pl.Series(np.clip(made, variable.low, variable.high))
            continue
        count = len(options(variable))
        at = np.clip((share * count).astype(np.int64), 0, count - 1)
        if isinstance(variable, Integer):  # a list of them might not fit into memory
            columns[variable.name] = pl.Series(at + variable.low, dtype=pl.Int64)
        else:
            columns[variable.name] = pl.Series(variable.levels, dtype=pl.String).gather(at)
    return pl.DataFrame(columns)


def _inside(problem: DesignProblem, unit: Floats, chance: np.random.Generator) -> Floats:
    """Points whose numbers are mixtures of corners of what the linear constraints allow, were all variables in use.

    Raises:
        InputError: no number fulfils all constraints.
    """
    numbers = [(j, v) for j, v in enumerate(problem.variables) if not isinstance(v, Categorical)]
    rows, most = [], []
    for c in problem.constraints:
        row = np.array([c.terms.get(v.name, 0.0) for _, v in numbers])
        for bound, sign in ((c.high, 1.0), (c.low, -1.0)):
            if bound is not None:
                rows.append(sign * row)
                most.append(sign * bound)
    bounds = [(v.low, v.high) for _, v in numbers]
    aims = chance.standard_normal((2 * len(numbers) + 8, len(numbers)))
    corners = [linprog(aim, A_ub=np.array(rows), b_ub=most, bounds=bounds) for aim in aims]
    if not corners[0].success:
        if any(v.when for _, v in numbers):
            return unit
        raise _nothing(problem)
    mixed = chance.dirichlet(np.full(len(corners), 0.3), len(unit)) @ np.array([c.x for c in corners])
    made = unit.copy()
    for (j, v), column in zip(numbers, mixed.T, strict=True):
        offset, width = (0.5, v.high - v.low + 1) if isinstance(v, Integer) else (0.0, v.high - v.low)
        made[:, j] = np.clip(((np.round(column) if offset else column) - v.low + offset) / width, 0.0, 1.0)
    return made


def refusal(problem: DesignProblem, row: dict[str, Any]) -> str | None:
    """Why a row has no value that a variable may have; None where all have one. Constraints are not looked at."""
    for v in problem.variables:
        value = row[v.name]
        if v.when and any(row[n] not in levels for n, levels in v.when.items()):
            continue  # out of use
        if isinstance(v, Categorical):
            if value not in v.levels:
                return f"{v.name} has no level {value}"
        elif value is None or not np.isfinite(value):
            return f"no {'whole ' if isinstance(v, Integer) else ''}number as {v.name}"
        elif not v.low <= value <= v.high:
            return f"{v.name} = {value:g} is outside {v.low:g} to {v.high:g}"
    return None


def some(problem: DesignProblem, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame, unless it is empty.

    Raises:
        InputError: it is.
    """
    if frame.is_empty():
        raise _nothing(problem)
    return frame


def _nothing(problem: DesignProblem) -> InputError:
    return InputError.of("no candidate", problem.name, "its constraints contradict each other: relax one")


def typed(problem: DesignProblem, frame: pl.DataFrame) -> pl.DataFrame:
    """The variables of a table in the types of candidates: 900.0 is a whole number, and what is none is no value."""

    def whole(name: str) -> pl.Expr:
        number = pl.col(name).cast(pl.Float64, strict=False)
        rounded = pl.when(number == number.round()).then(number).cast(pl.Int64, strict=False)
        exact = frame.schema[name].is_integer() or frame.schema[name] == pl.String  # beyond 2^53, too
        return pl.coalesce(pl.col(name).cast(pl.Int64, strict=False), rounded) if exact else rounded

    return frame.select(
        whole(n).alias(n) if kind == pl.Int64 else pl.col(n).cast(kind, strict=False)
        for n, kind in types(problem).items()
    )


def types(problem: DesignProblem) -> dict[str, Any]:
    """The column type of each variable."""
    return {v.name: _type(v) for v in problem.variables}


def named(problem: DesignProblem, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows with their identifier and formula before the variables."""
    names = [v.name for v in problem.variables]
    text = {n: pl.col(n).cast(pl.String).fill_null("") for n in names}
    found = [pl.concat_str(list(text.values()), separator="|").alias("candidate_id")]
    if problem.formula:
        parts = re.split("(" + "|".join(re.escape("{" + n + "}") for n in names) + ")", problem.formula)
        inside = {"{" + n + "}": text[n] for n in names}
        found.append(pl.concat_str([inside.get(p, pl.lit(p)) for p in parts]).alias("formula"))
    return frame.select(*found, *names)


def size(problem: DesignProblem) -> int:
    """How many candidates there would be without constraints."""
    return int(np.prod([len(options(v)) for v in problem.variables], dtype=object))


def options(variable: Variable) -> tuple[Any, ...] | range:
    """The values of a variable in a list of all candidates."""
    if isinstance(variable, Categorical):
        return variable.levels
    if isinstance(variable, Integer):
        return range(variable.low, variable.high + 1)
    return tuple(float(v) for v in np.linspace(variable.low, variable.high, GRID))


def _type(variable: Variable) -> Any:
    if isinstance(variable, Categorical):
        return pl.String
    return pl.Int64 if isinstance(variable, Integer) else pl.Float64
