"""What is left to evaluate of the problems that are worked on. Light: a run asks before it loads any surrogate."""

from collections.abc import Iterator

import polars as pl

from models.evaluators import progress
from schemas import problem as problems
from schemas.problem import DesignProblem


def asked_in(rows: pl.DataFrame) -> Iterator[DesignProblem]:
    """The problems that are worked on and occur in rows."""
    held = set(rows["problem"].unique().to_list())
    return (asked for asked in problems.worked_on() if asked.name in held)


def remaining(candidates: pl.DataFrame, observed: pl.DataFrame, proposed: pl.DataFrame) -> dict[str, int]:
    """Evaluations left in the budget of each problem that a recorded table answers at once."""
    return {
        p.name: left(p, observed, proposed, candidates=allowed(p, candidates))
        for p in asked_in(candidates)
        if p.evaluator.instant
    }


def allowed(asked: DesignProblem, candidates: pl.DataFrame) -> pl.Series:
    """Ids of the candidates that a problem allows, of rows of design.candidates."""
    return candidates.filter((pl.col("problem") == asked.name) & ~pl.col("retired"))["candidate_id"]


def left(asked: DesignProblem, observed: pl.DataFrame, proposed: pl.DataFrame, *, candidates: pl.Series) -> int:
    """What is left of the budget; evaluations of candidates that were retired since are spent too."""
    if progress.ended(asked, observed, proposed, candidates=candidates) is not None:
        return 0
    return asked.budget.total - observed.filter(pl.col("problem") == asked.name).height
