"""Candidates of a design problem answered by calculations: their own, and those of the phases they compete with.

An objective is a value of the candidate's calculation of the same name, or `stability_eV_atom`: its decomposition
enthalpy over the competing phases of its elements, all calculated by the same recipe (see `stability`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.evaluators import service
from models.evaluators.calculations import Atoms, Calculation
from models.evaluators.ledger import Ledger
from models.evaluators.protocol import Change, Handle, Observation
from models.evaluators.recipes import Recipe
from models.evaluators.stability import Phase, decomposition
from models.evaluators.states import FINAL, State
from schemas.errors import InputError

STABILITY = "stability_eV_atom"
ENERGY = "energy_eV_atom"
ANY_CAPS = service.Caps()


@dataclass(frozen=True, kw_only=True)
class Compound:
    """A crystal to be calculated."""

    label: str
    atoms: Atoms

    @property
    def amounts(self) -> dict[str, float]:
        """Atoms of each element in the cell."""
        return {e: float(self.atoms.symbols.count(e)) for e in sorted(set(self.atoms.symbols))}


def changes(ledger: Ledger, calculation_id: str) -> list[Change]:
    """Every event of a calculation, oldest first."""
    return [Change(State(state), why, datetime.fromisoformat(at)) for state, why, at in ledger.events(calculation_id)]


class Computed:
    """An `Evaluator` whose calculations are in a ledger; what runs them is in `service`.

    Args:
        name: what observations say evaluated them: recipe and engine.
        ledger: of the calculations.
        recipe: of all calculations.
        objectives: names of the objectives.
        compounds: candidate -> its crystal.
        phases: what candidates compete with; those that hold an element a candidate lacks are left out.
        caps: under which calculations run: they say when one is given up.
    """

    def __init__(
        self,
        name: str,
        *,
        ledger: Ledger,
        recipe: Recipe,
        objectives: Sequence[str],
        compounds: Mapping[str, Compound],
        phases: Sequence[Compound] = (),
        caps: service.Caps = ANY_CAPS,
    ) -> None:
        self.name = name
        self._ledger, self._recipe, self._objectives = ledger, recipe, tuple(objectives)
        self._compounds, self._phases, self._caps = compounds, tuple(phases), caps

    def submit(self, batch_id: str, candidates: Sequence[dict[str, Any]]) -> list[Handle]:
        """Asks for the calculations of each candidate; what was asked before is not asked twice."""
        handles = []
        for row in candidates:
            candidate = str(row["candidate_id"])
            who = f"{batch_id}/{candidate}"
            try:
                service.ask(
                    self._ledger, [(self._of(c), who) for c in (self._main(candidate), *self._rivals(candidate))]
                )
                reference = self._of(self._main(candidate)).calculation_id
            except InputError as error:  # the engine refuses it: that is an outcome
                reference = f"refused: {error}"
            handles.append(Handle(batch_id, candidate, reference))
        return handles

    def poll(self, handles: Sequence[Handle]) -> list[State]:
        """State of each handle, in order."""
        return [self.history(h)[-1].state for h in handles]

    def history(self, handle: Handle) -> list[Change]:
        """The events of the candidate's own calculation; it counts as running while its rivals have not ended."""
        if handle.reference.startswith("refused: "):
            return [Change(State.PROPOSED), Change(State.REJECTED, handle.reference.removeprefix("refused: "))]
        told = changes(self._ledger, handle.reference)
        if told[-1].state is not State.ACCEPTED:
            return told
        if self._waits(handle.candidate_id):
            return [c for c in told if c.state not in (State.PARSED, State.ACCEPTED)]
        _, reason = self._values(handle)
        return told if reason is None else [*told[:-1], Change(State.REJECTED, reason, told[-1].at)]

    def collect(self, handles: Sequence[Handle]) -> list[Observation]:
        """Outcomes of the candidates whose calculations, and those of their rivals, have ended."""
        found = []
        for handle in handles:
            last = self.history(handle)[-1]
            if last.state in FINAL:
                values = self._values(handle)[0] if last.state is State.ACCEPTED else {}
                told = self._against(handle.candidate_id) if last.state is State.ACCEPTED else last.reason
                found.append(Observation(handle.candidate_id, last.state, values, told))
        return found

    def _of(self, compound: Compound) -> Calculation:
        return self._recipe.calculation(compound.atoms, label=compound.label)

    def _main(self, candidate: str) -> Compound:
        if candidate not in self._compounds:
            raise InputError.of(f"no structure of {candidate}", self.name, "add one to the structures of the problem")
        return self._compounds[candidate]

    def _rivals(self, candidate: str) -> list[Compound]:
        if STABILITY not in self._objectives:
            return []
        held = set(self._main(candidate).amounts)
        return [p for p in self._phases if set(p.amounts) <= held]

    def _waits(self, candidate: str) -> bool:
        """Whether a rival is on its way; one that plumbing failed for good is left out of the mixture."""
        ids = [self._of(rival).calculation_id for rival in self._rivals(candidate)]
        return any(service.underway(self._ledger, i, self._caps) for i in ids)

    def _phases_of(self, candidate: str) -> list[Phase]:
        """The rivals that have a value."""
        told = [(r, self._ledger.result(self._of(r).calculation_id)) for r in self._rivals(candidate)]
        return [
            Phase(label=rival.label, amounts=rival.amounts, energy_eV_atom=result[ENERGY])
            for rival, result in told
            if result is not None
        ]

    def _against(self, candidate: str) -> str | None:
        """What the stability of a candidate was judged against: with other phases it would be another."""
        names = ", ".join(p.label for p in self._phases_of(candidate))
        return f"stability against {names}" if names else None

    def _values(self, handle: Handle) -> tuple[dict[str, float], str | None]:
        """Objectives of an accepted candidate, or why they cannot be told."""
        own = self._ledger.result(handle.reference) or {}
        values = {name: own[name] for name in self._objectives if name in own}
        if STABILITY in self._objectives:
            main, phases = self._main(handle.candidate_id), self._phases_of(handle.candidate_id)
            compound = Phase(label=main.label, amounts=main.amounts, energy_eV_atom=own[ENERGY])
            try:
                values[STABILITY] = decomposition(compound, phases).enthalpy_eV_atom
            except InputError as error:
                return {}, str(error)
        missing = [name for name in self._objectives if name not in values]
        return (values, None) if not missing else ({}, f"the engine {self._recipe.engine} does not tell {missing[0]}")
