"""What engines write and read; GPAW and CHGNet themselves run where they are installed."""

import gzip
import importlib.util
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from models.evaluators import recipes
from models.evaluators.calculations import Atoms
from models.evaluators.engines import ENGINES, chgnet, gpaw, vasp
from models.evaluators.engines.protocol import PLUMBING
from schemas.errors import InputError
from tests.servers import vasprun

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


@pytest.mark.parametrize(
    "settings", [{"steps": -3}, {"steps": "many"}, {"steps": 1.5}, {"force_eV_angstrom": float("nan")}]
)
def test_chgnet_refuses_settings_that_are_no_positive_numbers(settings: dict[str, object]) -> None:
    with pytest.raises(InputError, match="number above 0"):
        chgnet.Engine().check(NIO, settings)


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
        (gpaw.Engine(), {"cutoff_eV": -1}, "cutoff_eV -1 in the gpaw engine: give a number above 0"),
        (gpaw.Engine(), {"cutoff_eV": True}, "cutoff_eV True"),
        (gpaw.Engine(), {"iterations": 1.5}, "give a whole number above 0"),
        (gpaw.Engine(), {"smearing_eV": -1}, "smearing_eV -1"),
        (gpaw.Engine(), {"mixing": 3}, "mixing 3"),
        (gpaw.Engine(), {"bands": "x"}, "bands 'x'"),
        (chgnet.Engine(), {"relax": "all"}, "relax 'all'"),
        (chgnet.Engine(), {"kpoints": 1}, "unknown setting kpoints"),
        (vasp.Engine(), {"set": "mine"}, "set 'mine'"),
        (vasp.Engine(), {"set": "pbe_static", "x": 1}, "unknown setting x"),
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


@pytest.mark.parametrize("name", vasp.SETS)
def test_vasp_inputs_of_every_set_need_no_potentials_to_be_written(name: str, tmp_path: Path) -> None:
    moments = Atoms(lattice=NIO.lattice, symbols=NIO.symbols, coords=NIO.coords, moments=np.array([2.0, 0.0]))
    told = {"set": name, "hubbard_U_eV": {"Ni": ["d", 6.2], "V": ["d", 3.1]}, "incar": {"NELM": 77}}
    vasp.Engine().check(moments, told)
    command = vasp.Engine().write(tmp_path, moments, told)
    tags = dict(line.split(" = ", 1) for line in (tmp_path / "INCAR").read_text().splitlines() if " = " in line)
    assert (tags["LDAUU"].split(), tags["LDAUL"].split(), tags["NELM"]) == (["6.2", "0.0"], ["2", "-1"], "77")
    assert tags["MAGMOM"].split()[0] == "1*2.0"
    assert ("SCAN" in tags.get("METAGGA", "").upper()) == name.startswith(("r2scan", "scan"))
    assert (tmp_path / "POTCAR.spec").read_text().split()[0].startswith("Ni")
    assert not (tmp_path / "POTCAR").exists()
    found = vasp.Engine().read(tmp_path, subprocess.run(command, cwd=tmp_path, check=False).returncode)
    assert found.failure is not None
    assert found.failure.plumbing
    assert "no POTCAR" in found.failure.reason


def test_a_run_of_vasp_is_read_with_its_moment(tmp_path: Path) -> None:
    (tmp_path / "vasprun.xml").write_text(vasprun.text())
    (tmp_path / "OUTCAR").write_text(
        " number of electron       8.0000000 magnetization       0.1000000\n"
        " number of electron       8.0000000 magnetization       2.0000000\n"
    )
    found = vasp.Engine().read(tmp_path, 0)
    expected = {"energy_eV_atom": -6.25, "gap_eV": 4.5, "volume_angstrom3_atom": 9.261}
    assert found.values == pytest.approx(
        {**expected, "largest_force_eV_angstrom": 0.01, "total_moment_bohr_magneton": 2.0}
    )
    assert found.provenance["engine"] == "vasp 6.4.2"
    assert found.provenance["run_type"] == "PBE"


@pytest.mark.parametrize(
    ("content", "code", "expected"),
    [
        (vasprun.text(steps=5, nelm=5), 0, "scf"),
        (vasprun.text()[:3000], 137, "killed"),
        (vasprun.text()[:3000], 0, "crashed"),
        ("", 0, "crashed"),
        (None, 1, "crashed"),
    ],
)
def test_a_run_of_vasp_that_is_cut_off_or_swings_has_a_named_failure(
    tmp_path: Path, content: str | None, code: int, expected: str
) -> None:
    if content is not None:
        (tmp_path / "vasprun.xml").write_text(content)
    failure = vasp.Engine().read(tmp_path, code).failure
    assert failure is not None
    assert failure.code == expected


@pytest.mark.parametrize(
    ("name", "energy_eV", "steps"),
    # total energies of eight atoms of silicon and electronic steps, as parsevasp's tests have them
    [("basic", -43.31210622, 12), ("basicrelax", -43.39087657, None)],
)
def test_real_outputs_of_vasp_are_read(tmp_path: Path, name: str, energy_eV: float, steps: int | None) -> None:
    packed = Path(__file__).parent / "data" / "vasp" / f"{name}.xml.gz"
    (tmp_path / "vasprun.xml").write_bytes(gzip.decompress(packed.read_bytes()))
    found = vasp.Engine().read(tmp_path, 0)
    assert found.failure is None
    assert found.values["energy_eV_atom"] == pytest.approx(energy_eV / 8, abs=1e-7)
    assert found.provenance["engine"] == "vasp 5.4.1"
    assert steps in (None, found.provenance["iterations"])
    assert [p.name for p in tmp_path.iterdir()] == ["vasprun.xml"]


def test_a_run_of_vasp_without_a_total_energy_has_no_value(tmp_path: Path) -> None:
    (tmp_path / "vasprun.xml").write_text(vasprun.text(energy=float("inf")))
    failure = vasp.Engine().read(tmp_path, 0).failure
    assert failure is not None
    assert (failure.code, failure.reason[:28]) == ("crashed", "no number for energy_eV_atom")


@pytest.mark.skipif(importlib.util.find_spec("gpaw") is None, reason="gpaw is not installed: pip install .[dft]")
def test_gpaw_finds_the_gap_of_silicon(tmp_path: Path) -> None:
    lattice = np.array([[0, 2.715, 2.715], [2.715, 0, 2.715], [2.715, 2.715, 0]])
    silicon = Atoms(lattice=lattice, symbols=("Si", "Si"), coords=np.array([[0.0, 0, 0], [0.25, 0.25, 0.25]]))
    engine = gpaw.Engine()
    command = engine.write(tmp_path, silicon, {"spin": False, "cutoff_eV": 200, "kpoints": [4, 4, 4], "ranks": 1})
    done = subprocess.run(command, cwd=tmp_path, check=False)
    found = engine.read(tmp_path, done.returncode)
    assert found.failure is None
    assert 0.4 < found.values["gap_eV"] < 0.9, "PBE gives 0.6 eV; the grid misses the minimum"
