"""What values a physical quantity can have, and where the middle of many of them lies: told from a column's name.

Bounds are generous: outside them a value is impossible or of another unit, not merely rare. The usual range is of the
median of a column of many substances. Rules of one table's columns are in `tables`.
"""

import re
from dataclasses import dataclass

from schemas.units import FOREIGN_UNITS, UNITS

LARGEST = 1e40
"""No quantity is so large, in any unit; sums of squares of what is smaller are still numbers."""


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A quantity, known by the names of its columns.

    Attributes:
        name: what it is.
        pattern: regular expression that a column's name in small letters holds.
        unit: unit in which the bounds are.
        low: smallest possible value; None is open.
        high: largest possible value; None is open.
        usual: where the median of a column of at least 30 different values lies.

    Raises:
        ValueError: a unit that `units` does not know.
    """

    name: str
    pattern: str
    unit: str
    low: float | None = None
    high: float | None = None
    usual: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.unit not in {*UNITS, *FOREIGN_UNITS}:
            raise ValueError(f"{self.name}: unknown unit {self.unit}")


QUANTITIES = (
    Quantity(name="probability", pattern=r"^p_(?!value)|^prob|_probability$", unit="1", low=0, high=1),
    Quantity(name="year", pattern=r"^(pub_?)?year$", unit="year", low=1800, high=2100, usual=(1900, 2100)),
    Quantity(
        name="heating temperature",
        pattern=r"(sinter|calcin|anneal|max|heating|firing)\w*_temperature_k",
        unit="K",
        low=200,
        high=3800,
        usual=(330, 2000),
    ),
    Quantity(
        name="heating temperature",
        pattern=r"^(sinter|calcine|anneal|max|t_any_max)(_t|_temperature_c)?$",
        unit="C",
        low=-200,
        high=3500,
        usual=(60, 1750),
    ),
    Quantity(
        name="heating time",
        pattern=r"(sinter|calcine|anneal|max|any)\w*_time(_h|_max|$)|^max_t_time$",
        unit="h",
        low=1e-4,
        high=10000,
        usual=(0.3, 90),
    ),
    Quantity(
        name="temperature", pattern=r"(temperature|^t|_t|^tc|^tn|mit)_k$|_temperature_k", unit="K", low=0, high=6000
    ),
    Quantity(name="energy above hull", pattern=r"hull", unit="eV_atom", low=-0.001, high=15, usual=(0, 2)),
    Quantity(name="stability", pattern=r"^stability", unit="eV_atom", low=-10, high=15, usual=(-2, 2)),
    Quantity(
        name="formation energy", pattern=r"e_form|formation_energy", unit="eV_atom", low=-10, high=10, usual=(-5, 3)
    ),
    Quantity(
        name="band gap",
        pattern=r"(^|_)gap(?!_shift)(_|$)|bandgap|^pbe$|^hse$|^scan$|^gllb",
        unit="eV",
        low=-0.001,
        high=30,
        usual=(0, 10),
    ),
    Quantity(
        name="elastic modulus",
        pattern=r"modulus|(bulk|shear|young)_gpa",
        unit="GPa",
        low=-5000,
        high=2000,
        usual=(4, 700),
    ),
    Quantity(name="mass density", pattern=r"(^|_)density(_g_cm3)?$", unit="g_cm3", low=0, high=25, usual=(0.7, 16)),
    Quantity(
        name="volume of an atom", pattern=r"volume_per_(atom|site)", unit="angstrom3", low=2, high=500, usual=(6, 60)
    ),
    Quantity(
        name="distance of atoms", pattern=r"_dists?$|^d_m[om]$", unit="angstrom", low=0.3, high=40, usual=(1.2, 9)
    ),
    Quantity(name="Hubbard U", pattern=r"hubbard", unit="eV", low=-20, high=250, usual=(2, 70)),
    Quantity(name="charge-transfer energy", pattern=r"charge_trans", unit="eV", low=-80, high=150, usual=(-20, 60)),
    Quantity(name="Ewald energy of an atom", pattern=r"ewald", unit="eV_atom", low=-2000, high=1, usual=(-300, -2)),
    Quantity(name="bond-valence index", pattern=r"^gii$", unit="vu", low=0, high=60, usual=(0, 4)),
    Quantity(name="resistivity", pattern=r"ohm_cm|resistivity", unit="ohm_cm", low=0, high=1e25, usual=(1e-8, 1e10)),
    Quantity(name="space group", pattern=r"space_?group_num", unit="1", low=1, high=230),
    Quantity(name="atoms", pattern=r"^n_?(sites|atoms|elements|types)$", unit="count", low=1, high=5000),
)


def quantity(column: str, unit: str | None = None) -> Quantity | None:
    """The quantity of a column, by its name; one that is declared in another unit is not that quantity."""
    name = column.lower()
    for known in QUANTITIES:
        if re.search(known.pattern, name) and unit in (None, known.unit):
            return known
    return None
