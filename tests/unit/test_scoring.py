"""Scores of acquisitions against closed forms of independent normals, and what is told of the rest."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
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


def test_a_scalar_of_equal_weights_is_the_augmented_chebyshev_distance_from_the_best() -> None:
    short = np.array([1.5, 1.5]) - TWO.draws[:1000]  # both ranges are 1, up to 1.5
    scalar = -0.5 * short.max(axis=2) - 0.05 * 0.5 * short.sum(axis=2)
    best = -0.5 - 0.05 * 0.5  # of (1.5, .5) and (.5, 1.5)
    expected = np.maximum(scalar - best, 0).mean(axis=0)
    assert scoring.scalar_improvement(replace(TWO, draws=TWO.draws[:1000]), []) == pytest.approx(expected)


def test_a_large_weight_asks_for_the_end_of_the_front() -> None:
    told = np.array([[1.0, 0.0], [0.8, 0.4], [0.5, 0.7], [0.0, 1.0]])
    ends = np.array([[1.3, -0.05], [0.7, 0.65]])  # beyond the end of the front, and inside it
    seen = scoring.Sight(ends[None], told, told[None, :0], np.zeros(2), np.array([[0.98, 0.02]]))
    assert scoring.scalar_improvement(seen, []).argmax() == 0
    seen = replace(seen, weights=np.array([[0.5, 0.5]]))
    assert scoring.scalar_improvement(seen, []).argmax() == 1


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


def test_what_is_stored_of_an_improvement_is_in_the_unit_of_the_objective() -> None:
    values = np.where(TRIED, TRUTH, np.nan)
    once, scaled = (
        asked(factor * values, batch=3, rules=proposal.Rules(acquisition="ei"))["acquisition"].to_numpy()
        for factor in (1.0, 1000.0)
    )
    assert scaled == pytest.approx(1000.0 * once, rel=1e-3)
    assert (np.diff(once) < 0).all(), "what a row adds to those that are taken is less"


def test_noisy_improvement_is_that_of_botorch() -> None:
    from botorch.acquisition import qLogNoisyExpectedImprovement
    from botorch.sampling import SobolQMCNormalSampler

    from models.lvgp.exact import LVGP
    from models.lvgp.frames import inputs

    chance = np.random.default_rng(3)
    values = np.where(TRIED, TRUTH + 2.0 * chance.standard_normal(24), np.nan)
    memory = proposal.Memory()
    found = asked(values, rules=proposal.Rules(acquisition="nei"), memory=memory)
    model = memory.models["y"]
    open_rows, known = (inputs(ENCODING, FRAME.filter(pl.Series(mask))) for mask in (~TRIED, TRIED))
    sampler = SobolQMCNormalSampler(torch.Size([512]), seed=0)
    assert isinstance(model, LVGP)
    theirs = qLogNoisyExpectedImprovement(model.gp, known, sampler=sampler, prune_baseline=False)
    with torch.no_grad():
        gain = theirs(open_rows[:, None]).exp()
    gain = gain if gain.ndim == 1 else gain.mean(0)
    at = int(np.flatnonzero(np.flatnonzero(~TRIED) == found["row"][0])[0])
    assert float(gain[at]) == pytest.approx(float(gain.max()), abs=0.05 * float(gain.max()))
    assert found["acquisition"][0] == pytest.approx(float(gain[at]), rel=0.25)


def test_a_turn_is_spent_neither_on_a_level_that_is_dear_nor_against_an_acquisition_that_is_named() -> None:
    tried = np.isin(np.arange(24), [0, 1, 2, 3, 22, 23], invert=True)  # the level u of a is new, 23 is the best
    values = np.where(tried, TRUTH, np.nan)
    dear = proposal.Rules(costs=lambda rows: np.where(rows["a"] == "u", 1e6, 1.0))
    assert FRAME["a"][asked(values, tried)["row"][0]] == "u"
    assert asked(values, tried, rules=dear)["row"][0] == 23
    assert asked(values, tried, rules=proposal.Rules(acquisition="ei"))["row"][0] == 23


def test_what_waits_and_is_cheap_takes_no_turn_from_others() -> None:
    tried = np.isin(np.arange(24), [0, 1, 2, 3, 21, 22, 23], invert=True)
    values, waiting = np.where(tried, TRUTH, np.nan), np.arange(24) == 21
    cheap = proposal.Rules(
        pending=waiting, costs=lambda rows: np.where((rows["a"] == "z") & (rows["b"] == "q"), 0.1, 3.0)
    )
    assert FRAME["a"][asked(values, tried, rules=cheap)["row"][0]] == "u"


def test_the_id_of_a_model_knows_what_described_its_levels() -> None:
    values = np.where(TRIED, TRUTH, np.nan)
    made = []
    for column in (np.arange(6.0), np.arange(6.0)[::-1] ** 2):
        encoding = replace(ENCODING, descriptors={"a": column[:, None]})
        known = proposal.Known(frame=FRAME, values=values[:, None], tried=TRIED, encoding=encoding, wanted=WANTED)
        made.append(proposal.propose(known, strategy="lvgp-descriptor")["model_id"][0])
    assert made[0] != made[1]


def test_what_was_tried_is_not_proposed_again_where_it_comes_back_as_near() -> None:
    tried = np.arange(24) < 12  # 24 rows are listed of a larger space; what is near are rows of the list
    tried[[12, 13]] = True
    values = np.where(tried & (np.arange(24) != 13), TRUTH, np.nan)  # the last one failed
    waiting = np.arange(24) == 14
    rules = proposal.Rules(near=lambda rows: FRAME, pending=waiting)
    found = asked(values, tried, batch=9, rules=rules)
    assert sorted(found["row"].to_list()) == list(range(15, 24))


@pytest.mark.parametrize("unit", [2.0**-80, 2.0**-40, 2.0**100])
def test_a_change_of_unit_changes_no_proposal(unit: float) -> None:
    values = np.where(TRIED, TRUTH, np.nan)
    wanted, limits = goals.objectives("max:y"), goals.limits("z<=4.5")
    for kind in ("lvgp", "forest"):
        found = []
        for scale in (1.0, unit):
            told = np.column_stack([values, scale * values])
            limited = tuple(limit.model_copy(update={"high": 4.5 * scale}) for limit in limits)
            known = proposal.Known(
                frame=FRAME, values=told, tried=TRIED, encoding=ENCODING, wanted=wanted, limits=limited
            )
            found.append(proposal.propose(known, batch=4, strategy=kind))
        assert found[0]["row"].to_list() == found[1]["row"].to_list()
        assert found[1]["p_feasible"].to_numpy() == pytest.approx(found[0]["p_feasible"].to_numpy(), abs=1e-6)
        assert found[1]["sd_z"].to_numpy() / unit == pytest.approx(found[0]["sd_z"].to_numpy(), rel=1e-6)
