"""How calculated values move with one setting at a time: what a level is worth."""

import polars as pl

from models.evaluators.states import State

VALUES = ("gap_eV", "energy_eV_atom")
_HOW = r" ?ranks=\d+"
"""What of a label says how a calculation ran, and nothing of its level."""


def convergence(changed: pl.DataFrame, base: pl.DataFrame) -> pl.DataFrame:
    """How gap and energy of compounds move with one setting, a row a compound and setting.

    `against` is the first compound of the study: what moves its energy as much moves no difference of energies, which
    is what stability is made of.

    Args:
        changed: as `service.collect` gives it; a label is the formula and the setting, such as `GaMo4S8 cutoff_eV=400`.
        base: the same compounds with the settings of the recipe; labels are formulas, and the lowest of starts counts.
    """
    changed, base = (_whole(frame) for frame in (changed, base))
    parts = pl.col("label").str.replace(_HOW, "").str.splitn(" ", 2).struct
    told = pl.col("provenance").str.json_path_match("$.cpu_s").cast(pl.Float64)
    rows = changed.filter(pl.col("state") == str(State.ACCEPTED)).select(
        parts[0].alias("formula"), parts[1].alias("changed"), *VALUES, told.alias("cpu_s")
    )
    named = [pl.col(k).alias(f"base_{k}") for k in VALUES]
    own = lowest(base.with_columns(label=parts[0])).select(pl.col("label").alias("formula"), *named)
    moved = rows.join(own, on="formula", maintain_order="left").with_columns(
        gap_shift_eV=pl.col("gap_eV") - pl.col("base_gap_eV"),
        energy_shift_eV_atom=pl.col("energy_eV_atom") - pl.col("base_energy_eV_atom"),
    )
    first = moved["formula"][0] if moved.height else ""
    zero = moved.filter(pl.col("formula") == first).select("changed", zero="energy_shift_eV_atom")
    return (
        moved.join(zero, on="changed", how="left", maintain_order="left")
        .with_columns(against=pl.lit(first), difference_shift_eV_atom=pl.col("energy_shift_eV_atom") - pl.col("zero"))
        .drop("zero", "base_energy_eV_atom")
        .with_columns(pl.col(pl.Float64).round(6))
    )


def _whole(done: pl.DataFrame) -> pl.DataFrame:
    """The frame with a column for each of `VALUES`: an engine may tell none, and nothing may have ended."""
    return done.with_columns(pl.lit(None, pl.Float64).alias(name) for name in VALUES if name not in done.columns)


def lowest(done: pl.DataFrame) -> pl.DataFrame:
    """Of each label the calculation with the lowest energy, and `starts`: where it ends hangs on the start of moments.

    Args:
        done: as `service.collect` gives it.
    """
    accepted = pl.col("state") == str(State.ACCEPTED)
    counted = done.with_columns(starts=accepted.sum().over("label").cast(pl.Int64))
    order = counted.sort("energy_eV_atom", nulls_last=True, maintain_order=True)
    return order.unique("label", keep="first", maintain_order=True)
