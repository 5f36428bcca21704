"""What checks look at: the rows of a table, those of the version before, and rows of both that are the same thing.

Of a table of more than `SAMPLE` rows the looks of `content` and `former` see a sample, which holds the same keys of
both versions; the promises of the declaration are counted over all rows.
"""

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from dagster_project.quality.model import Others
from dagster_project.quality.roles import Roles, groups, roles
from models.bias.findings import ROW
from schemas.core import Table

SAMPLE = 60_000


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A version of a table under the eyes of its checks.

    Attributes:
        table: the declaration.
        frame: rows in the declared types: all columns, or those that bias checks need of a table read as a stream.
        rows: all rows in all columns, read when needed.
        former: the same of the version before; None where there is none to compare with.
        others: the other tables, for foreign keys.
        of_record: whether a change of the former version's values is a matter for a person (tables of data), or how
            the table lives (results that are computed anew).
    """

    table: Table
    frame: pl.DataFrame
    rows: pl.LazyFrame
    former: pl.LazyFrame | None = None
    others: Others | None = None
    of_record: bool = True

    @cached_property
    def roles(self) -> Roles:
        """What the columns are for."""
        return roles(self.table)

    @cached_property
    def height(self) -> int:
        """Rows of the version."""
        return int(self.rows.select(pl.len()).collect().item())

    @cached_property
    def former_height(self) -> int:
        """Rows of the version before."""
        return 0 if self.former is None else int(self.former.select(pl.len()).collect().item())

    @cached_property
    def now(self) -> pl.DataFrame:
        """The rows, or a sample of them, with their number in `ROW`."""
        return self._part(self.rows.with_row_index(ROW))

    @cached_property
    def before(self) -> pl.DataFrame:
        """The rows of the version before, or those of the same sample."""
        return pl.DataFrame() if self.former is None else self._part(self.former)

    @cached_property
    def both(self) -> pl.DataFrame:
        """Rows that both versions have, see `models.bias.revisions.aligned`."""
        from models.bias.revisions import aligned

        if not self.table.key:
            return pl.DataFrame()
        return aligned(self.before, self.now.drop(ROW), self.table.key)

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Columns with few kinds, in the version before where there is one."""
        return groups(self.table, self.before if self.before.height else self.now)

    @property
    def sampled(self) -> bool:
        """Whether looks see a part of the rows only."""
        return max(self.height, self.former_height) > SAMPLE

    def _part(self, rows: pl.LazyFrame) -> pl.DataFrame:
        step = -(-max(self.height, self.former_height) // SAMPLE)
        if step > 1:
            chosen = (
                pl.struct(self.table.key).hash(seed=7) if self.table.key else pl.int_range(pl.len(), dtype=pl.UInt64)
            )
            rows = rows.filter(chosen % step == 0)
        return rows.collect(engine="streaming")
