"""Selecting, discovering and classifying text, on the demonstration corpus and on hostile input."""

from pathlib import Path

import polars as pl
import pytest

from etl import reference
from etl.sources import folder
from etl.text import keywords as lists
from etl.text.classify import LABELS, classify, train, training_sentences
from etl.text.discover import discover
from etl.text.documents import paragraphs
from etl.text.extract import extract
from etl.text.normalise import normalise
from etl.text.select import keyword_hits, keyword_rows, report, select, selections
from schemas.emit.polars import inspect
from schemas.errors import InputError
from schemas.tables import REGISTRY

CORPUS = reference.HERE / "corpus"


@pytest.fixture(scope="module")
def documents() -> pl.DataFrame:
    return pl.concat([folder.parse(d, where=n).documents for n, d in reference.demo_corpus().items()])


def one(**fields: object) -> pl.DataFrame:
    return select(pl.DataFrame([{"document_id": "d", "title": "", "abstract": "", **fields}]))


def test_the_corpus_is_selected_as_a_reader_would(documents: pl.DataFrame) -> None:
    expected = pl.read_csv(CORPUS / "expected_selection.csv")
    both = select(documents).join(expected, on="document_id", suffix="_expected")
    assert both.height == 60
    assert both.filter(pl.col("selected") != pl.col("selected_expected"))["document_id"].to_list() == []


def test_transitions_of_the_corpus_are_read(documents: pl.DataFrame) -> None:
    expected = pl.read_csv(CORPUS / "expected_transitions.csv")
    found = extract(documents, kinds=("transition",))[0].unique(["document_id", "formula", "type", "value"])
    wanted = expected.with_columns(pl.col("value_K").cast(pl.Float64).alias("value"))
    keys = ["document_id", "type", "value"]
    assert wanted.join(found, on=keys, how="anti").height == 0
    assert found.join(wanted, on=keys, how="anti").height == 0


def test_hits_stand_where_they_say(documents: pl.DataFrame) -> None:
    chosen = select(documents)
    for row in chosen.iter_rows(named=True):
        for hit in row["hits"]:
            name, _, number = hit["field"].partition("[")
            text = row[name][int(number[:-1])] if number else row[name]
            assert text[hit["start"] : hit["end"]].strip()
    rows = keyword_hits(chosen)
    assert inspect(rows, REGISTRY["core.keyword_hits"]).rejected_rows == 0
    assert inspect(selections(chosen, problem="mit"), REGISTRY["core.selections"]).rejected_rows == 0
    assert inspect(keyword_rows(lists.load_keywords(), chosen), REGISTRY["core.keywords"]).rejected_rows == 0
    assert report(chosen)["documents"].max() > 5  # type: ignore[operator]


def test_the_printed_list_is_complete() -> None:
    groups = [k.group for k in lists.load_keywords().keywords if k.origin == "figure"]
    assert [groups.count(g) for g in ("compound", "performance", "synthesizability")] == [27, 19, 8]


@pytest.mark.parametrize(
    "title",
    [
        "The metal-insulator transition",
        "A metal to insulator transition",
        "metal–insulator transitions",
        "METAL-INSULATOR TRANSITION",
        "The metal-\ninsulator transition",
    ],
)
def test_spellings_are_one_phrase(title: str) -> None:
    assert one(title=title)["selected"].item()


@pytest.mark.parametrize(
    "title",
    [
        "A school at MIT, Cambridge",
        "Samples at 1300 K",
        "We emit and limit",
        "convex hull of points",
        "Critical temperature",
    ],
)
def test_generic_phrases_alone_select_nothing(title: str) -> None:
    assert not one(title=title)["selected"].item()


def test_every_row_stays_whatever_it_holds() -> None:
    rows = pl.DataFrame(
        {
            "document_id": ["a", None, "c", "d"],
            "title": ["metal-insulator transition", "x", None, "\x00 שלום metal-insulator transition"],
            "abstract": [None, "y", None, "z" * 100_000],
        }
    )
    found = select(rows)
    assert found.height == 4
    assert found["ok"].to_list()[0]
    assert not found["ok"].to_list()[1]
    assert found["reason"].to_list()[1]
    with pytest.raises(InputError, match="missing column abstract"):
        select(rows.drop("abstract"))


def test_offsets_survive_normalisation() -> None:
    text = "the ﬁne-tuned VO$_2$ metal\u00adinsulator"
    made = normalise(text)
    assert len(made.text) > 0
    hits = one(title="A ﬁne metal\u2013insulator transition")["hits"].to_list()[0]
    assert any("insulator transition" in "A ﬁne metal\u2013insulator transition"[h["start"] : h["end"]] for h in hits)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (": : :", "keywords"),
        ("name: x\nkeywords: []", "keywords"),
        ("name: x\nsurprise: 1\nkeywords: [{phrase: ab, group: compound}]", "surprise"),
        ("name: x\nkeywords: [{phrase: ab, group: colour}]", "group"),
        ("[1, 2]", "keywords"),
    ],
)
def test_a_bad_keyword_list_is_explained(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        lists.parse_keywords(text)


def test_lists_come_from_files_too(tmp_path: Path) -> None:
    path = tmp_path / "seeds.yaml"
    path.write_text("compound: [spin ice]\nperformance: [monopole]\n", "utf-8")
    seeds = lists.load_keywords(str(path))
    assert {k.phrase for k in seeds.keywords} == {"spin ice", "monopole"}
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="unreadable"):
        lists.load_keywords(str(path))
    with pytest.raises(InputError, match="no keyword list"):
        lists.load_keywords("nothing")


def test_discovery_proposes_phrases_of_the_field_and_repeats_itself(documents: pl.DataFrame) -> None:
    first = discover(documents, rounds=2, top=15)
    assert first.equals(discover(documents, rounds=2, top=15))
    best = first.filter((pl.col("round") == 1) & (pl.col("group") == "compound"))["phrase"].to_list()
    assert {"gap", "charge"} & set(best)
    known = {k.phrase.lower() for k in lists.load_keywords().keywords}
    assert not known & set(first["phrase"])
    assert first["rank"].max() <= 15  # type: ignore[operator]
    with pytest.raises(InputError, match="at least one"):
        discover(documents, rounds=0)


def test_discovery_of_nothing_is_nothing() -> None:
    assert discover(pl.DataFrame({"document_id": ["1"], "title": ["a"], "abstract": ["b"]})).is_empty()


def test_paragraphs_keep_their_field_and_section(documents: pl.DataFrame) -> None:
    rows = paragraphs(documents)
    assert rows["paragraph_id"].n_unique() == rows.height
    made = rows.filter(pl.col("paragraph_id") == "jats:demo-0201#body[1]").row(0, named=True)
    assert made["section"] == "Synthesis"
    assert "sol-gel" in made["text"]


def test_synthesis_paragraphs_are_told_apart(documents: pl.DataFrame) -> None:
    labelled = classify(paragraphs(documents).filter(pl.col("field").str.starts_with("body")))
    made = labelled.filter(pl.col("section").is_in(["Synthesis", "Experimental", "Sample preparation"]))
    assert (made["label"] == "synthesis").all()
    total = labelled.select(pl.sum_horizontal([f"p_{c}" for c in LABELS]))
    assert (total.to_series() - 1).abs().max() < 1e-9  # type: ignore[operator]
    declared = labelled.select(c.name for c in REGISTRY["core.paragraphs"].columns)
    assert inspect(declared, REGISTRY["core.paragraphs"]).rejected_rows == 0


def examples() -> pl.DataFrame:
    return pl.DataFrame(training_sentences(), schema=["text", "label"], orient="row")


def test_held_out_sentences_beat_the_majority() -> None:
    """The majority class would be right in a quarter."""
    model, scores = train(examples())
    assert model.labels == tuple(sorted(LABELS))
    assert scores["accuracy"] > 0.5
    assert scores["rows"] == examples().height


def test_a_classifier_learns_other_classes_and_holds_documents_out_whole() -> None:
    rows = [(f"{kind} number {i} is {kind}", kind, str(i // 2)) for i in range(12) for kind in ("hot", "cold")]
    rows += [("", "hot", "9"), ("x", None, "9")]  # type: ignore[list-item]
    made = pl.DataFrame(rows, schema=["text", "label", "document_id"], orient="row")
    model, scores = train(made)
    assert (scores["rows"], scores["left_out"], scores["accuracy"]) == (24, 2, 1.0)
    assert "documents kept whole" in scores["protocol"]
    found = classify(pl.DataFrame({"text": ["it is cold", None]}), model=model)
    assert found["label"].to_list() == ["cold", None]
    assert {"p_cold", "p_hot"} <= set(found.columns)


@pytest.mark.parametrize("rows", [[("a", "x")] * 20, [("a", "x")] * 9 + [("b", "y")] * 4])
def test_classes_that_cannot_be_scored_are_refused(rows: list[tuple[str, str]]) -> None:
    with pytest.raises(InputError, match="in the examples: give two classes or more"):
        train(pl.DataFrame(rows, schema=["text", "label"], orient="row"))


def test_blank_texts_stay_without_a_label() -> None:
    found = classify(pl.DataFrame({"id": [1, 2, 3], "text": [None, "  ", "The powder was calcined at 900 C."]}))
    assert found["ok"].to_list() == [False, False, True]
    assert found["label"].to_list() == [None, None, "synthesis"]
    assert classify(pl.DataFrame({"text": [""]}), task="sentence")["reason"].to_list() == ["no text"]
    with pytest.raises(InputError, match="unknown task"):
        classify(found, task="poem")
    with pytest.raises(InputError, match="missing column words"):
        classify(found, column="words")
