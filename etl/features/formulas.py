"""Quick numeric formulas: text to amounts, amounts to reduced formula.

Only numbers are understood. Variables (La1-xSrx), dopants and trade names belong to `etl.text`.
"""

import math
import re
from collections.abc import Mapping

from etl.features.elements import NUMBER, electronegativities
from schemas.errors import InputError

TOLERANCE = 1e-8
"""Amounts below this are dropped, as pymatgen does."""

_TOKEN = re.compile(r"([A-Z][a-z]?)(\d*\.?\d*)|([(\[{])|([)\]}])(\d*\.?\d*)")
_PLAIN = re.compile(r"(?:[A-Z][a-z]?(?:\d+\.?\d*|\.\d+)?)+")
_PART = re.compile(r"([A-Z][a-z]?)([\d.]*)")
_CLEAN = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789", " \t\n\r_")
_CLOSES = {"(": ")", "[": "]", "{": "}"}
_SPECIAL = {
    "LiO": "Li2O2", "NaO": "Na2O2", "KO": "K2O2", "HO": "H2O2", "CsO": "Cs2O2", "RbO": "Rb2O2", "O": "O2", "N": "N2",
    "F": "F2", "Cl": "Cl2", "H": "H2",
}  # fmt: skip


class FormulaError(InputError):
    """A text that is not a numeric formula of known elements."""


def parse_numeric(text: str) -> dict[str, float]:
    """Amount of each element in a formula such as ``Ba(FeSb3)4``; "NaN" is sodium nitride.

    Args:
        text: formula with numbers only; (), [] and {} may nest; subscript digits and blanks are accepted.

    Returns:
        Element symbol to amount, in order of first appearance.

    Raises:
        FormulaError: empty, not a formula, unbalanced brackets, or a symbol that is no element.
    """
    clean = text.translate(_CLEAN)
    if not clean:
        raise FormulaError("empty formula")
    amounts = _plain(clean) if _PLAIN.fullmatch(clean) else _nested(clean)
    unknown = [s for s in amounts if s not in NUMBER]
    if unknown:
        raise FormulaError(f"{unknown[0]!r} in {text!r} is not an element")
    kept = {s: n for s, n in amounts.items() if n > TOLERANCE}
    if not kept:
        raise FormulaError(f"no atoms in {text!r}")
    if not all(math.isfinite(n) for n in kept.values()):
        raise FormulaError(f"amount out of range in {text!r}")
    return kept


def _plain(clean: str) -> dict[str, float]:
    amounts: dict[str, float] = {}
    for symbol, number in _PART.findall(clean):
        amounts[symbol] = amounts.get(symbol, 0.0) + (float(number) if number else 1.0)
    return amounts


def _nested(clean: str) -> dict[str, float]:
    stack: list[tuple[str, dict[str, float]]] = [("", {})]
    at = 0
    while at < len(clean):
        match = _TOKEN.match(clean, at)
        if match is None:
            raise FormulaError(f"{clean[at]!r} in {clean!r} is not part of a numeric formula")
        symbol, number, opened, closed, factor = match.groups()
        if symbol:
            _add(stack[-1][1], symbol, _number(number, clean))
        elif opened:
            stack.append((opened, {}))
        else:
            bracket, inner = stack.pop()
            if _CLOSES.get(bracket) != closed:
                raise FormulaError(f"brackets do not match in {clean!r}")
            for name, amount in inner.items():
                _add(stack[-1][1], name, amount * _number(factor, clean))
        at = match.end()
    if len(stack) != 1:
        raise FormulaError(f"brackets do not match in {clean!r}")
    return stack[0][1]


def _add(amounts: dict[str, float], symbol: str, amount: float) -> None:
    amounts[symbol] = amounts.get(symbol, 0.0) + amount


def _number(text: str, clean: str) -> float:
    if text == ".":
        raise FormulaError(f"'.' in {clean!r} is not a number")
    return float(text) if text else 1.0


def reduced_formula(amounts: Mapping[str, float]) -> str:
    """The reduced formula as pymatgen writes it: by electronegativity, common factor and polyanion taken out.

    Amounts that are not whole are kept as they are, every number written.
    """
    chi = electronegativities()
    if any(abs(n - round(n)) >= TOLERANCE for n in amounts.values()):
        return "".join(f"{s}{_written(amounts[s])}" for s in sorted(amounts, key=lambda s: (chi[s], s)))
    formula, _ = _reduce({s: round(n) for s, n in amounts.items()})
    if formula in _SPECIAL:
        return _SPECIAL[formula]
    return formula


def reduced(formula: str) -> str | None:
    """Reduced spelling of a formula; None where it is not one with plain amounts."""
    try:
        return reduced_formula(parse_numeric(formula))
    except FormulaError:
        return None


def _reduce(amounts: Mapping[str, int]) -> tuple[str, int]:
    chi = electronegativities()
    symbols = sorted(amounts, key=lambda s: (chi[s], s))
    factor = math.gcd(*amounts.values())
    tail = ""
    if len(symbols) >= 3 and chi[symbols[-1]] - chi[symbols[-2]] < 1.65:
        inner, inner_factor = _reduce({s: amounts[s] // factor for s in symbols[-2:]})
        if inner_factor != 1:
            tail = f"({inner}){inner_factor}"
            symbols = symbols[:-2]
    head = "".join(s + ("" if amounts[s] == factor else str(amounts[s] // factor)) for s in symbols)
    return head + tail, factor


def _written(amount: float) -> str:
    near = round(amount)
    return str(near) if abs(amount - near) < TOLERANCE else str(round(amount, 8))
