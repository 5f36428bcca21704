"""Names of compounds to formulas: a dictionary of names and the rules of systematic ones.

The words are data (`names.yaml`). Finding names in running text is `materials`.
"""

import re
from fractions import Fraction
from functools import lru_cache
from math import lcm
from pathlib import Path
from typing import Any

import yaml

_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7}
_HYDRATE = re.compile(r"(?P<count>mono|di|tri|tetra|penta|hexa|hepta|octa|nona|deca|hemi)?-?hydrate$")
_SPLIT = re.compile(r"[\s-]+")


@lru_cache(maxsize=1)
def dictionary() -> dict[str, Any]:
    """The contents of `names.yaml`."""
    path = Path(__file__).with_name("names.yaml")
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML 1.1 reads No and Y as booleans where they are bare keys
    for name in ("charges", "oxides"):
        loaded[name] = {"Y" if k is True else "N" if k is False else k: v for k, v in loaded[name].items()}
    loaded["elements"] = {k: "Y" if v is True else "N" if v is False else v for k, v in loaded["elements"].items()}
    loaded["symbols"] = {str(s).lower(): str(s) for s in loaded["elements"].values()}
    return loaded


@lru_cache(maxsize=16384)
def resolve(name: str) -> str | None:
    """The formula a name stands for, or None.

    Args:
        name: plain text, e.g. "vanadium dioxide", "manganese (II) nitrate tetrahydrate", "YAG".
    """
    words = dictionary()
    if name in words["abbreviations"]:
        return str(words["abbreviations"][name])
    lower = re.sub(r"\s+", " ", name.lower()).strip(" .,;")
    if not lower or len(lower) > 80 or not lower[0].isalpha():
        return None
    if lower in words["names"]:
        return str(words["names"][lower])
    if len(lower) > 2 and lower in words["elements"]:
        return str(words["elements"][lower])
    return _systematic(lower)


def _systematic(lower: str) -> str | None:
    water = ""
    hydrated = re.match(r"hydrated\s+", lower)
    if hydrated:
        lower, water = lower[hydrated.end() :], "·H2O"
    tokens = [t for t in _SPLIT.split(lower.replace("(", " (").replace(")", ") ")) if t]
    if len(tokens) >= 3:
        match = _HYDRATE.fullmatch(tokens[-1])
        if match:
            count = match.group("count")
            number = "" if count in (None, "mono") else "0.5" if count == "hemi" else _count(count)
            water = f"·{number}H2O"
            tokens = tokens[:-1]
    if len(tokens) >= 3 and tokens[-2] in dictionary()["prefixes"]:
        tokens[-2:] = [tokens[-2] + tokens[-1]]
    charge = None
    if len(tokens) == 3 and tokens[1].strip("()") in _ROMAN:
        charge = _ROMAN[tokens[1].strip("()")]
        tokens = [tokens[0], tokens[2]]
    if len(tokens) != 2:
        return None
    formula = _salt(tokens[0], tokens[1], charge)
    return formula + water if formula else None


def _count(prefix: str) -> str:
    value = dictionary()["prefixes"][prefix]
    return str(value)


def _cation(word: str) -> tuple[int, str] | None:
    words = dictionary()
    for prefix, number in (("tri", 3), ("di", 2), ("tetra", 4)):
        rest = word.removeprefix(prefix)
        if rest != word and rest in words["elements"]:
            return number, str(words["elements"][rest])
    if word in words["elements"]:
        return 0, str(words["elements"][word])
    return (0, words["symbols"][word]) if word in words["symbols"] and len(word) <= 2 else None


def _anion(word: str) -> tuple[float, str, int] | None:
    """(count said by a prefix or 0, group, charge)."""
    words = dictionary()
    for candidate in (word, word.removesuffix("s")):
        if candidate in words["anions"]:
            group, charge = words["anions"][candidate]
            return 0, "N" if group is False else group, charge
        for prefix, number in words["prefixes"].items():
            for stem in (prefix, prefix.rstrip("ao")):
                rest = candidate.removeprefix(stem)
                if rest != candidate and rest in words["anions"]:
                    group, charge = words["anions"][rest]
                    return number, "N" if group is False else group, charge
    return None


def _salt(first: str, second: str, charge: int | None) -> str | None:
    words = dictionary()
    cation, anion = _cation(first), _anion(second)
    if cation is not None and anion is None and second in words["matched_anions"]:
        group, needed = words["matched_anions"][second]
        return cation[1] + str(group) if (charge or words["charges"].get(cation[1])) == needed else None
    if cation is None or anion is None:
        return None
    count, metal = cation
    said, group, negative = anion
    if said:
        ratio = Fraction(said)
        left, right = (ratio.denominator, ratio.numerator)
        if count:
            left = count
        elif said == 5 and group in "OS":
            left = 2
    else:
        positive = charge or words["adjectives"].get(first)
        if positive is None and group == "O" and metal in words["oxides"]:
            return str(words["oxides"][metal])
        positive = positive or words["charges"].get(metal)
        if positive is None:
            return None
        common = lcm(positive, negative)
        left, right = common // positive, common // negative
    return _piece(metal, left) + _piece(str(group), right)


def _piece(group: str, count: int) -> str:
    if count == 1:
        return group
    return f"{group}{count}" if re.fullmatch(r"[A-Z][a-z]?", group) else f"({group}){count}"
