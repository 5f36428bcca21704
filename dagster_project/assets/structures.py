"""Crystal structures: as their source gave them, and read, checked and named."""

import polars as pl

from dagster_project.building import Build, Frames, table_assets


@table_assets("raw.structures", group="structures", kinds=("pymatgen", "polars"))
def raw_structures(build: Build) -> Frames:
    """Substitutes into prototypes, and with the profile `datasets` reads the public structures.

    What `matloom ingest` fetched from a live service stays, under any profile.
    """
    from etl.structures import datasets, prototypes, services

    fetched = build.store.current("raw.structures").filter(pl.col("source").is_in(services.SOURCES))
    parts = [prototypes.prototype_structures(), fetched]
    if build.datasets:
        parts.append(datasets.read_structures(build.datasets))
    made = pl.concat(parts, how="diagonal_relaxed")
    return {"raw.structures": made.unique("structure_id", keep="first", maintain_order=True)}


@table_assets("core.structures", group="structures", reads={"raw": "raw.structures"}, kinds=("pymatgen", "polars"))
def structures(build: Build, raw: pl.LazyFrame) -> Frames:
    """Reads and checks every structure; what is refused stays with a reason."""
    from etl.structures.assemble import assemble

    return {"core.structures": assemble(raw.collect())}


@table_assets("core.lacunar_spinels", "core.published_gaps", "core.convergence", group="structures", kinds=("polars",))
def calculated(build: Build) -> Frames:
    """What the project calculated so far of lacunar spinels, beside published gaps, and what its levels are worth."""
    from etl import reference

    found = reference.lacunar_spinels()
    build.notes["compounds"] = found.height
    return {
        "core.lacunar_spinels": found,
        "core.published_gaps": reference.published_gaps(),
        "core.convergence": reference.convergence(),
    }
