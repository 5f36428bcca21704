"""`matloom text extract`, `text tag` and `formula parse`: thin skins over `etl.text`."""

from typing import Annotated

import typer

from dagster_project.commands import learned
from dagster_project.commands.common import Home, InputError, Json, Out, command, finish, home, listed, read_input
from dagster_project.commands.text import app, formula_app
from dagster_project.settings import EXTRACTORS

Docs = Annotated[str, typer.Argument(help="Documents: a table with an id and title, abstract, captions, body or text.")]
Texts = Annotated[str, typer.Argument(help="Texts: a table with id and text.")]
Formulas = Annotated[str, typer.Argument(help="A table with a column of formulas, names or phrases.")]


@command(app, "extract")
def extract(
    docs: Docs,
    out: Out,
    kinds: Annotated[
        str, typer.Option("--kinds", help="Comma-separated: transition, property, recipe, compound.")
    ] = "",
    properties: Annotated[
        str, typer.Option("--properties", help="YAML of what to extract; the shipped one if empty.")
    ] = "",
    id_column: Annotated[str, typer.Option("--id", help="Column that identifies a document.")] = "document_id",
    extractor: Annotated[
        str, typer.Option("--extractor", help="rules, or llm: the language model of MATLOOM_LLM_URL, _KEY and _MODEL.")
    ] = "rules",
    home_: Home = None,
    as_json: Json = False,
) -> None:
    """Extract records from documents: transitions, properties, recipes and compounds, each with its span."""
    from etl.text import extract as extraction

    if extractor not in EXTRACTORS:
        raise InputError.of(f"unknown extractor {extractor}", "--extractor", f"use one of {', '.join(EXTRACTORS)}")
    frame = read_input(docs, needs=(id_column,), text=(id_column, *extraction.FIELDS))
    wanted, config, model = listed(kinds) or extraction.KINDS, properties or None, None
    if extractor == "llm":
        from etl.text import llm
        from warehouse.licences import sendable

        model = llm.extractor(frame, home=home(home_), sendable=sendable(frame), config=config)
    records, summary = extraction.extract(frame, kinds=wanted, properties=config, id_column=id_column, extractor=model)
    if model is not None:
        summary["llm"] = model.summary()
    finish(records, out, summary, as_json=as_json)


@command(app, "tag")
def tag(
    texts: Texts,
    out: Out,
    model: Annotated[str, typer.Option("--model", help="Model folder, or 'rules'; the shipped model if empty.")] = "",
    column: Annotated[str, typer.Option("--column", help="Column of the texts.")] = "text",
    entities: Annotated[
        str, typer.Option("--entities", help="Column of known entities: only their relations are read.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Tag synthesis text: materials, operations, numbers, units, conditions, and how they belong together."""
    from etl.text import tag as tagging

    frame = read_input(texts, needs=(column, *filter(None, [entities])), text=(column, "id"))
    if model == "rules":
        tagged = tagging.tag_by_rules(frame, column=column)
    else:
        tagged = tagging.tag(frame, column=column, model=learned.tagger(model), known=entities or None)
    counts = {k: int(tagged[k].list.len().sum() or 0) for k in ("entities", "relations")}
    summary = {"texts": tagged.height, **counts, "not_ok": int((~tagged["ok"]).sum())}
    finish(tagged, out, summary, as_json=as_json)


@command(formula_app, "parse")
def parse(
    table: Formulas,
    out: Out,
    column: Annotated[str, typer.Option("--column", help="Column to parse.")] = "text",
    as_json: Json = False,
) -> None:
    """Parse formulas and names: composition, variables and tagged segments, one row per input row."""
    from etl.text.formula import parse_many

    parsed = parse_many(read_input(table, needs=(column,), text=(column,)), column=column)
    good = int(parsed["ok"].sum())
    finish(parsed, out, {"rows": parsed.height, "ok": good, "not_ok": parsed.height - good}, as_json=as_json)
