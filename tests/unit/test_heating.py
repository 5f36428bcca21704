"""Heating conditions: bins and heaps, forest, network, pooled joints, conformal intervals."""

import numpy as np
import polars as pl
import pytest

from etl import reference
from models.recipes import (
    CONDITIONS,
    conditions,
    density,
    features,
    forest,
    generators,
    grid,
    heat_features,
    heat_scores,
    heating,
    network,
    splits,
)
from models.recipes.beliefs import Reading
from models.recipes.table import normalise
from schemas.arrays import Ints
from schemas.errors import InputError

HEATS, HOURS = grid.TEMPERATURES, grid.TIMES


@pytest.fixture(scope="module")
def recipes() -> pl.DataFrame:
    return normalise(reference.recipe_facts()).frame.filter(pl.col("ok"))


@pytest.fixture(scope="module")
def learned(recipes: pl.DataFrame) -> tuple[heating.Heating, features.Singles]:
    encoder = features.fit(recipes["precursor_set"].to_list())
    X = heat_features.matrix(encoder, recipes)
    return heating.fit(X, recipes, precursors=heat_features.width(encoder), seed=0), X


def test_a_round_temperature_opens_its_bin_and_gaps_have_none() -> None:
    found = grid.place(np.array([473.15, 1073.15, 1073.15 + 24.9, 2273.15, np.nan]), hours=False)
    assert found.tolist() == [0, 24, 24, HEATS - 1, -1]
    assert grid.place(np.array([0.2, 200.0, np.nan]), hours=True).tolist() == [0, HOURS - 1, -1]


def test_smoothing_moves_mass_to_near_bins_and_of_these_to_popular_ones() -> None:
    share = np.full(9, 0.05)
    share[[3, 4, 5]] = 0.05, 0.05, 0.6
    moved = grid.spread(share / share.sum(), 1.0)
    assert moved.sum(axis=1) == pytest.approx(np.ones(9))
    assert moved[4, 5] > moved[4, 3] > moved[4, 2]


def test_the_quantile_of_reported_values_is_a_reported_value() -> None:
    atoms, code = grid.Atoms.of("sinter_time_h", np.array([12.0, 4.0, 4.0, 24.0]), np.ones(4))
    assert atoms.values.tolist() == [4, 12, 24]
    assert code.tolist() == [1, 0, 0, 2]
    assert atoms.quantile(np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]), 0.5).tolist() == [4, 24]


def test_leaves_hold_what_their_rows_reported_and_nothing_where_none_did() -> None:
    X = np.repeat([[0.0], [1.0]], 20, axis=0).astype(np.float32)
    kept = {"all": forest.Outcomes(np.arange(40), np.repeat([0, 1], 20), 2)}
    kept["left"] = forest.Outcomes(np.arange(20), np.zeros(20, np.int64), 1)
    grown = forest.fit(X, np.hstack([X, X]).astype(float), kept, np.ones(40), seed=0, trees=8, threads=1)
    met = grown.meet(np.array([[0.0], [1.0], [np.nan]], np.float32))
    assert grown.probabilities(met, "all")[:2] == pytest.approx(np.eye(2))
    assert grown.probabilities(met, "left")[1].tolist() == [0]


def _toy(n: int) -> tuple[features.Singles, list[Ints]]:
    rng = np.random.default_rng(0)
    X = rng.random((n, 98 + 4 + 3)).astype(np.float32)
    heat = (20 + 30 * (X[:, 0] > 0.5)).astype(np.int64)
    time = np.where(heat > 30, 12, 6).astype(np.int64)
    return X, [heat, np.full(n, -1), heat, time, np.full(n, -1)]


def test_a_network_learns_time_given_temperature_and_equal_seeds_give_equal_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network, "HIDDEN", 32)
    X, bins = _toy(600)
    made = [network.fit(X, bins[:3], bins[3:], np.ones(600), precursors=3, seeds=(5,)) for _ in range(2)]
    for one, other in zip(made[0].members, made[1].members, strict=True):
        assert all(np.array_equal(one[k], other[k]) for k in one)
    heats, joints = made[0].probabilities(X[:200])
    assert heats.sum(axis=2) == pytest.approx(np.ones((200, 3)), abs=1e-5)
    assert joints.sum(axis=(2, 3)) == pytest.approx(np.ones((200, 2)), abs=1e-5)
    right = joints[np.arange(200), 0, bins[0][:200], bins[3][:200]]
    assert right.mean() > 0.25  # two heaps, and a third of each heap is smoothed over its neighbours


def _joint() -> density.Joint:
    heats, _ = grid.Atoms.of("sinter_temperature_K", np.array([1073.15, 1273.15, 1473.15]), np.ones(3))
    times, _ = grid.Atoms.of("sinter_time_h", np.array([4.0, 12.0, 24.0]), np.ones(3))
    found = density.start(
        0,
        {"sinter_temperature_K": heats, "sinter_time_h": times},
        np.array([1073.15, 1273.15, 1473.15]),
        np.array([4.0, 12.0, 24.0]),
        np.ones(3),
    )
    assert found is not None
    seen = {"all papers": np.array([0.2, 0.3]), "uniform": np.array([0.01, 0.01])}
    return density.weigh(found, seen, np.ones(2))


def test_the_pool_trusts_the_part_that_foresaw_held_out_papers() -> None:
    joint = _joint()
    assert sum(joint.shares.values()) == pytest.approx(1)
    assert joint.shares["all papers"] > 0.98


def test_samples_are_reported_values_and_obey_a_furnace_and_a_fixed_time() -> None:
    joint = _joint()
    p = joint.probabilities(Reading({}, {}), 2)
    p = np.where(p > 0.01, p, 0)
    rng = np.random.default_rng(0)
    free = joint.sample(p / p.sum(axis=(1, 2), keepdims=True), 200, rng, hottest=None, hours=None)
    assert set(free[..., 0].ravel()) == {1073.15, 1273.15, 1473.15}
    limited = joint.sample(p, 200, rng, hottest=1273.15, hours=None)
    assert limited[..., 0].max() == 1273.15
    assert set(limited[..., 1].ravel()) == {4.0, 12.0}
    fixed = joint.sample(joint.probabilities(Reading({}, {}), 1), 50, rng, hottest=None, hours=5.0)
    assert (fixed[..., 1] == 5.0).all()
    with pytest.raises(InputError, match="furnace limit of 400 K"):
        joint.sample(p, 5, rng, hottest=400.0, hours=None)


def test_intervals_cover_new_papers_as_often_as_asked() -> None:
    rng = np.random.default_rng(1)
    y = np.exp(rng.normal(size=1200))
    half = np.arange(1200) < 600
    atoms, _ = grid.Atoms.of("sinter_time_h", y, np.ones(1200))
    narrow = np.zeros((600, len(atoms.values)))
    narrow[:, np.argsort(np.abs(atoms.values - 1))[:3]] = 1 / 3  # far too sure of 1 h
    held = conditions.held(
        "sinter_time_h", atoms, [narrow], y[half], [(True, True)] * 600, [f"p{i}" for i in range(600)]
    )
    reach = conditions.reaches({"sinter_time_h": [held]})["sinter_time_h"]
    at, p = np.log(atoms.values), conditions.pooled([narrow])
    for level in conditions.LEVELS:
        part = np.full(600, reach[level][(True, True)])
        low, high = conditions.between(at, p, 0.5 - part / 2), conditions.between(at, p, 0.5 + part / 2)
        inside = (np.log(y[~half]) >= low) & (np.log(y[~half]) <= high)
        assert inside.mean() == pytest.approx(level, abs=0.06)
        # what no paper told of its own cell follows all papers
        assert reach[level][(False, False)] == pytest.approx(part[0])


def test_depth_is_the_part_of_a_belief_that_takes_a_value_in() -> None:
    at, p = np.array([0.0, 1.0, 2.0]), np.array([[0.25, 0.5, 0.25]] * 3)
    depth = conditions.depth(at, p, np.array([0.0, 1.0, 1.5]))
    assert depth == pytest.approx([0.75, 0.0, 0.375])
    assert conditions.between(at, p, 0.5 - depth / 2) == pytest.approx([0.0, 1.0, 0.5])


def test_a_long_series_has_one_vote() -> None:
    depth = np.concatenate([np.zeros(60), np.full(300, 0.9)])
    papers = [f"p{i}" for i in range(60)] + ["series"] * 300
    reach = conditions.reaches({"sinter_time_h": [conditions.Held(depth, [(True, True)] * 360, papers)]})
    assert reach["sinter_time_h"][0.8][(True, True)] == 0


def test_few_papers_lean_on_the_other_conditions() -> None:
    def held(depth: float, papers: int) -> conditions.Held:
        return conditions.Held(np.full(papers, depth), [(True, True)] * papers, [f"p{i}" for i in range(papers)])

    reach = conditions.reaches({"max_temperature_K": [held(0.8, 4000)], "sinter_time_h": [held(0.4, 60)]})
    assert reach["max_temperature_K"][0.8][(True, True)] == pytest.approx(0.8)
    assert 0.75 < reach["sinter_time_h"][0.8][(True, True)] < 0.8


def test_intervals_nest_by_level(learned: tuple[heating.Heating, features.Singles]) -> None:
    model, X = learned
    found = model.by_level(X[:60])
    for name in CONDITIONS:
        for inner, outer in ((0.5, 0.8), (0.8, 0.9)):
            assert (found[inner][f"{name}_low"] >= found[outer][f"{name}_low"]).all()
            assert (found[inner][f"{name}_high"] <= found[outer][f"{name}_high"]).all()
        assert np.array_equal(found[0.5][name], found[0.9][name])


def test_joints_are_distributions_and_better_than_uniform(learned: tuple[heating.Heating, features.Singles]) -> None:
    model, X = learned
    assert set(model.joints) == {"sinter_temperature_K", "calcine_temperature_K"}
    drawn = model.sample("sinter_temperature_K", X[:5], 20, seed=3)
    assert drawn.shape == (5, 20, 2)
    assert np.array_equal(drawn, model.sample("sinter_temperature_K", X[:5], 20, seed=3))
    nll = model.negative_log_likelihood("sinter_temperature_K", X[:5], np.full(5, 1273.15), np.full(5, 12.0))
    assert (nll < np.log(HEATS * HOURS)).all()


def test_no_protocol_but_random_rows_shares_a_paper_or_a_target(recipes: pl.DataFrame) -> None:
    for by_paper in (False, True):
        for train, test in splits.folds(recipes, count=4, seed=0, by_paper=by_paper):
            leak = splits.leak_report(recipes[train.tolist()], recipes[test.tolist()])
            assert leak["rows_with_shared_doi"] == leak["rows_with_shared_target"] == 0


def test_the_noise_floor_is_the_disagreement_of_papers() -> None:
    rows = [
        {"target": "MgO", "doi": f"10.1/{i}", "precursors": "MgCO3", "sinter_T": t} for i, t in enumerate((900, 1000))
    ]
    floor = heat_scores.noise_floor(normalise(pl.DataFrame(rows)).frame)
    assert floor["sinter_temperature_K"] == {"n": 2, "median_difference": 100, "mean_difference": 100}


@pytest.mark.parametrize("kind", ["mdn", "cvae"])
def test_a_published_generator_learns_which_targets_are_fired_hotter(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generators, "WIDE", 32)
    monkeypatch.setattr(generators, "BLANKED", 0.0)
    X, bins = _toy(400)
    X[:, 1:] = 0.1
    noise = np.random.default_rng(0).normal(size=400)
    heat = np.where(bins[0] > 30, 1673.15, 1073.15) + 120 * noise
    unknown = np.full(400, np.nan)
    pairs = [(heat, np.where(noise > 0, np.exp(noise), unknown)), (unknown, unknown)]
    made = generators.fit(kind, X, pairs, np.ones(400), precursors=3, seed=1)
    joints = made.joints(X[:40])
    assert joints.sum(axis=(2, 3)) == pytest.approx(np.ones((40, 2)), abs=1e-4)
    hot = (joints[:, 0].sum(axis=2) * np.arange(HEATS)).sum(axis=1)
    fired = bins[0][:40] > 30
    assert hot[fired].mean() > hot[~fired].mean() + 4
