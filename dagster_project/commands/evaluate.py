"""`matloom text evaluate`: scores of what is read from text, with intervals, baselines and a table of errors."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagster_project.commands.common import (
    InputError,
    Json,
    Seed,
    command,
    read_input,
    say,
    writable_file,
    write_output,
)
from dagster_project.commands.text import app

if TYPE_CHECKING:
    from etl.text.evaluation.tasks import Task

SHIPPED = "shipped"
"""What is measured where no model is named."""


@command(app, "evaluate")
def evaluate(
    task: Annotated[str, typer.Argument(help="What is measured; an unknown name lists the tasks.")],
    data: Annotated[list[str], typer.Option("--data", help="Table with gold; may be repeated.")],
    model: Annotated[
        str | None, typer.Option("--model", help="Model folder, or a YAML file for pairs and select; else as shipped.")
    ] = None,
    out: Annotated[str | None, typer.Option("--out", help="File for the errors, one row each."), writable_file] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Score what is read from text against gold: F1 with intervals over documents, and the baseline beside."""
    import polars as pl

    from etl.text.evaluation import scores, tasks

    chosen = tasks.task(task)
    rows = [row for where in data for row in read_input(where).to_dicts()]
    scored = tasks.evaluate(task, rows, model=_model(chosen, task, model), seed=seed)
    if out:
        numbers = dict.fromkeys(("start", "end"), pl.Int64)
        schema = {name: numbers.get(name, pl.String()) for name in scores.ERRORS}
        write_output(pl.DataFrame(scored.errors, schema=schema, orient="row"), out)
    files = [Path(where).name for where in data]
    summary = {"task": task, "model": model or SHIPPED, "data": files, "seed": seed, **scored.scores}
    say(summary if as_json else _brief(summary), as_json=as_json)


def _model(task: "Task", name: str, where: str | None) -> Any:
    """What stands in the model folder; None for the shipped rules or model."""
    if where is None:
        return None
    if task.model is None:
        raise InputError.of(f"a model for {name}", "--model", "leave it out: only the shipped rules can be measured")
    if isinstance(task.model, str):
        return where
    from models import cards

    kind, expected = task.model
    module, attribute = expected.split(":")
    return cards.load(Path(where), kind=kind, expect=getattr(import_module(module), attribute))


def _brief(summary: dict[str, Any]) -> dict[str, Any]:
    """The main figures for a reader: one line for the model, one a baseline, one a share of either, one a label."""
    scores = summary["scores"]
    lines = {k: v for k, v in summary.items() if k not in ("scores", "baselines")}
    named = {summary["model"]: scores} | {f"baseline {name}": held for name, held in summary["baselines"].items()}
    for name, held in named.items():
        shares = {f"{name}, {k}": _share(v) for k, v in held.items() if isinstance(v, dict) and "value_low" in v}
        lines |= ({name: line} if (line := _line(held)) or not shares else {}) | shares
    return lines | {f"  {label}": _line(held) for label, held in scores.get("labels", {}).items() if label}


def _line(held: dict[str, Any]) -> str:
    shown = [f"{k} {held[k]} ({held[f'{k}_low']} to {held[f'{k}_high']})" for k in ("f1",) if k in held]
    shown += [f"{k} {held[k]}" for k in ("precision", "recall", "hits", "false_alarms", "misses") if k in held]
    return ", ".join(shown)


def _share(held: dict[str, Any]) -> str:
    return f"{held['value']} ({held['value_low']} to {held['value_high']}) of {held['of']}"
