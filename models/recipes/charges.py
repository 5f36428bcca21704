"""Oxidation states: whether a formula can be neutral, and whether a precursor can be a reagent at all.

Text mining leaves debris among the precursors ("V(H2O)", nickel(III) acetate): `plausible_reagent` tells it from salts,
oxides, alkoxides and elements that one can weigh in. Amounts come from `compositions`.
"""

import re
from fractions import Fraction

from models.recipes.compositions import Amounts, dry, parse

# Lowest and highest common oxidation state; anions on the left of the pair.
_STATES: dict[str, tuple[int, int]] = {
    "H": (-1, 1),
    "B": (-5, 3),
    "C": (-4, 4),
    "N": (-3, 5),
    "O": (-2, -2),
    "F": (-1, -1),
    "Al": (3, 3),
    "Si": (-4, 4),
    "P": (-3, 5),
    "S": (-2, 6),
    "Cl": (-1, 7),
    "Sc": (3, 3),
    "Ti": (2, 4),
    "V": (2, 5),
    "Cr": (2, 6),
    "Mn": (2, 7),
    "Fe": (2, 4),
    "Co": (2, 4),
    "Ni": (2, 4),
    "Cu": (1, 3),
    "Zn": (2, 2),
    "Ga": (1, 3),
    "Ge": (-4, 4),
    "As": (-3, 5),
    "Se": (-2, 6),
    "Br": (-1, 5),
    "Y": (3, 3),
    "Zr": (2, 4),
    "Nb": (2, 5),
    "Mo": (2, 6),
    "Tc": (4, 7),
    "Ru": (2, 8),
    "Rh": (1, 4),
    "Pd": (2, 4),
    "Ag": (1, 3),
    "Cd": (2, 2),
    "In": (1, 3),
    "Sn": (-4, 4),
    "Sb": (-3, 5),
    "Te": (-2, 6),
    "I": (-1, 7),
    "La": (3, 3),
    "Ce": (3, 4),
    "Pr": (3, 4),
    "Sm": (2, 3),
    "Eu": (2, 3),
    "Tb": (3, 4),
    "Tm": (2, 3),
    "Yb": (2, 3),
    "Hf": (4, 4),
    "Ta": (3, 5),
    "W": (2, 6),
    "Re": (2, 7),
    "Os": (2, 8),
    "Ir": (1, 6),
    "Pt": (2, 6),
    "Au": (1, 5),
    "Hg": (1, 2),
    "Tl": (1, 3),
    "Pb": (2, 4),
    "Bi": (-3, 5),
    "Th": (4, 4),
    "Pa": (4, 5),
    "U": (3, 6),
    "Np": (3, 7),
    "Pu": (3, 6),
}
_ONE = frozenset({"Li", "Na", "K", "Rb", "Cs", "Fr"})
_TWO = frozenset({"Be", "Mg", "Ca", "Sr", "Ba", "Ra"})
_ORDER = ("F", "O", "Cl", "N", "Br", "I", "S", "Se", "C", "Te", "P", "As", "H", "Si", "B", "Ge", "Sb", "Bi", "Sn")


# States met in salts (nitrates, acetates, chlorides ...), where narrower than in oxides.
_SALT_STATES: dict[str, tuple[int, int]] = {
    "Ag": (1, 1),
    "Bi": (3, 3),
    "Co": (2, 2),
    "Cr": (2, 3),
    "Cu": (1, 2),
    "Fe": (2, 3),
    "Mn": (2, 3),
    "Ni": (2, 2),
    "Pd": (2, 2),
    "Pr": (3, 3),
    "Sb": (3, 5),
    "Tb": (3, 3),
    "V": (2, 4),
}
# Groups of known charge as they are written; each stands in as the noble gas of that charge.
_STANDS_FOR: dict[str, tuple[int, int]] = {"He": (-1, -1), "Ne": (-2, -2), "Ar": (-3, -3), "Kr": (1, 1)}
_GROUPS: tuple[tuple[str, str], ...] = (
    (r"CH3COCHCOCH3|C5H7O2|acac", "He"),
    (r"CH3COO|CH3CO2|OO?CO?CH3|O2CCH3|C2H3O2|OAc|Ac(?![a-z])", "He"),
    (r"C3H5O\(COO\)3|C6H5O7", "Ar"),
    (r"OCH\(CH3\)2|\(CH3\)2CHO|O(?:CH2)+CH3|O\(CH2\)\d+CH3|OC[2345]H\d+|C[2345]H\d+O(?![\dH])|OCH3", "He"),
    (r"C2O4", "Ne"),
    (r"HCOO|CHO2|CN|NO3|OH|ClO[34]", "He"),
    (r"CO3|SO[34]", "Ne"),
    (r"PO4", "Ar"),
    (r"NH4", "Kr"),
)
_WATER = re.compile(r"\(H2O\)(\d+(?:\.\d+)?)?")
HALIDES = frozenset({"F", "Cl", "Br", "I"})
CHALCOGENS = ("S", "Se", "Te")
OVERFULL = Fraction(3, 2)  # of the charge that the other elements can give: no rounding or nominal index is as far off
_NONMETALS = frozenset({"H", "C", "N", "O", "P", "S", "Se"}) | HALIDES
# Without any of these a compound is an element, an alloy, a boride or the like, to which charges do not apply.
_IONIC = frozenset({"O", "N", "S", "Se", *HALIDES, *_STANDS_FOR})


def charge_balanced(formula: str) -> bool | None:
    """Whether some mix of common oxidation states is neutral (mixed valence allowed); None if it does not parse.

    Only oxygen, halogens, what `anions` finds beside them and else the most electronegative element are negative.
    Elements and intermetallics come out False where nothing can be negative: read a False as a warning.
    """
    amounts = parse(formula)
    return _neutral(amounts, {}) or len(anions(amounts) - HALIDES) > 1 if amounts else None


def anions(amounts: Amounts) -> frozenset[str]:
    """Elements of a formula that are negative: O and halogens, and S, Se, Te, N where metals can pay for them.

    La2O2S is a sulfide, La2O2SO4 a sulfate: in the latter no state of La pays for six oxygen and one sulfur.
    """
    certain = {e for e in ("O", *sorted(HALIDES)) if e in amounts}
    for e, charge in (*((e, 2) for e in CHALCOGENS), ("N", 3)):
        others = [m for m in amounts if m not in certain and m != e]
        if e not in amounts or not others or (e == "N" and {"H", "C"} & set(amounts)):
            continue
        paid = sum((amounts[m] * states(m)[1] for m in others), Fraction(0))
        owed = sum((amounts[a] * (2 if a == "O" else 1) for a in certain), Fraction(0)) + charge * amounts[e]
        if "O" not in amounts or paid >= owed:
            certain.add(e)
    return frozenset(certain)


def anion_charge(amounts: Amounts, negative: frozenset[str]) -> Fraction:
    """Charge that the anions of a composition take from its other elements."""
    each = {"N": 3} | dict.fromkeys(("O", *CHALCOGENS), 2)
    return sum((n * each.get(e, 1) for e, n in amounts.items() if e in negative), Fraction(0))


def overfull(amounts: Amounts) -> bool:
    """Whether a formula holds so much more oxygen than its other elements bind that it is no nominal index.

    Peroxides of alkali and alkaline-earth metals are not meant; beside halogens, which may be iodate, it is not judged.
    """
    if "O" not in amounts or _peroxide(amounts) or set(amounts) & HALIDES:
        return False
    negative = anions(amounts)
    paid = sum((n * states(e)[1] for e, n in amounts.items() if e not in negative), Fraction(0))
    return anion_charge(amounts, negative) >= OVERFULL * paid


def metalless(amounts: Amounts) -> bool:
    """Whether a formula is water, an acid, a gas, an organic or ammonium salt: nothing that is fired (C3N4 is)."""
    return set(amounts) <= _NONMETALS and bool(set(amounts) & {"O", "H"})


def oxygen_burns(amounts: Amounts) -> bool:
    """Whether a target is destroyed by oxygen when hot, so that its making neither takes up O2 nor gives it off."""
    if len(amounts) == 1:
        return False
    negative = anions(amounts)
    return "O" not in amounts or bool(negative & {*CHALCOGENS, "N"})


def _neutral(amounts: Amounts, narrower: dict[str, tuple[int, int]]) -> bool:
    if len(amounts) == 1:
        return True
    grouped = bool(set(amounts) & {"He", "Ne", "Ar"})
    anion = next((e for e in _ORDER if e in amounts and not (grouped and e not in _IONIC)), None)
    low = high = Fraction(0)
    for e, n in amounts.items():
        least, most = narrower.get(e) or states(e)
        if e == anion:
            most = least = min(least, -1)
        elif e not in _STANDS_FOR and e not in ("O", *HALIDES):
            least = max(least, 1)
        low, high = low + n * least, high + n * most
    return low <= 0 <= high


def plausible_reagent(formula: str) -> bool:
    """Whether a precursor can be weighed in: an element, an alloy, or known anions with common oxidation states.

    Rejected: what does not parse, a bare metal with water, an unknown organic or nitrosyl group, and salts, oxides and
    the like that no common oxidation state makes neutral. What brings no metal (water, urea, acids) passes.
    """
    amounts = parse(formula)
    if not amounts:
        return False
    if set(amounts) <= _NONMETALS:
        return True
    text = _WATER.sub("", dry(formula))
    bare = parse(text)
    if not bare:
        return False
    if len(bare) == 1:
        return text == formula.replace(" ", "")
    for written, stand_in in _GROUPS:
        text = re.sub(written, stand_in, text)
    grouped = parse(text)
    if not grouped or (set(grouped) & {"C", "N"} and set(amounts) & {"O", "H"}):
        return False
    if _peroxide(grouped) or not set(grouped) & _IONIC:
        return True
    nitrate = {"Mn": (2, 2)} if "NO3" in formula else {}  # the acetate of Mn(III) exists, the nitrate does not
    salt = set(grouped) & {*HALIDES, *_STANDS_FOR} and not set(grouped) & {"O", "S", "Se", "N"}
    return _neutral(grouped, {**_STANDS_FOR, **(_SALT_STATES | nitrate if salt else {})})


def _peroxide(amounts: Amounts) -> bool:
    metals = {e: n for e, n in amounts.items() if e != "O"}
    known = "O" in amounts and set(metals) <= _ONE | _TWO
    return known and sum((n * states(e)[0] for e, n in metals.items()), Fraction(0)) == amounts["O"]


def states(element: str) -> tuple[int, int]:
    """Lowest and highest common oxidation state."""
    if element in _ONE:
        return 1, 1
    return (2, 2) if element in _TWO else _STATES.get(element, (3, 3))
