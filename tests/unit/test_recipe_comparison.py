"""Every recipe model beside every other, on the shipped syntheses and in little time."""

import numpy as np
import polars as pl
import pytest

from etl import reference
from models.recipes import comparison, features, generators, grid, published
from models.recipes.table import normalise
from schemas.errors import InputError


@pytest.fixture(scope="module")
def facts() -> pl.DataFrame:
    return reference.recipe_facts()


def test_every_model_of_conditions_is_scored_on_the_same_papers(
    facts: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generators, "ROUNDS", 20)
    monkeypatch.setattr(published, "ROUNDS", 20)
    monkeypatch.setattr(published, "DRAWS", 20)
    stated = facts.sort(pl.col("sinter_temperature_K").is_null(), maintain_order=True)
    found = comparison.compare(stated.head(120), seeds=[0], parts=["conditions"])
    assert (found["lowest"] <= found["mean"]).all()
    assert (found["mean"] <= found["highest"]).all()
    for _, part in found.group_by("figure"):
        assert part["n"].n_unique() == 1
        assert comparison.OURS in part["model"].to_list()
    nll = found.filter(pl.col("figure").str.contains("likelihood"))
    assert {"autoencoder as published", "mixture density network", "all papers"} <= set(nll["model"])


def test_seeds_give_an_interval_of_routes_and_sets(facts: pl.DataFrame) -> None:
    found = comparison.compare(facts.head(200), seeds=[0, 1], parts=["routes", "precursors"])
    assert (found["seeds"] == 2).all()
    loss = found.filter(figure="log-loss of four routes")
    assert set(loss["model"]) == {"constant", "nearest neighbours", "plain LightGBM", comparison.OURS}
    assert found.filter(figure="precursor set among the first 5")["mean"].is_between(0, 1).all()


def test_a_table_of_one_route_is_compared(facts: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generators, "ROUNDS", 5)
    monkeypatch.setattr(published, "ROUNDS", 5)
    stated = facts.filter(pl.col("max_temperature_K").is_not_null()).head(20)
    found = comparison.compare(stated.with_columns(pl.lit("sol-gel").alias("route")), seeds=[0])
    assert comparison.OURS in found["model"].to_list()
    assert not found["figure"].str.contains("solid-state recipes").any()


def test_what_cannot_be_compared_is_refused(facts: pl.DataFrame) -> None:
    with pytest.raises(InputError, match="part 'colours'"):
        comparison.compare(facts, seeds=[0], parts=["colours"])
    with pytest.raises(InputError, match="no part"):
        comparison.compare(facts, seeds=[0], parts=[])
    with pytest.raises(InputError, match="too few rows"):
        comparison.compare(facts.head(1), seeds=[0])


def test_held_out_targets_are_rare_and_their_papers_are_gone(facts: pl.DataFrame) -> None:
    frame = normalise(facts).frame.filter("ok")
    train, test = comparison.held_out(frame, 0)
    assert test.height
    assert not set(train["target_key"]) & set(test["target_key"])
    assert not set(train["doi"].drop_nulls()) & set(test["doi"].drop_nulls())
    assert test.group_by("target_key").len().filter(pl.col("len") >= comparison.FREQUENT).is_empty()


def test_the_published_autoencoder_gives_distributions_over_the_bins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "ROUNDS", 60)
    rng = np.random.default_rng(0)
    width = features.Encoder(()).precursor_width
    X = rng.random((80, 120)).astype(np.float32)
    heat = np.where(rng.random(80) < 0.3, np.nan, 1273.15)
    pairs = [(heat, np.full(80, 10.0)), (heat - 200, np.full(80, 5.0))]
    model = published.fit(X, pairs, np.ones(80), precursors=width, seed=0)
    p = model.joints(X[:5])
    assert p.shape == (5, 2, grid.TEMPERATURES, grid.TIMES)
    assert np.allclose(p.sum(axis=(2, 3)), 1.0)
    at = int(grid.place(np.array([1273.15]), hours=False)[0])
    assert p[:, 0, at - 3 : at + 4].sum() > 0.9 * 5  # one temperature in, about that one out
