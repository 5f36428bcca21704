"""Exact compositions of target and precursor formulas: rational amounts, hydrates, normal forms.

Balancing needs exact fractions and hydrates; statistics over elements are `etl.features.composition`.
"""

import functools
import re
from fractions import Fraction

import numpy as np

from etl.features.elements import SYMBOLS
from schemas.arrays import Floats

ELEMENTS = SYMBOLS[:98]  # to californium: what recipes can hold
PLACE = {e: i for i, e in enumerate(ELEMENTS)}
VOLATILE = frozenset({"O", "H", "C", "N"})

Amounts = dict[str, Fraction]

_TOKEN = re.compile(r"([A-Z][a-z]?)|(\()|(\))|(\d+(?:\.\d+)?|\.\d+)")
_DOT = re.compile(r"[·•∙⋅*]")
_FULL_STOP = re.compile(r"\.(?=\d*H2O$)")  # "CoCl2.6H2O"; elsewhere a full stop is a decimal point
_LETTERED_WATER = re.compile(r"[·•∙⋅*](?:[nxyzNX]\s*H2O|\(H2O\)[nxyzNX])$")


def parse(formula: str | None) -> Amounts | None:
    """Element amounts of a formula with numbers only; None where it does not parse.

    Hydrates ("Co(NO3)2·6H2O") are added up; water of unknown amount ("·xH2O") is left off.
    """
    made = _parse(formula.strip()) if formula and len(formula) <= 200 else None
    return dict(made) if made else None


@functools.lru_cache(maxsize=65536)
def _parse(formula: str) -> Amounts | None:
    text = formula.replace("[", "(").replace("]", ")").replace("{", "(").replace("}", ")").replace(" ", "")
    total: Amounts = {}
    bare = _LETTERED_WATER.sub("", text)
    for piece in _DOT.split(bare) if _DOT.search(bare) else _FULL_STOP.split(bare):
        lead = re.match(r"(\d+(?:\.\d+)?)(?=[A-Z(])", piece)
        factor = Fraction(lead.group(1)) if lead else Fraction(1)
        part = _group(piece[lead.end() :] if lead else piece)
        if part is None:
            return None
        for e, n in part.items():
            total[e] = total.get(e, Fraction(0)) + factor * n
    kept = {e: n for e, n in total.items() if n > 0}
    return kept or None


def _group(text: str) -> Amounts | None:
    stack: list[Amounts] = [{}]
    last: Amounts | None = None
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            return None
        at = found.end()
        element, opened, closed, number = found.groups()
        if number is not None:
            if last is None:
                return None
            _add(stack[-1], {e: n * Fraction(number) for e, n in last.items()})
            last = None
            continue
        if last is not None:
            _add(stack[-1], last)
            last = None
        if element:
            if element not in PLACE:
                return None
            last = {element: Fraction(1)}
        elif opened:
            stack.append({})
        elif closed:
            if len(stack) == 1:
                return None
            last = stack.pop()
    if last is not None:
        _add(stack[-1], last)
    return stack[0] if len(stack) == 1 else None


def _add(into: Amounts, more: Amounts) -> None:
    for e, n in more.items():
        into[e] = into.get(e, Fraction(0)) + n


def key(amounts: Amounts) -> str:
    """Normal form of a composition: atomic fractions to three decimals, elements sorted ("Ba0.2|O0.6|Ti0.2")."""
    total = sum(amounts.values())
    return "|".join(f"{e}{round(float(n / total), 3):g}" for e, n in sorted(amounts.items()))


def precursor_key(formula: str) -> str:
    """One key for all spellings of a precursor: water taken off, order free; else the text itself."""
    amounts = parse(formula)
    if not amounts:
        return formula.strip().lower()
    return key(parse(dry(formula)) or amounts)


def dry(formula: str) -> str:
    """The formula without blanks and without the water behind its dot."""
    text = formula.replace(" ", "")
    return _FULL_STOP.split(_DOT.split(text)[0])[0]


def fractions(amounts: Amounts | None) -> Floats:
    """Atomic fractions over `ELEMENTS`; zeros where there is no composition."""
    out = np.zeros(len(ELEMENTS))
    if amounts:
        total = float(sum(amounts.values()))
        for e, n in amounts.items():
            out[PLACE[e]] = float(n) / total
    return out
