"""What a live structure service gave: rows of raw.structures and refusals, page by page.

Each service has its module beside this one: `optimade`, `cod`, `mp`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from etl.features.elements import NUMBER
from schemas.errors import InputError


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


def check_elements(elements: Sequence[str]) -> None:
    """Refuses what is no symbol.

    Raises:
        InputError: one of them is none.
    """
    wrong = [symbol for symbol in elements if symbol not in NUMBER]
    if wrong:
        raise InputError.of(f"{wrong[0]!r} is no element", "the elements", "give symbols as in V, O")
