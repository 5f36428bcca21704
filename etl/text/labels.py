"""Labels of compounds: curated ones and those read from text, with who agrees and who says otherwise.

Precision first: a record read from text gives a label where its rules are sure, or where documents that are less sure
agree. Nothing is dropped for a conflict: each source keeps its row, and the row counts the others.
"""

import polars as pl

from etl import reference
from etl.features.formulas import reduced
from etl.features.grouping import groupings
from schemas.rules import vocabulary
from schemas.tables.labels import LABELS

SURE = 0.6
"""Confidence from which one document is enough."""
AGREED = 0.4
"""Confidence from which a document counts where another document says the same of the compound."""
_GAP_EV = 0.1  # a smaller gap may be that of a semimetal, a superconductor or a density wave
_GAP_SURE = 0.8
_NAMES = vocabulary(LABELS.column("label_name").rules)


def labels(properties: pl.DataFrame, documents: pl.DataFrame) -> pl.DataFrame:
    """Rows of core.labels: one a compound and source.

    A transition whose type is the name of a declared label gives that label to its compound, and its temperature; a
    band gap makes an insulator, unless the same document tells a transition of the compound.

    Args:
        properties: rows of core.properties.
        documents: `document_id`, `doi`, `licence`.
    """
    both = pl.concat([_curated(), _read(properties, documents)]).unique(
        ["formula", "source"], keep="first", maintain_order=True
    )
    grouped = groupings(both).select(*both.columns, "chemsys", "family_ln", "family_tm_anion")
    return _weighed(grouped.drop_nulls("chemsys"))


def _curated() -> pl.DataFrame:
    """The labelled compounds, and transitions of others that publications tell."""
    tables = {"labelled_compounds": reference.labelled_compounds(), "transition_facts": reference.transition_facts()}
    return pl.concat(
        table.select(
            formula=pl.col("formula").map_elements(reduced, return_dtype=pl.String),
            label_name="label_name",
            transition_temperature_K=pl.col("t_mit_K").cast(pl.Float64),
            source=pl.lit(source),
            doi="doi",
            curated=pl.lit(True),
            confidence=pl.lit(1.0),
            property_id=pl.lit(None, dtype=pl.String),
            licence="licence",
        )
        for source, table in tables.items()
    )


def _read(properties: pl.DataFrame, documents: pl.DataFrame) -> pl.DataFrame:
    """The most confident label of each compound in each document, where it is sure or agreed on."""
    named = pl.col("type").str.to_lowercase()
    gap = (
        (pl.col("type") == "band_gap") & (pl.coalesce("value", "low") >= _GAP_EV) & (pl.col("confidence") >= _GAP_SURE)
    )
    told = properties.with_columns(
        formula=pl.col("formula").map_elements(reduced, return_dtype=pl.String),
        label_name=pl.when(named.is_in(_NAMES)).then(named).when(gap).then(pl.lit("insulator")),
    ).drop_nulls(["formula", "label_name"])
    each = (
        told.sort("document_id", pl.col("type") == "band_gap", "confidence", descending=[False, False, True],
                  maintain_order=True)
        .unique(["document_id", "formula"], keep="first", maintain_order=True)
        .filter(pl.col("confidence") >= AGREED)
    )  # fmt: skip
    agreed = pl.col("document_id").n_unique().over("formula", "label_name") > 1
    middle = pl.coalesce("value", (pl.col("low") + pl.col("high")) / 2)
    return (
        each.filter((pl.col("confidence") >= SURE) | agreed)
        .join(documents, on="document_id", maintain_order="left")
        .select(
            "formula",
            "label_name",
            transition_temperature_K=pl.when(pl.col("unit") == "K").then(middle),
            source="document_id",
            doi="doi",
            curated=pl.lit(False),
            confidence="confidence",
            property_id="property_id",
            licence="licence",
        )
    )


def _weighed(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with what the sources of each compound say together: how many agree, how many do not, and on which T."""
    told = pl.len().over("formula", "label_name").cast(pl.Int64)
    temperature = pl.col("transition_temperature_K")
    spread = (temperature.max() - temperature.min()).over("formula", "label_name")
    several = temperature.count().over("formula", "label_name") > 1
    return rows.with_columns(
        supporting=told,
        contradicting=pl.len().over("formula").cast(pl.Int64) - told,
        temperature_spread_K=pl.when(several & temperature.is_not_null()).then(spread),
    )
