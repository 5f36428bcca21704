"""Kinds of compounds that a screen for transitions must find or account for, told from the formula alone.

A formula is no structure: A2BO4 also holds spinels and olivines, so sites are restricted to ions that rule these out.
To ask for another kind, add one `Motif` to `MOTIFS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from etl.features.elements import CHALCOGENS, RARE_EARTHS, TRANSITION_METALS
from etl.features.formulas import FormulaError, parse_numeric


@dataclass(frozen=True, kw_only=True)
class Motif:
    """A kind of compound: each element belongs to one site, and the amounts of the sites are as told.

    Attributes:
        name: as in the tables.
        sites: amount and elements of each site; no element in two.
    """

    name: str
    sites: tuple[tuple[int, frozenset[str]], ...]

    def holds(self, amounts: Mapping[str, float]) -> bool:
        """Whether a composition is of this kind."""
        if not all(any(s in allowed for _, allowed in self.sites) for s in amounts):
            return False
        totals = [sum(n for s, n in amounts.items() if s in allowed) for _, allowed in self.sites]
        unit = totals[0] / self.sites[0][0]
        return unit > 0 and all(
            abs(t - n * unit) < 1e-6 * n * unit for t, (n, _) in zip(totals, self.sites, strict=True)
        )


LACUNAR = Motif(
    name="lacunar spinel AM4X8",
    sites=(
        (1, frozenset(("Al", "Ga", "In", "Ge"))),
        (4, frozenset(("Ti", "V", "Cr", "Nb", "Mo", "Ta", "W", "Re"))),
        (8, frozenset(("S", "Se", "Te"))),
    ),
)
LAYERED = Motif(
    name="layered A2BO4",
    sites=(
        (2, RARE_EARTHS - {"Sc"} | {"Ca", "Sr", "Ba", "Pb", "Bi", "Tl", "K", "Rb", "Cs"}),
        (1, TRANSITION_METALS),
        (4, frozenset("O")),
    ),
)
MOTIFS = (LACUNAR, LAYERED)
NAMES = tuple(m.name for m in MOTIFS)


def motifs(formulas: pl.Series) -> pl.Series:
    """The motif of each formula, null where it has none or cannot be read."""
    text = formulas.cast(pl.String)
    # a formula of neither cannot be of a motif: most of a pool need not be parsed
    maybe = text.str.contains(r"O4|O8") | text.str.contains("|".join(sorted(CHALCOGENS - {"O"})))
    found = [
        _motif(t) if ask else None for t, ask in zip(text.to_list(), maybe.fill_null(False).to_list(), strict=True)
    ]
    return pl.Series("motif", found, dtype=pl.String)


def _motif(formula: str) -> str | None:
    try:
        amounts = parse_numeric(formula)
    except FormulaError:
        return None
    return next((m.name for m in MOTIFS if m.holds(amounts)), None)
