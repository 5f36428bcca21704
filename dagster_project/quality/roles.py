"""What the columns of a table are for, told from its declaration: which look may be taken at which column."""

import re
from dataclasses import dataclass

import polars as pl

from schemas.core import Column, Table, Type
from schemas.quantities import Quantity, quantity

_FORMULA = re.compile(
    r"^(chemical[ _])?formula$|^formula_reduced$|_formula$|^target$|^composition$|^comp_key$|^target_key$"
)
_NAME = re.compile(
    r"_id$|^doi$|_doi$|^source$|^licen[cs]e$|^label|_label$|_name$|^family|^chemsys$|^route$|^prototype|^kind$|^type$|^unit$"
)
_PROVENANCE = (
    "document_id",
    "doi",
    "source",
    "source_id",
    "structure_id",
    "recipe_id",
    "property_id",
    "material_id",
    "mp_id",
    "jid",
    "reference",
    "ref",
    "wiki_title",
)
_DATED = (Type.DATE, Type.TIMESTAMP)
GROUPS_AT_MOST = 60


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Columns by what they are for; a column may have several roles.

    Attributes:
        formulas: chemical formulas.
        systems: chemical systems, elements joined by hyphens.
        names: identifiers, formulas and groups: compared as a whole, so that every letter counts.
        strings: all columns of text, names among them; no JSON.
        texts: strings that are no names.
        numbers: measured numbers and counts that are no key.
        quantities: the physical quantity of a number, where its name tells.
        dates: days and times that the source gave.
        labels: what a model would learn.
        provenance: columns that say where a row is from.
        key: columns that identify a row.
    """

    formulas: tuple[str, ...]
    systems: tuple[str, ...]
    names: tuple[str, ...]
    strings: tuple[str, ...]
    texts: tuple[str, ...]
    numbers: tuple[str, ...]
    quantities: dict[str, Quantity]
    dates: tuple[str, ...]
    labels: tuple[str, ...]
    provenance: tuple[str, ...]
    key: tuple[str, ...]


def roles(table: Table) -> Roles:
    """The roles of the columns of a table."""
    steady = [c for c in table.columns if not c.volatile]
    strings = tuple(c.name for c in steady if c.type is Type.STRING)
    names = tuple(c for c in strings if c in table.key or _NAME.search(c.lower()) or _FORMULA.search(c.lower()))
    numbers = tuple(c.name for c in steady if c.type in (Type.FLOAT, Type.INT) and c.name not in table.key)
    return Roles(
        formulas=tuple(c for c in strings if _FORMULA.search(c.lower())),
        systems=tuple(c for c in strings if c == "chemsys"),
        names=names,
        strings=strings,
        texts=tuple(c for c in strings if c not in names),
        numbers=numbers,
        quantities={c: q for c in numbers if (q := _quantity(table.column(c)))},
        dates=tuple(c.name for c in steady if c.type in _DATED),
        labels=tuple(c for c in strings if c in ("label_name", "label", "route", "class_label")),
        provenance=tuple(c for c in strings if c in _PROVENANCE),
        key=table.key,
    )


def groups(table: Table, frame: pl.DataFrame) -> tuple[str, ...]:
    """Columns of text and flags with few kinds, each of which stands in several rows."""
    found = []
    for column in table.columns:
        if column.type not in (Type.STRING, Type.BOOL) or column.volatile or table.key == (column.name,):
            continue
        kinds = frame[column.name].n_unique()
        if 2 <= kinds <= min(GROUPS_AT_MOST, max(2, frame.height // 5)):
            found.append(column.name)
    return tuple(found)


def families(table: Table) -> tuple[str, ...]:
    """Columns that gather related compounds, whatever the number of their kinds."""
    return tuple(
        c for c in table.column_names if c in ("family_tm_anion", "family_ln", "chemsys", "prototype", "source")
    )


def _quantity(column: Column) -> Quantity | None:
    unit = column.unit if column.unit not in ("1", "count") else None
    return quantity(column.name, unit)
