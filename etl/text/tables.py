"""From what was read to rows of the core tables: mentions, properties, recipes, compounds; `labels` makes its own."""

import hashlib
from pathlib import Path

import polars as pl

from etl import reference
from etl.features.formulas import reduced
from etl.features.grouping import groupings
from etl.merging import merged
from etl.text.extract import Extractor, extract
from etl.text.recipes import extract_recipes
from schemas.errors import InputError
from schemas.merging import LABELS
from schemas.tables.recipes import HEATING_H, HEATING_K
from schemas.units import ZERO_CELSIUS_K

_ROUTES = {"solid-state": "solid_state", "sol-gel": "sol_gel"}
_CELSIUS = {"sinter_T": "sinter_temperature_K", "calcine_T": "calcine_temperature_K", "max_T": "max_temperature_K"}


def mentions_and_properties(documents: pl.DataFrame, *, extractor: Extractor | None = None) -> dict[str, pl.DataFrame]:
    """Rows of core.mentions and core.properties of some documents, by the rules or another extractor."""
    found, _ = extract(documents, kinds=("transition", "property", "compound"), extractor=extractor)
    span = ["document_id", "field", "start", "end"]
    mentions = found.filter(pl.col("kind") == "compound")
    mentions = mentions.with_columns(mention_id=_hashes(mentions.select(span)))
    values = found.filter(pl.col("kind") != "compound")
    named = values.with_columns(
        property_id=_hashes(values.select("kind", "type", "formula", "value", "low", "high", *span))
    )
    return {
        "core.mentions": mentions.select(
            "mention_id",
            "document_id",
            "compound",
            "formula",
            "field",
            "start",
            "end",
            "sentence",
            "rule",
            "confidence",
        ).unique("mention_id", keep="first", maintain_order=True),
        "core.properties": named.unique("property_id", keep="first", maintain_order=True),
    }


def recipes(texts: pl.DataFrame, *, datasets: Path | None = None) -> dict[str, pl.DataFrame]:
    """Rows of core.recipes and core.recipe_steps: read from paragraphs, and published facts or the mined data set.

    Args:
        texts: paragraphs with `document_id`, `field`, `text`, `doi`, `licence`.
        datasets: folder of the public data sets; its mined recipes take the place of the shipped facts.

    Raises:
        InputError: the data set is missing or unreadable.
    """
    read, steps = extract_recipes(texts)
    read = read.filter(pl.col("target").is_not_null())
    known = recipe_facts() if datasets is None else _mined(datasets / "recipes" / "recipes.parquet")
    rows = pl.concat([read, known.select(c for c in read.columns if c in known.columns)], how="diagonal_relaxed")
    kept = steps.join(read.select("recipe_id"), on="recipe_id", how="semi")
    return {"core.recipes": rows, "core.recipe_steps": kept}


def compounds(mentions: pl.DataFrame, labelled: pl.DataFrame) -> pl.DataFrame:
    """Rows of core.compounds: every formula with plain amounts that is named or labelled, and its label."""
    named = (
        mentions.drop_nulls("formula")
        .with_columns(formula=pl.col("formula").map_elements(reduced, return_dtype=pl.String))
        .drop_nulls("formula")
        .group_by("formula")
        .agg(documents=pl.col("document_id").n_unique().cast(pl.Int64), mentions=pl.len().cast(pl.Int64))
    )
    label = ("label_name", "transition_temperature_K", "label_source", "label_disputed")
    known = (
        merged(labelled, LABELS)
        .rename({"source": "label_source"})
        .select("formula", *label[:3], label_disputed=pl.col("disputed").list.contains("label_name"), labelled=True)
    )
    rows = named.join(known, on="formula", how="full", coalesce=True).with_columns(
        pl.col("documents", "mentions").fill_null(0), pl.col("labelled", "label_disputed").fill_null(False)
    )
    return (
        groupings(rows)
        .select("formula", "chemsys", "documents", "mentions", "labelled", *label)
        .drop_nulls("chemsys")
        .sort("formula")
    )


def recipe_facts() -> pl.DataFrame:
    """The published recipes that ship with the project, as rows of core.recipes."""
    facts = reference.recipe_facts().with_columns(pl.col("precursors").str.split(";"))
    return _named(facts.rename({"fact_id": "recipe_id"}), source="recipe_facts", licence="CC-BY-4.0")


def _mined(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError.of("missing or unreadable Parquet", path, "download the data set again") from error
    kelvin = [(pl.col(old) + ZERO_CELSIUS_K).round(2).alias(new) for old, new in _CELSIUS.items()]
    hours = [pl.col(f"{n}_time").alias(f"{n}_time_h") for n in ("sinter", "calcine")]
    made = frame.drop_nulls("target").with_columns(*kelvin, *hours)
    return _named(made, source="text-mined recipes", licence="unknown")


def _named(frame: pl.DataFrame, *, source: str, licence: str) -> pl.DataFrame:
    temperatures, times = list(_CELSIUS.values()), ["sinter_time_h", "calcine_time_h"]
    return frame.with_columns(
        *(pl.when(pl.col(c).is_between(*HEATING_K)).then(pl.col(c)).alias(c) for c in temperatures),
        *(pl.when(pl.col(c).is_between(*HEATING_H)).then(pl.col(c)).alias(c) for c in times),
        route=pl.col("route").replace(_ROUTES),
        source=pl.lit(source),
        licence=pl.lit(licence),
    ).select("recipe_id", "route", "doi", "target", "precursors", *temperatures, *times, "source", "licence")


def _hashes(frame: pl.DataFrame) -> pl.Series:
    made = [hashlib.sha256(repr(row).encode()).hexdigest()[:16] for row in frame.iter_rows()]
    return pl.Series(made, dtype=pl.String)
