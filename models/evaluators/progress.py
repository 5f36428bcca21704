"""How far a problem is: what each batch brought, and whether its loop has ended.

Batches are in order of their iteration; their rows are those of design.observations. What is told to people about them
is in `generations`, how much may be spent in `budget`.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from models.design import pareto
from models.design.goals import met, signs
from models.evaluators.states import State
from schemas.problem import DesignProblem


@dataclass(frozen=True, kw_only=True)
class Step:
    """Where a problem stood after a batch.

    Attributes:
        evaluations: outcomes so far, failed ones included.
        best: objective -> best value so far.
        front: candidates that no other dominates; of one objective, the best.
        newcomers: those of the front that this batch brought and that equal none before.
    """

    evaluations: int
    best: dict[str, float]
    front: tuple[str, ...]
    newcomers: tuple[str, ...]


def steps(problem: DesignProblem, observed: pl.DataFrame) -> dict[str, Step]:
    """Batch -> where the problem stood after it, in order; batches without an outcome are left out.

    Args:
        problem: the problem.
        observed: rows of design.observations, of any problems.
    """
    names, limited = [o.name for o in problem.objectives], [limit.name for limit in problem.limits]
    seen: list[str] = []
    values = np.empty((0, len(names)))
    front: tuple[str, ...] = ()
    evaluations, found = 0, {}
    for batch, rows in _batches(problem, observed):
        told = [(c, json.loads(o)) for c, state, o in rows if state == State.ACCEPTED]
        whole = [(c, v) for c, v in told if all(n in v for n in problem.outcomes)]
        known = [(c, [v[n] for n in names]) for c, v in whole if met(np.array([v[n] for n in limited]), problem.limits)]
        before = values[[seen.index(c) for c in front]]
        seen += [c for c, _ in known]
        values = np.vstack([values, *(v for _, v in known)])
        turned = values * signs(problem.objectives)
        front = tuple(np.array(seen)[pareto.nondominated(turned)].tolist()) if seen else ()
        new = {c for c, v in known if not (before == v).all(axis=1).any()}
        evaluations += len(rows)
        best = dict(zip(names, turned.max(axis=0) * signs(problem.objectives), strict=True)) if seen else {}
        found[batch] = Step(
            evaluations=evaluations,
            best={k: float(v) for k, v in best.items()},
            front=front,
            newcomers=tuple(c for c in front if c in new),
        )
    return found


def idle(problem: DesignProblem, observed: pl.DataFrame) -> int:
    """Evaluations since the last batch that brought something better; those of the initial design count for nothing."""
    done = list(steps(problem, observed).values())
    last = max((k for k, step in enumerate(done) if step.newcomers), default=0)
    return done[-1].evaluations - done[last].evaluations if done else 0


def ended(
    problem: DesignProblem, observed: pl.DataFrame, proposed: pl.DataFrame, *, candidates: pl.Series
) -> str | None:
    """Why nothing more is proposed; None where the loop goes on.

    A loop that nothing better is left for ends with the batch whose proposals said so, unless that brought something
    better.

    Args:
        problem: the problem.
        observed: rows of design.observations, of any problems.
        proposed: rows of design.proposals, of any problems.
        candidates: ids of those that the problem allows.
    """
    own, limits = observed.filter(pl.col("problem") == problem.name)["candidate_id"], problem.budget
    if len(own) >= limits.total:
        return f"the budget of {limits.total} evaluations is spent"
    if candidates.is_in(own.to_list()).all():
        return f"all {len(candidates)} candidates are evaluated"
    if limits.patience is not None and (since := idle(problem, observed)) >= limits.patience:
        return f"the last {since} evaluations brought nothing better"
    told = proposed.filter(pl.col("problem") == problem.name).sort("iteration")["p_complete"].tail(1).drop_nulls()
    if limits.complete is not None and (told >= limits.complete).any() and idle(problem, observed):
        return f"nothing better is left with a probability of {told[0]:.3g}"
    return None


def _batches(problem: DesignProblem, observed: pl.DataFrame) -> Iterator[tuple[str, Sequence[tuple[str, str, str]]]]:
    own = observed.filter(pl.col("problem") == problem.name).sort("batch_id", "candidate_id")
    for (batch,), group in own.group_by("batch_id", maintain_order=True):
        yield str(batch), group.select("candidate_id", "state", "objectives").rows()
