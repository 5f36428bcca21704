"""Measured claims of heating conditions; `make bench` prints them. The data sets are text-mined recipes.

Clean protocol: papers are held out, then every target of theirs is dropped from training. The published protocol holds
out random rows, so that a test row's own paper and target are in training; it is printed to show by how much.
"""

from typing import Any

import numpy as np
import polars as pl
import pytest

from models.recipes import atmosphere, comparison, features, heat_features, heat_scores, heating, splits
from models.recipes.compositions import fractions, parse
from models.recipes.table import normalise
from tests.benchmarks.datasets import data_set

SEEDS = (0, 1, 2)
HELD = {
    "sinter_temperature_K, mean absolute error": 118.0,
    "calcine_temperature_K, mean absolute error": 130.0,
    "max_temperature_K, mean absolute error": 155.0,
    "sinter_time_h, mean absolute error (decades)": 0.277,
    "calcine_time_h, mean absolute error (decades)": 0.254,
    "sintering temperature and time, negative log-likelihood": 4.80,
}
"""K and decades of time, training on four fifths of the papers less the held-out targets.

Measured on seeds 0, 1, 2: 116.5, 114.0, 112.9; 124.8, 128.2, 120.6; 151.4, 152.4, 146.5; 0.269, 0.271, 0.276; 0.243,
0.251, 0.253; on seed 0 4.735, and 80 % intervals held 78.8 to 80.8 % of the five conditions. Of solid-state recipes:
112.8, 105.0, 106.6; 113.6, 114.4, 107.3; 140.0, 138.3, 135.8 (seed 0: plain LightGBM 114.1, 120.3, 142.9; constant 209,
176, 234). Each of the temperatures is uncertain by 6 to 8 K over papers.
"""
COVERED = (0.76, 0.84)
LLM_CLEAN = {"sinter_T": 90.0, "calcine_T": 120.0}
"""K; measured 89.6 and 117.7, uncertain by 6 and 8 over papers; the best language model 104 and 126."""
GASES = {
    "air": ("air", "ambient"),
    "oxygen": ("oxygen", "O2"),
    "inert": ("nitrogen", "N2", "argon", "Ar", "hydrogen", "H2", "carbon monoxide", "CO", "inert", "vacuum"),
}


def recipes() -> pl.DataFrame:
    return pl.read_parquet(data_set("recipes/recipes.parquet"))


def measured(train: pl.DataFrame, test: pl.DataFrame, seed: int) -> dict[str, Any]:
    """All scores of conditions on a test part."""
    encoder = features.fit(train["precursor_set"].to_list())
    made, width = heat_features.matrix(encoder, train), heat_features.width(encoder)
    model = heating.fit(made, train, precursors=width, seed=seed)
    X = heat_features.matrix(encoder, test)
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
def test_every_model_on_papers_and_targets_left_out(seed: int) -> None:
    frame = comparison.heated(normalise(recipes(), labelled=True).frame)
    split = next(iter(splits.folds(frame, count=1, seed=seed, share=comparison.SHARE, by_paper=True)))
    leak = splits.leak_report(*(frame[rows.tolist()] for rows in split))
    print(f"leaks: {leak}; noise floor: {heat_scores.noise_floor(frame)}")
    assert leak["rows_with_shared_doi"] == leak["rows_with_shared_target"] == 0
    found = comparison.compare(recipes(), seeds=[seed], parts=["conditions"])
    for row in found.iter_rows():
        print(row)
    ours = dict(found.filter(model=comparison.OURS).select("figure", "mean").iter_rows())
    for figure, held in HELD.items():
        assert ours[figure] <= held
        assert ours[figure] == found.filter(figure=figure)["mean"].min()
    covered = {k: v for k, v in ours.items() if k.endswith("coverage of 80 %")}
    assert all(COVERED[0] <= v <= COVERED[1] for v in covered.values())


def test_random_rows_flatter() -> None:
    frame = comparison.heated(normalise(recipes(), labelled=True).frame)
    order = np.random.default_rng(0).permutation(frame.height)
    held, rest = (frame[np.sort(rows).tolist()] for rows in np.split(order, [frame.height // 5]))
    found = measured(rest, held, 0)
    say("random rows", found)
    assert found["leak"]["rows_with_shared_target"] > held.height / 2
    assert found["conditions"]["sinter_temperature_K"]["mae"] < 100


def test_papers_heat_in_the_gas_that_the_formula_asks_for() -> None:
    fired = recipes().filter(pl.col("route").is_in(["solid-state", "sol-gel"])).unique(["doi", "target"])
    kinds = {g: kind for kind, names in GASES.items() for g in names}
    told: dict[str, list[str]] = {kind: [] for kind in GASES}
    for target, stated in fired.select("target", "atmospheres").drop_nulls().iter_rows():
        known = {kinds[g] for g in stated if g in kinds}
        if len(known) == 1:
            told[known.pop()].append(atmosphere.asked(target).kind)
    shares = {k: {asked: round(v.count(asked) / len(v), 3) for asked in set(v)} for k, v in told.items()}
    print(f"asked, by the gas that papers state: {shares}")
    # dopants that formulas leave out, and cobaltites that come short of oxygen in air, stay told otherwise
    assert shares["air"]["air"] > 0.75
    assert shares["inert"]["inert"] > 4 * shares["air"]["inert"]
    assert shares["oxygen"]["oxygen"] > 3 * shares["air"]["oxygen"]


@pytest.mark.parametrize("protocol", ["own", "clean"])
def test_the_reactions_that_language_models_answered(protocol: str) -> None:
    reactions = pl.read_parquet(data_set("recipes/conditions_benchmark_llm1000.parquet"))
    asked = reactions.filter(pl.col("part") == "test")
    test = normalise(asked).frame
    known = [normalise(recipes(), labelled=True).frame, normalise(reactions.filter(pl.col("part") != "test")).frame]
    train = comparison.heated(pl.concat(known))
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
