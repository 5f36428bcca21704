"""Numbers computed from compositions and structures."""

import os

import polars as pl

from dagster_project.building import Build, Frames, table_assets


@table_assets("feat.structure", group="features", reads={"structures": "core.structures"}, kinds=("pymatgen", "numpy"))
def structure_features(build: Build, structures: pl.LazyFrame) -> Frames:
    """The ten published features of every valid structure; what cannot be computed is null with a reason."""
    from etl.features.structure import structure
    from schemas.tables import REGISTRY

    valid = structures.filter("valid").sort("structure_id").collect()
    made = structure(valid, workers=os.cpu_count() or 1)
    return {"feat.structure": made.select(REGISTRY["feat.structure"].column_names)}


@table_assets(
    "feat.composition", group="features", reads={"compounds": "core.compounds", "structures": "core.structures"}
)
def composition_features(build: Build, compounds: pl.LazyFrame, structures: pl.LazyFrame) -> Frames:
    """Magpie statistics, charge balance and d counts of every known compound: labelled, named, or with a structure.

    Formulas that are merely enumerated are left to the screen: they are sooner computed than stored and audited
    (24,000 in 3 s against 76 s; a data set lists 440,000).
    """
    from etl.features.composition import composition
    from schemas.tables import REGISTRY

    formulas = pl.concat([compounds.select("formula"), structures.filter("valid").select("formula")])
    made = composition(formulas.drop_nulls().unique().sort("formula").collect(), set="extended")
    return {"feat.composition": made.filter("ok").select(REGISTRY["feat.composition"].column_names)}
