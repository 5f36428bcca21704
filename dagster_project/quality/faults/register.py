"""What a seeded fault is, and the list of all: each is a pure function frame -> frame under a name.

The checks know nothing of this list. A fault that none finds is a gap in the checks, and is mended there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

Change = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A change of a table that checks should find, or, where it is `clean`, let pass.

    Attributes:
        name: what happens, in a few words, and the table; unique.
        table: real table that it is done to, see `tables`.
        stands_for: how it happens in practice.
        change: makes the changed rows.
        clean: it is no defect: nothing may be raised.
    """

    name: str
    table: str
    stands_for: str
    change: Change
    clean: bool = False


FAULTS: list[Fault] = []


def fault(table: str) -> Callable[[Change], Change]:
    """Registers a function as a defect of a table, under its own name; its docstring says what it stands for."""
    return _registers(table, clean=False)


def clean(*tables: str) -> Callable[[Change], Change]:
    """Registers a function as a harmless change of each of the tables, under its own name."""

    def register(change: Change) -> Change:
        for table in tables:
            _registers(table, clean=True)(change)
        return change

    return register


def _registers(table: str, *, clean: bool) -> Callable[[Change], Change]:
    def register(change: Change) -> Change:
        name = f"{change.__name__.replace('_', ' ')} ({table})"
        stands_for = (change.__doc__ or "").strip()
        FAULTS.append(Fault(name=name, table=table, stands_for=stands_for, change=change, clean=clean))
        return change

    return register


def every(n: int, *, start: int = 0) -> pl.Expr:
    """Marks every n-th row."""
    return pl.int_range(pl.len()) % n == start


def where(mark: pl.Expr, column: str, changed: pl.Expr) -> pl.Expr:
    """The column with other values in the marked rows."""
    return pl.when(mark).then(changed).otherwise(pl.col(column)).alias(column)
