"""Rows of raw.structures and the CIF texts in them.

Reading a text strictly is in `blocks` and `texts`; what a crystal must satisfy in `checks`.
"""

import codecs
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from etl.structures.crystal import Crystal, from_pymatgen
from schemas.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure


RAW_COLUMNS: dict[str, pl.DataType] = {
    "structure_id": pl.String(),
    "source": pl.String(),
    "source_id": pl.String(),
    "formula": pl.String(),
    "prototype": pl.String(),
    "cif": pl.String(),
    "fidelity": pl.String(),
    "functional": pl.String(),
    "doi": pl.String(),
    "licence": pl.String(),
}


def to_cif(structure: "Structure | Crystal") -> str:
    """The structure as CIF text in P1; species without oxidation states."""
    crystal = structure if isinstance(structure, Crystal) else from_pymatgen(structure)
    lengths = np.sqrt(np.square(crystal.lattice).sum(axis=1))
    unit = crystal.lattice / lengths[:, None]
    angles = np.degrees(np.arccos(np.clip([unit[1] @ unit[2], unit[0] @ unit[2], unit[0] @ unit[1]], -1.0, 1.0)))
    amounts = " ".join(f"{symbol}{amount:g}" for symbol, amount in crystal.amounts.items())
    cell = zip(("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"), (*lengths, *angles),
               strict=True)  # fmt: skip
    lines = [
        f"data_{''.join(amounts.split())}",
        "_symmetry_space_group_name_H-M   'P 1'",
        *(f"_cell_{name}   {value:.8f}" for name, value in cell),
        "_symmetry_Int_Tables_number   1",
        f"_chemical_formula_sum   '{amounts}'",
        f"_cell_volume   {crystal.volume:.8f}",
        "loop_",
        " _symmetry_equiv_pos_as_xyz",
        "  'x, y, z'",
        "loop_",
        *(f" _atom_site_{name}" for name in ("type_symbol", "label", "fract_x", "fract_y", "fract_z", "occupancy")),
    ]
    for symbol, site, place, share in zip(
        crystal.symbols, crystal.sites, crystal.coords, crystal.occupancies, strict=True
    ):
        lines.append(f"  {symbol}  {symbol}{site}  {place[0]:.8f}  {place[1]:.8f}  {place[2]:.8f}  {share:.6g}")
    return "\n".join(lines) + "\n"


def raw_frame(rows: Iterable[Mapping[str, str | None]]) -> pl.DataFrame:
    """Rows of raw.structures from dictionaries; `structure_id` is made from source and source_id where absent."""
    made = []
    for row in rows:
        given = {name: row.get(name) for name in RAW_COLUMNS}
        if given["structure_id"] is None:
            given["structure_id"] = f"{given['source']}:{given['source_id']}"
        made.append(given)
    return pl.DataFrame(made, schema=RAW_COLUMNS)


def read_folder(folder: Path, *, source: str = "local CIF", licence: str = "unknown") -> pl.DataFrame:
    """Raw rows of all CIF files under a folder, in order of path; texts are not parsed here.

    Raises:
        InputError: no such folder, no file that ends in .cif, or one that cannot be read.
    """
    if not folder.is_dir():
        raise InputError.of("no such folder", folder, "check the path")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() == ".cif" and p.is_file())
    if not paths:
        raise InputError.of("no CIF file", folder, "name a folder with files that end in .cif")
    return raw_frame(
        {
            "source": source,
            "source_id": path.relative_to(folder).as_posix(),
            "cif": _text(path),
            "licence": licence,
        }
        for path in paths
    )


def _text(path: Path) -> str:
    """The text of a file: UTF-8, or UTF-16 where its first bytes say so; bytes that are neither are replaced."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError.of(f"cannot read ({error.strerror})", path, "mend its permissions or move it away") from error
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return raw.decode("utf-16" if wide else "utf-8", errors="replace")
