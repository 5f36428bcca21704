"""CHGNet in a process of its own: energy, volume and moments at the level of the Materials Project, no gaps.

Settings: `relax` (`none`, `sites` or `cell`), `force_eV_angstrom` at which a relaxation ends, `steps` at most, and
`strain_percent`, the change of volume above which a relaxed cell is objected to. The relaxed crystal is in the
provenance, as `Atoms.as_json` writes it.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.evaluators.calculations import Atoms, Settings
from models.evaluators.engines.common import (
    INPUT,
    check_atoms,
    check_names,
    check_numbers,
    copy_runner,
    read_result,
    write_json,
)
from models.evaluators.engines.protocol import Reading
from schemas.errors import InputError

PYTHON = "MATLOOM_CHGNET_PYTHON"
"""Environment variable: the Python that has chgnet, where it is not this one."""
DEFAULTS: Settings = {"relax": "cell", "force_eV_angstrom": 0.05, "steps": 500, "strain_percent": 30.0}
WAYS = ("none", "sites", "cell")


class Engine:
    """See the module."""

    name = "chgnet"
    remedies: Mapping[str, Sequence[Settings]] = {"scf": ({"steps": 2000},)}

    def check_settings(self, settings: Settings) -> None:
        """Refuses settings that CHGNet cannot take.

        Raises:
            InputError: an unknown setting, or a value that makes no sense.
        """
        check_names(settings, self.name, DEFAULTS)
        told = {**DEFAULTS, **settings}
        if (way := told["relax"]) not in WAYS:
            raise InputError.of(f"relax {way!r}", "the chgnet engine", f"use one of {', '.join(WAYS)}")
        check_numbers(told, self.name, above_zero=("force_eV_angstrom", "strain_percent"), whole=("steps",))

    def check(self, atoms: Atoms, settings: Settings) -> None:
        """Refuses structures and settings that CHGNet cannot take.

        Raises:
            InputError: see `check_settings` and `common.check_atoms`.
        """
        from etl.features.elements import SYMBOLS

        self.check_settings(settings)
        check_atoms(atoms, frozenset(SYMBOLS[:94]) - {"Po", "At", "Rn", "Fr", "Ra"})

    def write(self, folder: Path, atoms: Atoms, settings: Settings) -> list[str]:
        """Writes `input.json`; the command runs the runner."""
        told: dict[str, Any] = {**DEFAULTS, **settings}
        write_json(folder / INPUT, {"settings": told, "structure": json.loads(replace(atoms, moments=None).as_json())})
        python = os.environ.get(PYTHON, sys.executable)
        return ["env", "OMP_NUM_THREADS=1", python, copy_runner("chgnet_run.py", folder)]

    def ranks(self, settings: Settings) -> int | None:
        """One process."""
        return 1

    def read(self, folder: Path, code: int) -> Reading:
        """See `common.read_result`."""
        return read_result(folder, code)
