"""Finding keywords: terms of a corpus, their vectors, and the file in which a person decides on them."""

import json
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from dagster_project.cli import app
from etl.text import embeddings, review, terms
from etl.text.discover import discover, prepared, propose
from etl.text.evaluation import tasks
from etl.text.evaluation.keywords import PROTOCOLS, SPLITS
from etl.text.keywords import Keywords, parse_keywords
from schemas.errors import InputError

KINDS = ("spin ice", "dry ice", "black ice", "blue ice", "pack ice", "sea ice")


def corpus_of(kinds: tuple[str, ...] = KINDS, each: int = 6) -> pl.DataFrame:
    """Documents about ice in the same words, and others about nothing of it."""
    rows = [
        (f"{k}{n}", f"On {k}", f"The {k} melts slowly. A cold {k} was kept in winter {n}, unlike spin ice.")
        for k in kinds
        for n in range(each)
    ]
    rows += [(f"o{n}", "A warm day", f"The bread was baked by a happy cook in the summer {n}.") for n in range(40)]
    return pl.DataFrame(rows, schema=["document_id", "title", "abstract"], orient="row")


SEEDS = """
name: ice
threshold: 0.5
keywords:
  - {phrase: spin ice, group: compound}
  - {phrase: sea ice, group: compound}
"""


@pytest.fixture
def seeds() -> Keywords:
    return parse_keywords(SEEDS + "  - {phrase: winter, group: performance}\n")


def test_terms_of_the_same_head_come_first_with_their_evidence(seeds: Keywords) -> None:
    found = discover(corpus_of(), seeds=seeds, rounds=1, top=10)
    assert {"dry ice", "black ice", "blue ice", "pack ice"} <= set(found.filter(group="compound")["phrase"])
    row = found.filter(phrase="dry ice").row(0, named=True)
    assert (row["documents"], row["selected_documents"], row["round"]) == (6, 6, 1)
    assert row["nearest"] in {"spin ice", "sea ice"}
    assert len(row["examples"]) == 3
    assert all("dry ice" in sentence for sentence in row["examples"])


def test_the_same_seed_gives_the_same_proposals(seeds: Keywords) -> None:
    assert discover(corpus_of(), seeds=seeds, seed=3).equals(discover(corpus_of(), seeds=seeds, seed=3))


def test_what_a_person_rejected_is_not_proposed_again(seeds: Keywords) -> None:
    found = discover(corpus_of(), seeds=seeds, rounds=2, rejected=["Dry-Ice"])
    assert "dry ice" not in found["phrase"].to_list()
    assert "black ice" in found["phrase"].to_list()


def test_what_contains_a_known_phrase_is_not_proposed(seeds: Keywords) -> None:
    """Its documents are found by the known phrase already."""
    docs = corpus_of((*KINDS, "cold spin ice", "spin ice lattice", "warm dry ice"))
    found = discover(docs, seeds=seeds, rounds=1, top=30)["phrase"].to_list()
    assert "black ice" in found
    assert [p for p in found if "spin ice" in p or "sea ice" in p] == []


def test_only_what_a_judge_accepts_leads_the_next_round(seeds: Keywords) -> None:
    ready = prepared(corpus_of(), seeds=seeds)
    asked: list[str] = []

    def judge(phrase: str) -> bool:
        asked.append(phrase)
        return phrase == "dry ice"

    found = propose(ready, rounds=2, top=1, judge=judge, by_group=False)
    assert asked == found["phrase"].to_list()
    assert found["round"].to_list() == [1, 2]
    by_all = propose(ready, rounds=2, top=1, judge=lambda _: True, by_group=True)
    assert by_all.group_by("round").len()["len"].max() == 2  # one of each group that has any


@pytest.mark.parametrize("kind", ["word2vec", "fasttext"])
def test_trained_vectors_are_the_same_for_the_same_seed(kind: str) -> None:
    texts = terms.corpus(corpus_of()["abstract"].to_list(), least=2)
    found = terms.phrases(texts, least=2)
    chosen = np.arange(min(40, len(found.names)))
    one, two = (embeddings.vectors(texts, found, chosen, kind=kind, seed=1) for _ in range(2))
    assert np.array_equal(one, two)
    lengths = np.linalg.norm(one, axis=1).round(6)
    assert set(lengths) <= {0.0, 1.0}  # what only stands in longer phrases has none
    assert lengths.mean() > 0.3


def test_an_unknown_embedding_is_explained(seeds: Keywords) -> None:
    with pytest.raises(InputError, match="unknown embedding"):
        discover(corpus_of(), seeds=seeds, embedding="tea leaves")


def test_phrases_overlap_and_keep_to_their_clause() -> None:
    texts = terms.corpus(["Metal-insulator transitions, metals. The metal-insulator transition"] * 2)
    found = terms.phrases(texts, least=2)
    counts = dict(zip(found.names, np.bincount(found.phrase).tolist(), strict=True))
    assert counts["metal insulator transition"] == 4
    assert counts["metal insulator"] == 4
    assert "transition metal" not in counts
    assert counts["metal"] == 6


def test_temperatures_and_acronyms_are_words() -> None:
    texts = terms.corpus(["kept at 300 K and 300K", "kept at 300 K by MIT", "MIT of 1300 Kelvin"])
    assert {"300k", "mit"} <= set(texts.words)
    assert "mit" in texts.capitals


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("Metal-Insulator Transition", ["metal insulator transition"]),
        ("charge (order|ordering)", ["charge order", "charge ordering"]),
        ("gap ... on the surface", []),
        ("298 K", ["298k"]),
        ("((", []),
    ],
)
def test_a_spelling_stands_for_names(pattern: str, names: list[str]) -> None:
    assert terms.spellings(pattern) == names


@pytest.mark.parametrize(
    "text", ["", " ", "\x00\x01", "Ã¤Ã¶Ã¼ â€™", "\u202eנתיב מתכת\u202c", "$$\\alpha^2$$", "(((((", None]
)
def test_bad_text_has_few_words_and_no_error(text: str | None, seeds: Keywords) -> None:
    docs = pl.DataFrame({"document_id": ["a", "b"], "title": [text, text], "abstract": [text, "spin ice"]})
    assert discover(docs, seeds=seeds).height < 20


def test_a_long_document_takes_time_in_proportion(seeds: Keywords) -> None:
    def seconds(times: int) -> float:
        text = "Spin ice melts slowly near the north pole of a cold planet; dry ice does not. " * times
        docs = pl.DataFrame({"document_id": ["a"], "title": ["Ice"], "abstract": [text]})
        start = time.process_time()
        discover(docs, seeds=seeds, rounds=1)
        return time.process_time() - start

    seconds(10)
    assert seconds(8000) < 30 * max(seconds(1000), 0.05)


ANALOGIES = (": capitals", "a b c d", "a b c x", ": none", "a b c zebra")


def test_analogies_count_what_is_covered_and_what_is_right() -> None:
    names = ["a", "b", "c", "d", "x"]
    table = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1], [-1, 0, 0]], dtype=float)
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    assert embeddings.analogies(names, table, ANALOGIES) == [
        {"section": "capitals", "analogies": 2, "covered": 2, "right": 1},
        {"section": "none", "analogies": 1, "covered": 0, "right": 0},
    ]


def test_only_what_was_accepted_enters_the_list(seeds: Keywords) -> None:
    entries = [
        review.Entry(phrase=p, group="compound", round=1, score=1.0, decision=d)
        for p, d in (("dry ice", "accept"), ("blue ice", "reject"), ("black ice", "pending"), ("Spin Ice", "accept"))
    ]
    added = review.extended(seeds, entries).keywords[len(seeds.keywords) :]
    assert [(k.phrase, k.origin) for k in added] == [("dry ice", "discovered")]
    assert review.next_round(entries) == 2
    assert not review.worth_another(entries)
    assert review.worth_another([])


@pytest.mark.parametrize(
    "said", ["- phrase: x", "a: [", "- {phrase: dry ice, group: colour, round: 1, score: 1}", "- 3"]
)
def test_a_bad_review_is_explained(said: str, tmp_path: Path) -> None:
    path = tmp_path / "review.yaml"
    path.write_text(said, "utf-8")
    with pytest.raises(InputError, match=r"review\.yaml"):
        review.read(path)


def test_a_review_that_is_not_yaml_is_told_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "review.yaml"
    path.write_text("- phrase: dry ice\n- phrase: [wet\n", "utf-8")
    with pytest.raises(InputError, match=r"line 3"):
        review.read(path)


def test_rounds_stop_at_proposing_and_go_on_from_what_was_accepted(tmp_path: Path) -> None:
    docs, listed, out, file = (tmp_path / n for n in ("docs.jsonl", "seeds.yaml", "out.jsonl", "review.yaml"))
    corpus_of().write_ndjson(docs)
    listed.write_text(SEEDS, "utf-8")

    def run() -> dict[str, object]:
        options = [
            "discover",
            str(docs),
            "--seeds",
            str(listed),
            "--review",
            str(file),
            "--out",
            str(out),
            "--top",
            "3",
        ]
        done = CliRunner().invoke(app, ["text", *options, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    assert (run()["round"], run()["round"]) == (1, 2)  # without a decision the second proposes others
    entries = yaml.safe_load(file.read_text("utf-8"))
    assert {e["decision"] for e in entries} == {"pending"}
    assert len({e["phrase"] for e in entries}) == len(entries)
    for entry in entries[:3]:
        entry.update(decision="accept", reviewer="A. Person", date="2026-01-02")
    file.write_text(yaml.safe_dump(entries), "utf-8")
    third = run()
    assert (third["accepted"], third["round"]) == (3, 3)
    kept = review.read(file)
    assert [e.decision for e in kept[:3]] == ["accept"] * 3
    assert kept[0].reviewer == "A. Person"
    assert not {e.phrase for e in kept[:3]} & {r["phrase"] for r in map(json.loads, out.read_text().splitlines())}


def test_hidden_phrases_are_counted_where_they_occur_and_printed(tmp_path: Path) -> None:
    said = ("charge order", "orbital order", "optical conductivity", "electrical conductivity", "Mott gap", "sol-gel")
    rows = [
        {"arxiv_id": f"{n}", "title": f"On {said[n % 6]}", "abstract": f"We see {said[n % 6]}, {said[(n + 1) % 6]}."}
        for n in range(36)
    ]
    made = tasks.evaluate("discover", rows)
    (tmp_path / "gold.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    printed = CliRunner().invoke(app, ["text", "evaluate", "discover", "--data", str(tmp_path / "gold.jsonl")]).output
    found = made.scores["scores"]
    assert found["all_hidden"]["of"] == SPLITS * 27
    assert set(PROTOCOLS) <= set(found)
    told = {line.split("  ")[0]: line for line in printed.splitlines()}
    for name, share in found.items():
        assert f"{share['value']} ({share['value_low']} to" in told[f"shipped, {name}"]
    for name in PROTOCOLS:
        assert 0 < found[name]["of"] < SPLITS * len(said)
        assert 0.5 < found[name]["value"] <= found["offered"]["value"]
    lost = {(row["text"], row["error"]) for row in made.errors}
    assert ("Peierls", "absent") in lost
    assert {kind for phrase, kind in lost if phrase in said} <= {"not offered", "ranked low"}


def test_a_review_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "review.yaml").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        review.write(tmp_path / "review.yaml", [])
    assert [p.name for p in tmp_path.iterdir()] == ["review.yaml"]
