"""What a live structure service gave: rows of raw.structures and refusals, page by page.

Each service has its module beside this one: `optimade`, `cod`, `mp`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from etl.structures.cif import raw_frame


@dataclass(frozen=True)
class Found:
    """Structures of one answer.

    Attributes:
        structures: rows of raw.structures.
        refused: (which record, why) for records that could not be used.
        token: where the next page starts; None on the last.
        total: how many records the whole list has, where the service says so.
    """

    structures: pl.DataFrame
    refused: tuple[tuple[str, str], ...] = ()
    token: str | None = None
    total: int | None = None

    @property
    def received(self) -> int:
        """Records of the answer, usable or not."""
        return self.structures.height + len(self.refused)


def together(parts: Sequence[Found]) -> Found:
    """All parts as one, without repeated structures."""
    frame = pl.concat([raw_frame([]), *(part.structures for part in parts)])
    once = frame.unique("structure_id", keep="first", maintain_order=True)
    return Found(once, tuple(refusal for part in parts for refusal in part.refused))
