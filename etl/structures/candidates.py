"""Charge-balanced formulas over known structure types: the pool that screening ranks.

A family is a declaration: sites with multiplicity and a choice of ions, and windows on radii. To add a family, add
one `Family` to `FAMILIES`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement, product

import polars as pl

from etl.features.elements import TM_STATES, TRANSITION_METALS
from etl.features.formulas import reduced_formula
from etl.structures.radii import has_radius, ionic_radius, tolerance_factor
from schemas.errors import InputError

Ion = tuple[str, int]

SCHEMA: dict[str, pl.DataType] = {c: pl.String() for c in ("formula", "prototype", "family", "rule")}

_ALKALI: tuple[Ion, ...] = tuple((s, 1) for s in ("Li", "Na", "K", "Rb", "Cs", "Tl", "Ag"))
_ALKALINE: tuple[Ion, ...] = tuple((s, 2) for s in ("Mg", "Ca", "Sr", "Ba", "Pb", "Cd", "Eu"))
_RARE: tuple[Ion, ...] = tuple(
    (s, 3)
    for s in ("La", "Ce", "Pr", "Nd", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Y", "Sc", "Bi")
)
_MAIN: tuple[Ion, ...] = (
    ("Mg", 2), ("Zn", 2), ("Al", 3), ("Ga", 3), ("In", 3), ("Si", 4), ("Ge", 4), ("Sn", 4), ("Sb", 5), ("Te", 6),
)  # fmt: skip
_METALS: tuple[Ion, ...] = tuple((s, v) for s, states in TM_STATES.items() for v in states if s not in ("Tc", "Hg"))
_CHALCOGEN: tuple[Ion, ...] = (("S", -2), ("Se", -2), ("Te", -2))
_OXIDE: tuple[Ion, ...] = (("O", -2),)
_FLUORIDE: tuple[Ion, ...] = (("F", -1),)
_HALIDE: tuple[Ion, ...] = (("F", -1), ("Cl", -1), ("Br", -1), ("I", -1))


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One site of a formula: how many ions a formula unit holds, which are tried, and their coordination."""

    count: int
    ions: tuple[Ion, ...]
    coordination: int


@dataclass(frozen=True, kw_only=True)
class Family:
    """A structure type to enumerate.

    Attributes:
        name: prototype name.
        slots: sites in order; the last is the anion.
        tolerance: window on Goldschmidt's factor of the mean A ion, the mean B ion and the anion.
        octahedral: least ratio of the radius of each B ion to the anion's.
        pair: index of two slots that are interchangeable, so each unordered pair is tried once.
        large: slots of the A ions; all others but the anion are B.
    """

    name: str
    slots: tuple[Slot, ...]
    tolerance: tuple[float, float] | None = None
    octahedral: float | None = None
    pair: tuple[int, int] | None = None
    large: tuple[int, ...] = (0,)

    @property
    def rule(self) -> str:
        """The conditions in words, for the `rule` column."""
        parts = ["usual oxidation states sum to zero"]
        if self.tolerance:
            parts.append(f"tolerance factor {self.tolerance[0]:g} to {self.tolerance[1]:g}")
        if self.octahedral:
            parts.append(f"r_B / r_X at least {self.octahedral:g}")
        return "; ".join(parts)


def _slot(count: int, ions: Iterable[Ion], coordination: int) -> Slot:
    return Slot(count=count, ions=tuple(ions), coordination=coordination)


_A = (*_ALKALI, *_ALKALINE, *_RARE)
_B = (*_METALS, *_MAIN)
_TETRAHEDRAL = (("Li", 1), ("Cu", 1), *(i for i in _B if i[1] in (2, 3, 4)))
_PEROVSKITE = (0.82, 1.06)
FAMILIES: tuple[Family, ...] = (
    Family(
        name="perovskite ABX3", tolerance=_PEROVSKITE, octahedral=0.38,
        slots=(_slot(1, _A, 12), _slot(1, _B, 6), _slot(3, (*_OXIDE, *_HALIDE, *_CHALCOGEN[:2]), 6)),
    ),
    Family(
        name="double perovskite A2BB'X6", tolerance=_PEROVSKITE, octahedral=0.38, pair=(1, 2),
        slots=(_slot(2, _A, 12), _slot(1, _B, 6), _slot(1, _B, 6), _slot(6, (*_OXIDE, *_FLUORIDE), 6)),
    ),
    Family(
        name="A-site ordered perovskite AA'B2X6", tolerance=_PEROVSKITE, octahedral=0.38, pair=(0, 1), large=(0, 1),
        slots=(_slot(1, _A, 12), _slot(1, _A, 12), _slot(2, _B, 6), _slot(6, _OXIDE, 6)),
    ),
    Family(
        name="K2NiF4 AA'BX4", tolerance=(0.82, 1.02), octahedral=0.38, pair=(0, 1), large=(0, 1),
        slots=(_slot(1, _A, 9), _slot(1, _A, 9), _slot(1, _B, 6), _slot(4, _OXIDE, 6)),
    ),
    Family(name="K2NiF4 A2BX4", tolerance=(0.82, 1.02), octahedral=0.38,
           slots=(_slot(2, _A, 9), _slot(1, _B, 6), _slot(4, (*_OXIDE, *_FLUORIDE), 6))),
    Family(name="Ruddlesden-Popper A3B2X7", tolerance=_PEROVSKITE, octahedral=0.38,
           slots=(_slot(3, _A, 12), _slot(2, _B, 6), _slot(7, _OXIDE, 6))),
    Family(name="spinel AB2X4",
           slots=(_slot(1, _TETRAHEDRAL, 4), _slot(2, _B, 6), _slot(4, (*_OXIDE, *_CHALCOGEN), 4))),
    Family(name="rutile AX2", octahedral=0.38, slots=(_slot(1, _B, 6), _slot(2, (*_OXIDE, *_FLUORIDE), 3))),
    Family(name="corundum A2X3", slots=(_slot(2, _B, 6), _slot(3, _OXIDE, 4))),
    Family(name="ilmenite ABX3", pair=(0, 1), slots=(_slot(1, _B, 6), _slot(1, _B, 6), _slot(3, _OXIDE, 4))),
    Family(name="rock salt AX", slots=(_slot(1, (*_ALKALINE, *_B), 6), _slot(1, (*_OXIDE, *_CHALCOGEN, ("N", -3)), 6))),
    Family(name="pyrochlore A2B2X7",
           slots=(_slot(2, (*_RARE, *_ALKALINE), 8), _slot(2, _B, 6), _slot(7, _OXIDE, 4))),
    Family(name="delafossite ABX2",
           slots=(_slot(1, (("Cu", 1), ("Ag", 1), ("Li", 1), ("Na", 1), ("K", 1)), 2), _slot(1, (*_B, *_RARE), 6),
                  _slot(2, (*_OXIDE, *_CHALCOGEN), 4))),
    Family(name="garnet A3B2C3X12",
           slots=(_slot(3, (*_RARE, ("Ca", 2), ("Mg", 2), ("Mn", 2), ("Fe", 2)), 8), _slot(2, _B, 6),
                  _slot(3, (("Al", 3), ("Ga", 3), ("Fe", 3), ("Si", 4), ("Ge", 4)), 4), _slot(12, _OXIDE, 4))),
    Family(name="quadruple perovskite AA'3B4X12",
           slots=(_slot(1, (*_ALKALINE, *_RARE), 12), _slot(3, (("Cu", 2), ("Cu", 3), ("Mn", 3), ("Pd", 2)), 4),
                  _slot(4, _B, 6), _slot(12, _OXIDE, 6))),
    Family(name="Chevrel AM6X8",
           slots=(_slot(1, (*_ALKALINE, *_RARE, ("Sn", 2), ("Cu", 2)), 8), _slot(6, (("Mo", 2), ("Mo", 3)), 4),
                  _slot(8, _CHALCOGEN, 4))),
)  # fmt: skip
LACUNAR = "lacunar spinel AM4X8"
LACUNAR_RULE = "A3+, mean M state between 3 and 4 (mixed-valent cluster)"


def candidates(*, prototypes: tuple[str, ...] | None = None, with_transition_metal: bool = False) -> pl.DataFrame:
    """Charge-balanced formulas over `FAMILIES` and the lacunar spinels.

    Args:
        prototypes: names to enumerate; all when None.
        with_transition_metal: keep only formulas with a transition metal.

    Returns:
        `formula` (reduced), `prototype`, `family` (the transition metals and the anion, ``Fe+Mo|O``), `rule`; one row
        a formula and prototype, in a fixed order.

    Raises:
        InputError: an unknown prototype name.
    """
    known = [*(f.name for f in FAMILIES), LACUNAR]
    asked = prototypes or tuple(known)
    unknown = [p for p in asked if p not in known]
    if unknown:
        raise InputError.of(f"unknown prototype {unknown[0]!r}", "prototypes", f"choose from {', '.join(known)}")
    rows = [row for family in FAMILIES if family.name in asked for row in _enumerate(family)]
    if LACUNAR in asked:
        rows.extend(_lacunar())
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row").unique(("formula", "prototype"), maintain_order=True)
    return frame.filter(~pl.col("family").str.starts_with("noTM")) if with_transition_metal else frame


def _enumerate(family: Family) -> Iterator[tuple[str, str, str, str]]:
    for ions in _choices(family):
        charge = sum(slot.count * state for slot, (_, state) in zip(family.slots, ions, strict=True))
        symbols = [symbol for symbol, _ in ions]
        if charge != 0 or len(set(symbols)) < len(symbols) or not _fits(family, ions):
            continue
        amounts: dict[str, float] = {}
        for slot, symbol in zip(family.slots, symbols, strict=True):
            amounts[symbol] = amounts.get(symbol, 0.0) + slot.count
        yield reduced_formula(amounts), family.name, _family(symbols), family.rule


def _choices(family: Family) -> Iterator[tuple[Ion, ...]]:
    options = [[i for i in slot.ions if has_radius(*i)] for slot in family.slots]
    if family.pair is None:
        yield from product(*options)
        return
    first, second = family.pair
    pairs = list(combinations_with_replacement(options[first], 2))
    rest = [options[i] for i in range(len(options)) if i not in family.pair]
    for pair in pairs:
        for others in product(*rest):
            ions = list(others)
            ions.insert(first, pair[0])
            ions.insert(second, pair[1])
            yield tuple(ions)


def _fits(family: Family, ions: tuple[Ion, ...]) -> bool:
    if family.tolerance is None and family.octahedral is None:
        return True
    radii = [ionic_radius(s, v, slot.coordination) for (s, v), slot in zip(ions, family.slots, strict=True)]
    outer, x = [radii[i] for i in family.large], radii[-1]
    inner = [r for i, r in enumerate(radii[:-1]) if i not in family.large] or outer
    if family.octahedral is not None and min(inner) / x < family.octahedral:
        return False
    if family.tolerance is None:
        return True
    low, high = family.tolerance
    return low <= tolerance_factor(sum(outer) / len(outer), sum(inner) / len(inner), x) <= high


def _family(symbols: list[str]) -> str:
    metals = sorted(s for s in symbols[:-1] if s in TRANSITION_METALS)
    return f"{'+'.join(metals) or 'noTM'}|{symbols[-1]}"


def _lacunar() -> Iterator[tuple[str, str, str, str]]:
    """A M4 X8 with one of four M replaced: 3 + sum of M states = 16, so each M is near 3.25."""
    metals = ("Ti", "V", "Cr", "Nb", "Mo", "Ta", "W", "Re")
    for a, ma, mb, x in product(("Al", "Ga", "In", "Ge"), metals, metals, ("S", "Se", "Te")):
        amounts: dict[str, float] = {a: 1.0, x: 8.0, mb: 3.0}
        amounts[ma] = amounts.get(ma, 0.0) + 1.0
        yield reduced_formula(amounts), LACUNAR, _family([*sorted({ma, mb}), x]), LACUNAR_RULE
