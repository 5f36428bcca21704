"""Registered public data sets of structures and formulas as raw rows; where they lie is told by the caller.

Live services are in `optimade`, `cod` and `mp`.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from etl.features.elements import NUMBER
from etl.structures.cif import raw_frame, to_cif
from etl.structures.crystal import Crystal, ordered_crystal
from etl.structures.errors import StructureError
from etl.structures.texts import read_poscar
from schemas.errors import InputError

# file under mit/ -> column with a formula; all are under CC BY 4.0
POOLS = {
    "pool_oqmd_gap_342k.parquet": "OQMD",
    "pool_mp_gap_106k.parquet": "Materials Project",
    "pool_mp_eform_133k.parquet": "Materials Project",
    "pool_aflow_gap_28k.parquet": "AFLOW",
}
HULL = "pool_mp_ehull_mub_57k.parquet"


def read_structures(folder: Path) -> pl.DataFrame:
    """Rows of raw.structures from the files under ``mit/`` of the data sets.

    Raises:
        InputError: a file is missing or unreadable.
    """
    rows: list[dict[str, str | None]] = []
    for row in _read(folder, "mp_structures_sample.parquet").iter_rows(named=True):
        rows.append(_row("Materials Project", row["material_id"], row["composition"], row["cif"], "CC-BY-4.0", "PBE"))
    for row in _read(folder, "reference_cifs.parquet").iter_rows(named=True):
        rows.append(_row("reference", f"{row['set']}/{row['name']}", None, row["cif"], "CC-BY-4.0", None))
    for row in _read(folder, "mp_binary_structures_3953.parquet").iter_rows(named=True):
        cif = to_cif(structure_of_json(row["structure_json"]))
        rows.append(_row("Materials Project", row["mp_id"], row["formula"], cif, "CC-BY-4.0", "PBE"))
    for row in _read(folder, "jarvis_structures_1056.parquet").iter_rows(named=True):
        try:
            cif = to_cif(read_poscar(row["poscar"]))
        except StructureError:
            cif = ""  # stays with the reason that the reader of core.structures gives
        rows.append(_row("JARVIS", row["jid"], row.get("formula"), cif, "US public domain", "OptB88vdW"))
    return raw_frame(rows).unique("structure_id", keep="first", maintain_order=True)


def pool_formulas(folder: Path) -> pl.DataFrame:
    """Formulas of the public pools with who lists them: `formula`, `source`, one row a pair.

    Raises:
        InputError: a file is missing or unreadable.
    """
    parts = [
        _read(folder, name).select(pl.col("formula").cast(pl.String), source=pl.lit(source))
        for name, source in POOLS.items()
    ]
    return pl.concat(parts).drop_nulls("formula").unique(maintain_order=True)


def hull_distances(folder: Path) -> pl.DataFrame:
    """Distances to the convex hull where a public pool tells them: `formula`, `energy_above_hull_eV_atom`, `source`.

    Raises:
        InputError: the file is missing or unreadable.
    """
    return _read(folder, HULL).select(
        pl.col("formula").cast(pl.String),
        pl.col("e_above_hull_eV_atom").alias("energy_above_hull_eV_atom"),
        pl.lit("Materials Project").alias("source"),
    )


def _read(folder: Path, name: str) -> pl.DataFrame:
    path = folder / "mit" / name
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError.of("missing or unreadable Parquet", path, "download the data set again") from error


def _row(
    source: str, source_id: Any, formula: str | None, cif: str, licence: str, functional: str | None
) -> dict[str, str | None]:
    return {
        "structure_id": f"{source}:{source_id}",
        "source": source,
        "source_id": str(source_id),
        "formula": formula,
        "cif": cif,
        "fidelity": "calculation" if functional else None,
        "functional": functional,
        "licence": licence,
    }


def structure_of_json(text: str) -> Crystal:
    """A structure of the binaries: `lattice`, `species` and `frac_coords` in JSON."""
    body = json.loads(text)
    numbers = np.array([NUMBER[symbol] for symbol in body["species"]], dtype=np.int64)
    return ordered_crystal(np.array(body["lattice"]), numbers, np.array(body["frac_coords"]))
