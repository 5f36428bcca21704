"""What kind of reagent a precursor is: oxide, carbonate, nitrate, alkoxide ..., hydrated or not.

Kinds say more about the route than names do: nitrates are dissolved, oxides are milled. Whether a formula can be a
reagent at all is asked in `charges`.
"""

import functools
import re
from dataclasses import dataclass

from models.recipes.compositions import VOLATILE, Amounts, dry, parse, precursor_key
from models.recipes.features import anion_class

KINDS = (
    "name",
    "organic",
    "non-metal",
    "element",
    "oxide",
    "carbonate",
    "nitrate",
    "acetate",
    "alkoxide",
    "chloride",
    "hydroxide",
    "sulfate",
    "sulfide",
    "fluoride",
    "phosphate",
    "ammonium salt",
    "other",
)
# What a reagent without any metal is made of.
_METAL_FREE = VOLATILE | {"S", "P", "Cl", "Br", "F", "I", "B", "Si", "Na", "K"}
_HYDRATE = re.compile(r"[·•∙⋅*.]\s*\d*\.?\d*[nx]?\(?H2O")


@dataclass(frozen=True)
class Reagent:
    """One precursor: its kind, composition, key and whether water is written behind its dot."""

    kind: str
    hydrate: bool
    amounts: Amounts
    key: str

    @property
    def solids(self) -> frozenset[str]:
        """Elements it brings that do not leave as O2, H2O, CO2 or N2."""
        return frozenset(self.amounts) - VOLATILE


@functools.lru_cache(maxsize=65536)
def reagent(formula: str) -> Reagent:
    """Looks at one precursor as written; what does not parse is of kind "name"."""
    return Reagent(_kind(formula), bool(_HYDRATE.search(formula)), parse(formula) or {}, precursor_key(formula))


def _kind(formula: str) -> str:
    bare = dry(formula)
    amounts = parse(bare) or parse(formula)
    if not amounts:
        return "name"
    found = anion_class(bare)
    if not set(amounts) - _METAL_FREE and not set(amounts) & {"Na", "K", "B", "Si", "P"}:
        return "element" if found == "element" else "organic" if "C" in amounts else "non-metal"
    if found == "acetate":
        # alkoxides and acetylacetonates hold at least two carbons for each oxygen, carboxylates do not
        return "alkoxide" if amounts.get("C", 0) >= 2 * amounts.get("O", 1) else "acetate"
    if found == "other":
        return "sulfide" if "S" in amounts else "fluoride" if "F" in amounts else "other"
    if found == "oxide" and "S" in amounts:
        return "sulfate"
    if found == "hydroxide" and "P" in amounts:
        return "phosphate"
    return "ammonium salt" if found == "nitrate" and "H" in amounts and "NO3" not in bare else found
