"""`matloom dft` keeps the promises of the command line."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from dagster_project.cli import app
from etl.structures.assemble import assemble
from etl.structures.cif import to_cif
from etl.structures.texts import read_poscar
from tests.servers import screened
from warehouse.catalog import publish
from warehouse.files import write_table
from warehouse.store import Store

NIO = "NiO\n1.0\n0 2.09 2.09\n2.09 0 2.09\n2.09 2.09 0\nNi O\n1 1\ndirect\n0 0 0\n0.5 0.5 0.5\n"


def told(*asked: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, ["dft", *asked])
    assert done.exit_code == code, done.output
    if code:
        assert done.stderr.startswith("error: ")
        return done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = {"label": ["good", "bad", "overlapping"], "poscar": [NIO, "nothing", NIO.replace("0.5 0.5 0.5", "0.01 0 0")]}
    pl.DataFrame(rows).write_ndjson(tmp_path / "in.jsonl")
    asked = ("prepare", str(tmp_path / "in.jsonl"), "--recipe", "chgnet_relax", "--out", str(tmp_path / "calculations"))
    assert told(*asked, "--json") == {"rows": 3, "new": 1, "refused": 2, "out": str(tmp_path / "calculations")}
    assert told(*asked, "--json")["new"] == 0, "the same again asks for nothing new"
    return tmp_path / "calculations"


def test_each_row_of_the_input_is_answered_and_bad_ones_say_why(folder: Path) -> None:
    rows = pl.read_ndjson(folder / "prepared.jsonl")
    assert rows["label"].to_list() == ["good", "bad", "overlapping"]
    assert rows["ok"].to_list() == [True, False, False]
    assert "POSCAR" in rows["reason"][1]


def test_a_calculation_can_be_looked_at_cancelled_and_asked_again(folder: Path) -> None:
    assert told("poll", str(folder), "--json")["states"] == {"proposed": 1}
    name = pl.read_ndjson(folder / "prepared.jsonl")["calculation_id"][0]
    assert told("cancel", name, str(folder), "--json")["state"] == "rejected"
    dead = told("poll", str(folder), "--json")["dead_letters"]
    assert [d["reason"] for d in dead] == ["cancelled by a person"]
    assert told("collect", str(folder), "--out", str(folder / "o.csv"), "--json")["rejected"] == 1
    assert told("retry", name, str(folder), "--json")["state"] == "proposed"
    assert "needs no retry" in told("retry", name, str(folder), code=2)


def test_an_engine_that_is_not_there_is_plumbing_and_waits_for_a_person(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATLOOM_CHGNET_PYTHON", "no-such-python")
    ended = CliRunner().invoke(app, ["dft", "run", str(folder), "--json"])
    assert ended.exit_code == 1, "nothing ran: a script must not go on as if it had"
    done = json.loads(ended.stdout)
    assert done["moved"]["plumbing_failed"] == 3
    assert "command not found: install the engine" in done["dead_letters"][0]["reason"]


def test_moments_are_one_number_a_site_or_the_row_is_refused(tmp_path: Path) -> None:
    rows = [{"poscar": NIO, "moments": m} for m in ([1.0, 0.0], [1.0], [1.0, None], None)]
    pl.DataFrame(rows).write_ndjson(tmp_path / "in.jsonl")
    out = tmp_path / "calculations"
    asked = ("prepare", str(tmp_path / "in.jsonl"), "--recipe", "chgnet_relax", "--out", str(out), "--json")
    told(*asked)
    found = pl.read_ndjson(out / "prepared.jsonl")
    assert found["ok"].to_list() == [True, False, False, True]
    assert "one number a site" in found["reason"][1]
    pl.DataFrame({"poscar": [NIO], "moments": ["up"]}).write_ndjson(tmp_path / "in.jsonl")
    assert CliRunner().invoke(app, ["dft", *asked]).exit_code == 1, "every row was refused"
    assert "one number a site" in pl.read_ndjson(out / "prepared.jsonl")["reason"][0]


def test_the_folder_of_the_home_is_the_default(folder: Path) -> None:
    assert told("poll", "--home", str(folder.parent), "--json")["states"] == {"proposed": 1}


def test_what_is_asked_wrongly_is_said_in_one_line(folder: Path, tmp_path: Path) -> None:
    rows = str(tmp_path / "in.jsonl")
    assert "no recipe 'none'" in told("prepare", rows, "--recipe", "none", "--out", str(tmp_path / "x"), code=2)
    asked = ("prepare", rows, "--recipe", "chgnet_relax", "--engine", "gpaw", "--out", str(tmp_path / "x"))
    assert "is for chgnet" in told(*asked, code=2)
    assert "no calculations" in told("poll", str(tmp_path / "empty"), code=2)
    assert "no executor 'moon'" in told("poll", str(folder), "--executor", "moon", code=2)
    assert "inf in --hours" in told("submit", str(folder), "--hours", "inf", code=2)
    assert "0 in --running" in told("run", str(folder), "--running", "0", code=2)
    assert "no calculation abc" in told("retry", "abc", str(folder), code=2)
    assert not (tmp_path / "x" / "calculations.sqlite").exists()


def test_another_setting_is_another_calculation_and_its_label_tells_it(folder: Path) -> None:
    out = folder.parent / "study"
    asked = ("prepare", str(folder.parent / "in.jsonl"), "--recipe", "lacunar_pbe", "--out", str(out), "--json")
    assert told(*asked)["new"] == 1
    assert told(*asked, "--set", "cutoff_eV=400", "--set", "kpoints=[3, 3, 3]")["new"] == 1
    assert told(*asked, "--set", "cutoff_eV=300")["new"] == 0, "the setting of the recipe is no other one"
    assert pl.read_ndjson(out / "prepared.jsonl")["label"][0] == "good cutoff_eV=300"
    assert "name and a JSON value" in told(*asked[:-1], "--set", "cutoff_eV", code=2)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("nope=1", "unknown setting nope in the gpaw engine: use bands,"),
        ("kpoints=[2, 2]", "kpoints [2, 2] in the gpaw engine"),
        ("kpoints=[2, 0, 2]", "kpoints along axis 2 0 in the gpaw engine: give a whole number above 0"),
        ("spin=1", "spin 1 in the gpaw engine: give true or false"),
        ("hubbard_U_eV=3", "hubbard_U_eV"),
        ('hubbard_U_eV={"V": ["x", 2]}', "hubbard_U_eV"),
        ('hubbard_U_eV={"v": ["d", 2]}', "U of the unknown element v in --set"),
    ],
)
def test_a_setting_that_the_engine_does_not_take_is_said_once_and_nothing_is_asked(
    folder: Path, word: str, said: str
) -> None:
    out = folder.parent / "wrong"
    asked = ("prepare", str(folder.parent / "in.jsonl"), "--recipe", "lacunar_pbe", "--out", str(out))
    line = told(*asked, "--set", word, code=2)
    assert said in line
    assert line.count("\n") == 1
    assert not (out / "calculations.sqlite").exists()


def test_moments_may_come_in_a_csv_file(tmp_path: Path) -> None:
    rows = pl.DataFrame({"label": ["up", "none", "one"], "poscar": [NIO] * 3, "moments": [[2.0, 0.0], None, [1.0]]})
    lists, flat = str(tmp_path / "in.jsonl"), str(tmp_path / "in.csv")
    write_table(rows, lists)
    write_table(rows, flat)
    found = []
    for where in (lists, flat):
        out = tmp_path / Path(where).suffix[1:]
        told("prepare", where, "--recipe", "lacunar_pbe", "--out", str(out), "--json")
        made = pl.read_ndjson(out / "prepared.jsonl")
        assert made["ok"].to_list() == [True, True, False]
        found.append(made["calculation_id"].to_list())
    assert found[0] == found[1], "the same calculations, whatever the file"


def test_of_a_cif_with_two_structures_it_is_said_that_the_first_is_taken(tmp_path: Path) -> None:
    one = to_cif(read_poscar(NIO))
    pl.DataFrame({"label": ["two", "one"], "cif": [one + one.replace("data_", "data_other_"), one]}).write_ndjson(
        tmp_path / "in.jsonl"
    )
    asked = ["dft", "prepare", str(tmp_path / "in.jsonl"), "--recipe", "chgnet_relax", "--out", str(tmp_path / "o")]
    done = CliRunner().invoke(app, [*asked, "--json"])
    assert done.exit_code == 0
    assert done.stderr == "two: several structures, the first is taken\n"
    made = pl.read_ndjson(tmp_path / "o" / "prepared.jsonl")
    assert made["flags"].to_list() == [["several structures"], []]
    assert made["calculation_id"][0] == made["calculation_id"][1]


def test_phases_of_a_chemical_system_come_from_the_tables(tmp_path: Path) -> None:
    home, name = tmp_path / "home", "core.structures"
    rows = assemble(screened.structures())
    asked = ("phases", "La-Ti-O-V", "--home", str(home), "--out", str(tmp_path / "p.jsonl"), "--json")
    for fidelity, count in (("prototype", 0), ("experiment", 3)):
        store = Store(home)
        written = store.write(name, rows.with_columns(fidelity=pl.lit(fidelity)), mode="replace")
        store.record_verdict(name, written.version, passed=True)
        publish(home)
        assert told(*asked)["formulas"] == count, "what is only made from a prototype competes with nothing"
    assert sorted(pl.read_ndjson(tmp_path / "p.jsonl")["label"]) == ["LaTiO3", "TiO2", "VO2"]
    assert told(*asked[:2], "--most", "2", *asked[2:])["phases"] == 2
    asked = ("prepare", str(tmp_path / "p.jsonl"), "--recipe", "chgnet_relax", "--out", str(tmp_path / "o"), "--json")
    assert told(*asked)["new"] == 2
