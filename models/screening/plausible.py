"""Can such a compound be, and could a transition of its electrons be what is seen? Judged from the formula alone.

What is refused here says nothing of structure or stability. What is only odd is flagged, for a person to weigh.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from etl.features.charge import is_anion
from etl.features.composition import parse
from etl.features.elements import (
    ANION_CHARGE,
    MAIN_STATE,
    NUMBER,
    RARE_EARTHS,
    SYMBOLS,
    TM_STATES,
    TRANSITION_METALS,
    VALENCE_ELECTRONS,
    electronegativities,
)
from schemas.arrays import Floats, Ints

OTHER_STATES: dict[str, tuple[int, ...]] = {
    "Ce": (4,), "Pr": (4,), "Tb": (4,), "Sm": (2,), "Eu": (2,), "Yb": (2,), "Tm": (2,), "In": (1,), "Tl": (1,),
    "Ge": (2,), "Sn": (2,), "Pb": (4,), "P": (3,), "As": (3,), "Sb": (3,), "Bi": (5,), "S": (4,), "Se": (6,),
    "Te": (6,), "U": (3, 4, 5), "Np": (3, 4, 6), "Pu": (3, 5),
}  # fmt: skip
"""States of other cations than `TM_STATES` beside the main one (Greenwood and Earnshaw, Chemistry of the Elements)."""
SHORT_LIVED = frozenset(("Tc", "Pm", *SYMBOLS[83:89], "Ac", "Pa", *SYMBOLS[92:]))
"""No isotope that lasts and can be had by the gram: Tc, Pm, Po to Ac, Pa, and all beyond uranium."""
F_SHELL = RARE_EARTHS - {"Sc", "Y", "La", "Lu"} | {"U"}
CLOSED = "no open d or f shell"
CHARGE = 1e-6
SOME = 0.05
"""Electrons an ion needs beyond a full or empty shell to count as open: less is a rounding of the states."""


def implausible(formulas: pl.Series) -> pl.Series:
    """Why a compound cannot be; null where nothing speaks against it or the formula cannot be read.

    States are balanced as ranges: a compound is possible where the lowest usual states of its cations sum to no more,
    and the highest to no less, than its anions ask for, so mixed valence is allowed in every element of several states.
    Bonds between anions (peroxides, Zintl pairs) are not known here, and such a compound may be refused wrongly.
    """
    return pl.Series("implausible", _each(formulas, _reasons), dtype=pl.String)


def oddities(formulas: pl.Series) -> pl.Series:
    """What a chemist would object to in each formula, as lists of short phrases; null where it cannot be read."""
    return pl.Series("flags", _each(formulas, _odd), dtype=pl.List(pl.String))


def _each(formulas: pl.Series, judge: Callable[[Ints, Floats], list[Any]]) -> list[Any]:
    """Calls a judge once for all formulas of the same number of elements."""
    parsed = parse(formulas.cast(pl.String).to_list())
    sizes = np.diff(parsed.starts)
    found: list[Any] = [None] * len(sizes)
    for k in np.unique(sizes[sizes > 0]).tolist():
        rows = np.flatnonzero(sizes == k)
        at = parsed.starts[rows][:, None] + np.arange(k)
        for row, said in zip(rows.tolist(), judge(parsed.numbers[at], parsed.amounts[at]), strict=True):
            found[row] = said
    return found


def _reasons(numbers: Ints, amounts: Floats) -> list[str | None]:
    anions = is_anion(numbers, amounts)
    low, high = _ranges(numbers, anions)
    least, most = (low * amounts).sum(axis=1), (high * amounts).sum(axis=1)
    with np.errstate(invalid="ignore"):
        balanced = (least <= CHARGE) & (most >= -CHARGE)
    short = np.where(_SHORT_LIVED[numbers], numbers, 0).max(axis=1)
    said = np.select(
        [short > 0, ~anions.any(axis=1), np.isnan(least), ~balanced],
        [_RADIOACTIVE[short], "no anion", "an element without usual oxidation state", "no usual states sum to zero"],
        default="",
    )
    return [reason or None for reason in said.tolist()]


def _odd(numbers: Ints, amounts: Floats) -> list[list[str]]:
    anions = is_anion(numbers, amounts)
    states = _states(numbers, amounts, *_ranges(numbers, anions))
    d = np.clip(_VALENCE[numbers] - states, 0.0, 10.0)
    with np.errstate(invalid="ignore"):
        open_d = (_TM[numbers] & ~anions & (d > SOME) & (d < 10 - SOME)).any(axis=1)
    open_f = _F[numbers].any(axis=1)
    told = {
        "f electrons only": open_f & ~open_d,
        CLOSED: ~open_f & ~open_d,
        "hydrogen": (numbers == NUMBER["H"]).any(axis=1),
    }
    return [[name for name, hit in zip(told, row, strict=True) if hit] for row in np.column_stack(list(told.values()))]


def _ranges(numbers: Ints, anions: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Lowest and highest usual state of each element, n x k; NaN where it has none."""
    charge = _ANION[numbers]
    return np.where(anions, charge, _LOW[numbers]), np.where(anions, charge, _HIGH[numbers])


def _states(numbers: Ints, amounts: Floats, low: Floats, high: Floats) -> Floats:
    """States that sum to zero where they can: the most electropositive element is oxidised first."""
    order = np.argsort(_CHI[numbers], axis=1)
    states, rest = low.copy(), -np.nansum(low * amounts, axis=1)
    rows = np.arange(len(numbers))
    for column in order.T:
        room = np.nan_to_num((high - low)[rows, column]) * amounts[rows, column]
        given = np.clip(rest, 0.0, room)
        states[rows, column] += given / amounts[rows, column]
        rest = rest - given
    return states


def _by_number(values: dict[str, float]) -> Floats:
    return np.array([np.nan, *(values.get(s, np.nan) for s in SYMBOLS)], dtype=np.float64)


def _flags(symbols: frozenset[str]) -> npt.NDArray[np.bool_]:
    return np.array([False, *(s in symbols for s in SYMBOLS)])


_CATIONS = {
    **{s: (state, *OTHER_STATES.get(s, ())) for s, state in MAIN_STATE.items()},
    **TM_STATES,
}
_LOW = _by_number({s: float(min(v)) for s, v in _CATIONS.items()})
_HIGH = _by_number({s: float(max(v)) for s, v in _CATIONS.items()})
_ANION = _by_number({s: float(v) for s, v in ANION_CHARGE.items()})
_VALENCE = _by_number({s: float(v) for s, v in VALENCE_ELECTRONS.items()})
_CHI = np.nan_to_num(_by_number(dict(electronegativities())))
_TM, _F, _SHORT_LIVED = _flags(TRANSITION_METALS), _flags(F_SHELL), _flags(SHORT_LIVED)
_RADIOACTIVE = np.array(["", *(f"radioactive: {s}" for s in SYMBOLS)], dtype=object)
