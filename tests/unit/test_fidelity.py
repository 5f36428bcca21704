"""Several fidelities: which columns are meant, no row that saw itself, intervals that cover, models that come back."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models import fidelity
from models.fidelity import columns, inputs, intervals, latent, lower, top
from schemas.errors import InputError

ANIONS, METALS = (
    ("O", "S", "Se", "F", "Cl", "N"),
    ("Li", "Mg", "Al", "Ca", "Ti", "V", "Mn", "Fe", "Ni", "Cu", "Zn", "Y"),
)


@pytest.fixture(scope="module")
def gaps() -> pl.DataFrame:
    """Made-up gaps of 144 compounds: a cheap value that follows the composition, a costly one above it."""
    chance = np.random.default_rng(0)
    rows = [(f"{m}{k}{a}2", i, j, k) for i, m in enumerate(METALS) for j, a in enumerate(ANIONS) for k in (1, 3)]
    cheap = np.maximum([0.5 * i + 0.3 * j * k - 2 for _, i, j, k in rows], 0.0)
    costly = np.where(cheap > 0, 1.2 * cheap + 0.4, 0.0) + 0.02 * chance.standard_normal(len(rows)) * (cheap > 0)
    there = chance.random(len(rows)) < 0.8
    return pl.DataFrame(
        {
            "formula": [f for f, *_ in rows],
            "pbe_median": np.where(there, cheap, np.nan),
            "pbe_n": chance.integers(1, 9, len(rows)),
            "pbe_aflow_median": cheap,
            "expt_gap_eV": np.where(chance.random(len(rows)) < 0.9, costly, np.nan),
        }
    ).with_columns(pl.col("pbe_median", "expt_gap_eV").fill_nan(None))


@pytest.fixture(scope="module")
def fused(gaps: pl.DataFrame) -> fidelity.Fused:
    return fidelity.fit(gaps, fidelities=("pbe", "expt"), target="expt", trees=12)


def test_a_fidelity_is_found_by_its_name_and_a_known_ending(gaps: pl.DataFrame) -> None:
    found = columns.resolve(gaps, ("pbe", "expt"), "expt")
    assert found == columns.Columns({"pbe": "pbe_median"}, ("pbe_aflow_median",), "expt_gap_eV", "formula")
    with pytest.raises(InputError, match="no column of fidelity 'hse'"):
        columns.resolve(gaps, ("hse", "expt"), "expt")
    with pytest.raises(InputError, match="nothing to predict from"):
        columns.resolve(gaps.drop("formula"), ("expt",), "expt")


def test_a_chemical_system_is_in_one_fold_however_it_is_written() -> None:
    frame = pl.DataFrame({"formula": ["TiO2", "O1 Ti1", "Ti0.4 O0.6", "NaN", None, "?!"], "pbe": [1.0] * 5 + [None]})
    read = inputs.read(frame, columns.resolve(frame.with_columns(hse=1.0), ("pbe",), "hse"))
    assert len(set(read.folds(4, salt="x")[:3])) == 1
    assert read.systems[3] == "N-Na"
    assert [why is None for why in read.reasons] == [True] * 5 + [False]


def test_a_lower_fidelity_is_predicted_without_the_row_itself(gaps: pl.DataFrame) -> None:
    read = inputs.read(gaps, columns.resolve(gaps, ("pbe",), "expt"))
    values = gaps["pbe_aflow_median"].to_numpy()
    spoilt = values.copy()
    at = int(np.argmax(values))
    spoilt[at] = 100.0
    first, second = (lower.fit(read, v, seed=0) for v in (values, spoilt))
    assert first is not None
    assert second is not None
    assert first.predict(read)[at] == second.predict(read)[at]
    assert lower.fit(read, np.full(len(read), np.nan), seed=0) is None


def test_the_costly_value_is_found_from_the_cheap_one(gaps: pl.DataFrame, fused: fidelity.Fused) -> None:
    known = gaps.filter(pl.col("expt_gap_eV").is_not_null())
    error = (fused.predict(known)["mean"] - known["expt_gap_eV"]).abs().mean()
    cheap = (known["pbe_aflow_median"] - known["expt_gap_eV"]).abs().mean()
    assert isinstance(error, float)
    assert isinstance(cheap, float)
    assert error < 0.2 * cheap
    assert fused.scores["mae"] < 0.6 * min(cheap, fused.scores["mae_of"]["alone"])  # held out


def test_predictions_stay_in_their_interval_and_above_the_floor(gaps: pl.DataFrame, fused: fidelity.Fused) -> None:
    found = fused.predict(gaps)
    assert found["ok"].all()
    assert (found["low"] <= found["mean"]).all()
    assert (found["mean"] <= found["high"]).all()
    assert (found["sd"] > 0).all()
    assert found["low"].min() == fused.floor.value == 0.0


def test_a_row_without_composition_or_value_stays_with_a_reason(fused: fidelity.Fused) -> None:
    frame = pl.DataFrame({"formula": [None, None, "TiO2", "((("], "pbe_median": [1.0, None, None, None]})
    found = fused.predict(frame)
    assert found["ok"].to_list() == [True, False, True, False]
    assert found["mean"].is_null().to_list() == [False, True, False, True]
    assert found["reason"][1] == "neither a composition nor a value of a lower fidelity"
    assert fused.predict(frame.select("formula"))["ok"].to_list() == [False, False, True, False]


def test_huge_numbers_and_tables_without_rows_are_answered(fused: fidelity.Fused) -> None:
    huge = fused.predict(pl.DataFrame({"formula": ["TiO2", "TiO2"], "pbe_median": [1e300, 1.0]}))
    assert huge["ok"].all()
    assert huge["mean"].is_finite().all()
    assert fused.predict(pl.DataFrame(schema={"formula": pl.String, "pbe_median": pl.Float64})).height == 0


def test_a_value_that_never_changes_is_predicted(gaps: pl.DataFrame) -> None:
    flat = gaps.with_columns(expt_gap_eV=pl.lit(0.0))
    found = fidelity.fit(flat, fidelities=("pbe", "expt"), target="expt", way="alone", trees=10).predict(flat)
    assert found["mean"].to_list() == found["high"].to_list() == [0.0] * gaps.height


def test_columns_that_hold_nothing_to_learn_from_are_refused(gaps: pl.DataFrame) -> None:
    odd = gaps.with_columns(hse=pl.lit("n/a"), text=pl.lit("(("))
    with pytest.raises(InputError, match="no number in column hse in --fidelities"):
        fidelity.fit(odd, fidelities=("hse", "expt"), target="expt")
    with pytest.raises(InputError, match="no composition in column text in --column"):
        fidelity.fit(odd, fidelities=("pbe", "expt"), target="expt", formula="text")
    with pytest.raises(InputError, match="no composition in column formula"):
        fidelity.fit(gaps.with_columns(formula=pl.lit("((")), fidelities=("pbe", "expt"), target="expt")


def test_rows_without_any_composition_are_predicted_from_the_cheap_value(gaps: pl.DataFrame) -> None:
    known = gaps.drop_nulls("expt_gap_eV").with_columns(
        formula=pl.when(pl.int_range(pl.len()) % 2 == 0).then(None).otherwise("formula")
    )
    model = fidelity.fit(known, fidelities=("pbe", "expt"), target="expt", trees=12)
    blind = known.filter(pl.col("formula").is_null()).drop_nulls("pbe_median")
    assert model.scores["rows_without_composition"] == known["formula"].null_count()
    error = (model.predict(blind)["mean"] - blind["expt_gap_eV"]).abs().mean()
    cheap = (blind["pbe_median"] - blind["expt_gap_eV"]).abs().mean()
    assert isinstance(error, float)
    assert isinstance(cheap, float)
    assert error < 0.5 * cheap
    bare = fidelity.fit(gaps.drop("formula"), fidelities=("pbe", "expt"), target="expt", trees=12)
    assert bare.predict(blind.drop("formula"))["ok"].all()


def test_a_model_comes_back_as_it_was_saved(gaps: pl.DataFrame, fused: fidelity.Fused, tmp_path: Path) -> None:
    fidelity.save(fused, tmp_path / "m", target="expt")
    assert fidelity.load(tmp_path / "m").predict(gaps).equals(fused.predict(gaps))


def test_too_few_rows_are_refused(gaps: pl.DataFrame) -> None:
    with pytest.raises(InputError, match="give at least 30"):
        fidelity.fit(gaps.head(20), fidelities=("pbe", "expt"), target="expt")


def test_intervals_cover_what_they_say_and_are_wide_where_errors_are() -> None:
    chance = np.random.default_rng(1)
    clues = chance.random((1200, 2))
    errors = chance.standard_normal(1200) * (0.1 + clues[:, 0])
    above = np.ones(800, dtype=bool)
    widths = intervals.fit(clues[:800], errors[:800], np.arange(800) % 5, above=above, seed=0)
    scale = widths.scale(clues[800:])
    covered = float((np.abs(errors[800:]) <= widths.reach.above * scale).mean())
    assert 0.86 <= covered <= 0.94
    assert np.corrcoef(scale, clues[800:, 0])[0, 1] > 0.8
    assert np.mean((errors[800:] / scale / widths.deviation.above) ** 2) == pytest.approx(1.0, abs=0.3)


def test_metals_that_are_nearly_all_right_do_not_narrow_the_intervals_of_others() -> None:
    chance = np.random.default_rng(2)
    above = np.arange(2000) % 2 == 0
    errors = np.where(above, chance.standard_normal(2000), 0.0)
    widths = intervals.fit(np.zeros((1000, 1)), errors[:1000], np.arange(1000) % 5, above=above[:1000], seed=0)
    inside = np.abs(errors[1000:]) <= widths.reach.of(above[1000:]) * widths.scale(np.zeros((1000, 1)))
    assert 0.86 <= inside[above[1000:]].mean() <= 0.94
    assert widths.reach.lowest == 0.0


def test_one_process_over_sources_corrects_by_what_is_known_of_a_row() -> None:
    chance = np.random.default_rng(3)
    x, own = chance.standard_normal((30, 1)), chance.standard_normal(30)  # `own`: what no composition tells of a row
    cheap = x[:, 0] + own
    costly = 1.2 * cheap + 0.5
    known = np.arange(30) < 14
    model = latent.fit(x, cheap[:, None], np.where(known, costly, np.nan), seed=0)
    asked = x[~known], cheap[~known][:, None]
    with_cheap = np.abs(model.predict(*asked) - costly[~known]).mean()
    without = np.abs(model.predict(asked[0], np.full((16, 1), np.nan)) - costly[~known]).mean()
    assert with_cheap < 0.5 * without


def test_a_way_is_used_that_was_asked_for(gaps: pl.DataFrame) -> None:
    with pytest.raises(InputError, match="way 'magic' in --way: of this table use one of alone"):
        fidelity.fit(gaps, fidelities=("pbe", "expt"), target="expt", way="magic")
    few = gaps.drop_nulls().sample(40, seed=0)
    made = fidelity.fit(few, fidelities=("pbe", "expt"), target="expt", way="delta", trees=5)
    assert list(made.scores["mae_of"]) == ["delta"] == [m.name for m in made.members]
    assert "latent" in top.suited(top.Seen(np.ones((40, 2)), np.ones((40, 1)), np.ones(40), np.ones((40, 1))))
    assert "latent" not in top.suited(top.Seen(np.ones((90, 2)), np.ones((90, 1)), np.ones(90), np.ones((90, 1))))
