"""Entropy-targeted sampling: the published choice of groups, the process and its updates, what is drawn."""

import numpy as np
import polars as pl
import pytest

from models.bias import etal, gains, pool, sampling
from schemas.errors import InputError


def campaign(values: list[float], groups: list[int], known: list[int], strategy: str = "robust") -> etal.Campaign:
    names = tuple("abc"[: max(groups) + 1])
    task = etal.Task(np.arange(len(values), dtype=float)[:, None] / 3, np.array(groups), names, strategy)
    flags = np.isin(np.arange(len(values)), known)
    return etal.Campaign(task, np.where(flags, values, np.nan), flags, np.random.default_rng(0))


def test_the_group_of_lowest_entropy_that_can_still_gain_is_drawn_from() -> None:
    entropies = {"a": 0.1, "b": 0.5, "c": 1.0}
    assert etal.target(entropies, {"a", "b", "c"}, {}) == "a"
    assert etal.target(entropies, {"b", "c"}, {}) == "b"
    assert etal.target(entropies, {"a", "b", "c"}, {"a": etal.PATIENCE}) == "b"
    assert etal.target(entropies, {"c"}, {}) is None  # the last is the most diverse: nothing left to mend
    assert etal.target(entropies, set(), {}) is None


def test_revealing_rows_equals_knowing_them_from_the_start() -> None:
    chance = np.random.default_rng(1)
    rows, values = chance.standard_normal((30, 3)), chance.standard_normal(30)
    hyper = pool.Hyperparameters(np.array([1.0, 2.0, 0.7]), 1.3, 0.1, 0.2)
    grown = pool.Pool.of(rows[:10], values[:10], rows[10:], hyper)
    for at in (3, 7, 12):
        grown.reveal(at, values[10 + at])
    known = [*range(10), 13, 17, 22]
    whole = pool.Pool.of(rows[known], values[known], rows[10:], hyper)
    np.testing.assert_allclose(grown.mean, whole.mean, atol=1e-7)
    np.testing.assert_allclose(grown.sd, whole.sd, atol=1e-6)


def test_the_gradient_of_the_likelihood_is_its_slope() -> None:
    chance = np.random.default_rng(2)
    rows, values = chance.standard_normal((12, 2)), chance.standard_normal(12)
    squares = [np.square(np.subtract.outer(c, c)) for c in rows.T]
    at = np.array([0.3, -0.2, 0.1, -1.0])
    _, gradient = pool._loss(at, values, squares)
    for j, step in enumerate(1e-5 * np.eye(4)):
        slope = (pool._loss(at + step, values, squares)[0] - pool._loss(at - step, values, squares)[0]) / 2e-5
        assert gradient[j] == pytest.approx(slope, rel=1e-4)


def test_a_process_learns_which_column_matters() -> None:
    chance = np.random.default_rng(3)
    rows = chance.standard_normal((80, 2))
    hyper = pool.learn(rows, np.sin(2 * rows[:, 0]) + 0.01 * chance.standard_normal(80), each=True)
    assert hyper.lengths[0] < 0.2 * hyper.lengths[1]
    assert hyper.noise < 0.01


def test_a_value_far_from_the_others_improves_entropy_most() -> None:
    values = np.random.default_rng(4).normal(0, 1, 60)
    curve = gains.Curve.of(values, gains.mixed, (-5.0, 5.0))
    near, far = curve.improvement(np.array([0.0, 4.0]), np.array([0.1, 0.1]))
    assert far > 5 * max(near, 1e-6)


@pytest.mark.parametrize("variant", etal.VARIANTS)
def test_improvement_by_quadrature_equals_sampling(variant: str) -> None:
    chance, measure = np.random.default_rng(5), etal.MEASURES[variant]
    values = chance.normal(0, 1, 40)
    found = gains.Curve.of(values, measure, (-4.0, 4.0)).improvement(np.array([1.5]), np.array([0.8]))[0]
    sampled = measure(np.column_stack([np.tile(values, (1000, 1)), chance.normal(1.5, 0.8, 1000)]))
    sampled -= measure(values[None, :])
    z = sampled.mean() / sampled.std()
    expected = sampled.mean() * 0.5 * (1 + np.tanh(0.8 * z)) + sampled.std() * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    assert found == pytest.approx(expected, rel=0.15)


def test_the_expected_gain_is_the_mean_of_what_draws_gain() -> None:
    chance = np.random.default_rng(5)
    values = chance.standard_normal(40)
    curve = gains.Curve.of(values, gains.mixed, (-3.0, 3.0))
    drawn = np.interp(1.5 + 0.8 * chance.standard_normal(20_000), curve.grid, curve.entropies)
    expected = np.maximum(drawn - curve.now, 0.0).mean()
    assert curve.gain(np.array([1.5]), np.array([0.8]))[0] == pytest.approx(expected, rel=0.1)  # 16 nodes, and a kink
    unknown = gains.Curve.of(values[:1], gains.mixed, (-3.0, 3.0))
    assert unknown.gain(np.array([0.0]), np.array([0.1]))[0] > curve.gain(np.array([3.0]), np.array([0.1]))[0] + 10


def test_what_is_predicted_below_the_gap_of_metals_counts_as_zero() -> None:
    values = np.concatenate([np.zeros(30), np.linspace(0.5, 3, 30)])
    curve = gains.Curve.of(values, gains.mixed, (0.0, 5.0))
    assert np.isfinite(curve.entropies).all()
    deep, shallow = curve.improvement(np.array([-3.0, -0.5]), np.array([0.01, 0.01]))
    assert deep == pytest.approx(shallow)
    assert gains.differential(values[None, :]).tolist() == [-np.inf]


def test_the_row_that_widens_the_narrow_group_is_drawn_first() -> None:
    values = [*np.linspace(0, 0.2, 8), *np.linspace(0, 2, 8), 0.05, 1.9]
    groups = [0] * 8 + [1] * 8 + [0, 0]
    drawn = campaign(values, groups, [*range(8), *range(8, 16)]).choose("etal")
    assert drawn is not None
    assert drawn[0] in (16, 17)


TABLE = pl.DataFrame(
    {
        "row": np.arange(90),
        "system": ["cubic", "hexagonal", "trigonal"] * 30,
        "x": np.tile(np.linspace(-1, 1, 30), 3),
        "size": np.random.default_rng(6).normal(size=90),
    }
).with_columns(energy=pl.col("x") ** 2 + pl.when(pl.col("system") == "cubic").then(pl.col("x")).otherwise(0.0))


@pytest.mark.parametrize("strategy", etal.STRATEGIES)
@pytest.mark.parametrize("variant", etal.VARIANTS)
def test_no_row_is_drawn_twice_and_the_same_seed_draws_the_same(strategy: str, variant: str) -> None:
    asked = {"group": "system", "value": "energy", "budget": 6, "variant": variant}
    first, again = (sampling.simulate(TABLE, **asked, strategy=strategy, seeds=range(2)) for _ in range(2))
    assert first.equals(again)
    drawn = first.filter(pl.col("draw") > 0)
    assert drawn.select("seed", "row").is_unique().all()
    assert drawn["value"].to_list() == TABLE["energy"].gather(drawn["row"]).to_list()
    assert np.isfinite(first["coverage"].to_numpy()).all()


def test_a_start_hides_a_third_and_leaves_every_group_five_rows() -> None:
    groups = np.repeat([0, 1, 2], [70, 20, 6])
    known = sampling.start(groups, np.arange(96.0), seed=1)
    assert (~known).sum() == 32
    assert np.bincount(groups[known]).min() >= sampling.FEWEST


def test_row_numbers_and_constants_are_no_features() -> None:
    made = sampling.described(TABLE.with_columns(one=pl.lit(1.0)), (), without=("system", "energy"))
    assert made.shape == (90, 2)
    assert sampling.described(pl.DataFrame({"formula": ["VO2", "NaN", "CaO", "?!"]}), (), without=()).shape[0] == 4
    with pytest.raises(InputError, match="no features"):
        sampling.described(TABLE.select("row", "system"), (), without=("system",))


def test_proposals_are_rows_without_a_value() -> None:
    hidden = TABLE.with_columns(energy=pl.when(pl.col("x") > 0.5).then(None).otherwise("energy"))
    found = sampling.propose(hidden, group="system", value="energy", budget=5)
    assert found["rank"].to_list() == [1, 2, 3, 4, 5]
    assert found["energy"].null_count() == found["row"].n_unique() == 5
    assert (found["expected_sd"] > 0).all()
    with pytest.raises(InputError, match="give at least"):
        sampling.propose(hidden.with_columns(energy=None), group="system", value="energy", budget=5)


def test_values_that_repeat_have_no_published_entropy_and_no_goal() -> None:
    frame = pl.DataFrame({"g": ["a", "b", "c"] * 20, "v": [0.0, 1.0, 2.0] * 20, "x": np.arange(60) % 7 * 1.0})
    runs = {
        name: sampling.simulate(
            frame, group="g", value="v", budget=3, seeds=range(1), strategy=name, variant="published"
        )
        for name in ("etal", "random", "group-random")
    }
    told = sampling.summarise(runs, "etal")
    assert (told["draws"], told["coverage"], told["share_of_random"]) == (None, None, None)
