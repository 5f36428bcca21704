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
_HYDRATE = re.compile(r"(?P<count>mono|di|tri|tetra|penta|hexa|hepta|octa|nona|deca|hemi|n|x)?-?hydrate$")
_WORD = re.compile(r"[a-z]{3}|[A-Z]{3}")
_SPLIT = re.compile(r"[\s-]+")


@lru_cache(maxsize=1)
def dictionary() -> dict[str, Any]:
    """The contents of `names.yaml`."""
    path = Path(__file__).with_name("names.yaml")
    loaded: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
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
    if not _WORD.search(name):
        return None
    lower = re.sub(r"\s+", " ", name.lower()).strip(" .,;").replace("ortho-", "ortho")
    if not lower or len(lower) > 80 or not lower[0].isalpha():
        return None
    if lower in words["names"]:
        return str(words["names"][lower])
    if len(lower) > 2 and lower in words["elements"]:
        return str(words["elements"][lower])
    return _systematic(lower)


def short(name: str, *, ambiguous: bool = True) -> str | None:
    """The formula of a short name such as "YBCO", "Bi-2212" or "BNT".

    Args:
        name: the short name.
        ambiguous: whether names count that mean other things in other texts ("STO", "KNN").
    """
    words = dictionary()
    bare = re.sub("[-: ]", "", name)
    if not ambiguous:
        return None if bare in words["ambiguous"] else words["abbreviations"].get(bare)
    found = words["abbreviations"].get(bare) or words["mixture_parts"].get(name)
    return str(found) if found else None


def _systematic(lower: str) -> str | None:
    """Reads "manganese (II) nitrate tetrahydrate", "lanthanum strontium manganite", "lithium cobalt oxide"."""
    water = ""
    lower = lower.removeprefix("anhydrous ")
    hydrated = re.match(r"hydrated\s+", lower)
    if hydrated:
        lower, water = lower[hydrated.end() :], "·H2O"
    tokens = _joined([t for t in _SPLIT.split(lower.replace("(", " (").replace(")", ") ")) if t])
    match = _HYDRATE.fullmatch(tokens[-1]) if len(tokens) >= 3 else None
    if match:
        count = match.group("count")
        number = "" if count in (None, "mono") else "0.5" if count == "hemi" else _count(count)
        water = f"·{number}H2O"
        tokens = tokens[:-1]
    if water and " ".join(tokens) in dictionary()["names"]:
        return str(dictionary()["names"][" ".join(tokens)]) + water
    charge = None
    if len(tokens) == 3 and tokens[1].strip("()") in _ROMAN:
        charge = _ROMAN[tokens[1].strip("()")]
        tokens = [tokens[0], tokens[2]]
    if len(tokens) == 3 and not water:
        return _double(*tokens)
    if len(tokens) != 2:
        return None
    formula = _salt(tokens[0], tokens[1], charge)
    return formula + water if formula else None


def _joined(tokens: list[str]) -> list[str]:
    """Puts prefixes to the word they belong to: "hexa-hydrate", "iso-propoxide", "hydrogen phosphate"."""
    words = dictionary()
    joined: list[str] = []
    for token in tokens:
        before = joined[-1] if joined else ""
        if (
            before in words["prefixes"]
            or before in ("iso", "dihydrogen", "hydrogen")
            or (before == "n" and joined[:-1])
        ):
            branch = before == "n" and token != "hydrate"  # "n-butoxide"
            joined[-1] = ("" if branch else before + " " * before.endswith("gen")) + token
        elif token not in ("tert", "sec"):
            joined.append(token)
    return joined


def _double(first: str, second: str, third: str) -> str | None:
    """Two cations and an anion: a shared site, a garnet, or an oxide or salt whose charges add up."""
    words = dictionary()
    left, right = _cation(first), _cation(second)
    if left is None or right is None or left[0] or right[0]:
        return None
    one, two = left[1], right[1]
    if third == "garnet":
        return f"{one}3{two}5O12"
    anion = _anion(third)
    charge = words["charges"].get(one)
    matched = words["matched_anions"].get(third, {}).get(charge)
    if matched and abs(charge - words["charges"].get(two, 9)) < 2:
        return str(matched).replace("@", f"({one}1-x{two}x)")
    if anion is None or anion[0] or charge is None or (anion[1] != "O" and (charge != 1 or len(anion[1]) < 3)):
        return None
    for other in words["second_charges"].get(two) or [words["charges"].get(two)]:
        if anion[1] == "O" and (charge, other) == (2, 3):
            return f"{one}{two}2O4"
        known = anion[1] != "O" or (charge, other) in ((1, 3), (1, 5), (2, 4), (3, 3))
        if other and known and (charge + other) % anion[2] == 0:
            return _piece(one, 1) + two + _piece(anion[1], (charge + other) // anion[2])
    return None


def _count(prefix: str) -> str:
    return prefix if prefix in "nx" else str(dictionary()["prefixes"][prefix])


def _cation(word: str) -> tuple[int, str] | None:
    words = dictionary()
    for prefix, number in (("tri", 3), ("di", 2), ("tetra", 4)):
        rest = word.removeprefix(prefix)
        if rest != word and rest in words["elements"]:
            return number, str(words["elements"][rest])
    if word in words["groups"]:
        return 0, str(words["groups"][word][0])
    if word in words["elements"]:
        return 0, str(words["elements"][word])
    return (0, words["symbols"][word]) if word in words["symbols"] and len(word) <= 2 else None


def _anion(word: str) -> tuple[float, str, int] | None:
    """(count said by a prefix or 0, group, charge)."""
    words = dictionary()
    for prefix, hydrogens in (("dihydrogen ", 2), ("hydrogen ", 1)):
        salt = _anion(word.removeprefix(prefix)) if word.startswith(prefix) else None
        if salt and not salt[0] and salt[2] > hydrogens:
            return 0, ("H2" if hydrogens == 2 else "H") + salt[1], salt[2] - hydrogens
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
    matched = words["matched_anions"].get(second) or words["matched_anions"].get(second.removesuffix("s"))
    if cation is not None and matched:
        positive = charge or words["adjectives"].get(first) or words["charges"].get(cation[1])
        return str(matched[positive]).replace("@", cation[1]) if positive in matched else None
    if cation is None or anion is None:
        return None
    count, metal = cation
    said, group, negative = anion
    if said:
        ratio = Fraction(said)
        left, right = (ratio.denominator, ratio.numerator)
        if count:
            left = count
        elif group in "OS" and (said == 5 or (said == 3 and metal in words["sesqui"])):
            left = 2
    else:
        positive = charge or words["adjectives"].get(first) or words["groups"].get(first, (0, None))[1]
        if positive is None and group == "O" and metal in words["oxides"]:
            return str(words["oxides"][metal])
        positive = positive or words["charges"].get(metal)
        if positive is None:
            return None
        common = lcm(positive, negative)
        left, right = common // positive, common // negative
        if count not in (0, left):
            return None
    return _piece(metal, left) + _piece(str(group), right)


def _piece(group: str, count: int) -> str:
    if count == 1:
        return group
    return f"{group}{count}" if re.fullmatch(r"[A-Z][a-z]?", group) else f"({group}){count}"
