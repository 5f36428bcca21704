"""Charge balance and d-electron counts from a composition alone, for whole tables at once.

Which elements are anions, and the mean states of the others, are told by `states`.
"""

import numpy as np

from etl.features.elements import CHALCOGENS, NUMBER, RARE_EARTHS, TRANSITION_METALS, VALENCE_ELECTRONS
from etl.features.states import Ions, flags, table
from schemas.arrays import Bools, Floats

EXTENDED: tuple[str, ...] = (
    "charge_balanced", "charge_residual_per_atom", "tm_oxidation_mean", "tm_oxidation_fraction", "d_count_mean",
    "d_count_max", "d_count_min", "d_count_odd", "n_tm", "tm_fraction", "ln_fraction", "anion_fraction",
    "oxygen_fraction", "chalcogen_fraction", "pnictogen_fraction", "halogen_fraction", "n_anions", "anion_charge_mean",
)  # fmt: skip


_TM, _LN, _CHALCOGEN = flags(TRANSITION_METALS), flags(RARE_EARTHS), flags(CHALCOGENS)
_PNICTOGEN, _HALOGEN = flags(frozenset(("N", "P", "As", "Sb", "Bi"))), flags(frozenset(("F", "Cl", "Br", "I")))
_VALENCE = table(VALENCE_ELECTRONS)
_O = NUMBER["O"]


def charge_features(ions: Ions) -> Floats:
    """The `EXTENDED` features of n compositions.

    Returns:
        n x 18; NaN where a feature does not apply (no transition metal, no anion, an element without usual state).
    """
    numbers, amounts, states, anions = ions.numbers, ions.amounts, ions.states, ions.anions
    metal = _TM[numbers]
    share = amounts / amounts.sum(axis=1, keepdims=True)
    d_count = np.where(metal, np.clip(_VALENCE[numbers] - states, 0.0, 10.0), np.nan)
    oxidation = _mean(states, share, metal)
    d_mean = _mean(d_count, share, metal)
    some = metal.any(axis=1)
    balanced = np.where(np.isnan(ions.left), np.nan, (np.abs(ions.left) < 1e-6) & anions.any(axis=1))
    made = [
        balanced,
        ions.left / amounts.sum(axis=1),
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
