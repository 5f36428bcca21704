"""Crystal structures: as their source gave them, and read, checked and named."""

import polars as pl

from dagster_project.building import Build, Frames, table_assets


@table_assets("raw.structures", group="structures", kinds=("pymatgen", "polars"))
def raw_structures(build: Build) -> Frames:
    """Substitutes into prototypes, and with the profile `datasets` reads the public structures."""
    from etl.structures import datasets, prototypes

    made = prototypes.prototype_structures()
    if build.datasets:
        made = pl.concat([made, datasets.read_structures(build.datasets)], how="diagonal_relaxed")
    return {"raw.structures": made.unique("structure_id", keep="first", maintain_order=True)}


@table_assets("core.structures", group="structures", reads={"raw": "raw.structures"}, kinds=("pymatgen", "polars"))
def structures(build: Build, raw: pl.LazyFrame) -> Frames:
    """Reads and checks every structure; what is refused stays with a reason."""
    from etl.structures.assemble import assemble

    return {"core.structures": assemble(raw.collect())}
