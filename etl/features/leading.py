"""What the leading metal and anion of a compound are like, and the ions beside them, for whole tables at once.

The leading metal carries the electrons that localise: the most electronegative transition metal, else rare earth, else
other metal, metalloids among them unless they are anions; the leading anion is O, else the most electronegative one.
States and anions are those of `states`. The published structure features choose otherwise (`torrance`): there
metalloids are no metals, and of the rare earths only La, Y and Sc come before other metals.
"""

import functools

import numpy as np

from etl.features.elements import (
    ANION_CHARGE,
    NUMBER,
    RARE_EARTHS,
    SYMBOLS,
    TRANSITION_METALS,
    VALENCE_ELECTRONS,
    electronegativities,
)
from etl.features.states import Ions, flags, table
from schemas.arrays import Bools, Floats, Ints

LEADING: tuple[str, ...] = (
    "metal_row", "metal_column", "metal_oxidation", "metal_oxidation_fraction", "metal_d_count", "metal_d_odd",
    "metal_electronegativity", "anion_electronegativity", "bond_electronegativity_difference",
    "metal_covalent_radius", "anion_covalent_radius", "other_electronegativity", "other_covalent_radius",
)  # fmt: skip
_METALLOIDS = ("Sb", "Bi", "Ge", "Si", "B")
_NON_METALS = frozenset((*(s for s in ANION_CHARGE if s not in _METALLOIDS), "He", "Ne", "Ar", "Kr", "Xe"))
_TIER = 100.0  # more than any electronegativity: a transition metal comes before every rare earth


@functools.cache
def _tables() -> dict[str, Floats]:
    """By atomic number: rank among metals and anions, electronegativity, row, column, radius, valence electrons."""
    from etl.features.composition import PROPERTIES, elemental_table

    chi = np.array([0.0, *(electronegativities()[s] for s in SYMBOLS)])
    chi = np.where(np.isfinite(chi), chi, 0.0)
    tier = np.array([0.0, *(2.0 if s in TRANSITION_METALS else 1.0 if s in RARE_EARTHS else 0.0 for s in SYMBOLS)])
    known = elemental_table()
    named = {n: known[:, PROPERTIES.index(n)] for n in ("Row", "Column", "CovalentRadius")}
    return {"chi": chi, "metal": tier * _TIER + chi, "valence": table(VALENCE_ELECTRONS), **named}


_METAL = flags(frozenset(SYMBOLS) - _NON_METALS)


def leading_features(ions: Ions) -> Floats:
    """The `LEADING` features of n compositions.

    Returns:
        n x 13; NaN where there is no such ion. Radii in picometre, electronegativities after Pauling.
    """
    told, numbers, anions = _tables(), ions.numbers, ions.anions
    metal = _first(told["metal"][numbers], _METAL[numbers] & ~anions)
    anion = _first(told["chi"][numbers] + _TIER * (numbers == NUMBER["O"]), anions)
    transition = _of(numbers, metal, told["valence"])
    state = _picked(ions.states, metal)
    d_count = np.clip(transition - state, 0.0, 10.0)
    rest = np.where(anions | metal, 0.0, ions.amounts)
    return np.column_stack(
        [
            _of(numbers, metal, told["Row"]),
            _of(numbers, metal, told["Column"]),
            state,
            np.abs(state - np.round(state)),
            d_count,
            1.0 - np.abs(np.mod(d_count, 2.0) - 1.0),
            _of(numbers, metal, told["chi"]),
            _of(numbers, anion, told["chi"]),
            _of(numbers, anion, told["chi"]) - _of(numbers, metal, told["chi"]),
            _of(numbers, metal, told["CovalentRadius"]),
            _of(numbers, anion, told["CovalentRadius"]),
            _mean(told["chi"][numbers], rest),
            _mean(told["CovalentRadius"][numbers], rest),
        ]
    )


def _first(rank: Floats, able: Bools) -> Bools:
    """Marks the one element of highest rank among those that are able; none where none is."""
    best = np.where(able, rank, -np.inf).argmax(axis=1)
    marked: Bools = able & (np.arange(rank.shape[1]) == best[:, None])
    return marked


def _of(numbers: Ints, marked: Bools, values: Floats) -> Floats:
    return _picked(values[numbers], marked)


def _picked(values: Floats, marked: Bools) -> Floats:
    """The value of the marked element of each row; NaN where none is marked."""
    picked: Floats = np.where(marked.any(axis=1), np.where(marked, values, 0.0).sum(axis=1), np.nan)
    return picked


def _mean(values: Floats, weights: Floats) -> Floats:
    total = weights.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean: Floats = np.where(total > 0, (values * weights).sum(axis=1) / total, np.nan)
    return mean
