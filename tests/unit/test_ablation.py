"""What features are worth, and the model beside others: paired changes, the quiz of the experts, one table."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from etl import reference
from models import cards
from models.screening import ablation, comparisons, ensemble, evaluation, inputs, metrics, quiz
from schemas.arrays import Floats

QUICK = ensemble.Effort(members=1, folds=2, inner=1)


@pytest.fixture(scope="module")
def labelled() -> pl.DataFrame:
    return reference.labelled_compounds().group_by("label_name", maintain_order=True).tail(25)


@pytest.fixture(scope="module")
def scores(labelled: pl.DataFrame) -> dict[str, Any]:
    return evaluation.evaluate(labelled, groups=("random",), features=("structure", "both"), folds=2, effort=QUICK)


def test_only_the_feature_that_tells_the_class_costs_when_left_out(labelled: pl.DataFrame) -> None:
    rng = np.random.default_rng(0)
    few = labelled.group_by("label_name", maintain_order=True).tail(15)
    codes = inputs.labels(few, "label_name")
    noise = {n: rng.normal(size=len(codes)) for n in inputs.STRUCTURE_FEATURES}
    told = few.select("formula", "label_name").with_columns(pl.Series(n, v) for n, v in noise.items())
    told = told.with_columns(est_hubbard_u=pl.Series(codes + 0.1 * noise["est_hubbard_u"]))
    rows = pl.DataFrame(ablation.ablation(told, groups=("random",), folds=2, seed=0))
    assert rows["variant"].n_unique() == 11
    sure = rows.filter(pl.col("statistic") == "ap", pl.col("change_high") < -0.2)
    assert sure["dropped"].to_list() == ["est_hubbard_u"]
    ten = rows.filter(pl.col("dropped").is_null())
    assert ten["variant"].unique().to_list() == ["ten"]
    assert ten.select("change", "change_low", "change_high").unique().rows() == [(0.0, 0.0, 0.0)]


def test_a_table_without_structure_features_has_nothing_to_leave_out() -> None:
    bare = reference.labelled_compounds().select("formula", "label_name")
    assert ablation.ablation(bare, groups=("random",), folds=2, seed=0) == []


def test_a_change_is_that_of_the_two_scores_and_its_interval_is_of_pairs(scores: dict[str, Any]) -> None:
    rows = pl.DataFrame(ablation.whole(scores))
    value = {(r["variant"], r["statistic"]): r["value"] for r in rows.iter_rows(named=True)}
    width = {(r["variant"], r["statistic"]): r["high"] - r["low"] for r in rows.iter_rows(named=True)}
    for row in rows.filter(pl.col("variant") == "ten").iter_rows(named=True):
        assert row["change"] == pytest.approx(value["ten", row["statistic"]] - value["all", row["statistic"]], abs=2e-4)
        assert row["change_low"] <= row["change_high"]
        # of the same compounds: narrower than if both were drawn apart
        apart = np.hypot(row["high"] - row["low"], width["all", row["statistic"]])
        assert row["change_high"] - row["change_low"] < 0.95 * apart
    assert value["all", "ap"] == scores["groupings"]["random"]["ap"]["value"]


def test_equal_predictions_differ_by_nothing() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 3, 60), rng.dirichlet([1, 1, 1], 60)
    made = metrics.compared(y, {"a": [p], "b": [p]}, [str(i // 2) for i in range(60)], against="a", seed=0)
    assert made["a"] == made["b"]
    assert made["b"]["ap"]["change_high"] == 0
    assert made["b"]["ap"]["value"] == metrics.rounded(metrics.scores(y, p)["ap"])


def test_the_quiz_is_learned_from_other_families_only(monkeypatch: pytest.MonkeyPatch) -> None:
    table, answers = reference.labelled_compounds(), reference.expert_answers()
    learned: list[set[str]] = []
    fit = ensemble.fit_calibrated

    def watched(X: Floats, *given: Any, **more: Any) -> ensemble.Calibrated:
        made = inputs.structure_matrix(table).values
        rows = [i for i, row in enumerate(made) if (np.nan_to_num(row) == np.nan_to_num(X)).all(axis=1).any()]
        learned.append({table["family_ln"][i] for i in rows})
        return fit(X, *given, **more)

    monkeypatch.setattr(ensemble, "fit_calibrated", watched)
    found = quiz.quiz(table, answers, features="structure", seed=0, effort=QUICK)
    asked = table.filter(pl.col("formula").is_in(answers["formula"].to_list()))
    assert found["n"] == asked.height == 18
    assert not set(asked["family_ln"]) & learned[0]
    assert found["learned_from"] == table.filter(~pl.col("family_ln").is_in(asked["family_ln"].to_list())).height
    assert quiz.quiz(table.filter(pl.col("formula") != "TiO"), answers, features="both", seed=0, effort=QUICK) == {}


def test_most_experts_are_better_than_the_mean_expert() -> None:
    told = quiz.of_experts(reference.expert_answers())
    mean = reference.published_scores().filter(pl.col("protocol") == "quiz")["value"].item()
    # five transitions of which four are found, with ten false alarms: F1 of transitions 2 * 5 / (5 + 12) by hand
    assert told["f1_mit"] == pytest.approx(10 / 17)
    assert told["f1_weighted"] > mean == 0.5442


def test_rows_stand_beside_rows_of_their_protocol(scores: dict[str, Any]) -> None:
    rows = comparisons.comparisons(scores, reference.published_scores(), reference.expert_answers())
    frame = pl.DataFrame(rows, infer_schema_length=None)
    kinds = {p: set(part["kind"]) for (p,), part in frame.group_by("protocol")}
    assert kinds["random"] == {"here", "baseline"}
    assert kinds["published_cv"] == {"published"}
    assert frame.filter(pl.col("kind").is_in(["published", "experts"]))["doi"].null_count() == 0
    ours = frame.filter(pl.col("kind") == "here")
    assert ours["doi"].null_count() == ours.height
    assert frame.select("protocol", "name", "features", "statistic").is_duplicated().sum() == 0
    assert frame["held_out"].null_count() == 0


def test_a_card_shows_rows_as_a_table() -> None:
    card = cards.Card(kind="k", model_id="k-1", summary="s", scores={"seed": 0, "beside": [{"a": "x|y", "b": None}]})
    said = cards.page(card)
    assert "- seed: 0" in said
    assert "### beside\n\n| a | b |\n| --- | --- |\n| x\\|y |  |" in said
