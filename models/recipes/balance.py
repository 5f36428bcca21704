"""Exactly balanced reactions and charge checks.

A reaction closes or it does not: amounts are rational numbers, and least squares, which hide a small remainder, are
never used. Gases may be taken up or given off.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from models.recipes.compositions import Amounts, parse

# Heating in air gives the first; the second are tried only where the first do not close the reaction.
USUAL_GASES = ("O2", "CO2", "H2O", "NO2", "N2", "NH3", "SO2", "HCl")
RARE_GASES = ("CO", "H2", "HF", "Cl2", "SO3", "H2S")
MOST_GASES = {USUAL_GASES: 4, USUAL_GASES + RARE_GASES: 3}
Row = list[Fraction]


@dataclass(frozen=True)
class Reaction:
    """Outcome of balancing.

    Attributes:
        balanced: whether an exact reaction was found.
        text: the reaction, else "".
        coefficients: precursor or gas -> amount for one formula unit of target; negative amounts are given off.
        reason: why it does not close, else "".
    """

    balanced: bool
    text: str = ""
    coefficients: tuple[tuple[str, Fraction], ...] = ()
    reason: str = ""


def balance(target: str, precursors: Sequence[str]) -> Reaction:
    """The balanced reaction to one formula unit of target: fewest gases, then smallest coefficients.

    Args:
        target: formula with numbers only.
        precursors: formulas; all must be used with a positive amount.
    """
    aim = parse(target)
    if not aim:
        return Reaction(False, reason=f"target {target!r} does not parse as a formula with numbers")
    names = list(dict.fromkeys(precursors))
    solids: list[Amounts] = []
    for name in names:
        amounts = parse(name)
        if not amounts:
            return Reaction(False, reason=f"precursor {name!r} does not parse as a formula with numbers")
        solids.append(amounts)
    if not names:
        return Reaction(False, reason="no precursors")
    present = set().union(*solids)
    for allowed, most in MOST_GASES.items():
        gases = [g for g in allowed if g not in names and set(parse(g) or {}) <= present | set(aim) | {"O"}]
        found = _fewest_gases(aim, names, solids, gases, most)
        if found is not None:
            return _written(target, found)
    return Reaction(False, reason=_shortage(aim, solids))


def _fewest_gases(
    aim: Amounts, names: list[str], solids: list[Amounts], gases: list[str], most: int
) -> dict[str, Fraction] | None:
    best: tuple[Fraction, dict[str, Fraction]] | None = None
    for count in range(min(most, len(gases)) + 1):
        for chosen in itertools.combinations(gases, count):
            solution = _solve(aim, solids + [parse(g) or {} for g in chosen])
            if solution is None or any(x <= 0 for x in solution[: len(names)]):
                continue
            size = sum((abs(x) for x in solution), Fraction(0))
            if best is None or size < best[0]:
                best = size, dict(zip([*names, *chosen], solution, strict=True))
        if best is not None:
            return best[1]
    return None


def _solve(aim: Amounts, columns: list[Amounts]) -> Row | None:
    """The smallest exact solution of columns @ x = aim (least norm where several exist); None if there is none."""
    elements = sorted(set(aim).union(*columns))
    rows = [[c.get(e, Fraction(0)) for c in columns] + [aim.get(e, Fraction(0))] for e in elements]
    reduced, pivots = _reduce(rows, len(columns))
    if any(r[-1] != 0 for r in reduced[len(pivots) :]):
        return None
    kept = reduced[: len(pivots)]
    if len(pivots) == len(columns):
        return [r[-1] for r in kept]
    # Least norm: x = A' (A A')^-1 b on the independent rows.
    gram = [
        [sum((a * b for a, b in zip(r[:-1], q[:-1], strict=True)), Fraction(0)) for q in kept] + [r[-1]] for r in kept
    ]
    inner, _ = _reduce(gram, len(kept))
    weights = [r[-1] for r in inner]
    return [sum((w * r[j] for w, r in zip(weights, kept, strict=True)), Fraction(0)) for j in range(len(columns))]


def _reduce(rows: list[Row], width: int) -> tuple[list[Row], list[int]]:
    """Reduced row echelon form over the rationals, with its pivot columns."""
    rows = [list(r) for r in rows]
    pivots: list[int] = []
    for column in range(width):
        at = len(pivots)
        found = next((i for i in range(at, len(rows)) if rows[i][column] != 0), None)
        if found is None:
            continue
        rows[at], rows[found] = rows[found], rows[at]
        lead = rows[at][column]
        rows[at] = [v / lead for v in rows[at]]
        for i in range(len(rows)):
            if i != at and rows[i][column] != 0:
                factor = rows[i][column]
                rows[i] = [v - factor * p for v, p in zip(rows[i], rows[at], strict=True)]
        pivots.append(column)
    return rows, pivots


def _shortage(aim: Amounts, solids: list[Amounts]) -> str:
    short = sorted(set(aim) - set().union(*solids) - {"O", "H", "N", "C"})
    if short:
        return f"no precursor brings {', '.join(short)}"
    extra = sorted(set().union(*solids) - set(aim) - {"O", "H", "N", "C"})
    if extra:
        return f"{', '.join(extra)} cannot leave as an allowed gas"
    return "the amounts cannot be met with every precursor used and the allowed gases"


def _number(x: Fraction) -> str:
    if x == 1:
        return ""
    if x.denominator == 1 or x.denominator > 1000:
        return f"{float(x):g} "
    exact = x.denominator
    while exact % 2 == 0:
        exact //= 2
    while exact % 5 == 0:
        exact //= 5
    return f"{float(x):g} " if exact == 1 else f"{x.numerator}/{x.denominator} "


def _written(target: str, amounts: dict[str, Fraction]) -> Reaction:
    used = {k: v for k, v in amounts.items() if v != 0}
    left = [f"{_number(v)}{k}" for k, v in used.items() if v > 0]
    right = [target, *(f"{_number(-v)}{k}" for k, v in used.items() if v < 0)]
    return Reaction(True, f"{' + '.join(left)} -> {' + '.join(right)}", tuple(used.items()))


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


def charge_balanced(formula: str) -> bool | None:
    """Whether some mix of common oxidation states is neutral (mixed valence allowed); None if it does not parse.

    Only the most electronegative non-metal present may be negative. Elements and intermetallics come out False where
    nothing can be negative: read a False as a warning.
    """
    amounts = parse(formula)
    if not amounts:
        return None
    if len(amounts) == 1:
        return True
    anion = next((e for e in _ORDER if e in amounts), None)
    low = high = Fraction(0)
    for e, n in amounts.items():
        least, most = _range(e)
        if e == anion:
            low, high = low + n * least, high + n * min(least, -1)
        else:
            low, high = low + n * max(least, 1), high + n * most
    return low <= 0 <= high


def _range(element: str) -> tuple[int, int]:
    if element in _ONE:
        return 1, 1
    return (2, 2) if element in _TWO else _STATES.get(element, (3, 3))
