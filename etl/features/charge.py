"""Charge balance and d-electron counts from a composition alone, for whole tables at once.

Every element but the transition metals of variable valence gets its one usual state; those metals share what is left
to neutrality. That gives mean oxidation states of mixed-valence compounds without search. Zintl pairs (P2, S2) are
not recognised.
"""

import numpy as np

from etl.features.elements import (
    ANION_CHARGE,
    CHALCOGENS,
    MAIN_STATE,
    NUMBER,
    RARE_EARTHS,
    STRONG_ANIONS,
    SYMBOLS,
    TM_STATES,
    TRANSITION_METALS,
    VALENCE_ELECTRONS,
    WEAK_ANIONS,
)
from schemas.arrays import Bools, Floats, Ints

EXTENDED: tuple[str, ...] = (
    "charge_balanced", "charge_residual_per_atom", "tm_oxidation_mean", "tm_oxidation_fraction", "d_count_mean",
    "d_count_max", "d_count_min", "d_count_odd", "n_tm", "tm_fraction", "ln_fraction", "anion_fraction",
    "oxygen_fraction", "chalcogen_fraction", "pnictogen_fraction", "halogen_fraction", "n_anions", "anion_charge_mean",
)  # fmt: skip


def _flags(symbols: frozenset[str]) -> Bools:
    return np.array([False, *(s in symbols for s in SYMBOLS)])


def _table(values: dict[str, int]) -> Floats:
    return np.array([np.nan, *(float(values.get(s, np.nan)) for s in SYMBOLS)])


_TM, _LN = _flags(TRANSITION_METALS), _flags(RARE_EARTHS)
_STRONG, _CHALCOGEN, _WEAK = _flags(STRONG_ANIONS), _flags(CHALCOGENS), _flags(WEAK_ANIONS)
_PNICTOGEN, _HALOGEN = _flags(frozenset(("N", "P", "As", "Sb", "Bi"))), _flags(frozenset(("F", "Cl", "Br", "I")))
_NEGATIVE, _POSITIVE = _table(ANION_CHARGE), _table(MAIN_STATE)
_VALENCE = _table(VALENCE_ELECTRONS)
_LOW = _table({s: min(v) for s, v in TM_STATES.items()})
_HIGH = _table({s: max(v) for s, v in TM_STATES.items()})
_O = NUMBER["O"]


def is_anion(numbers: Ints, amounts: Floats) -> Bools:
    """Which of the n x k elements are anions.

    O, N and halogens always; S, Se, Te unless there are two (S: three) O for each; P, C, Si and the like only where
    none of the others is. A lone element is none.
    """
    oxygen = np.where(numbers == _O, amounts, 0.0).sum(axis=1, keepdims=True)
    strong = _STRONG[numbers]
    needed = np.where(numbers == NUMBER["S"], 3.0, 2.0)
    chalcogen = _CHALCOGEN[numbers] & (oxygen < needed * amounts)
    stronger = (strong | chalcogen).any(axis=1, keepdims=True)
    weak = _WEAK[numbers] & ~stronger
    anions = strong | chalcogen | weak
    rank = np.where(anions, 1, 0).sum(axis=1, keepdims=True)
    result: Bools = anions & (rank < numbers.shape[1])
    return result


def oxidation_states(numbers: Ints, amounts: Floats) -> tuple[Floats, Floats]:
    """Mean oxidation state of each element, n x k, and the charge left over, n.

    Where every state is fixed or a metal would leave its usual range, the charge left over is not zero. States are
    NaN for elements that have none.
    """
    anions = is_anion(numbers, amounts)
    metal = _TM[numbers] & ~anions
    low, high = _LOW[numbers], _HIGH[numbers]
    flexible = metal & (high > low)
    states = np.where(anions, _NEGATIVE[numbers], np.where(metal, low, _POSITIVE[numbers]))
    rest = np.where(flexible, 0.0, states * amounts).sum(axis=1)
    # Metals share one state, except where it would leave the usual range of one: that one stops, the others go on.
    free = flexible.copy()
    for _ in range(numbers.shape[1]):
        count = np.where(free, amounts, 0.0).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(count > 0, -rest / count, np.nan)[:, None]
        beyond = free & ((share < low) | (share > high))
        only = free.sum(axis=1, keepdims=True) == beyond.sum(axis=1, keepdims=True)
        states = np.where(free, np.clip(share, low, high), states)
        if not (beyond & ~only).any():
            break
        stopped = beyond & ~only
        rest = rest + np.where(stopped, states * amounts, 0.0).sum(axis=1)
        free &= ~stopped
    return states, (states * amounts).sum(axis=1)


def charge_features(numbers: Ints, amounts: Floats) -> Floats:
    """The `EXTENDED` features of n compositions of k elements each.

    Args:
        numbers: n x k atomic numbers.
        amounts: n x k amounts, positive.

    Returns:
        n x 18; NaN where a feature does not apply (no transition metal, no anion, an element without usual state).
    """
    states, left = oxidation_states(numbers, amounts)
    share = amounts / amounts.sum(axis=1, keepdims=True)
    anions, metal = is_anion(numbers, amounts), _TM[numbers]
    d_count = np.where(metal, np.clip(_VALENCE[numbers] - states, 0.0, 10.0), np.nan)
    oxidation = _mean(states, share, metal)
    d_mean = _mean(d_count, share, metal)
    some = metal.any(axis=1)
    balanced = np.where(np.isnan(left), np.nan, (np.abs(left) < 1e-6) & anions.any(axis=1))
    made = [
        balanced,
        left / amounts.sum(axis=1),
        oxidation,
        np.abs(oxidation - np.round(oxidation)),
        d_mean,
        np.where(some, np.where(metal, d_count, -np.inf).max(axis=1), np.nan),
        np.where(some, np.where(metal, d_count, np.inf).min(axis=1), np.nan),
        1.0 - np.abs(np.mod(d_mean, 2.0) - 1.0),
        metal.sum(axis=1),
        *(np.where(part, share, 0.0).sum(axis=1) for part in (metal, _LN[numbers], anions, numbers == _O)),
        *(np.where(part[numbers] & anions, share, 0.0).sum(axis=1) for part in (_CHALCOGEN, _PNICTOGEN, _HALOGEN)),
        anions.sum(axis=1),
        _mean(states, share, anions),
    ]
    return np.column_stack([np.asarray(column, dtype=np.float64) for column in made])


def _mean(values: Floats, share: Floats, chosen: Bools) -> Floats:
    weights = np.where(chosen, share, 0.0)
    total = weights.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean: Floats = np.where(total > 0, np.where(chosen, values * weights, 0.0).sum(axis=1) / total, np.nan)
    return mean
