"""Models of text in folders with their cards: classifiers and taggers, made by `matloom text train`, read by others."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_project.commands.common import InputError, read_input

if TYPE_CHECKING:
    import polars as pl

    from etl.text.classify import Classifier
    from etl.text.tagger import Tagger

KIND = "tagger"
TAGGERS = {
    "tag": "Reads entities and their relations in synthesis text, in labels of the MSPT corpus.",
    "actions": "Reads operations in synthesis sentences, in the classes of its training data.",
}
"""Name of a task -> what its model does, for the card."""


def train(task: str, data: list[str], out: str, *, column: str, label: str) -> dict[str, Any]:
    """Trains a model, writes its folder and returns the summary; `column` and `label` are those of classified texts.

    Raises:
        InputError: an unknown task, or data that are none of it.
    """
    from etl.text.classify import TASKS

    if task in TAGGERS:
        return _train_tagger(task, data, out)
    if task in TASKS:
        return _train_classifier(task, data, out, column=column, label=label)
    raise InputError.of(f"unknown task {task!r}", "TASK", f"use one of {', '.join((*TASKS, *TAGGERS))}")


def _train_tagger(task: str, data: list[str], out: str) -> dict[str, Any]:
    from etl.text import tagger as tagging
    from models import cards

    rows = [row for where in data for row in read_input(where).to_dicts()]
    gold = tagging.gold(rows)
    model = tagging.train(rows)
    counts = {
        "texts": len(gold),
        "entities": sum(map(len, (e for _, e, _ in gold))),
        "relations": sum(map(len, (r for *_, r in gold))),
    }
    settings = {"task": task, "members": [vars(m) for m in tagging.MEMBERS], "links": vars(tagging.LINKS)}
    card = cards.Card(
        kind=KIND,
        model_id=cards.identify(KIND, settings, gold),
        summary=TAGGERS[task],
        data={**counts, "files": [Path(where).name for where in data], "labels": model.labels},
        settings=settings,
        caveats=(
            "The licence of the training data goes with the weights.",
            "Spans hold for texts like those it learned from.",
        ),
    )
    saved = cards.save(model, card, Path(out))
    return {"model_id": saved.model_id, "out": out, **counts}


def tagger(model: str) -> "Tagger | None":
    """The tagger of a model folder; None for the shipped one."""
    if not model:
        return None
    from etl.text.tagger import Tagger
    from models import cards

    if not Path(model).is_dir():
        raise InputError.of(f"unknown model {model}", "--model", "name a model folder, or 'rules'")
    found: Tagger = cards.load(Path(model), kind=KIND, expect=Tagger)
    return found


def _train_classifier(task: str, data: list[str], out: str, *, column: str, label: str) -> dict[str, Any]:
    from etl.text import classify as classification
    from models import cards

    examples = _examples(data, (column, label))
    model, scores = classification.train(examples, column=column, label=label)
    counts = {k: scores.pop(k) for k in ("rows", "left_out")}
    settings = {"task": task, "classes": list(model.labels)}
    kind = f"{task}-classifier"
    card = cards.Card(
        kind=kind,
        model_id=cards.identify(kind, settings, examples.rows()),
        summary=f"Says of a {task} which it is of {', '.join(model.labels)}.",
        data={**counts, "files": [Path(where).name for where in data]},
        settings=settings,
        scores=scores,
        caveats=("Probabilities hold for texts like those it learned from.",),
    )
    saved = cards.save(model, card, Path(out))
    return {"model_id": saved.model_id, "out": out, **counts, "scores": scores}


def _examples(data: list[str], needs: tuple[str, str]) -> "pl.DataFrame":
    """Labelled texts of all files: as rows, or as one of the corpora that `evaluation.classes` reads."""
    import polars as pl

    from etl.text.evaluation import classes

    texts = (*needs, "document_id", "id")
    read = []
    for where in data:
        frame = read_input(where, text=texts)
        if not classes.FORMS & set(frame.columns):
            frame = read_input(where, needs=needs, text=texts)
        else:
            frame = classes.training(frame.to_dicts())
        read.append(frame)
    shared = next(([n] for n in ("document_id", "id") if all(n in frame.columns for frame in read)), [])
    return pl.concat(frame.select(pl.col(*needs, *shared).cast(pl.String)) for frame in read)


def classifier(model: str | None, task: str) -> "Classifier | None":
    """The classifier of a model folder; None stands for the shipped one."""
    if model is None:
        return None
    from etl.text.classify import Classifier
    from models import cards

    found: Classifier = cards.load(Path(model), kind=f"{task}-classifier", expect=Classifier)
    return found
