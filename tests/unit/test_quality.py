"""Checks: what the contract and the hand-written checks find, and what they leave alone."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from dagster_project.commands.quality import app
from dagster_project.quality import Frames, bias, bias_metrics, check_file, checks_for, judge, run
from dagster_project.quality.judge import beyond
from dagster_project.quality.run import run_checks
from etl import reference
from etl.text.labels import labels
from schemas.core import Column, ForeignKey, Table, Type
from schemas.emit.polars import conform, empty
from schemas.rules import Between, NotBlank
from schemas.tables import REGISTRY

TABLE = Table(
    name="core.things",
    doc="Labelled things for tests.",
    grain="one thing",
    key=("thing_id",),
    columns=(
        Column(name="thing_id", type=Type.STRING, doc="Id.", rules=(NotBlank(),)),
        Column(name="document_id", type=Type.STRING, doc="Source.", nullable=True),
        Column(name="formula", type=Type.STRING, doc="Formula."),
        Column(name="family_ln", type=Type.STRING, doc="Family."),
        Column(name="label", type=Type.STRING, doc="Label."),
        Column(name="ewald_energy_eV", type=Type.FLOAT, unit="eV", doc="Energy.", nullable=True),
        Column(name="gap_eV", type=Type.FLOAT, unit="eV", doc="Gap.", rules=(Between(low=0, high=15),)),
        Column(name="tags", type=Type.STRINGS, doc="Tags.", nullable=True),
    ),
    foreign_keys=(ForeignKey(columns=("document_id",), table="raw.papers", references=("paper_id",)),),
)
PAPERS = Frames({"raw.papers": pl.DataFrame({"paper_id": ["p1", "p2"]})})


def things(n: int = 90) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "thing_id": [f"t{i}" for i in range(n)],
            "document_id": ["p1" if i % 3 else None for i in range(n)],
            "formula": [f"V{i + 1}O" for i in range(n)],
            "family_ln": [f"f{i % 5}" for i in range(n)],
            "label": [("mit", "metal", "insulator")[i % 3] for i in range(n)],
            "ewald_energy_eV": -rng.uniform(10, 60, n),
            "gap_eV": np.where(np.arange(n) % 3, 0.0, rng.uniform(0.01, 4, n)),
            "tags": [["a"]] * n,
        }
    ).with_columns(document_id=pl.lit(None, dtype=pl.String))


def failed(frame: pl.DataFrame, others: Frames | None = PAPERS) -> dict[str, str]:
    results = run_checks(TABLE, frame, version=3, others=others)
    assert [r.check_name for r in results] == [c.name for c in checks_for(TABLE)]
    return {r.check_name: r.severity for r in results if not r.passed}


def test_a_sound_table_raises_no_alarm() -> None:
    assert failed(things()) == {}
    assert failed(things().clear()) == {}


def test_rows_that_break_the_contract_block() -> None:
    frame = things().with_columns(
        gap_eV=pl.when(pl.col("thing_id") == "t4").then(99.0).otherwise("gap_eV"),
        document_id=pl.when(pl.col("thing_id") == "t5").then(pl.lit("p9")).otherwise(None),
    )
    names = {"gap_eV: between 0 and 15": "blocking", "document_id refers to raw.papers": "blocking"}
    assert failed(frame) == {**names, "numbers are possible": "warning"}
    assert "document_id refers to raw.papers" not in failed(frame, others=None)


def test_rows_read_as_a_stream_get_the_verdicts_of_a_whole_table() -> None:
    frame = things().with_columns(
        gap_eV=pl.when(pl.col("thing_id") == "t4").then(99.0).otherwise("gap_eV"),
        thing_id=pl.when(pl.col("thing_id") == "t9").then(pl.lit("t8")).otherwise("thing_id"),
        document_id=pl.when(pl.col("thing_id") == "t5").then(pl.lit("p9")).otherwise(None),
        label=pl.lit("mit"),
        tags=pl.when(pl.col("thing_id") == "t7").then(pl.lit(None, pl.List(pl.String))).otherwise("tags"),
    )
    rows = [REGISTRY["raw.documents"], TABLE]
    for table, whole in zip(rows, (reference_documents(), frame), strict=True):
        verdicts = [
            [(r.check_name, r.passed, r.failing_rows) for r in run_checks(table, given, others=PAPERS)]
            for given in (whole, whole.lazy())
        ]
        assert verdicts[0] == verdicts[1]
        assert len(verdicts[0]) == len(checks_for(table))
        assert bias_metrics(table, bias.narrowed(table, whole.lazy())).drop("measured_at", strict=False).equals(
            bias_metrics(table, whole).drop("measured_at", strict=False)
        )  # fmt: skip
    assert sum(not passed for _, passed, _ in verdicts[0]) >= 3


def reference_documents() -> pl.DataFrame:
    from etl.sources import folder

    return pl.concat([folder.parse(d, where=n).documents for n, d in reference.demo_corpus().items()])


def test_a_large_table_is_audited_without_being_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster_project import checks, quality
    from warehouse.store import Store

    store, table = Store(tmp_path), REGISTRY["raw.documents"]
    version = store.write(table.name, reference_documents()).version
    monkeypatch.setattr(quality, "WHOLE_ROWS", 10)
    monkeypatch.setattr(Store, "read", lambda *_, **__: pytest.fail("read whole"))
    (result,) = checks.audit(store, table, version=version, fingerprint="f")
    assert result.passed
    assert store.passed_version(table.name) == version


def test_a_large_table_gets_the_same_verdict_from_its_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = things().with_columns(gap_eV=pl.lit(-1.0), formula=pl.lit("NaN"))
    whole = {r.check_name: (r.passed, r.failing_rows) for r in run_checks(TABLE, frame, others=PAPERS)}
    monkeypatch.setattr(run, "WHOLE_ROWS", 10)
    assert {r.check_name: (r.passed, r.failing_rows) for r in run_checks(TABLE, frame, others=PAPERS)} == whole


def test_placeholder_zeros_warn_but_zero_gaps_do_not() -> None:
    frame = things().with_columns(
        ewald_energy_eV=pl.when(pl.col("label") == "metal").then(0.0).otherwise("ewald_energy_eV")
    )
    assert failed(frame) == {"sentinel zeros": "warning"}


def test_a_nearly_absent_class_and_a_ruling_family_warn() -> None:
    frame = things(200).with_columns(
        label=pl.when(pl.col("thing_id") == "t0").then(pl.lit("mit")).otherwise(pl.lit("metal")), family_ln=pl.lit("f")
    )
    assert failed(frame) == {"class balance of label": "warning", "coverage of family_ln": "warning"}


def test_a_formula_of_two_families_leaks_between_folds_and_blocks() -> None:
    frame = things().with_columns(
        formula=pl.when(pl.col("thing_id").is_in([f"t{i}" for i in range(5)])).then(pl.lit("VO2")).otherwise("formula")
    )
    assert failed(frame)["folds by family_ln share no formula"] == "blocking"


def test_repeats_with_several_labels_warn() -> None:
    frame = things().with_columns(
        formula=pl.Series([f"V{i // 3 + 1}O" for i in range(90)]),
        family_ln=pl.Series([f"f{i // 9}" for i in range(90)]),
    )
    assert failed(frame) == {"repeats agree on label": "warning"}


@pytest.mark.parametrize(
    "kind", ["class balance of", "coverage of", "sentinel zeros", "repeats agree on", "folds by", "p_mit"]
)
def test_every_kind_of_bias_check_belongs_to_a_real_table(kind: str) -> None:
    assert [t.name for t in REGISTRY if any(c.name.startswith(kind) for c in bias.bias_checks(t))]


def test_every_column_that_a_bias_check_looks_for_is_declared() -> None:
    declared = {c for t in REGISTRY for c in t.column_names}
    assert {*bias.LABELS, *bias.FAMILIES, *bias.GROUPS, *bias.FORMULAS} <= declared


def test_the_shipped_labels_are_judged_for_balance_coverage_and_leakage() -> None:
    table = REGISTRY["core.labels"]
    shipped = labels(empty(REGISTRY["core.properties"]), empty(REGISTRY["raw.documents"]))
    checks = {c.name: c for c in bias.bias_checks(table)}
    found = {n: c.measure(shipped.select(table.column_names), None) for n, c in checks.items() if c.measure}
    assert {n for n, m in found.items() if m.value is not None} == set(checks) - {"repeats agree on label_name"}
    assert found["folds by family_tm_anion share no formula"].failing_rows == 0
    assert found["class balance of label_name"].value > 0.1


def test_verdicts_are_rows_of_the_declared_table() -> None:
    table = REGISTRY["meta.quality_results"]
    good, rejected = conform(pl.DataFrame([r.row() for r in run_checks(TABLE, things(), others=PAPERS)]), table)
    assert (good.height, rejected.height) == (len(checks_for(TABLE)), 0)
    measured, refused = conform(bias_metrics(TABLE, things(), version=2), REGISTRY["meta.bias_metrics"])
    assert measured.height > 10
    assert refused.height == 0


def test_metrics_are_held_to_their_bounds_and_missing_ones_are_not_judged() -> None:
    metrics = [
        ("a", 1.0, 0.0, 2.0),
        ("b", 3.0, None, 2.0),
        ("c", -1.0, 0.0, None),
        ("d", None, 0.0, 0.0),
        ("e", 0.0, 0.0, 0.0),
    ]
    assert judge(metrics) == beyond(metrics) == {"b", "c"}


def test_a_file_reports_columns_and_types_instead_of_dying() -> None:
    frame = (
        things(40).drop("label", "tags").with_columns(gap_eV=pl.Series(["1.5", "wide", *["0.1"] * 38]), more=pl.lit(1))
    )
    report = check_file(frame, TABLE)
    bad = {r.check_name for r in report.results if not r.passed}
    assert {"columns present", "no undeclared column", "gap_eV: float64", "gap_eV: not null", "label: not null"} <= bad
    assert {"check_name": "gap_eV: float64", "row": 1, "key": "", "value": "wide"} in report.failing


def test_check_command_exits_one_and_lists_the_failing_row(tmp_path: Path) -> None:
    good = tmp_path / "meta.quality_results.csv"
    rows = pl.DataFrame([r.row() for r in run_checks(TABLE, things(), others=PAPERS)])
    rows.write_csv(good)
    runner = CliRunner()
    assert runner.invoke(app, ["check", str(good)]).exit_code == 0
    bad = tmp_path / "bad.csv"
    rows.with_columns(severity=pl.lit("fatal")).head(2).write_csv(bad)
    result = runner.invoke(app, ["check", str(bad), "--table", "meta.quality_results", "--json"])
    assert result.exit_code == 1
    summary = json.loads(result.stdout)
    assert summary["failed"] == 1
    assert [f["row"] for f in summary["failing_rows"]] == [0, 1]
    assert runner.invoke(app, ["check", str(bad), "--table", "no.table"]).exit_code == 2


def test_leakage_command_exits_one_where_a_key_is_shared(tmp_path: Path) -> None:
    a, b, c = (str(tmp_path / f"{n}.csv") for n in "abc")
    pl.DataFrame({"doi": ["1", "2"], "target": ["NaN", "x"]}).write_csv(a)
    pl.DataFrame({"doi": ["3"], "target": ["NaN"]}).write_csv(b)
    pl.DataFrame({"doi": ["4"], "target": ["z"]}).write_csv(c)
    runner = CliRunner()
    result = runner.invoke(app, ["leakage", a, b, "--keys", "doi,target", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["keys"][1]["shared_values"] == 1
    assert runner.invoke(app, ["leakage", a, c, "--keys", "doi,target"]).exit_code == 0
    assert runner.invoke(app, ["leakage", a, c, "--keys", "year"]).exit_code == 2


def test_bias_command_writes_metric_rows(tmp_path: Path) -> None:
    table, out = str(tmp_path / "t.parquet"), str(tmp_path / "o.csv")
    things().write_parquet(table)
    result = CliRunner().invoke(
        app, ["bias", table, "--group", "family_ln", "--value", "gap_eV", "--out", out, "--json"]
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["effective_groups"] == pytest.approx(5)
    found = pl.read_csv(out)
    assert "mixed_entropy:gap_eV" in set(found["metric_name"])


def test_proposals_of_an_initial_design_have_no_model_and_formulas_of_one_length_are_whole() -> None:
    table = REGISTRY["design.proposals"]
    assert "provenance is told" not in {c.name for c in checks_for(table)}
    ions = [
        a + b for a in ("Al", "Ga", "In") for b in ("Cr", "Mo", "Nb", "Ta", "Ti", "Zr", "Hf", "Mn", "Fe", "Co", "Ni")
    ]
    frame = things(33).with_columns(formula=pl.Series([f"{i}Mo3Se8" for i in ions]))
    assert "texts are whole" not in failed(frame)
