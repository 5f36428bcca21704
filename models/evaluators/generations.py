"""Rows of design.generations: what each batch asked, what came back, what surprised, what comes next.

A person who was away reads these. The numbers behind them are in the other design tables, the steps in `progress`.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from models.evaluators.budget import allowed, asked_in
from models.evaluators.campaign import surprise
from models.evaluators.progress import Step, ended, steps
from models.evaluators.states import State
from schemas.emit.polars import schema
from schemas.problem import DesignProblem
from schemas.tables import REGISTRY

ROWS = schema(REGISTRY["design.generations"])
SURPRISING = 2.0
"""Predicted deviations between expectation and outcome from which an outcome surprises."""
SHOWN = 6
"""Names that a sentence tells at most."""


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One batch.

    Attributes:
        problem: the problem.
        proposed: its rows of design.proposals, by rank, with `label` and `state`, `objectives`, `reason` of outcomes.
        attempts: submissions.
        step: where the problem stood after it; None while it has no outcome.
        labels: candidate -> what it is called.
    """

    problem: DesignProblem
    proposed: pl.DataFrame
    attempts: int
    step: Step | None
    labels: Mapping[str, str]

    @property
    def name(self) -> str:
        """The batch."""
        return str(self.proposed["batch_id"][0])

    @property
    def asked(self) -> list[str]:
        """Names of its candidates."""
        return self.proposed["label"].to_list()

    def count(self, *states: State) -> int:
        """Candidates with an outcome of these states."""
        return int(self.proposed["state"].is_in([str(s) for s in states]).sum())

    @property
    def waiting(self) -> int:
        """Candidates without an outcome."""
        return self.proposed["state"].null_count()


def report(
    candidates: pl.DataFrame, proposals: pl.DataFrame, events: pl.DataFrame, observed: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """Rows of design.generations of every problem that has been asked anything.

    Args:
        candidates, proposals, events, observed: rows of the design tables of these names.
    """
    rows = []
    for asked in asked_in(proposals):
        made = list(_generations(asked, candidates, proposals, events, observed))
        why = ended(asked, observed, proposals, candidates=allowed(asked, candidates))
        for now, after in zip(made, [*made[1:], None], strict=True):
            rows.append(_row(now, _next(now, after, why)))
    return {"design.generations": pl.DataFrame(rows, schema=ROWS, orient="row")}


def _generations(
    asked: DesignProblem,
    candidates: pl.DataFrame,
    proposals: pl.DataFrame,
    events: pl.DataFrame,
    observed: pl.DataFrame,
) -> Iterator[Generation]:
    own = pl.col("problem") == asked.name
    named = candidates.filter(own).select("candidate_id", label=pl.coalesce("formula", "candidate_id"))
    outcomes = observed.filter(own).select("candidate_id", "state", "objectives", "reason")
    told = proposals.filter(own).sort("iteration", "rank")
    told = told.join(named, on="candidate_id", how="left", maintain_order="left")
    told = told.join(outcomes, on="candidate_id", how="left", maintain_order="left")
    sent = events.filter(own & (pl.col("state") == str(State.SUBMITTED))).group_by("batch_id").len()
    attempts, done, labels = dict(sent.iter_rows()), steps(asked, observed), dict(named.iter_rows())
    for (batch,), group in told.group_by("batch_id", maintain_order=True):
        name = str(batch)
        step = done.get(name)
        yield Generation(problem=asked, proposed=group, attempts=attempts.get(name, 0), step=step, labels=labels)


def _row(made: Generation, follows: str) -> dict[str, Any]:
    step = made.step or Step(evaluations=0, best={}, front=(), newcomers=())
    errors = list(_errors(made))
    surprises = _surprises(made, errors)
    row = {
        "batch_id": made.name,
        "problem": made.problem.name,
        "iteration": made.proposed["iteration"][0],
        "strategy": made.proposed["strategy"][0],
        "asked": made.asked,
        "accepted": made.count(State.ACCEPTED),
        "failed": made.count(State.CALCULATION_FAILED, State.REJECTED),
        "waiting": made.waiting,
        "attempts": made.attempts,
        "best": json.dumps(step.best),
        "newcomers": [made.labels[c] for c in step.newcomers],
        "front_size": len(step.front),
        "surprises": surprises,
        "error_in_deviations": math.sqrt(sum(e.off**2 for e in errors) / len(errors)) if errors else None,
        "p_complete": made.proposed["p_complete"].max(),
        "next": follows,
    }
    return {**row, "report": _words(made, row)}


@dataclass(frozen=True, kw_only=True)
class _Error:
    """An outcome beside what was expected; `off` in predicted deviations."""

    label: str
    objective: str
    expected: float
    deviation: float
    value: float
    off: float


def _errors(made: Generation) -> Iterator[_Error]:
    """Of every accepted candidate whose outcome was foretold."""
    for row in made.proposed.filter(state=str(State.ACCEPTED)).iter_rows(named=True):
        foretold, values = json.loads(row["predicted"] or "{}"), json.loads(row["objectives"])
        for name, off in surprise(row["predicted"], row["objectives"]).items():
            expected, deviation = foretold[f"mean_{name}"], foretold[f"sd_{name}"]
            told = {"label": row["label"], "objective": name, "value": values[name]}
            yield _Error(**told, expected=expected, deviation=deviation, off=off)


def _surprises(made: Generation, errors: Sequence[_Error]) -> list[str]:
    """In words, failures last."""
    large = sorted((e for e in errors if abs(e.off) >= SURPRISING), key=lambda e: -abs(e.off))
    found = [
        f"{e.label}: {e.objective} {e.value:.3g} where {e.expected:.3g} ± {e.deviation:.2g} was expected" for e in large
    ]
    lost = made.proposed.filter(pl.col("state").is_in([str(State.CALCULATION_FAILED), str(State.REJECTED)]))
    return found + [f"{label}: {state}, {reason}" for label, state, reason in lost["label", "state", "reason"].rows()]


def _next(now: Generation, after: Generation | None, why: str | None) -> str:
    if after is not None:
        return f"{after.name}: {_listed(after.asked)}"
    if now.waiting:
        sent = "outcomes are awaited" if now.attempts else "wait to be submitted"
        return f"{now.waiting} {sent}"
    return f"the loop ended: {why}" if why else "the next batch is due"


def _words(made: Generation, row: Mapping[str, Any]) -> str:
    """The row as four sentences."""
    back = [f"{row[n]} {said}" for n, said in (("accepted", "with a value"), ("failed", "failed")) if row[n]]
    back += [f"{row['waiting']} awaited"] if row["waiting"] else []
    best = ", ".join(f"{k} {v:.4g}" for k, v in json.loads(row["best"]).items()) or "nothing yet"
    new = _listed(row["newcomers"]) or "none"
    came = f"{', '.join(back) or 'nothing'}, after {made.attempts} attempts"
    chance = row["p_complete"]
    left = "" if chance is None else f" (chance that nothing better was left: {100 * chance:.0f} %)"
    known = "nothing was foretold" if row["error_in_deviations"] is None else "nothing"
    return "\n".join(
        [
            f"{made.name} asked {len(made.asked)} by {row['strategy']}: {_listed(made.asked)}{left}",
            f"came back: {came}; best so far {best}; new on the front: {new}",
            f"surprised: {_listed(row['surprises'], '; ') or known}",
            f"next: {row['next']}",
        ]
    )


def _listed(names: Sequence[str], joint: str = ", ") -> str:
    rest = len(names) - SHOWN
    return joint.join(names[:SHOWN]) + (f"{joint}and {rest} more" if rest > 0 else "")
