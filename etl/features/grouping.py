"""Families a compound belongs to: the keys by which cross-validation and reports group rows."""

import math
from collections.abc import Mapping
from string import ascii_uppercase

import polars as pl

from etl.features.elements import CHALCOGENS, RARE_EARTHS, TRANSITION_METALS
from etl.features.formulas import TOLERANCE, FormulaError, parse_numeric, reduced_formula

COLUMNS = ("chemsys", "formula_reduced", "formula_anonymous", "family_ln", "family_tm_anion")
_ANION_TIERS = (
    frozenset(("O", "F", "N", "Cl", "Br", "I")) | CHALCOGENS,
    frozenset(("P", "As")),
    frozenset(("Sb", "Bi")),
    frozenset(("Si", "Ge", "C", "B", "H")),
)


def chemsys(amounts: Mapping[str, float]) -> str:
    """Elements in alphabetical order joined by hyphens."""
    return "-".join(sorted(amounts))


def family_ln(amounts: Mapping[str, float]) -> str:
    """The chemical system with lanthanides, Y and Sc merged as "Ln"."""
    return "-".join(sorted({"Ln" if s in RARE_EARTHS else s for s in amounts}))


def family_tm_anion(amounts: Mapping[str, float]) -> str:
    """Transition metals (groups 4 to 12) and anions, such as ``Cu+Fe|O``; "noTM" and "none" where there are none."""
    metals = sorted(s for s in amounts if s in TRANSITION_METALS)
    anions = next((found for tier in _ANION_TIERS if (found := sorted(tier & amounts.keys()))), [])
    return f"{'+'.join(metals) or 'noTM'}|{'+'.join(anions) or 'none'}"


def formula_anonymous(amounts: Mapping[str, float]) -> str:
    """Amounts in rising order under letters: ``ABC3`` for SrVO3."""
    values = sorted(amounts.values())
    if all(abs(n - round(n)) < TOLERANCE for n in values):
        factor = math.gcd(*(round(n) for n in values))
        values = [round(n) / factor for n in values]
    return "".join(_letter(i) + _amount(n) for i, n in enumerate(values))


def _letter(index: int) -> str:
    return ascii_uppercase[index] if index < 26 else f"A{ascii_uppercase[index % 26].lower()}"


def _amount(value: float) -> str:
    near = round(value)
    if abs(value - near) < TOLERANCE:
        return "" if near == 1 else str(near)
    return str(round(value, 8))


def groupings(frame: pl.DataFrame, *, column: str = "formula") -> pl.DataFrame:
    """Adds the grouping columns of `COLUMNS`; all null where the formula cannot be read.

    Args:
        frame: any frame with a formula column.
        column: its name.

    Returns:
        The frame, rows in order, with grouping columns added or replaced.
    """
    made: list[tuple[str | None, ...]] = []
    for text in frame[column].cast(pl.String).to_list():
        try:
            amounts = parse_numeric(text or "")
        except FormulaError:
            made.append((None,) * len(COLUMNS))
            continue
        made.append(
            (
                chemsys(amounts),
                reduced_formula(amounts),
                formula_anonymous(amounts),
                family_ln(amounts),
                family_tm_anion(amounts),
            )
        )
    return frame.with_columns(
        pl.Series(name, [row[i] for row in made], dtype=pl.String) for i, name in enumerate(COLUMNS)
    )
