"""The screening models on the labelled compounds that ship with the project."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dagster_project.assets.screening import screened as screened_asset
from dagster_project.building import Build
from dagster_project.commands import shipped as shipped_models
from dagster_project.commands.shipped import shipped
from dagster_project.settings import Settings
from dagster_project.summary import summarise
from etl import reference
from etl.features.composition import composition
from etl.structures import pool
from models import cards
from models.screening import campaign, ensemble, explanation, inputs, metrics, temperature, training
from models.screening.evaluation import evaluate
from models.screening.families import FLOOR, apart, benjamini_hochberg, families, ranked, tails
from schemas.emit.polars import inspect
from schemas.errors import InputError
from schemas.tables import REGISTRY
from warehouse.catalog import publish
from warehouse.store import Store


@pytest.fixture(scope="module")
def labelled() -> pl.DataFrame:
    return reference.labelled_compounds()


@pytest.fixture(scope="module")
def model(labelled: pl.DataFrame) -> training.ScreeningModel:
    return training.train(labelled, features="composition")


def test_probabilities_sum_to_one_and_bad_rows_stay(model: training.ScreeningModel) -> None:
    found = training.predict(model, pl.DataFrame({"formula": ["VO2", "Zz9", None, "NaN"]}))
    assert found["ok"].to_list() == [True, False, False, True]
    good = found.filter("ok")
    total = good.select(pl.sum_horizontal("p_mit", "p_metal", "p_insulator")).to_series()
    assert total.to_list() == pytest.approx([1.0, 1.0])
    assert found.filter(~pl.col("ok"))["reason"].null_count() == 0
    assert found["features"].to_list() == ["composition", None, None, "composition"]
    table = REGISTRY["pred.screening"]
    good = good.with_columns(structure_id=None, inputs_hash=None)
    assert inspect(good.select(table.column_names), table).rejected_rows == 0


def test_known_transitions_rank_above_a_plain_insulator(model: training.ScreeningModel) -> None:
    p = training.predict(model, pl.DataFrame({"formula": ["NdNiO3", "MgO", "Al2O3"]}))["p_mit"].to_list()
    assert p[0] > 0.5 > max(p[1:])


def test_a_prediction_stands_beside_what_is_known_of_the_compound(model: training.ScreeningModel) -> None:
    found = training.predict(model, pl.DataFrame({"formula": ["LaNiO3", "VO2", "CaCuO2", None]}))
    assert found["known_label"].to_list() == ["metal", "mit", None, None]
    assert found["label"].null_count() == 1
    other = training.known_label(model, pl.Series(["V2O4", "O2V", "VO₂", "VO2 ", "V O2", "VO2.0", "V2O3", "?", None]))
    assert other.to_list() == [*["mit"] * 7, None, None], "whatever way it is written"


def test_no_class_is_excluded_outside_the_domain(model: training.ScreeningModel) -> None:
    found = training.predict(model, pl.DataFrame({"formula": ["Cu", "Xe", "NdNiO3"]}))
    assert found["in_domain"].to_list() == [False, False, True]
    assert found["conformal_set"].list.len().to_list()[:2] == [3, 3]
    assert found["conformal_set"].list.len().to_list()[2] < 3


def test_the_same_seed_gives_the_same_bytes(labelled: pl.DataFrame, model: training.ScreeningModel) -> None:
    again = training.train(labelled, features="composition")
    assert again.model_id == model.model_id
    pool = labelled.select("formula")
    assert training.predict(again, pool).equals(training.predict(model, pool))


def test_a_model_survives_the_disk_and_a_damaged_one_is_refused(model: training.ScreeningModel, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    training.save(model, folder)
    pool = pl.DataFrame({"formula": ["VO2", "NiO"]})
    assert training.predict(training.load(folder), pool).equals(training.predict(model, pool))
    assert model.model_id in (folder / cards.PAGE).read_text("utf-8")
    next(folder.glob(cards.BODIES)).write_bytes(b"not a model")
    with pytest.raises(InputError):
        training.load(folder)
    with pytest.raises(InputError):
        training.load(tmp_path / "none")
    with pytest.raises(InputError):
        temperature.load(folder)


def test_nested_scores_come_with_intervals_and_baselines(labelled: pl.DataFrame) -> None:
    report = evaluate(labelled, groups=("family_tm_anion",), features="composition", folds=3, repeats=2)
    found = report["groupings"]["family_tm_anion"]
    assert report["repeats"] == 2
    assert found["roc_auc"]["sd_repeats"] > 0
    assert found["baselines"]["two_classes"]["roc_auc"] > 0.7
    assert "log_loss" not in found["baselines"]["two_classes"]
    score = found["roc_auc"]
    assert score["low"] <= score["value"] <= score["high"]
    assert score["value"] > found["baselines"]["prior"]["roc_auc"] + 0.1
    with pytest.raises(InputError, match="grouping"):
        evaluate(labelled, groups=("colour",))


def test_shuffled_labels_teach_nothing(labelled: pl.DataFrame) -> None:
    # Under chance the AUC of 68 against 275 rows has a standard deviation of sqrt((n + 1) / (12 n1 n0)) (Hanley and
    # McNeil 1982; Mann-Whitney); the mean of four shuffles may lie three of its standard errors above 0.5, no more.
    y = inputs.labels(labelled, "label_name")
    positive, n = int((y == metrics.MIT).sum()), len(y)
    margin = 3 * np.sqrt((n + 1) / (12 * positive * (n - positive)) / 4)
    found = []
    for seed in range(4):
        shuffled = labelled.with_columns(pl.col("label_name").shuffle(seed=seed))
        report = evaluate(shuffled, groups=("random",), features="composition", folds=2, seed=seed)
        found.append(report["groupings"]["random"]["roc_auc"]["value"])
    assert margin < 0.06
    # Folds of unlike class shares push a chance model below 0.5, which is no leak: the lower bound is wider.
    assert 0.5 - 2 * margin < np.mean(found) < 0.5 + margin


@pytest.mark.parametrize("keys", [["a"] * 20, [*"ab" * 9, "c", "c"]], ids=["one group", "a class in one group"])
def test_nothing_is_scored_on_the_rows_it_was_fitted_on(keys: list[str]) -> None:
    frame = pl.DataFrame(
        {
            "formula": reference.labelled_compounds()["formula"].head(20),
            "label_name": [*["metal", "insulator"] * 9, "mit", "mit"],
            "kind": keys,
        }
    )
    with pytest.raises(InputError, match="one group only"):
        evaluate(frame, groups=("kind",), features="composition")
    y = inputs.labels(frame, "label_name")
    with pytest.raises(InputError, match="at least 2 groups"):
        list(ensemble.splits(y, keys, folds=5, seed=0))
    small = training.train(frame, features="composition", groups="kind")
    assert training.UNCALIBRATED in small.card.caveats
    assert "composition" not in small.card.scores
    found = training.predict(small, pl.DataFrame({"formula": ["VO2"]}))
    assert found["conformal_set"].to_list() == [["metal", "insulator", "mit"]]


def test_the_score_of_each_part_is_that_of_the_part_alone(labelled: pl.DataFrame) -> None:
    kept = labelled.group_by("label_name", maintain_order=True).head(30)
    every = evaluate(kept, groups=("random",), folds=2)
    alone = evaluate(kept, groups=("random",), folds=2, features="composition")
    assert every["parts"]["composition"] == alone["groupings"]
    assert every["features"] == "both"
    assert every["groupings"] == every["parts"]["both"] != alone["groupings"]


@pytest.fixture(scope="module")
def offered(labelled: pl.DataFrame) -> pl.DataFrame:
    """Six formulas, of which two have a structure."""
    held = labelled.tail(2).select("formula", *inputs.STRUCTURE_FEATURES)
    with_cells = held.with_columns(pl.Series("structure_id", ["s:1", "s:2"]))
    plain = pl.DataFrame({"formula": ["VO2", "NaN", "MgO", "LaNiO3"]})
    return pl.concat([with_cells, plain], how="diagonal_relaxed")


@pytest.fixture(scope="module")
def screened(labelled: pl.DataFrame, offered: pl.DataFrame) -> campaign.Screened:
    kept = labelled.group_by("label_name", maintain_order=True).tail(30)
    return campaign.screen(kept, offered, groups=("random",), folds=2)


def test_what_is_scored_and_explained_is_what_predicted(screened: campaign.Screened, offered: pl.DataFrame) -> None:
    found = screened.predictions
    assert found["features"].to_list() == ["both"] * 2 + ["composition"] * 4
    assert found["structure_id"].to_list() == ["s:1", "s:2", *[None] * 4]
    table = REGISTRY["pred.screening"]
    assert inspect(found.select(table.column_names), table).rejected_rows == 0
    parts = screened.model.card.scores["parts"]
    for name, rows in (
        ("candidates", screened.candidates),
        ("funnel", screened.stages),
        ("families", screened.families),
        ("ablations", screened.ablations),
        ("comparisons", screened.comparisons),
    ):
        declared = REGISTRY[f"pred.{name}"]
        assert inspect(rows.select(declared.column_names), declared).rejected_rows == 0
    assert screened.candidates.filter(pl.col("formula") == "VO2")["reason"].to_list() == ["known: mit"]
    assert set(screened.explanations["features"]) == set(found["features"]) == {"composition", "both"}
    assert set(parts) == {"composition", "structure", "both"}  # and the ten features alone
    assert parts["both"]["random"]["as_served"]["n"] == 2
    assert screened.explanations["explanation_number"].n_unique() == screened.explanations.height
    bare = training.predict(screened.model, offered.select("formula"))
    assert bare["features"].to_list() == ["composition"] * 6
    assert bare["p_mit"].to_list()[:2] != found["p_mit"].to_list()[:2]


def test_the_summary_shows_the_score_of_the_part_that_made_the_rows(
    screened: campaign.Screened, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    Build(settings=Settings(home=tmp_path), store=store, log=None).register(
        screened.model.card, name="screening", trained_on="core.labels"
    )
    table = REGISTRY["pred.screening"]
    store.write(table.name, screened.predictions.select(table.column_names), mode="replace")
    for name in ("meta.models", table.name):
        store.record_verdict(name, store.version(name) or 0, passed=True)
    publish(tmp_path)
    shown = summarise(tmp_path)["classifier"]
    parts = screened.model.card.scores["parts"]
    assert [(s["features"], s["rows"]) for s in shown] == [("composition", 4), ("both", 2)]
    assert [s["roc_auc"] for s in shown] == [
        round(parts[p]["random"]["roc_auc"]["value"], 3) for p in ("composition", "both")
    ]


def test_the_screen_is_made_from_the_feature_tables() -> None:
    read = {key.to_user_string() for key in screened_asset.keys_by_input_name.values()}
    assert read == {"core/labels", "core/structures", "feat/composition", "feat/structure"}


def test_stored_features_are_what_the_model_sees(model: training.ScreeningModel) -> None:
    pair = pl.DataFrame({"formula": ["VO2", "MgO", "VO2", None]})
    swapped = composition(pl.DataFrame({"formula": ["MgO"]}), set="extended").with_columns(formula=pl.lit("VO2"))
    plain, stored = training.predict(model, pair), training.predict(model, pair, stored=swapped)
    assert stored["p_mit"].to_list()[:3] == [plain["p_mit"][1]] * 3  # VO2 as stored, MgO computed
    assert stored["ok"].to_list() == [True, True, True, False]
    same = composition(pair.unique().drop_nulls(), set="extended")
    assert training.predict(model, pair, stored=same).equals(plain)


def _labels(labelled: pl.DataFrame) -> pl.DataFrame:
    groups = ("chemsys", "family_ln", "family_tm_anion")
    told = {"source": pl.lit("labelled_compounds"), "curated": pl.lit(True), "confidence": pl.lit(1.0)}
    none = pl.lit(None, pl.Float64)
    return labelled.select("formula", "label_name", *groups, **told, transition_temperature_K=none)


def test_labels_are_those_of_the_table_and_no_row_is_lost(labelled: pl.DataFrame) -> None:
    rows = _labels(labelled)
    turned = rows.with_columns(
        pl.when(pl.col("formula") == "VO2").then(pl.lit("metal")).otherwise("label_name").alias("label_name")
    )
    fresh = rows.head(1).with_columns(formula=pl.lit("Lu2Ru2O7"), label_name=pl.lit("mit"))
    made = pool.labelled(pl.concat([turned, fresh]))
    told = dict(made.select("formula", "label_name").iter_rows())
    assert (made.height, told["VO2"], told["Lu2Ru2O7"]) == (344, "metal", "mit")
    assert made.filter(pl.col("formula") == "Lu2Ru2O7")["gii"].to_list() == [None]
    assert made.filter(pl.col("formula") == "VO2")["avg_mm_dists"].null_count() == 0
    assert len(inputs.learnable(made, "label_name")[1]) == 344


def test_a_curated_label_outranks_text_and_curated_ones_that_disagree_teach_nothing(labelled: pl.DataFrame) -> None:
    rows = _labels(labelled).filter(pl.col("formula").is_in(["MgO", "VO2", "NiO"]))
    read = rows.with_columns(label_name=pl.lit("mit"), source=pl.lit("arxiv:1"), curated=pl.lit(False))
    only = read.head(1).with_columns(formula=pl.lit("Lu2Ru2O7"))
    other = rows.filter(pl.col("formula") == "NiO").with_columns(label_name=pl.lit("metal"), source=pl.lit("b"))
    made = pool.labelled(pl.concat([rows, read, only, other]))
    told = dict(made.select("formula", "label_name").iter_rows())
    assert told == {"MgO": "insulator", "NiO": None, "VO2": "mit"}


def test_a_measured_cell_is_taken_before_a_calculated_one_and_that_before_a_prototype() -> None:
    kinds = ["prototype", "experiment", "calculation", None]
    ids = [f"s:{i}" for i in range(4)]
    cells = pl.DataFrame({"structure_id": ids, "formula": "LuFeO3", "fidelity": kinds, "valid": True})
    cells = cells.with_columns(temperature_K=pl.lit(None, pl.Float64), space_group_number=pl.lit(None, pl.Int64))
    cells = cells.with_columns(source=pl.lit("s"), prototype=pl.lit(None, pl.String), prototype_label=pl.lit("x"))
    features = pl.DataFrame({"structure_id": ids, **{n: [0.1, 0.2, 0.3, 0.4] for n in inputs.STRUCTURE_FEATURES}})
    made = pool.offered(cells, features)
    assert made["formula"].n_unique() == made.height > 20_000
    row = made.filter(pl.col("formula") == "LuFeO3").row(0, named=True)
    assert (row["structure_id"], row["gii"], row["prototype"]) == ("s:1", 0.2, "perovskite ABX3")
    left = pool.offered(cells.filter(pl.col("fidelity") == "prototype"), features)
    assert left.filter(pl.col("formula") == "LuFeO3")["structure_id"].to_list() == ["s:0"]
    assert left["structure_id"].null_count() == left.height - 1


def test_a_shipped_model_is_kept_for_its_seed_and_code_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        folder.mkdir(parents=True)
        made.append(folder)

    def folder(seed: int) -> Path:
        return shipped("screening", home_dir=str(tmp_path), seed=seed, make=make)

    first, again, other = folder(0), folder(0), folder(1)
    assert first == again != other
    monkeypatch.setattr(shipped_models, "package_version", lambda: "changed")
    changed = folder(0)
    assert made == [first, other, changed]
    assert len({first, other, changed}) == 3


def test_folds_keep_groups_whole(labelled: pl.DataFrame) -> None:
    y = inputs.labels(labelled, "label_name")
    keys = labelled["family_tm_anion"].to_list()
    for train, test in ensemble.splits(y, keys, folds=4, seed=0):
        assert not {keys[i] for i in train} & {keys[i] for i in test}


def test_imputed_numbers_are_not_taken_for_measured_ones(labelled: pl.DataFrame) -> None:
    masked = inputs.mask_sentinels(labelled)
    assert masked.filter(pl.col("gii_imputed"))["gii"].null_count() == labelled["gii_imputed"].sum()
    assert (masked["ewald_energy_per_atom"] == 0).sum() == 0


def test_a_cell_that_is_no_number_is_missing_and_a_list_is_refused(model: training.ScreeningModel) -> None:
    rows = {"formula": ["VO2", "NdNiO3"], "gii": ["big", "0.1"], "avg_mm_dists": ["", "3.8"]}
    assert training.predict(model, pl.DataFrame(rows))["ok"].to_list() == [True, True]
    assert inputs.mask_sentinels(pl.DataFrame(rows))["gii"].to_list() == [None, 0.1]
    for name in ("gii", "p_mit", "t_mit_K"):
        nested = pl.DataFrame({"formula": ["VO2"], name: [[0.1]]})
        with pytest.raises(InputError, match=f"lists or objects in column {name}"):
            inputs.numbers(nested, name)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pl.DataFrame({"formula": ["VO2"]}), "label_name"),
        (pl.DataFrame({"label_name": ["mit"]}), "formula"),
        (pl.DataFrame({"formula": ["VO2", "NiO"], "label_name": ["mit", "purple"]}), "purple"),
        (pl.DataFrame({"formula": ["VO2", "NiO"], "label_name": ["mit", "mit"]}), "class"),
    ],
)
def test_what_cannot_be_learned_from_says_why(frame: pl.DataFrame, said: str) -> None:
    with pytest.raises(InputError, match=said):
        training.train(frame, features="composition")


def test_shap_values_sum_to_the_margin(model: training.ScreeningModel, labelled: pl.DataFrame) -> None:
    X = inputs.composition_matrix(labelled.head(20)).values
    values, base = explanation.shap_values(model.richest, X)
    margins = model.richest.fitted.pool.scores(X)
    assert np.allclose(values.sum(axis=1) + base, margins[:, 2], atol=1e-9)  # classes: metal, insulator, mit


def test_false_discoveries_are_controlled() -> None:
    # Benjamini and Hochberg (1995): q_i = min over j >= i of p_j m / j.
    assert benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])


def test_the_tail_of_a_family_is_hypergeometric() -> None:
    # 3 of 3 from 10 compounds with 4 hits: C(4, 3) / C(10, 3) = 4 / 120; at least 1 of 7: certain, only 6 are no hits.
    assert tails(np.array([3, 1]), np.array([3, 7])) == pytest.approx([4 / 120, 1.0])


def test_no_family_is_given_a_chance_of_zero() -> None:
    metals = [f"LaNi{i}O3" for i in range(1, 301)]
    formulas = [*metals, *(f"MgAl{i}O4" for i in range(1, 301))]
    found = families(
        pl.DataFrame({"formula": formulas, "p_mit": [0.9] * 300 + [0.1] * 300}), groupings=["family_tm_anion"]
    )
    best = found.row(0, named=True)
    assert (best["family"], best["predicted_mit"], best["p_value"], best["q_value"]) == ("Ni|O", 300, FLOOR, FLOOR)
    assert found["q_value"].to_list()[1] == 1.0


def test_families_are_ranked_and_fit_their_table(model: training.ScreeningModel, labelled: pl.DataFrame) -> None:
    found = training.predict(model, labelled.select("formula"))
    rows = ranked(found).with_columns(model_id=pl.lit(model.model_id))
    table = REGISTRY["pred.families"]
    assert inspect(rows.select(list(table.column_names)), table).rejected_rows == 0
    best = apart(rows.drop("rank", "model_id"), found, 3)
    assert rows.filter(pl.col("rank") <= 3).sort("rank")["family"].to_list() == best["family"].to_list()
    assert rows["compounds"].sum() > 300


def test_scores_agree_with_hand_values() -> None:
    truth, score = np.array([0.0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    assert metrics.roc_auc(truth, score) == pytest.approx(0.75)
    assert metrics.average_precision(truth, score) == pytest.approx(0.8333, abs=1e-3)
    assert metrics.expected_calibration_error(truth, truth) == 0


def test_an_undefined_score_is_null_and_not_a_number_json_cannot_hold() -> None:
    found = metrics.carded(np.array([0, 1, 0]), np.full((3, 3), 1 / 3))
    assert found["roc_auc"] is None
    assert json.dumps(found, allow_nan=False)


def test_a_temperature_without_an_expected_transition_is_out_of_domain(
    labelled: pl.DataFrame, model: training.ScreeningModel
) -> None:
    made = temperature.train(labelled)
    found = temperature.predict(made, pl.DataFrame({"formula": ["VO2", "LaNiO3", "MgO", "what"]}), classifier=model)
    assert found["in_domain"].to_list() == [True, False, False, None]
    assert found["p_mit"].is_null().to_list() == [False, False, False, True]
    assert found["domain_reason"][1] == "known without a transition (metal)"
    assert found["domain_reason"][0] is None
    assert any("80 % intervals" in c for c in made.card.caveats)
