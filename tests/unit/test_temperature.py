"""Transition temperatures: descriptors of sites, drawn processes, errors with compounds and families left out."""

import numpy as np
import polars as pl
import pytest

from etl import reference
from etl.features.sites import SITES, sites
from models.screening import leaving, process, temperature, warped
from schemas.arrays import Floats
from schemas.errors import InputError


@pytest.fixture(scope="module")
def known() -> pl.DataFrame:
    return reference.labelled_compounds().filter(pl.col("t_mit_K").is_not_null())


@pytest.fixture(scope="module")
def nickelates(known: pl.DataFrame) -> pl.DataFrame:
    return known.filter(pl.col("family_ln") == "Ln-Ni-O")


@pytest.fixture(scope="module")
def model(known: pl.DataFrame) -> temperature.TemperatureModel:
    return temperature.train(known)


def test_sites_of_a_compound_are_those_between_its_open_shell_metals() -> None:
    """Radii: R. D. Shannon, Acta Cryst. A32, 751 (1976), nine neighbours: Nd3+ 1.163, Ca2+ 1.18."""
    rows = [dict(zip(SITES, row, strict=True)) for row in sites(["NdNiO3", "Cd2Os2O7", "CaFe4(CuO4)3", "VO2", "what"])]
    told = [(r["site_ratio"], r["anion_ratio"], r["metal_state"]) for r in rows[:4]]
    assert np.array(told) == pytest.approx(np.array([(1, 3, 3), (1, 3.5, 5), (1 / 7, 12 / 7, 22 / 7), (0, 2, 4)]))
    assert [rows[0]["site_radius"], rows[2]["site_radius"]] == pytest.approx([1.163, 1.18])
    assert (rows[1]["of_Os"], rows[2]["of_Fe"], rows[2]["of_Cu"]) == pytest.approx((1, 4 / 7, 3 / 7))
    assert rows[0]["site_electronegativity"] == sites(["TbNiO3"])[0][1] == pytest.approx(1.2)
    assert np.isnan(rows[3]["site_radius"])
    assert np.isnan(list(rows[4].values())).all()


def test_the_slope_of_the_evidence_is_that_of_its_value() -> None:
    rng = np.random.default_rng(0)
    X, y, p = rng.normal(size=(9, 2)), rng.normal(size=9), np.array([0.1, 0.4, -0.2, -1.0])
    distances = np.stack([process.squared(c, c) for c in (X[:, :1], X[:, 1:])])

    def value(q: Floats) -> float:
        return process._negative_evidence(q, distances, y)[0]

    slope = process._negative_evidence(p, distances, y)[1]
    numeric = [(value(p + d) - value(p - d)) / 2e-5 for d in 1e-5 * np.eye(4)]
    assert slope == pytest.approx(np.array(numeric), rel=1e-5)


def test_draws_follow_their_posterior() -> None:
    """One row at zero says nothing of the length: its draws are those of the prior, around `LENGTH` with spread 1."""
    draws = process.draw(np.zeros((1, 1, 1)), np.zeros(1), count=400, seed=1)
    assert draws[:, 1].mean() == pytest.approx(np.log(process.LENGTH), abs=0.25)
    assert draws[:, 1].std() == pytest.approx(1.0, abs=0.2)


def test_quantiles_invert_the_distribution_and_no_temperature_is_negative() -> None:
    belief = warped.Belief(np.array([[[12.0, 1.0]], [[5.0, 2.0]]]), np.array([[[3.0, 3.0]], [[0.5, 2.0]]]))
    for q in (0.5, 0.9):
        assert belief.below(belief.quantile(q)) == pytest.approx([q, q])
    assert belief.quantile(0.01)[1] == pytest.approx(0.0, abs=1e-3)


def test_temperatures_come_with_intervals_that_cover(known: pl.DataFrame, model: temperature.TemperatureModel) -> None:
    report = model.card.scores
    assert report["mae_K"] < report["mae_quadratic_K"] < report["mae_family_mean_K"] < report["mae_mean_K"]
    assert 0.78 <= report["coverage_80"] <= 0.83
    assert report["mae_K"] < report["leave_family_out"]["mae_K"] < report["leave_family_out"]["mae_median_K"]
    assert sum(family["n"] for family in report["families"].values()) == report["n"] == known.height
    found = temperature.predict(model, pl.DataFrame({"formula": ["HoNiO3", "what"]}))
    row = found.row(0, named=True)
    assert row["low_K"] < row["t_mit_K"] < row["high_K"]
    assert found["ok"].to_list() == [True, False]
    with pytest.raises(InputError):
        temperature.train(known.head(3))


def test_a_known_temperature_is_looked_up_and_not_shrunk(model: temperature.TemperatureModel) -> None:
    found = temperature.predict(model, pl.DataFrame({"formula": ["VO2", "V2O4", "NdNiO3", "HoNiO3", "what"]}))
    assert found["t_known_K"].to_list() == [340.0, 340.0, 200.0, None, None]
    assert found["t_mit_K"][:3].to_list() == pytest.approx([340, 340, 200], rel=0.05)
    assert found.filter(~pl.col("ok"))["t_mit_K"].to_list() == [None]


def test_members_of_a_series_fall_between_their_neighbours(model: temperature.TemperatureModel) -> None:
    """In the table: Gd 509, Dy 562, Er 583 K. Ho, not in it: 573 K (J. A. Alonso et al., Phys. Rev. B 64, 094102)."""
    found = temperature.predict(model, pl.DataFrame({"formula": ["TbNiO3", "HoNiO3"]}))
    terbium, holmium = found["t_mit_K"].to_list()
    assert 509 < terbium < 562 < holmium < 600
    assert holmium == pytest.approx(573, abs=15)
    assert (found["high_K"] - found["low_K"]).max() < 120


def test_a_compound_alone_gets_a_wider_interval_than_a_member_of_a_series(model: temperature.TemperatureModel) -> None:
    found = temperature.predict(model, pl.DataFrame({"formula": ["HoNiO3", "BaReO3"]}))
    series, alone = (found["high_K"] - found["low_K"]).to_list()
    assert alone > 5 * series


def test_a_series_alone_beats_the_quadratic_in_its_tolerance_factor(nickelates: pl.DataFrame) -> None:
    report = temperature.evaluate(nickelates)
    assert report["n"] == 9
    assert report["mae_K"] < report["mae_quadratic_K"] < report["mae_line_K"] < report["mae_mean_K"]
    assert report["mae_low_K"] < report["mae_K"] < report["mae_high_K"]
    assert report["leave_family_out"]["mae_K"] is None


def test_baselines_agree_with_hand_values() -> None:
    t, radius = np.array([10.0, 20.0, 30.0, 100.0]), np.array([1.0, 2.0, 3.0, 1.0])
    keys = np.array(["a", "a", "a", "b"], dtype=object)
    rest = np.array([1, 2, 3])
    assert [leaving._family_fit(0, rest, t, radius, keys, d) for d in (0, 1, 2)] == pytest.approx([25, 25, 25])
    long = leaving._family_fit(3, np.arange(3), t, np.array([1.0, 2.0, 3.0, 4.0]), np.array(["a"] * 4), 1)
    assert long == pytest.approx(40)


def test_nothing_of_a_row_left_out_reaches_its_prediction(nickelates: pl.DataFrame) -> None:
    rows = temperature._usable(nickelates)
    groups = [np.array([i]) for i in range(len(rows.t))]
    before = leaving._left_out(rows.X, rows.t, groups, 0).mean
    after = leaving._left_out(rows.X, np.where(np.arange(len(rows.t)) == 4, 900.0, rows.t), groups, 0).mean
    assert after[:, :, 4] == pytest.approx(before[:, :, 4])
    assert not np.allclose(after[:, :, 3], before[:, :, 3])
