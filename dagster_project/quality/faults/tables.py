"""The real tables that faults are seeded into: those of the demonstration, made from what ships with the project."""

from functools import cache

import polars as pl

from dagster_project.quality.guess import declaration
from schemas.core import Table
from schemas.tables import REGISTRY


@cache
def tables() -> dict[str, pl.DataFrame]:
    """Rows by name of the table; names of the layer `file` are of look-up tables that are no declared ones."""
    from etl import reference
    from etl.features.composition import composition
    from etl.sources import folder
    from etl.structures.assemble import assemble
    from etl.structures.prototypes import prototype_structures
    from etl.text import tables as texts
    from etl.text.labels import labels

    documents = pl.concat([folder.parse(d, where=n).documents for n, d in reference.demo_corpus().items()])
    read = texts.mentions_and_properties(documents)
    raw = prototype_structures()
    structures = assemble(raw)
    labelled = labels(read["core.properties"], documents)
    compounds = texts.compounds(read["core.mentions"], labelled)
    compounds = pl.concat([compounds, _sodium_mononitride()], how="diagonal")
    made = {
        "raw.documents": documents,
        "core.mentions": read["core.mentions"],
        "core.recipes": texts.recipe_facts(),
        "core.labels": labelled,
        "core.compounds": compounds.sort("formula"),
        "raw.structures": raw,
        "core.structures": structures,
        "feat.composition": composition(compounds.select("formula"), set="extended").filter("ok"),
    }
    shaped = {name: _shaped(frame, REGISTRY[name]) for name, frame in made.items()}
    return shaped | {
        "file.perovskites": reference.perovskites_270(),
        "file.labelled": reference.labelled_compounds(),
        "file.split": _split(reference.perovskites_270()),
    }


def declared(name: str) -> Table:
    """The declaration of such a table."""
    return REGISTRY[name] if name in REGISTRY else declaration(tables()[name], name.removeprefix("file."))


def _shaped(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    from schemas.emit.polars import conform, schema

    missing = {c: t for c, t in schema(table).items() if c not in frame.columns}
    whole = frame.with_columns(pl.lit(None, dtype=t).alias(c) for c, t in missing.items()).select(table.column_names)
    return conform(whole, table)[0].sort(table.key)


def _sodium_mononitride() -> pl.DataFrame:
    """The compound whose formula readers of tables take for a missing value."""
    row = {"formula": "NaN", "chemsys": "N-Na", "documents": 0, "mentions": 0}
    return pl.DataFrame([row]).with_columns(labelled=False, label_disputed=False)


def _split(frame: pl.DataFrame) -> pl.DataFrame:
    part = pl.when(pl.int_range(pl.len()) % 5 == 0).then(pl.lit("test")).otherwise(pl.lit("train"))
    return frame.with_columns(part=part)
