"""A declaration for a file that is none of the declared tables, read out of its columns.

Nothing is promised of such a file, so it has no rules: types, units and a key are what the looks of `content` need.
"""

import re

import polars as pl

from schemas.core import Column, Table, Type
from schemas.quantities import quantity

_UNITS = {
    "_K": "K",
    "_eV": "eV",
    "_eV_atom": "eV_atom",
    "_GPa": "GPa",
    "_h": "h",
    "_ohm_cm": "ohm_cm",
    "_g_cm3": "g_cm3",
}
_LICENCES = ("licence", "license")


def declaration(frame: pl.DataFrame, name: str) -> Table:
    """A table without rules that fits the frame.

    Args:
        frame: the rows.
        name: name of the file.
    """
    short = re.sub(r"\W+", "_", name.lower()).strip("_") or "table"
    return Table(
        name=f"file.{short}",
        doc="A file that is none of the declared tables.",
        grain="one row of the file",
        key=_key(frame),
        columns=tuple(_column(c, t, key=_key(frame)) for c, t in frame.schema.items()),
        licence_column=next((c for c in _LICENCES if c in frame.columns), None),
    )


def _column(name: str, dtype: pl.DataType, *, key: tuple[str, ...]) -> Column:
    unit = next((u for end, u in sorted(_UNITS.items(), key=lambda kv: -len(kv[0])) if name.endswith(end)), None)
    known = quantity(name)
    unit = known.unit if unit is None and known is not None else unit
    kind = _type(dtype)
    return Column(
        name=name,
        type=kind,
        doc="Read from a file.",
        unit=unit if kind in (Type.FLOAT, Type.INT) else None,
        nullable=name not in key,
    )


def _type(dtype: pl.DataType) -> Type:
    if dtype.is_integer():
        return Type.INT
    if dtype.is_numeric():
        return Type.FLOAT
    if isinstance(dtype, pl.Datetime):
        return Type.TIMESTAMP
    if isinstance(dtype, pl.List | pl.Array) and dtype.inner is not None and dtype.inner.is_nested():
        return Type.JSON
    if isinstance(dtype, pl.List | pl.Array) and dtype.inner is not None and dtype.inner.is_numeric():
        return Type.FLOATS
    if isinstance(dtype, pl.List | pl.Array):
        return Type.STRINGS
    return {pl.Boolean(): Type.BOOL, pl.Date(): Type.DATE}.get(dtype, Type.STRING)


def _key(frame: pl.DataFrame) -> tuple[str, ...]:
    """The first column of names that tells every row; none where no column does."""
    for column, dtype in frame.schema.items():
        named = column.lower().endswith("id") or column.lower() in ("id", "row", "name", "formula", "key", "comp_key")
        if named and (dtype == pl.String or dtype.is_integer()) and _tells_all(frame[column]):
            return (column,)
    return ()


def _tells_all(series: pl.Series) -> bool:
    return series.null_count() == 0 and series.n_unique() == len(series)
