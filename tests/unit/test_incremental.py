"""A screen does not do again what an earlier one did."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from etl import reference
from models.screening import campaign, incremental, inputs, training


@pytest.fixture(scope="module")
def labelled() -> pl.DataFrame:
    return reference.labelled_compounds().group_by("label_name", maintain_order=True).tail(30)


@pytest.fixture(scope="module")
def model(labelled: pl.DataFrame) -> training.ScreeningModel:
    return training.train(labelled)


@pytest.fixture(scope="module")
def offered(labelled: pl.DataFrame) -> pl.DataFrame:
    held = labelled.tail(3).select("formula", *inputs.STRUCTURE_FEATURES, structure_id=pl.lit("s:1"))
    return pl.concat([pl.DataFrame({"formula": ["VO2", "MgO", "HoNiO3"]}), held], how="diagonal_relaxed")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The formulas of each call of `training.predict`, which goes on as ever."""
    calls: list[list[str]] = []
    genuine = training.predict

    def noted(model: training.ScreeningModel, frame: pl.DataFrame, **given: object) -> pl.DataFrame:
        calls.append(frame["formula"].to_list())
        return genuine(model, frame, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "predict", noted)
    return calls


def test_a_rerun_with_nothing_new_predicts_nothing(
    model: training.ScreeningModel, offered: pl.DataFrame, asked: list[list[str]]
) -> None:
    first = incremental.predict(model, offered)
    again = incremental.predict(model, offered, earlier=first.rows)
    assert (first.taken, first.computed, again.taken, again.computed) == (0, 6, 6, 0)
    assert asked == [offered["formula"].to_list()]
    assert again.rows.select(first.rows.columns).equals(first.rows)


def test_a_changed_row_is_predicted_alone_and_a_new_one_too(
    model: training.ScreeningModel, offered: pl.DataFrame, asked: list[list[str]]
) -> None:
    first = incremental.predict(model, offered)
    last = offered["formula"][-1]
    longer = pl.when(pl.col("formula") == last).then(pl.col("avg_mm_dists") + 0.5).otherwise("avg_mm_dists")
    changed = pl.concat([offered.with_columns(longer), pl.DataFrame({"formula": ["TmNiO3"]})], how="diagonal")
    again = incremental.predict(model, changed, earlier=first.rows)
    assert asked[1:] == [[last, "TmNiO3"]]
    assert again.rows["formula"].to_list() == changed["formula"].to_list()
    whole = training.predict(model, changed)
    # the last of six digits may depend on which rows share a batch
    assert_frame_equal(again.rows.select(incremental.PREDICTED), whole.select(incremental.PREDICTED), abs_tol=2e-6)


def test_another_model_or_code_predicts_all(
    model: training.ScreeningModel, labelled: pl.DataFrame, offered: pl.DataFrame
) -> None:
    first = incremental.predict(model, offered, code="a")
    assert incremental.predict(model, offered, earlier=first.rows, code="b").taken == 0
    other = training.train(labelled.head(80))
    again = incremental.predict(other, offered, earlier=first.rows, code="a")
    assert (again.taken, set(again.rows["model_id"])) == (0, {other.model_id})


def test_what_cannot_be_read_stays_with_its_reason_beside_rows_that_are_taken(model: training.ScreeningModel) -> None:
    first = incremental.predict(model, pl.DataFrame({"formula": ["VO2"]})).rows
    again = incremental.predict(model, pl.DataFrame({"formula": ["Zz9", "VO2", None]}), earlier=first).rows
    assert again["ok"].to_list() == [False, True, False]
    assert again["reason"].is_null().to_list() == [False, True, False]
    assert incremental.predict(model, pl.DataFrame(schema={"formula": pl.String}), earlier=first).rows.height == 0


def test_a_model_is_learned_again_only_where_its_rows_or_the_code_changed(
    labelled: pl.DataFrame, offered: pl.DataFrame, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    labelled = labelled.drop(inputs.STRUCTURE_FEATURES)  # one part is enough, and quicker

    def run(rows: pl.DataFrame, **other: object) -> dict[str, int]:
        given = {"groups": ("random",), "folds": 2, "folder": folder, "code": "a", **other}
        found = campaign.screen(rows, offered, **given)  # type: ignore[arg-type]
        if found.counts["learned"]:
            training.save(found.model, folder)
        return {**found.counts, "scored": len(found.model.card.scores["parts"])}

    assert run(labelled) == {"learned": 1, "taken": 0, "computed": 6, "scored": 1}
    first = incremental.predict(training.load(folder), offered, code="a").rows
    assert run(labelled, earlier=first) == {"learned": 0, "taken": 6, "computed": 0, "scored": 1}
    assert run(labelled, earlier=first, code="b")["learned"] == 1
    turned = labelled.with_columns(label_name=pl.col("label_name").shuffle(seed=1))
    assert run(turned, earlier=first, code="b") == {"learned": 1, "taken": 0, "computed": 6, "scored": 1}
    for body in folder.glob("model*.joblib"):
        body.write_bytes(b"damaged")
    assert run(turned, code="b")["learned"] == 1
