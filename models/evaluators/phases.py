"""Which structures compete with a candidate, from rows of core.structures: what has to be calculated beside it.

How far a compound lies above or below them is told by `stability`; calculating them is the work of `computed`.
"""

from collections.abc import Iterable

import polars as pl

POLYMORPHS = 3
"""Structures of one formula that compete at most."""


def standing(structures: pl.DataFrame) -> pl.DataFrame:
    """Rows of core.structures that may be calculated: valid, ordered, each crystal once."""
    ordered = ~pl.col("flags").list.contains("disordered")
    return structures.filter(pl.col("valid") & ordered & pl.col("duplicate_of").is_null())


def of_system(structures: pl.DataFrame, elements: Iterable[str], *, most: int) -> pl.DataFrame:
    """Structures made of these elements that may be calculated, but those that are only made from a prototype.

    Several of one formula where space groups differ, those of the smallest cells: which is the most stable is known
    once all are calculated, and then it alone counts.

    Args:
        structures: rows of core.structures.
        elements: of the chemical system; its subsystems are in it.
        most: elements of a phase at most.
    """
    found = standing(structures).filter(
        (pl.col("n_elements") <= most)
        & pl.col("chemsys").str.split("-").list.set_difference(list(elements)).list.len().eq(0)
        & pl.col("fidelity").ne_missing("prototype")
    )
    found = found.unique(["formula_reduced", "space_group_number"], keep="first", maintain_order=True)
    order = pl.col("n_sites").rank("ordinal").over("formula_reduced")
    return found.filter(order.is_null() | (order <= POLYMORPHS))


def rivals(structures: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """Phases of fewer elements than the candidates, made of elements of the candidates.

    Args:
        structures: rows of core.structures.
        candidates: with `chemsys` and `n_elements`.
    """
    elements = candidates["chemsys"].str.split("-").explode().unique().to_list()
    fewest: int = candidates.select(pl.col("n_elements").min().fill_null(1)).item()
    return of_system(structures, elements, most=fewest - 1)


def labelled(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of core.structures as `label` and `cif`: the formula, with the space group where several have the same."""
    several = pl.col("space_group_number").n_unique().over("formula_reduced") > 1
    group = pl.concat_str([pl.col("formula_reduced"), pl.col("space_group_number")], separator=" in ")
    return rows.select("cif", label=pl.when(several).then(group).otherwise("formula_reduced"))
