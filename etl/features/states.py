"""Oxidation states from compositions alone, for whole tables at once: which elements are anions, and who is oxidised.

Anions are closed shells. Cations start in their lowest usual state and are oxidised step by step, what happens most
often first, until the charges sum to zero: mixed valence comes out as a mean state, without a search. Pairs of anions
(P2, S2) are not recognised.
"""

import functools
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from etl.features.elements import (
    ANION_CHARGE,
    CATION_STATES,
    CHALCOGENS,
    MAIN_STATE,
    NUMBER,
    STEADY,
    STRONG_ANIONS,
    SYMBOLS,
    WEAK_ANIONS,
    electronegativities,
)
from schemas.arrays import Bools, Floats, Ints

KEEPS = 1e3
"""Cost beyond all others: cations that keep their main state while any other can give electrons."""


def flags(symbols: frozenset[str]) -> Bools:
    """Which atomic numbers are among the symbols; entry 0 is unused."""
    return np.array([False, *(s in symbols for s in SYMBOLS)])


def table(values: dict[str, int]) -> Floats:
    """Values by atomic number, NaN where there is none."""
    return np.array([np.nan, *(float(values.get(s, np.nan)) for s in SYMBOLS)])


_STRONG, _CHALCOGEN, _WEAK = flags(STRONG_ANIONS), flags(CHALCOGENS), flags(WEAK_ANIONS)
_NEGATIVE = table(ANION_CHARGE)
_LOWEST, _HIGHEST = (table({s: choose(v) for s, v in CATION_STATES.items()}) for choose in (min, max))
_O, _S = NUMBER["O"], NUMBER["S"]


def is_anion(numbers: Ints, amounts: Floats) -> Bools:
    """Which of the n x k elements are anions.

    O, N and halogens always; S, Se, Te unless there are two (S: three) O for each; P, C, Si and the like only where
    none of the others is. A lone element is none.
    """
    oxygen = np.where(numbers == _O, amounts, 0.0).sum(axis=1, keepdims=True)
    strong = _STRONG[numbers]
    needed = np.where(numbers == _S, 3.0, 2.0)
    chalcogen = _CHALCOGEN[numbers] & (oxygen < needed * amounts)
    stronger = (strong | chalcogen).any(axis=1, keepdims=True)
    weak = _WEAK[numbers] & ~stronger
    anions = strong | chalcogen | weak
    result: Bools = anions & (anions.sum(axis=1, keepdims=True) < numbers.shape[1])
    return result


def ranges(numbers: Ints, anions: Bools) -> tuple[Floats, Floats]:
    """Lowest and highest usual state of each element, n x k; NaN where it has none."""
    charge = _NEGATIVE[numbers]
    return np.where(anions, charge, _LOWEST[numbers]), np.where(anions, charge, _HIGHEST[numbers])


@dataclass(frozen=True)
class Ions:
    """What n compositions of k elements each are made of.

    Attributes:
        numbers: n x k atomic numbers.
        amounts: n x k amounts, positive.
        anions: which are anions.
        states: n x k mean oxidation states; NaN where an element has none, or had to balance one that has none.
        left: n, the charge left over where no usual states sum to zero.
    """

    numbers: Ints
    amounts: Floats
    anions: Bools
    states: Floats
    left: Floats

    @classmethod
    def of(cls, numbers: Ints, amounts: Floats) -> "Ions":
        """Anions and states told from numbers and amounts."""
        anions = is_anion(numbers, amounts)
        states = _balanced(numbers, amounts, anions)
        return cls(numbers, amounts, anions, states, (states * amounts).sum(axis=1))


def _balanced(numbers: Ints, amounts: Floats, anions: Bools) -> Floats:
    """The likeliest mean states that sum to zero, n x k: the cheapest steps up are taken first."""
    cost, size = _steps()
    start, _ = ranges(numbers, anions)
    room = np.where(anions[:, :, None], 0.0, size[numbers]) * amounts[:, :, None]
    flat = room.reshape(len(numbers), -1)
    order = np.argsort(cost[numbers].reshape(flat.shape), axis=1, kind="stable")
    ranked = np.take_along_axis(flat, order, axis=1)
    missing = -(start * amounts).sum(axis=1, keepdims=True) - (np.cumsum(ranked, axis=1) - ranked)
    given = np.empty_like(flat)
    np.put_along_axis(given, order, np.where(ranked > 0, np.clip(missing, 0.0, ranked), 0.0), axis=1)
    states: Floats = start + given.reshape(room.shape).sum(axis=2) / amounts
    return states


@functools.cache
def _steps() -> tuple[Floats, Floats]:
    """Steps up from the lowest state by atomic number: cost an electron and electrons taken, 119 x steps.

    The cost is the fall of the logarithm of how often a state occurs. Within an element costs rise: a state rarer than
    those around it is passed over. Equal costs are told apart by electronegativity.
    """
    chi, rises = electronegativities(), {s: _rises(s) for s in CATION_STATES}
    cost = np.full((len(SYMBOLS) + 1, max(map(len, rises.values()))), np.inf)
    size = np.zeros(cost.shape)
    for symbol, found in rises.items():
        for step, (price, electrons) in enumerate(found):
            cost[NUMBER[symbol], step] = price + 1e-6 * chi[symbol]
            size[NUMBER[symbol], step] = electrons
    return cost, size


def _rises(symbol: str) -> list[tuple[float, int]]:
    """(Cost an electron, electrons) of each step of one element: the lower convex hull of its costs."""
    often, main = occurrence(), MAIN_STATE.get(symbol)
    hull: list[tuple[int, float]] = []
    for state in sorted(CATION_STATES[symbol]):
        here = (state, -float(np.log1p(often.get((symbol, state), 0.0))))
        if symbol in STEADY and main is not None:
            here = (state, KEEPS * abs(state - main) + here[1])
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) >= _slope(hull[-1], here):
            hull.pop()
        hull.append(here)
    return [(_slope(a, b), b[0] - a[0]) for a, b in itertools.pairwise(hull)]


def _slope(a: tuple[int, float], b: tuple[int, float]) -> float:
    return (b[1] - a[1]) / (b[0] - a[0])


@functools.cache
def occurrence() -> dict[tuple[str, int], float]:
    """How many ICSD entries hold an element in a state, from the table that pymatgen ships."""
    import pymatgen.core

    text = (Path(pymatgen.core.__file__).parent / "icsd_bv.yaml").read_text()
    section = yaml.load(text, Loader=yaml.CSafeLoader)["occurrence"]
    return {_split(species): float(times) for species, times in section.items()}


def _split(species: str) -> tuple[str, int]:
    """("Fe", 3) of "Fe3+"."""
    symbol = species.rstrip("+-0123456789")
    size = species[len(symbol) : -1] or "1"
    return symbol, int(size) if species[-1] == "+" else -int(size)
