"""Oxidation states of the elements of a compound.

`as_published` guesses from the contents of the cell alone, as the published features do. `assigned` is ours: charges
of bonded anions first, then the neutral assignments of the cations by likelihood and by charge balance, then bond
valence where it clearly speaks against the likeliest.
"""

import functools
import heapq
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from etl.features.bonds import instability_index
from etl.features.elements import ANION_CHARGE, MAIN_STATE, NUMBER, SYMBOLS, TRANSITION_METALS
from etl.features.neighbours import Neighbours
from etl.features.polyanions import anion_charges
from etl.features.states import Ions, is_anion, occurrence
from etl.structures.crystal import Crystal
from schemas.arrays import Floats, Ints

MAX_ATOMS = 40
"""Largest reduced formula whose states are searched by likelihood."""
MAX_CELL_ATOMS = 240
"""Largest cell whose contents are searched as they are, which the published guess does."""
MAX_ELEMENTS = 6
CLEARLY_BETTER = 0.85
"""Bond valence overrules likelihood where it fits this much better."""


@dataclass(frozen=True)
class States:
    """Mean state of each element and how it was found.

    Attributes:
        by_element: symbol to state.
        source: "likelihood", "charge balance", "neutrality"; ", bond valence" and ", anion bonds" are added where they
            decided.
    """

    by_element: dict[str, float]
    source: str


@dataclass(frozen=True, eq=False)
class Charges:
    """Charges of the atoms of one crystal; atoms of a group are of one element and have one charge.

    Attributes:
        groups: group of each row of the crystal.
        charges: of each group.
        states: the means by element.
    """

    groups: Ints
    charges: Floats
    states: States

    def members(self, crystal: Crystal) -> Floats:
        """Share of each site of the crystal that each group fills, sites x groups."""
        made = np.zeros((crystal.n_sites, len(self.charges)))
        np.add.at(made, (crystal.sites, self.groups), crystal.occupancies)
        return made


def as_published(amounts: Mapping[str, float]) -> States | None:
    """States guessed from the contents of a cell; None where no neutral, non-zero assignment is found.

    The likeliest neutral assignment to the atoms of the cell as it is given: in a cell of several formula units atoms
    of one element may differ, so the guess depends on the cell. Where that fails, the guess from the reduced formula.
    """
    key = tuple(sorted((s, round(float(n), 6)) for s, n in amounts.items()))
    return _in_cell(key) or states_from_composition(key)


@functools.lru_cache(maxsize=4096)
def _in_cell(amounts: tuple[tuple[str, float], ...]) -> States | None:
    whole = tuple((s, round(n)) for s, n in amounts)
    if any(abs(n - w) > 1e-6 for (_, n), (_, w) in zip(amounts, whole, strict=True)):
        return None
    if not 2 <= len(whole) <= MAX_ELEMENTS or sum(n for _, n in whole) > MAX_CELL_ATOMS:
        return None
    found = ranked(whole, keep=1)
    return States(found[0], "likelihood") if found and _usable(found[0]) else None


@functools.lru_cache(maxsize=4096)
def states_from_composition(amounts: tuple[tuple[str, float], ...]) -> States | None:
    """States from a composition: the likeliest neutral set of usual states, else shared charge balance."""
    if len(amounts) < 2:
        return None
    return _by_likelihood(amounts) or _by_balance(amounts) or _by_neutrality(amounts)


def assigned(crystal: Crystal, near: Neighbours) -> Charges | None:
    """Charges of a crystal; None where no neutral, non-zero assignment is found.

    Bonds are looked at in ordered crystals only.

    Args:
        crystal: the crystal.
        near: its pairs up to 4 angstrom or more.
    """
    reduced = _reduced(crystal.amounts)
    if len(reduced) < 2:
        return None
    known = _candidates(reduced)
    if not crystal.ordered:
        return by_element(crystal, known[0]) if known else None
    negative = frozenset(s for s, v in known[0].by_element.items() if v < 0) if known else _anions(reduced)
    bonded = anion_charges(near, crystal.numbers, negative)
    options = _around(crystal, bonded, negative) if bonded is not None else []
    options = options or [by_element(crystal, states) for states in _closed(known)]
    return _fitting(options, near, crystal.numbers)


def _closed(known: Sequence[States]) -> list[States]:
    """Those with all anions as closed shells, which anions that are not bonded to each other are; else all."""
    closed = [k for k in known if all(v > 0 or abs(v - ANION_CHARGE.get(s, v)) < 1e-6 for s, v in k.by_element.items())]
    return closed or list(known)


def _reduced(amounts: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    whole = [round(n) for n in amounts.values()]
    exact = all(abs(n - w) < 1e-6 for n, w in zip(amounts.values(), whole, strict=True))
    divisor = math.gcd(*whole) if exact else 1
    return tuple(sorted((s, round(n / (divisor or 1), 6)) for s, n in amounts.items()))


@functools.lru_cache(maxsize=4096)
def _candidates(amounts: tuple[tuple[str, float], ...]) -> tuple[States, ...]:
    """Neutral assignments worth a look: the likeliest ones, and charge balance."""
    likely = [States(s, "likelihood") for s in _likely(amounts) if _usable(s)]
    balanced = _by_balance(amounts)
    if not likely and not balanced:
        forced = _by_neutrality(amounts)
        return (forced,) if forced else ()
    fresh = [balanced] if balanced and all(balanced.by_element != s.by_element for s in likely) else []
    return tuple(likely + fresh)


def _anions(amounts: tuple[tuple[str, float], ...]) -> frozenset[str]:
    numbers = np.array([[NUMBER[s] for s, _ in amounts]])
    found = is_anion(numbers, np.array([[n for _, n in amounts]]))[0]
    return frozenset(s for (s, _), yes in zip(amounts, found, strict=True) if yes)


def by_element(crystal: Crystal, states: States) -> Charges:
    """The same charge for all sites of an element."""
    kinds, groups = np.unique(crystal.numbers, return_inverse=True)
    charges = np.array([states.by_element[SYMBOLS[z - 1]] for z in kinds])
    return Charges(groups.astype(np.int64), charges, states)


def _around(crystal: Crystal, bonded: Floats, negative: frozenset[str]) -> list[Charges]:
    """Assignments of the cations to anions some of which are bonded to each other."""
    numbers = crystal.numbers
    closed = np.array([0.0, *(float(ANION_CHARGE.get(s, 0)) if s in negative else 0.0 for s in SYMBOLS)])
    fixed = np.where(np.isnan(bonded), closed[numbers], bonded)
    total = float(fixed.sum())
    cations = {s: round(n) for s, n in crystal.amounts.items() if s not in negative}
    divisor = math.gcd(*cations.values()) if cations else 0
    if not divisor or total >= 0:
        return []
    reduced = [(s, n // divisor) for s, n in cations.items()]
    target = -total / divisor
    found = []
    if abs(target - round(target)) < 1e-6 and sum(n for _, n in reduced) <= MAX_ATOMS and len(reduced) < MAX_ELEMENTS:
        found = [s for s in ranked(reduced, target=round(target)) if all(v > 0 for v in s.values())]
    if len(reduced) == 1 and not found:
        symbol, count = reduced[0]
        found = [{symbol: target / count}] if 0 < target / count <= 8 else []
    return [_with_bonds(crystal, fixed, states) for states in found]


def _with_bonds(crystal: Crystal, fixed: Floats, cations: Mapping[str, float]) -> Charges:
    positive = np.array([0.0, *(cations.get(s, 0.0) for s in SYMBOLS)])
    charge = np.where(fixed < 0, fixed, positive[crystal.numbers])
    pairs, groups = np.unique(np.column_stack([crystal.numbers, charge]), axis=0, return_inverse=True)
    sums = np.bincount(crystal.numbers, charge) / np.maximum(np.bincount(crystal.numbers), 1)
    means = {s: float(sums[NUMBER[s]]) for s in crystal.amounts}
    return Charges(groups.reshape(-1).astype(np.int64), pairs[:, 1], States(means, "likelihood, anion bonds"))


def _fitting(options: Sequence[Charges], near: Neighbours, numbers: Ints) -> Charges | None:
    """The first option, or the one whose bond valences fit clearly better."""
    if len(options) < 2:
        return options[0] if options else None
    misfits = [instability_index(near, numbers, o.groups, o.charges)[0] for o in options]
    first = misfits[0]
    if first is None:
        return options[0]
    least = min(m for m in misfits if m is not None)
    if least >= CLEARLY_BETTER * first:
        return options[0]
    best = options[misfits.index(least)]
    return Charges(best.groups, best.charges, States(best.states.by_element, f"{best.states.source}, bond valence"))


def _usable(states: dict[str, float]) -> bool:
    values = list(states.values())
    return bool(values) and all(abs(v) > 1e-6 for v in values) and min(values) < 0 < max(values)


def _by_likelihood(amounts: tuple[tuple[str, float], ...]) -> States | None:
    for states in _likely(amounts):
        if _usable(states):
            return States(states, "likelihood")
    return None


def _likely(amounts: tuple[tuple[str, float], ...]) -> list[dict[str, float]]:
    whole = [round(n) for _, n in amounts]
    divisor = math.gcd(*whole)
    if any(abs(n - w) > 1e-6 for (_, n), w in zip(amounts, whole, strict=True)) or not divisor:
        return []
    reduced = tuple((s, w // divisor) for (s, _), w in zip(amounts, whole, strict=True))
    if sum(n for _, n in reduced) > MAX_ATOMS or len(reduced) > MAX_ELEMENTS:
        return []
    return ranked(reduced)


def ranked(amounts: Sequence[tuple[str, int]], *, keep: int = 5, target: int = 0) -> list[dict[str, float]]:
    """Assignments of usual states that sum to `target`, likeliest first.

    The likelihood of a state is how often it occurs in the ICSD; that of an assignment, the sum over its atoms, as in
    pymatgen's `oxi_state_guesses`, which enumerates what is found here by dynamic programming over the charge.

    Args:
        amounts: element and whole number of atoms in the formula.
        keep: assignments wanted, at most.
        target: total charge.

    Returns:
        Mean state of each element.
    """
    rising = sorted(amounts, key=lambda pair: len(_charges(*pair)))
    best: dict[int, list[tuple[float, tuple[float, ...]]]] = {0: [(0.0, ())]}
    for symbol, count in rising[:-1]:
        grown: dict[int, list[tuple[float, tuple[float, ...]]]] = {}
        for total, made in best.items():
            for charge, score in _charges(symbol, count).items():
                grown.setdefault(total + charge, []).extend((s + score, (*m, charge / count)) for s, m in made)
        best = {total: heapq.nlargest(keep, made, key=operator.itemgetter(0)) for total, made in grown.items()}
    # the element with the most charges only completes the others
    symbol, count = rising[-1]
    last = _charges(symbol, count)
    ends = [
        (s + last[target - total], (*m, (target - total) / count))
        for total, made in best.items()
        if target - total in last
        for s, m in made
    ]
    place = {s: i for i, (s, _) in enumerate(rising)}
    chosen = heapq.nlargest(keep, ends, key=operator.itemgetter(0))
    return [{s: states[place[s]] for s, _ in amounts} for _, states in chosen]


@functools.lru_cache(maxsize=4096)
def _charges(symbol: str, count: int) -> dict[int, float]:
    """Total charges that atoms of one element can have, each with the score of its likeliest mixture of states."""
    from pymatgen.core import Element

    element, often = Element(symbol), occurrence()
    states = element.icsd_oxidation_states or element.common_oxidation_states
    best = {0: 0.0}
    for _ in range(count):
        grown: dict[int, float] = {}
        for total, score in best.items():
            for state in states:
                grown[total + state] = max(grown.get(total + state, 0.0), score + often.get((symbol, state), 0.0))
        best = grown
    return best


def _by_balance(amounts: tuple[tuple[str, float], ...]) -> States | None:
    numbers = np.array([[NUMBER[s] for s, _ in amounts]])
    ions = Ions.of(numbers, np.array([[n for _, n in amounts]]))
    made = {s: float(v) for (s, _), v in zip(amounts, ions.states[0], strict=True)}
    if abs(float(ions.left[0])) < 1e-6 and _usable(made):
        return States(made, "charge balance")
    return None


def _by_neutrality(amounts: tuple[tuple[str, float], ...]) -> States | None:
    """The state that neutrality leaves to one cation, though it is unusual: Ce2+ in CeO, Mo at 5/3 in NaMo3Se3.

    That cation is the only transition metal, else the only cation; its mean state lies between one and its highest.
    """
    from pymatgen.core import Element

    anions = _anions(amounts)
    cations = [s for s, _ in amounts if s not in anions]
    metals = [s for s in cations if s in TRANSITION_METALS]
    free = metals if len(metals) == 1 else cations
    if len(free) != 1 or not anions:
        return None
    made = {s: float(ANION_CHARGE[s] if s in anions else MAIN_STATE.get(s, 0)) for s, _ in amounts if s != free[0]}
    state = -sum(made[s] * n for s, n in amounts if s in made) / dict(amounts)[free[0]]
    made[free[0]] = state
    most = max(Element(free[0]).oxidation_states, default=0)
    return States(made, "neutrality") if 1 <= state <= most and _usable(made) else None
