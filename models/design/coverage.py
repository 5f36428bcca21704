"""Whose turn it is: levels that were never tried come first every second time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from models.lvgp.encoding import Encoding
from schemas.arrays import Bools, Ints


@dataclass(frozen=True)
class Coverage:
    """Whose turn it is: of the rows that promise most, one with a level never tried goes first every second time.

    What a level does is unknown until it is tried once, and a surrogate that is sure of the others never asks. Only
    variables of which half the levels are known take part: where hundreds are open, no loop sees them all.

    Attributes:
        levels: codes of the levels of n open rows, n x m.
        seen: of each variable that takes part, its column and the codes that were tried.
        number: how many rows were tried.
    """

    levels: Ints
    seen: tuple[tuple[int, frozenset[int]], ...]
    number: int

    @classmethod
    def of(cls, frame: pl.DataFrame, encoding: Encoding, tried: Bools, rows: pl.DataFrame) -> "Coverage":
        """Of open rows, given a frame and which of its rows were tried."""
        codes, _ = encoding.encode(frame[np.flatnonzero(tried)])
        known = [frozenset(codes[:, j].tolist()) for j in range(len(encoding.sizes))]
        most = tuple((j, k) for j, (k, n) in enumerate(zip(known, encoding.sizes, strict=True)) if n <= 2 * len(k))
        return cls(encoding.encode(rows)[0], most, int(tried.sum()))

    def allowed(self, chosen: Sequence[int]) -> Bools:
        """Which rows may come after those that were chosen for the batch, n; all where no level is left to try."""
        every = np.ones(len(self.levels), dtype=bool)
        if (self.number + len(chosen)) % 2:
            return every
        fresh = ~every
        for column, tried in self.seen:
            told = [*tried, *self.levels[list(chosen), column].tolist()]
            fresh |= ~np.isin(self.levels[:, column], told)
        fresh[list(chosen)] = False
        return fresh if fresh.any() else every
