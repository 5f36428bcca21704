"""A cheap sign of a thermal transition in layered oxides: does magnetic order win energy, and does it open a gap?

For A2BO4 the energy of the best antiferromagnetic order less that of the non-magnetic crystal, and their gaps, stand
for the transition: an insulator that exists by its moments may lose both on heating. It is a screen and no proof.
Energies of one compound must come from one recipe.
"""

import polars as pl

from schemas.errors import InputError

NEEDED = ("compound", "order", "energy_eV_atom", "gap_eV")
OPEN_EV = 0.05
"""A gap below this is none: a smeared metal shows as much."""
NONE, FERRO, ANTI = "NM", "FM", "AFM"
COLUMNS = {
    "compound": pl.String, "ground_order": pl.String, "afm_order": pl.String, "afm_minus_nm_eV_atom": pl.Float64,
    "afm_minus_fm_eV_atom": pl.Float64, "gap_afm_eV": pl.Float64, "gap_nm_eV": pl.Float64, "mit_proxy": pl.Boolean,
    "ok": pl.Boolean, "reason": pl.String,
}  # fmt: skip


def compare(calculated: pl.DataFrame) -> pl.DataFrame:
    """One row a compound; `COLUMNS` in this order.

    `mit_proxy`: the best antiferromagnet lies below the non-magnetic crystal, and has a gap where that has none.

    Args:
        calculated: a row a magnetic order (NM, FM, AFM-A, ...), with `NEEDED`; rows without an energy are left out.

    Raises:
        InputError: a missing column.
    """
    if missing := [c for c in NEEDED if c not in calculated.columns]:
        raise InputError.of(f"missing column {missing[0]}", "the calculations", f"give {', '.join(NEEDED)}")
    read = calculated.with_columns(pl.col("energy_eV_atom", "gap_eV").cast(pl.Float64, strict=False))
    rows = [
        _row(str(name), group.filter(pl.col("energy_eV_atom").is_finite()))
        for (name,), group in read.group_by("compound", maintain_order=True)
    ]
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def _row(compound: str, rows: pl.DataFrame) -> dict[str, object]:
    ordered = rows.sort("energy_eV_atom")
    best = {
        kind: ordered.filter(pl.col("order").str.starts_with(kind)).head(1).to_dicts() for kind in (NONE, FERRO, ANTI)
    }
    lacking = [kind for kind in (NONE, ANTI) if not best[kind]]
    found: dict[str, object] = {"compound": compound, "ok": not lacking}
    if rows.height:
        found["ground_order"] = ordered["order"][0]
    if lacking:
        return {**dict.fromkeys(COLUMNS), **found, "reason": f"no energy of {' and '.join(lacking)}"}
    nm, afm = best[NONE][0], best[ANTI][0]
    gain = afm["energy_eV_atom"] - nm["energy_eV_atom"]
    gaps = (afm["gap_eV"], nm["gap_eV"])
    opens = None if None in gaps else gaps[0] > OPEN_EV >= gaps[1]
    return {
        **dict.fromkeys(COLUMNS),
        **found,
        "afm_order": afm["order"],
        "afm_minus_nm_eV_atom": gain,
        "afm_minus_fm_eV_atom": afm["energy_eV_atom"] - best[FERRO][0]["energy_eV_atom"] if best[FERRO] else None,
        "gap_afm_eV": gaps[0],
        "gap_nm_eV": gaps[1],
        "mit_proxy": False if gain >= 0 else opens,
        "reason": None if opens is not None else "no gap is known",
    }
