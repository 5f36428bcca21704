"""What is left to evaluate of the shipped problems. Light: a run asks before it loads any surrogate."""

from collections.abc import Iterator

import polars as pl

from schemas import problem as problems
from schemas.problem import DesignProblem


def asked_in(rows: pl.DataFrame) -> Iterator[DesignProblem]:
    """The shipped problems that occur in rows."""
    held = set(rows["problem"].unique().to_list())
    return (problems.load(name) for name in problems.names() if name in held)


def remaining(candidates: pl.DataFrame, observed: pl.DataFrame) -> dict[str, int]:
    """Evaluations left in the budget of each problem that a recorded table answers."""
    return {p.name: left(p, observed) for p in asked_in(candidates) if p.evaluator.kind == "recorded"}


def left(asked: DesignProblem, observed: pl.DataFrame) -> int:
    """What is left of the budget; evaluations of candidates that were retired since are spent too."""
    return max(0, asked.budget.total - observed.filter(pl.col("problem") == asked.name).height)
