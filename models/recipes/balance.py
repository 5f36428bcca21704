"""Exactly balanced reactions.

A reaction closes or it does not: amounts are rational numbers, and least squares, which hide a small remainder, are
never used. Gases may be given off, and those that a furnace can supply be taken up; a target that oxygen destroys is
made without O2 and NO2, but with H2, H2S or NH3 where its precursors hold oxygen. Charges are checked in `charges`,
what the furnace has to hold is said in `atmosphere`.
"""

import itertools
from collections.abc import Sequence, Set
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from models.recipes.atmosphere import asked
from models.recipes.charges import oxygen_burns
from models.recipes.compositions import Amounts, parse

# Heating in air gives the first; the second are tried only where the first do not close the reaction.
USUAL_GASES = ("O2", "CO2", "H2O", "NO2", "N2", "NH3", "SO2", "HCl")
RARE_GASES = ("CO", "H2", "HF", "Cl2", "SO3", "H2S")
MOST = 4
# Gases that a furnace can be fed with where the target holds the element, beside H2; others are only ever given off.
SUPPLIED = {"O2": "O", "CO2": "C", "H2O": "O", "N2": "N", "NH3": "N", "H2S": "S"}
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
    present = set().union(*solids) | set(aim) | {"O"}
    burns, wary = oxygen_burns(aim), asked(target).kind == "inert"
    # Nitrate is an oxidant: its nitrogen leaves as NO2 or N2, never as NH3. Without nitrate none is oxidised to NO2,
    # and that of ammonium and amides not to N2 either.
    unlikely = {"NH3"} if any(_oxidised_nitrogen(n) for n in names) else {"NO2"}
    if "NO2" in unlikely and any({"N", "H"} <= set(s) for s in solids):
        unlikely.add("N2")
    if burns:
        present, unlikely = present | {"H"}, unlikely | {"O2", "NO2"}
    fed = {g for g, e in SUPPLIED.items() if e in aim} | ({"H2"} if burns or wary else set())
    # What air would oxidise further takes up oxygen only where nothing else closes its reaction. Its organic salts and
    # their water do not fall apart into hydrogen, though: they are burned off first.
    kept = frozenset({"H2"} if wary and "O" in aim else ())
    for taken in (fed - {"O2", "H2O"}, fed) if wary else (fed,):
        for allowed in (USUAL_GASES, USUAL_GASES + RARE_GASES):
            gases = [g for g in allowed if g not in {*names, *unlikely} and set(parse(g) or {}) <= present]
            found = _fewest_gases(aim, names, solids, gases, taken, kept)
            if found is not None:
                return _written(target, found)
    short = _shortage(aim, solids)
    return Reaction(False, reason=f"{short}; O2 is not among these, as it destroys the target" if burns else short)


def _oxidised_nitrogen(precursor: str) -> bool:
    """Whether a precursor holds nitrate or another oxide of nitrogen (ammonium vanadate does not)."""
    return "NO3" in precursor or ({"N", "O"} <= set(parse(precursor) or {}) and "NH" not in precursor)


def _possible(solution: Row, solids: int, gases: Sequence[str], fed: Set[str], kept: Set[str]) -> bool:
    """Whether every solid is used, only what the furnace is fed with is taken up, and what is kept is not given off."""
    return all(x > 0 for x in solution[:solids]) and all(
        (x <= 0 or g in fed) and (x >= 0 or g not in kept) for g, x in zip(gases, solution[solids:], strict=True)
    )


def _fewest_gases(
    aim: Amounts, names: list[str], solids: list[Amounts], gases: list[str], fed: Set[str], kept: Set[str]
) -> dict[str, Fraction] | None:
    best: tuple[Fraction, dict[str, Fraction]] | None = None
    hopeful = _Sieve(aim, solids + [parse(g) or {} for g in gases], len(solids))
    for count in range(min(MOST, len(gases)) + 1):
        for places in itertools.combinations(range(len(gases)), count):
            if not hopeful(places):
                continue
            chosen = [gases[i] for i in places]
            solution = _solve(aim, solids + [parse(g) or {} for g in chosen])
            if solution is None or not _possible(solution, len(names), chosen, fed, kept):
                continue
            size = sum((abs(x) for x in solution), Fraction(0))
            if best is None or size < best[0]:
                best = size, dict(zip([*names, *chosen], solution, strict=True))
        if best is not None:
            return best[1]
    return None


class _Sieve:
    """Tells in floating point which gases cannot close a reaction, so that few systems are solved exactly.

    What it lets through is decided by exact numbers; what it holds back is off by more than rounding can be.
    """

    def __init__(self, aim: Amounts, columns: list[Amounts], solids: int) -> None:
        elements = sorted(set(aim).union(*columns))
        self.matrix = np.array([[float(c.get(e, 0)) for c in columns] for e in elements])
        self.aim = np.array([float(aim.get(e, 0)) for e in elements])
        self.solids = list(range(solids))

    def __call__(self, gases: Sequence[int]) -> bool:
        part = self.matrix[:, [*self.solids, *(len(self.solids) + g for g in gases)]]
        found = np.linalg.lstsq(part, self.aim, rcond=None)[0]
        return bool(np.abs(part @ found - self.aim).max() < 1e-6 * max(1.0, float(self.aim.max())))


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
