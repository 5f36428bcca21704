"""GPAW under MPI: plane waves, spin, DFT + U. The calculation itself is in `runners.gpaw_run`.

Settings are those of `DEFAULTS`: `functional`, `cutoff_eV` of the plane waves, `kpoints` (a grid, or their density in
angstrom, as ASE counts it), `smearing_eV` (Fermi's), `spin` and the `start_moments` of elements (Bohr magnetons; those
of the structure come first), `expect_moment` (whether a vanished moment is a failure), `fix_moment` (the total moment
stays that of the start), `hubbard_U_eV` (element -> [orbital, U]), `normalized_U` (occupations count as shares of what
a full shell has within its augmentation sphere, GPAW's habit; other codes take them as they are), tolerances,
`grid_angstrom` (spacing of the density; GPAW's choice without), `iterations`, `mixing` (of GPAW; Pulay's without a
name), `bands`, `symmetry`, `ranks`.
"""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

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

PYTHON = "MATLOOM_GPAW_PYTHON"
"""Environment variable: the Python that has gpaw, where it is not this one."""
DEFAULTS: Settings = {
    "functional": "PBE",
    "cutoff_eV": 400,
    "kpoints": [2, 2, 2],
    "smearing_eV": 0.05,
    "spin": True,
    "start_moments": {},
    "expect_moment": False,
    "hubbard_U_eV": {},
    "normalized_U": True,
    "grid_angstrom": None,
    "fix_moment": False,
    "energy_tolerance_eV_electron": 1e-4,
    "density_tolerance": 1e-4,
    "eigenstates_tolerance_eV2_electron": 4e-8,
    "iterations": 150,
    "mixing": {"beta": 0.05, "nmaxold": 5, "weight": 50.0},
    "bands": "120%",
    "symmetry": True,
    "ranks": 2,
}
FUNCTIONALS = ("LDA", "PBE", "PBEsol", "RPBE", "R2SCAN", "SCAN")


class Engine:
    """See the module."""

    name = "gpaw"
    remedies: Mapping[str, Sequence[Settings]] = {
        "scf": (
            {"mixing": {"beta": 0.02, "nmaxold": 5, "weight": 100.0}, "iterations": 300},
            {"mixing": {"beta": 0.01, "nmaxold": 8, "weight": 100.0}, "iterations": 500, "smearing_eV": 0.1},
        ),
        "moment": ({"raise_moments": 2.0},),
        "memory": ({"ranks": 1},),
    }

    def check_settings(self, settings: Settings) -> None:
        """Refuses settings that GPAW cannot take.

        Raises:
            InputError: see `common.check_numbers`; an unknown setting or functional, or k-points that are none.
        """
        check_names(settings, self.name, (*DEFAULTS, "raise_moments"))
        told = {**DEFAULTS, **settings}
        if told["functional"] not in FUNCTIONALS:
            raise InputError.of(
                f"functional {told['functional']!r}", "the gpaw engine", f"use one of {', '.join(FUNCTIONALS)}"
            )
        tolerances = [name for name in DEFAULTS if "_tolerance" in name]
        positive = ("cutoff_eV", "smearing_eV", *tolerances)
        check_numbers(told, self.name, above_zero=positive, whole=("iterations", "ranks"))
        if not isinstance(told["mixing"], dict):
            raise InputError.of(f"mixing {told['mixing']!r}", "the gpaw engine", 'give for example {"beta": 0.05}')
        if not re.fullmatch(r"-?[1-9]\d*|[1-9]\d*%", str(told["bands"])):
            raise InputError.of(f"bands {told['bands']!r}", "the gpaw engine", 'give a number or "120%"')
        if isinstance(grid := told["kpoints"], list) and len(grid) == 3:
            axes = {f"kpoints along axis {i}": count for i, count in enumerate(grid, start=1)}
            check_numbers(axes, self.name, whole=tuple(axes))
        else:
            check_numbers(told, self.name, above_zero=("kpoints",))
        if wrong := [name for name, usual in DEFAULTS.items() if type(usual) is bool and type(told[name]) is not bool]:
            raise InputError.of(f"{wrong[0]} {told[wrong[0]]!r}", "the gpaw engine", "give true or false")

    def check(self, atoms: Atoms, settings: Settings) -> None:
        """Refuses structures and settings that GPAW cannot take.

        Raises:
            InputError: see `check_settings` and `common.check_atoms`.
        """
        self.check_settings(settings)
        check_atoms(atoms, _elements())

    def write(self, folder: Path, atoms: Atoms, settings: Settings) -> list[str]:
        """Writes `input.json`; the command runs the runner on as many ranks as asked."""
        told: dict[str, Any] = {**DEFAULTS, **settings}
        started = _started(atoms, told)
        held = {k: v for k, v in told.items() if k not in ("start_moments", "raise_moments", "ranks")}
        held["hubbard_U_eV"] = {e: u for e, u in told["hubbard_U_eV"].items() if e in atoms.symbols}
        write_json(folder / INPUT, {"settings": held, "structure": json.loads(started.as_json())})
        python, script = os.environ.get(PYTHON, sys.executable), copy_runner("gpaw_run.py", folder)
        environment = ["env", "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1"]
        if told["ranks"] == 1:
            return [*environment, python, script]
        if os.geteuid() == 0:
            environment += ["OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"]
        return [*environment, "mpiexec", "--bind-to", "none", "-n", str(told["ranks"]), python, script]

    def ranks(self, settings: Settings) -> int | None:
        """As told, or two."""
        return int(settings.get("ranks", DEFAULTS["ranks"]))

    def read(self, folder: Path, code: int) -> Reading:
        """See `common.read_result`."""
        return read_result(folder, code)


def _started(atoms: Atoms, told: Mapping[str, Any]) -> Atoms:
    """The crystal with the moments that the calculation starts from; none without spin."""
    if not told["spin"]:
        return replace(atoms, moments=None)
    by_element: Mapping[str, float] = told["start_moments"]
    own = atoms.moments if atoms.moments is not None else np.array([by_element.get(s, 0.0) for s in atoms.symbols])
    return replace(atoms, moments=own * float(told.get("raise_moments", 1.0)))


def _elements() -> frozenset[str]:
    """Elements with a PAW data set in gpaw-data 1.2."""
    from etl.features.elements import SYMBOLS

    return frozenset(SYMBOLS[:86]) - {"Tc", "Po", "At"}
