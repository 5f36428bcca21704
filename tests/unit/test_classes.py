"""Classes of texts in whole documents: what stands around a text, calibration, corpora with gold, and bad text."""

import pickle
import random
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from dagster_project.cli import app
from etl.text import sequences
from etl.text.classify import Classifier, classify, documents_of, train
from etl.text.evaluation import classes, tasks
from schemas.errors import InputError

MADE = ("The powder was mixed with water.", "It was heated at 500 °C for 2 h.", "The gel was dried in an oven.")
TOLD = ("Many models are known.", "The reason is discussed below.", "Interest has grown of late.")
VAGUE = "This was repeated three times."


def paper(number: int, *, labels: bool = True) -> list[dict[str, object]]:
    """A paper whose vague sentence is told apart by its neighbours alone."""
    chance = random.Random(number)
    made = [(chance.choice(MADE), "synthesis") for _ in range(4)]
    told = [(chance.choice(TOLD), "other") for _ in range(6)]
    made.insert(2, (VAGUE, "synthesis"))
    told.insert(3, (VAGUE, "other"))
    rows = [("1. Introduction", "other"), *told, ("2. Experimental", "other"), *made]
    return [{"document_id": f"d{number}", "text": text, **({"label": label} if labels else {})} for text, label in rows]


def papers(*numbers: int, labels: bool = True) -> pl.DataFrame:
    return pl.DataFrame([row for n in numbers for row in paper(n, labels=labels)])


@pytest.fixture(scope="module")
def model() -> tuple[Classifier, dict[str, object]]:
    return train(papers(*range(25)))


def test_neighbours_tell_what_the_words_cannot(model: tuple[Classifier, dict[str, object]]) -> None:
    fresh = papers(100, 101, 102)
    found = classify(fresh.drop("label"), task="sentence", model=model[0])
    assert found["label"].to_list() == fresh["label"].to_list()
    alone = classify(fresh.drop("label", "document_id"), task="sentence", model=model[0])
    assert alone.filter(text=VAGUE)["label"].n_unique() == 1  # without a document the same words get the same label


def test_documents_may_be_mixed_up_and_the_labels_stay(model: tuple[Classifier, dict[str, object]]) -> None:
    one, two = (paper(n, labels=False) for n in (100, 101))
    mixed = pl.DataFrame([row for pair in zip(one, two, strict=True) for row in pair])
    found = classify(mixed, model=model[0])
    apart = classify(papers(100, 101, labels=False), model=model[0])
    assert found.sort("document_id", maintain_order=True).equals(apart)


def test_scores_say_how_far_the_probabilities_hold(model: tuple[Classifier, dict[str, object]]) -> None:
    scores = model[1]
    assert scores["protocol"] == "5 held-out parts, documents kept whole"
    assert 0 <= scores["ece"] < 0.2  # type: ignore[operator]
    assert 0 <= scores["brier"] < 0.5  # type: ignore[operator]
    assert set(scores["f1"]) == {"other", "synthesis"}  # type: ignore[call-overload]


def test_the_same_texts_give_the_same_model() -> None:
    one, two = (train(papers(*range(8)))[0] for _ in range(2))
    fresh = papers(50, labels=False)
    assert classify(fresh, model=one).equals(classify(fresh, model=two))
    assert b"_stop_words_id" not in pickle.dumps(one)  # an address in memory: no two processes would save the same


@pytest.mark.parametrize(
    ("ids", "documents"),
    [
        (["a#1", "a#2", "b#1", "b#2"], ["a", "a", "b", "b"]),
        (["10.1/x#body[1]", "10.1/x#body[2]"], ["10.1/x", "10.1/x"]),
        (["pemfc_04#0", "pemfc_04#1"], ["pemfc_04", "pemfc_04"]),
        (["a#2", "a#1"], None),
        (["1.1", "1.2"], None),
        (["a#1", "b#1", "a#2"], None),
        (["a#1", "b#2"], None),
        (["1", "2", "3"], None),
        (["vo2", "v2o3"], None),
        (["a#1", None], None),
        ([], None),
    ],
)
def test_ids_say_which_texts_belong_together_only_if_all_do(ids: list[str], documents: list[str] | None) -> None:
    found = documents_of(pl.DataFrame({"id": pl.Series(ids, dtype=pl.String)}))
    assert (None if found is None else found.to_list()) == documents


BAD = ["", " ", "\x00\x01", "Ã¤Ã¶Ã¼ â€™", "\u202eנתיב מתכת\u202c", "$$\\alpha^2$$", "(((((", "1.", "A" * 100_000]


def test_bad_texts_of_a_document_get_a_label_or_a_reason(model: tuple[Classifier, dict[str, object]]) -> None:
    found = classify(pl.DataFrame({"document_id": ["x"] * len(BAD), "text": BAD}), model=model[0])
    assert found["ok"].to_list() == [bool(t.strip()) for t in BAD]
    total = found.filter("ok").select(pl.sum_horizontal("p_other", "p_synthesis")).to_series()
    assert (total - 1).abs().max() < 1e-9  # type: ignore[operator]


def test_features_of_one_text_and_of_many_have_the_same_columns() -> None:
    widths = {sequences.features(["x"] * n, np.zeros((n, 3))).shape for n in (1, 2, 70)}
    assert {w for _, w in widths} == {next(iter(widths))[1]}
    assert np.isfinite(sequences.features(BAD, np.zeros((len(BAD), 3)))).all()


def test_a_long_document_takes_time_in_proportion() -> None:
    def seconds(size: int) -> float:
        start = time.process_time()
        sequences.features(["The powder was mixed with 2 g of water."] * size, np.zeros((size, 2)))
        return time.process_time() - start

    seconds(10)
    assert seconds(4000) < 30 * max(seconds(500), 0.02)


def zoned(number: int, part: str) -> dict[str, object]:
    names = {"synthesis": ["Experiment", "Exp_Preparation"], "other": ["Background"]}
    sentences = [{"text": r["text"], "content": names[str(r["label"])], "structure": []} for r in paper(number)]
    return {"doc_id": f"d{number}", "set": part, "sentences": sentences}


def test_papers_with_zones_are_learned_from_and_scored_on_their_own_parts() -> None:
    rows = [zoned(n, "train1" if n < 12 else "dev") for n in range(15)]
    learned = classes.training(rows)
    assert set(learned["document_id"]) == {f"d{n}" for n in range(12)}
    found = tasks.evaluate("sentence", rows, model=train(learned)[0])
    assert found.scores["scores"]["documents"] == 3
    assert found.scores["scores"]["labels"]["synthesis"]["f1"] > 0.9
    assert found.scores["baselines"]["most frequent class"]["labels"]["synthesis"]["f1"] == 0.0


def test_a_sentence_of_several_zones_has_the_most_telling_label() -> None:
    content = [["Results", "Exp_Preparation"], ["Exp_Characterization", "MEASUREMENT"], ["Results"], [], None]
    rows = [{"doc_id": "d", "sentences": [{"text": "x", "content": c} for c in content]}]
    labels = classes.zoned(rows)["label"].to_list()
    assert labels == ["synthesis", "characterization", "properties", "other", "other"]


def test_selection_is_scored_by_what_each_abstract_stands_for() -> None:
    texts = [
        {"arxiv_id": "1", "title": "A metal-insulator transition", "abstract": "of an oxide"},
        {"arxiv_id": "2", "title": "Birds", "abstract": "of the sea"},
        {"arxiv_id": "3", "title": "The Mott transition", "abstract": "of a crystal"},
    ]
    gold = [
        {"arxiv_id": "1", "relevant": True, "weight": 2.0},
        {"arxiv_id": "2", "relevant": "true", "weight": "6"},
        {"arxiv_id": "3", "relevant": False, "weight": 2.0},
    ]
    scores = tasks.evaluate("select", [*texts, *gold]).scores["scores"]
    assert (scores["precision"], scores["recall"]) == (0.5, 0.25)


def test_what_is_no_gold_is_explained() -> None:
    for task in ("sentence", "paragraph", "select", "discover"):
        with pytest.raises(InputError, match="no gold"):
            tasks.evaluate(task, [{"colour": "blue"}])


def test_an_unknown_task_is_told_with_all_that_can_be_trained(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["text", "train", "poem", "--data", "x.csv", "--out", str(tmp_path / "m")])
    assert result.exit_code == 2
    assert all(task in result.stderr for task in ("poem", "paragraph", "sentence", "tag", "actions"))
