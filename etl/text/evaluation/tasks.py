"""What can be evaluated: the tasks, each with how gold is read, predicted and scored, and the baselines beside.

A new task is one line in `TASKS` that names a `Task` of its own module; scores are `scores`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from etl.text.evaluation.scores import Scored
from schemas.errors import InputError

Row = dict[str, Any]
TASKS = {
    "transitions": "etl.text.evaluation.transitions:TRANSITIONS",
    "curie": "etl.text.evaluation.transitions:CURIE",
    "pairs": "etl.text.evaluation.transitions:PAIRS",
    "tag": "etl.text.evaluation.tags:TAG",
    "links": "etl.text.evaluation.tags:LINKS",
    "actions": "etl.text.evaluation.tags:ACTIONS",
    "formula": "etl.text.evaluation.formulas:FORMULAS",
    "phrases": "etl.text.evaluation.formulas:PHRASES",
    "sentence": "etl.text.evaluation.classes:SENTENCE",
    "paragraph": "etl.text.evaluation.classes:PARAGRAPH",
    "select": "etl.text.evaluation.keywords:SELECT",
    "discover": "etl.text.evaluation.keywords:DISCOVER",
}
"""Name of a task -> `module:attribute` of its `Task`, imported when it is asked for."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """How one kind of reading is measured. Gold and predictions have whatever form `score` takes.

    Attributes:
        read: rows of the data files -> gold, with the texts.
        predict: gold and the model (None for the shipped rules or model) -> predictions, made from the texts alone.
        score: gold, predictions, seed -> scores and errors.
        baselines: name -> how gold's texts are read by something plainer, for the same table.
        model: kind of the model folder that `--model` names and `module:class` of what it must hold; "file" where
            the model is a file whose path is handed on; None where only the rules can be measured.
    """

    read: Callable[[Sequence[Row]], Any]
    predict: Callable[[Any, Any], Any]
    score: Callable[[Any, Any, int], Scored]
    baselines: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    model: tuple[str, str] | str | None = None


def task(name: str) -> Task:
    """The task of that name.

    Raises:
        InputError: there is none.
    """
    if name not in TASKS:
        raise InputError.of(f"unknown task {name}", "TASK", f"choose from {', '.join(sorted(TASKS))}")
    module, attribute = TASKS[name].split(":")
    found: Task = getattr(import_module(module), attribute)
    return found


def evaluate(name: str, rows: Sequence[Row], *, model: Any = None, seed: int = 0) -> Scored:
    """Measures one task on gold.

    Args:
        name: one of `TASKS`.
        rows: of the data files.
        model: what the task's `predict` takes; None for the shipped rules or model.
        seed: of the bootstrap.

    Returns:
        Scores (`scores` of the model, `baselines` by name) and the errors of the model.

    Raises:
        InputError: unknown task, or rows that are no gold of it.
    """
    chosen = task(name)
    if not rows:
        raise InputError.of("no rows", "--data", "give files with gold in them")
    try:
        gold = chosen.read(rows)
    except (KeyError, TypeError, AttributeError) as problem:
        what = f"no gold of {name} ({type(problem).__name__}: {problem})"
        module = TASKS[name].split(":")[0]
        raise InputError.of(what, "--data", f"give files of the form that {module} names") from problem
    scored = chosen.score(gold, chosen.predict(gold, model), seed)
    plainer = {key: chosen.score(gold, read(gold), seed).scores for key, read in chosen.baselines.items()}
    return Scored({"scores": scored.scores, "baselines": plainer}, scored.errors)
