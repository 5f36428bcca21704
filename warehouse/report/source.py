"""What the pages read: published tables as polars frames, empty where a table is not there.

A report is given away as a release is: rows under a licence that is not open are not in it. Tables that hold text of
documents without a licence of their own are not for its pages.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from schemas.core import Registry
from schemas.emit.duckdb import quoted
from schemas.emit.polars import empty
from schemas.rules import probabilities
from warehouse.licences import allowed
from warehouse.query import publication_id, query
from warehouse.report.insight import NONE, Insight

Edges = Sequence[tuple[str, str]]
T = TypeVar("T")


class Source:
    """The published tables of one home.

    Args:
        home: folder with the catalog.
        registry: declarations, for the shape of tables that are not published.
        lineage: pairs (from, to) of tables of which the second is made from the first; None where nobody knows.
        insight: what is computed of structures and by the model.

    Raises:
        StoreError: nothing is published yet.
    """

    def __init__(
        self, home: Path, registry: Registry, *, lineage: Edges | None = None, insight: Insight = NONE
    ) -> None:
        self.home = home
        self.registry = registry
        self.lineage = lineage
        self.insight = insight
        self._made: dict[Callable[[Source], Any], Any] = {}
        found = query(home, "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables")
        self.published = set(found["name"])
        self.publication_id = publication_id(home) or "none"
        held = sorted(self.published & {t.name for t in registry})
        counted = " UNION ALL ".join(f"SELECT '{n}' AS name, count(*) AS n FROM {quoted(n)}" for n in held)
        self._counts = dict(query(home, counted).iter_rows()) if held else {}

    def read(self, name: str, *, order: str = "", limit: int | None = None) -> pl.DataFrame:
        """Rows of a table that may be given away; a frame without rows where it is not published.

        Args:
            name: two-part name.
            order: SQL after ORDER BY; the key if not given.
            limit: largest number of rows.
        """
        if name not in self.published:
            return empty(self.registry[name])
        table = self.registry[name]
        by = order or ", ".join(quoted(k) for k in table.key)
        if table.licence_column is not None:
            rows = query(self.home, f"SELECT * FROM {quoted(name)} ORDER BY {by}")
            return rows.filter(allowed(table.licence_column)).head(rows.height if limit is None else limit)
        cap = "" if limit is None else f" LIMIT {int(limit)}"
        return query(self.home, f"SELECT * FROM {quoted(name)} ORDER BY {by}{cap}")

    def select(self, name: str, where: str, *, without: Sequence[str] = ()) -> pl.DataFrame:
        """Rows of a table that fulfil a condition, whatever their licence, by key.

        Args:
            name: two-part name.
            where: SQL after WHERE.
            without: columns to leave out, such as long texts.

        Returns:
            All declared columns but those; null where what is published is older than the declaration.
        """
        table = self.registry[name]
        shape = empty(table).drop(without)
        if name not in self.published:
            return shape
        left = f" EXCLUDE ({', '.join(map(quoted, without))})" if without else ""
        by = ", ".join(map(quoted, table.key))
        rows = query(self.home, f"SELECT *{left} FROM {quoted(name)} WHERE {where} ORDER BY {by}")
        return pl.concat([shape, rows], how="diagonal_relaxed")

    def once(self, make: "Callable[[Source], T]") -> T:
        """What a function makes of this source, made when it is first asked for."""
        if make not in self._made:
            self._made[make] = make(self)
        made: T = self._made[make]
        return made

    def count(self, name: str) -> int:
        """Number of rows; 0 where the table is not published."""
        return int(self._counts.get(name, 0))


def probability(source: Source) -> str:
    """The column of the screen that says how likely a compound is of the wanted class: the first of its classes."""
    return probabilities(source.registry["pred.screening"].row_rules)[0]
