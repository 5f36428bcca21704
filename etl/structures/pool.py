"""The pool that screening ranks, and the labelled compounds with their published features."""

from pathlib import Path

import polars as pl

from etl import reference
from etl.structures import datasets as public
from etl.structures.candidates import candidates


def formulas(structures: pl.DataFrame, *, datasets: Path | None = None) -> pl.DataFrame:
    """Distinct formulas: enumerated by charge balance, of known structures, and of the public pools; `formula`.

    Args:
        structures: rows of core.structures.
        datasets: folder of the public data sets, where they shall be added.
    """
    parts = [candidates().select("formula"), structures.filter("valid").select("formula").drop_nulls()]
    if datasets:
        parts.append(public.pool_formulas(datasets).select("formula"))
    return pl.concat(parts).unique(maintain_order=True).sort("formula")


def labelled(labels: pl.DataFrame) -> pl.DataFrame:
    """The published features of labelled compounds whose label is in the table `labels` (curated rows)."""
    known = labels.filter(pl.col("source") == "labelled_compounds").height
    rows = reference.labelled_compounds()
    return rows if known == rows.height else rows.join(labels, on=["chemsys", "label_name"], how="semi")
