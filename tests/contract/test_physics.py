"""`matloom physics` keeps the promises of the command line."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from dagster_project.cli import app
from models.evaluators.calculations import Atoms
from models.evaluators.ledger import Ledger
from models.physics.two_energies import TwoEnergies

SETTINGS = """
materials: {nickelate: {a: 1.0e5, t0_K: 300, b: 8.0e6, c: 8.0e6}}
temperatures_K: {low: 290, high: 330, step: 2}
"""


def test_landau_writes_its_table_and_one_json_object(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(SETTINGS + "kappa: 1.0e-12\n")
    asked = ["physics", "landau", str(tmp_path / "p.yaml"), "--out", str(tmp_path / "o.parquet")]
    done = CliRunner().invoke(app, [*asked, "--nuclei", str(tmp_path / "n.csv"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["nickelate"]["equilibrium_K"] == 315.0
    assert pl.read_parquet(tmp_path / "o.parquet")["branch"].unique().len() == 3
    assert pl.read_csv(tmp_path / "n.csv").height > 0


def test_landau_refuses_in_one_line_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(SETTINGS)
    asked = ["physics", "landau", str(tmp_path / "p.yaml"), "--out", str(tmp_path / "o.csv")]
    done = CliRunner().invoke(app, [*asked, "--nuclei", str(tmp_path / "n.csv")])
    assert done.exit_code == 2
    assert (
        done.stderr.strip()
        == "error: no nuclei in the settings: give kappa and a material with a first-order transition"
    )
    assert list(tmp_path.iterdir()) == [tmp_path / "p.yaml"]


def test_devices_are_ranked_and_a_misleading_property_is_told(tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text(
        "{name: switch, volume_m3: 1.0e-22, ambient_K: 358.15, thermal_conductance_W_K: 1.0e-7, coupling: 0.1,"
        " assumed: {hysteresis_K: 10}, requirements: {window_K: {least: 10}}}"
    )
    rows = {"formula": ["VO2", "NaN", "Ti2O3"], "t_mit_K": [340.0, None, 450.0], "gap_eV": [0.6, 0.1, 0.1]}
    pl.DataFrame(rows).write_csv(tmp_path / "m.csv")
    asked = ["device", "evaluate", str(tmp_path / "m.csv"), "--device", str(tmp_path / "d.yaml")]
    done = CliRunner().invoke(app, [*asked, "--out", str(tmp_path / "o.csv"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["evaluated"] == 2
    found = pl.read_csv(tmp_path / "o.csv")
    assert found["formula"].to_list() == ["VO2", "NaN", "Ti2O3"]
    assert found["rank"].to_list() == [2, 3, 1]


@pytest.mark.parametrize("odd", ["b: 1.0e200", "a: 1.0e-305", "g: 1.0e180, stiffness: 1.0", "b: 1.0e150, c: 1.0e-170"])
def test_coefficients_that_numbers_cannot_hold_are_refused_in_one_line(tmp_path: Path, odd: str) -> None:
    told = {"a": "1.0e5", "t0_K": "300", "b": "8.0e6", "c": "8.0e6"} | dict(p.split(": ") for p in odd.split(", "))
    settings = SETTINGS.replace("{a: 1.0e5, t0_K: 300, b: 8.0e6, c: 8.0e6}", str(told).replace("'", ""))
    (tmp_path / "p.yaml").write_text(settings)
    done = CliRunner().invoke(app, ["physics", "landau", str(tmp_path / "p.yaml"), "--out", str(tmp_path / "o.csv")])
    assert done.exit_code == 2, done.output
    assert "nickelate has coefficients that numbers cannot hold" in done.stderr


def test_huge_walls_are_refused_too(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(SETTINGS + "kappa: 1.0e300\n")
    done = CliRunner().invoke(app, ["physics", "landau", str(tmp_path / "p.yaml"), "--out", str(tmp_path / "o.csv")])
    assert done.exit_code == 2, done.output
    assert "numbers cannot hold" in done.stderr


CUBIC = """cubic
1.0
3.8 0 0
0 3.8 0
0 0 3.8
Sr Mn O
1 1 3
direct
0 0 0
0.5 0.5 0.5
0.5 0.5 0
0.5 0 0.5
0 0.5 0.5
"""


def test_orders_write_a_structure_each_and_their_signs(tmp_path: Path) -> None:
    (tmp_path / "POSCAR").write_text(CUBIC)
    done = CliRunner().invoke(
        app, ["physics", "orders", str(tmp_path / "POSCAR"), "--out", str(tmp_path / "o"), "--json"]
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["orders"] == ["FM", "AFM-A", "AFM-C", "AFM-G"]
    rows = pl.read_ndjson(tmp_path / "o" / "orders.jsonl")
    assert all((tmp_path / "o" / f).is_file() for f in rows["file"])
    assert [len(s) for s in rows["signs"]] == rows["sites"].to_list()


def test_orders_of_one_crystal_do_not_lie_beside_those_of_another(tmp_path: Path) -> None:
    (tmp_path / "POSCAR").write_text(CUBIC)
    asked = ["physics", "orders", str(tmp_path / "POSCAR"), "--out", str(tmp_path / "o"), "--json"]
    assert [CliRunner().invoke(app, asked).exit_code for _ in range(2)] == [0, 0], "the same again is welcome"
    (tmp_path / "o" / "AFM-7.cif").write_text("of another crystal")
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 2
    assert "AFM-7.cif, which is no order of this crystal" in done.stderr


def test_a_cif_is_a_cif_whatever_case_its_name_ends_in(tmp_path: Path) -> None:
    (tmp_path / "POSCAR").write_text(CUBIC)
    asked = ["physics", "orders", "--out", str(tmp_path / "o"), "--json"]
    assert CliRunner().invoke(app, [*asked, str(tmp_path / "POSCAR")]).exit_code == 0
    (tmp_path / "FM.CIF").write_text((tmp_path / "o" / "FM.cif").read_text())
    done = CliRunner().invoke(app, [*asked, str(tmp_path / "FM.CIF")])
    assert done.exit_code == 0, done.output


def test_orders_of_what_is_no_structure_are_refused(tmp_path: Path) -> None:
    (tmp_path / "POSCAR").write_text("nothing")
    for asked, said in (
        (["POSCAR"], "fewer than 8 lines"),
        (["none.cif"], "unreadable structure"),
        (["POSCAR", "--magnetic", "Xx"], "fewer than 8 lines"),
    ):
        done = CliRunner().invoke(
            app, ["physics", "orders", str(tmp_path / asked[0]), *asked[1:], "--out", str(tmp_path / "o")]
        )
        assert done.exit_code == 2
        assert said in done.stderr


def test_orders_are_prepared_for_calculation_with_their_moments(tmp_path: Path) -> None:
    (tmp_path / "POSCAR").write_text(CUBIC)
    asked = ["physics", "orders", str(tmp_path / "POSCAR"), "--out", str(tmp_path / "o"), "--moment", "3"]
    assert CliRunner().invoke(app, asked).exit_code == 0
    recipe = tmp_path / "r.yaml"
    recipe.write_text("{name: r, title: t, engine: gpaw, reasons: {all: a test}, moments_bohr_magneton: {Mn: 1.0}}")
    asked = ["dft", "prepare", str(tmp_path / "o"), "--recipe", str(recipe), "--out", str(tmp_path / "c"), "--json"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["new"] == 5, "FM, A, C, G and the crystal without moments"
    calculations = Ledger(tmp_path / "c").table("calculations")
    sums, sizes = {}, {}
    for label, settings, structure in calculations.select("label", "settings", "structure").rows():
        atoms, spin = Atoms.from_json(structure), json.loads(settings)["spin"]
        assert spin is (atoms.moments is not None) is (label != "SrMnO3 NM")
        on = [0.0] * len(atoms.symbols) if atoms.moments is None else atoms.moments.tolist()
        assert all((m != 0) is (s == "Mn") for s, m in zip(atoms.symbols, on, strict=True) if spin)
        sums[label], sizes[label] = sum(on), max(abs(m) for m in on)
    assert sums == {f"SrMnO3 {o}": 3.0 * (o == "FM") for o in ("FM", "NM", "AFM-A", "AFM-C", "AFM-G")}
    assert set(sizes.values()) == {0.0, 3.0}


def test_energies_at_distortions_are_fitted_compound_by_compound(tmp_path: Path) -> None:
    truth = TwoEnergies(gain_eV=0.1, pull_eV_angstrom=1.0, stiffness_eV_angstrom2=4.0)
    at = [0.0, 0.1, 0.2, 0.3]
    rows = {"compound": ["a"] * 4 + ["b", "b"], "distortion_angstrom": [*at, 0.1, 0.2]}
    pl.DataFrame({**rows, "energy_eV": [*truth.energy(np.array(at)), 0.0, 0.1]}).write_csv(tmp_path / "e.csv")
    asked = ["physics", "energies", str(tmp_path / "e.csv"), "--out", str(tmp_path / "o.csv"), "--json"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["stable_insulators"] == 1
    first, second = pl.read_csv(tmp_path / "o.csv").iter_rows(named=True)
    assert first["total_eV"] == pytest.approx(0.1 - 1.0**2 / (2 * 4.0))
    assert first["largest_residual_eV"] == pytest.approx(0.0, abs=1e-9)
    assert (second["ok"], second["reason"][:31]) == (False, "fewer than three sizes of disto")


def test_an_antiferromagnet_below_the_metal_with_a_gap_is_the_sign(tmp_path: Path) -> None:
    rows = [("Ca2RuO4 NM", -7.0, 0.0), ("Ca2RuO4 FM", -7.01, 0.0), ("Ca2RuO4 AFM-G", -7.03, 0.4),
            ("Ca2RuO4 AFM-A", -7.02, 0.1), ("Sr2RuO4 NM", -7.0, 0.0), ("Sr2RuO4 AFM-G", -6.99, 0.3),
            ("Ba2RuO4 FM", -7.0, 0.0), ("unlabelled", -7.0, 0.0)]  # fmt: skip
    pl.DataFrame(rows, schema=["label", "energy_eV_atom", "gap_eV"], orient="row").write_csv(tmp_path / "c.csv")
    asked = ["physics", "proxy", str(tmp_path / "c.csv"), "--out", str(tmp_path / "o.csv"), "--json"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"compounds": 3, "compared": 2, "mit_proxy": 1, "out": str(tmp_path / "o.csv")}
    calcium, strontium, barium = pl.read_csv(tmp_path / "o.csv").iter_rows(named=True)
    assert (calcium["afm_order"], calcium["mit_proxy"]) == ("AFM-G", True)
    assert calcium["afm_minus_nm_eV_atom"] == pytest.approx(-0.03)
    assert calcium["afm_minus_fm_eV_atom"] == pytest.approx(-0.02)
    assert strontium["mit_proxy"] is False
    assert (barium["ok"], barium["reason"]) == (False, "no energy of NM and AFM")
