"""A recorded table behind the ledger: it answers as slowly and as unreliably as real calculations do.

A problem whose evaluator is `recorded` with options is rehearsed: `seconds` that an attempt takes at most, `failing`,
the share of attempts that fail, and `seed`, which decides on both. What fails is tried again as anything else is.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.evaluators import service
from models.evaluators.calculations import Atoms, Calculation
from models.evaluators.computed import changes
from models.evaluators.ledger import Ledger
from models.evaluators.protocol import Change, Handle, Observation
from models.evaluators.recorded import RecordedTable
from models.evaluators.states import FINAL, State
from schemas.errors import InputError

CODES = ("lost", "node", "scf")
"""What attempts fail with, in equal shares: two say nothing about the candidate, one has remedies."""
OPTIONS = frozenset({"seconds", "failing", "seed"})
_NOTHING = Atoms(lattice=np.eye(3), symbols=("H",), coords=np.zeros((1, 3))).as_json()
_MOST_FAILURES = 20


class Rehearsed:
    """An `Evaluator` of a recorded table whose answers go through the ledger; see the module.

    Args:
        table: of the answers.
        ledger: of the rehearsed calculations.
        options: of the problem's evaluator.

    Raises:
        InputError: an unknown option, a negative time, or a share that is none.
    """

    def __init__(self, table: RecordedTable, *, ledger: Ledger, options: Mapping[str, Any]) -> None:
        if unknown := sorted(set(options) - OPTIONS):
            raise InputError.of(f"unknown option {unknown[0]}", table.name, f"use {', '.join(sorted(OPTIONS))}")
        self.name = f"rehearsed:{table.name}"
        self._table, self._ledger = table, ledger
        self._seconds, self._failing = float(options.get("seconds", 0.0)), float(options.get("failing", 0.0))
        self._seed = options.get("seed", 0)
        if not 0 <= self._seconds < float("inf") or not 0 <= self._failing < 1:
            raise InputError.of("options out of range", table.name, "give seconds from 0 and failing from 0 below 1")

    def submit(self, batch_id: str, candidates: Sequence[dict[str, Any]]) -> list[Handle]:
        """Asks for a calculation of each candidate."""
        asked = [(str(row["candidate_id"]), self._calculation(row)) for row in candidates]
        service.ask(self._ledger, [(calculation, f"{batch_id}/{who}") for who, calculation in asked])
        return [Handle(batch_id, who, calculation.calculation_id) for who, calculation in asked]

    def poll(self, handles: Sequence[Handle]) -> list[State]:
        """State of each handle, in order."""
        return [self.history(h)[-1].state for h in handles]

    def history(self, handle: Handle) -> list[Change]:
        """The events of the calculation."""
        return changes(self._ledger, handle.reference)

    def collect(self, handles: Sequence[Handle]) -> list[Observation]:
        """Outcomes of the calculations that have ended."""
        found = []
        for handle in handles:
            last = self.history(handle)[-1]
            if last.state in FINAL:
                values = self._ledger.result(handle.reference) or {}
                found.append(Observation(handle.candidate_id, last.state, values, last.reason))
        return found

    def _calculation(self, row: dict[str, Any]) -> Calculation:
        who = str(row["candidate_id"])
        chance = random.Random(f"{self._seed} {who}")
        fails: list[str] = []
        while len(fails) < _MOST_FAILURES and chance.random() < self._failing:
            fails.append(chance.choice(CODES))
        seconds = round(chance.uniform(0.0, self._seconds), 3)
        settings = {"values": self._table.row(row), "seconds": seconds, "fails": fails, "candidate": who}
        return Calculation(engine="recorded", settings=settings, structure=_NOTHING, label=who)
