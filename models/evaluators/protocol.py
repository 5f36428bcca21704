"""The protocol every back end keeps: submit, poll, collect; none of them blocks while a calculation runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from models.evaluators.states import State


@dataclass(frozen=True)
class Handle:
    """A submitted evaluation: the batch, the candidate, and what the back end calls it."""

    batch_id: str
    candidate_id: str
    reference: str


@dataclass(frozen=True)
class Observation:
    """Outcome of one evaluation; `values` is empty where the calculation failed."""

    candidate_id: str
    state: State
    values: dict[str, float]
    reason: str | None = None


@dataclass(frozen=True)
class Change:
    """A change of state; `at` is None where it happens as it is asked for."""

    state: State
    reason: str | None = None
    at: datetime | None = None


class Evaluator(Protocol):
    """A back end."""

    name: str

    def submit(self, batch_id: str, candidates: Sequence[dict[str, Any]]) -> list[Handle]:
        """Starts the evaluation of candidates; the same batch again changes nothing."""
        ...

    def poll(self, handles: Sequence[Handle]) -> list[State]:
        """State of each handle, in order."""
        ...

    def history(self, handle: Handle) -> list[Change]:
        """Every change of one evaluation so far, from `proposed` on; what was once told stays."""
        ...

    def collect(self, handles: Sequence[Handle]) -> list[Observation]:
        """Outcomes of the handles that have one."""
        ...
