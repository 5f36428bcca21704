"""What heating conditions are read from: composition, stoichiometry and charges of the target, kinds of its reagents.

Columns that describe precursors come last, NaN where none are known. Melting points of precursors and the gases of the
balanced reaction were tried and gained nothing: trees and networks know the frequent precursors by name.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from models.recipes import atmosphere, features, route_features
from models.recipes.charges import CHALCOGENS, HALIDES, anion_charge, anions
from models.recipes.compositions import parse
from models.recipes.features import Encoder, Singles

CHARGES = ("owed above air", "owed above the least in air", "owed", "oxide", "chalcogenide", "nitride", "halide")


def width(encoder: Encoder) -> int:
    """How many of the last columns describe precursors."""
    return len(route_features.PRECURSORS) + encoder.precursor_width


def matrix(encoder: Encoder, frame: pl.DataFrame) -> Singles:
    """All features of n normalised rows with readable targets, n x d."""
    targets, sets, names = (frame[c].to_list() for c in ("target", "precursor_set", "precursors"))
    return np.hstack(
        [
            route_features.target(targets),
            charges(targets),
            route_features.precursors(frame),
            features.precursor_matrix(encoder, sets, names),
        ]
    )


def charges(targets: Sequence[str]) -> Singles:
    """`CHARGES` of n targets, n x 7: charge a metal owes, against what air leaves it; NaN where it is no oxide."""
    distinct = {t: _charges(t) for t in dict.fromkeys(targets)}
    return np.array([distinct[t] for t in targets], np.float32).reshape(len(targets), len(CHARGES))


def _charges(target: str) -> list[float]:
    amounts = parse(target) or {}
    negative = anions(amounts)
    kinds = [float(bool(negative & set(group))) for group in (("O",), CHALCOGENS, ("N",), HALIDES)]
    metals = {e: n for e, n in amounts.items() if e not in negative}
    if "O" not in negative or not metals:
        return [np.nan] * 3 + kinds
    owed, total = anion_charge(amounts, negative), sum(metals.values())
    low, high = atmosphere.span(metals)
    return [float((owed - high) / total), float((owed - low) / total), float(owed / total), *kinds]
