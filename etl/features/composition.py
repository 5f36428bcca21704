"""Features of a composition: the Magpie statistics as one table product, and features of our own from its ions.

The elemental table is matminer's (Ward et al., npj Comput. Mater. 2, 16028 (2016)), missing entries imputed as its
default preset does; statistics equal matminer's to rounding. Structure-dependent features are in `structure`.
"""

import functools
from array import array
from dataclasses import dataclass

import numpy as np
import polars as pl

from etl.features.charge import EXTENDED, charge_features
from etl.features.elements import NUMBER, SYMBOLS
from etl.features.formulas import FormulaError, parse_numeric
from etl.features.leading import LEADING, leading_features
from etl.features.rows import beside
from etl.features.states import Ions
from schemas.arrays import Floats, Ints
from schemas.errors import InputError

PROPERTIES = (
    "Number", "MendeleevNumber", "AtomicWeight", "MeltingT", "Column", "Row", "CovalentRadius", "Electronegativity",
    "NsValence", "NpValence", "NdValence", "NfValence", "NValence", "NsUnfilled", "NpUnfilled", "NdUnfilled",
    "NfUnfilled", "NUnfilled", "GSvolume_pa", "GSbandgap", "GSmagmom", "SpaceGroupNumber",
)  # fmt: skip
STATISTICS = ("minimum", "maximum", "range", "mean", "avg_dev", "mode")
MAGPIE = tuple(f"MagpieData {statistic} {name}" for name in PROPERTIES for statistic in STATISTICS)
"""The 132 columns, named and ordered as ``ElementProperty.from_preset("magpie")`` does."""

SETS: dict[str, tuple[str, ...]] = {"magpie": MAGPIE, "extended": MAGPIE + EXTENDED + LEADING}
BATCH = 20_000


@dataclass(frozen=True)
class Parsed:
    """Compositions of n formulas as flat arrays.

    Attributes:
        starts: n + 1 offsets; row i owns entries starts[i] to starts[i + 1]; empty where it did not parse.
        numbers: atomic numbers.
        amounts: amounts as written.
        reasons: why a row did not parse, else None.
    """

    starts: Ints
    numbers: Ints
    amounts: Floats
    reasons: list[str | None]


@functools.cache
def elemental_table() -> Floats:
    """Magpie properties, 119 x 22; row Z, row 0 unused."""
    import logging
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # matminer announces its imputation
        from matminer.utils.data import MagpieData

        source = MagpieData(impute_nan=True)
    logging.getLogger(__name__).debug("loaded the Magpie table")
    table = np.full((len(SYMBOLS) + 1, len(PROPERTIES)), np.nan)
    for column, name in enumerate(PROPERTIES):
        values = source.all_elemental_props[name]
        table[1:, column] = [float(values[s]) for s in SYMBOLS]
    return table


def parse(formulas: list[str | None]) -> Parsed:
    """Parses formulas into flat arrays; a formula that fails leaves an empty row and a reason."""
    numbers, amounts, starts = array("q"), array("d"), array("q", [0])
    reasons: list[str | None] = []
    for text in formulas:
        try:
            for symbol, amount in parse_numeric(text or "").items():
                numbers.append(NUMBER[symbol])
                amounts.append(amount)
            reasons.append(None)
        except FormulaError as error:
            reasons.append(str(error))
        starts.append(len(numbers))
    return Parsed(
        np.array(starts, dtype=np.int64),
        np.array(numbers, dtype=np.int64),
        np.array(amounts, dtype=np.float64),
        reasons,
    )


def composition(frame: pl.DataFrame, *, column: str = "formula", set: str = "magpie") -> pl.DataFrame:  # noqa: A002
    """Adds the features of one composition a row.

    Args:
        frame: any frame with a formula column.
        column: its name; read as text ("NaN" is sodium nitride).
        set: "magpie" (132 columns) or "extended" (Magpie, `charge.EXTENDED` and `leading.LEADING`).

    Returns:
        The input columns (see `rows.beside`), `ok`, `reason`, then float64 features; features are null where `ok` is
        false and, for extended ones, where they do not apply (no transition metal).

    Raises:
        InputError: unknown set or missing column.
    """
    names = _names(set, column, frame)
    parsed = parse(frame[column].cast(pl.String).to_list())
    values = np.full((len(names), frame.height), np.nan)
    for first in range(0, frame.height, BATCH):
        _fill(values, parsed, first, min(first + BATCH, frame.height))
    return _assembled(frame, names, values, parsed.reasons)


def _names(which: str, column: str, frame: pl.DataFrame) -> tuple[str, ...]:
    if which not in SETS:
        raise InputError.of(f"unknown set {which!r}", "--set", f"choose one of {', '.join(SETS)}")
    if column not in frame.columns:
        raise InputError.of(f"missing column {column}", "the table", f"it has {', '.join(frame.columns) or 'none'}")
    return SETS[which]


def _assembled(frame: pl.DataFrame, names: tuple[str, ...], values: Floats, reasons: list[str | None]) -> pl.DataFrame:
    made = pl.DataFrame(
        [
            pl.Series("ok", [r is None for r in reasons], dtype=pl.Boolean),
            pl.Series("reason", reasons, dtype=pl.String),
            *(pl.Series(name, row, nan_to_null=True) for name, row in zip(names, values, strict=True)),
        ]
    )
    return beside(frame, made)


def _fill(values: Floats, parsed: Parsed, first: int, last: int) -> None:
    """Writes features of rows first to last into values (features x rows), one number of elements at a time."""
    counts = np.diff(parsed.starts[first : last + 1])
    for count in np.unique(counts[counts > 0]):
        rows = first + np.flatnonzero(counts == count)
        entries = parsed.starts[rows][:, None] + np.arange(count)
        numbers, amounts = parsed.numbers[entries], parsed.amounts[entries]
        values[: len(MAGPIE), rows] = magpie(numbers, amounts).T
        if len(values) > len(MAGPIE):
            ions = Ions.of(numbers, amounts)
            ours = (charge_features(ions), leading_features(ions))
            # sums of amounts leave 1e-16 where 0 is meant, and a tree would cut between the two
            values[len(MAGPIE) :, rows] = np.round(np.hstack(ours), 9).T


def magpie(numbers: Ints, amounts: Floats) -> Floats:
    """Magpie statistics of n compositions of k elements each.

    Args:
        numbers: n x k atomic numbers.
        amounts: n x k amounts, positive.

    Returns:
        n x 132, in the order of `MAGPIE`. The mode is the least value among the most abundant elements.
    """
    data = elemental_table()[numbers]  # n x k x 22
    weights = (amounts / amounts.sum(axis=1, keepdims=True))[:, :, None]
    low, high = data.min(axis=1), data.max(axis=1)
    mean = (data * weights).sum(axis=1)
    spread = (np.abs(data - mean[:, None, :]) * weights).sum(axis=1)
    most = np.isclose(amounts, amounts.max(axis=1, keepdims=True))[:, :, None]
    mode = np.where(most, data, np.inf).min(axis=1)
    stacked = np.stack([low, high, high - low, mean, spread, mode], axis=2)
    return np.asarray(stacked.reshape(len(numbers), -1), dtype=np.float64)
