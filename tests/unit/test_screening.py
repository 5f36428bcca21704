"""The screening models on the labelled compounds that ship with the project."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from etl import reference
from models import cards
from models.screening import ensemble, explanation, inputs, metrics, temperature, training
from models.screening.evaluation import evaluate
from models.screening.families import benjamini_hochberg, families
from schemas.emit.polars import inspect
from schemas.errors import InputError
from schemas.tables import REGISTRY


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
    table = REGISTRY["pred.screening"]
    assert inspect(good.select(list(table.column_names)), table).rejected_rows == 0


def test_known_transitions_rank_above_a_plain_insulator(model: training.ScreeningModel) -> None:
    p = training.predict(model, pl.DataFrame({"formula": ["NdNiO3", "MgO", "Al2O3"]}))["p_mit"].to_list()
    assert p[0] > 0.5 > max(p[1:])


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
    (folder / cards.BODY).write_bytes(b"not a model")
    with pytest.raises(InputError):
        training.load(folder)
    with pytest.raises(InputError):
        training.load(tmp_path / "none")
    with pytest.raises(InputError):
        temperature.load(folder)


def test_nested_scores_come_with_intervals_and_baselines(labelled: pl.DataFrame) -> None:
    report = evaluate(labelled, groups=("family_tm_anion",), features="composition", folds=3)
    found = report["groupings"]["family_tm_anion"]
    score = found["roc_auc"]
    assert score["low"] <= score["value"] <= score["high"]
    assert score["value"] > found["baselines"]["prior"]["roc_auc"] + 0.1
    with pytest.raises(InputError, match="grouping"):
        evaluate(labelled, groups=("colour",))


def test_shuffled_labels_teach_nothing(labelled: pl.DataFrame) -> None:
    shuffled = labelled.with_columns(pl.col("label_name").shuffle(seed=3))
    found = evaluate(shuffled, groups=("random",), features="composition", folds=3)["groupings"]["random"]["roc_auc"]
    assert found["low"] < 0.55


def test_folds_keep_groups_whole(labelled: pl.DataFrame) -> None:
    y = inputs.labels(labelled, "label_name")
    keys = labelled["family_tm_anion"].to_list()
    for train, test in ensemble.splits(y, keys, folds=4, seed=0):
        assert not {keys[i] for i in train} & {keys[i] for i in test}


def test_imputed_numbers_are_not_taken_for_measured_ones(labelled: pl.DataFrame) -> None:
    masked = inputs.mask_sentinels(labelled)
    assert masked.filter(pl.col("gii_imputed"))["gii"].null_count() == labelled["gii_imputed"].sum()
    assert (masked["ewald_energy_per_atom"] == 0).sum() == 0


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
    values, base = explanation.tree_shap(model, X)
    full = model.richest.trees.filled(X)
    margins = np.mean([b.predict(full, raw_score=True) for b in model.richest.trees.boosters()], axis=0)
    assert np.allclose(values.sum(axis=1) + base, margins[:, 2], atol=1e-9)  # classes: metal, insulator, mit


def test_ale_of_an_additive_function_is_the_function() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (2000, 2))
    points, effect, _ = explanation.ale_1d(lambda Z: 3 * Z[:, 0] + Z[:, 1] ** 2, X, 0, bins=20)
    assert np.allclose(effect, 3 * points - np.mean(3 * X[:, 0]), atol=0.1)


def test_second_order_ale_of_an_additive_function_is_zero_and_of_a_product_is_not() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (2000, 2))
    *_, plain = explanation.ale_2d(lambda Z: Z[:, 0] + Z[:, 1], X, (0, 1), bins=6)
    *_, crossed = explanation.ale_2d(lambda Z: Z[:, 0] * Z[:, 1], X, (0, 1), bins=6)
    assert np.abs(plain).max() < 1e-9
    assert np.abs(crossed).max() > 0.5


def test_explanations_fit_their_table(model: training.ScreeningModel) -> None:
    found = explanation.explain(model, top=3, pairs=1, bins=6)
    rows = explanation.tabulate(found, model.model_id)
    table = REGISTRY["pred.explanations"]
    assert inspect(rows.select(list(table.column_names)), table).rejected_rows == 0
    assert rows.height > 10


def test_false_discoveries_are_controlled() -> None:
    # Benjamini and Hochberg (1995): q_i = min over j >= i of p_j m / j.
    assert benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])


def test_families_are_ranked_and_fit_their_table(model: training.ScreeningModel, labelled: pl.DataFrame) -> None:
    rows = families(training.predict(model, labelled.select("formula"))).with_columns(model_id=pl.lit(model.model_id))
    table = REGISTRY["pred.families"]
    assert inspect(rows.select(list(table.column_names)), table).rejected_rows == 0
    assert rows["compounds"].sum() > 300


def test_scores_agree_with_hand_values() -> None:
    truth, score = np.array([0.0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    assert metrics.roc_auc(truth, score) == pytest.approx(0.75)
    assert metrics.average_precision(truth, score) == pytest.approx(0.8333, abs=1e-3)
    assert metrics.expected_calibration_error(truth, truth) == 0


def test_temperatures_come_with_intervals_that_cover(labelled: pl.DataFrame) -> None:
    report = temperature.evaluate(labelled)
    assert report["mae_K"] < report["mae_mean_K"]
    assert 0.6 < report["coverage_80"] <= 1
    found = temperature.predict(temperature.train(labelled), pl.DataFrame({"formula": ["VO2", "what"]}))
    row = found.row(0, named=True)
    assert row["low_K"] < row["t_mit_K"] < row["high_K"]
    assert found["ok"].to_list() == [True, False]
    with pytest.raises(InputError):
        temperature.train(labelled.head(3))


def test_a_temperature_without_an_expected_transition_is_out_of_domain(
    labelled: pl.DataFrame, model: training.ScreeningModel
) -> None:
    made = temperature.train(labelled)
    found = temperature.predict(made, pl.DataFrame({"formula": ["VO2", "LaNiO3", "MgO", "what"]}), classifier=model)
    assert found["in_domain"].to_list() == [True, False, False, None]
    assert found["p_mit"].is_null().to_list() == [False, False, False, True]
    assert "without transition (metal" in found["domain_reason"][1]
    assert found["domain_reason"][0] is None
    assert any("80 % intervals" in c for c in made.card.caveats)
