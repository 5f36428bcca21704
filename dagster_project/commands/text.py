"""`matloom text`: select, discover, classify; extraction joins from `extract`."""

from typing import Annotated

import typer

from dagster_project.commands import extract
from dagster_project.commands.common import Json, Out, Seed, command, read_input, say, write_output

app = typer.Typer(no_args_is_help=True, help="Select, classify and read documents.")
formula_app = typer.Typer(no_args_is_help=True, help="Chemical formulas as written in text.")
Docs = Annotated[str, typer.Argument(help="Documents: a table with an id, title and abstract.")]
Id = Annotated[str, typer.Option("--id", help="Column that identifies a document.")]
_TEXT = ("title", "abstract")


@command(app, "select")
def select(
    docs: Docs,
    out: Out,
    problem: Annotated[str, typer.Option("--problem", help="Problem, or a YAML file of keywords.")] = "mit",
    id_column: Id = "document_id",
    json: Json = False,
) -> None:
    """Score documents against a keyword list."""
    from etl.text import select as selection
    from etl.text.keywords import load_keywords

    keywords = load_keywords(problem)
    frame = read_input(docs, needs=(id_column, *_TEXT), text=(id_column, *_TEXT))
    found = selection.select(frame, keywords, id_column=id_column)
    write_output(found, out)
    chosen = int(found["selected"].sum())
    say({"documents": found.height, "selected": chosen, "not_ok": int((~found["ok"]).sum())}, as_json=json)


@command(app, "discover")
def discover(
    docs: Docs,
    out: Out,
    seeds: Annotated[str, typer.Option("--seeds", help="YAML file of known keywords, or a problem.")] = "mit",
    rounds: Annotated[int, typer.Option("--rounds", help="Rounds of search.")] = 3,
    top: Annotated[int, typer.Option("--top", help="Proposals a group and round.")] = 50,
    id_column: Id = "document_id",
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Propose new keywords from the text around the known ones."""
    from etl.text import discover as discovery
    from etl.text.keywords import load_keywords

    keywords = load_keywords(seeds)
    frame = read_input(docs, needs=(id_column, *_TEXT), text=(id_column, *_TEXT))
    found = discovery.discover(frame, seeds=keywords, rounds=rounds, top=top, seed=seed, id_column=id_column)
    write_output(found, out)
    say({"documents": frame.height, "proposals": found.height}, as_json=json)


@command(app, "classify")
def classify(
    texts: Annotated[str, typer.Argument(help="Texts: a table with id and text.")],
    out: Out,
    task: Annotated[str, typer.Option("--task", help="paragraph or sentence.")] = "paragraph",
    column: Annotated[str, typer.Option("--column", help="Column of the texts.")] = "text",
    json: Json = False,
) -> None:
    """Say what paragraphs or sentences are about."""
    from etl.text import classify as classification

    frame = read_input(texts, needs=(column,), text=(column, "id"))
    found = classification.classify(frame, task=task, column=column)
    write_output(found, out)
    counts = {str(k): int(v) for k, v in found["label"].drop_nulls().value_counts(sort=True).iter_rows()}
    say({"texts": found.height, "not_ok": int((~found["ok"]).sum()), **counts}, as_json=json)


extract.register(app, formula_app)
