"""What a look at a column finds: which rows, and what is wrong in words. The looks are in the neighbours."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something wrong in a column.

    Attributes:
        column: where; several are joined by commas.
        text: what, in words.
        count: rows concerned.
        of: rows that were looked at.
        rows: numbers (0-based) of the first rows, where single rows can be named.
        values: what stands there.
        grave: whether results made from it would be wrong, however few rows it is.
    """

    column: str
    text: str
    count: int
    of: int
    rows: tuple[int, ...] = ()
    values: tuple[str, ...] = ()
    grave: bool = False

    @property
    def share(self) -> float:
        """Share of the rows that were looked at."""
        return self.count / self.of if self.of else 0.0


def of_rows(
    frame: pl.DataFrame, marks: pl.Series, column: str, text: str, *, grave: bool = False, of: int | None = None
) -> list[Finding]:
    """The rows that are marked, as one finding; none where no row is.

    Args:
        frame: the rows; where it has a column `ROW`, that numbers them.
        marks: booleans, one a row; null is no mark.
        column: column whose values are shown.
        text: what is wrong with them.
        grave: see `Finding`.
        of: rows that were looked at, all of the frame if not given.
    """
    hit = marks.fill_null(False).arg_true()
    if not len(hit):
        return []
    first = hit.head(SHOWN)
    numbers = frame[ROW].gather(first) if ROW in frame.columns else first
    shown = frame[column].gather(first).to_list() if column in frame.columns else []
    return [
        Finding(
            column=column,
            text=text,
            count=len(hit),
            of=frame.height if of is None else of,
            rows=tuple(int(n) for n in numbers),
            values=tuple(str(v)[:80] for v in shown),
            grave=grave,
        )
    ]


ROW = "__row__"


def told(findings: Iterable[Finding]) -> str:
    """Findings in a line of words."""
    return "; ".join(
        f"{f.column}: {f.text} ({f.count} of {f.of}"
        + (
            f", first {', '.join(f'{v!r} in row {r}' for r, v in list(zip(f.rows, f.values, strict=False))[:2])}"
            if f.rows
            else ""
        )
        + ")"
        for f in findings
    )
