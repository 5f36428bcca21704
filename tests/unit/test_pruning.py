"""Pruning and thinning: what is kept, in which order, and that dropping it is measured on rows nobody learned from."""

import numpy as np
import polars as pl
import pytest

from models.bias import pruning, thinning
from schemas.errors import InputError


def made(n: int = 300) -> pruning.Rows:
    """Half the rows repeat one point, half are spread."""
    chance = np.random.default_rng(0)
    points = chance.uniform(-2, 2, (n, 2))
    points[: n // 2] = 0.01 * points[: n // 2]
    return pruning.Rows(points, points, np.sin(3 * points[:, 0]) + points[:, 1] ** 2)


def test_the_farthest_row_is_taken_next() -> None:
    rows, distances = thinning.farthest_first(np.array([[0.0], [1.0], [10.0], [4.0]]), count=4, seed=0)
    assert sorted(rows) == [0, 1, 2, 3]
    assert list(distances[1:]) == sorted(distances[1:], reverse=True)
    assert set(rows[:2]) >= {2}


def test_no_two_kept_rows_are_nearer_than_the_threshold() -> None:
    points = np.random.default_rng(1).random((200, 3))
    rows, _ = thinning.farthest_first(points, count=200, threshold=0.4)
    apart = np.abs(points[rows][:, None] - points[rows][None]).sum(axis=2)
    assert apart[~np.eye(len(rows), dtype=bool)].min() > 0.4
    near = np.abs(points[:, None] - points[rows][None]).sum(axis=2).min(axis=1)
    assert near.max() <= 0.4 + 1e-6  # and every dropped row has a kept one that near


@pytest.mark.parametrize("method", pruning.METHODS)
def test_as_many_rows_are_kept_as_asked_and_none_twice(method: str) -> None:
    rows = made()
    kept, again = (pruning.prune(rows, keep=0.35, method=method, seed=3) for _ in range(2))
    assert len(kept) == len(set(kept)) == 105
    assert kept.tolist() == again.tolist()


@pytest.mark.parametrize("method", ["difference", "uncertainty", "similarity"])
def test_rows_that_repeat_others_are_dropped_first(method: str) -> None:
    kept = pruning.prune(made(), keep=0.35, method=method)
    assert (kept < 150).mean() < 0.35  # by chance half


def test_what_cannot_be_pruned_is_refused_and_few_rows_stay() -> None:
    with pytest.raises(InputError, match="give a share"):
        pruning.prune(made(), keep=0.0)
    with pytest.raises(InputError, match="unknown method"):
        pruning.prune(made(), keep=0.5, method="fast")
    few = made().take(np.arange(10))
    assert pruning.prune(few, keep=0.5).tolist() == list(range(10))
    assert [len(pruning.prune(few, keep=0.5, method=m)) for m in ("similarity", "random")] == [5, 5]


def test_trials_share_no_system_and_no_element_between_training_and_test() -> None:
    names = [f"{a}-{b}" for a in ("Al", "Fe", "Ti", "Y") for b in ("O", "S", "Se", "Te")]
    systems = tuple(name for name in names for _ in range(20))
    found = pruning.trials(systems, left_out=2)
    assert len(found) == 3
    for trial in found:
        assert not (trial.train & trial.test).any()
        inside = {systems[i] for i in np.flatnonzero(trial.train)}
        assert not inside & {systems[i] for i in np.flatnonzero(trial.test)}
    element = found[1].name.removeprefix("without ")
    assert all(element not in systems[i].split("-") for i in np.flatnonzero(found[1].train))


def test_the_cost_of_pruning_is_told_beside_that_of_chance() -> None:
    rows = made(400)
    half = np.arange(400) % 2 == 0
    (told,) = pruning.check(rows, (pruning.Trial("half", half, ~half),), keep=0.5)
    assert told["trial"] == "half"
    assert told["loss"] == pytest.approx(told["rmse_kept"] / told["rmse_all"] - 1)
    assert told["rmse_kept"] > 0


def test_rows_without_value_or_composition_are_left_out() -> None:
    frame = pl.DataFrame({"formula": ["VO2", "?!", "CaO", "NaN"], "y": [1.0, 2.0, None, 4.0]})
    rows, used, systems = pruning.rows_of(frame, target="y")
    assert used.tolist() == [0, 3]
    assert systems == ("O-V", "N-Na")
    assert rows.shares.sum(axis=1) == pytest.approx([1.0, 1.0])
    assert pruning.rows_of(frame.drop("formula").with_columns(x=pl.Series([1.0, 2, 9, 4])), target="y")[1].size == 3
