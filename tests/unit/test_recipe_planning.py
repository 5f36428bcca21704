"""Routes with reasons, ranked precursor sets, precedents and the outlook of a target, on the shipped syntheses."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from dagster_project.cli import app
from etl import reference
from models.recipes import (
    ROUTES,
    candidates,
    figure,
    habits,
    planning,
    plans,
    precedents,
    ranker,
    recommend,
    route_effects,
    routes,
    table,
    training,
)
from models.recipes.compositions import parse
from models.recipes.reagents import reagent
from models.recipes.table import normalise
from schemas.emit.polars import inspect, schema
from schemas.errors import InputError
from schemas.tables import REGISTRY
from tests.servers.planner import planner
from warehouse.report import recipe


@pytest.fixture(scope="module")
def model() -> training.RecipeModel:
    return planner()


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return normalise(reference.recipe_facts()).frame


@pytest.mark.parametrize(
    ("formula", "kind", "hydrate"),
    [
        ("La2O3", "oxide", False),
        ("FeSO4·7H2O", "sulfate", True),
        ("Ni(NO3)2·6H2O", "nitrate", True),
        ("Ti(OC4H9)4", "alkoxide", False),
        ("Zn(CH3COO)2·2H2O", "acetate", True),
        ("NH4VO3", "ammonium salt", False),
        ("CO(NH2)2", "organic", False),
        ("NH4OH", "non-metal", False),
        ("Se", "element", False),
        ("tetrabutyl titanate", "name", False),
    ],
)
def test_kinds_of_reagents(formula: str, kind: str, hydrate: bool) -> None:
    assert (reagent(formula).kind, reagent(formula).hydrate) == (kind, hydrate)


def test_the_route_follows_the_precursors_that_are_given(model: training.RecipeModel) -> None:
    asked = pl.DataFrame({"target": ["LaCoO3"] * 2, "precursors": ["La2O3;Co3O4", "La(NO3)3·6H2O;Co(NO3)2·6H2O"]})
    found = training.predict(model, asked)
    assert found["p_solid_state"][0] > found["p_solid_state"][1]
    assert found["p_sol_gel"][0] < found["p_sol_gel"][1]


def test_reasons_name_features_of_the_judge_that_answered(model: training.RecipeModel, frame: pl.DataFrame) -> None:
    some = frame.filter("ok").head(3)
    for rows in (some, planning.without_precursors(some)):
        judge = model.route.given if rows["precursors"][0] is not None else model.route.alone
        assert judge is not None
        assert len(judge.names()) == judge.matrix(rows).shape[1]
        for told in model.route.reasons(rows, top=4):
            assert len(told) == 4
            assert {name for name, _, _ in told} <= set(judge.names())
    assert model.route.alone is not None
    raw = model.route.alone.contributions(some).sum(axis=2)  # SHAP values add up to the raw score
    assert np.isfinite(raw).all()
    assert raw.shape == (3, len(ROUTES))


def test_effects_of_leading_features_move_probability_between_routes(
    model: training.RecipeModel, frame: pl.DataFrame
) -> None:
    for alone in (False, True):
        found = route_effects.accumulated(model.route, frame.filter("ok"), alone=alone, top=2, bins=4, replicates=4)
        assert set(found["place"]) == {1, 2}
        total = found.group_by("feature", "value").agg(pl.col("effect").sum())["effect"]
        assert total.abs().max() < 1e-3  # what one route gains the others lose
        assert (found["low"] <= found["high"]).all()
        assert found.filter(place=1)["effect"].abs().max() > 0.01
    with pytest.raises(InputError, match="3 rows"):
        route_effects.accumulated(model.route, frame.filter("ok").head(3), alone=True)


def test_a_row_is_described_without_its_own_paper_and_target(frame: pl.DataFrame) -> None:
    known = frame.filter(pl.col("ok") & pl.col("route").is_not_null())
    codes = np.array([ROUTES.index(r) for r in known["route"]])
    alone = [[f"only in row {i}"] for i in range(known.height)]
    told = habits.described(alone, known, codes, seed=0)
    assert np.allclose(told[np.isfinite(told)], 0.0)  # a word that nobody else says speaks for no route


def test_calibration_takes_the_edge_off_what_is_too_sure() -> None:
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.ones(4), 4000)
    y = np.array([rng.choice(4, p=t) for t in truth])
    sharp = routes.calibrated(truth, 2.0)
    assert routes.calibration(sharp, y, np.ones(len(y))) == pytest.approx(0.5, abs=0.1)


def test_calibration_leaves_alone_what_is_calibrated_but_for_chance() -> None:
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.ones(4), 500)
    y = np.array([rng.choice(4, p=t) for t in truth])
    assert routes.calibration(truth, y, np.ones(len(y))) == 1.0


def test_the_noise_of_routes_hears_other_papers_only() -> None:
    rows = {
        "target": ["LaNiO3"] * 5,
        "precursors": [["La2O3", "NiO"]] * 5,
        "doi": ["a", "b", "c", "d", "d"],
        "route": ["solid-state"] * 3 + ["sol-gel"] * 2,
    }
    found = planning.route_noise(normalise(pl.DataFrame(rows)).frame)
    assert (found["n"], found["accuracy"]) == (4, 0.75)  # paper d is told by a, b and c
    assert planning.route_noise(normalise(pl.DataFrame(rows)).frame.filter(pl.col("doi") == "a")) == {"n": 0}


def test_candidates_bring_every_element_and_never_the_target_itself(model: training.RecipeModel) -> None:
    made = model.library.observed
    for target in ("LaNiO3", "BaTiO3", "Nd0.5Sr0.5MnO3"):
        aim = parse(target) or {}
        found = candidates.candidates(made, aim, "solid-state")
        assert len({c.keys for c in found}) == len(found) > 1
        assert all(frozenset().union(*(made.brings[k] for k in c.keys)) == candidates.needed(aim) for c in found)


def test_the_order_of_sets_is_learned_where_there_is_enough_to_learn_from(frame: pl.DataFrame) -> None:
    made = candidates.library(frame.filter("ok"))
    named = dict(frame.filter("ok").select("target_key", "target").iter_rows())
    assert ranker.fit(made, dict(list(named.items())[:10]), seed=0).boosters == ()
    aim = parse("LaNiO3") or {}
    found = candidates.candidates(made, aim, "solid-state")
    order = ranker.Ranker(()).scores(made, aim, found, "solid-state")
    assert list(np.argsort(-order, kind="stable")) == list(np.argsort([-c.mixed for c in found], kind="stable"))
    assert ranker.features(made, aim, found, "solid-state").shape[0] == len(found)


def test_precedents_say_what_differs() -> None:
    assert precedents.differs("LaNiO3", "LaNiO3") == ""
    assert precedents.differs("LaNiO3", "LaCoO3") == "-20.0 % Co, +20.0 % Ni"


def test_the_outlook_weighs_precedents_and_hull(model: training.RecipeModel) -> None:
    made = recommend.recommend(model, "LaNiO3", hull=0.02)["synthesizability"]
    assert made["papers_of_the_target"] >= 1
    assert "0.020 eV per atom above the hull, where most" in made["verdict"]
    new = recommend.recommend(model, "Cs2AgBiBr6", hull=0.4)["synthesizability"]
    assert new["papers_of_the_target"] == 0
    assert "few compounds that were made" in new["verdict"]


def test_a_target_of_elements_never_seen_is_answered_with_a_flag(model: training.RecipeModel) -> None:
    found = recommend.recommend(model, "PuFeO3")
    assert found["in_domain"] is False
    assert any("Outside the domain" in c for c in found["caveats"])
    assert sum(found["route"].values()) == pytest.approx(1.0)


def test_the_same_samples_draw_the_same_figure(model: training.RecipeModel, tmp_path: Path) -> None:
    found = recommend.recommend(model, "LaNiO3", samples=50)
    drawn = figure.joint(np.array(found["samples"]), found["precedents"], "LaNiO3")
    assert drawn == figure.joint(np.array(found["samples"]), found["precedents"], "LaNiO3")
    assert b"sintering temperature (K)" in drawn or b"<svg" in drawn
    training.save(model, tmp_path / "m")
    words = ["recipes", "recommend", "LaNiO3", "--model", str(tmp_path / "m"), "--figure"]
    assert CliRunner().invoke(app, [*words, str(tmp_path / "f.png")]).exit_code == 2
    assert CliRunner().invoke(app, [*words, str(tmp_path / "f.svg"), "--json"]).exit_code == 0
    assert (tmp_path / "f.svg").read_bytes().startswith(b"<?xml")


def test_what_is_wrong_with_a_table_is_counted_and_explained() -> None:
    rows = [
        {"target": "BaTiO3", "doi": "a", "precursors": "BaCO3;TiO2", "sinter_T": 1100.0, "calcine_T": 1200.0},
        {"target": "BaTiO3", "doi": "a", "precursors": "BaCO3;TiO2", "sinter_T": 1100.0, "calcine_T": 1200.0},
        {"target": "SrTiO3", "doi": "a", "precursors": "SrCO3;TiO2;La2O3", "sinter_T": 7001000.0, "calcine_T": None},
        {"target": "Ba1-xTiO3", "doi": "b", "precursors": "BaCO3", "sinter_T": None, "calcine_T": None},
        {"target": None, "doi": "b", "precursors": None, "sinter_T": 900.0, "calcine_T": None},
        {"target": "LaNiO3", "doi": "c", "precursors": "La2O3;nickel salt", "sinter_T": 900.0, "calcine_T": None},
        {"target": "LaCoO3", "doi": "d", "precursors": "La2O3", "sinter_T": 900.0, "calcine_T": None},
    ]
    counted = normalise(pl.DataFrame(rows)).account()
    assert set(counted) == set(table.COUNTS)
    assert counted == {
        "rows": 7,
        "no_target": 1,
        "unreadable_target": 1,
        "values_out_of_range": 1,
        "repeated": 1,
        "calcined_hotter_than_sintered": 2,
        "rows_of_series": 3,
        "unreadable_precursor": 1,
        "dopant_missing_in_target": 1,
        "element_without_precursor": 1,
    }


def test_plans_fit_their_tables_and_the_report_shows_them(model: training.RecipeModel) -> None:
    asked = pl.DataFrame({"target": ["LaNiO3", "no formula"], "energy_above_hull_eV_atom": [0.01, None]})
    made = plans.plans(model, asked)
    for name, rows in made.items():
        frame = pl.DataFrame(rows, schema=schema(REGISTRY[name]))
        assert inspect(frame, REGISTRY[name]).rejected_rows == 0
        assert frame["target"].unique().to_list() == ["LaNiO3"]
    outlook = made["pred.outlooks"][0]
    row = training.predict(model, asked).row(0, named=True) | {"precursors": ["La2O3", "NiO"], "reaction": None}
    plan = recipe.Plan(
        recipe={k: row[k] for k in REGISTRY["pred.recipes"].column_names},
        sets=made["pred.recipe_sets"],
        precedents=made["pred.recipe_precedents"],
        outlook=outlook,
    )
    first, sets, near = recipe.sections("LaNiO3", "LaNiO3", plan)
    assert first.pictures[0].svg.count("<circle") == plans.SAMPLES
    assert any(outlook["verdict"][:40] in cell for line in first.rows for cell, _ in line)
    assert len(sets.rows) == len(near.rows) == 5
    assert recipe.sections("x", "Xe2O", None)[0].empty.startswith("None")
