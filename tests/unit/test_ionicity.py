"""The published map of Ewald energy and covalent radii: as tables, as a figure, and held against the labels."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dagster_project.assets.screening import drawn
from dagster_project.commands import explained
from dagster_project.io_manager import figure
from etl import reference
from models.screening import CLASSES, contrasts, explanation, training
from models.screening.effects import group_weights
from models.screening.plane import EWALD, RADII
from schemas.emit.polars import inspect
from schemas.tables import REGISTRY
from warehouse.report import ionicity


@pytest.fixture(scope="module")
def model() -> training.ScreeningModel:
    return training.train(reference.labelled_compounds())


@pytest.fixture(scope="module")
def found(model: training.ScreeningModel) -> explanation.Explanation:
    return explanation.explain(model, top=2, pairs=1, replicates=40)


@pytest.fixture(scope="module")
def compared(model: training.ScreeningModel) -> pl.DataFrame:
    return contrasts.contrasts(model)


def test_the_map_is_there_whatever_leads_and_its_classes_share_one_probability(
    model: training.ScreeningModel, found: explanation.Explanation
) -> None:
    assert not {EWALD, RADII} <= set(found.ale["feature"])
    grid = found.plane.filter(pl.col("kind") == "plane")
    assert set(grid["class_name"]) == set(CLASSES)
    total = grid.group_by("x_1", "x_2").agg(pl.col("effect").sum())["effect"]
    assert np.allclose(total, 1)
    effects = found.plane.filter(pl.col("kind").is_in(["plane_first", "plane_pair"]))
    by_place = effects.group_by("kind", "feature_1", "x_1", "x_2").agg(pl.col("effect").sum())["effect"]
    assert np.allclose(by_place, 0)
    rows = explanation.tabulate([found], model.model_id)
    table = REGISTRY["pred.explanations"]
    assert inspect(rows.select(list(table.column_names)), table).rejected_rows == 0


def test_a_compound_without_ewald_energy_is_not_drawn(
    model: training.ScreeningModel, found: explanation.Explanation
) -> None:
    known = np.isfinite(model.richest.matrix[:, model.richest.names.index(EWALD)]).sum()
    points = found.plane.filter(pl.col("kind") == "plane_point")
    assert points.height == known < len(model.formulas)
    assert (points["x_1"] < 0).all()


def test_a_part_without_structure_has_no_map(model: training.ScreeningModel) -> None:
    plain = explanation.explain(model, features="composition", top=1, replicates=2)
    assert plain.plane.height == 0
    assert "plane" not in explanation.tabulate([plain], "m")["kind"].to_list()


def test_contrasts_fit_their_table(compared: pl.DataFrame) -> None:
    table = REGISTRY["pred.contrasts"]
    assert set(compared.columns) == set(table.column_names)
    assert inspect(compared, table).rejected_rows == 0


def test_what_the_labels_say_of_the_claim(compared: pl.DataFrame) -> None:
    def step(among: str, feature: str, one: str, other: str) -> str:
        row = compared.filter(
            pl.col("statistic") == "superiority", among=among, feature=feature, class_name=one, other_class=other
        )
        return str(row["verdict"].item())

    assert step("all", RADII, "metal", "insulator") == "agrees"
    assert step("oxides", RADII, "mit", "insulator") == "agrees"
    assert step("oxides", RADII, "metal", "mit") == "disagrees"
    assert step("all", EWALD, "metal", "insulator") == "disagrees"  # the metals are pnictides of high guessed charge
    followed = compared.filter(pl.col("statistic") == "spearman")
    assert followed["value"].item() > 0.95
    assert followed["n"].item() == 11


def test_tolerance_factors_are_those_of_shannon_by_hand() -> None:
    # Shannon (1976): La 1.216 and Nd 1.163 in ninefold coordination, low-spin Ni3+ 0.56, O2- 1.40 angstrom.
    assert contrasts.nickelate_tolerance("LaNiO3") == pytest.approx((1.216 + 1.4) / (2**0.5 * 1.96))
    assert contrasts.nickelate_tolerance("NdNiO3") == pytest.approx((1.163 + 1.4) / (2**0.5 * 1.96))
    assert [contrasts.nickelate_tolerance(f) for f in ("LaCoO3", "NiNiO3", "XxNiO3", "HeNiO3")] == [None] * 4


def test_holm_is_as_by_hand() -> None:
    # Holm (1979): sorted p times 4, 3, 2, 1, never falling.
    assert contrasts.holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_weighted_medians_and_superiority_without_weights_are_the_plain_ones() -> None:
    from scipy import stats

    rng = np.random.default_rng(0)
    for n in (30, 31):
        x = rng.integers(0, 9, n).astype(float)
        assert contrasts._medians(x, np.ones((1, n)))[0] == np.median(x)
        one = np.arange(n) < 12
        u = stats.mannwhitneyu(x[~one], x[one]).statistic
        assert contrasts._superiority(x, one, ~one, np.ones((1, n)))[0] == pytest.approx(u / (12 * (n - 12)))
    doubled = group_weights(["a", "a", "b"], replicates=1, rng=rng)
    assert doubled[1, 0] == doubled[1, 1] != doubled[1, 2]


def test_the_words_turn_with_the_numbers(compared: pl.DataFrame) -> None:
    said = ionicity.said(compared)
    assert len(said) == 5
    assert "agree on transitions against insulators" in said[3]
    assert "disagree on metals against transitions" in said[3]
    turned = compared.with_columns(verdict=pl.when(pl.col("verdict").is_not_null()).then(pl.lit("undecided")))
    assert all("agree" not in s for s in ionicity.said(turned))
    assert "is not seen to follow" in ionicity.said(turned)[4]


def test_the_map_is_drawn_for_the_page_the_asset_and_the_command(
    model: training.ScreeningModel, found: explanation.Explanation, tmp_path: Path
) -> None:
    rows = explanation.tabulate([found], model.model_id)
    images = drawn(rows)
    assert any("before the p_mit of the model" in words for words in images)
    shown = figure(rows, drawn)
    assert shown.count("![") == len(images) == 4  # importance, map, two effects
    assert "plane.png" in explained.draw(found, tmp_path)
    assert (tmp_path / "plane.png").stat().st_size > 10_000
