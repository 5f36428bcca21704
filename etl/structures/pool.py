"""The pool that screening ranks, and the labelled compounds with their published features."""

from pathlib import Path

import polars as pl

from etl import reference
from etl.features.formulas import reduced
from etl.features.structure import PUBLISHED
from etl.merging import merged, rank
from etl.structures import datasets as public
from etl.structures.candidates import candidates
from schemas.merging import LABELS, MEASURED_FIRST

ENUMERATED = "enumerated"
ROOM_K = 295.0
"""Temperature of a measured structure that does not tell its own."""


def listed(structures: pl.DataFrame, *, datasets: Path | None = None) -> pl.DataFrame:
    """Distinct formulas: enumerated by charge balance, of known structures, and of the public pools.

    Args:
        structures: rows of core.structures.
        datasets: folder of the public data sets, where they shall be added.

    Returns:
        `formula`, `pools` (who lists it), `enumerated_as` (the structure type it was enumerated for, else null).
    """
    made = candidates().select("formula", "prototype")
    parts = [
        made.select("formula", source=pl.lit(ENUMERATED)),
        structures.filter("valid").select("formula", "source").drop_nulls(),
    ]
    if datasets:
        parts.append(spelled(public.pool_formulas(datasets)))
    pools = pl.concat(parts).group_by("formula").agg(pl.col("source").unique().sort().alias("pools"))
    types = made.group_by("formula").agg(enumerated_as=pl.col("prototype").first())
    return pools.sort("formula").join(types, on="formula", how="left", maintain_order="left")


def spelled(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with their formula in reduced spelling; those whose formula cannot be read are left out."""
    return rows.with_columns(respelled(rows["formula"])).drop_nulls("formula")


def respelled(formulas: pl.Series) -> pl.Series:
    """Formulas in reduced spelling, null where they cannot be read."""
    made = {f: reduced(f) for f in formulas.unique().drop_nulls().to_list()}
    return pl.Series("formula", [made.get(f) for f in formulas.to_list()], dtype=pl.String)


def hull(*, datasets: Path | None = None) -> pl.DataFrame | None:
    """Hull distances by reduced formula, as `funnel` takes them; None without the public data sets."""
    return spelled(public.hull_distances(datasets)) if datasets else None


def known(labels: pl.DataFrame) -> pl.DataFrame:
    """What is no news: `formula`, `label_name` of curated labels, and of transitions that were read from text.

    Args:
        labels: rows of core.labels.
    """
    return labels.filter(pl.col("curated") | (pl.col("label_name") == "mit")).select("formula", "label_name")


def offered(structures: pl.DataFrame, features: pl.DataFrame, *, datasets: Path | None = None) -> pl.DataFrame:
    """The pool with the structure features of each formula.

    Of several structures of a formula a measured one is taken before a calculated one and that before a prototype. Of
    measured ones the hottest is taken, then the most symmetric: the labelled compounds have their high-temperature
    structures too, and below a transition the gap is written into the sites. Then the one with the fewest features
    missing, then the first by id. A formula without a structure has nulls.

    Args:
        structures: rows of core.structures.
        features: rows of feat.structure.
        datasets: folder of the public data sets, where they shall be added.

    Returns:
        `formula`, `pools`, `structure_id`, `prototype` (of the structure, else what the formula was enumerated for),
        `prototype_label`, the ten published features.
    """
    known = structures.filter("valid").join(
        features.select("structure_id", *PUBLISHED), on="structure_id", how="inner", validate="1:1"
    )
    measured = pl.col("fidelity") == "experiment"
    hot = pl.when(measured).then(-pl.col("temperature_K").fill_null(ROOM_K)).otherwise(0.0)
    symmetric = pl.when(measured).then(-pl.col("space_group_number").fill_null(1)).otherwise(0)
    gaps = pl.sum_horizontal(pl.col(PUBLISHED).is_null())
    best = known.sort(rank(MEASURED_FIRST), hot, symmetric, gaps, "structure_id").unique(
        "formula", keep="first", maintain_order=True
    )
    every = listed(structures, datasets=datasets).join(
        best.select("formula", "structure_id", "prototype", "prototype_label", *PUBLISHED),
        on="formula", how="left", maintain_order="left",
    )  # fmt: skip
    return every.with_columns(prototype=pl.coalesce("prototype", "enumerated_as")).drop("enumerated_as")


def labelled(labels: pl.DataFrame) -> pl.DataFrame:
    """The training table: one row a compound of core.labels that a person labelled, with the published features.

    Curated labels outrank those read from text, which are not learned from before a person looked. Where curated
    sources disagree on a compound its label is null, so that nothing is learned from it. A compound without published
    features stays, with nulls.

    Args:
        labels: rows of core.labels.

    Returns:
        `formula`, `label_name`, the grouping columns of core.labels, the ten features and their `*_imputed` flags.
    """
    groups = ("chemsys", "family_ln", "family_tm_anion")
    agreed = pl.when(~pl.col("disputed").list.contains("label_name")).then("label_name").alias("label_name")
    curated = merged(labels.filter("curated"), LABELS).select("formula", agreed, *groups)
    published = reference.labelled_compounds()
    flags = [c for c in published.columns if c.endswith("_imputed")]
    spelled = pl.Series("formula", [reduced(f) for f in published["formula"].to_list()], dtype=pl.String)
    features = published.select(spelled, *PUBLISHED, *flags)
    return curated.sort("formula").join(features, on="formula", how="left", maintain_order="left", validate="1:1")
