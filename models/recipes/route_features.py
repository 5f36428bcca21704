"""What the route classifier looks at: composition, stoichiometry and doping of the target; kinds of the precursors."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from etl.features.composition import MAGPIE
from models.recipes import features
from models.recipes.compositions import ELEMENTS, VOLATILE, Amounts, parse
from models.recipes.features import Singles
from models.recipes.reagents import KINDS, reagent

_RARE_EARTHS = frozenset(
    ["Sc", "Y", "La", "Ce", "Pr", "Nd", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu"]
)
_ALKALIS = frozenset(["Li", "Na", "K", "Rb", "Cs"])
_EARTHS = frozenset(["Be", "Mg", "Ca", "Sr", "Ba"])
_ANIONS = frozenset(["O", "H", "C", "N", "F", "Cl", "Br", "I", "S", "Se", "Te", "P"])
_LEAVERS = ("Na", "K", "Cl", "S", "P", "F")  # elements of precursors that solutions wash out

TARGET = (
    "elements",
    "cations",
    "smallest fraction",
    "largest fraction",
    "whole amounts",
    "denominator of the ratios",
    "denominator of the amounts",
    "atoms in the formula",
    "cations below 10 %",
    "cations below 3 %",
    "smallest cation share",
    "largest cation share",
    "oxygen per cation",
    "rare earths",
    "alkali metals",
    "alkaline earths",
    "binary oxide",
    "holds O and H",
    "entropy of the cations",
)
PRECURSORS = (
    *(f"precursors of kind {k}" for k in KINDS),
    *(f"sources of kind {k}" for k in KINDS),
    "hydrates",
    "precursors without solid element",
    "precursors",
    "precursors beyond the cations",
    "most carbons",
    *(f"{e} to wash out" for e in _LEAVERS),
    "elements to lose",
    "cations brought twice",
    "cations not brought",
    "share of hydrates",
    "other elements to lose",
)
TARGET_WORDS = ("element", "element pair")
PRECURSOR_WORDS = ("precursor", "hydrate", "source of an element", "kind", "kinds", "precursor pair", "loss")


def target_names() -> list[str]:
    """Names of the columns of `target`."""
    return [*(f"fraction of {e}" for e in ELEMENTS), *MAGPIE, *TARGET]


def target(names: Sequence[str]) -> Singles:
    """Element fractions, Magpie statistics and stoichiometry of readable targets."""
    distinct = list(dict.fromkeys(names))
    place = {t: i for i, t in enumerate(distinct)}
    made = np.array([_stoichiometry(parse(t) or {}) for t in distinct], np.float32).reshape(len(distinct), len(TARGET))
    return np.hstack([features.target_matrix(names), made[[place[t] for t in names]]])


def _stoichiometry(amounts: Amounts) -> list[float]:
    total = sum(amounts.values())
    shares = sorted(float(v / total) for v in amounts.values())
    metals = [e for e in amounts if e not in _ANIONS]
    cations = float(sum(amounts[e] for e in metals))
    of_cations = sorted(float(amounts[e]) / cations for e in metals) or [0.0]
    least = min(amounts.values())
    ratios = [(v / least, (v / least).limit_denominator(12)) for v in amounts.values()]
    oxygen = "O" in amounts and cations > 0
    return [
        len(amounts),
        len(metals),
        shares[0],
        shares[-1],
        all(v.denominator == 1 for v in amounts.values()),
        max(q.denominator if abs(r - q) < 1e-3 else 13 for r, q in ratios),
        max(v.denominator for v in amounts.values()),
        float(total),
        sum(c < 0.1 for c in of_cations),
        sum(c < 0.03 for c in of_cations),
        of_cations[0],
        of_cations[-1],
        float(amounts["O"]) / cations if oxygen else -1.0,
        sum(e in _RARE_EARTHS for e in amounts),
        sum(e in _ALKALIS for e in amounts),
        sum(e in _EARTHS for e in amounts),
        len(amounts) == 2 and "O" in amounts,
        "H" in amounts and "O" in amounts,
        -sum(c * float(np.log(c)) for c in of_cations if c > 0),
    ]


def precursors(frame: pl.DataFrame) -> Singles:
    """Kinds, hydrates and what has to leave; NaN where there are no precursors."""
    out = np.full((frame.height, len(PRECURSORS)), np.nan, np.float32)
    for row, (aim, names) in enumerate(frame.select("target", "precursors").iter_rows()):
        if names:
            out[row] = _bench(parse(aim) or {}, names)
    return out


def _bench(amounts: Amounts, names: Sequence[str]) -> list[float]:
    aim, metals = frozenset(amounts), frozenset(amounts) - VOLATILE
    used = [reagent(n) for n in names]
    kinds, sources = [0.0] * len(KINDS), [0.0] * len(KINDS)
    for r in used:
        kinds[KINDS.index(r.kind)] += 1
        sources[KINDS.index(r.kind)] += bool(r.solids & aim)
    extra = frozenset().union(*(r.solids for r in used)) - aim
    brought = frozenset().union(*(frozenset(r.amounts) for r in used))
    hydrates = sum(r.hydrate for r in used)
    return [
        *kinds,
        *sources,
        hydrates,
        sum(not r.solids for r in used),
        len(used),
        len(used) - len(metals),
        max(float(r.amounts.get("C", 0)) for r in used),
        *(e in extra for e in _LEAVERS),
        len(extra),
        sum(len(r.solids & aim) for r in used) - len(metals),
        len(metals - brought),
        hydrates / len(used),
        len(extra - set(_LEAVERS)),
    ]


def words(frame: pl.DataFrame, *, given: bool) -> dict[str, list[list[str]]]:
    """The words of each row by group, of the target and, where `given`, of the precursors."""
    made: dict[str, list[list[str]]] = {g: [] for g in (*TARGET_WORDS, *(PRECURSOR_WORDS if given else ()))}
    for aim, names in frame.select("target", "precursors").iter_rows():
        amounts = parse(aim) or {}
        found: dict[str, Any] = {"element": sorted(amounts), "element pair": _pairs(amounts, "-")}
        if given:
            found |= _bench_words(frozenset(amounts) - VOLATILE, names) if names else {}
        for group, rows in made.items():
            rows.append(list(found.get(group, ())))
    return made


def _pairs(items: Any, joint: str) -> list[str]:
    return [joint.join(p) for p in itertools.combinations(sorted(items), 2)]


def _bench_words(metals: frozenset[str], names: Sequence[str]) -> dict[str, list[str]]:
    used = [reagent(n) for n in names]
    keys = sorted({r.key for r in used})
    kinds = sorted({r.kind + (" hydrate" if r.hydrate else "") for r in used})
    loss = "+".join(sorted(frozenset().union(*(r.solids for r in used)) - metals))
    return {
        "precursor": keys,
        "hydrate": sorted({f"{r.key}·{r.amounts.get('H', 0) if r.hydrate else 0}" for r in used}),
        "source of an element": sorted({f"{e} {r.kind}" for r in used for e in r.solids & metals}),
        "kind": kinds,
        "kinds": [f"{'+'.join(kinds)}|{loss}"],
        "precursor pair": _pairs(keys, "&"),
        "loss": [loss],
    }
