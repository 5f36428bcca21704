"""Is a distorted insulator paid for by electrons or by the lattice? Two energies per formula unit tell.

With the distortion Q held, the insulator lies by E(Q) = gain - pull |Q| + stiffness Q^2 / 2 from the undistorted
metal: what electronic order costs or yields in a lattice that cannot move, the linear energy that ordered electrons
win by it, and what the lattice asks. The picture is that of Georgescu and Millis, Commun. Phys. 5, 135 (2022),
doi 10.1038/s42005-022-00909-z; energies come from calculations at several distortions.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from schemas.arrays import Floats
from schemas.errors import InputError

NEEDED = ("distortion_angstrom", "energy_eV")
_FITTED = (
    "gain_eV", "pull_eV_angstrom", "stiffness_eV_angstrom2", "distortion_angstrom", "electronic_eV", "lattice_eV",
    "total_eV", "softest_metal_eV_angstrom2",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TwoEnergies:
    """One compound.

    Attributes:
        gain_eV: electronic energy of order in the undistorted lattice; negative where order pays by itself.
        pull_eV_angstrom: energy that order wins per distortion.
        stiffness_eV_angstrom2: of the lattice.
    """

    gain_eV: float
    pull_eV_angstrom: float
    stiffness_eV_angstrom2: float

    @property
    def distortion_angstrom(self) -> float:
        """Of the insulator at rest."""
        return max(self.pull_eV_angstrom, 0.0) / self.stiffness_eV_angstrom2

    @property
    def lattice_eV(self) -> float:
        """What the lattice pays at rest."""
        return 0.5 * self.stiffness_eV_angstrom2 * self.distortion_angstrom**2

    @property
    def electronic_eV(self) -> float:
        """What the electrons win at rest."""
        return self.gain_eV - self.pull_eV_angstrom * self.distortion_angstrom

    @property
    def total_eV(self) -> float:
        """Insulator at rest less undistorted metal; negative: the insulator is stable."""
        return self.electronic_eV + self.lattice_eV

    @property
    def softest_metal_eV_angstrom2(self) -> float | None:
        """Stiffness above which the metal is stable; None where order pays without the lattice."""
        return None if self.gain_eV <= 0 else max(self.pull_eV_angstrom, 0.0) ** 2 / (2 * self.gain_eV)

    def energy(self, distortion_angstrom: Floats) -> Floats:
        """Insulator at a held distortion less undistorted metal, eV."""
        size = np.abs(distortion_angstrom)
        return np.asarray(self.gain_eV - self.pull_eV_angstrom * size + 0.5 * self.stiffness_eV_angstrom2 * size**2)


def fit(distortion_angstrom: Floats, energy_eV: Floats) -> tuple[TwoEnergies, Floats]:
    """Least squares through energies of the insulator at held distortions, and the residuals in eV.

    Args:
        distortion_angstrom: at least three of different size.
        energy_eV: relative to the undistorted metal.

    Raises:
        InputError: too few sizes, or a lattice that does not resist.
    """
    size = np.abs(distortion_angstrom)
    if len(np.unique(np.round(size, 9))) < 3:
        raise InputError.of("fewer than three sizes of distortion", "the calculations", "calculate at one more")
    basis = np.column_stack([np.ones_like(size), -size, 0.5 * size**2])
    (gain, pull, stiffness), *_ = np.linalg.lstsq(basis, energy_eV, rcond=None)
    if stiffness <= 0:
        raise InputError.of(
            f"a stiffness of {stiffness:.3g} eV per angstrom^2", "the calculations", "add larger distortions"
        )
    found = TwoEnergies(gain_eV=float(gain), pull_eV_angstrom=float(pull), stiffness_eV_angstrom2=float(stiffness))
    return found, np.asarray(energy_eV - found.energy(size))


def compare(calculated: pl.DataFrame) -> pl.DataFrame:
    """One row a compound: what was fitted, `largest_residual_eV`, `points`, `ok` and `reason`.

    Args:
        calculated: a row a calculation, with `NEEDED` and, where there are several, `compound`; rows without numbers
            are left out.

    Raises:
        InputError: a missing column.
    """
    if missing := [c for c in NEEDED if c not in calculated.columns]:
        raise InputError.of(f"missing column {missing[0]}", "the calculations", f"give {', '.join(NEEDED)}")
    named = calculated if "compound" in calculated.columns else calculated.with_columns(compound=pl.lit("all"))
    read = named.with_columns(pl.col(n).cast(pl.Float64, strict=False) for n in NEEDED)
    rows = []
    for (name,), group in read.group_by("compound", maintain_order=True):
        known = group.filter(pl.all_horizontal(pl.col(n).is_finite() for n in NEEDED))
        row: dict[str, object] = {"compound": name, "points": known.height, "ok": True, "reason": None}
        try:
            found, residuals = fit(*(known[n].to_numpy() for n in NEEDED))
            row |= {n: getattr(found, n) for n in _FITTED}
            row["largest_residual_eV"] = float(np.abs(residuals).max())
        except InputError as error:
            row |= {"ok": False, "reason": str(error)}
        rows.append(row)
    numbers = dict.fromkeys((*_FITTED, "largest_residual_eV"), pl.Float64)
    kinds = {"compound": pl.String, "points": pl.Int64, **numbers, "ok": pl.Boolean, "reason": pl.String}
    return pl.DataFrame(rows, schema=kinds, orient="row")
