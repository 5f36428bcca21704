"""The promises of the command line, command by command: exit codes, one line of error, no lost row."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from dagster_project.cli import app
from dagster_project.commands import common
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
GAPS: dict[str, list[object]] = {
    "formula": [f"{a}{b}{n}" for a in ("Ti", "V", "Cr", "Mn", "Fe") for b in ("O", "S", "Se") for n in (2, 3)] * 2,
    "pbe": [0.0, 0.1, 0.5, 1.0, 1.6, 2.0] * 10,
    "expt": [0.0, 0.2, 1.1, 1.9, 2.6, 3.1] * 10,
}
SIMULATE = "--variables A,B --objectives max:gap,min:cost --init 2 --budget 3 --seeds 1 --strategy random --workers 1"
CALCULATED: dict[str, list[object]] = {
    "calculation_id": ["a", "b"],
    "label": ["MgO", "Mg"],
    "engine": ["chgnet"] * 2,
    "state": ["accepted"] * 2,
    "energy_eV_atom": [-6.0, -1.5],
    "provenance": ['{"settings": {}}'] * 2,
    "structure": [
        '{"lattice": [], "sites": [["Mg", [0, 0, 0], null], ["O", [0.5, 0.5, 0.5], null]]}',
        '{"lattice": [], "sites": [["Mg", [0, 0, 0], null]]}',
    ],
}
COMMANDS: dict[str, tuple[str, dict[str, list[object]], bool]] = {
    "text select": ("text select IN --out OUT", DOCUMENTS, True),
    "text discover": ("text discover IN --seeds mit --rounds 1 --out OUT", DOCUMENTS, False),
    "text classify": ("text classify IN --task sentence --out OUT", TEXTS, True),
    "physics energies": ("physics energies IN --out OUT", {"distortion_angstrom": [0.0], "energy_eV": [None]}, False),
    "physics proxy": (
        "physics proxy IN --out OUT",
        {"label": ["VO2 NM"], "energy_eV_atom": ["x"], "gap_eV": [0.1]},
        False,
    ),
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
    "quality etal": (
        "quality etal IN --group A --value gap --budget 3 --seeds 1 --out OUT",
        {"A": ["x", "y"] * 8, "gap": [0.1 * i * i for i in range(16)], "size": [float(i % 7) for i in range(16)]},
        False,
    ),
    "quality prune": (
        "quality prune IN --target pbe --keep 0.5 --out OUT",
        {k: v * 2 for k, v in GAPS.items() if k != "expt"},
        True,
    ),
    "quality disagreements": (
        "quality disagreements IN --key A --value gap --source B --tolerance 0.1 --out OUT",
        TABLE,
        False,
    ),
    "quality aggregate": ("quality aggregate IN IN --target pbe --seeds 1 --out OUT", GAPS, False),
    "fuse simulate": (
        "fuse simulate IN --cheap pbe --costly expt --rows 20 --seeds 1 --init 2 --budget 60 --out OUT",
        GAPS,
        False,
    ),
    "quality bias": ("quality bias IN --group A --value gap --out OUT", TABLE, False),
    "dft stability": ("dft stability IN --out OUT", CALCULATED, False),
    "screen families": ("screen families IN --out OUT", {"formula": ["VO2"] * 3, "p_mit": [0.5, 0.4, 0.1]}, False),
}

SIFTED: dict[str, list[object]] = {
    "formula": ["La1Ni1O3", "Zz", None],
    "p_mit": [0.9, None, None],
    "in_domain": [True, None, None],
    "conformal_set": [["mit"], None, None],
}
LABELLED: dict[str, list[object]] = {"formula": ["VO2"] * 2, "label_name": ["mit", "metal"], "t_mit_K": [340.0, None]}
RECIPES: dict[str, list[object]] = {"target": ["LaNiO3"], "route": ["sol-gel"], "doi": ["10.1/x"]}
# Commands that write a folder or print a summary: (arguments, columns of an input)
OTHERS: dict[str, tuple[str, dict[str, list[object]]]] = {
    "screen train": ("screen train IN --out OUT", LABELLED),
    "screen funnel": ("screen funnel IN --out OUT", SIFTED),
    "screen evaluate": ("screen evaluate IN --groups random", LABELLED),
    "temperature evaluate": ("temperature evaluate IN", LABELLED),
    "temperature train": ("temperature train IN --out OUT", LABELLED),
    "recipes train": ("recipes train IN --out OUT", RECIPES),
    "recipes score": ("recipes score IN", RECIPES),
    "recipes evaluate": ("recipes evaluate IN --out OUT", RECIPES),
    "recipes explain": ("recipes explain IN --out OUT", RECIPES),
    "model fit": ("model fit IN --categorical A,B --target gap --out OUT", TABLE),
    "fuse fit": ("fuse fit IN --fidelities pbe,expt --target expt --out OUT", GAPS),
    "design propose": ("design propose m2ax --observations IN --out OUT", {"M": ["Ti"], "A": ["Al"], "X": ["C"]}),
    "quality leakage": ("quality leakage IN IN --keys doi", RECIPES),
    "quality check": ("quality check IN --table meta.models", {"model_id": ["m"]}),
    "text evaluate": (
        "text evaluate curie --data IN",
        {"text": ["EuO is ferromagnetic."], "gold": [[{"compound": "EuO", "value": "69 K"}]]},
    ),
    "text train": ("text train sentence --data IN --out OUT", {"text": ["a"], "label": ["b"]}),
}
# Commands without a table to read: words of good and of hostile calls. FILE is a file, and no folder can be made in it.
WORDS = {
    "query": ("query 'select 1 as one'", ["query ''", "query 'drop table core.labels'", """query "select '\x01"''""",
        "query \"select * from read_csv('/etc/passwd')\"", "query 'select 1' --out OUT.xlsx"]),
    "describe": ("describe core.labels --json", ["describe no.table", "describe \"';drop\"", "describe --home FILE"]),
    "quality faults": ("quality faults --only celsius --json", ["quality faults --only no.such",
        "quality faults --only celsius --out OUT.xlsx", "quality faults --only celsius --out FILE/x.csv"]),
    "status": ("status --json", ["status --home FILE"]),
    "verify": ("verify --json", ["verify --home FILE"]),
    "publish": ("publish --json", ["publish --home FILE"]),
    "history": ("history --json", ["history no.table", "history ../..", "history --home FILE"]),
    "rollback": (None, ["rollback --to nothing", "rollback --to ../..", "rollback --to ''",
        "rollback --to x --home FILE"]),
    "vacuum": ("vacuum --json", ["vacuum --home FILE"]),
    "release": ("release --out OUT --json", ["release --out FILE", "release --out OUT --home FILE"]),
    "report": ("report --out OUT --json", ["report --out FILE", "report --out FILE/x", "report --out OUT --home FILE"]),
    "serve": (None, ["serve --port 65536", "serve --port 0 --host 192.0.2.1", "serve --host ''", "serve --home FILE"]),
    "ui": (None, ["ui --home FILE", "ui --home FILE/x"]),
    "run": (None, ["run --profile huge", "run --select nothing", "run --select ';'", "run --home FILE"]),
    "ingest": ("ingest FOLDER --json", ["ingest arxiv_oai", "ingest nowhere", "ingest ''", "ingest FOLDER --home FILE",
        "ingest arxiv_oai --since yesterday"]),
    "text corpus": ("text corpus --documents 5 --out OUT.csv --json", ["text corpus --documents -1 --out OUT.csv",
        "text corpus --relevant 2 --out OUT.csv", "text corpus --problem nothing --out OUT.csv",
        "text corpus --out FILE/x.csv"]),
    "recipes recommend": ("recipes recommend LaNiO3 --json", ["recipes recommend what?", "recipes recommend ''",
        "recipes recommend Xx9", "recipes recommend ((((", "recipes recommend LaNiO3 --model nowhere"]),
    "design candidates": ("design candidates m2ax --out OUT.csv --json", ["design candidates no_problem --out OUT.csv",
        "design candidates ../x --out OUT.csv", "design candidates m2ax --out FILE/x.csv"]),
    "design init": ("design init m2ax --n 5 --out OUT.csv --json", ["design init m2ax --n 0 --out OUT.csv",
        "design init m2ax --n 9999 --out OUT.csv", "design init no_problem --out OUT.csv",
        "design init m2ax --kind magic --out OUT.csv", "design init m2ax --points FILE --out OUT.csv"]),
    "design loop": (None, ["design loop no_problem", "design loop m2ax,m2ax", "design loop m2ax --executor moon",
        "design loop lacunar_spinel", "design loop FILE.yaml --executor local", "design loop m2ax --home FILE"]),
    "design family": (None, ["design family x --recipe chgnet_relax --objectives max:e --out OUT.yaml --home FILE",
        "design family x --recipe none --objectives max:e --out OUT.yaml",
        "design family x --recipe chgnet_relax --objectives max:e --out OUT.csv",
        "design family x --recipe chgnet_relax --objectives max:e --out OUT.yaml --grouping colour"]),
    "design generations": ("design generations --json", ["design generations nothing", "design generations --home FILE",
        "design generations --out FILE/x.csv"]),
    "model predict": (None, ["model predict nowhere IN.csv --out OUT.csv", "model predict FILE IN.csv --out OUT.csv"]),
    "model latent": (None, ["model latent nowhere --out OUT", "model latent FILE --out OUT"]),
    "fuse predict": (None, ["fuse predict nowhere IN.csv --out OUT.csv", "fuse predict FILE IN.csv --out OUT.csv"]),
    "physics landau": (None, ["physics landau nowhere.yaml --out OUT.csv", "physics landau FILE --out OUT.csv",
        "physics landau FOLDER --out OUT.csv"]),
    "physics orders": (None, ["physics orders nowhere.cif --out OUT", "physics orders FILE --out OUT",
        "physics orders FILE --magnetic Xx --out OUT", "physics orders FILE --moment 0 --out OUT"]),
    "device evaluate": (None, ["device evaluate IN.csv --device nowhere.yaml --out OUT.csv",
        "device evaluate FILE --device FILE --out OUT.csv"]),
    "dft prepare": (None, ["dft prepare FILE --recipe chgnet_relax --out OUT",
        "dft prepare IN.csv --recipe x --out OUT",
        "dft prepare FOLDER --recipe chgnet_relax --engine vasp --out OUT",
        "dft prepare FOLDER --recipe chgnet_relax --out FILE/x"]),
    "dft submit": (None, ["dft submit nowhere", "dft submit --home FILE"]),
    "dft poll": (None, ["dft poll nowhere", "dft poll --home FILE"]),
    "dft run": (None, ["dft run nowhere", "dft run --home FILE"]),
    "dft collect": (None, ["dft collect nowhere --out OUT.csv", "dft collect --out OUT.csv --home FILE"]),
    "dft retry": (None, ["dft retry 0 nowhere", "dft retry '' --home FILE"]),
    "spinels cells": (None, ["spinels cells --formulas GaFe4S8 --out OUT.csv", "spinels cells --out FILE/x.csv",
        "spinels cells --formulas ';' --out FILE"]),
    "spinels convergence": (None, ["spinels convergence nowhere --base nowhere --out OUT.csv",
        "spinels convergence FILE --base FILE --out OUT.csv"]),
    "spinels table": (None, ["spinels table nowhere --order IN.csv --out OUT.csv",
        "spinels table --order FILE --out OUT.csv --home FILE"]),
    "dft phases": (None, ["dft phases Xx-O --out OUT.csv", "dft phases '' --out OUT.csv",
        "dft phases Mg-O --out OUT.csv --home FILE", "dft phases Mg-O --most -1 --out OUT.csv"]),
    "dft convergence": (None, ["dft convergence nowhere --base nowhere --out OUT.csv",
        "dft convergence FILE --base FILE --out OUT.csv"]),
    "dft cancel": (None, ["dft cancel 0 nowhere", "dft cancel '' --home FILE"]),
    "screen explain": (None, ["screen explain --out OUT --model nowhere", "screen explain --out FILE/x",
        "screen explain --out OUT --top 0"]),
}  # fmt: skip
# What a good call of these needs, a trained model, the whole graph or a folder, is tested below, beside this or in e2e.
ELSEWHERE = {"rollback", "serve", "ui", "run", "fuse predict", "model predict", "model latent", "screen explain"}
ELSEWHERE |= {"physics landau", "physics orders", "device evaluate", "dft prepare", "dft submit", "dft poll", "dft run"}
ELSEWHERE |= {
    "design loop",
    "design family",
    "dft collect",
    "dft phases",
    "dft convergence",
    "dft retry",
    "dft cancel",
    "spinels cells",
    "spinels table",
    "spinels convergence",
}


# The calls whose --out is a file.
FILES = {
    *(words for words, *_ in COMMANDS.values()),
    *(OTHERS[n][0] for n in ("design propose", "recipes evaluate", "recipes explain")),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one published table, without rows; the shipped models are trained into it once."""
    from schemas.emit.polars import empty
    from schemas.tables import REGISTRY
    from warehouse.catalog import publish
    from warehouse.store import Store

    home = tmp_path_factory.mktemp("home")
    store, name = Store(home), "core.labels"
    store.record_verdict(name, store.write(name, empty(REGISTRY[name])).version, passed=True)
    publish(home)
    return home


def run(arguments: str, home: Path, **paths: Path) -> tuple[int, str, str]:
    words = shlex.split(arguments)
    for name, path in paths.items():
        words = [str(path) + w.removeprefix(name.upper()) if w.startswith(name.upper()) else w for w in words]
    done = CliRunner().invoke(app, words, env={"MATLOOM_HOME": str(home)})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, set[str]]]:
    """Every command of the tree, such as `text select`, with its options."""
    group = group or typer.main.get_command(app)
    for name in group.list_commands(None):
        found = group.get_command(None, name)
        if hasattr(found, "list_commands"):
            yield from commands(found, (*path, name))
        else:
            yield " ".join((*path, name)), {option for p in found.params for option in p.opts}


def one_line(stderr: str) -> bool:
    """Whether it is one line of error that foresaw what happened."""
    return stderr.startswith("error: ") and stderr.count("\n") == 1 and "unexpected" not in stderr


def test_every_command_has_good_and_hostile_cases() -> None:
    tree = {name for name, _ in commands()}
    cases = {*COMMANDS, *OTHERS, *WORDS}
    assert tree == cases
    assert {n for n, (good, _) in WORDS.items() if good is None} == ELSEWHERE
    assert all(wrong for _, wrong in WORDS.values())


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
    assert not out.exists()
    if name == "quality check" and trouble in ("empty", "columns"):  # columns are what it checks: a verdict
        assert code == 1
        assert "columns present" in stdout
        return
    assert code == 2, stdout + stderr
    assert one_line(stderr), stderr


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


@pytest.mark.parametrize("name", COMMANDS)
def test_a_header_without_rows_is_foreseen(name: str, home: Path, tmp_path: Path) -> None:
    arguments, columns, _ = COMMANDS[name]
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(",".join(columns) + "\n")
    code, stdout, stderr = run(f"{arguments} --json", home, **{"in": source, "out": out})
    assert code == 0 or (code == 2 and one_line(stderr)), stderr
    assert (code == 0) == out.exists() == bool(stdout)


@pytest.mark.parametrize("name", [n for n, (_, _, keeps) in COMMANDS.items() if keeps])
def test_columns_of_the_input_are_never_overwritten(name: str, home: Path, tmp_path: Path) -> None:
    arguments, columns, _ = COMMANDS[name]
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    given = pl.DataFrame(columns).with_columns(ok=pl.lit("mine"), reason=pl.lit("why"), ok_input=pl.lit(1))
    given.write_parquet(source)
    assert run(arguments, home, **{"in": source, "out": out})[0] == 0
    found = pl.read_parquet(out)
    assert found.schema["ok"] == pl.Boolean
    assert set(found["ok_input_input"]) == {"mine"}
    assert set(found["reason_input"]) == {"why"}
    assert set(found["ok_input"]) == {1}


def test_blank_text_is_refused_alike(home: Path, tmp_path: Path) -> None:
    source, verdicts = tmp_path / "in.parquet", []
    pl.DataFrame({"id": list("abcd"), "text": ["", " \n", None, "VO2 was calcined."]}).write_parquet(source)
    for words in ("text tag IN --out OUT", "text classify IN --task sentence --out OUT"):
        out = tmp_path / f"{len(verdicts)}.parquet"
        assert run(words, home, **{"in": source, "out": out})[0] == 0
        verdicts.append(pl.read_parquet(out).select("ok", "reason").rows())
    assert verdicts == [[*[(False, "no text")] * 3, (True, None)]] * 2


def test_families_leave_out_rows_without_a_probability(home: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("formula,p_mit\nVO2,abc\nNdNiO3,0.7\nLaNiO3,NaN\nCaO,1.5\nMgO,\n")
    code, stdout, stderr = run("screen families IN --out OUT --json", home, **{"in": source, "out": out})
    assert code == 0, stderr
    assert (json.loads(stdout)["rows"], json.loads(stdout)["left_out"]) == (5, 4)
    assert set(pl.read_csv(out)["best_formula"]) == {"NdNiO3"}


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


@pytest.mark.parametrize("name", COMMANDS)
def test_rows_have_stdout_to_themselves(name: str, home: Path, tmp_path: Path) -> None:
    arguments, columns, keeps = COMMANDS[name]
    source = tmp_path / "in.parquet"
    pl.DataFrame(columns).write_parquet(source)
    words = arguments.replace("--out OUT", "--out -")
    code, stdout, stderr = run(words, home, **{"in": source})
    assert code == 0, stderr
    rows = [json.loads(line) for line in stdout.splitlines()]
    assert len({tuple(r) for r in rows}) <= 1  # the same keys in each: no summary among them
    assert not keeps or len(rows) == len(next(iter(columns.values())))
    assert stderr
    code, stdout, stderr = run(f"{words} --json", home, **{"in": source})
    assert (code, stdout) == (2, "")
    assert one_line(stderr), stderr


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    for name in ("file", "in.csv"):
        (tmp_path / name).write_text("formula\nVO2\n")
    (tmp_path / "folder").mkdir()
    return {"out": tmp_path / "out", "file": tmp_path / "file", "in": tmp_path / "in", "folder": tmp_path / "folder"}


@pytest.mark.parametrize("name", [n for n in WORDS if n not in ELSEWHERE])
def test_commands_without_a_table_do_their_work(name: str, home: Path, places: dict[str, Path]) -> None:
    code, stdout, stderr = run(str(WORDS[name][0]), home, **places)
    assert code == 0, stderr
    assert stdout.count("one") if name == "query" else isinstance(json.loads(stdout), dict)


@pytest.mark.parametrize("arguments", [w for _, wrong in WORDS.values() for w in wrong])
def test_wrong_words_are_explained(
    arguments: str, home: Path, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATLOOM_PROFILE", "embedded")
    code, stdout, stderr = run(arguments, home, **places)
    assert code in (1, 2)
    assert one_line(stderr), stderr
    assert stdout == ""
    assert places["file"].read_text() == "formula\nVO2\n"


@pytest.mark.parametrize(
    ("arguments", "yaml"),
    [
        ("text select IN.parquet --problem FILE.yaml --out OUT.csv", "name: x\nkeywords: []\nwieght: 2\n"),
        (
            "text select IN.parquet --problem FILE.yaml --out OUT.csv",
            "name: x\nkeywords:\n- {phrase: mott, group: compound, wieght: 2}\n",
        ),
        ("text select IN.parquet --problem FILE.yaml --out OUT.csv", "colour:\n- blue\n"),
        ("text discover IN.parquet --seeds FILE.yaml --out OUT.csv", "colour:\n- blue\n"),
        ("text extract IN.parquet --properties FILE.yaml --out OUT.csv", "properties: []\nproprties: []\n"),
        (
            "text extract IN.parquet --properties FILE.yaml --out OUT.csv",
            "- {name: gap, unit: eV, range: [0, 9], cues: [gap], colour: blue}\n",
        ),
        ("design candidates FILE.yaml --out OUT.csv", "name: x\nbudgte: 3\n"),
    ],
)
def test_an_unknown_key_of_a_configuration_is_named(
    arguments: str, yaml: str, home: Path, places: dict[str, Path]
) -> None:
    pl.DataFrame(DOCUMENTS).write_parquet(places["in"].with_suffix(".parquet"))
    places["file"].with_suffix(".yaml").write_text(yaml)
    code, stdout, stderr = run(arguments, home, **places)
    assert code == 2, stdout + stderr
    assert one_line(stderr), stderr
    assert any(key in stderr for key in ("wieght", "colour", "proprties", "budgte"))


def test_what_nobody_foresaw_is_one_line_unless_it_is_debugged(monkeypatch: pytest.MonkeyPatch) -> None:
    small = typer.Typer()
    small.callback()(lambda: None)

    @common.command(small, "break")
    def _break() -> None:
        raise ZeroDivisionError("a\nb")

    done = CliRunner().invoke(small, ["break"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: unexpected ZeroDivisionError (a b) in break: run it again")
    assert done.stderr.count("\n") == 1
    monkeypatch.setenv("MATLOOM_DEBUG", "1")
    done = CliRunner().invoke(small, ["break"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("words", ["--debug {}", "{} --debug"])
def test_debugging_shows_the_traceback_and_keeps_the_exit_code(
    words: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATLOOM_DEBUG", "0")
    code, stdout, stderr = run(words.format("formula parse nowhere.csv --out -"), home)
    assert (code, stdout) == (2, "")
    assert stderr.startswith("Traceback")
    assert stderr.splitlines()[-1] == "error: no such file in nowhere.csv: check the path"


def test_every_command_has_the_options_of_all(home: Path, tmp_path: Path) -> None:
    for name, options in commands():
        assert options >= {"--home", "--workers", "--debug"}, name
    source = tmp_path / "in.csv"
    pl.DataFrame(FORMULAS).write_csv(source)
    words = f"formula parse IN --column formula --out - --workers 2 --home {home}"
    code, stdout, stderr = run(words, home, **{"in": source})
    assert code == 0, stderr
    assert len(stdout.splitlines()) == 3
    for wrong in ("--workers -1", f"--home {source}"):
        code, stdout, stderr = run(f"{words} {wrong}", home, **{"in": source})
        assert (code, stdout) == (2, "")
        assert one_line(stderr), stderr


@pytest.mark.parametrize(
    "arguments", [words for words, *_ in [*COMMANDS.values(), *OTHERS.values()] if "--out" in words]
)
def test_what_cannot_be_written_is_refused_before_the_input_is_read(arguments: str, home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in ("file/out.csv", *(["out.xlsx", "no/out.csv"] if arguments in FILES else [])):
        code, stdout, stderr = run(arguments, home, **{"in": tmp_path / "no.csv", "out": tmp_path / out})
        assert (code, stdout) == (2, "")
        assert one_line(stderr), stderr
        assert f"{out}:" in stderr


def test_a_query_takes_json_as_its_format(home: Path) -> None:
    asked = [run(f"query 'select 1 as one' {words}", home) for words in ("--json", "--format json")]
    assert asked == [(0, '[{"one": 1}]\n', "")] * 2


def test_a_folder_that_holds_no_model_is_refused_before_the_training(home: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    code, _, stderr = run("screen train IN --out OUT", home, **{"in": tmp_path / "no.csv", "out": tmp_path})
    assert code == 2
    assert "something that is no model" in stderr


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ("ingest FOLDER --limit -3", "--limit"),
        ("design init m2ax --out OUT.csv --n 0", "--n"),
        ("design init m2ax --out OUT.csv --seed -1", "--seed"),
        ("design propose m2ax --observations IN.csv --out OUT.csv --batch 0", "--batch"),
        ("design simulate IN.csv --variables A --objectives max:b --out OUT.csv --seeds 0", "--seeds"),
        ("screen families IN.csv --out OUT.csv --seed -1", "--seed"),
        ("screen predict IN.csv --out OUT.csv --seed 4294967296", "--seed"),
        ("text discover IN.csv --out OUT.csv --seed -1", "--seed"),
        ("text discover IN.csv --out OUT.csv --rounds 0", "--rounds"),
        ("recipes precursors IN.csv --out OUT.csv --top -2", "--top"),
    ],
)
def test_a_number_out_of_range_is_named(arguments: str, option: str, home: Path, places: dict[str, Path]) -> None:
    code, stdout, stderr = run(arguments, home, **places)
    assert (code, stdout) == (2, "")
    assert one_line(stderr), stderr
    assert f"in {option}: give " in stderr


def test_a_trained_text_classifier_is_used(home: Path, tmp_path: Path) -> None:
    rows = [(f"{kind} number {i} is {kind}", kind) for i in range(8) for kind in ("hot", "cold")]
    table, model, out = tmp_path / "t.csv", tmp_path / "m", tmp_path / "o.csv"
    pl.DataFrame(rows, schema=["text", "label"], orient="row").write_csv(table)
    code, stdout, stderr = run(
        "text train sentence --data IN --data IN --out OUT --json", home, out=model, **{"in": table}
    )
    assert code == 0, stderr
    assert json.loads(stdout)["rows"] == 32
    assert "held-out" in (model / "card.md").read_text()
    words = f"text classify IN --task sentence --model {model} --out OUT"
    assert run(words, home, out=out, **{"in": table})[0] == 0
    assert pl.read_csv(out)["label"].to_list() == [kind for _, kind in rows]
    code, _, stderr = run(words.replace("sentence", "paragraph"), home, out=out, **{"in": table})
    assert code == 2
    assert one_line(stderr), stderr


def test_design_and_model_commands_round_trip(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "c.csv"
    assert run("design candidates m2ax --out OUT", home, out=out)[0] == 0
    assert pl.read_csv(out).height == 240
    assert run("design init m2ax --n 12 --seed 1 --out OUT", home, out=out)[0] == 0
    table = tmp_path / "t.csv"
    chosen = pl.read_csv(out).with_row_index("i")
    chosen.with_columns(bulk_GPa=pl.col("i") * 7 % 5 + 100.0, shear_GPa=pl.col("i") * 3 % 7 + 50.0).write_csv(table)
    command = "design propose m2ax --observations IN --batch 2 --out OUT --json"
    odd = pl.read_csv(table).with_columns(M=pl.when(pl.int_range(pl.len()) == 3).then(pl.lit("Qq")).otherwise("M"))
    odd.write_csv(tmp_path / "odd.csv")
    code, stdout, stderr = run(command, home, **{"in": tmp_path / "odd.csv", "out": out})
    assert code == 0, stderr
    assert json.loads(stdout)["left_out"] == 1
    assert stderr.startswith("left out: row 3 (M=Qq")
    assert {"acquisition", "mean_bulk_GPa", "sd_shear_GPa"} <= set(pl.read_csv(out).columns)
    model = tmp_path / "model"
    fit = "model fit IN --categorical M,A,X --target bulk_GPa --out OUT"
    code, _, stderr = run(fit, home, **{"in": table, "out": model})
    assert code == 0, stderr
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


def test_pruning_says_that_few_rows_are_all_kept(home: Path, tmp_path: Path) -> None:
    pl.DataFrame({"formula": ["VO2", "NiO", "CoO"], "y": [1.0, 2.0, 3.0]}).write_csv(tmp_path / "in.csv")
    code, stdout, _ = run(
        "quality prune IN --target y --keep 0.4 --out OUT --json",
        home,
        **{"in": tmp_path / "in.csv", "out": tmp_path / "o.csv"},
    )
    assert (code, json.loads(stdout)["kept"]) == (0, 3)
    assert "all are kept" in json.loads(stdout)["note"]
