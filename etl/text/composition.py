"""The grammar of a single formula: symbols, groups, amounts, hydrates, mixtures and charges.

A recursive reader over exact amounts (`amounts`). Words, variables and phases around a formula are `formula`.
Electronegativities are Pauling's (CRC Handbook of Chemistry and Physics, 97th ed., section 9).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from etl.text import names
from etl.text.amounts import (
    AMOUNT,
    BRACKETED,
    ONE,
    TERM,
    FormulaError,
    Terms,
    constant,
    plus,
    read_amount,
    times,
    written,
)

# Pauling electronegativity; 0 where none is tabulated for a metal, 9 for a noble gas without one.
ELECTRONEGATIVITY: dict[str, float] = {
    "H": 2.20, "He": 9, "Li": 0.98, "Be": 1.57, "B": 2.04, "C": 2.55, "N": 3.04, "O": 3.44, "F": 3.98, "Ne": 9,
    "Na": 0.93, "Mg": 1.31, "Al": 1.61, "Si": 1.90, "P": 2.19, "S": 2.58, "Cl": 3.16, "Ar": 9, "K": 0.82, "Ca": 1.00,
    "Sc": 1.36, "Ti": 1.54, "V": 1.63, "Cr": 1.66, "Mn": 1.55, "Fe": 1.83, "Co": 1.88, "Ni": 1.91, "Cu": 1.90,
    "Zn": 1.65, "Ga": 1.81, "Ge": 2.01, "As": 2.18, "Se": 2.55, "Br": 2.96, "Kr": 3.00, "Rb": 0.82, "Sr": 0.95,
    "Y": 1.22, "Zr": 1.33, "Nb": 1.6, "Mo": 2.16, "Tc": 1.9, "Ru": 2.2, "Rh": 2.28, "Pd": 2.20, "Ag": 1.93, "Cd": 1.69,
    "In": 1.78, "Sn": 1.96, "Sb": 2.05, "Te": 2.1, "I": 2.66, "Xe": 2.6, "Cs": 0.79, "Ba": 0.89, "La": 1.10,
    "Ce": 1.12, "Pr": 1.13, "Nd": 1.14, "Pm": 1.13, "Sm": 1.17, "Eu": 1.2, "Gd": 1.20, "Tb": 1.1, "Dy": 1.22,
    "Ho": 1.23, "Er": 1.24, "Tm": 1.25, "Yb": 1.1, "Lu": 1.27, "Hf": 1.3, "Ta": 1.5, "W": 2.36, "Re": 1.9, "Os": 2.2,
    "Ir": 2.20, "Pt": 2.28, "Au": 2.54, "Hg": 2.00, "Tl": 1.62, "Pb": 2.33, "Bi": 2.02, "Po": 2.0, "At": 2.2,
    "Rn": 2.2, "Fr": 0.7, "Ra": 0.9, "Ac": 1.1, "Th": 1.3, "Pa": 1.5, "U": 1.38, "Np": 1.36, "Pu": 1.28, "Am": 1.3,
    "Cm": 1.3, "Bk": 1.3, "Cf": 1.3, "Es": 1.3, "Fm": 1.3, "Md": 1.3, "No": 1.3, "Lr": 1.3,
}  # fmt: skip
SITES = frozenset({"R", "M", "Ln", "RE"})  # others only where the text says what they stand for
_DOUBLED = {"O", "N", "F", "Cl", "H"}  # diatomic molecules keep their 2
_KEEP = {"LiO", "NaO", "KO", "RbO", "CsO", "HO"}  # peroxides keep theirs, as pymatgen writes them
_DEEPEST = 24

# letters side by side that are no usual variables
_WORD = re.compile(r"[a-z][a-lo-wα-γε-ω]|[a-lo-wα-γε-ω][a-z]|[a-z]{4}")
_BRACKETS = {"(": ")", "[": "]"}


@lru_cache(maxsize=256)
def _pattern(sites: frozenset[str]) -> re.Pattern[str]:
    """The pieces of a formula: symbols, brackets, vacancies and alternatives, each with its amount.

    Symbols are looked for by their first letter, two letters before one.
    """
    seconds: dict[str, list[str]] = {}
    for name in {*ELECTRONEGATIVITY, *sites, "D"}:
        seconds.setdefault(name[0], []).append(name[1:])
    symbols = [
        first + ("".join(["[", *sorted(rest), "]"]) if any(rest) else "") + ("?" if "" in rest and any(rest) else "")
        for first, rest in sorted(seconds.items())
    ]
    return re.compile(
        rf"(?:(?P<symbol>M'+|{'|'.join(symbols)})|[(\[](?P<choice>[A-Z][a-z]?(?:[,/][A-Z][a-z]?)+)[)\]]|"
        rf"(?P<close>[)\]])|(?P<vacancy>□))(?P<amount>{AMOUNT})?|(?P<open>[(\[])|(?P<comma>[,;])"
    )


@dataclass
class _Reader:
    """Reads one formula without separators, piece by piece."""

    sites: frozenset[str]
    choices: dict[str, list[str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def read(self, text: str) -> dict[str, Terms]:
        """The amount of each symbol."""
        total: dict[str, Terms] = {}
        outer: list[tuple[str, int, dict[str, Terms]]] = []
        at = 0
        for found in _pattern(self.sites).finditer(text):
            begin, at = at, found.end()
            if found.start() != begin:
                at = begin
                break
            symbol, written = found["symbol"], found["amount"]
            factor = ONE
            if written is not None:
                factor, letters = read_amount(written)
                if len(letters) > 1 and _WORD.search(written):
                    raise FormulaError(f"'{written}' is no amount")
                self.used |= letters
            if symbol is not None:
                name = "H" if symbol == "D" else symbol
                total[name] = plus(total[name], factor) if name in total else factor
            elif (bracket := found["open"]) is not None:
                outer.append((_BRACKETS[bracket], begin, total))
                total = {}
                if len(outer) > _DEEPEST:
                    raise FormulaError("brackets nested too deeply")
            elif (bracket := found["close"]) is not None:
                if not outer or outer[-1][0] != bracket:
                    raise FormulaError(_refused(text, begin))
                inner = total
                _, begin, total = outer.pop()
                if not inner:
                    raise FormulaError("empty brackets")
                for name, terms in inner.items():
                    total[name] = plus(total.get(name, {}), times(terms, factor))
            elif (choice := found["choice"]) is not None:
                name = self.alternative(text, choice)
                total[name] = plus(total.get(name, {}), factor)
            elif found["comma"] is not None and not (outer and total):
                raise FormulaError(_refused(text, begin))
            if written == "0":  # "0.0" is the end of a series, a bare 0 most often a misread O
                raise FormulaError(f"the amount of {text[begin : found.start('amount')]} is 0")
        if at < len(text):
            raise FormulaError(_refused(text, at))
        if outer:
            raise FormulaError(f"'{outer[-1][0]}' is missing")
        return total

    def alternative(self, text: str, choice: str) -> str:
        """A letter that stands for one of several elements: "(Sm/Ce)", "(La,Sr)"."""
        values = re.split(r"[,/]", choice)
        for value in values:
            if value not in ELECTRONEGATIVITY and value not in self.sites:
                raise FormulaError(f"'{value}' is no element")
        taken = set(self.choices) | set(re.findall(r"M(?![a-z])'*", text))
        name = next(n for n in ("M" + "'" * i for i in range(99)) if n not in taken)
        self.choices[name] = values
        return name


def _refused(text: str, at: int) -> str:
    """Why a formula cannot be read on from a place."""
    word = re.compile(r"[A-Z][a-z]*").match(text, at)
    if word:
        return f"'{word.group()}' is no element"
    bracketed = re.compile(r"\([^A-Z()]*\)").match(text, at)
    if bracketed and len(bracketed.group()) > 2:
        return f"'{bracketed.group()}' is no amount"
    return "several materials joined by '/'" if text[at] == "/" else f"'{text[at]}' at {at} is no element"


_HYDRATE = re.compile(
    r"(?<![·*.]\d)(?<![·*.]\d\d)(?<![A-Za-z)]0)[.*×]"
    r"(?=\d*(?:\.\d+)?[xyn]?(?:\([^()A-Z]*\))?[HD]2O(?!\d))|(?<=[A-Za-z0-9)\]])×(?=\d*\.?\d*[A-Z(])"
)
_COEFFICIENT = re.compile(rf"{TERM}(?=[A-Z(\[])")
_JOINT = re.compile(rf"[-+](?!{BRACKETED}(?![A-Z(\[]))(?=(?P<amount>{TERM})?[A-Z(\[])")
_JOINED = re.compile(r"[·*×]|[-+](?=[A-Z(\[\da-z.])|\.(?=.*2O)")
_SEVERAL = re.compile(r"(?:[A-Z][a-z]?[\d.]*){2}")
# "Ti1-x", "Fe0.3-x": what a variable leaves of a site, no end of a component
_REST_OF_SITE = re.compile(r"(?:[A-Z][a-z]?|[)\]])(?:1|\d*\.\d+|\d+/\d+)$|[-+]\d*[a-z]$")
_MIXTURE = re.compile(rf"[(\[]((?:[^()\[\]]|\((?:[^()]|\([^()]*\))*\))*)[)\]]({AMOUNT})?$")
_POLYMORPH = re.compile(r"(?<![-+±A-Z])[α-ω]-(?=[A-Z(])")


def depths_of(text: str) -> list[int]:
    """How many brackets enclose each character."""
    depth, depths = 0, []
    for char in text:
        depth += char in "(["
        depths.append(depth)
        depth -= char in ")]"
    return depths


def _split(text: str, depths: list[int], at: list[int]) -> list[str]:
    """Cuts a text at those of the places that no bracket encloses, without the characters there."""
    edges = [-1, *(place for place in at if not depths[place]), len(text)]
    return [text[begin + 1 : end] for begin, end in pairwise(edges)]


def _parts(text: str) -> list[str]:
    """Splits hydrates and mixtures: "A·5H2O", "(1-x)A-xB", "BaO-B2O3"."""
    if not _JOINED.search(text):
        return [text]
    text = _HYDRATE.sub("·", text)
    if text.count("·") > 20:
        raise FormulaError("too many parts")
    parts: list[str] = []
    chunks = [text]
    if "·" in text:
        chunks = _split(text, depths_of(text), [m.start() for m in re.finditer("·", text)])
    for chunk in chunks:
        weighted = len(chunks) > 1 or bool(_COEFFICIENT.match(chunk))
        joints = []
        for joint in _JOINT.finditer(chunk):
            if joint.start() and _joins(chunk, joint, weighted):
                joints.append(joint.start())
                weighted = True
        parts.extend(_split(chunk, depths_of(chunk), joints) if joints else [chunk])
    if any(not p for p in parts):
        raise FormulaError("a part is empty")
    return parts


def _joins(chunk: str, joint: re.Match[str], weighted: bool) -> bool:
    """Whether a sign stands between two components and not inside an amount."""
    amount, before = joint["amount"] or "", chunk[: joint.start()]
    component = chunk[joint.end() + len(amount) :]
    if not amount:
        return not weighted or len(re.findall("[A-Z]", re.split("[-+]", component)[0])) >= 2
    if amount[0].isdigit():  # "BaO-2SiO2", "BiScO3-0.6PbTiO3", "BNT-0.06BT": so many units of something like the first
        several = _SEVERAL.match(component) and not before[-1].islower()
        alike = several and "O" in before and "O" in component
        return weighted or bool((several and amount in "23456789") or alike or _shorts(before, component))
    if not weighted or (_REST_OF_SITE.search(before) and not re.match(r"\(\d", amount)):
        return False
    return amount[0] == "(" or bool(re.match(r"[(\[]|[A-Z][a-z]?[\d./]*(?:[A-Z(]|[-+]|$)", component))


def _shorts(before: str, component: str) -> bool:
    """Whether both are short names of components."""
    known = names.dictionary()["mixture_parts"]
    return before in known and re.split("[-+]", component)[0] in known


def _uncharged(text: str) -> str:
    """Takes off mass numbers ("^57Fe", "Fe-57") and charges: "Co^3+", "V^4+O^2-2", at the end also "Tb3+", "SO42-"."""
    if text[-3:-2] == "-" and re.fullmatch(r"[A-Z][a-z]?-\d\d", text):
        return text[:-3]
    if "^" not in text and text[-1:] not in ("+", "-"):
        return text
    text = re.sub(r"\^\d{1,3}(?=[A-Z])", "", text)
    text = re.sub(r"\^(?:\d+\^?[+-]+|[+-]+\d*)", "", text)  # digits after "^2-" are an amount, after "^-" the charge
    single = re.fullmatch(r"([A-Z][a-z]?)\d?[+-]", text)
    if single:
        return single.group(1)
    if re.search(r"\D\d\d[+-]$", text):
        return text[:-2]
    return text[:-1] if text[-1:] in ("+", "-") else text


_SHARE = re.compile(r"[-+:]?(?:\d+(?:\.\d+)?|[a-z])?(?:wt|mol|at|vol)\.?%|(?<=[\w)])[:+](?:\d+(?:\.\d+)?|[a-z])?%")
_DOPANT = r"(?>(?:\d*\.?\d+%?|[a-z])?[A-Z][a-z]?(?:\d*\.\d+|[a-z])?(?:\^?\d?\+)?)"  # read in one way only
_DOPANTS = re.compile(rf"({_DOPANT}(?:[,/&+:]{_DOPANT})*):(?=[^:]*[A-Z][^:]*[A-Z])")


def _split_additive(text: str) -> tuple[str, str]:
    """Host and additive of "NaSrBO3:Tb3+", "Nd:YAG", "BaTiO3+2mol%MnO2"; the coat of "LiFePO4/C" is left out."""
    text = text.removesuffix("/C").removesuffix("@C")
    text = text[2:] if text.startswith("C-") and re.match(r"C-(?:[A-Z][a-z]?\d*\.?\d*){3}", text) else text
    if "%" not in text and ":" not in text:
        return text, ""
    percent = _SHARE.search(text)
    if percent and percent.start():
        return text[: percent.start()].rstrip(":+-"), text[percent.start() :]
    before = _DOPANTS.match(text)
    if before:
        return text[before.end() :], before[1]
    host, colon, rest = text.partition(":")
    return (host, rest) if colon and host else (text, "")


_MEASURED = re.compile(r"(?:(\d*\.\d+|[a-z])([A-Z][a-z]?)|([A-Z][a-z]?)([a-z]|\d*\.\d+?))(?:\^?\d?\+)?")


def _added(host: Mapping[str, Terms], additive: str) -> dict[str, Terms]:
    """The additive's elements where the host was written deficient for it ("Ca0.9...:0.1Eu3+"), else nothing."""
    match = _MEASURED.fullmatch(additive.strip())
    if not match or re.sub(r"[\d^+]", "", additive) in ELECTRONEGATIVITY:
        return {}
    if match.group(4) and match.group(4)[0].isdigit():
        return {}
    symbol, amount = match.group(2) or match.group(3), match.group(1) or match.group(4)
    deficient = any(set(t) != {()} or t[()].denominator != 1 for t in host.values())
    if symbol not in ELECTRONEGATIVITY or not deficient:
        return {}
    return {symbol: {(amount,): 1} if amount.isalpha() else constant(Fraction(amount))}


def _component(body: str, reader: _Reader) -> dict[str, Terms]:
    """One component of a mixture, which may be a short name, or a mixture in brackets with an amount behind."""
    words = names.dictionary()
    body = words["mixture_parts"].get(body) or words["abbreviations"].get(body, body)
    closing = _MIXTURE.match(body) if body[:1] in "([" else None
    if closing is None or not (len(_parts(closing[1])) > 1 or _COEFFICIENT.match(closing[1])):
        return reader.read(body)
    inner, choices, used = read(closing[1], reader.sites)
    factor, letters = read_amount(closing[2] or "")
    reader.choices |= choices
    reader.used |= used | letters
    return {symbol: times(terms, factor) for symbol, terms in inner.items()}


def read(text: str, sites: frozenset[str]) -> tuple[dict[str, Terms], dict[str, list[str]], frozenset[str]]:
    """Composition, alternatives and variable letters of one spelled formula.

    Raises:
        FormulaError: it is none.
    """
    host, additive = _split_additive(text)
    if not host:
        raise FormulaError("nothing to read")
    total: dict[str, Terms] = {}
    choices: dict[str, list[str]] = {}
    used: set[str] = set()
    reader = _Reader(sites, choices, used)
    parts = _parts(_uncharged(host if host.isascii() else _POLYMORPH.sub("", host)))
    for part in parts:
        lead = _COEFFICIENT.match(part)
        composition = _component(part[lead.end() :] if lead else part, reader)
        if lead:
            weight, letters = read_amount(lead.group())
            used |= letters
            composition = {symbol: times(terms, weight) for symbol, terms in composition.items()}
        if len(parts) == 1:
            total = composition
            break
        for symbol, terms in composition.items():
            total[symbol] = plus(total[symbol], terms) if symbol in total else terms
    total = {s: t for s, t in total.items() if t}
    if additive:
        total = {**_added(total, additive), **total}
    if not total:
        raise FormulaError("no element has an amount")
    negative = "-" in text and [s for s, t in total.items() if all(value < 0 for value in t.values())]
    if negative:
        raise FormulaError(f"the amount of {negative[0]} is negative")
    return total, choices, frozenset(used)


_RANKS = {symbol: (value, symbol) for symbol, value in ELECTRONEGATIVITY.items()}


def rank(symbol: str) -> tuple[float, str]:
    """Sort key: electronegativity, then symbol."""
    return _RANKS.get(symbol) or (-1.0, symbol)


def spelled(total: Mapping[str, Terms]) -> str:
    """The reduced formula: whole numbers without common divisor, electronegativity ascending."""
    symbols = sorted(total, key=rank)
    whole = [_whole(total[symbol]) for symbol in symbols]
    if 0 in whole:
        return "".join(_piece(symbol, written(total[symbol])) for symbol in symbols)
    divisor = math.gcd(*whole)
    bare = "".join([_piece(symbol, str(count // divisor)) for symbol, count in zip(symbols, whole, strict=True)])
    if bare in _KEEP or (bare in _DOUBLED and divisor % 2 == 0):
        return "".join(symbol + "2" for symbol in symbols)
    return bare


def _whole(terms: Terms) -> int:
    """A whole amount; 0 for what is none."""
    value = terms.get(()) if len(terms) == 1 else None
    return value.numerator if value is not None and value.denominator == 1 else 0


def _piece(symbol: str, amount: str) -> str:
    if symbol + amount[0] in ELECTRONEGATIVITY:
        return f"{symbol}1{amount}"  # n times S is "S1n", no tin
    return symbol if amount == "1" else symbol + amount
