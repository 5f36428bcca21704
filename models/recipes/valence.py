"""Mixtures of a higher and a lower source of one element: V2O3 + V2O5 for VO2, Mo + MoO3 for MoO2.

Sealed together they meet at the state between, without a gas that has to be metered (comproportionation; West, Solid
State Chemistry and its Applications, 2nd ed., 2014, chapter 4). Sources are those that recipes use.
"""

import itertools
from collections.abc import Mapping, Sequence
from fractions import Fraction

from models.recipes.charges import anion_charge, anions, states
from models.recipes.compositions import Amounts, parse

EACH = 2  # sources tried above, and below


def state(amounts: Amounts, element: str) -> Fraction | None:
    """Oxidation state of an element where those of all others are certain; None where they are not."""
    negative = anions(amounts)
    if element in negative or element not in amounts:
        return None
    owed = anion_charge(amounts, negative)
    for e, n in amounts.items():
        if e in negative or e == element:
            continue
        low, high = states(e)
        if low != high:
            return None
        owed -= n * low
    return owed / amounts[element]


def brackets(
    aim: Amounts, sources: Mapping[str, Sequence[str]], spelling: Mapping[str, str]
) -> dict[str, list[tuple[str, str]]]:
    """Pairs of sources of an element, one below and one above its state in the target, the usual ones first.

    Args:
        aim: composition of the target.
        sources: element -> precursor keys, the most usual first.
        spelling: precursor key -> formula.
    """
    out: dict[str, list[tuple[str, str]]] = {}
    for element in aim:
        wanted = state(aim, element)
        if wanted is None or wanted <= 0 or states(element)[0] == states(element)[1]:
            continue
        below: list[str] = []
        above: list[str] = []
        for k in sources.get(element, ()):
            amounts = parse(spelling[k]) or {}
            if set(amounts) - {"O"} == {element}:
                held = 2 * amounts.get("O", Fraction(0)) / amounts[element]
                if held != wanted:
                    (below if held < wanted else above).append(k)
        out[element] = list(itertools.product(below[:EACH], above[:EACH]))
    return {e: pairs for e, pairs in out.items() if pairs}
