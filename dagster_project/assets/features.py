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
    """Magpie statistics, charge balance and d counts of every known compound and every enumerated candidate.

    Formulas of the public pools are left to the screen: 440,000 rows of 150 numbers are sooner made than stored.
    """
    from etl.features.composition import composition
    from etl.structures import pool
    from schemas.tables import REGISTRY

    named = compounds.select("formula").collect()
    formulas = pl.concat([named, pool.formulas(structures.collect())]).drop_nulls().unique().sort("formula")
    made = composition(formulas, set="extended")
    return {"feat.composition": made.filter("ok").select(REGISTRY["feat.composition"].column_names)}
