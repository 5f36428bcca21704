"""What engines write and read; GPAW and CHGNet themselves run where they are installed."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from models.evaluators import recipes
from models.evaluators.calculations import Atoms
from models.evaluators.engines import ENGINES, chgnet, gpaw
from models.evaluators.engines.protocol import PLUMBING
from schemas.errors import InputError

NIO = Atoms(lattice=np.array([[0, 2.09, 2.09], [2.09, 0, 2.09], [2.09, 2.09, 0]]), symbols=("Ni", "O"),
            coords=np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]))  # fmt: skip


def test_every_shipped_recipe_is_valid_and_gives_reasons() -> None:
    for name in recipes.names():
        recipe = recipes.load(name)
        assert recipe.name == name
        assert recipe.reasons
        assert recipe.engine in ENGINES


def test_a_recipe_gives_moments_and_u_to_the_elements_that_are_there() -> None:
    recipe = recipes.load("lacunar_pbe_u")
    cell = Atoms(lattice=np.eye(3) * 5, symbols=("V", "S"), coords=NIO.coords)
    made = recipe.calculation(cell, label="x")
    assert made.settings["hubbard_U_eV"] == {"V": ["d", 2.0]}
    assert Atoms.from_json(made.structure).moments is not None
    assert made.calculation_id != recipes.load("lacunar_pbe").calculation(cell, label="x").calculation_id


def test_gpaw_writes_what_its_runner_needs_and_asks_for_ranks(tmp_path: Path) -> None:
    engine = gpaw.Engine()
    moments = Atoms(lattice=NIO.lattice, symbols=NIO.symbols, coords=NIO.coords, moments=np.array([1.5, 0]))
    command = engine.write(tmp_path, moments, {"ranks": 3, "raise_moments": 2.0, "hubbard_U_eV": {"Ni": ["d", 6.2]}})
    assert command[command.index("-n") + 1] == "3"
    assert (tmp_path / command[-1]).is_file()
    held = json.loads((tmp_path / "input.json").read_text())
    assert held["structure"]["sites"][0] == ["Ni", [0.0, 0.0, 0.0], 3.0]
    assert held["settings"]["hubbard_U_eV"] == {"Ni": ["d", 6.2]}
    assert "mpiexec" not in engine.write(tmp_path, NIO, {"ranks": 1})


def test_settings_that_no_engine_knows_are_refused() -> None:
    for engine, wrong, said in (
        (gpaw.Engine(), {"colour": 1}, "unknown setting colour"),
        (gpaw.Engine(), {"functional": "B3"}, "functional 'B3'"),
        (chgnet.Engine(), {"relax": "all"}, "relax 'all'"),
        (chgnet.Engine(), {"kpoints": 1}, "unknown setting kpoints"),
    ):
        with pytest.raises(InputError, match=said):
            engine.check(NIO, wrong)
    with pytest.raises(InputError, match="no data for At"):
        gpaw.Engine().check(Atoms(lattice=NIO.lattice, symbols=("At", "O"), coords=NIO.coords), {})


def test_remedies_name_settings_that_the_engine_takes() -> None:
    for engine in (gpaw.Engine(), chgnet.Engine()):
        for code, changes in engine.remedies.items():
            assert code in PLUMBING | {"scf", "moment", "time"}
            for change in changes:
                engine.check(NIO, change)


@pytest.mark.skipif(importlib.util.find_spec("gpaw") is None, reason="gpaw is not installed: pip install .[dft]")
def test_gpaw_finds_the_gap_of_silicon(tmp_path: Path) -> None:
    import subprocess

    lattice = np.array([[0, 2.715, 2.715], [2.715, 0, 2.715], [2.715, 2.715, 0]])
    silicon = Atoms(lattice=lattice, symbols=("Si", "Si"), coords=np.array([[0.0, 0, 0], [0.25, 0.25, 0.25]]))
    engine = gpaw.Engine()
    command = engine.write(tmp_path, silicon, {"spin": False, "cutoff_eV": 200, "kpoints": [4, 4, 4], "ranks": 1})
    done = subprocess.run(command, cwd=tmp_path, check=False)
    found = engine.read(tmp_path, done.returncode)
    assert found.failure is None
    assert 0.4 < found.values["gap_eV"] < 0.9, "PBE gives 0.6 eV; the grid misses the minimum"
