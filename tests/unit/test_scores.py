"""Scores: what counts as right, intervals over documents, and the command that prints them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dagster_project.cli import app
from etl.text.evaluation import scores, tasks
from etl.text.evaluation.scores import Record
from etl.text.evaluation.transitions import spellings
from schemas.errors import InputError

TEXT = "Powders were mixed at 900 K. They were pressed."


def record(name: str, kind: str = "MIT", value: float | None = 340.0, **more: object) -> Record:
    return Record(frozenset({name}), kind, value, **more)  # type: ignore[arg-type]


def test_a_span_is_right_only_with_its_label_and_both_ends() -> None:
    gold = {"d": [(13, 18, "Operation"), (22, 25, "Number"), (38, 45, "Operation")]}
    found = {"d": [(13, 18, "Operation"), (22, 27, "Number"), (38, 45, "Material"), (13, 18, "Operation")]}
    scored = scores.spans(gold, found, {"d": TEXT})
    assert (scored.scores["hits"], scored.scores["false_alarms"], scored.scores["misses"]) == (1, 2, 2)
    assert scored.scores["f1"] == pytest.approx(1 / 3, abs=1e-4)
    assert scored.scores["labels"]["Operation"]["recall"] == 0.5
    missed = next(e for e in scored.errors if e["error"] == "miss" and e["label"] == "Number")
    assert (missed["text"], missed["sentence"]) == ("900", "Powders were mixed at 900 K.")


def test_a_relation_on_wrong_entities_is_wrong() -> None:
    mixed, number, longer = (13, 18, "Operation"), (22, 25, "Number"), (22, 27, "Number")
    gold = {"d": [("Condition_Of", number, mixed)]}
    assert scores.relations(gold, {"d": [("Condition_Of", number, mixed)]}, {"d": TEXT}).scores["f1"] == 1.0
    scored = scores.relations(gold, {"d": [("Condition_Of", longer, mixed)]}, {"d": TEXT})
    assert scored.scores["f1"] == 0.0
    assert {e["told"] for e in scored.errors} == {"900 - mixed", "900 K - mixed"}


def test_the_outside_tag_counts_for_accuracy_alone() -> None:
    gold, found = {"s": ["", "Heating", "", "Mixing"]}, {"s": ["", "Heating", "Mixing", ""]}
    scored = scores.tags(gold, found, outside="", tokens={"s": ["we", "heat", "and", "mix"]})
    assert (scored.scores["hits"], scored.scores["false_alarms"], scored.scores["misses"]) == (1, 1, 1)
    assert scored.scores["accuracy"]["value"] == 0.5
    assert [(e["error"], e["text"]) for e in scored.errors] == [("false alarm", "and"), ("miss", "mix")]
    classes = scores.tags({"a": ["x"], "b": ["y"]}, {"a": ["x"], "b": ["x"]})
    assert classes.scores["macro_f1"] == pytest.approx((2 / 3 + 0) / 2, abs=1e-4)
    with pytest.raises(InputError, match="3 tags for 4"):
        scores.tags(gold, {"s": ["", "", ""]})


def test_a_record_is_right_within_one_kelvin_or_one_per_cent() -> None:
    gold = {"d": [record("VO2"), record("V2O3", value=None, low=150, high=165)]}
    near = {"d": [record("VO2", value=343.0), record("V2O3", value=None, low=151, high=165)]}
    assert scores.records(gold, near).scores["f1"] == 1.0
    far = {"d": [record("VO2", value=344.0), record("V2O3", value=157)]}
    assert scores.records(gold, far).scores["f1"] == 0.0
    assert not scores.near(record("a", value=5.2), record("a", value=4.1))
    assert not scores.near(record("a", value=0.8), record("a", value=0.4, within=0.1))


def test_records_that_are_not_required_count_neither_way() -> None:
    gold = {"d": [record("VO2"), record("NbO2", value=1080.0, required=False)]}
    assert scores.records(gold, {"d": [record("VO2"), record("NbO2", value=1080.0)]}).scores["precision"] == 1.0
    assert scores.records(gold, {"d": [record("VO2")]}).scores["recall"] == 1.0


def test_false_alarms_in_documents_without_records_are_told_apart() -> None:
    gold = {"a": [record("VO2")], "b": [], "c": [], "e": [record("VO2", required=False)]}
    found = {"b": [record("VO2"), record("VO2", "CO")], "e": [record("V2O3")]}
    scored = scores.records(gold, found)
    assert scored.scores["hard_negatives"]["value"] == 1.0  # two in "b", none in "c"; "e" may hold one
    assert scored.scores["hard_negatives"]["of"] == 2
    assert (scored.scores["false_alarms"], scored.scores["misses"]) == (3, 1)


def test_fields_are_asked_where_the_others_agree() -> None:
    gold = {"d": [record("VO2"), record("V2O3", value=160.0), record("NbO2", value=1080.0)]}
    found = {"d": [record("VO2", "CO"), record("V2O3", value=160.0), record("Ti2O3", value=1080.0)]}
    fields = scores.records(gold, found).scores["fields"]
    assert {name: (held["value"], held["of"]) for name, held in fields.items()} == {
        "compound": (0.5, 2),  # V2O3 right, NbO2 told as Ti2O3
        "type": (0.5, 2),  # V2O3 right, VO2 told as CO
        "value": (1.0, 1),  # V2O3 alone has compound and type right
    }


def test_intervals_come_from_documents_and_the_seed() -> None:
    counts = {str(i): {"x": (i % 2, 1 - i % 2, 0)} for i in range(20)}
    one = scores.f1(counts, seed=1)
    assert one == scores.f1(counts, seed=1)
    assert one["f1_low"] < one["f1"] < one["f1_high"]
    assert one != scores.f1(counts, seed=2)
    certain = scores.f1({"a": {"x": (1, 0, 0)}, "b": {"x": (3, 0, 0)}})
    assert (certain["f1_low"], certain["f1_high"]) == (1.0, 1.0)


def test_nothing_to_count_is_null_and_no_perfect_score() -> None:
    for empty in (scores.f1({}), scores.f1({"d": {}}), scores.records({"d": []}, {}).scores):
        assert (empty["f1"], empty["f1_low"], empty["precision"], empty["recall"]) == (None, None, None, None)
    with pytest.raises(InputError, match="unknown document z"):
        scores.spans({"d": []}, {"z": []}, {"d": ""})


def test_spellings_of_one_compound_meet() -> None:
    assert spellings("La1/3Sr2/3MnO3") & spellings("La0.3333Sr0.6667MnO3")
    assert spellings("alpha-CaCr2O4") & spellings("CaCr$_2$O$_4$")
    assert spellings(None, "(TMTTF)2AsF6") & spellings("(TMTTF)$_2$AsF$_6$")
    assert not spellings("VO2") & spellings("V2O3")
    assert spellings(None, "", " ") == frozenset()


def test_the_command_prints_scores_and_writes_errors(tmp_path: Path) -> None:
    gold, out = tmp_path / "gold.jsonl", tmp_path / "errors.jsonl"
    told = {"compound": "VO2", "formula": "VO2", "type": "MIT", "value_K": 340.0, "range_K": None, "required": True}
    rows = [
        {"arxiv_id": "a", "title": "On VO2", "abstract": "It has its MIT at 340 K.", "records": [told]},
        {"arxiv_id": "b", "title": "On V2O3", "abstract": "None was seen.", "records": [{**told, "formula": "V2O3"}]},
    ]
    gold.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    command = ("text", "evaluate", "transitions", "--data", str(gold), "--out", str(out))
    result = CliRunner().invoke(app, [*command, "--json"])
    printed = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (printed["task"], printed["scores"]["hits"], printed["scores"]["misses"]) == ("transitions", 1, 1)
    assert printed["baselines"]["nearest"]["misses"] == 2  # the compound stands in no sentence with the value
    (row,) = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert (row["document_id"], row["error"], row["label"], row["told"]) == ("b", "miss", "MIT", "V2O3 340.0")
    assert "shipped  " in CliRunner().invoke(app, list(command)).stderr


def test_pairs_are_measured_with_any_configuration(tmp_path: Path) -> None:
    gold, config = tmp_path / "gold.jsonl", tmp_path / "p.yaml"
    config.write_text("- {name: bulk_modulus, unit: GPa, range: [1, 1000], cues: [bulk modulus]}\n", "utf-8")
    pair = {"compound": "MgO", "value": 160, "unit": "GPa"}
    row = {"document_id": "a", "text": "The bulk modulus of MgO is 160 GPa.", "gold": [pair]}
    gold.write_text(json.dumps(row), "utf-8")
    command = ["text", "evaluate", "pairs", "--data", str(gold), "--model", str(config), "--json"]
    assert json.loads(CliRunner().invoke(app, command).stdout)["scores"]["f1"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("poem", "--data", "gold.jsonl"), "unknown task poem"),
        (("transitions", "--data", "none.jsonl"), "none.jsonl"),
        (("transitions", "--data", "gold.jsonl"), "no gold of transitions"),
        (("pairs", "--data", "gold.jsonl"), "no gold of pairs"),
        (("curie", "--data", "twice.jsonl"), "a document that is there twice"),
        *(((name, "--data", "empty.jsonl"), "no rows in --data") for name in tasks.TASKS),
        (("transitions", "--data", "gold.jsonl", "--model", "m"), "a model for transitions"),
    ],
)
def test_the_command_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gold.jsonl").write_text('{"text": "VO2"}\n', "utf-8")
    Path("empty.jsonl").touch()
    Path("twice.jsonl").write_text('{"document_id": "a", "text": "VO2", "gold": []}\n' * 2, "utf-8")
    result = CliRunner().invoke(app, ["text", "evaluate", *arguments])
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_every_task_is_there() -> None:
    for name in tasks.TASKS:
        assert isinstance(tasks.task(name), tasks.Task)
