"""From raw structure texts to the rows of core.structures: read, check, flag, name, find what is told twice."""

from typing import Any

import polars as pl

from etl.features.formulas import reduced_formula
from etl.features.grouping import groupings
from etl.structures.blocks import read_cif
from etl.structures.checks import flags
from etl.structures.crystal import Crystal
from etl.structures.errors import StructureError
from etl.structures.matching import NAMES, duplicates, prototype_label, space_group

_CARRIED = ("structure_id", "source", "source_id", "cif", "fidelity", "functional", "doi", "licence")
_COMPUTED: dict[str, pl.DataType] = {
    "formula": pl.String(),
    "valid": pl.Boolean(),
    "invalid_reason": pl.String(),
    "flags": pl.List(pl.String()),
    "prototype": pl.String(),
    "prototype_label": pl.String(),
    "space_group_number": pl.Int64(),
    "temperature_K": pl.Float64(),
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
    crystals, made = [], []
    for row in raw.iter_rows(named=True):
        crystal = _read(row["cif"] or "")
        crystals.append(crystal if isinstance(crystal, Crystal) else None)
        made.append(_row(crystal, row.get("formula"), row.get("prototype")))
    computed = pl.DataFrame(made, schema=_COMPUTED)
    rows = pl.concat([raw.select(c for c in _CARRIED if c in raw.columns), computed], how="horizontal")
    same = pl.Series("duplicate_of", duplicates(rows, crystals), dtype=pl.String)
    return groupings(rows.with_columns(same))


def _read(text: str) -> Crystal | StructureError:
    try:
        return read_cif(text)
    except StructureError as error:
        return error


def _row(crystal: Crystal | StructureError, formula: str | None, prototype: str | None) -> dict[str, Any]:
    if isinstance(crystal, StructureError):
        refused = {"valid": False, "invalid_reason": str(crystal), "flags": []}
        return {"formula": formula, "prototype": prototype, **refused}
    amounts, label = crystal.amounts, prototype_label(crystal)
    return {
        "formula": reduced_formula(amounts),
        "valid": True,
        "invalid_reason": None,
        "flags": flags(crystal),
        "prototype": prototype or NAMES.get(label or ""),
        "prototype_label": label,
        "space_group_number": space_group(label),
        "temperature_K": crystal.kelvin,
        "n_sites": crystal.n_sites,
        "n_elements": len(amounts),
        "volume_angstrom3": crystal.volume,
        "volume_per_atom_angstrom3": crystal.volume / sum(amounts.values()),
        "density_g_cm3": crystal.density,
    }
