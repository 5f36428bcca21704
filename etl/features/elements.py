"""Facts about elements that features and candidates share: symbols, blocks, usual oxidation states.

Only what every textbook gives belongs here; measured numbers with a source are in `etl.reference`.
"""

import functools

_PERIODS = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu
Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr
Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
"""
SYMBOLS: tuple[str, ...] = tuple(_PERIODS.split())
"""Symbols in order of atomic number; index + 1 is Z."""

NUMBER: dict[str, int] = {symbol: z for z, symbol in enumerate(SYMBOLS, start=1)}

LANTHANIDES = SYMBOLS[56:71]
RARE_EARTHS = frozenset((*LANTHANIDES, "Sc", "Y"))
"""La to Lu with Sc and Y: one family of A-site cations, merged as "Ln" in groupings."""

TRANSITION_METALS = frozenset((*SYMBOLS[21:30], *SYMBOLS[39:48], *SYMBOLS[71:80]))
"""Groups 4 to 12. Group 3 counts as rare earth: its ions are always d0."""

VALENCE_ELECTRONS: dict[str, int] = {
    **{s: z - 18 for s, z in NUMBER.items() if 22 <= z <= 30},
    **{s: z - 36 for s, z in NUMBER.items() if 40 <= z <= 48},
    **{s: z - 68 for s, z in NUMBER.items() if 72 <= z <= 80},
}
"""Electrons of a transition metal beyond the noble-gas (and f14) core: d count = this - oxidation state."""

ANION_CHARGE: dict[str, int] = {
    "F": -1, "O": -2, "N": -3, "Cl": -1, "Br": -1, "I": -1, "S": -2, "Se": -2, "Te": -2,
    "P": -3, "As": -3, "Sb": -3, "Bi": -3, "C": -4, "Si": -4, "Ge": -4, "B": -3, "H": -1,
}  # fmt: skip
STRONG_ANIONS = frozenset(("F", "O", "N", "Cl", "Br", "I"))
CHALCOGENS = frozenset(("S", "Se", "Te"))
WEAK_ANIONS = frozenset(("P", "As", "Sb", "Bi", "C", "Si", "Ge", "B", "H"))

TM_STATES: dict[str, tuple[int, ...]] = {
    "Ti": (2, 3, 4), "V": (2, 3, 4, 5), "Cr": (2, 3, 4, 6), "Mn": (2, 3, 4, 7), "Fe": (2, 3, 4), "Co": (2, 3, 4),
    "Ni": (2, 3, 4), "Cu": (1, 2, 3), "Zn": (2,), "Zr": (4,), "Nb": (3, 4, 5), "Mo": (3, 4, 5, 6), "Tc": (4, 7),
    "Ru": (3, 4, 5), "Rh": (3, 4), "Pd": (2, 4), "Ag": (1, 2), "Cd": (2,), "Hf": (4,), "Ta": (3, 4, 5), "W": (4, 5, 6),
    "Re": (4, 5, 6, 7), "Os": (4, 5, 6), "Ir": (3, 4, 5), "Pt": (2, 4), "Au": (1, 3), "Hg": (1, 2),
}  # fmt: skip
"""Usual states of transition-metal cations in solids."""

MAIN_STATE: dict[str, int] = {
    "H": 1, "Li": 1, "Na": 1, "K": 1, "Rb": 1, "Cs": 1, "Fr": 1, "Be": 2, "Mg": 2, "Ca": 2, "Sr": 2, "Ba": 2, "Ra": 2,
    "B": 3, "Al": 3, "Ga": 3, "In": 3, "Tl": 3, "C": 4, "Si": 4, "Ge": 4, "Sn": 4, "Pb": 2, "P": 5, "As": 5, "Sb": 5,
    "Bi": 3, "S": 6, "Se": 4, "Te": 4, "Po": 4, "Ac": 3, "Th": 4, "Pa": 5, "U": 6, "Np": 5, "Pu": 4, "Am": 3, "Cm": 3,
    "Bk": 3, "Cf": 3, "Es": 3, "Fm": 3, "Md": 3, "No": 2, "Lr": 3,
    **dict.fromkeys(sorted(RARE_EARTHS), 3),
}  # fmt: skip
"""The main state of every other cation."""

OTHER_STATES: dict[str, tuple[int, ...]] = {
    "Ce": (4,), "Pr": (4,), "Tb": (4,), "Sm": (2,), "Eu": (2,), "Yb": (2,), "Tm": (2,), "In": (1,), "Tl": (1,),
    "Ge": (2,), "Sn": (2,), "Pb": (4,), "P": (3,), "As": (3,), "Sb": (3,), "Bi": (5,), "S": (4,), "Se": (6,),
    "Te": (6,), "U": (3, 4, 5), "Np": (3, 4, 6), "Pu": (3, 5),
}  # fmt: skip
"""States beside the main one (Greenwood and Earnshaw, Chemistry of the Elements)."""
STEADY = frozenset(OTHER_STATES) - {"Ce", "Sm", "Eu", "Yb", "Tm", "U", "Np", "Pu"}
"""Cations that keep their main state where others can give: those of the p block, where the usual state hangs on the
anion, and Pr and Tb, whose 4+ is that of their own oxides.
"""
CATION_STATES: dict[str, tuple[int, ...]] = {
    **{s: (state, *OTHER_STATES.get(s, ())) for s, state in MAIN_STATE.items()},
    **TM_STATES,
}
"""Usual states of every cation."""


@functools.cache
def electronegativities() -> dict[str, float]:
    """Pauling electronegativity by symbol, from pymatgen's table; infinite where there is none."""
    import warnings

    from pymatgen.core import Element

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen warns for each noble gas
        values = {s: float(Element(s).X) for s in SYMBOLS}
    return {s: x if x == x else float("inf") for s, x in values.items()}
