"""`matloom physics` keeps the promises of the command line."""

import json
from pathlib import Path

import polars as pl
from typer.testing import CliRunner

from dagster_project.cli import app

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
