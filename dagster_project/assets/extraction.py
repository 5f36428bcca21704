"""What the selected documents say: paragraphs, compounds, transitions, recipes, labels."""

import polars as pl
import polars.selectors as cs

from dagster_project.building import Build, Frames, table_assets

_DOCUMENTS = {"documents": "raw.documents", "selections": "core.selections"}


@table_assets("core.paragraphs", group="extraction", reads=_DOCUMENTS, kinds=("scikitlearn", "polars"))
def paragraphs(build: Build, documents: pl.LazyFrame, selections: pl.LazyFrame) -> Frames:
    """Splits the selected documents and says what each paragraph is about."""
    from etl.text import classify
    from etl.text import documents as texts

    rows = texts.paragraphs(_selected(documents, selections))
    labelled = classify.classify(rows)
    return {"core.paragraphs": labelled.drop("ok", "reason", cs.matches("^(p_)?route"))}


@table_assets("core.mentions", "core.properties", group="extraction", reads=_DOCUMENTS)
def records(build: Build, documents: pl.LazyFrame, selections: pl.LazyFrame) -> Frames:
    """Reads compounds, transitions and other properties, each with its span."""
    from etl.text import tables

    chosen, model = _selected(documents, selections), None
    if build.settings.extractor == "llm":
        from etl.text import llm
        from warehouse.licences import sendable

        model = llm.extractor(chosen, home=build.settings.home, sendable=sendable(chosen))
        build.log.info("language model: %s", model.summary())
    return tables.mentions_and_properties(chosen, extractor=model)


@table_assets(
    "core.recipes",
    "core.recipe_steps",
    group="extraction",
    reads={"paragraphs": "core.paragraphs", "documents": "raw.documents"},
)
def recipes(build: Build, paragraphs: pl.LazyFrame, documents: pl.LazyFrame) -> Frames:
    """Reads recipes from synthesis paragraphs and joins the published facts (or the mined data set)."""
    from etl.text import tables

    sources = documents.select("document_id", "doi", "licence")
    texts = paragraphs.filter(pl.col("label") == "synthesis").join(sources, on="document_id").collect()
    return tables.recipes(texts, datasets=build.datasets)


@table_assets(
    "core.labels",
    "core.compounds",
    group="extraction",
    reads={"mentions": "core.mentions", "properties": "core.properties", "documents": "raw.documents"},
    plots={"core.labels": "transition_temperature_K"},
)
def labels(build: Build, mentions: pl.LazyFrame, properties: pl.LazyFrame, documents: pl.LazyFrame) -> Frames:
    """Joins curated labels and labels read from text; lists every compound known."""
    from etl.text import labels as labelling
    from etl.text import tables

    made = labelling.labels(properties.collect(), documents.select("document_id", "doi", "licence").collect())
    return {"core.labels": made, "core.compounds": tables.compounds(mentions.collect(), made)}


@table_assets(
    "core.disagreements",
    group="extraction",
    reads={"labels": "core.labels", "structures": "core.structures", "recipes": "core.recipes"},
)
def disagreements(build: Build, labels: pl.LazyFrame, structures: pl.LazyFrame, recipes: pl.LazyFrame) -> Frames:
    """Says where sources tell one thing differently, and whose value counts by the merge policy.

    Structures whose licence keeps them here are left out, as the table may be given away.
    """
    from etl.merging import mapped
    from schemas.merging import POLICIES
    from warehouse.licences import allowed

    open_ = structures.filter(pl.col("valid") & allowed("licence"))
    told = {"core.labels": labels, "core.structures": open_, "core.recipes": recipes}
    frames = {name: frame.select(POLICIES[name].used).collect() for name, frame in told.items()}
    return {"core.disagreements": mapped(frames, POLICIES)}


@table_assets("core.reading_scores", "core.reading_errors", group="extraction", reads={})
def reading(build: Build) -> Frames:
    """Measures what is read from text on annotated documents: those that ship, and the data sets where they lie."""
    from etl.text.evaluation import reading as measured
    from warehouse.files import read_table

    files = {} if build.datasets is None else measured.files(build.datasets)
    rows = {name: read_table(str(path)).to_dicts() for name, path in files.items()}
    return measured.measured(rows, seed=build.seed)


def _selected(documents: pl.LazyFrame, selections: pl.LazyFrame) -> pl.DataFrame:
    chosen = selections.filter("selected").select("document_id")
    return documents.join(chosen, on="document_id", how="semi").sort("document_id").collect()
