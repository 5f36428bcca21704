"""The vocabulary of a declaration: `Table`, `Column`, `ForeignKey` and the types a column may have.

Frozen values only. Rules are in `rules`, units in `units`, the tables themselves in `tables`.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Any

from schemas.rules import ColumnRule, RowRule


class Type(Enum):
    """The storage types a column may have; every emitter maps exactly these."""

    STRING = "string"
    INT = "int64"
    FLOAT = "float64"
    BOOL = "bool"
    TIMESTAMP = "timestamp"  # microseconds, UTC
    DATE = "date"
    STRINGS = "list<string>"
    FLOATS = "list<float64>"
    JSON = "json"  # text that holds one JSON value


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes:
        name: snake_case; a physical quantity carries its unit as suffix (`temperature_K`).
        type: storage type.
        doc: one sentence for the data dictionary.
        unit: key of `schemas.units.UNITS`; None for text, flags and identifiers.
        nullable: whether null (missing) is allowed.
        rules: value rules, applied to non-null values only.
        volatile: changes at every run (times of fetching); not compared when deciding whether a row changed.
    """

    name: str
    type: Type
    doc: str
    unit: str | None = None
    nullable: bool = False
    rules: tuple[ColumnRule, ...] = ()
    volatile: bool = False


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """Every non-null value of `columns` occurs in `references` of `table`."""

    columns: tuple[str, ...]
    table: str
    references: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table: SQL name, Dagster asset key and storage folder are all `name`.

    Attributes:
        name: two parts, ``layer.plural_noun``.
        doc: what the table is for.
        grain: what one row is.
        key: columns that identify a row; never null, unique together.
        columns: in storage order.
        foreign_keys: references to other tables, audited before publication.
        row_rules: conditions over several columns of a row.
        usage_warnings: what a user must know before quoting a number from it.
        licence_column: column with the licence that governs the row, if rows differ.
        tolerance: largest share of rejected rows with which a write still goes through.
        version: raised by hand when the meaning changes though the declaration does not.
    """

    name: str
    doc: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    row_rules: tuple[RowRule, ...] = ()
    usage_warnings: tuple[str, ...] = ()
    licence_column: str | None = None
    tolerance: float = 0.05
    version: int = 1

    def __post_init__(self) -> None:
        names = self.column_names
        if self.name.count(".") != 1:
            raise ValueError(f"table name {self.name!r}: two parts joined by one dot are needed")
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name}: a column is declared twice")
        for group, used in (
            ("key", self.key),
            ("licence_column", (self.licence_column,) if self.licence_column else ()),
        ):
            missing = [c for c in used if c not in names]
            if missing:
                raise ValueError(f"{self.name}: {group} names undeclared columns {missing}")
        for column in self.columns:
            if column.name in self.key and column.nullable:
                raise ValueError(f"{self.name}.{column.name}: a key column cannot be nullable")

    @property
    def layer(self) -> str:
        """First part of the name: the SQL schema."""
        return self.name.split(".")[0]

    @property
    def short_name(self) -> str:
        """Second part of the name."""
        return self.name.split(".")[1]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in storage order."""
        return tuple(c.name for c in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            KeyError: no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}; it has {', '.join(self.column_names)}")

    def fingerprint(self) -> str:
        """Hash of all that decides which rows are valid; prose is left out."""
        return hashlib.sha256(json.dumps(_plain(self), sort_keys=True).encode()).hexdigest()[:16]


_PROSE = {"doc", "grain", "usage_warnings"}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        body = {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.name not in _PROSE}
        return {"is": type(value).__name__, **body}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value


@dataclass(frozen=True)
class Registry:
    """All declared tables by name."""

    tables: dict[str, Table] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Table:
        try:
            return self.tables[name]
        except KeyError as error:
            known = ", ".join(sorted(self.tables))
            raise KeyError(f"no table {name!r} is declared; declared are {known}") from error

    def __iter__(self) -> Iterator[Table]:
        return iter(self.tables.values())

    def __contains__(self, name: object) -> bool:
        return name in self.tables
