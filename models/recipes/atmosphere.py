"""In what gas a target has to be heated, and why: the charges of its formula against those that air leaves.

Air takes a metal to certain oxidation states. A formula that asks for lower ones needs air kept out or a reductant, one
that asks for higher ones needs oxygen; sulfides and the like burn. Nothing is learned here; how often the verdict
agrees with what papers state is measured in the tests. Reactions are closed in `balance`.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from models.recipes.charges import CHALCOGENS, anion_charge, anions, states
from models.recipes.compositions import Amounts, parse

Window = tuple[Fraction, Fraction]
_THIRD = Fraction(1, 3)

AIR: dict[str, tuple[tuple[int | Fraction, int | Fraction], ...]] = {
    "H": ((1, 1),),
    "B": ((3, 3),),
    "C": ((4, 4),),
    "N": ((5, 5),),
    "Si": ((4, 4),),
    "P": ((5, 5),),
    "S": ((6, 6),),
    "Ti": ((4, 4),),
    "V": ((5, 5),),
    "Cr": ((3, 3), (6, 6)),
    "Mn": ((2 + 2 * _THIRD, 4),),
    "Fe": ((3, 3),),
    "Co": ((2, 3),),
    "Ni": ((2, 2),),
    "Cu": ((2, 2),),
    "Zr": ((4, 4),),
    "Ga": ((3, 3),),
    "Ge": ((4, 4),),
    "As": ((3, 5),),
    "Se": ((4, 6),),
    "Nb": ((5, 5),),
    "Mo": ((6, 6),),
    "Ru": ((4, 5),),
    "Rh": ((3, 4),),
    "Pd": ((2, 2),),
    "Ag": ((1, 1),),
    "Sn": ((4, 4),),
    "Sb": ((3, 5),),
    "Te": ((4, 6),),
    "Ce": ((4, 4),),
    "Pr": ((3, 4),),
    "Sm": ((3, 3),),
    "Eu": ((3, 3),),
    "Tb": ((3, 4),),
    "Tm": ((3, 3),),
    "Yb": ((3, 3),),
    "Hf": ((4, 4),),
    "Ta": ((5, 5),),
    "W": ((6, 6),),
    "Re": ((6, 7),),
    "Ir": ((4, 5),),
    "Pt": ((2, 4),),
    "Tl": ((1, 3),),
    "Pb": ((2, 4),),
    "Bi": ((3, 4),),
    "U": ((5 + _THIRD, 6),),
}
"""States in oxides that were fired in air, windows where mixed valence is met: what the stable binary and usual ternary
oxides hold (Greenwood and Earnshaw, Chemistry of the Elements, 2nd ed., 1997, chapters on each group). Elements that
are not named keep the states of `charges`."""

# Oxides of these evaporate from pellets; papers weigh in more, or bury pellets in powder, above about this (K).
_LOST = {"Li": 1173, "Na": 1123, "K": 1123, "Rb": 1123, "Cs": 1073, "Pb": 1123, "Bi": 1123, "Tl": 973, "Cd": 1173}
# Their vapours, or those of their oxides, poison (Greenwood and Earnshaw, chapters on each group).
_POISONS = ("Be", "As", "Se", "Cd", "Te", "Os", "Hg", "Tl", "Pb")
_ABOVE = {"Cu": " (above some 1300 K Cu +1 lasts in air: then cool under argon)"}
EASILY_REDUCED = (
    *("Au", "Ag", "Hg", "Pd", "Pt", "Ir", "Rh", "Ru", "Os", "Re", "Cu", "Tl", "Ni", "Co", "Pb", "Bi", "Sb", "As"),
    *("Fe", "Sn", "Mn", "Mo", "V", "W", "Ge", "Cr", "U", "Nb", "Eu", "Ti", "Ta", "Yb", "Sm", "Ce", "Pr", "Tb", "Tm"),
    *("Te", "Se", "S", "P", "Zr", "Hf", "Th", "Si"),
)
"""Metals by how soon their oxides lose oxygen (Ellingham, J. Soc. Chem. Ind. 63, 125 (1944), and later diagrams)."""
FURNACE = ("air", "oxygen", "inert")
NOMINAL = Fraction(11, 10)
_SLACK = Fraction(1, 20)  # charge a formula unit that a rounded index can be wrong by


@dataclass(frozen=True)
class Atmosphere:
    """What a target is heated in.

    Attributes:
        kind: "air", "oxygen", "inert" (no air, or a reductant), "sealed" (chalcogenides), "ammonia", "dry" (halides),
            "unknown".
        reason: a sentence.
    """

    kind: str
    reason: str


@dataclass(frozen=True)
class Raised:
    """Metals of an oxide that are higher than hot air leaves them.

    Attributes:
        metals: in alphabetic order.
        state: their mean oxidation state.
        share: of them among the metals.
    """

    metals: tuple[str, ...]
    state: float
    share: float


UNKNOWN = Atmosphere("unknown", "the formula does not tell which gas to heat in.")


def asked(target: str) -> Atmosphere:
    """What the formula of a target asks for."""
    amounts = parse(target) or {}
    if len(amounts) < 2:
        return UNKNOWN
    negative = anions(amounts)
    if burning := [e for e in CHALCOGENS if e in negative]:
        return Atmosphere("sealed", _sealed(target, amounts, burning))
    if "N" in negative:
        return Atmosphere("ammonia", "NH3, or N2 with a reductant, and no oxygen, which takes the nitrogen's place.")
    if "O" in amounts:
        return _oxide(amounts, negative)
    if negative:
        return Atmosphere("dry", "dry argon, nitrogen or vacuum: hot halides react with water and oxygen.")
    return Atmosphere("inert", "argon, vacuum or hydrogen: the formula holds no oxygen, and air would bring it in.")


def _sealed(target: str, amounts: Amounts, burning: Sequence[str]) -> str:
    names = " and ".join(burning)
    said = f"no oxygen: {names} would burn off and leave oxide."
    if "O" in amounts:
        return f"{said} Seal the mixture in an evacuated silica ampoule, or heat in argon."
    return (
        f"{said} Usual: the elements, sealed in an evacuated silica ampoule and heated slowly, as the vapour of {names}"
        f" can burst it; or oxides and salts in {'H2S' if 'S' in burning else 'H2'} or from solution."
    )


def raised(target: str) -> Raised | None:
    """The metals of an oxide that hot air would not leave as its formula has them; None where it would, or is none."""
    if asked(target).kind != "oxygen":
        return None
    amounts = parse(target) or {}
    positive, owed = _charges(amounts, anions(amounts))
    metals, state = _moved(positive, owed)
    share = sum((positive[e] for e in metals), Fraction(0)) / sum(positive.values())
    return Raised(tuple(sorted(metals)), float(state), float(share))


def _charges(amounts: Amounts, negative: frozenset[str]) -> tuple[Amounts, Fraction]:
    """The positive elements of an oxide, and the charge that they owe."""
    return {e: n for e, n in amounts.items() if e not in negative}, anion_charge(amounts, negative)


def span(metals: Mapping[str, Fraction]) -> tuple[Fraction, Fraction]:
    """Least and most charge of metals as hot air leaves them."""
    windows = {e: _windows(e) for e in metals}
    low = sum((n * windows[e][0][0] for e, n in metals.items()), Fraction(0))
    return low, sum((n * windows[e][-1][1] for e, n in metals.items()), Fraction(0))


def _oxide(amounts: Amounts, negative: frozenset[str]) -> Atmosphere:
    positive, owed = _charges(amounts, negative)
    choices = [
        tuple(sum((n * w[k] for n, w in zip(positive.values(), each, strict=True)), Fraction(0)) for k in (0, 1))
        for each in itertools.product(*(_windows(e) for e in positive))
    ]
    if any(low - _SLACK <= owed <= high + _SLACK for low, high in choices):
        return Atmosphere("air", "air will do: it keeps the oxidation states that the formula asks for.")
    if owed < sum(n * max(1, states(e)[0]) for e, n in positive.items()):
        return UNKNOWN
    if owed < min(low for low, _ in choices) and "N" in positive:  # nitrite, or an oxynitride with a wrong index
        return UNKNOWN
    if owed < min(low for low, _ in choices):
        bound = float(min(low for low, _ in choices) - sum(n for e, n in amounts.items() if e in negative - {"O"})) / 2
        said = f"{_lowered(positive, owed)}; in air its metals bind {bound:.3g} O or more"
        return Atmosphere("inert", f"no air, or a reductant: {said}.")
    if owed > sum(n * states(e)[1] for e, n in positive.items()):
        said = "air will do: the formula holds more oxygen than its metals can bind, so its index is a nominal one."
        return Atmosphere("air", said) if owed < NOMINAL * max(high for _, high in choices) else UNKNOWN
    return Atmosphere(
        "oxygen",
        f"oxygen, flowing or under pressure, at least in the last and cooler step: {_raised(positive, owed)}. Fired in"
        " air alone, the product is short of oxygen or does not form.",
    )


def _windows(element: str) -> tuple[Window, ...]:
    return tuple((Fraction(a), Fraction(b)) for a, b in AIR.get(element, (states(element),)))


def _lowered(positive: Mapping[str, Fraction], owed: Fraction) -> str:
    """Which metals are lower than air leaves them: those that lose oxygen first."""
    over = sum((n * _windows(e)[0][0] for e, n in positive.items()), Fraction(0)) - owed
    out = []
    for e in (e for e in EASILY_REDUCED if e in positive):
        kept = _windows(e)[0][0]
        fall = min(over / positive[e], kept - states(e)[0])
        if fall > 0:
            over -= fall * positive[e]
            out.append(f"{e} is {_sign(kept - fall)}, and air takes it to {_sign(kept)}{_ABOVE.get(e, '')}")
    return "as the formula stands " + ("; ".join(out) or "its metals are lower than air leaves them")


def _moved(positive: Mapping[str, Fraction], owed: Fraction) -> tuple[list[str], Fraction]:
    """Metals that can be higher than hot air leaves them, and their mean state where the others are as air has them."""
    moved = [e for e in positive if e in AIR and states(e)[1] > _windows(e)[0][1]] or list(positive)
    rest = sum((n * _windows(e)[-1][1] for e, n in positive.items() if e not in moved), Fraction(0))
    return moved, (owed - rest) / sum((positive[e] for e in moved), Fraction(0))


def _raised(positive: Mapping[str, Fraction], owed: Fraction) -> str:
    """Which metals are higher than hot air leaves them, on average."""
    moved, mean = _moved(positive, owed)
    kept = ", ".join(f"{e} {' or '.join(_sign(w[1]) for w in _windows(e))}" for e in moved)
    verb = "is" if len(moved) == 1 else "are on average"
    return f"as the formula stands {' and '.join(moved)} {verb} {_sign(mean)}, and hot air leaves at most {kept}"


def _sign(charge: Fraction) -> str:
    return f"{float(charge):+.3g}"


def told(target: str, gases: Mapping[str, Fraction], *, hottest: float) -> list[str]:
    """Caveats on the atmosphere of a reaction.

    Args:
        target: formula with numbers.
        gases: of the balanced reaction, by formula: taken up, or given off where negative.
        hottest: highest temperature expected, K.
    """
    wanted = asked(target)
    out = [] if wanted.kind == "unknown" else [f"Atmosphere: {wanted.reason}{_exchange(wanted.kind, gases)}"]
    out += [f"The reaction needs {name}." for g, name in _FED.items() if gases.get(g, Fraction(0)) > 0]
    amounts = parse(target) or {}
    lost = [e for e, above in _LOST.items() if e in amounts and hottest > above and wanted.kind in FURNACE]
    if lost:
        verb = "evaporates" if len(lost) == 1 else "evaporate"
        out.append(f"{' and '.join(lost)} {verb} at such heat: cover the powder or weigh in an excess.")
    if poisons := [e for e in _POISONS if e in amounts]:
        out.append(f"Vapour and dust of compounds with {' and '.join(poisons)} are poisonous: heat under extraction.")
    return out


def _exchange(kind: str, gases: Mapping[str, Fraction]) -> str:
    """What the gases of the reaction mean for the furnace."""
    oxygen = gases.get("O2", Fraction(0))
    if kind not in FURNACE or not oxygen:
        return ""
    burned = oxygen > 0 and gases.get("CO2", Fraction(0)) < 0
    if kind == "inert" and ("NO2" in gases or burned):
        salts = "Nitrates" if "NO2" in gases else "Organic parts"
        return f" {salts} are decomposed first, warm and in air; what is left is then fired without air."
    if "NO2" in gases:
        return ""
    return (
        f" The reaction {'takes up' if oxygen > 0 else 'gives off'} {float(abs(oxygen)):.3g} O2 a formula unit"
        + (_EXCHANGES[kind, oxygen > 0])
    )


_EXCHANGES = {
    ("air", True): ": leave the furnace open to air.",
    ("air", False): ": the precursors' states are higher, and hot air lets them fall.",
    ("oxygen", True): ", which air supplies in part only.",
    ("oxygen", False): "; too hot, the target does so too.",
    ("inert", True): " and no more: meter the oxygen, or mix a higher with a lower oxide and seal them.",
    (
        "inert",
        False,
    ): ": the precursors are higher in state than the target. It does not run in air; it needs a vacuum or"
    " flowing argon and heat, or a reductant (H2, CO, carbon, metal powder).",
}
_FED = {
    "H2": "hydrogen: the gas in a furnace, another reductant (hydrazine, borohydride, excess thiourea) in solution",
    "H2S": "H2S, or sulfur in excess",
    "NH3": "flowing NH3",
}
