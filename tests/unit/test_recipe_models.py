"""Recipe models on the published syntheses that ship with the project."""

from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from dagster_project.cli import app
from etl import reference
from models.recipes import CONDITIONS, ROUTES, precursors, proposals, recommend, scoring, splits, training
from models.recipes.balance import balance
from models.recipes.charges import charge_balanced, overfull, plausible_reagent
from models.recipes.compositions import key, parse, precursor_key
from models.recipes.table import as_list, normalise
from schemas.emit.polars import inspect
from schemas.errors import InputError
from schemas.tables import REGISTRY
from tests.servers.planner import planner


@pytest.fixture(scope="module")
def model() -> training.RecipeModel:
    return planner()


def test_predictions_have_routes_that_sum_to_one_and_ordered_intervals(model: training.RecipeModel) -> None:
    found = training.predict(model, pl.DataFrame({"target": ["LaNiO3", "nonsense!", "NaN"]}))
    assert found["ok"].to_list()[:2] == [True, False]
    good = found.filter("ok")
    assert good.select(pl.sum_horizontal(training.P_COLUMNS)).to_series().to_list() == pytest.approx(
        [1.0] * good.height
    )
    for name in CONDITIONS:
        held = good.drop_nulls(name)
        assert (held[f"{name}_low"] <= held[name]).all()
        assert (held[name] <= held[f"{name}_high"]).all()


def test_precursors_that_cannot_be_read_or_cannot_make_the_target_are_named(model: training.RecipeModel) -> None:
    asked = pl.DataFrame({"target": ["MgO"] * 3, "precursors": ["Fe2O3", "junk;;", "MgCO3"]})
    found = training.predict(model, asked)
    assert found["ok"].to_list() == [True, False, True]
    assert found["in_domain"].to_list() == [False, None, True]
    assert found["domain_reason"][0] == "no given precursor brings Mg"
    assert "'junk' is no formula" in found["reason"][1]
    assert found["max_temperature_K"].is_null().to_list() == [False, True, False]
    assert set(training.sample(model, asked, count=2)["row"]) == {0, 2}
    page = recommend.recommend(model, "MgO", given=["Fe2O3"])
    assert page["in_domain"] is False
    assert any("no given precursor brings Mg" in c for c in page["caveats"])
    with pytest.raises(InputError, match="'junk' is no formula"):
        recommend.recommend(model, "MgO", given=["junk"])


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("Li2O3", "more oxygen than its elements bind"),
        ("Fe", "an element"),
        ("Ba0TiO3", "oxygen"),
        ("NH4NO3", "no metal"),
    ],
)
def test_what_is_no_compound_is_outside_the_domain(model: training.RecipeModel, target: str, reason: str) -> None:
    found = training.predict(model, pl.DataFrame({"target": [target]})).row(0, named=True)
    assert found["in_domain"] is False
    assert reason in found["domain_reason"]


def test_nothing_is_mixed_for_what_is_not_fired(model: training.RecipeModel) -> None:
    for target in ("NH4NO3", "H2O"):  # no peroxide with hydrazine
        assert recommend.recommend(model, target)["precursors"] == []


def test_peroxides_iodates_and_nominal_indices_are_not_overfull() -> None:
    assert not [f for f in ("BaO2", "K2O2", "Y(IO3)3", "BaY0.2Zr0.8O3", "LiMnO3", "YBa2Cu3O7", "FeS2") if full(f)]
    assert all(full(f) for f in ("Li2O3", "YGaO6", "K2BaO6"))


def full(formula: str) -> bool:
    return overfull(parse(formula) or {})


def test_a_precursor_that_is_the_target_is_told(model: training.RecipeModel) -> None:
    told = {names: recommend.recommend(model, "MgO", given=[names])["caveats"] for names in ("OMg", "MgCO3")}
    assert "A precursor is the target itself: nothing is made." in told["OMg"]
    assert "A precursor is the target itself: nothing is made." not in told["MgCO3"]


def test_a_table_of_no_rows_gives_a_table_of_no_rows(model: training.RecipeModel, tmp_path: Path) -> None:
    training.save(model, tmp_path / "m")
    (tmp_path / "in.csv").write_text("target\n")
    words = ["recipes", "predict", str(tmp_path / "in.csv"), "--out", str(tmp_path / "out.csv")]
    done = CliRunner().invoke(app, [*words, "--model", str(tmp_path / "m")])
    assert done.exit_code == 0, done.output
    assert pl.read_csv(tmp_path / "out.csv").height == 0
    assert normalise(pl.DataFrame({"target": []}, schema={"target": pl.String})).frame["ok"].dtype == pl.Boolean
    done = CliRunner().invoke(
        app, ["recipes", "recommend", "MgO", "--precursors", ";;", "--model", str(tmp_path / "m")]
    )
    assert done.exit_code == 2
    assert "no precursor" in done.output


def test_samples_obey_a_furnace_and_a_fixed_time(model: training.RecipeModel, tmp_path: Path) -> None:
    frame = pl.DataFrame({"target": ["LaCoO3", "BaTiO3"]})
    drawn = training.sample(model, frame, count=30, hottest=1250.0, hours=6.0)
    for step in ("sinter", "calcine"):
        assert (drawn[f"{step}_temperature_K"] <= 1250).all()
        assert set(drawn[f"{step}_time_h"]) == {6.0}
    with pytest.raises(InputError, match="furnace limit of 300 K"):
        training.sample(model, frame, count=1, hottest=300.0)
    frame.write_csv(tmp_path / "in.csv")
    asked = ["recipes", "predict", str(tmp_path / "in.csv"), "--out", str(tmp_path / "out.csv"), "--hours", "6"]
    assert CliRunner().invoke(app, asked).exit_code == 2  # nothing to condition without samples
    made = CliRunner().invoke(app, ["recipes", "train", str(tmp_path / "in.csv"), "--out", "m", "--generator", "magic"])
    assert made.exit_code == 2
    assert "pooled, forest, mdn, cvae" in made.output


def test_the_same_seed_gives_the_same_model(model: training.RecipeModel) -> None:
    again = training.train(reference.recipe_facts())
    frame = pl.DataFrame({"target": ["LaCoO3"], "precursors": ["La2O3;Co3O4"]})
    assert training.predict(again, frame).equals(training.predict(model, frame))
    assert training.sample(again, frame, count=5, seed=1).equals(training.sample(model, frame, count=5, seed=1))
    assert not training.sample(model, frame, count=5, seed=2).equals(training.sample(model, frame, count=5, seed=1))


def test_a_model_survives_the_disk(model: training.RecipeModel, tmp_path: Path) -> None:
    training.save(model, tmp_path / "m")
    frame = pl.DataFrame({"target": ["LaCoO3"]})
    assert training.predict(training.load(tmp_path / "m"), frame).equals(training.predict(model, frame))


def test_precursors_are_proposed_with_balanced_reactions(model: training.RecipeModel) -> None:
    found = proposals.propose(model, pl.DataFrame({"target": ["LaCoO3", "bad!"]}), top=3)
    assert found["rank"].to_list()[:3] == [1, 2, 3]
    assert "LaCoO3" in found["reaction"].to_list()[0]


def test_a_page_names_route_reaction_conditions_precedents_and_caveats(model: training.RecipeModel) -> None:
    page = recommend.page(recommend.recommend(model, "LaNiO3"))
    for heading in (
        "# Making LaNiO3",
        "## Route",
        "## Precursors",
        "## Conditions",
        "## Precedents",
        "https://doi.org/10.",
    ):
        assert heading in page
    with pytest.raises(InputError):
        recommend.recommend(model, "what is this")


def test_the_example_of_the_framework_is_answered_with_a_warning(model: training.RecipeModel) -> None:
    # LiMn1.8Ni1.2O4 from Li2O3, Mn2O3, NiO: closes only by giving off oxygen, and Li2O3 is no known compound.
    found = recommend.recommend(model, "LiMn1.8Ni1.2O4", given=["Li2O3", "Mn2O3", "NiO"])
    assert "giving off O2" in recommend.page(found)


@pytest.mark.parametrize(
    ("target", "precursors", "equation"),
    [
        ("BaTiO3", ["BaCO3", "TiO2"], "BaCO3 + TiO2 -> BaTiO3 + CO2"),
        ("LaNiO3", ["La2O3", "NiO"], "0.5 La2O3 + NiO + 0.25 O2 -> LaNiO3"),
        ("FeS", ["Fe", "S"], "Fe + S -> FeS"),
        # Nitrate leaves as N2 or NO2, not as NH3; ammonium as NH3, not as NO2.
        ("MgO", ["Mg(NO3)2·6H2O"], "Mg(NO3)2·6H2O -> MgO + 0.5 O2 + 6 H2O + 2 NO2"),
        (
            "LaNiO3",
            ["Ni(CH3COO)2", "La(NO3)3·6H2O"],
            "Ni(CH3COO)2 + La(NO3)3·6H2O + 0.5 O2 -> LaNiO3 + 4 CO2 + 9 H2O + 1.5 N2",
        ),
        ("VO2", ["NH4VO3"], "NH4VO3 -> VO2 + 0.25 O2 + 0.5 H2O + NH3"),
    ],
)
def test_reactions_are_balanced_exactly(target: str, precursors: list[str], equation: str) -> None:
    made = balance(target, precursors)
    assert made.text == equation


def test_a_reaction_that_cannot_close_says_so() -> None:
    made = balance("BaTiO3", ["SrCO3", "TiO2"])
    assert not made.balanced
    assert made.reason


def test_waste_gases_are_never_taken_up() -> None:
    made = balance("BaSO4", ["BaCO3"])  # BaCO3 + SO2 + 0.5 O2 closes on paper only
    assert not made.balanced
    assert "S" in made.reason


@pytest.mark.parametrize(
    "formula",
    [
        "BaCO3",
        "Ni(CH3COO)2·4H2O",
        "Bi(NO3)3·5H2O",
        "NH4VO3",
        "(NH4)2HPO4",
        "Ti(OC4H9)4",
        "ZrOCl2·8H2O",
        "Ni",
        "BaO2",
        "Mn(CH3COO)3·2H2O",
    ],
)
def test_reagents_are_plausible(formula: str) -> None:
    assert plausible_reagent(formula)


@pytest.mark.parametrize(
    "formula", ["V(H2O)", "V·H2O", "Ni(CH3COO)3", "Sr(NO3)3", "Mn(NO3)3", "Ca(NO)3", "NaWO4·2H2O", "Li2O3"]
)
def test_debris_of_text_mining_is_no_reagent(formula: str) -> None:
    assert not plausible_reagent(formula)


def test_proposed_sets_hold_reagents_only_and_close_their_reactions(
    model: training.RecipeModel,
) -> None:
    found = proposals.propose(model, pl.DataFrame({"target": ["LaNiO3", "VO2", "NdNiO3", "BaTiO3"]}))
    assert all(plausible_reagent(p) for p in found["precursors"].explode())
    assert not found["reaction"].str.contains(r"NO3.*-> .*NH3").any()
    page = recommend.recommend(model, "BaTiO3")
    assert max(page["route"], key=page["route"].get) == "solid-state"
    assert page["reaction"]["text"] == "BaCO3 + TiO2 -> BaTiO3 + CO2"


def test_sets_are_ranked_over_the_routes_and_name_the_one_they_serve(model: training.RecipeModel) -> None:
    page = recommend.recommend(model, "LiMn2O4")
    listed = precursors.propose(model.library, "LiMn2O4", routes=page["route"])
    assert [p["precursors"] for p in page["precursors"]] == [list(p.precursors) for p in listed]
    alone = {r: precursors.propose(model.library, "LiMn2O4", routes={r: 1.0}) for r in ROUTES}
    assert all(p.route == r for r, found in alone.items() for p in found)
    assert alone["sol-gel"][0].precursors != alone["solid-state"][0].precursors
    assert all(page["route"][p.route] >= precursors.UNLIKELY for p in listed)
    assert len({p.precursors for p in listed}) == len(listed)


def test_a_paper_counts_in_full_for_its_own_route() -> None:
    def row(route: str, paper: str, *names: str) -> dict[str, object]:
        return {"target": "BaTiO3", "route": route, "doi": f"10.1/{paper}", "precursors": ";".join(names)}

    rows = [
        row("solid-state", "a", "BaCO3", "TiO2"),
        row("sol-gel", "b", "BaCO3", "TiO2"),
        row("hydrothermal", "c", "Ba(OH)2", "TiO2"),
        row("hydrothermal", "d", "Ba(OH)2", "TiO2"),
    ]
    library = precursors.fit(normalise(pl.DataFrame(rows)).frame)
    first = {r: precursors.propose(library, "BaTiO3", routes={r: 1.0})[0].precursors[0] for r in ROUTES}
    assert first["solid-state"] == first["sol-gel"] == "BaCO3"
    assert first["hydrothermal"] == "Ba(OH)2"


def test_neutrality() -> None:
    assert charge_balanced("BiOCl")
    assert charge_balanced("Fe3O4")
    assert charge_balanced("LaNiO3")
    assert charge_balanced("Na2Cl") is False
    assert charge_balanced("no formula") is None


def test_spellings_of_a_precursor_have_one_key() -> None:
    assert precursor_key("Ni(NO3)2·6H2O") == precursor_key("Ni(NO3)2")
    amounts = parse("Ba0.5Sr0.5TiO3")
    assert amounts is not None
    assert key(amounts) == "Ba0.1|O0.6|Sr0.1|Ti0.2"
    assert as_list("La2O3; NiO") == ["La2O3", "NiO"]
    assert as_list('["La2O3", "NiO"]') == ["La2O3", "NiO"]
    assert as_list(None) is None


def test_garbage_is_dropped_and_counted() -> None:
    made = normalise(pl.DataFrame({"target": ["BaTiO3"] * 3, "sinter_T": [1100.0, 7001000.0, -5.0]}))
    assert made.frame["sinter_temperature_K"].to_list() == [1373.15, None, None]
    assert made.dropped["sinter_temperature_K"] == 2
    with pytest.raises(InputError, match="missing column target"):
        normalise(pl.DataFrame({"x": [1]}))
    with pytest.raises(InputError, match="route 'magic'"):
        normalise(pl.DataFrame({"target": ["VO2"], "route": ["magic"]}))
    with pytest.raises(InputError, match="neither route nor conditions"):
        normalise(pl.DataFrame({"target": ["VO2"]}), labelled=True)
    with pytest.raises(InputError, match="usable rows"):
        training.train(pl.DataFrame({"target": ["VO2"], "route": ["sol-gel"]}))


def test_no_paper_and_no_target_is_on_both_sides() -> None:
    frame = normalise(reference.recipe_facts()).frame
    for train, test in splits.folds(frame, count=4, seed=0):
        leak = splits.leak_report(frame[train.tolist()], frame[test.tolist()])
        assert leak["rows_with_shared_doi"] == 0
        assert leak["rows_with_shared_target"] == 0


def test_scores_stand_beside_their_baseline(model: training.RecipeModel) -> None:
    report = scoring.evaluate(reference.recipe_facts())
    route = report["all"]["route"]
    assert route["macro_f1"] > route["constant_macro_f1"]
    assert report["leak"]["rows_with_shared_doi"] == 0
    assert scoring.score(model, reference.recipe_facts().head(50))["rows"] == 50


def test_predicted_recipes_fit_their_table(model: training.RecipeModel) -> None:
    frame = pl.DataFrame({"target": ["LaNiO3", "VO2"]})
    found = training.predict(model, frame)
    best = proposals.propose(model, frame, top=1).select("target", "precursors", "reaction")
    table = REGISTRY["pred.recipes"]
    rows = found.drop([c for c in ("precursors", "reaction") if c in found.columns]).join(best, on="target", how="left")
    missing = [c for c in table.column_names if c not in rows.columns]
    assert missing == []
    assert inspect(rows.select(list(table.column_names)), table).rejected_rows == 0
