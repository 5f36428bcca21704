"""Measured claims of heating conditions; `make bench` prints them. The data sets are text-mined recipes.

Clean protocol: papers are held out, then every target of theirs is dropped from training. The published protocol holds
out random rows, so that a test row's own paper and target are in training; it is printed to show by how much.
"""

from typing import Any

import numpy as np
import polars as pl
import pytest

from models.recipes import CONDITIONS, beliefs, features, heat_scores, heating, splits
from models.recipes.compositions import fractions, parse
from models.recipes.generators import GENERATORS
from models.recipes.table import normalise
from schemas.arrays import Ints
from tests.benchmarks.datasets import data_set

SEEDS = (0, 1, 2)
HELD = {
    "sinter_temperature_K": 117.0,
    "calcine_temperature_K": 138.0,
    "max_temperature_K": 157.0,
    "sinter_time_h": 0.28,
    "calcine_time_h": 0.26,
}
"""Mean absolute errors (K; decades of time), training on four fifths of the papers less the held-out targets.

On papers on which nothing was chosen: 110.7 (103.7 to 117.7), 132.4 (125.1 to 139.6), 153.1 (147.2 to 159.5), 0.268
and 0.248; plain LightGBM 114.7, 138.5, 154.1, 0.279 and 0.256. Joint 4.73, all papers alone 5.88. 80 % intervals held
78 to 84 %.
"""
HELD_NLL = 4.85
COVERED = (0.76, 0.86)
LLM_CLEAN = {"sinter_T": 90.0, "calcine_T": 120.0}
"""K; measured 87.4 (81.6 to 93.0) and 117.2 (109.6 to 125.5) over papers; the best language model 104 and 126."""


def heated(frame: pl.DataFrame) -> pl.DataFrame:
    """Distinct readable recipes that state a condition."""
    stated = pl.any_horizontal(pl.col(c).is_not_null() for c in CONDITIONS)
    keys = ["doi", "target_key", "route", "precursor_set", *CONDITIONS]
    return frame.filter(pl.col("ok") & stated).unique(keys, maintain_order=True, keep="first")


def parts(frame: pl.DataFrame, protocol: str, seed: int) -> tuple[Ints, Ints]:
    """Training and test rows."""
    if protocol == "random rows":
        order = np.random.default_rng(seed).permutation(frame.height)
        return np.sort(order[frame.height // 5 :]), np.sort(order[: frame.height // 5])
    return next(iter(splits.folds(frame, count=1, seed=seed, share=0.2, by_paper=protocol == "papers")))


def measured(train: pl.DataFrame, test: pl.DataFrame, seed: int) -> dict[str, Any]:
    """All scores of conditions on a test part."""
    encoder = features.fit(train["precursor_set"].to_list())
    model = heating.fit(features.matrix(encoder, train), train, precursors=encoder.precursor_width, seed=seed)
    X = features.matrix(encoder, test)
    at = np.array([fractions(parse(t)) for t in train["target"].to_list()], dtype=np.float32)
    return {
        "leak": splits.leak_report(train, test),
        "conditions": heat_scores.points(model, train, at, X, test, seed),
        "joint": heat_scores.joints(model, X, test, seed),
    }


def say(what: str, found: dict[str, Any]) -> None:
    print(f"{what}: leak {found['leak']}")
    for name, scores in found["conditions"].items():
        error = "mae_log10" if name.endswith("_h") else "mae"
        others = {k: scores[f"{k}_{error}"] for k in ("constant", "chemsys", "knn")}
        covered = {k: v for k, v in scores.items() if k.startswith("coverage")}
        print(f"{what}, {name}: {scores[error]} {scores[f'{error}_interval']}, n {scores['n']}, {others}, {covered}")
    for step, scores in found["joint"].items():
        print(f"{what}, joint of {step}: {scores}")


@pytest.mark.parametrize("seed", SEEDS)
def test_conditions_of_papers_and_targets_left_out(seed: int) -> None:
    frame = heated(normalise(pl.read_parquet(data_set("recipes/recipes.parquet")), labelled=True).frame)
    train, test = (frame[rows.tolist()] for rows in parts(frame, "papers", seed))
    found = measured(train, test, seed)
    say(f"papers left out, seed {seed}", found)
    print(f"noise floor: {heat_scores.noise_floor(frame)}")
    assert found["leak"]["rows_with_shared_doi"] == found["leak"]["rows_with_shared_target"] == 0
    for name, held in HELD.items():
        scores = found["conditions"][name]
        error = "mae_log10" if name.endswith("_h") else "mae"
        assert scores[error] <= held
        assert scores[error] < min(scores[f"{k}_{error}"] for k in ("constant", "chemsys", "knn"))
        assert COVERED[0] <= scores["coverage_80"] <= COVERED[1]
    joint = found["joint"]["sinter_temperature_K"]
    assert joint["nll"] <= HELD_NLL
    assert joint["nll"] <= min(joint["nll_parts"].values())


def test_random_rows_flatter() -> None:
    frame = heated(normalise(pl.read_parquet(data_set("recipes/recipes.parquet")), labelled=True).frame)
    found = {}
    for protocol in ("papers", "random rows"):
        train, test = (frame[rows.tolist()] for rows in parts(frame, protocol, 0))
        found[protocol] = measured(train, test, 0)
        say(protocol, found[protocol])
    name = "sinter_temperature_K"
    assert found["random rows"]["conditions"][name]["mae"] < found["papers"]["conditions"][name]["mae"]


def test_the_pool_beats_the_generators_it_is_compared_with() -> None:
    frame = heated(normalise(pl.read_parquet(data_set("recipes/recipes.parquet")), labelled=True).frame)
    train, test = (frame[rows.tolist()] for rows in parts(frame, "papers", 0))
    encoder = features.fit(train["precursor_set"].to_list())
    Z, X = features.matrix(encoder, train), features.matrix(encoder, test)
    found = beliefs.values(test)
    heat, time = found["sinter_temperature_K"], found["sinter_time_h"]
    rows = np.flatnonzero(~np.isnan(heat) & ~np.isnan(time))
    nll = {}
    for generator in GENERATORS:
        model = heating.fit(Z, train, precursors=encoder.precursor_width, seed=0, generator=generator)
        each = model.negative_log_likelihood("sinter_temperature_K", X[rows], heat[rows], time[rows])
        nll[generator] = float(each.mean())
    print(f"joint negative log-likelihood: {nll}")
    assert nll["pooled"] == min(nll.values())


@pytest.mark.parametrize("protocol", ["own", "clean"])
def test_the_reactions_that_language_models_answered(protocol: str) -> None:
    reactions = pl.read_parquet(data_set("recipes/conditions_benchmark_llm1000.parquet"))
    asked = reactions.filter(pl.col("part") == "test")
    test = normalise(asked).frame
    mined = pl.read_parquet(data_set("recipes/recipes.parquet"))
    known = [normalise(mined, labelled=True).frame, normalise(reactions.filter(pl.col("part") != "test")).frame]
    train = heated(pl.concat(known))
    if protocol == "clean":
        met = {c: test[c].drop_nulls().unique().to_list() for c in ("doi", "target_key")}
        train = train.filter(~pl.col("doi").is_in(met["doi"]).fill_null(False))
        train = train.filter(~pl.col("target_key").is_in(met["target_key"]))
    found = measured(train, test.filter("ok"), 0)
    say(f"LLM-1000, {protocol}", found)
    answers = pl.read_parquet(data_set("recipes/llm1000_llm_predictions.parquet"))
    for name, ours in (("sinter_T", "sinter_temperature_K"), ("calcine_T", "calcine_temperature_K")):
        both = answers.select("model", "id", said=name).join(asked.select("id", true=name), on="id").drop_nulls()
        error = (pl.col("said") - pl.col("true")).abs().mean()
        by_model = dict(both.group_by("model", maintain_order=True).agg(error).rows())
        print(f"{name}, language models: { ({k: round(v, 1) for k, v in by_model.items()}) }")
        mae = found["conditions"][ours]["mae"]
        assert mae < min(by_model.values())
        if protocol == "clean":
            assert mae <= LLM_CLEAN[name]
