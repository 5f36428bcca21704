"""What an engine is: it writes input, names a command, and reads values or a failure with a code.

An engine never runs anything itself; `executors` do. Codes of failures are few and common to all engines, so that rules
about them can be written down as data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from models.evaluators.calculations import Atoms, Settings

PLUMBING = frozenset({"lost", "killed", "memory", "disk", "node", "missing"})
"""Codes that say nothing about the material; all others are failures of the calculation."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why an attempt gave no value.

    Attributes:
        code: a code of `PLUMBING`, or `scf`, `moment`, `time`, `input`, `crashed`, `unknown`.
        reason: for people: what, where, remedy.
    """

    code: str
    reason: str

    @property
    def plumbing(self) -> bool:
        """Whether it says nothing about the material."""
        return self.code in PLUMBING


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What an attempt gave.

    Attributes:
        values: quantity -> number, with the unit in its name; empty where it failed.
        provenance: versions, times, convergence: what makes the values believable.
        failure: why there are no values.
        objection: why values that are there must not be used.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    objection: str | None = None


class Engine(Protocol):
    """One engine.

    Attributes:
        name: its name.
        remedies: code of a failure -> changes of the settings, tried one after the other.
    """

    name: str
    remedies: Mapping[str, Sequence[Settings]]

    def check_settings(self, settings: Settings) -> None:
        """Refuses settings that it cannot take, whatever the crystal.

        Raises:
            InputError: an unknown setting, or a value that makes no sense.
        """
        ...

    def check(self, atoms: Atoms, settings: Settings) -> None:
        """Refuses what cannot be calculated, before anything is queued.

        Raises:
            InputError: see `check_settings`; overlapping atoms, an unknown element, a missing data set.
        """
        ...

    def write(self, folder: Path, atoms: Atoms, settings: Settings) -> list[str]:
        """Writes the input and returns the command that runs in the folder."""
        ...

    def ranks(self, settings: Settings) -> int | None:
        """MPI processes that the command starts; None where the person who names the command knows."""
        ...

    def read(self, folder: Path, code: int) -> Reading:
        """Reads an attempt that ended with an exit code."""
        ...
