"""`matloom text`: select, discover, classify, train; `extract` and `evaluate` join their own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagster_project.commands import learned
from dagster_project.commands.common import Json, Out, OutModel, Seed, command, finish, read_input, say, within

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

app = typer.Typer(no_args_is_help=True, help="Select, classify and read documents.")
formula_app = typer.Typer(no_args_is_help=True, help="Chemical formulas as written in text.")
Docs = Annotated[str, typer.Argument(help="Documents: a table with an id, title and abstract.")]
Id = Annotated[str, typer.Option("--id", help="Column that identifies a document.")]
Column = Annotated[str, typer.Option("--column", help="Column of the texts.")]
_TEXT = ("title", "abstract")


@command(app, "select")
def select(
    docs: Docs,
    out: Out,
    problem: Annotated[str, typer.Option("--problem", help="Problem, or a YAML file of keywords.")] = "mit",
    id_column: Id = "document_id",
    as_json: Json = False,
) -> None:
    """Score documents against a keyword list."""
    from etl.text import select as selection
    from etl.text.keywords import load_keywords
    from warehouse.files import read_batches, write_batches

    keywords = load_keywords(problem)
    summary = {"documents": 0, "selected": 0, "not_ok": 0}

    def selected() -> "Iterator[pl.DataFrame]":
        for frame in read_batches(docs, needs=(id_column, *_TEXT), text=(id_column, *_TEXT)):
            found = selection.select(frame, keywords, id_column=id_column)
            summary["documents"] += found.height
            summary["selected"] += int(found["selected"].sum())
            summary["not_ok"] += int((~found["ok"]).sum())
            yield found

    write_batches(selected(), out)
    say(summary, as_json=as_json)


@command(app, "corpus")
def corpus(
    out: Out,
    documents: Annotated[int, typer.Option("--documents", help="How many."), within(0)] = 10_000,
    relevant: Annotated[float, typer.Option("--relevant", help="Share about the problem."), within(0, 1)] = 0.0175,
    problem: Annotated[str, typer.Option("--problem", help="Problem, or a YAML file of keywords.")] = "mit",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Make up documents, to measure with: of each number and seed the same."""
    from etl.text import synthetic
    from etl.text.keywords import load_keywords
    from warehouse.files import write_batches

    made = synthetic.corpus(documents, relevant=relevant, seed=seed, keywords=load_keywords(problem))
    write_batches(made, out)
    say({"documents": documents, "relevant": relevant, "seed": seed}, as_json=as_json)


@command(app, "discover")
def discover(
    docs: Docs,
    out: Out,
    seeds: Annotated[str, typer.Option("--seeds", help="YAML file of known keywords, or a problem.")] = "mit",
    rounds: Annotated[int, typer.Option("--rounds", help="Rounds of search."), within(1)] = 3,
    top: Annotated[int, typer.Option("--top", help="Proposals a group and round."), within(1)] = 50,
    embedding: Annotated[str, typer.Option("--embedding", help="counts (built in), word2vec or fasttext.")] = "counts",
    reviewed: Annotated[
        str | None,
        typer.Option("--review", help="YAML file of decisions: one round from what it accepts, proposals go into it."),
    ] = None,
    id_column: Id = "document_id",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Propose new keywords from the text around the known ones; a person decides on them in the review file."""
    from etl.text import discover as discovery
    from etl.text import review
    from etl.text.keywords import load_keywords

    entries = review.read(Path(reviewed)) if reviewed else []
    keywords = review.extended(load_keywords(seeds), entries)
    first = review.next_round(entries)
    frame = read_input(docs, needs=(id_column, *_TEXT), text=(id_column, *_TEXT))
    found = discovery.discover(
        frame, seeds=keywords, rounds=1 if reviewed else rounds, top=top, seed=seed, id_column=id_column,
        embedding=embedding, rejected=review.decided(entries), first=first,
    )  # fmt: skip
    summary = {"documents": frame.height, "proposals": found.height}
    if reviewed:
        review.write(Path(reviewed), review.with_proposals(entries, found))
        accepted = sum(entry.decision == "accept" for entry in entries)
        summary |= {"round": first, "accepted": accepted, "worth_another": review.worth_another(entries)}
    finish(found, out, summary, as_json=as_json)


@command(app, "classify")
def classify(
    texts: Annotated[str, typer.Argument(help="Texts: a table with id and text.")],
    out: Out,
    task: Annotated[str, typer.Option("--task", help="paragraph or sentence.")] = "paragraph",
    model: Annotated[str | None, typer.Option("--model", help="Model folder; the shipped model unless given.")] = None,
    column: Column = "text",
    as_json: Json = False,
) -> None:
    """Say what paragraphs or sentences are about."""
    from etl.text import classify as classification

    frame = read_input(texts, needs=(column,), text=(column, "id", "document_id"))
    found = classification.classify(frame, task=task, column=column, model=learned.classifier(model, task))
    counts = {str(k): int(v) for k, v in found["label"].drop_nulls().value_counts(sort=True).iter_rows()}
    finish(found, out, {"texts": found.height, "not_ok": int((~found["ok"]).sum()), **counts}, as_json=as_json)


@command(app, "train")
def train(
    task: Annotated[str, typer.Argument(help="What the model is for: paragraph, sentence, tag or actions.")],
    data: Annotated[list[str], typer.Option("--data", help="Table with the texts and their label; may be repeated.")],
    out: OutModel,
    column: Column = "text",
    label: Annotated[str, typer.Option("--label", help="Column of the classes.")] = "label",
    as_json: Json = False,
) -> None:
    """Train a classifier or a tagger on labelled texts and write a model folder with its card."""
    say(learned.train(task, data, out, column=column, label=label), as_json=as_json)
