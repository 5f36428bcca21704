"""Which structures of the screen's candidates to fetch or compute next; how rows are chosen is in `sampling`."""

import polars as pl

from etl.features.grouping import groupings
from models.bias import sampling

VALUE = "est_charge_trans"
"""What shall be equally diverse in all groups: the estimated charge-transfer energy, a published feature."""
BUDGET, KNOWN, OPEN = 20, 600, 600
_MADE = pl.Schema(
    {
        "formula": pl.String(),
        "rank": pl.Int64(),
        "anion": pl.String(),
        "expected_charge_trans": pl.Float64(),
        "expected_charge_trans_sd": pl.Float64(),
    }
)


def to_fetch(screened: pl.DataFrame, sifted: pl.DataFrame, features: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Rows of pred.acquisitions.

    Args:
        screened: rows of pred.screening.
        sifted: rows of pred.candidates.
        features: rows of feat.structure.
        seed: of the choice of the compounds with a structure that are learned from.
    """
    known = screened.join(features.select("structure_id", VALUE), on="structure_id").drop_nulls(VALUE)
    left = sifted.filter((pl.col("stage") == "candidate") & ~pl.col("formula").is_in(known["formula"].implode()))
    if known.height < sampling.FEWEST or not left.height:
        return pl.DataFrame(schema=_MADE)
    learned = known.unique("formula", maintain_order=True).sample(
        min(KNOWN, known["formula"].n_unique()), seed=seed, shuffle=True
    )
    offered = left.unique("formula", maintain_order=True).sort("rank", "formula").head(OPEN)
    rows = pl.concat(
        [learned.select("formula", VALUE), offered.select("formula", pl.lit(None, pl.Float64).alias(VALUE))]
    )
    grouped = groupings(rows).with_columns(anion=pl.col("family_tm_anion").str.split("|").list.last())
    found = sampling.propose(
        grouped.select("formula", VALUE, "anion"), group="anion", value=VALUE, budget=BUDGET, seed=seed
    )
    return found.select(
        "formula",
        "rank",
        "anion",
        expected_charge_trans="expected",
        expected_charge_trans_sd="expected_sd",
    )
