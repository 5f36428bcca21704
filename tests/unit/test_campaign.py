"""Campaigns with a cheap and a costly source: what is spent, and that a cheap source that tells something saves."""

import numpy as np
import polars as pl
import pytest

from models.fidelity import campaign
from schemas.errors import InputError

GRID = np.random.default_rng(0).standard_normal((120, 4))
COSTLY = np.sin(5 * GRID).sum(axis=1) + 0.3 * GRID[:, 0]


def spent(cheap: np.ndarray, *, fused: bool) -> float:
    traces = [campaign.run(GRID, cheap, COSTLY, campaign.Plan(fused=fused, init=3), seed=s) for s in range(5)]
    return float(np.median([campaign.cost_to_best(t, COSTLY.max()) for t in traces]))


def test_a_cheap_source_that_follows_the_costly_one_saves() -> None:
    assert spent(0.8 * COSTLY - 0.4, fused=True) < 0.8 * spent(COSTLY, fused=False)


def test_every_question_is_asked_once_and_paid() -> None:
    found = campaign.run(GRID, COSTLY - 0.2, COSTLY, campaign.Plan(init=3, budget=200), seed=1)
    assert found.schema == campaign.TRACE
    assert found.select("row", "source").is_unique().all()
    paid = found["source"].replace_strict({"cheap": 1.0, "costly": 10.0}, return_dtype=pl.Float64)
    assert found["cost"].to_list() == pytest.approx(paid.cum_sum().to_list())
    best = found["best"].drop_nulls()
    assert best.is_sorted()


def test_a_single_source_never_asks_the_cheap_one() -> None:
    found = campaign.run(GRID, COSTLY, COSTLY, campaign.Plan(fused=False, init=3), seed=2)
    assert set(found["source"]) == {"costly"}
    assert campaign.cost_to_best(found, COSTLY.max()) == 10.0 * found.height


def test_what_was_never_found_costs_without_end() -> None:
    found = campaign.run(GRID, COSTLY, COSTLY, campaign.Plan(fused=False, init=3, budget=30), seed=3)
    assert campaign.cost_to_best(found, 99.0) == np.inf


def test_the_costly_source_is_taken_to_equal_the_cheap_one_where_pairs_say_nothing() -> None:
    assert campaign._slope(np.zeros(5), np.zeros(5), np.arange(6.0)) == pytest.approx(1.0)
    pairs = np.arange(50.0)
    assert campaign._slope(pairs, 1.4 * pairs, pairs) == pytest.approx(1.4, abs=0.02)


def test_a_table_is_searched_for_its_largest_costly_value() -> None:
    frame = pl.DataFrame({"x": GRID[:, 0], "cheap": COSTLY - 0.2, "costly": COSTLY}).with_row_index("id")
    plan = campaign.Plan(init=3, budget=400)
    found = campaign.simulate(frame, cheap="cheap", costly="costly", plan=plan, seeds=range(2), rows=20)
    assert found["seed"].unique().to_list() == [0, 1]
    for seed, cost in zip((0, 1), campaign.costs(found), strict=True):
        one = found.filter(pl.col("seed") == seed)
        assert cost == one["cost"].max()
        assert one["best"].max() == one["goal"][0] == COSTLY[one["row"].to_numpy()][-1]
    with pytest.raises(InputError, match="2 rows with cheap and costly"):
        campaign.simulate(frame.head(2), cheap="cheap", costly="costly", plan=plan, seeds=range(1))


def test_what_a_cheap_source_saves_is_a_ratio_of_medians_and_nothing_where_half_never_get_there() -> None:
    fused = pl.DataFrame({"seed": [0, 1, 2], "cost": [10.0, 20.0, 90.0], "best": [1.0] * 3, "goal": [1.0] * 3})
    alone = fused.with_columns(cost=pl.lit(80.0))
    found = campaign.summarise({"fused": fused, "costly alone": alone})
    assert (found["cost_fused"], found["cost_costly_alone"], found["share"]) == (20.0, 80.0, 0.25)
    never = alone.with_columns(best=pl.when(pl.col("seed") == 0).then(1.0).otherwise(0.0))
    found = campaign.summarise({"fused": fused, "costly alone": never})
    assert (found["cost_costly_alone"], found["share"]) == (None, None)
    assert found["seeds_reached"] == {"fused": 3, "costly alone": 1}
