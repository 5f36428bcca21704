"""The pool that screening ranks, and the labelled compounds with their published features."""

from pathlib import Path

import polars as pl

from etl import reference
from etl.features.formulas import reduced
from etl.features.structure import PUBLISHED
from etl.structures import datasets as public
from etl.structures.candidates import candidates
from etl.structures.matching import RANKS, UNKNOWN_RANK

ROOM_K = 295.0
"""Temperature of a measured structure that does not tell its own."""


def formulas(structures: pl.DataFrame, *, datasets: Path | None = None) -> pl.DataFrame:
    """Distinct formulas: enumerated by charge balance, of known structures, and of the public pools; `formula`.

    Args:
        structures: rows of core.structures.
        datasets: folder of the public data sets, where they shall be added.
    """
    parts = [candidates()["formula"], structures.filter("valid")["formula"].drop_nulls()]
    if datasets:
        listed = public.pool_formulas(datasets)["formula"]
        parts.append(pl.Series("formula", [reduced(f) for f in listed.to_list()], dtype=pl.String).drop_nulls())
    return pl.concat(parts).unique().sort().to_frame()


def offered(structures: pl.DataFrame, features: pl.DataFrame, *, datasets: Path | None = None) -> pl.DataFrame:
    """The pool with the structure features of each formula: `formula`, `structure_id`, the ten published features.

    Of several structures of a formula a measured one is taken before a calculated one and that before a prototype. Of
    measured ones the hottest is taken, then the most symmetric: the labelled compounds have their high-temperature
    structures too, and below a transition the gap is written into the sites. Then the one with the fewest features
    missing, then the first by id. A formula without a structure has nulls.

    Args:
        structures: rows of core.structures.
        features: rows of feat.structure.
        datasets: folder of the public data sets, where they shall be added.
    """
    known = structures.filter("valid").join(
        features.select("structure_id", *PUBLISHED), on="structure_id", how="inner", validate="1:1"
    )
    rank = pl.col("fidelity").replace_strict(RANKS, default=UNKNOWN_RANK, return_dtype=pl.Int64)
    measured = pl.col("fidelity") == "experiment"
    hot = pl.when(measured).then(-pl.col("temperature_K").fill_null(ROOM_K)).otherwise(0.0)
    symmetric = pl.when(measured).then(-pl.col("space_group_number").fill_null(1)).otherwise(0)
    gaps = pl.sum_horizontal(pl.col(PUBLISHED).is_null())
    best = known.sort(rank, hot, symmetric, gaps, "structure_id").unique("formula", keep="first", maintain_order=True)
    return formulas(structures, datasets=datasets).join(
        best.select("formula", "structure_id", *PUBLISHED), on="formula", how="left", maintain_order="left"
    )


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
    one = pl.when(pl.col("label_name").n_unique() == 1).then(pl.col("label_name").first())
    groups = ("chemsys", "family_ln", "family_tm_anion")
    curated = labels.filter("curated").group_by("formula").agg(one.alias("label_name"), pl.col(groups).first())
    published = reference.labelled_compounds()
    flags = [c for c in published.columns if c.endswith("_imputed")]
    spelled = pl.Series("formula", [reduced(f) for f in published["formula"].to_list()], dtype=pl.String)
    features = published.select(spelled, *PUBLISHED, *flags)
    return curated.sort("formula").join(features, on="formula", how="left", maintain_order="left", validate="1:1")
