"""What problems allow: conditions, constraints, costs, tables of candidates, spaces too big to list; first designs."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from etl import reference
from models.design import campaigns, doe, initial, space
from models.design.candidates import candidates
from models.design.proposal import Known, propose
from schemas import problem as problems
from schemas.errors import InputError
from schemas.problem import DesignProblem

MIX = """
name: mix
title: A film, annealed or not
variables:
  - {name: anneal, levels: [none, air, argon]}
  - {name: ramp, levels: [slow, fast], when: {anneal: [air, argon]}}
  - {name: temperature, kind: integer, low: 3, high: 5, when: {anneal: [air, argon]}}
  - {name: x, kind: numerical, low: 0, high: 1}
  - {name: y, kind: numerical, low: 0, high: 1}
constraints: [{terms: {x: 1, y: 1}, high: 1}, {terms: {x: 1, temperature: -0.1}, low: -0.4}]
forbidden: [{anneal: air, ramp: fast}]
objectives: [{name: f, direction: max}]
costs: {base: 1, levels: {anneal: {argon: 2}}}
evaluator: {kind: recorded, table: mix}
"""


def mix(*changes: tuple[str, str]) -> DesignProblem:
    text = MIX
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return problems.parse(text, where="mix.yaml")


def test_a_variable_out_of_use_has_no_value_and_counts_once() -> None:
    frame = candidates(mix())
    idle = frame.filter(pl.col("anneal") == "none")
    assert idle.height == 66  # x + y <= 1 on a grid of 11 x 11
    assert idle["ramp"].null_count() == idle["temperature"].null_count() == 66
    assert frame["candidate_id"].n_unique() == frame.height
    busy = frame.filter(pl.col("anneal") != "none")
    assert busy.null_count().sum_horizontal().item() == 0


def test_constraints_and_forbidden_combinations_hold_in_lists_samples_and_neighbours() -> None:
    asked, chance = mix(), np.random.default_rng(0)
    some = space.sampled(asked, 300, chance)
    near = space.neighbours(asked, some, 5, chance)
    assert some.height == 300
    for frame in (candidates(asked), some, near):
        assert (frame["x"] + frame["y"]).max() <= 1 + 1e-6  # type: ignore[operator]
        hot = frame.filter(pl.col("temperature").is_not_null())
        assert (hot["x"] - 0.1 * hot["temperature"]).min() >= -0.4 - 1e-6  # type: ignore[operator]
        assert frame.filter((pl.col("anneal") == "air") & (pl.col("ramp") == "fast")).is_empty()


def test_a_narrow_constraint_is_met_and_a_contradiction_is_told() -> None:
    narrow = mix(("{terms: {x: 1, y: 1}, high: 1}", "{terms: {x: 1, y: 1}, low: 0.7, high: 0.7}"))
    some = space.sampled(narrow, 200, np.random.default_rng(0))
    assert some.height == 200
    assert (some["x"] + some["y"] - 0.7).abs().max() < 1e-6  # type: ignore[operator]
    never = mix(("{terms: {x: 1, y: 1}, high: 1}", "{terms: {x: 1, y: 1}, low: 3}"))
    for ask in (candidates, lambda p: space.sampled(p, 10, np.random.default_rng(0))):
        with pytest.raises(InputError, match="constraints contradict each other"):
            ask(never)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("high: 1}, {terms", "high: 1, low: 2}, {terms"), "contradictory constraint"),
        (("high: 1}, {terms", "}, {terms"), "needs low, high or both"),
        (("{terms: {x: 1, y: 1}", "{terms: {x: 1, anneal: 1}"), "anneal is no numerical"),
        (
            ("when: {anneal: [air, argon]}}\n  - {name: temp", "when: {anneal: [steam]}}\n  - {name: temp"),
            "level steam",
        ),
        (("{anneal: {argon: 2}}", "{anneal: {xenon: 2}}"), "costs: anneal has no level xenon"),
        (("{argon: 2}", "{argon: -2}"), "greater than or equal to 0"),
        (("high: 1}, {terms", "high: .nan}, {terms"), "finite"),
        (("[{anneal: air, ramp: fast}]", "[{}]"), "at least 1"),
        (("low: 3, high: 5", "low: 3, high: 9000000000000000000"), "less than or equal to 9007199254740992"),
        (
            (
                "{name: y, kind: numerical, low: 0, high: 1}",
                "{name: y, kind: numerical, low: -1.0e+308, high: 1.0e+308}",
            ),
            "too wide to be a number",
        ),
        (("[none, air, argon]", "[none, air, argon, 'a|b']"), "holds |"),
        (("[none, air, argon]", "[none, air, argon, '']"), "at least 1"),
        (("name: x,", "name: row,"), "row is that of a column of proposals"),
        (("name: x,", "name: mean_f,"), "mean_f is that of a column of proposals"),
    ],
)
def test_a_bad_constraint_or_cost_is_explained(change: tuple[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        mix(change)


def test_costs_are_a_base_and_what_levels_add() -> None:
    asked = mix()
    found = dict(zip(asked.variables[0].levels, [1.0, 1.0, 3.0], strict=True))  # type: ignore[union-attr]
    frame = candidates(asked)
    assert space.costs(asked, frame).tolist() == [found[a] for a in frame["anneal"]]


def test_a_table_of_candidates_is_the_list_and_its_rows_are_checked(tmp_path: Path) -> None:
    file = tmp_path / "mix.yaml"
    file.write_text(MIX + "candidates: rows.csv\n")
    head = "anneal,ramp,temperature,x,y\n"
    (tmp_path / "rows.csv").write_text(head + "none,,,0.123,0.5\nargon,fast,4,0.2,0.3\nnone,,,0.9,0.9\n")
    asked = problems.load(str(file))
    assert not space.is_open(asked)
    assert candidates(asked)["x"].to_list() == [0.123, 0.2]  # the third breaks a constraint
    for row, said in (
        ("steam,,,0,0", "no level steam"),
        ("none,,,2,0", "x = 2 is outside"),
        ("none,,,,0", "no number as x"),
    ):
        (tmp_path / "rows.csv").write_text(head + row + "\n")
        with pytest.raises(InputError, match=said):
            candidates(asked)
    (tmp_path / "rows.csv").write_text("anneal\nnone\n")
    with pytest.raises(InputError, match="missing column ramp"):
        candidates(asked)
    (tmp_path / "rows.csv").unlink()
    with pytest.raises(InputError, match="unreadable table"):
        candidates(asked)


def test_in_a_space_too_big_to_list_the_optimum_is_neared() -> None:
    """f = 1 - (x - .3)^2 - (y - .4)^2, one more where annealed in argon: candidates lie off the sample."""
    asked = mix(("costs: {base: 1, levels: {anneal: {argon: 2}}}\n", ""))
    assert space.is_open(asked)

    def measured(frame: pl.DataFrame) -> pl.DataFrame:
        value = 1 - (pl.col("x") - 0.3) ** 2 - (pl.col("y") - 0.4) ** 2 + (pl.col("anneal") == "argon")
        return frame.select(*(v.name for v in asked.variables), f=value)

    known = measured(campaigns.first(asked, campaigns.offered(asked), n=10))
    for seed in range(6):
        found, told = campaigns.proposed(asked, known, seed=seed)
        assert told.tried.sum() == known.height
        known = pl.concat([known, measured(found)])
    best = known.sort("f", descending=True).row(0, named=True)
    assert best["f"] > 1.97
    assert best["anneal"] == "argon"


def test_observations_off_the_list_are_used_and_those_that_are_not_allowed_are_named() -> None:
    asked = mix()
    rows = [
        ("none", None, None, 0.1234, 0.5, 1.0),
        ("none", "slow", 4, 0.2, 0.2, 1.0),
        ("none", None, None, 0.9, 0.9, 1.0),
    ]
    observed = pl.DataFrame(rows, schema=["anneal", "ramp", "temperature", "x", "y", "f"], orient="row")
    told = campaigns.told(asked, observed)
    assert told.tried.sum() == 2, "ramp and temperature are out of use, so what is written there counts for nothing"
    assert [r.split(": ")[1] for r in told.refused] == ["constraints forbid it"]


def test_of_repeated_observations_the_mean_counts_and_an_infinite_one_is_left_out() -> None:
    asked = problems.load("m2ax")
    row = {"M": "Ti", "A": "Al", "X": "C", "bulk_GPa": 100.0, "shear_GPa": 50.0}
    told = campaigns.told(
        asked, pl.DataFrame([row, {**row, "bulk_GPa": 120.0}, {**row, "A": "Si", "bulk_GPa": np.inf}])
    )
    assert told.values[told.tried].tolist() == [[110.0, 50.0]]
    assert told.refused == ("row 2 has no number as bulk_GPa",)


def test_after_one_observation_or_failures_alone_chance_chooses() -> None:
    asked = problems.load("m2ax")
    row = {"M": "Ti", "A": "Al", "X": "C", "bulk_GPa": 100.0, "shear_GPa": 50.0}
    failed = [{**row, "A": a, "bulk_GPa": None} for a in ("Si", "P", "S")]
    for rows in ([row], failed):
        found, _ = campaigns.proposed(asked, pl.DataFrame(rows), batch=2)
        assert found.height == 2
        assert found["acquisition"].null_count() == 2


def test_where_evaluations_cost_more_they_must_promise_more() -> None:
    observed = candidates(mix()).sample(40, seed=1).with_columns(f=pl.col("x"))
    dear = mix(("{argon: 2}", "{argon: 1000}"))
    for asked, level in ((dear, {"none", "air"}), (mix(("{argon: 2}", "{none: 1000, air: 1000}")), {"argon"})):
        found, _ = campaigns.proposed(asked, observed, batch=3)
        assert set(found["anneal"]) <= level


ABO3 = reference.perovskites_270()


@pytest.mark.parametrize("kind", doe.KINDS)
def test_a_design_has_as_many_different_rows_as_asked_and_repeats_itself(kind: doe.Kind) -> None:
    made = initial(ABO3, n=14, variables=("A", "B"), seed=3, kind=kind, given=(7, 5))
    assert made[:2] == [7, 5]
    assert len(set(made)) == 14
    assert made == initial(ABO3, n=14, variables=("A", "B"), seed=3, kind=kind, given=(7, 5))
    assert len({initial(ABO3, n=2, variables=("A", "B"), seed=s, kind=kind)[0] for s in range(4)}) > 1


def closest(rows: list[int], frame: pl.DataFrame, variables: tuple[str, ...]) -> float:
    made = doe.Space.of(frame, variables, None)
    points = made.points(made.codes, made.numbers)[rows]
    return float(np.sqrt(np.square(points[:, None] - points[None]).sum(-1)[np.triu_indices(len(rows), 1)].min()))


def test_space_filling_designs_keep_their_rows_farther_apart_than_chance() -> None:
    chance = [
        closest(initial(ABO3, n=14, variables=("A", "B"), seed=s, kind="random"), ABO3, ("A", "B")) for s in range(9)
    ]
    assert closest(initial(ABO3, n=14, variables=("A", "B"), kind="space"), ABO3, ("A", "B")) > max(chance)


def test_levels_that_are_more_than_the_points_are_spread_by_what_describes_them() -> None:
    def made(n: int, kind: doe.Kind) -> list[int]:
        return initial(ABO3, n=n, variables=("A", "B"), kind=kind)

    assert made(12, "usual") == made(12, "space") != made(12, "balanced")  # 18 and 15 levels
    assert made(18, "usual") == made(18, "balanced")
    bare = ABO3.with_columns(pl.col("A", "B") + "_")  # no elements: nothing describes them
    assert initial(bare, n=12, variables=("A", "B")) == initial(bare, n=12, variables=("A", "B"), kind="balanced")


def test_an_informative_design_leaves_less_variance_than_chance() -> None:
    made = doe.Space.of(ABO3, ("A", "B"), None)
    prior = doe._prior(made.codes, made.numbers, made.described, np.random.default_rng(7))

    def left(rows: list[int]) -> float:
        seen = prior[np.ix_(rows, rows)] + doe.NOISE * np.eye(len(rows))
        return float(np.trace(prior - prior[:, rows] @ np.linalg.solve(seen, prior[rows])))

    chosen = left(initial(ABO3, n=12, variables=("A", "B"), kind="informative"))
    for kind in ("space", "balanced", "random"):
        assert chosen < left(initial(ABO3, n=12, variables=("A", "B"), kind=kind))  # type: ignore[arg-type]


def test_a_sliced_hypercube_uses_every_level_and_every_step_of_a_number() -> None:
    frame = pl.DataFrame([(a, x / 100) for a in "uvw" for x in range(100)], schema=["a", "x"], orient="row")
    rows = frame[initial(frame, n=12, variables=("a", "x"), kind="lhs")]
    assert rows["a"].value_counts()["count"].to_list() == [4, 4, 4]
    middles = (np.arange(12) + 0.5) / 12
    assert np.abs(np.sort(rows["x"].to_numpy()) - middles).max() < 0.5 / 12 + 0.01  # one in each twelfth


def test_the_rows_of_each_slice_of_a_hypercube_are_one_too() -> None:
    chance = np.random.default_rng(0)
    for _ in range(30):
        which = chance.permutation(np.repeat(np.arange(3), 4))
        number = doe._sliced(which, chance)
        assert sorted((number * 12).astype(int)) == list(range(12))
        for level in range(3):
            assert sorted((number[which == level] * 4).astype(int)) == [0, 1, 2, 3]


def test_of_one_candidate_every_design_is_that() -> None:
    for kind in doe.KINDS:
        assert initial(pl.DataFrame({"a": ["u"], "x": [0.5]}), n=1, variables=("a", "x"), kind=kind) == [0]


BOUNDS = [(0.6, 1.8), (0.3, 0.9), (0.7, 2.9), (-0.2, 0.1), (-2, -0.9), (0, 1e-9), (1e8, 1e8 + 0.1)]


@pytest.mark.parametrize(("low", "high"), BOUNDS)
def test_what_is_drawn_or_near_lies_within_bounds(low: float, high: float) -> None:
    asked = mix(
        ("{name: x, kind: numerical, low: 0, high: 1}", f"{{name: x, kind: numerical, low: {low!r}, high: {high!r}}}"),
        (
            "constraints: [{terms: {x: 1, y: 1}, high: 1}, {terms: {x: 1, temperature: -0.1}, low: -0.4}]",
            "constraints: []",
        ),
    )
    chance = np.random.default_rng(0)
    some = space.sampled(asked, 50, chance)
    edge = some.head(1).with_columns(x=pl.lit(float(high)))
    for rows in (some, space.neighbours(asked, edge, 300, chance)):
        assert [space.refusal(asked, row) for row in rows.iter_rows(named=True)] == [None] * rows.height


def test_a_wide_range_of_whole_numbers_takes_no_memory() -> None:
    wide = mix(("low: 3, high: 5", "low: 3, high: 9000000000000000"), ("temperature: -0.1", "temperature: 1"))
    some = space.sampled(wide, 20, np.random.default_rng(0))
    assert some["temperature"].max() > 1e14  # type: ignore[operator]


def test_before_the_first_answer_what_is_being_evaluated_is_not_proposed_again() -> None:
    asked = problems.load("m2ax")
    nothing = pl.DataFrame(schema={"M": str, "A": str, "X": str, "bulk_GPa": float, "shear_GPa": float})
    initial_, _ = campaigns.proposed(asked, nothing)
    assert initial_.height == asked.budget.initial
    found, _ = campaigns.proposed(asked, nothing, initial_.select("M", "A", "X"), batch=2)
    assert found.height == 2
    assert found.join(initial_, on="candidate_id").is_empty()


def test_designs_of_problems_take_points_of_ones_own() -> None:
    asked = problems.load("abo3_270")
    own = pl.DataFrame({"A": ["Ca", "Sr"], "B": ["Hf", "Ti"]})
    made = campaigns.first(asked, candidates(asked), n=5, given=own)
    assert made.select("A", "B").head(2).equals(own)
    with pytest.raises(InputError, match="row 0 is no candidate \\(A has no level Xx\\) in the points"):
        campaigns.first(asked, candidates(asked), n=5, given=own.with_columns(A=pl.lit("Xx")))
    with pytest.raises(InputError, match="2 points given and 1 asked for"):
        campaigns.first(asked, candidates(asked), n=1, given=own)
    with pytest.raises(InputError, match="unknown kind"):
        campaigns.first(asked, candidates(asked), n=5, kind="magic")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="300 rows asked of 270"):
        campaigns.first(asked, candidates(asked), n=300)


DOPED = """
name: doped
title: An oxide, doped or not
variables:
  - {name: A, levels: [Ca, Sr, Ba]}
  - {name: treat, levels: [none, doped]}
  - {name: dopant, levels: [La, Nd, Gd, Y, Sc], when: {treat: [doped]}}
objectives: [{name: f, direction: max}]
evaluator: {kind: recorded, table: doped}
"""


def test_elements_that_are_out_of_use_at_times_are_described_too() -> None:
    asked = problems.parse(DOPED, where="doped.yaml")
    assert campaigns.usual(asked) == "lvgp-descriptor"
    encoding = campaigns.encoding_of(asked, strategy="lvgp-descriptor")
    assert sorted(encoding.descriptors) == ["A", "dopant"]
    told = encoding.descriptors["dopant"]
    assert told.shape[0] == 6
    assert (told[:5, -1] == 0).all()
    assert (told[5, :-1] == 0).all() & (told[5, -1] == 1)  # "" is a level of its own
    known = candidates(asked).head(8).select("A", "treat", "dopant").with_columns(f=pl.int_range(8).cast(pl.Float64))
    found, _ = campaigns.proposed(asked, known, strategy=campaigns.usual(asked))
    assert found["model_id"].null_count() == 0


HILLS = """
name: hills
title: Two hills of like height
variables:
  - {name: x, kind: numerical, low: 0, high: 1}
  - {name: w, kind: numerical, low: 0, high: 1}
objectives: [{name: f, direction: max}]
evaluator: {kind: recorded, table: hills}
"""


def test_a_batch_of_numbers_is_more_than_one_point_and_much_is_left_to_find() -> None:
    asked = problems.parse(HILLS, where="hills.yaml")
    chance = np.random.default_rng(0)
    x, w = chance.random((2, 10))
    known = pl.DataFrame({"x": x, "w": w, "f": np.exp(-30 * ((x - 0.2) ** 2 + (w - 0.2) ** 2))})
    found, _ = campaigns.proposed(asked, known, batch=6)
    points = found.select("x", "w").to_numpy()
    apart = np.linalg.norm(points[:, None] - points[None], axis=-1)[np.triu_indices(6, 1)]
    assert np.median(apart) > 0.1
    listed = space.sampled(asked, 2000, chance).select("x", "w")
    frame = pl.concat([known.select("x", "w"), listed])
    encoding = campaigns.encoding_of(asked)
    values = np.append(known["f"].to_numpy(), np.full(2000, np.nan))[:, None]
    seen = Known(frame=frame, values=values, tried=np.arange(2010) < 10, encoding=encoding, wanted=asked.objectives)
    assert found["p_complete"][0] <= propose(seen)["p_complete"][0] + 0.1, "more candidates make none the last"


def test_shares_that_sum_to_one_move_together() -> None:
    shares = [f"{{name: {n}, kind: numerical, low: 0, high: 1}}" for n in "abcd"]
    whole = "constraints: [{terms: {a: 1, b: 1, c: 1, d: 1}, low: 1, high: 1}]"
    text = f"{HILLS}{whole}\n".replace("  - {name: x, kind: numerical, low: 0, high: 1}\n", "")
    text = text.replace("{name: w, kind: numerical, low: 0, high: 1}", "\n  - ".join(shares))
    asked, chance = problems.parse(text, where="shares.yaml"), np.random.default_rng(0)
    some = space.sampled(asked, 24, chance)
    near = space.neighbours(asked, some, 20, chance)
    assert near.height > 200
    assert np.abs(near.select(*"abcd").to_numpy().sum(axis=1) - 1).max() < 1e-8


def test_whole_numbers_may_have_a_point_and_others_are_refused() -> None:
    asked = mix()
    rows = [("air", "slow", t, 0.1, 0.2, 1.0) for t in ("4.0", "5", "3.5")]
    table = pl.DataFrame(rows, schema=["anneal", "ramp", "temperature", "x", "y", "f"], orient="row")
    for given in (table, table.with_columns(pl.col("temperature").cast(pl.Float64))):
        found = campaigns.told(asked, given)
        assert found.frame.filter(pl.Series(found.tried))["temperature"].sort().to_list() == [4, 5]
        assert [why.split(": ")[1] for why in found.refused] == ["no whole number as temperature"]


def test_of_a_candidate_that_was_measured_again_the_mean_counts_and_no_failure_erases_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked = problems.load("m2ax")
    rows = [("Ti", "Al", "C", 100.0, 50.0), ("Ti", "Al", "C", 110.0, 60.0), ("Ti", "Al", "C", None, None)]
    rows += [("Zr", "Al", "C", None, None), ("Hf", "Al", "C", 1.0, 2.0)]
    table = pl.DataFrame(rows, schema=["M", "A", "X", "bulk_GPa", "shear_GPa"], orient="row")
    found = campaigns.told(asked, table)
    assert found.tried.sum() == 3
    assert sorted(found.values[np.isfinite(found.values).all(axis=1)].tolist()) == [[1.0, 2.0], [105.0, 55.0]]
    assert "1 candidates were observed more than once" in caplog.text


def test_a_level_that_is_no_text_is_named() -> None:
    for levels, said in (("[1, 2]", "the level 1 is no text"), ("[Y, N, No]", "the level False is no text")):
        with pytest.raises(InputError, match=said):
            mix(("levels: [none, air, argon]", f"levels: {levels}"))


def test_a_row_that_a_table_of_candidates_lacks_and_one_that_waits_are_told_so(tmp_path: Path) -> None:
    asked = problems.load("m2ax")
    observed = pl.DataFrame({"M": ["Ti"], "A": ["Al"], "X": ["C"], "bulk_GPa": [1.0], "shear_GPa": [1.0]})
    with pytest.raises(InputError, match="M=Fe, A=Al, X=C, which is no candidate"):
        campaigns.proposed(asked, observed, pl.DataFrame({"M": ["Fe"], "A": ["Al"], "X": ["C"]}))
    (tmp_path / "rows.csv").write_text("x,w\n0.5,0.25\n0.75,0.5\n")
    listed = problems.parse(HILLS + "candidates: rows.csv\n", where="hills.yaml")
    listed = listed.model_copy(update={"candidates": str(tmp_path / "rows.csv")})
    found = campaigns.told(listed, pl.DataFrame({"x": [0.5, 0.3], "w": [0.25, 0.5], "f": [1.0, 2.0]}))
    assert found.refused[0].endswith("rows.csv has no such row")
