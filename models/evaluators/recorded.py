"""A look-up table as evaluator: every answer is there at once, a missing value is a failed calculation."""

import json
from collections.abc import Sequence
from typing import Any

import polars as pl

from models.evaluators.protocol import Change, Handle, Observation
from models.evaluators.states import State
from schemas.errors import InputError


class RecordedTable:
    """Answers from a table.

    Args:
        name: of the table.
        table: rows with the variables and the objectives.
        variables: columns that identify a row.
        objectives: columns that are told.

    Raises:
        InputError: a missing column, or variables that do not identify a row.
    """

    def __init__(self, name: str, table: pl.DataFrame, *, variables: Sequence[str], objectives: Sequence[str]) -> None:
        missing = [c for c in (*variables, *objectives) if c not in table.columns]
        if missing:
            raise InputError.of(f"missing column {missing[0]}", f"table {name}", f"it has {', '.join(table.columns)}")
        self.name = name
        self._variables, self._objectives = tuple(variables), tuple(objectives)
        self._values: dict[str, dict[str, float | None]] = {}
        for row in table.select(*variables, *objectives).iter_rows(named=True):
            key = self._key(row)
            if key in self._values:
                raise InputError.of(f"two rows for {key}", f"table {name}", "name variables that identify a row")
            self._values[key] = {o: row[o] for o in objectives}

    def row(self, candidate: dict[str, Any]) -> dict[str, float | None]:
        """What the table tells of a candidate; every objective is None where it has no row."""
        found = self._values.get(self._key(candidate))
        return dict.fromkeys(self._objectives) if found is None else dict(found)

    def submit(self, batch_id: str, candidates: Sequence[dict[str, Any]]) -> list[Handle]:
        """Handles that carry the look-up key."""
        return [Handle(batch_id, str(c["candidate_id"]), self._key(c)) for c in candidates]

    def poll(self, handles: Sequence[Handle]) -> list[State]:
        """Every known row is parsed; others failed."""
        return [self._outcome(h)[0] for h in handles]

    def history(self, handle: Handle) -> list[Change]:
        """Proposed, submitted, parsed and accepted at once, or failed."""
        state, _, reason = self._outcome(handle)
        ends = [Change(state, reason)] if state is not State.PARSED else [Change(state), Change(State.ACCEPTED)]
        return [Change(State.PROPOSED), Change(State.SUBMITTED), *ends]

    def collect(self, handles: Sequence[Handle]) -> list[Observation]:
        """The recorded values."""
        found = []
        for handle in handles:
            state, values, reason = self._outcome(handle)
            accepted = State.ACCEPTED if state is State.PARSED else state
            found.append(Observation(handle.candidate_id, accepted, values, reason))
        return found

    def _outcome(self, handle: Handle) -> tuple[State, dict[str, float], str | None]:
        row = self._values.get(handle.reference)
        if row is None:
            return State.CALCULATION_FAILED, {}, f"no row in {self.name}"
        known = {name: float(value) for name, value in row.items() if value is not None}
        if len(known) < len(row):
            return State.CALCULATION_FAILED, {}, f"no value in {self.name}"
        return State.PARSED, known, None

    def _key(self, row: dict[str, Any]) -> str:
        return json.dumps([row[v] for v in self._variables], ensure_ascii=False)
