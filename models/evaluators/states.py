"""States of an evaluation and the moves between them.

"Calculation failed" is data: the surrogate learns that the candidate has no value. "Plumbing failed" (transfer, queue,
node) says nothing about the candidate and is tried again unchanged.
"""

from enum import StrEnum

from schemas.errors import MatloomError


class State(StrEnum):
    """Where an evaluation stands."""

    PROPOSED = "proposed"
    SUBMITTED = "submitted"
    RUNNING = "running"
    PARSED = "parsed"
    ACCEPTED = "accepted"
    CALCULATION_FAILED = "calculation_failed"
    PLUMBING_FAILED = "plumbing_failed"
    REJECTED = "rejected"


FINAL = frozenset({State.ACCEPTED, State.CALCULATION_FAILED, State.REJECTED})
WAITING = frozenset({State.SUBMITTED, State.RUNNING})
MOVES: dict[State, frozenset[State]] = {
    State.PROPOSED: frozenset({State.SUBMITTED, State.REJECTED}),
    # submitted again: a further attempt with settings changed by rule
    State.SUBMITTED: frozenset(
        {State.SUBMITTED, State.RUNNING, State.PARSED, State.CALCULATION_FAILED, State.PLUMBING_FAILED, State.REJECTED}
    ),
    State.RUNNING: frozenset(
        {State.SUBMITTED, State.PARSED, State.CALCULATION_FAILED, State.PLUMBING_FAILED, State.REJECTED}
    ),
    State.PARSED: frozenset({State.ACCEPTED, State.REJECTED}),
    State.PLUMBING_FAILED: frozenset({State.SUBMITTED, State.PROPOSED, State.REJECTED}),
    State.ACCEPTED: frozenset(),
    # only a person asks again for what has ended without a value
    State.CALCULATION_FAILED: frozenset({State.PROPOSED}),
    State.REJECTED: frozenset({State.PROPOSED}),
}


class ForbiddenMoveError(MatloomError):
    """A state that cannot follow the one before."""


def check_move(before: State | None, after: State, *, where: str) -> None:
    """Lets a move pass or says which are allowed; the first state is always `proposed`.

    Raises:
        ForbiddenMoveError: the move is not in `MOVES`.
    """
    allowed = MOVES[before] if before is not None else frozenset({State.PROPOSED})
    if after not in allowed:
        listed = ", ".join(sorted(allowed)) or "nothing"
        raise ForbiddenMoveError(f"{before or 'nothing'} cannot become {after} in {where}: allowed is {listed}")
