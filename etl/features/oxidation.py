"""Oxidation states of the elements of a compound: by likelihood, by charge balance, then by bond valence."""

import functools
import heapq
import math
import operator
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml

from etl.features.charge import oxidation_states
from etl.features.elements import NUMBER

if TYPE_CHECKING:
    from pymatgen.core import Structure

MAX_ATOMS = 40
"""Largest reduced formula whose states are searched by likelihood."""
MAX_ELEMENTS = 6
MAX_BOND_VALENCE_SITES = 60


@dataclass(frozen=True)
class States:
    """Mean state of each element and how it was found: "likelihood", "charge balance", "bond valence"."""

    by_element: dict[str, float]
    source: str


def states_of(structure: "Structure") -> States | None:
    """States of an ordered or disordered structure; None where no neutral, non-zero assignment is found."""
    amounts = structure.composition.element_composition.get_el_amt_dict()
    found = states_from_composition(tuple(sorted((s, round(float(n), 6)) for s, n in amounts.items())))
    return found or _by_bond_valence(structure)


@functools.lru_cache(maxsize=4096)
def states_from_composition(amounts: tuple[tuple[str, float], ...]) -> States | None:
    """States from a composition: the likeliest neutral set of usual states, else shared charge balance."""
    if len(amounts) < 2:
        return None
    return _by_likelihood(amounts) or _by_balance(amounts)


def _usable(states: dict[str, float]) -> bool:
    values = list(states.values())
    return bool(values) and all(abs(v) > 1e-6 for v in values) and min(values) < 0 < max(values)


def _by_likelihood(amounts: tuple[tuple[str, float], ...]) -> States | None:
    whole = [round(n) for _, n in amounts]
    divisor = math.gcd(*whole)
    if any(abs(n - w) > 1e-6 for (_, n), w in zip(amounts, whole, strict=True)) or not divisor:
        return None
    reduced = tuple((s, w // divisor) for (s, _), w in zip(amounts, whole, strict=True))
    if sum(n for _, n in reduced) > MAX_ATOMS or len(reduced) > MAX_ELEMENTS:
        return None
    for states in ranked(reduced):
        if _usable(states):
            return States(states, "likelihood")
    return None


def ranked(amounts: Sequence[tuple[str, int]], *, keep: int = 5) -> list[dict[str, float]]:
    """Neutral assignments of usual states, likeliest first.

    The likelihood of a state is how often it occurs in the ICSD; that of an assignment, the sum over its atoms, as in
    pymatgen's `oxi_state_guesses`, which enumerates what is found here by dynamic programming over the charge.

    Args:
        amounts: element and whole number of atoms in the formula.
        keep: assignments wanted, at most.

    Returns:
        Mean state of each element.
    """
    best: dict[int, list[tuple[float, tuple[float, ...]]]] = {0: [(0.0, ())]}
    for symbol, count in amounts:
        grown: dict[int, list[tuple[float, tuple[float, ...]]]] = {}
        for total, made in best.items():
            for charge, score in _charges(symbol, count).items():
                grown.setdefault(total + charge, []).extend((s + score, (*m, charge / count)) for s, m in made)
        best = {total: heapq.nlargest(keep, made, key=operator.itemgetter(0)) for total, made in grown.items()}
    symbols = [s for s, _ in amounts]
    return [dict(zip(symbols, states, strict=True)) for _, states in best.get(0, [])]


@functools.lru_cache(maxsize=4096)
def _charges(symbol: str, count: int) -> dict[int, float]:
    """Total charges that atoms of one element can have, each with the score of its likeliest mixture of states."""
    from pymatgen.core import Element

    element, often = Element(symbol), _occurrence()
    states = element.icsd_oxidation_states or element.common_oxidation_states
    best = {0: 0.0}
    for _ in range(count):
        grown: dict[int, float] = {}
        for total, score in best.items():
            for state in states:
                grown[total + state] = max(grown.get(total + state, 0.0), score + often.get((symbol, state), 0.0))
        best = grown
    return best


@functools.cache
def _occurrence() -> dict[tuple[str, int], float]:
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


def _by_balance(amounts: tuple[tuple[str, float], ...]) -> States | None:
    numbers = np.array([[NUMBER[s] for s, _ in amounts]])
    states, left = oxidation_states(numbers, np.array([[n for _, n in amounts]]))
    made = {s: float(v) for (s, _), v in zip(amounts, states[0], strict=True)}
    if abs(float(left[0])) < 1e-6 and _usable(made):
        return States(made, "charge balance")
    return None


def _by_bond_valence(structure: "Structure") -> States | None:
    from pymatgen.analysis.bond_valence import BVAnalyzer

    if not structure.is_ordered or len(structure) > MAX_BOND_VALENCE_SITES:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            valences = BVAnalyzer().get_valences(structure)
    except (ValueError, KeyError):  # "valences cannot be assigned", or an element without parameters
        return None
    sums: dict[str, list[float]] = {}
    for site, valence in zip(structure, valences, strict=True):
        sums.setdefault(site.specie.symbol, []).append(float(valence))
    states = {s: float(np.mean(v)) for s, v in sums.items()}
    return States(states, "bond valence") if _usable(states) else None
