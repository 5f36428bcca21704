"""The promises of the command line, command by command: exit codes, one line of error, no lost row."""

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from dagster_project.cli import app
from etl import reference

# command -> (arguments with IN and OUT, columns of a good input, whether rows keep their number)
FORMULAS = {"formula": ["VO2", "NaN", "LaNiO3"]}
DOCUMENTS = {
    "document_id": ["a", "b"],
    "title": ["A metal-insulator transition", None],
    "abstract": ["VO2 at 340 K.", ""],
}
TEXTS = {"id": ["1", "2"], "text": ["VO2 was calcined at 900 °C for 2 h.", None]}
TABLE = {
    "A": ["x", "y", "z", "x"],
    "B": ["p", "q", "p", "q"],
    "gap": [1.0, 2.0, 3.0, None],
    "cost": [1.0, 3.0, 2.0, 1.0],
}
SIMULATE = "--variables A,B --objectives max:gap,min:cost --init 2 --budget 3 --seeds 1 --strategy random --workers 1"
COMMANDS: dict[str, tuple[str, dict[str, list[object]], bool]] = {
    "text select": ("text select IN --out OUT", DOCUMENTS, True),
    "text discover": ("text discover IN --seeds mit --rounds 1 --out OUT", DOCUMENTS, False),
    "text classify": ("text classify IN --task sentence --out OUT", TEXTS, True),
    "text tag": ("text tag IN --out OUT", TEXTS, True),
    "text extract": ("text extract IN --out OUT", DOCUMENTS, False),
    "formula parse": ("formula parse IN --column formula --out OUT", FORMULAS, True),
    "features composition": ("features composition IN --out OUT", FORMULAS, True),
    "features structure": ("features structure IN --workers 1 --out OUT", {"cif": ["no cif", None]}, True),
    "screen predict": ("screen predict IN --out OUT", FORMULAS, True),
    "temperature predict": ("temperature predict IN --out OUT", FORMULAS, True),
    "recipes predict": ("recipes predict IN --out OUT", {"target": ["LaNiO3", "bad!"]}, True),
    "recipes precursors": ("recipes precursors IN --out OUT", {"target": ["LaNiO3"]}, False),
    "design simulate": (f"design simulate IN {SIMULATE} --out OUT", TABLE, False),
    "quality bias": ("quality bias IN --group A --value gap --out OUT", TABLE, False),
}


LABELLED: dict[str, list[object]] = {"formula": ["VO2"] * 2, "label_name": ["mit", "metal"], "t_mit_K": [340.0, None]}
RECIPES: dict[str, list[object]] = {"target": ["LaNiO3"], "route": ["sol-gel"], "doi": ["10.1/x"]}
# Commands that write a folder or print a summary: (arguments, columns of an input)
OTHERS: dict[str, tuple[str, dict[str, list[object]]]] = {
    "screen train": ("screen train IN --out OUT", LABELLED),
    "screen evaluate": ("screen evaluate IN --groups random", LABELLED),
    "screen families": ("screen families IN --out OUT", {"formula": ["VO2"], "p_mit": [0.5]}),
    "temperature evaluate": ("temperature evaluate IN", LABELLED),
    "temperature train": ("temperature train IN --out OUT", LABELLED),
    "recipes train": ("recipes train IN --out OUT", RECIPES),
    "recipes score": ("recipes score IN", RECIPES),
    "model fit": ("model fit IN --categorical A,B --target gap --out OUT", TABLE),
    "design propose": ("design propose m2ax --observations IN --out OUT", {"M": ["Ti"], "A": ["Al"], "X": ["C"]}),
    "quality leakage": ("quality leakage IN IN --keys doi", RECIPES),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def run(arguments: str, home: Path, **paths: Path) -> tuple[int, str, str]:
    words = [str(paths[w.lower()]) if w in ("IN", "OUT") else w for w in arguments.split()]
    done = CliRunner().invoke(app, words, env={"MATLOOM_HOME": str(home)})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_good_rows_come_out_in_order(name: str, home: Path, tmp_path: Path) -> None:
    arguments, columns, keeps = COMMANDS[name]
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pl.DataFrame(columns).write_parquet(source)
    code, stdout, stderr = run(f"{arguments} --json", home, **{"in": source, "out": out})
    assert code == 0, stderr
    assert isinstance(json.loads(stdout), dict)
    found = pl.read_parquet(out)
    if keeps:
        assert found.height == len(next(iter(columns.values())))
        for column, values in columns.items():
            assert found[column].to_list() == values
        assert "ok" in found.columns
        assert found.filter(~pl.col("ok"))["reason"].null_count() == 0


@pytest.mark.parametrize("name", [*COMMANDS, *OTHERS])
@pytest.mark.parametrize("trouble", ["missing", "empty", "bytes", "truncated", "columns", "suffix"])
def test_bad_input_is_one_line_and_exit_2(name: str, trouble: str, home: Path, tmp_path: Path) -> None:
    arguments, columns = COMMANDS[name][:2] if name in COMMANDS else OTHERS[name]
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    if trouble == "empty":
        source.write_bytes(b"")
    elif trouble == "bytes":
        source.write_bytes(b"\xff\xfe\x00" + ",".join(columns).encode() + b"\n\xe9\xe8,1\n")
    elif trouble == "truncated":
        source = tmp_path / "in.parquet"
        pl.DataFrame(columns).write_parquet(source)
        source.write_bytes(source.read_bytes()[:-20])
    elif trouble == "columns":
        pl.DataFrame({"unheard_of": [1]}).write_csv(source)
    elif trouble == "suffix":
        source = tmp_path / "in.xlsx"
        source.write_bytes(b"PK")
    code, stdout, stderr = run(arguments, home, **{"in": source, "out": out})
    assert code == 2, stdout + stderr
    assert stderr.startswith("error: ")
    assert stderr.count("\n") == 1
    assert "Traceback" not in stderr
    assert not out.exists()


@pytest.mark.parametrize("name", [n for n, (_, _, keeps) in COMMANDS.items() if keeps])
def test_hostile_values_stay_as_rows(name: str, home: Path, tmp_path: Path) -> None:
    arguments, columns, _ = COMMANDS[name]
    hostile = ["((((", "\x00", "Xx9", "=cmd()", "NaN", "𝕍O2", "x" * 5000, None, ""]
    frame = pl.DataFrame({c: hostile if c not in ("document_id", "id") else list(map(str, range(9))) for c in columns})
    source, out = tmp_path / "in.jsonl", tmp_path / "out.parquet"
    frame.write_ndjson(source)
    code, _, stderr = run(arguments, home, **{"in": source, "out": out})
    assert code == 0, stderr
    assert pl.read_parquet(out).height == 9


@pytest.mark.parametrize("name", ["text discover", "screen predict", "design simulate", "recipes predict"])
def test_the_same_seed_gives_the_same_bytes(name: str, home: Path, tmp_path: Path) -> None:
    arguments, columns, _ = COMMANDS[name]
    source = tmp_path / "in.parquet"
    pl.DataFrame(columns).write_parquet(source)
    made = []
    for number in range(2):
        out = tmp_path / f"out{number}.csv"
        assert run(f"{arguments} --seed 3", home, **{"in": source, "out": out})[0] == 0
        frame = pl.read_csv(out, infer_schema_length=0)
        made.append(frame.drop("fit_s", strict=False).write_csv())
    assert made[0] == made[1]


@pytest.mark.parametrize(
    "arguments",
    [
        "query 'select'",
        "describe no.table",
        "design candidates no_problem --out OUT",
        "design propose abo3_270 --observations IN --out OUT",
        "recipes recommend what?",
        "screen predict IN --model nowhere --out OUT",
        "model predict nowhere IN --out OUT",
        "ingest arxiv_oai",
        "ingest nowhere",
        "run --profile huge",
        "run --select nothing",
        "quality check no.table",
        "quality leakage IN IN --keys doi",
        "history no.table",
        "rollback --to nothing",
    ],
)
def test_wrong_words_are_explained(arguments: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MATLOOM_PROFILE", raising=False)
    monkeypatch.setenv("MATLOOM_PROFILE", "embedded")
    source = tmp_path / "in.csv"
    pl.DataFrame({"formula": ["VO2"]}).write_csv(source)
    code, _, stderr = run(arguments, home, **{"in": source, "out": tmp_path / "o.csv"})
    assert code in (1, 2)
    assert stderr.startswith("error: ")
    assert stderr.count("\n") == 1


def test_design_and_model_commands_round_trip(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "c.csv"
    assert run("design candidates m2ax --out OUT", home, out=out)[0] == 0
    assert pl.read_csv(out).height == 240
    assert run("design init m2ax --n 12 --seed 1 --out OUT", home, out=out)[0] == 0
    table = tmp_path / "t.csv"
    chosen = pl.read_csv(out).with_row_index("i")
    chosen.with_columns(bulk_GPa=pl.col("i") * 7 % 5 + 100.0, shear_GPa=pl.col("i") * 3 % 7 + 50.0).write_csv(table)
    command = "design propose m2ax --observations IN --batch 2 --out OUT"
    assert run(command, home, **{"in": table, "out": out})[0] == 0
    assert {"acquisition", "mean_bulk_GPa", "sd_shear_GPa"} <= set(pl.read_csv(out).columns)
    model = tmp_path / "model"
    fit = "model fit IN --categorical M,A,X --target bulk_GPa --out OUT"
    assert run(fit, home, **{"in": table, "out": model})[0] == 0
    bad = tmp_path / "bad.csv"
    pl.concat([chosen.select("M", "A", "X"), pl.DataFrame({"M": ["Qq"], "A": ["Al"], "X": ["C"]})]).write_csv(bad)
    done = CliRunner().invoke(app, ["model", "predict", str(model), str(bad), "--out", str(out)])
    assert done.exit_code == 0, done.stderr
    found = pl.read_csv(out)
    assert found["ok"].to_list() == [True] * 12 + [False]
    assert found["mean"].null_count() == 1
    done = CliRunner().invoke(app, ["model", "latent", str(model), "--out", str(tmp_path / "latent")])
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "latent" / "latent.svg").read_bytes().startswith(b"<?xml")


def test_an_output_that_cannot_be_written_leaves_the_old_one(home: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    pl.DataFrame(FORMULAS).write_csv(source)
    done = CliRunner().invoke(app, ["features", "composition", str(source), "--out", str(tmp_path / "no" / "o.csv")])
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")


@pytest.mark.slow
def test_models_are_trained_scored_and_explained_from_files(home: Path, tmp_path: Path) -> None:
    labelled, facts = tmp_path / "l.csv", tmp_path / "r.csv"
    reference.labelled_compounds().write_csv(labelled)
    reference.recipe_facts().write_csv(facts)
    model, out = tmp_path / "m", tmp_path / "o.csv"
    words = "screen train IN --features composition --out OUT --json"
    code, stdout, stderr = run(words, home, **{"in": labelled, "out": model})
    assert code == 0, stderr
    identifier = json.loads(stdout)["model_id"]
    code, _, stderr = run(f"screen predict IN --model {model} --out OUT", home, **{"in": labelled, "out": out})
    assert code == 0, stderr
    assert set(pl.read_csv(out, infer_schema_length=None)["model_id"].drop_nulls()) == {identifier}
    assert run(f"screen explain --model {model} --out OUT", home, out=tmp_path / "e")[0] == 0
    assert {p.name for p in (tmp_path / "e").glob("*.csv")} >= {"importance.csv", "ale.csv", "shap.csv"}
    predicted = tmp_path / "p.csv"
    out.replace(predicted)
    assert run("screen families IN --out OUT", home, **{"in": predicted, "out": out})[0] == 0
    assert run("recipes train IN --out OUT", home, **{"in": facts, "out": tmp_path / "rm"})[0] == 0
    code, stdout, _ = run(f"recipes score IN --model {tmp_path / 'rm'} --json", home, **{"in": facts})
    assert code == 0
    assert json.loads(stdout)["rows"] == 400
    code, stdout, _ = run(f"recipes recommend LaNiO3 --model {tmp_path / 'rm'}", home)
    assert code == 0
    assert "## Route" in stdout
    code, stdout, _ = run("temperature evaluate IN --json", home, **{"in": labelled})
    assert code == 0
    assert json.loads(stdout)["mae_K"] < json.loads(stdout)["mae_mean_K"]
