"""Rows of any table as numbers that tell them apart, for processes and models over it."""

from itertools import pairwise

import numpy as np
import polars as pl

from etl.features import composition
from etl.features.elements import SYMBOLS
from models.bias.frames import need
from schemas.arrays import Floats
from schemas.errors import InputError
from schemas.quantities import LARGEST

FORMULAS = ("formula", "formula_reduced", "comp_key", "composition")
"""Columns that hold a composition, most wanted first."""
_COMPONENTS = 12


def described(frame: pl.DataFrame, features: tuple[str, ...], *, without: tuple[str, ...]) -> Floats:
    """Standardized features of the rows, n x d.

    The named columns; else the first principal components of the Magpie features of a formula column; else every
    column of numbers that is neither constant nor a count of the rows. Compositions that do not parse and missing
    numbers take the mean.

    Args:
        frame: n rows.
        features: names of columns; none to choose.
        without: columns that are not chosen.

    Raises:
        InputError: a column is missing or holds no number, or there is none to use.
    """
    if features:
        need(frame, *features)
        named = np.column_stack([finite_numbers(frame, c) for c in features])
        for c, column in zip(features, named.T, strict=True):
            if frame.height and not np.isfinite(column).any():
                raise InputError.of(f"no number in column {c}", "--features", "name columns of numbers")
        return standard(named)
    formula = next((c for c in FORMULAS if c in frame.columns), None)
    if formula is not None:
        made = composition.composition(frame.select(formula), column=formula)
        return _components(standard(made.select(composition.MAGPIE).to_numpy()))
    names = [c for c in frame.columns if c not in without and frame.schema[c].is_numeric()]
    columns = [column for c in names if _telling(column := finite_numbers(frame, c))]
    if not columns:
        raise InputError.of("no features", "the table", "add a formula or numbers, or name columns with --features")
    return standard(np.column_stack(columns))


def systems(parsed: composition.Parsed) -> tuple[str, ...]:
    """Chemical system of each formula, elements in alphabetical order joined by hyphens; empty where none parsed."""
    parts = (parsed.numbers[first:last] for first, last in pairwise(parsed.starts))
    return tuple("-".join(sorted(SYMBOLS[z - 1] for z in part)) for part in parts)


def shares(parsed: composition.Parsed) -> Floats:
    """Share of each element in n formulas, n x 118; NaN where none parsed."""
    found = np.full((len(parsed.reasons), len(SYMBOLS)), np.nan)
    for row, (first, last) in enumerate(zip(parsed.starts[:-1], parsed.starts[1:], strict=True)):
        if last > first:
            amounts = parsed.amounts[first:last]
            found[row] = 0.0
            found[row, parsed.numbers[first:last] - 1] = amounts / amounts.sum()
    return found


def finite_numbers(frame: pl.DataFrame, column: str) -> Floats:
    """A column as floats, NaN where there is no number, or one beyond `LARGEST`."""
    found = np.array(frame[column].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy(), dtype=np.float64)
    return np.where(np.abs(found) <= LARGEST, found, np.nan)


def _telling(column: Floats) -> bool:
    there = column[np.isfinite(column)]
    counts = len(there) == len(column) and np.array_equal(there, there[0] + np.arange(len(there))) if len(there) else 0
    return bool(len(there) and there.min() < there.max() and not counts)


def standard(features: Floats) -> Floats:
    """Columns of mean 0 and deviation 1; missing numbers take the mean."""
    features = np.where(np.isfinite(features), features, np.nan)
    there = np.isfinite(features)
    counts = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, features, 0.0).sum(axis=0) / counts
    filled = np.where(there, features, mean)
    sd = filled.std(axis=0)
    return np.asarray((filled - mean) / np.where(sd > 0, sd, 1.0))


def _components(features: Floats) -> Floats:
    _, scales, turned = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)
    count = min(_COMPONENTS, int((scales > 1e-9).sum())) or 1
    return np.asarray(standard(features @ turned[:count].T))
