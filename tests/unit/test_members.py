"""Members of the screening ensemble: what they see, what they say of features, what a missing value says."""

from itertools import combinations
from math import factorial

import numpy as np
import polars as pl
import pytest

from etl import reference
from etl.features.leading import LEADING, leading_features
from etl.features.states import Ions
from models.screening import CLASSES, ensemble, inputs, members, metrics
from models.screening.imputation import Imputer
from schemas.arrays import Floats, Ints


def _numbers(count: int, width: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(count, width))


def test_leading_ions_of_a_nickelate() -> None:
    # La Ni O3: Ni is the most electronegative transition metal, La the cation beside it; Ni3+ is d7.
    row = leading_features(Ions.of(np.array([[57, 28, 8]]), np.array([[1.0, 1.0, 3.0]])))[0]
    found = dict(zip(LEADING, row, strict=True))
    assert found["metal_row"] == 4
    assert found["metal_column"] == 10
    assert found["metal_oxidation"] == pytest.approx(3)
    assert found["metal_d_count"] == pytest.approx(7)
    assert found["metal_d_odd"] == pytest.approx(1)
    assert found["anion_electronegativity"] == pytest.approx(3.44)
    assert found["other_electronegativity"] == pytest.approx(1.10)


def test_what_has_no_leading_ion_has_no_number() -> None:
    row = leading_features(Ions.of(np.array([[8, 16]]), np.array([[2.0, 1.0]])))[0]
    assert np.isnan(row[LEADING.index("metal_row")])
    assert np.isnan(row[LEADING.index("metal_d_count")])


def test_missing_values_come_from_the_rows_that_resemble_in_the_rest() -> None:
    donors = np.array([[0.0, 10.0], [0.1, 11.0], [9.0, 99.0]] * 8)
    made = Imputer.of(donors).filled(np.array([[0.05, np.nan], [9.1, np.inf], [1.0, 5.0]]))
    assert 10 <= made[0, 1] <= 11
    assert made[1, 1] == pytest.approx(99)
    assert made[2].tolist() == [1.0, 5.0]
    drawn = Imputer.of(donors).filled(np.array([[0.05, np.nan]]), np.random.default_rng(0))[0, 1]
    assert drawn in {10.0, 11.0}


def test_a_column_that_nobody_has_becomes_nothing() -> None:
    donors = np.array([[1.0, np.nan], [2.0, np.nan]])
    assert Imputer.of(donors).filled(np.array([[1.0, np.nan]])).tolist() == [[1.0, 0.0]]


def test_views_see_what_there_is() -> None:
    composition = inputs.composition_matrix(pl.DataFrame({"formula": ["VO2"]})).names
    rich_names = (*composition, *inputs.STRUCTURE_FEATURES)
    plain, rich = (members.views(names, 300) for names in (composition, rich_names))
    assert [v.name for v in plain] == [v.name for v in members.FORMULAS]
    assert [v.name for v in rich] == [v.name for v in members.STRUCTURES]
    assert all(set(inputs.STRUCTURE_FEATURES) <= {rich_names[i] for i in v.places(rich_names)} for v in rich)
    alone = members.views(inputs.STRUCTURE_FEATURES, 300)
    assert [v.name for v in alone] == [v.name for v in members.TEN]
    assert len({tuple(v.places(inputs.STRUCTURE_FEATURES)) for v in alone}) == 1
    assert any(v.kernel for v in alone)
    many = members.views(composition, 5000)
    assert not any(v.kernel for v in many)
    assert all(len(v.places(composition)) == len(composition) for v in many)


SHAPES = sorted({v.kernel for v in (*members.STRUCTURES, *members.FORMULAS) if v.kernel}, key=str)


def _kernel(shape: members.Shape, X: Floats, y: Ints, seed: int = 0) -> members.Kernel:
    return members.Kernel.fit(members.View("kernel", kernel=shape), np.arange(X.shape[1]), X, y, seed)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapley_values_of_a_kernel_are_those_of_all_subsets(shape: members.Shape) -> None:
    X, y = _numbers(12, 4), np.arange(12) % 3
    kernel = _kernel(shape, X, y)
    values, base = kernel.shap(X[:3], 2)
    np.testing.assert_allclose(values.sum(axis=1) + base, kernel.scores(X[:3])[:, 2], atol=1e-9)
    own, gamma = kernel._transformed(X), shape.width / 4
    k = np.exp(-gamma * np.abs(own[:, None] - kernel.points[None]) ** shape.power)
    mean = k.mean(axis=0)

    def worth(row: int, chosen: tuple[int, ...]) -> float:
        factors = [k[row, :, j] if j in chosen else mean[:, j] for j in range(4)]
        return float(kernel.weights[:, 2] @ np.prod(factors, axis=0))

    for row in range(3):
        for j in range(4):
            rest = [i for i in range(4) if i != j]
            exact = sum(
                factorial(n) * factorial(3 - n) / factorial(4) * (worth(row, (*s, j)) - worth(row, s))
                for n in range(4)
                for s in combinations(rest, n)
            )
            assert values[row, j] == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_kernel_knows_its_rows_and_draws_nothing(shape: members.Shape) -> None:
    X, y = _numbers(60, 3), (np.arange(60) % 2) * 2
    X[y == 2] += 3
    first, again = (_kernel(shape, X, y, s) for s in (0, 1))
    assert (first.scores(X)[:, 2] > first.scores(X)[:, 0])[y == 2].mean() > 0.95
    np.testing.assert_array_equal(first.weights, again.weights)


def test_the_pattern_of_missing_values_says_nothing_of_the_label() -> None:
    """Every value that is there is replaced by noise: only which are missing is left to learn from."""
    table = reference.labelled_compounds()
    X = inputs.structure_matrix(table).values
    rng = np.random.default_rng(0)
    noise = np.where(np.isfinite(X), rng.normal(size=X.shape), np.nan)
    flags = (~np.isfinite(X)).astype(float)
    assert flags.mean() > 0.02, "nothing is missing: the test says nothing"
    codes, keys = inputs.labels(table, "label_name"), [str(i) for i in range(table.height)]
    effort = ensemble.Effort(members=1, folds=3, inner=1)
    for values in (noise, flags):
        p = ensemble.out_of_fold(values, codes, inputs.STRUCTURE_FEATURES, keys, seed=0, effort=effort)
        found = metrics.with_intervals(codes, [p], keys, seed=0)["roc_auc"]
        assert found["low"] is not None
        assert found["low"] <= 0.5, found


def test_classes_are_pooled_to_probabilities() -> None:
    X, y = _numbers(90, 6), np.arange(90) % 3
    fitted = ensemble.fit(X, y, (*inputs.STRUCTURE_FEATURES[:6],), seed=0, size=1)
    p = fitted.raw(X)
    assert p.shape == (90, len(CLASSES))
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p.argmax(axis=1) == y).mean() > 0.6
    values, base = fitted.shap(X[:4], 2)
    np.testing.assert_allclose(values.sum(axis=1) + base, fitted.scores(X[:4])[:, 2], atol=1e-6)
    assert values.shape == (4, 6)
