"""From raw structure texts to the rows of core.structures: read, check, flag, name."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from etl.features.formulas import reduced_formula
from etl.features.grouping import groupings
from etl.structures.blocks import read_cif
from etl.structures.checks import flags
from etl.structures.errors import StructureError

_CARRIED = ("structure_id", "source", "source_id", "prototype", "cif", "fidelity", "functional", "doi", "licence")
_COMPUTED: dict[str, pl.DataType] = {
    "formula": pl.String(),
    "valid": pl.Boolean(),
    "invalid_reason": pl.String(),
    "flags": pl.List(pl.String()),
    "n_sites": pl.Int64(),
    "n_elements": pl.Int64(),
    "volume_angstrom3": pl.Float64(),
    "volume_per_atom_angstrom3": pl.Float64(),
    "density_g_cm3": pl.Float64(),
}


def assemble(raw: pl.DataFrame) -> pl.DataFrame:
    """Core rows of raw ones, one each and in order; a refused structure stays with `valid` false and a reason.

    Args:
        raw: columns of raw.structures.
    """
    made = [_row(row) for row in raw.iter_rows(named=True)]
    computed = pl.DataFrame(made, schema=_COMPUTED)
    carried = raw.select(c for c in _CARRIED if c in raw.columns)
    return groupings(pl.concat([carried, computed], how="horizontal"))


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    try:
        crystal = read_cif(row["cif"] or "")
    except StructureError as error:
        return {"formula": row.get("formula"), "valid": False, "invalid_reason": str(error), "flags": []}
    amounts = crystal.amounts
    return {
        "formula": reduced_formula(amounts),
        "valid": True,
        "invalid_reason": None,
        "flags": flags(crystal),
        "n_sites": crystal.n_sites,
        "n_elements": len(amounts),
        "volume_angstrom3": crystal.volume,
        "volume_per_atom_angstrom3": crystal.volume / sum(amounts.values()),
        "density_g_cm3": crystal.density,
    }
