"""Oxidation states of the elements of a compound: by likelihood, by charge balance, then by bond valence."""

import functools
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from etl.features.charge import oxidation_states
from etl.features.elements import NUMBER

if TYPE_CHECKING:
    from pymatgen.core import Structure

MAX_ATOMS = 40
"""Largest reduced formula whose states are searched one by one."""
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
    from pymatgen.core import Composition

    reduced = Composition(dict(amounts)).reduced_composition
    atoms = reduced.num_atoms
    if atoms > MAX_ATOMS or len(amounts) > 6 or any(abs(n - round(n)) > 1e-6 for n in reduced.values()):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        guesses = reduced.oxi_state_guesses()
    for guess in guesses[:5]:
        states = {str(s): float(v) for s, v in guess.items()}
        if _usable(states):
            return States(states, "likelihood")
    return None


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
