"""What the pages of candidates show beside tables. The warehouse knows neither models nor crystals: who builds a report
hands over what computes it, and pages say what is missing where nobody did."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

_WHY = {"formula": pl.String, "feature": pl.String, "value": pl.Float64, "contribution": pl.Float64}
_NEAR = {"formula": pl.String, "rank": pl.Int64, "precedent": pl.String, "label": pl.String, "distance": pl.Float64}


@dataclass(frozen=True, kw_only=True)
class Explained:
    """Why the model says so of some compounds.

    Attributes:
        contributions: `formula`, `feature`, `value`, `contribution` to the raw score.
        neighbours: `formula`, `rank`, `precedent`, `label`, `distance`.
        reason: why there are none.
    """

    contributions: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_WHY))
    neighbours: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_NEAR))
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Insight:
    """The functions that a report needs.

    Attributes:
        atoms: the cell and sites of a CIF under OPTIMADE's names; None where it cannot be read.
        families: adds the grouping columns, such as `family_tm_anion`, to a frame with `formula`.
        explain: takes `formula`, `features`, `model_id` and the structure features of some compounds.
    """

    atoms: Callable[[str], Mapping[str, Any] | None]
    families: Callable[[pl.DataFrame], pl.DataFrame]
    explain: Callable[[pl.DataFrame], Explained]


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(family_tm_anion=pl.lit(None, dtype=pl.String))


def _unexplained(_: pl.DataFrame) -> Explained:
    return Explained(reason="this report was made without the model")


NONE = Insight(atoms=lambda _: None, families=_plain, explain=_unexplained)
"""Nothing beside the tables."""
