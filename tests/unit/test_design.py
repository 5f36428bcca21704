"""Design problems, dominance, closed loops, what observations tell."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from etl import reference
from models.design import acquisition, campaigns, candidates, doe, goals, initial, pareto, proposal, simulation
from models.lvgp.encoding import of_frame
from models.lvgp.exact import LVGP
from schemas import problem as problems
from schemas.errors import InputError


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", problems.names())
def test_every_shipped_problem_loads_and_enumerates(name: str) -> None:
    asked = problems.load(name)
    frame = candidates(asked)
    assert frame["candidate_id"].n_unique() == frame.height
    assert "{" not in "".join(frame["formula"].to_list())


GOOD = """
name: toy
title: Toy
variables:
  - {name: a, levels: [x, y, z]}
  - {name: t, kind: numerical, low: 0, high: 1}
  - {name: n, kind: integer, low: 1, high: 3}
forbidden: [{a: x}]
objectives: [{name: f, direction: max}]
evaluator: {kind: recorded, table: toy}
"""


def test_numbers_and_forbidden_levels_shape_the_candidates() -> None:
    frame = candidates(problems.parse(GOOD, where="toy"))
    assert frame.height == 2 * 11 * 3
    assert "x" not in frame["a"].to_list()
    assert frame.schema["n"] == pl.Int64


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("title: Toy", "colour: red\ntitle: Toy"), "colour"),
        (("[x, y, z]", "[x, x, z]"), "twice"),
        (("direction: max", "direction: up"), "direction"),
        (("direction: max", "direction: max, unit: furlong"), "unknown unit"),
        (("low: 0, high: 1", "low: 1, high: 1"), "low must be below high"),
        (("{a: x}", "{a: w}"), "no level w"),
        (("{kind: recorded, table: toy}", "{kind: recorded}"), "needs a table"),
        (("name: f,", "name: a,"), "used twice"),
        (("name: toy", "name: [toy"), "no YAML"),
    ],
)
def test_a_bad_problem_is_explained(change: tuple[str, str], said: str, tmp_path: Path) -> None:
    path = tmp_path / "toy.yaml"
    path.write_text(GOOD.replace(*change), "utf-8")
    with pytest.raises(InputError, match=said) as caught:
        problems.load(str(path))
    assert "toy.yaml" in str(caught.value)


def test_problems_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe")
    for where in (str(tmp_path / "b.yaml"), str(tmp_path / "none.yaml"), "unheard_of", "../secret"):
        with pytest.raises(InputError):
            problems.load(where)
    with pytest.raises(InputError, match="no mapping"):
        problems.parse("[1]", where="x")


def test_dominance_and_hypervolume() -> None:
    points = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [1.0, 1.0], [2.0, 2.0]])
    assert pareto.nondominated(points).tolist() == [True, True, True, False, True]
    assert pareto.hypervolume(points, np.zeros(2)) == pytest.approx(6.0)
    assert pareto.hypervolume(points - 10, np.zeros(2)) == 0
    ties = np.random.default_rng(0).integers(0, 6, (40, 25, 2)).astype(np.float64)
    flat = [pareto.hypervolume(rows, np.ones(2)) for rows in ties]
    tall = [pareto.hypervolume(np.column_stack([rows, np.ones(25)]), np.array([1.0, 1.0, 0.0])) for rows in ties]
    assert flat == pytest.approx(tall)  # a third objective, one everywhere, adds nothing
    for rows in np.random.default_rng(1).random((40, 25, 2)):  # what is dominated does not even change the rounding
        front = rows[pareto.nondominated(rows)]
        assert pareto.hypervolume(rows, np.zeros(2)) == pareto.hypervolume(front, np.zeros(2))
    assert pareto.hypervolume(np.array([[1.0, 2.0], [1.0, 2.0]]), np.array([0.0, -np.inf])) == np.inf
    cube = np.array([[1.0, 1.0, 2.0], [2.0, 1.0, 1.0]])
    assert pareto.hypervolume(cube, np.zeros(3)) == pytest.approx(3.0)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_dominance_is_its_definition_with_ties_and_without_any_value(k: int) -> None:
    chance = np.random.default_rng(k)
    for n in (0, 1, 2, 30):
        for _ in range(50):
            rows = chance.integers(0, 5, (n, k)).astype(np.float64)
            rows[chance.random(rows.shape) < 0.1] = -np.inf
            beaten = [any((b >= a).all() and (b > a).any() for b in rows) for a in rows]
            assert pareto.nondominated(rows).tolist() == [not b for b in beaten]


def test_the_front_of_many_rows_takes_no_square_of_memory() -> None:
    chance = np.random.default_rng(0)
    assert pareto.nondominated(chance.random((200_000, 1))).sum() == 1
    assert 3 < pareto.nondominated(chance.random((200_000, 2))).sum() < 40


def test_designs_describe_elements_that_a_table_leaves_alike() -> None:
    frame = pl.DataFrame({"A": ["Ca", "Sr", "La"]})
    alike = pl.DataFrame({"parameter": "A", "option": frame["A"], "descriptor": "d", "value": 1.0})
    found, bare = (doe.Space.of(frame, ("A",), table).described[0] for table in (alike, None))
    assert found.shape[1] > 0
    assert found.tolist() == bare.tolist()


def test_log_improvement_agrees_with_its_definition_and_stays_finite() -> None:
    mean, deviation = np.array([0.5, -1.0]), np.array([1.0, 0.5])
    draws = np.random.default_rng(0).standard_normal((400_000, 2)) * deviation + mean
    expected = np.log(np.maximum(draws - 0.2, 0).mean(axis=0))
    assert acquisition.log_expected_improvement(mean, deviation, 0.2) == pytest.approx(expected, abs=0.05)
    far = acquisition.log_expected_improvement(np.array([-30.0, -500.0, -1e5]), np.ones(3), 0.0)
    assert np.isfinite(far).all()
    assert (np.diff(far) < 0).all()


def test_hypervolume_improvement_agrees_with_sampling() -> None:
    front, reference_ = np.array([[1.0, 3.0], [2.0, 1.0]]), np.zeros(2)
    mean, deviation = np.array([[1.5, 2.5]]), np.array([[0.6, 0.8]])
    draws = np.random.default_rng(0).standard_normal((4000, 2)) * deviation + mean
    base = pareto.hypervolume(front, reference_)
    sampled = np.mean([pareto.hypervolume(np.vstack([front, d]), reference_) - base for d in draws])
    exact = acquisition.expected_hypervolume_improvement(mean, deviation, front, reference_)
    assert exact[0] == pytest.approx(sampled, rel=0.06)


def test_the_gain_without_uncertainty_is_the_growth_of_the_hypervolume() -> None:
    front, reference_ = np.array([[1.0, 3.0], [2.0, 1.0]]), np.zeros(2)
    points = np.array([[1.5, 2.0], [0.5, 0.5], [3.0, 4.0], [-1.0, 9.0]])
    base = pareto.hypervolume(front, reference_)
    expected = [pareto.hypervolume(np.vstack([front, p]), reference_) - base for p in points]
    assert acquisition.hypervolume_gain(points, front, reference_) == pytest.approx(expected)


def test_a_batch_is_made_of_different_open_rows() -> None:
    table = reference.perovskites_270()
    values = table.select("gap_eV", "stability_eV_atom").to_numpy().astype(float)
    tried = np.zeros(table.height, dtype=bool)
    tried[initial(table, n=12, variables=("A", "B"), seed=0)] = True
    encoding = of_frame(table, inputs=("A", "B"), categorical=("A", "B"))
    wanted = goals.objectives("max:gap_eV,min:stability_eV_atom")
    told = np.where(tried[:, None], values, np.nan)
    known = proposal.Known(frame=table, values=told, tried=tried, encoding=encoding, wanted=wanted)
    found = proposal.propose(known, batch=8)
    assert found["row"].n_unique() == 8
    assert not tried[found["row"].to_numpy()].any()
    one = proposal.propose(replace(known, values=told[:, :1], wanted=wanted[:1]), batch=3)
    assert one["row"].n_unique() == 3


def test_outcomes_share_the_places_of_levels_alone() -> None:
    table, names = reference.max_phases(), ["bulk_GPa", "shear_GPa"]
    tried = np.arange(table.height) < 20
    told = np.where(tried[:, None], table.select(names).to_numpy().astype(float), np.nan)
    encoding = of_frame(table, inputs=("M", "A", "X"), categorical=("M", "A", "X"))
    wanted = goals.objectives("max:bulk_GPa,min:shear_GPa")
    known = proposal.Known(frame=table, values=told, tried=tried, encoding=encoding, wanted=wanted)
    memory = proposal.Memory()
    anchors = []
    for seed in range(2):  # from the start, and going on
        proposal.propose(known, memory=memory, seed=seed)
        bulk, shear = (memory.models[name] for name in names)
        assert isinstance(bulk, LVGP)
        assert isinstance(shear, LVGP)
        same = (bulk.ensemble.sets == shear.ensemble.sets).all(dim=0)
        assert torch.equal(same, bulk.space.placing)
        anchors.append(shear.ensemble.anchors)
    assert torch.equal(*anchors)
    alone = replace(known, values=known.values[:, :1], wanted=wanted[:1])
    assert proposal.propose(alone, memory=memory).equals(proposal.propose(alone)), "other outcomes start afresh"


def test_of_many_open_rows_the_best_are_found() -> None:
    chance = np.random.default_rng(0)
    levels = {name: tuple(f"{name}{k}" for k in range(30)) for name in "abc"}
    frame = pl.DataFrame({n: np.array(v)[chance.integers(0, 30, 6_000)] for n, v in levels.items()})
    encoding = of_frame(frame, inputs=("a", "b", "c"), categorical=("a", "b", "c"))
    truth = sum(encoding.encode(frame)[0][:, j] for j in range(3)).astype(float)
    tried = np.zeros(frame.height, dtype=bool)
    tried[:150] = True
    told = np.where(tried, truth, np.nan)[:, None]
    wanted = goals.objectives("max:y")
    known = proposal.Known(frame=frame, values=told, tried=tried, encoding=encoding, wanted=wanted)
    found = proposal.propose(known, batch=2)
    assert truth[found["row"].to_numpy()].min() > np.nanmax(told) - 8  # of 0 to 87


def test_a_loop_may_stop_at_its_goal_and_is_the_same_until_then() -> None:
    table = reference.max_phases()
    plan = simulation.Plan(
        variables=("M", "A", "X"), wanted=goals.objectives("max:shear_GPa"), budget=223, strategy="random"
    )
    whole = simulation.simulate(table, plan)
    short = simulation.simulate(table, replace(plan, stop=True))
    assert short["front_fraction"][-1] == 1.0
    assert short.height < 223
    assert short["row"].to_list() == whole["row"].to_list()[: short.height]


def test_initial_designs_use_levels_evenly() -> None:
    frame = reference.perovskites_270()
    rows = initial(frame, n=18, variables=("A", "B"), seed=1, kind="balanced")
    assert len(set(rows)) == 18
    assert frame[rows]["A"].n_unique() == 18
    assert frame[rows]["B"].n_unique() == 15
    assert rows != initial(frame, n=18, variables=("A", "B"), seed=2, kind="balanced")
    with pytest.raises(InputError, match="ask for fewer"):
        initial(frame, n=999, variables=("A",))


PLAN = simulation.Plan(variables=("A", "B"), wanted=goals.objectives("max:gap_eV"), init=12, budget=40)


def test_a_loop_finds_more_of_the_front_than_chance_and_repeats_itself() -> None:
    table = reference.max_phases()
    wanted = goals.objectives("max:bulk_GPa,min:shear_GPa")
    plan = simulation.Plan(variables=("M", "A", "X"), wanted=wanted, budget=44, batch=8)
    trace = simulation.simulate(table, plan, seeds=(0, 1))
    again = simulation.simulate(table, plan, seeds=(0,))
    assert trace.filter(pl.col("seed") == 0).drop("fit_s").equals(again.drop("fit_s"))
    found = simulation.summarise(trace, plan, table)
    blind = simulation.simulate(table, replace(plan, strategy="random"), seeds=(0, 1))
    chance = simulation.summarise(blind, plan, table)
    assert found["median_hypervolume_fraction"] > chance["median_hypervolume_fraction"]
    assert trace.group_by("seed").agg(pl.col("row").n_unique())["row"].to_list() == [44, 44]
    assert trace.columns == [
        "seed", "iteration", "row", "bulk_GPa", "shear_GPa", "best_bulk_GPa", "best_shear_GPa", "front_fraction",
        "hypervolume_fraction", "fit_s",
    ]  # fmt: skip


def test_with_shuffled_objectives_nothing_is_learned() -> None:
    table = reference.perovskites_270().with_columns(pl.col("gap_eV").shuffle(seed=5))
    found = simulation.summarise(simulation.simulate(table, PLAN, seeds=range(3)), PLAN, table)
    assert found["reached"] < 3


def test_failed_evaluations_are_bought_and_teach_nothing() -> None:
    table = reference.max_phases().with_columns(
        bulk_GPa=pl.when(pl.int_range(pl.len()) % 3 == 0).then(None).otherwise(pl.col("bulk_GPa"))
    )
    plan = simulation.Plan(
        variables=("M", "A", "X"), wanted=goals.objectives("max:bulk_GPa,min:shear_GPa"), budget=20, batch=4
    )
    trace = simulation.simulate(table, plan)
    assert trace.height == 20
    assert trace["bulk_GPa"].null_count() > 0
    assert trace["hypervolume_fraction"].is_sorted()
    assert trace["iteration"].max() == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"variables": ("Q",)}, "missing column Q"),
        ({"strategy": "magic"}, "unknown strategy"),
        ({"init": 1}, "out of range"),
        ({"wanted": goals.objectives("max:none")}, "missing column none"),
    ],
)
def test_a_bad_plan_is_explained(change: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        simulation.simulate(reference.perovskites_270(), replace(PLAN, **change))  # type: ignore[arg-type]


def test_objectives_are_written_with_a_direction() -> None:
    with pytest.raises(InputError, match="write max:NAME"):
        goals.objectives("gap")


def test_a_simulation_leaves_out_rows_without_a_variable() -> None:
    table = pl.DataFrame(
        {
            "A": ["x", None, "y", "z", "x", "y"],
            "T": [1.0, 2.0, None, float("nan"), 3.0, 4.0],
            "gap": [1.0, 9.0, 9.0, 9.0, 2.0, None],
        }
    )
    plan = simulation.Plan(
        variables=("A", "T"), wanted=goals.objectives("max:gap"), init=2, budget=6, strategy="random"
    )
    trace = simulation.simulate(table, plan)
    assert sorted(trace["row"]) == [0, 4, 5]
    assert table["gap"].gather(trace["row"]).to_list() == trace["gap"].to_list()
    assert trace["front_fraction"].to_list()[-1] == 1.0
    assert simulation.summarise(trace, plan, table)["left_out"] == 3
    with pytest.raises(InputError, match="the 3 rows with every variable"):
        simulation.simulate(table, replace(plan, init=4))


def test_a_problem_may_describe_its_levels() -> None:
    text = GOOD.replace("levels: [x, y, z]", "levels: [x, y, z], descriptors: {x: {r: 1}, y: {r: 2}, z: {r: 4}}")
    asked = problems.parse(text, where="toy")
    table = campaigns.descriptors_of(asked)
    assert table is not None
    assert table.rows() == [("a", "x", "r", 1.0), ("a", "y", "r", 2.0), ("a", "z", "r", 4.0)]
    frame = candidates(asked)
    tried = np.arange(frame.height) < 8
    values = np.where(tried, np.arange(frame.height), np.nan)[:, None]
    found = campaigns.next_candidates(asked, frame, values=values, tried=tried, strategy="lvgp-descriptor")
    assert found.height == 1
    bare = problems.parse(GOOD, where="toy")
    assert campaigns.descriptors_of(bare) is None
    with pytest.raises(InputError, match="no elements"):
        campaigns.next_candidates(bare, frame, values=values, tried=tried, strategy="lvgp-descriptor")


def test_observations_that_are_no_candidates_are_left_out_and_named() -> None:
    asked = problems.load("abo3_270")
    told = reference.perovskites_270().head(12)
    clean = campaigns.told(asked, told)
    assert clean.refused == ()
    assert clean.tried.sum() == 12
    found = campaigns.next_candidates(asked, clean.frame, values=clean.values, tried=clean.tried, batch=2)
    assert found.height == 2
    assert found["acquisition"].null_count() == 0
    odd = told.head(2).with_columns(A=pl.Series(["Xx", None], dtype=pl.String))
    mixed = campaigns.told(asked, pl.concat([odd, told]))
    assert [r.split(" (A=")[0] for r in mixed.refused] == ["row 0", "row 1"]
    assert (mixed.tried == clean.tried).all()
    np.testing.assert_array_equal(mixed.values, clean.values)
    with pytest.raises(InputError, match="A has no level Xx, as all 12"):
        campaigns.told(asked, told.with_columns(A=pl.lit("Xx")))
    name = asked.objectives[0].name
    texts = told.with_columns(pl.Series(name, ["soon", *["1.5"] * 11]))
    assert campaigns.told(asked, texts).refused == (f"row 0 has no number as {name}",)
