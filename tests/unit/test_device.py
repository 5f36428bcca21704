"""Materials in a device: closed forms without uncertainty, probabilities with it, nothing assumed silently."""

import math
from pathlib import Path

import polars as pl
import pytest
from scipy.stats import norm

from models.physics import device as devices
from schemas.errors import InputError

TEXT = """
name: threshold switch at 85 C
volume_m3: 5.0e-22
ambient_K: 358.15
thermal_conductance_W_K: 1.0e-7
coupling: 0.2
assumed: {heat_capacity_J_m3_K: 3.0e6, latent_heat_J_m3: 0.0}
requirements:
  window_K: {least: 10}
  on_off_log10: {least: 2}
"""


def device(tmp_path: Path, text: str = TEXT) -> devices.Device:
    (tmp_path / "d.yaml").write_text(text)
    return devices.load(str(tmp_path / "d.yaml"))


def test_figures_without_uncertainty_are_the_closed_forms(tmp_path: Path) -> None:
    rows = pl.DataFrame({"t_mit_K": [400.0], "hysteresis_K": [10.0], "gap_eV": [0.5]})
    found = devices.evaluate(rows, device(tmp_path)).row(0, named=True)
    assert found["window_K"] == pytest.approx(400 - 5 - 358.15)
    assert found["on_off_log10"] == pytest.approx(0.5 / (2 * 8.617333262e-5 * 358.15) / math.log(10))
    assert found["switching_energy_J"] == pytest.approx(5e-22 * 3e6 * (405 - 358.15))
    assert found["threshold_power_W"] == pytest.approx(1e-7 * (405 - 358.15))
    assert found["crosstalk_margin_K"] == pytest.approx(0.8 * (405 - 358.15))
    assert (found["p_suits"], found["rank"]) == (1.0, 1)
    assert found["assumed"] == ["heat_capacity_J_m3_K", "latent_heat_J_m3"]


def test_a_metal_at_the_ambient_is_ranked_behind_the_switch_that_works(tmp_path: Path) -> None:
    rows = pl.DataFrame({"t_mit_K": [340.0, 420.0], "hysteresis_K": [0.0, 0.0], "off_on_log10": [5.0, 2.5]})
    found = devices.evaluate(rows, device(tmp_path))
    assert found["rank"].to_list() == [2, 1]
    assert found["p_suits"].to_list() == [0.0, 1.0]
    assert found["switching_energy_J"][0] is None, "there is nothing to switch"


def test_uncertainty_of_the_temperature_becomes_a_probability(tmp_path: Path) -> None:
    rows = pl.DataFrame({"t_mit_K": [378.15], "low_K": [352.5189687], "high_K": [403.7810313], "hysteresis_K": [0.0]})
    found = devices.evaluate(rows.with_columns(off_on_log10=pl.lit(3.0)), device(tmp_path)).row(0, named=True)
    assert found["p_suits"] == pytest.approx(norm.cdf((378.15 - 368.15) / 20.0), abs=0.03)
    assert found["window_K_low"] == pytest.approx(352.5 - 358.15, abs=2)


def test_what_is_not_known_is_null_with_a_reason_and_suits_nothing(tmp_path: Path) -> None:
    rows = pl.DataFrame(
        {"t_mit_K": [400.0, None], "hysteresis_K": [5.0, 5.0]}, schema_overrides={"t_mit_K": pl.Float64}
    )
    found = devices.evaluate(rows, device(tmp_path))
    assert found["reason"].to_list() == ["unknown: on_off_log10", "no transition temperature"]
    assert found["p_suits"].to_list() == [0.0, None]
    assert found["ok"].to_list() == [True, False]


def test_a_cell_that_is_no_number_costs_its_own_row_alone(tmp_path: Path) -> None:
    rows = {"t_mit_K": ["400", "hot", "-5", "1e308"], "off_on_log10": ["3", "3", "3", "3"]}
    rows |= {"hysteresis_K": ["5", "5", "5", "wide"], "low_K": ["395", "", "", "-1e308"]}
    found = devices.evaluate(pl.DataFrame(rows | {"high_K": ["405", "", "", "1e308"]}), device(tmp_path))
    assert found["ok"].to_list() == [True, False, False, True]
    assert found["reason"].to_list() == [
        None,
        "no number in high_K, low_K, t_mit_K; no transition temperature",
        "no number in high_K, low_K; no transition temperature",
        "no number in hysteresis_K; unknown: window_K",
    ]
    assert found["p_suits"].to_list()[:3] == [1.0, None, None]
    assert found["window_K"][2] is None, "there is nothing below absolute zero"
    assert devices.mismatch(found, "t_mit_K") is None
    with pytest.raises(InputError, match="lists or objects in column t_mit_K"):
        devices.evaluate(pl.DataFrame({"t_mit_K": [[340.0]]}), device(tmp_path))


def test_an_interval_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    rows = pl.DataFrame({"t_mit_K": [400.0, 400.0], "low_K": [410.0, 390.0], "high_K": [390.0, 410.0]})
    found = devices.evaluate(rows, device(tmp_path))
    assert found["ok"].to_list() == [False, True]
    assert found["reason"][0] == "low_K is above high_K"
    assert found["p_suits"][0] is None


def test_the_same_seed_gives_the_same_rows(tmp_path: Path) -> None:
    rows = pl.DataFrame({"t_mit_K": [378.0, 390.0], "gap_eV": [0.3, 0.2], "gap_eV_sd": [0.1, 0.1]})
    first, again = (devices.evaluate(rows, device(tmp_path), seed=4) for _ in range(2))
    assert first.equals(again)
    assert not first.equals(devices.evaluate(rows, device(tmp_path), seed=5))


def test_a_ranking_by_gap_can_mislead(tmp_path: Path) -> None:
    rows = pl.DataFrame(
        {"t_mit_K": [340.0, 380.0, 420.0, 500.0], "gap_eV": [0.9, 0.7, 0.5, 0.4], "hysteresis_K": [30.0] * 4}
    )
    found = devices.evaluate(rows, device(tmp_path))
    assert devices.mismatch(found, "gap_eV") == pytest.approx(-0.894, abs=0.01)
    assert devices.mismatch(found.head(2), "gap_eV") is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("coupling: 0.2", "coupling: 1.2"), "coupling"),
        (("window_K: {least: 10}", "window_K: {}"), "least or most"),
        (("window_K: {least: 10}", "window_K: {least: 10, most: 5}"), "nothing can keep to both"),
        (("window_K: {least", "windows: {least"), "requirements"),
        (("volume_m3: 5.0e-22", "volume_m3: 0"), "volume_m3"),
        (("name: threshold", "colour: red\nname: threshold"), "unknown key"),
    ],
)
def test_a_device_that_means_nothing_is_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        device(tmp_path, TEXT.replace(*change))


def test_materials_without_temperatures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="matloom temperature predict"):
        devices.evaluate(pl.DataFrame({"formula": ["VO2"]}), device(tmp_path))
