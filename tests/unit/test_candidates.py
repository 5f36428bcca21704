"""The database of candidates: what is listed and shown, what is withheld, and what is said to be missing."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from dagster_project import insight
from etl.structures.optimade import attributes
from models.screening import explanation, inputs, single, training
from schemas.core import Column, Registry, Type
from schemas.tables import REGISTRY
from tests.servers import screened
from warehouse.catalog import publish
from warehouse.query import query
from warehouse.report import build, candidates
from warehouse.report.candidates import file_name
from warehouse.store import Store


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return screened.home(tmp_path_factory.mktemp("candidates") / "home")


@pytest.fixture(scope="module")
def site(home: Path) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "DETAILED", 5)
        yield build(home, home.parent / "site", insight=insight.of(home)).index.parent


def record(site: Path, formula: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((site / "candidates" / f"{file_name(formula)}.json").read_text())
    return found


def listed(site: Path) -> dict[str, list[object]]:
    text = (site / "candidates-data.js").read_text()
    assert "<" not in text
    told: dict[str, list[object]] = json.loads(text.removeprefix("window.MATLOOM_CANDIDATES = ").removesuffix(";\n"))
    return told


def test_the_list_holds_every_open_candidate_and_links_to_pages_that_are_there(home: Path, site: Path) -> None:
    told = listed(site)
    rows = query(home, "SELECT formula FROM pred.screening")["formula"].to_list()
    assert sorted(map(str, told["formula"])) == sorted(f for f in rows if f != "SrVO3")
    assert told["p_mit"] == sorted(told["p_mit"], reverse=True, key=float)  # type: ignore[arg-type]
    linked = [f for f in told["file"] if f]
    assert {p.stem for p in (site / "candidates").glob("*.html")} == set(linked)
    known = dict(zip(told["formula"], zip(told["known"], told["temperature"], strict=True), strict=True))
    assert known["VO2"] == ("mit", 340.0)
    assert all(file for file, label in zip(told["file"], told["known"], strict=True) if label)
    assert all(told["file"][:5])
    built = [file for file, kind in zip(told["file"], told["structure"], strict=True) if kind]
    assert len(built) > 5
    assert all(built[:5])
    assert not all(told["file"])


def test_the_list_and_the_pages_say_what_the_funnel_says(home: Path, site: Path) -> None:
    told = listed(site)
    sifted = query(home, "SELECT formula, stage, rank FROM pred.candidates")
    stages = [told["stages"][i] for i in told["stage"]]  # type: ignore[call-overload]
    rows = pl.DataFrame({"formula": told["formula"], "stage": stages, "rank": told["rank"]}, infer_schema_length=None)
    assert rows.join(sifted, on=["formula", "stage", "rank"], nulls_equal=True).height == rows.height
    page = (site / "candidates" / f"{file_name('VO2')}.html").read_text()
    assert "<td>novel</td>" in page
    assert "<td>known: mit</td>" in page


def test_a_candidate_of_the_funnel_has_a_page_before_likelier_compounds_that_left_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "DETAILED", 1)
    rows = query(home, "SELECT * FROM pred.candidates")
    last = rows.filter(pl.col("known").is_null(), pl.col("formula") != "SrVO3").sort("p_mit")["formula"][0]
    only = pl.when(pl.col("formula") == last).then(1)
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    store = Store(copy)
    version = store.write("pred.candidates", rows.with_columns(rank=only), mode="replace").version
    store.record_verdict("pred.candidates", version, passed=True)
    publish(copy)
    build(copy, tmp_path / "site")
    assert (tmp_path / "site" / "candidates" / f"{file_name(last)}.html").is_file()
    assert not (tmp_path / "site" / "candidates" / f"{file_name(screened.HOSTILE)}.html").is_file()


def test_nothing_of_a_closed_structure_leaves(site: Path) -> None:
    for path in (p for p in site.rglob("*") if p.is_file()):
        assert screened.CLOSED not in path.read_text(), path
    assert "SrVO3" not in listed(site)["formula"]
    assert "1 rest on structures whose licence keeps them here" in (site / "candidates.html").read_text()


def test_text_from_outside_stays_text(site: Path) -> None:
    page = (site / "candidates" / f"{file_name(screened.HOSTILE)}.html").read_text()
    assert "<img" not in page
    assert "&lt;img src=x" in page


def test_a_page_has_structure_explanation_precedents_and_downloads(home: Path, site: Path) -> None:
    page = (site / "candidates" / f"{file_name('VO2')}.html").read_text()
    assert "<h1>VO<sub>2</sub></h1>" in page
    assert "The compound is in the training data: this is no prediction." in page
    assert "Substituted into a prototype and scaled, not relaxed" in page
    assert 'data-cell="{&#34;lattice_vectors' in page
    assert "matloom recipes recommend VO2 plans this one" in page
    assert '<a href="https://doi.org/10.1021/acs.chemmater.1c00905">' in page
    assert '<a href="../candidates.html#family=V%7CO&amp;funnel=all">All compounds of V|O</a>' in page
    told = record(site, "VO2")
    cif = query(home, "SELECT cif FROM core.structures WHERE formula = 'VO2'").item()
    assert (site / "candidates" / f"{file_name('VO2')}.cif").read_text() == cif
    assert told["atoms"] == attributes(cif)
    precedents = [p["precedent"] for p in told["precedents"]]  # type: ignore[attr-defined]
    assert len(precedents) == 6


def test_contributions_sum_to_the_raw_score_of_the_model(home: Path, site: Path) -> None:
    model = training.load(home / "models" / "screening")
    told = record(site, "VO2")
    part = model.parts[told["prediction"]["features"]]  # type: ignore[index]
    frame = query(home, "SELECT * FROM core.structures JOIN feat.structure USING (structure_id) WHERE formula = 'VO2'")
    X = inputs.matrix(frame, part.features).values
    _, base = explanation.shap_values(part, X)
    margin = part.fitted.pool.scores(X)[0, 2]
    assert sum(f["contribution"] for f in told["features"]) + base == pytest.approx(margin)  # type: ignore[attr-defined]


def test_the_nearest_precedent_lies_at_the_distance_to_the_domain(home: Path) -> None:
    model = training.load(home / "models" / "screening")
    rows = query(home, "SELECT formula, features, domain_distance FROM pred.screening WHERE features = 'composition'")
    rows = rows.filter(pl.col("formula") != screened.HOSTILE)
    near = single.neighbours(model, rows, top=2).filter(pl.col("rank") == 1)
    joined = near.join(rows, on="formula")
    assert joined.height == rows.height
    assert joined["distance"].to_list() == pytest.approx(joined["domain_distance"].to_list(), abs=5e-3)


def test_another_model_than_the_one_that_predicted_explains_nothing(home: Path) -> None:
    rows = query(home, "SELECT * FROM pred.screening").with_columns(model_id=pl.lit("other"))
    assert "the home holds another model" in insight.explain(home, rows).reason
    assert "cannot be read" in insight.explain(home / "nowhere", rows).reason


def test_a_report_without_insight_says_what_is_missing(home: Path, tmp_path: Path) -> None:
    build(home, tmp_path / "site")
    page = (tmp_path / "site" / "candidates" / f"{file_name('VO2')}.html").read_text()
    assert "Not explained: this report was made without the model." in page
    assert "<canvas" not in page


def test_what_was_published_before_a_column_was_declared_is_still_shown(home: Path, tmp_path: Path) -> None:
    extra = Column(name="melting_K", type=Type.FLOAT, unit="K", doc="New.", nullable=True)
    table = REGISTRY["core.structures"]
    newer = Registry({**REGISTRY.tables, table.name: replace(table, columns=(*table.columns, extra))})
    build(home, tmp_path / "site", registry=newer, insight=insight.of(home))
    assert record(tmp_path / "site", "VO2")["structure"]["melting_K"] is None  # type: ignore[index]


def test_names_of_files_differ_where_capitals_do_not_count() -> None:
    assert file_name("CoO2").lower() != file_name("COO2").lower()
    assert file_name("../etc/passwd").isprintable()
    assert "/" not in file_name("a/../b")


def test_meanings_and_units_come_from_the_declarations(site: Path) -> None:
    page = (site / "candidates" / f"{file_name('VO2')}.html").read_text()
    assert REGISTRY["feat.structure"].column("avg_mx_dists").doc in page
