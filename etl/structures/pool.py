"""The pool that screening ranks, and the labelled compounds with their published features."""

from pathlib import Path

import polars as pl

from etl import reference
from etl.features.formulas import reduced
from etl.structures import datasets as public
from etl.structures.candidates import candidates


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


def labelled(labels: pl.DataFrame) -> pl.DataFrame:
    """The published features of the compounds in `labels` (curated rows of core.labels)."""
    rows = reference.labelled_compounds()
    spelled = pl.Series("formula", [reduced(f) for f in rows["formula"].to_list()], dtype=pl.String)
    return rows.filter(spelled.is_in(labels["formula"].implode()))
