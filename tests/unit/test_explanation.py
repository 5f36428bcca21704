"""Explanations: effects of functions whose effects are known, their bands, and the tables made of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dagster_project.commands import explained
from etl import reference
from models.screening import explanation, importance, training
from models.screening.effects import ale_1d, ale_2d, band, edges, group_weights, meeting
from schemas.arrays import Floats
from schemas.emit.polars import inspect
from schemas.tables import REGISTRY


@pytest.fixture(scope="module")
def model() -> training.ScreeningModel:
    return training.train(reference.labelled_compounds(), features="composition")


def gaussian(rho: float, n: int = 20_000) -> Floats:
    return np.random.default_rng(0).multivariate_normal([0, 0], [[1, rho], [rho, 1]], n)


def partial_dependence(predict: Callable[[Floats], Floats], X: Floats, feature: int, at: Floats) -> Floats:
    made = []
    for value in at:
        moved = X.copy()
        moved[:, feature] = value
        made.append(predict(moved).mean())
    return np.array(made) - np.mean(made)


def test_the_effect_of_an_additive_function_is_its_term() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (2000, 2))
    z, effect, n = ale_1d(lambda Z: 3 * Z[:, 0] + Z[:, 1] ** 2, X, 0)
    assert np.allclose(effect, 3 * (z - X[:, 0].mean()), atol=1e-12)  # exact: centred over the rows, not over bins
    assert n.sum() == len(X)


def test_effects_of_a_product_of_correlated_features_are_those_of_the_closed_form() -> None:
    # f = x1 x2, normal with correlation rho. Equations 5 to 10 of Apley and Zhu give by hand: first order
    # rho (x^2 - 1) / 2, second order x1 x2 - rho (x1^2 + x2^2) / 2.
    rho = 0.6
    X = gaussian(rho)
    z, effect, _ = ale_1d(lambda Z: Z[:, 0] * Z[:, 1], X, 0, bins=40)
    inside = np.abs(z) < 2
    assert np.abs(effect - rho * (z**2 - 1) / 2)[inside].max() < 0.03
    u, v, crossed = ale_2d(lambda Z: Z[:, 0] * Z[:, 1], X, (0, 1), bins=40)
    known = np.outer(u, v) - rho * (u[:, None] ** 2 + v[None] ** 2) / 2
    near = (np.abs(u)[:, None] < 1.8) & (np.abs(v)[None] < 1.8) & (np.abs(u[:, None] - v[None]) < 1)
    assert np.abs(crossed - known)[near].max() < 0.05 < 1 < np.abs(known)[near].max()


def test_nothing_additive_is_an_interaction_however_features_correlate() -> None:
    *_, plain = ale_2d(lambda Z: np.exp(Z[:, 0]) + (Z[:, 1] > 0), gaussian(0.8, 1000), (0, 1))
    assert np.abs(plain).max() < 1e-9


def test_a_step_is_found_in_its_bin_and_is_as_high_as_it_is() -> None:
    X = np.random.default_rng(1).uniform(0, 1, (500, 1))
    z, effect, _ = ale_1d(lambda Z: np.where(Z[:, 0] <= 0.37, 0.0, 2.0), X, 0, bins=25)
    jump = np.diff(effect)
    at = int(np.flatnonzero(jump)[0])
    assert np.count_nonzero(jump) == 1
    assert jump[at] == 2
    assert z[at] <= 0.37 <= z[at + 1]


def test_ties_leave_no_bin_without_rows_and_centre_over_the_rows() -> None:
    x = np.repeat([0.0, 1.0, 5.0], [70, 20, 10])
    z, effect, n = ale_1d(lambda Z: np.where(Z[:, 0] > 0.5, 1.0, 0.0), x[:, None], 0, bins=20)
    assert z.tolist() == [0, 1, 5]
    assert n.min() > 0
    assert effect == pytest.approx([-0.3, 0.7, 0.7])  # 30 of 100 rows lie above the step
    assert set(edges(x + 0.25, 7)) <= set(x + 0.25)


def test_what_only_rounding_tells_apart_is_one_value() -> None:
    x = np.repeat([0.0, 1e-15, 1.0, 1.0 + 1e-15], 25)
    z, effect, n = ale_1d(lambda Z: 2 * Z[:, 0], x[:, None], 0)
    assert z.tolist() == [0, 1]
    assert effect == pytest.approx([-1, 1])
    assert n.tolist() == [100]


def test_two_switches_that_only_work_together_interact_as_by_hand() -> None:
    X = np.array([[a, b] for a in (0.0, 1.0) for b in (0.0, 1.0)]).repeat([12, 3, 4, 1], axis=0)  # independent
    *_, effect = ale_2d(lambda Z: Z[:, 0] * Z[:, 1], X, (0, 1))
    assert effect == pytest.approx(np.outer([-0.25, 0.75], [-0.2, 0.8]))  # (x1 - mean) (x2 - mean)


def test_where_features_correlate_effects_are_right_and_partial_dependence_is_not() -> None:
    # Example 1 of Apley and Zhu: rows along x1 = x2 with noise .05, y = x1 + x2^2 + noise .1, a tree of 100 leaves.
    from sklearn.tree import DecisionTreeRegressor

    errors = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.uniform(0, 1, 200)[:, None] + rng.normal(0, 0.05, (200, 2))
        y = X[:, 0] + X[:, 1] ** 2 + rng.normal(0, 0.1, 200)
        tree = DecisionTreeRegressor(max_leaf_nodes=100, random_state=seed).fit(X, y)
        for feature, truth in ((0, X[:, 0]), (1, X[:, 1] ** 2)):
            z, effect, _ = ale_1d(tree.predict, X, feature)
            known = (z if feature == 0 else z**2) - truth.mean()
            wrong = partial_dependence(tree.predict, X, feature, z)
            errors.append([np.sqrt(np.mean((e - known) ** 2)) for e in (effect, wrong)])
    ale, dependence = np.mean(errors, axis=0)
    assert ale < 0.75 * dependence


def test_extrapolation_does_not_reach_the_effect() -> None:
    def wild(Z: Floats) -> Floats:  # x1 + x2^2 wherever rows lie, anything elsewhere
        return Z[:, 0] + Z[:, 1] ** 2 + 50 * np.maximum(0, np.abs(Z[:, 0] - Z[:, 1]) - 0.3)

    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, 400)[:, None] + rng.uniform(-0.05, 0.05, (400, 2))
    z, effect, _ = ale_1d(wild, X, 0, bins=30)
    assert np.allclose(effect, z - X[:, 0].mean(), atol=1e-9)
    assert np.abs(partial_dependence(wild, X, 0, z) - (z - X[:, 0].mean())).max() > 3


def test_bands_of_families_cover_and_those_of_rows_do_not() -> None:
    # Each of 40 families has a slope of its own (mean 1, deviation 1); what is asked is the mean slope.
    covered = np.zeros(2)
    for seed in range(150):
        rng = np.random.default_rng(seed)
        family = np.repeat(np.arange(40), 6)
        slope = rng.normal(1, 1, 40)[family]
        X = np.column_stack([rng.uniform(0, 1, len(family)), slope])
        for k, groups in enumerate((family.astype(str), np.arange(len(family)).astype(str))):
            weights = group_weights(groups.tolist(), replicates=200, rng=rng)
            z, effect, _ = ale_1d(lambda Z: Z[:, 0] * Z[:, 1], X, 0, bins=4, weights=weights)
            _, low, high = band((effect[:, -1] - effect[:, 0]) / (z[-1] - z[0]))
            covered[k] += low <= 1 <= high
    assert covered[0] / 150 >= 0.88
    assert covered[1] / 150 < 0.75


def test_the_first_replicate_is_the_sample_itself() -> None:
    X = gaussian(0.3, 300)
    weights = group_weights([str(i % 30) for i in range(300)], replicates=5, rng=np.random.default_rng(0))
    for one, many in zip(
        ale_2d(lambda Z: Z[:, 0] * Z[:, 1], X, (0, 1)),
        ale_2d(lambda Z: Z[:, 0] * Z[:, 1], X, (0, 1), weights=weights),
        strict=True,
    ):
        assert np.allclose(one, many if many.ndim == 1 else many[0])
    value, low, high = band(ale_1d(lambda Z: Z[:, 0] ** 2, X, 0, weights=weights)[1])
    assert (low <= high).all()
    assert np.allclose(value, ale_1d(lambda Z: Z[:, 0] ** 2, X, 0)[1])


def test_a_feature_without_spread_has_no_effect() -> None:
    X = np.column_stack([np.full(50, 2.0), np.arange(50.0)])
    weights = group_weights(["a", "b"] * 25, replicates=3, rng=np.random.default_rng(0))
    assert ale_1d(lambda Z: Z[:, 0], X, 0, weights=weights)[1].tolist() == [[0.0]] * 4
    assert not ale_2d(lambda Z: Z.sum(axis=1), X, (0, 1), weights=weights)[2].any()


def test_rows_around_a_crossing_are_counted() -> None:
    X = np.array([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0], [2.0, 2.0]])
    n = meeting(X, np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 2.0]))
    assert n.tolist() == [[3, 3, 0], [3, 4, 1], [0, 1, 1]]


def test_the_model_that_is_explained_is_the_model(model: training.ScreeningModel) -> None:
    part = model.richest
    over = explanation.background(model, part, replicates=2)
    assert np.allclose(over.predict(over.X)[0].T, part.fitted.probabilities(part.matrix), atol=1e-12)
    total = over.predict(over.X).sum(axis=1)
    assert np.allclose(total, 1)


def test_explanations_fit_their_table_and_are_the_same_again(model: training.ScreeningModel) -> None:
    found = explanation.explain(model, top=3, pairs=1, bins=6)
    rows = explanation.tabulate([found], model.model_id)
    table = REGISTRY["pred.explanations"]
    assert set(rows.columns) == set(table.column_names)
    assert inspect(rows.select(list(table.column_names)), table).rejected_rows == 0
    curves = rows.filter(pl.col("kind") != "mean_abs_shap")
    assert curves["low"].null_count() == 0
    assert (curves["high"] > curves["low"]).mean() > 0.9
    assert rows.equals(explanation.tabulate([explanation.explain(model, top=3, pairs=1, bins=6)], model.model_id))


def test_one_feature_has_no_pair(model: training.ScreeningModel) -> None:
    found = explanation.explain(model, top=1, replicates=2)
    assert found.ale_pairs.height == 0
    assert explanation.tabulate([found], "m")["kind"].unique().sort().to_list() == [
        "ale",
        "mean_abs_shap",
        "permutation",
    ]


def test_figures_are_written_beside_the_tables(model: training.ScreeningModel, tmp_path: Path) -> None:
    names = explained.draw(explanation.explain(model, top=3, pairs=2, bins=5, replicates=20), tmp_path)
    assert names == ["importance.png", "ale.png", "ale_pair_1.png", "ale_pair_2.png"]
    assert all((tmp_path / n).read_bytes().startswith(b"\x89PNG") for n in names)


def test_average_precision_is_that_of_scikit_learn_under_weights() -> None:
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(0)
    p, hit, weights = rng.random(80), rng.random(80) < 0.3, rng.exponential(size=(3, 80))
    expected = [average_precision_score(hit, p, sample_weight=w) for w in weights]
    assert importance.average_precision(p, hit, weights) == pytest.approx(expected)


def test_shuffling_costs_what_the_labels_hang_on_and_nothing_else(model: training.ScreeningModel) -> None:
    part = model.richest
    names = list(part.names)
    told, blind = names.index("d_count_odd"), names.index("MagpieData mean Number")  # no view reads the second
    hung = np.where(part.matrix[:, told] > 0.5, 2, np.arange(len(model.codes)) % 2)
    found = importance.permutation(replace(model, codes=hung), part, [told, blind])
    assert found["low"][0] > 0.05
    assert found["feature"].to_list() == ["d_count_odd", "MagpieData mean Number"]
