"""Can such a compound be, and could a transition of its electrons be what is seen? Judged from the formula alone.

What is refused here says nothing of structure or stability. What is only odd is flagged, for a person to weigh.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from etl.features.composition import parse
from etl.features.elements import NUMBER, RARE_EARTHS, SYMBOLS, TRANSITION_METALS, VALENCE_ELECTRONS
from etl.features.states import Ions, flags, is_anion, ranges, table
from schemas.arrays import Floats, Ints

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
    low, high = ranges(numbers, anions)
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
    ions = Ions.of(numbers, amounts)
    d = np.clip(_VALENCE[numbers] - ions.states, 0.0, 10.0)
    with np.errstate(invalid="ignore"):
        open_d = (_TM[numbers] & ~ions.anions & (d > SOME) & (d < 10 - SOME)).any(axis=1)
    open_f = _F[numbers].any(axis=1)
    told = {
        "f electrons only": open_f & ~open_d,
        CLOSED: ~open_f & ~open_d,
        "hydrogen": (numbers == NUMBER["H"]).any(axis=1),
    }
    return [[name for name, hit in zip(told, row, strict=True) if hit] for row in np.column_stack(list(told.values()))]


_VALENCE = table(VALENCE_ELECTRONS)
_TM, _F, _SHORT_LIVED = flags(TRANSITION_METALS), flags(F_SHELL), flags(SHORT_LIVED)
_RADIOACTIVE = np.array(["", *(f"radioactive: {s}" for s in SYMBOLS)], dtype=object)
