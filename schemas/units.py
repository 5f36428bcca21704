"""The units the project uses, one per quantity. A column's `unit` is a key of `UNITS`."""

ZERO_CELSIUS_K = 273.15

UNITS: dict[str, str] = {
    "1": "dimensionless number or fraction",
    "count": "number of things",
    "K": "kelvin",
    "h": "hours",
    "s": "seconds",
    "eV": "electronvolt",
    "eV_atom": "electronvolt per atom",
    "angstrom": "angstrom, 1e-10 m",
    "angstrom3": "cubic angstrom",
    "angstrom3_atom": "cubic angstrom per atom",
    "degree": "degree of angle",
    "eV_angstrom": "electronvolt per angstrom",
    "GPa": "gigapascal",
    "ohm_cm": "ohm centimetre",
    "bohr_magneton": "Bohr magneton",
    "vu": "valence units of a bond-valence sum",
    "g_cm3": "gram per cubic centimetre",
}

FOREIGN_UNITS: dict[str, str] = {
    "C": "degree Celsius; declared tables hold K",
    "year": "year of the calendar",
}
"""Units of files that others wrote, which checks know beside those of the project."""
