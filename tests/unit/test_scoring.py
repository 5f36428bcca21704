"""Scores of acquisitions against closed forms of independent normals, and what is told of the rest."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from models.design import acquisition, goals, proposal, scoring
from models.lvgp.encoding import of_frame
from schemas.errors import InputError

S = 60_000


def sight(mean: np.ndarray, deviation: np.ndarray, told: np.ndarray, noise: float = 0.0) -> scoring.Sight:
    """Of independent normals, n x k, and known rows, m x k, that would be measured again with a noise."""
    chance = np.random.default_rng(0)
    return scoring.Sight(
        draws=mean + deviation * chance.standard_normal((S, *mean.shape)),
        told=told,
        again=told + noise * chance.standard_normal((S, *told.shape)),
        reference=np.zeros(told.shape[1]),
        weights=np.array([[0.5] * told.shape[1]]),
    )


MEAN, DEVIATION, TOLD = np.array([[0.2], [1.0], [0.8]]), np.array([[1.0], [0.3], [0.1]]), np.array([[0.9], [0.5]])
ONE = sight(MEAN, DEVIATION, TOLD)
Z = ((MEAN - 0.9) / DEVIATION)[:, 0]


def test_improvement_its_chance_and_the_upper_bound_are_their_closed_forms() -> None:
    expected = np.exp(acquisition.log_expected_improvement(MEAN[:, 0], DEVIATION[:, 0], 0.9))
    assert scoring.improvement(ONE, []) == pytest.approx(expected, abs=0.005)
    assert scoring.chance_of_improvement(ONE, []) == pytest.approx(norm.cdf(Z), abs=0.01)
    bound = (MEAN + scoring.BETA * DEVIATION)[:, 0]
    assert scoring.upper_bound(ONE, []) == pytest.approx(bound - bound.min(), abs=0.02)


def test_without_noise_noisy_improvement_is_improvement_and_with_noise_it_falls() -> None:
    assert scoring.noisy_improvement(ONE, []) == pytest.approx(scoring.improvement(ONE, []))
    noisy = scoring.noisy_improvement(sight(MEAN, DEVIATION, np.tile(TOLD, (5, 1)), noise=0.3), [])
    assert (noisy < scoring.improvement(ONE, [])).all()  # the best of ten noisy values lies above .9


def test_the_chance_to_be_the_optimum_sums_to_that_anything_is_better() -> None:
    share = scoring.belonging(replace(ONE, draws=ONE.draws[:5000]), [])
    better = 1 - np.prod(norm.cdf(-Z))
    assert share.sum() == pytest.approx(better, abs=0.02)
    left = scoring.remaining(ONE)
    assert left.complete == pytest.approx(1 - better, abs=0.01)
    # E max(X - b, 0) of the maximum of independent normals, by quadrature of its survival function
    x = np.linspace(0.9, 6, 4001)
    survival = 1 - np.prod(norm.cdf((x[:, None] - MEAN[:, 0]) / DEVIATION[:, 0]), axis=1)
    assert left.improvement == pytest.approx(np.sum(survival) * (x[1] - x[0]), abs=0.01)


TWO = sight(np.array([[1.0, 1.0], [2.0, 0.4]]), np.array([[0.5, 0.4], [0.2, 0.3]]), np.array([[1.5, 0.5], [0.5, 1.5]]))


def test_growth_is_the_closed_form_of_two_objectives() -> None:
    mean, deviation = TWO.draws.mean(axis=0), TWO.draws.std(axis=0)
    exact = acquisition.expected_hypervolume_improvement(mean, deviation, TWO.told, TWO.reference)
    few = replace(TWO, draws=TWO.draws[:4000])
    assert scoring.growth(few, []) == pytest.approx(exact, abs=0.03)
    assert scoring.remaining(few).complete < 0.5


def test_a_scalar_of_equal_weights_is_the_augmented_chebyshev_of_the_values() -> None:
    values = TWO.draws[:1000] - np.array([0.5, 0.5])  # both ranges are 1, from .5 on
    scalar = 0.5 * values.min(axis=2) + 0.05 * 0.5 * values.sum(axis=2)
    best = 0.05 * 0.5  # of (1, 0) and (0, 1)
    expected = np.maximum(scalar - best, 0).mean(axis=0)
    assert scoring.scalar_improvement(replace(TWO, draws=TWO.draws[:1000]), []) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["ei", "nei", "pi", "ucb"])
def test_beside_a_row_that_is_taken_its_double_promises_nothing(name: str) -> None:
    twin = replace(ONE, draws=ONE.draws[:, [1, 1, 2]])
    score = scoring.score_of(name, 1)(twin, [0])
    assert score[1] == 0
    assert score[2] > 0


def test_an_acquisition_is_refused_where_it_is_not_defined() -> None:
    for name, objectives in (("ehvi", 1), ("ei", 2), ("magic", 1)):
        with pytest.raises(InputError, match="use one of gain"):
            scoring.score_of(name, objectives)


FRAME = pl.DataFrame([(a, b) for a in "uvwxyz" for b in "pqrs"], schema=["a", "b"], orient="row")
ENCODING = of_frame(FRAME, inputs=("a", "b"), categorical=("a", "b"))
TRIED = np.arange(24) % 2 == 0
TRUTH = np.add.outer(np.arange(6.0), np.arange(4.0)).ravel()
WANTED = goals.objectives("max:y")


def asked(values: np.ndarray, tried: np.ndarray = TRIED, **given: object) -> pl.DataFrame:
    known = proposal.Known(frame=FRAME, values=values[:, None], tried=tried, encoding=ENCODING, wanted=WANTED)
    return proposal.propose(known, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [n for n, (_, low, _) in scoring.ACQUISITIONS.items() if low == 1])
def test_every_acquisition_finds_the_best_of_a_sum_of_levels(name: str) -> None:
    found = asked(np.where(TRIED, TRUTH, np.nan), rules=proposal.Rules(acquisition=name))
    assert found["row"].to_list() == [23]
    assert found["remaining_improvement"][0] > 0
    assert 0 <= found["p_complete"][0] < 1


def test_what_is_being_evaluated_is_not_proposed_again_nor_its_like() -> None:
    waiting = np.arange(24) == 23
    found = asked(np.where(TRIED, TRUTH, np.nan), rules=proposal.Rules(pending=waiting), batch=3)
    assert 23 not in found["row"].to_list()
    assert found["row"].n_unique() == 3


def test_a_level_that_always_fails_is_left_alone() -> None:
    values = np.where(TRIED & (FRAME["a"] != "z").to_numpy(), TRUTH, np.nan)
    tried = TRIED | (np.arange(24) == 21)
    assert FRAME[np.flatnonzero(tried & np.isnan(values)).tolist()]["a"].unique().to_list() == ["z"]
    assert asked(values, tried)["a"].to_list() != ["z"]


def test_more_than_there_is_gives_what_there_is() -> None:
    assert asked(np.where(TRIED, TRUTH, np.nan), batch=99).height == 12
    assert asked(TRUTH, np.ones(24, dtype=bool)).height == 0


def test_a_constant_objective_is_no_obstacle() -> None:
    found = asked(np.where(TRIED, 1.0, np.nan))
    assert np.isfinite(found["acquisition"][0])


def test_infinite_values_and_single_observations_are_refused() -> None:
    for large in (np.inf, -1e300):
        with pytest.raises(InputError, match="an infinite value, or one beyond 1e\\+40"):
            asked(np.where(TRIED, large, np.nan))
    with pytest.raises(InputError, match="1 known rows"):
        asked(np.where(np.arange(24) == 0, 1.0, np.nan), np.arange(24) == 0)
    with pytest.raises(InputError, match="0 known rows"):
        asked(np.full(24, np.nan))
