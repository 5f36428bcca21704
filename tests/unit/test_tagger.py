"""The learned tagger: trained on a few sentences of its own, and the one that is shipped."""

import json
import pickle
import re
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from etl.text import crf, shipped, tagger
from etl.text.evaluation.tasks import evaluate
from etl.text.relations import Entity
from etl.text.tag import tag
from etl.text.tokens import tokens
from schemas.errors import InputError

MARKED = re.compile(r"\[([^|\]]+)\|([^\]]+)\]")
QUICK = (
    crf.Settings("ap", (("max_iterations", 20),), 0.0, 1),
    crf.Settings("lbfgs", (("max_iterations", 30),), 0.1, 2),
)
SENTENCES = [
    ("The [powder|Material] was [heated|Operation] at [700|Number] [°C|Condition-Unit].", [("°C", "heated")]),
    ("[Zinc oxide|Material] was [milled|Operation] for [3|Number] [h|Condition-Unit].", [("h", "milled")]),
    ("The [pellets|Material] were [annealed|Operation] at [900|Number] [K|Condition-Unit].", [("K", "annealed")]),
    ("[Water|Material] was [added|Operation] and the [gel|Material] was [dried|Operation].", []),
    ("We [mixed|Operation] the [salts|Material] for [20|Number] [min|Condition-Unit].", [("min", "mixed")]),
    ("The data were fitted by a line, as shown in the figure.", []),
]


def row(marked: str, conditions: list[tuple[str, str]]) -> dict[str, Any]:
    """A text in the format of the MSPT corpus, from "[word|Label]"."""
    text, entities = "", []
    last = 0
    for match in MARKED.finditer(marked):
        text += marked[last : match.start()]
        span = [len(text), len(text) + len(match.group(1))]
        entities.append({"id": f"T{len(entities)}", "type": match.group(2), "spans": [span], "text": match.group(1)})
        text, last = text + match.group(1), match.end()
    ids = {e["text"]: e["id"] for e in entities}
    events = [{"id": f"E{e['id']}", "trigger": e["id"], "args": []} for e in entities if e["type"] == "Operation"]
    links = [{"type": "Condition_Of", "arg1": ids[c], "arg2": f"E{ids[o]}"} for c, o in conditions]
    return {"text": text + marked[last:], "entities": entities, "events": events, "relations": links}


ROWS = [row(*held) for held in SENTENCES]


@pytest.fixture(scope="module")
def small() -> tagger.Tagger:
    return tagger.train(ROWS, QUICK)


def named(text: str, model: tagger.Tagger) -> list[tuple[str, str]]:
    (found,) = model.tag([text])
    return [(text[e.start : e.end], e.label) for e in found.entities]


def test_what_was_learned_is_found_again_with_its_relations(small: tagger.Tagger) -> None:
    for given_row, found in zip(ROWS, small.tag([r["text"] for r in ROWS]), strict=True):
        assert [list(e[:2]) for e in found.entities] == [e["spans"][0] for e in given_row["entities"]]
        assert [kind for kind, _, _ in found.links] == [r["type"] for r in given_row["relations"]]
    text, ((_, head, tail),) = ROWS[0]["text"], small.tag([ROWS[0]["text"]]).__next__().links
    (found,) = small.tag([text])
    assert [text[e.start : e.end] for e in (found.entities[head], found.entities[tail])] == ["°C", "heated"]


def test_training_again_gives_the_same_tagger(small: tagger.Tagger) -> None:
    assert pickle.dumps(tagger.train(ROWS, QUICK)) == pickle.dumps(tagger.train(ROWS, QUICK))
    assert pickle.dumps(tagger.train(ROWS[:4], QUICK)) != pickle.dumps(tagger.train(ROWS, QUICK))


def test_numbers_are_split_from_units_and_several_texts_are_read_in_order(small: tagger.Tagger) -> None:
    texts = ["heated at 700°C", "", "milled for 3h"]
    found = list(small.tag(texts))
    assert [[texts[i][e.start : e.end] for e in f.entities] for i, f in enumerate(found)] == [
        ["heated", "700", "°C"],
        [],
        ["milled", "3", "h"],
    ]


def test_tokens_with_tags_are_learned_as_text() -> None:
    rows = [
        {"annotations": [{"token": t, "tag": tag} for t, tag in held]}
        for held in (
            [("The", ""), ("powder", ""), ("was", ""), ("ball-milled", "Mixing"), (".", "")],
            [("It", ""), ("was", ""), ("fired", "Heating"), ("and", ""), ("cooled", "Cooling")],
        )
    ]
    model = tagger.train(rows, QUICK)
    assert model.relater is None
    assert model.labels == ["Cooling", "Heating", "Mixing"]
    assert named("It was ball-milled .", model) == [("ball-milled", "Mixing")]
    scored = evaluate("actions", rows, model=model).scores
    assert scored["scores"]["f1"] == 1.0
    with pytest.raises(InputError, match="no shipped model of actions"):
        evaluate("actions", rows)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"text": "no entities"}],
        [{"text": "nothing", "entities": []}],
        [{"text": "span", "entities": [{"id": "a", "type": "X", "spans": []}]}],
        [{"annotations": [{"token": "a"}]}],
    ],
)
def test_rows_of_another_format_are_refused(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(InputError, match="the training texts"):
        tagger.train(rows, QUICK)


def test_gold_scores_one_against_itself(small: tagger.Tagger) -> None:
    spans, links = evaluate("tag", ROWS, model=small).scores, evaluate("links", ROWS, model=small).scores
    assert spans["scores"]["f1"] == links["scores"]["f1"] == 1.0
    assert spans["baselines"]["rules"]["f1"] < 1
    assert links["baselines"]["last operation"]["f1"] == 1.0


def test_a_tagger_is_trained_used_and_scored_by_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dagster_project.cli import app

    monkeypatch.setattr(tagger, "MEMBERS", QUICK)
    run, out = CliRunner(), tmp_path / "out.jsonl"
    (tmp_path / "gold.jsonl").write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    gold, model = str(tmp_path / "gold.jsonl"), str(tmp_path / "model")
    trained = run.invoke(app, ["text", "train", "tag", "--data", gold, "--out", model, "--json"])
    assert trained.exit_code == 0, trained.output
    first = next((tmp_path / "model").glob("*.joblib")).read_bytes()
    assert run.invoke(app, ["text", "train", "tag", "--data", gold, "--out", model]).exit_code == 0
    assert [p.read_bytes() for p in (tmp_path / "model").glob("*.joblib")] == [first]
    tagged = run.invoke(app, ["text", "tag", gold, "--out", str(out), "--model", model, "--json"])
    assert tagged.exit_code == 0, tagged.output
    first_row = json.loads(out.read_text(encoding="utf-8").splitlines()[0])
    assert [e["text"] for e in first_row["entities"]] == ["powder", "heated", "700", "°C"]
    assert first_row["relations"] == [{"type": "Condition_Of", "head": 3, "tail": 1}]
    scored = run.invoke(app, ["text", "evaluate", "links", "--data", gold, "--model", model, "--json"])
    assert json.loads(scored.stdout)["scores"]["f1"] == 1.0
    by_default = run.invoke(app, ["text", "evaluate", "tag", "--data", gold, "--json"])
    assert json.loads(by_default.stdout)["model"] == "shipped"
    refused = run.invoke(app, ["text", "train", "tag", "--data", gold, "--out", str(tmp_path)])
    assert refused.exit_code != 0
    unknown = run.invoke(app, ["text", "train", "paint", "--data", gold, "--out", model])
    assert unknown.exit_code != 0
    assert "use one of paragraph, sentence, tag, actions" in unknown.stderr


@pytest.mark.parametrize(
    ("text", "labelled", "left"),
    [
        ("of VO2 (99 % pure", 4, "VO2"),
        ("of VO2, V", 2, "VO2"),
        ("of VO2) was", 3, "VO2"),
        ("of (VO2 powder", 3, "VO2 powder"),
        ("of poly(vinyl alcohol) in", 5, "poly(vinyl alcohol)"),
        ("of -", 1, "-"),
    ],
)
def test_an_entity_ends_before_half_a_bracket_and_marks_that_only_border_it(
    text: str, labelled: int, left: str
) -> None:
    sentence = tokens(text)
    labels = ["O", "B-Material", *["I-Material"] * (labelled - 1)]
    ((first, last, label),) = tagger.runs(sentence, [*labels, *["O"] * (len(sentence) - len(labels))])
    assert (text[first.start : last.end], label) == (left, "Material")


def test_a_tail_is_looked_for_where_tails_were_in_training(small: tagger.Tagger) -> None:
    assert small.relater is not None
    assert small.relater.places == {("Condition-Unit", "Operation"): [(-1, 0)]}


# The shipped model.


def test_the_shipped_model_reads_a_procedure_it_never_saw() -> None:
    text = "Stoichiometric amounts of SrCO3 and RuO2 were mixed in ethanol and then sintered at 1200 °C for 36h in air."
    model = tagger.shipped()
    (found,) = model.tag([text])
    assert set(named(text, model)) >= {
        ("SrCO3", "Material"), ("RuO2", "Material"), ("ethanol", "Material"), ("mixed", "Operation"),
        ("sintered", "Operation"), ("1200", "Number"), ("°C", "Condition-Unit"), ("36", "Number"),
        ("h", "Condition-Unit"),
    }  # fmt: skip
    told = {(k, *(text[found.entities[i].start : found.entities[i].end] for i in (h, t))) for k, h, t in found.links}
    assert told >= {
        ("Number_Of", "1200", "°C"), ("Condition_Of", "°C", "sintered"), ("Condition_Of", "h", "sintered"),
        ("Next_Operation", "mixed", "sintered"), ("Recipe_Precursor", "SrCO3", "mixed"),
    }  # fmt: skip


def test_the_shipped_model_was_made_as_its_card_says() -> None:
    card = json.loads((shipped.HERE / "tagger" / "card.json").read_text(encoding="utf-8"))
    assert card["settings"]["members"] == json.loads(json.dumps([vars(m) for m in tagger.MEMBERS]))
    page = (shipped.HERE / "README.md").read_text(encoding="utf-8")
    for said in ("MIT", "matloom text train tag", "mspt/train", "micro F1"):
        assert said in page


def test_a_formula_of_three_elements_is_a_material_even_where_no_procedure_is_told() -> None:
    text = "The gap of Sr2CrTaO6 exceeds that of CdS."
    assert ("Sr2CrTaO6", "Material") in named(text, tagger.shipped())


def test_known_entities_get_their_relations_only() -> None:
    text = "The gel was calcined at 550 °C."
    known = [{"start": 12, "end": 20, "label": "Operation"}, {"start": 28, "end": 30, "label": "Condition-Unit"}]
    frame = pl.DataFrame(
        {"text": [text, text, None], "gold": [known, [{"start": 3, "end": 99, "label": "Operation"}], None]}
    )
    made = tag(frame, known="gold")
    assert made["ok"].to_list() == [True, False, False]
    assert made["reason"][1] == "a known entity outside the text"
    assert [e["text"] for e in made["entities"].to_list()[0]] == ["calcined", "°C"]
    assert made["relations"].to_list()[0] == [{"type": "Condition_Of", "head": 1, "tail": 0}]
    with pytest.raises(InputError, match="missing column silver"):
        tag(frame, known="silver")


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="VO2 at9°C,[]:-.$_{}pH\\₂א\x00\n%gmlé\u202e", max_size=80))
def test_entities_of_bad_text_lie_in_it_in_order_and_apart(text: str) -> None:
    (found,) = tagger.shipped().tag([text])
    last = 0
    for entity in found.entities:
        assert last <= entity.start < entity.end <= len(text)
        last = entity.end
    assert all(0 <= i < len(found.entities) for _, h, t in found.links for i in (h, t))


@pytest.mark.parametrize("piece", ["1 ", "(", "VO2 ", "5 mL ", "\x00", "heated at 5 K. ", "$x$ ", "שלום ", "ab", "Ã© "])
def test_a_long_text_takes_time_in_proportion(piece: str) -> None:
    model = tagger.shipped()
    list(model.tag([piece]))
    start = time.process_time()
    (found,) = model.tag([piece * (20_000 // len(piece))])
    assert time.process_time() - start < 12
    assert model.relate("", [Entity(0, 1, "Operation")]) == []
    assert len(found.entities) <= 20_000
