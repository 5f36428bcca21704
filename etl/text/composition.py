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

from etl.text import names
from etl.text.amounts import FormulaError, Terms, constant, number, over, plus, times, written

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

_NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_LETTER = re.compile(r"[a-zα-ωλ]")
_ALTERNATIVES = re.compile(r"[(\[]([A-Z][a-z]?(?:[,/][A-Z][a-z]?)+)[)\]]")
_ARITHMETIC = re.compile(r"\(([^A-Z()\[\]]*(?:\([^A-Z()]*\)[^A-Z()]*)*)\)")


@dataclass
class _Reader:
    """Recursive descent over one formula without separators."""

    text: str
    sites: frozenset[str]
    at: int = 0
    depth: int = 0
    choices: dict[str, list[str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def amount(self) -> Terms:
        """number, variable or arithmetic; 1 where there is none."""
        start = self.at
        value = self.term()
        if value is None:
            self.at = start
            return constant(1)
        while self.peek() in ("+", "-", "±") and self.peek():
            sign, mark = self.peek(), self.at
            self.at += 1
            following = self.term()
            if following is None:
                self.at = mark
                break
            value = plus(value, following, -1 if sign == "-" else 1)
        return value

    def term(self) -> Terms | None:
        value = self.factor()
        if value is None:
            return None
        while self.at < len(self.text):
            mark, operator = self.at, self.peek()
            if operator in "*/":
                self.at += 1
            following = self.factor(after=operator not in "*/")
            if following is None:
                self.at = mark
                break
            value = over(value, following) if operator == "/" else times(value, following)
        return value

    def factor(self, *, after: bool = False) -> Terms | None:
        digits = _NUMBER.match(self.text, self.at)
        if digits:
            if after or len(digits.group()) > 15:
                if after:
                    return None
                raise FormulaError(f"amount too long at {self.at}")
            self.at = digits.end()
            return constant(Fraction(digits.group() if digits.group()[0] != "." else "0" + digits.group()))
        if _LETTER.match(self.peek()):
            name = self.peek()
            self.at += 1
            self.used.add(name)
            return {(name,): Fraction(1)}
        if self.peek() == "(":
            inner = _ARITHMETIC.match(self.text, self.at)
            if inner and inner.group(1):
                return self.arithmetic(inner)
        return None

    def arithmetic(self, inner: re.Match[str]) -> Terms:
        self.deeper()
        reader = _Reader(inner.group(1), self.sites, depth=self.depth, used=self.used)
        value = reader.amount()
        if reader.at != len(reader.text) or not reader.text:
            raise FormulaError(f"'{inner.group()}' is no amount")
        self.depth -= 1
        self.at = inner.end()
        return value

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise FormulaError("brackets nested too deeply")

    def group(self, closing: str = "") -> dict[str, Terms]:
        """Units up to the closing bracket or the end."""
        total: dict[str, Terms] = {}
        while self.at < len(self.text):
            char = self.peek()
            if closing and char == closing:
                return total
            if closing and char in ",;" and total:
                self.at += 1
                continue
            for symbol, terms in self.unit().items():
                total[symbol] = plus(total.get(symbol, {}), terms)
        if closing:
            raise FormulaError(f"'{closing}' is missing")
        return total

    def unit(self) -> dict[str, Terms]:
        char = self.peek()
        choice = _ALTERNATIVES.match(self.text, self.at)
        if choice:
            return self.alternatives(choice)
        if char in "([":
            self.deeper()
            self.at += 1
            inner = self.group(")" if char == "(" else "]")
            self.at += 1
            self.depth -= 1
            if not inner:
                raise FormulaError("empty brackets")
        elif char == "□":
            self.at += 1
            self.amount()
            return {}
        elif char.isascii() and char.isupper():
            inner = {self.symbol(): constant(1)}
        else:
            if char == "/":
                raise FormulaError("several materials joined by '/'")
            raise FormulaError(f"'{char}' at {self.at} is no element")
        factor = self.amount()
        return {symbol: times(terms, factor) for symbol, terms in inner.items()}

    def symbol(self) -> str:
        primed = re.compile(r"M'+").match(self.text, self.at)
        if primed:
            self.at = primed.end()
            return primed.group()
        for length in (2, 1):
            name = self.text[self.at : self.at + length]
            if len(name) == length and (name in ELECTRONEGATIVITY or name in self.sites or name == "D"):
                self.at += length
                return "H" if name == "D" else name
        word = re.match(r"[A-Z][a-z]*", self.text[self.at :])
        raise FormulaError(f"'{word.group() if word else self.peek()}' is no element")

    def alternatives(self, choice: re.Match[str]) -> dict[str, Terms]:
        values = re.split(r"[,/]", choice.group(1))
        for value in values:
            if value not in ELECTRONEGATIVITY and value not in self.sites:
                raise FormulaError(f"'{value}' is no element")
        taken = set(self.choices) | set(re.findall(r"M(?![a-z])'*", self.text))
        name = next(n for n in ("M" + "'" * i for i in range(99)) if n not in taken)
        self.choices[name] = values
        self.at = choice.end()
        return {name: self.amount()}


_HYDRATE = re.compile(
    r"(?<![·*.]\d)(?<![·*.]\d\d)(?<![A-Za-z)]0)[.*]"
    r"(?=\d*(?:\.\d+)?[xyn]?(?:\([^()A-Z]*\))?[HD]2O(?!\d))"
)
_COEFFICIENT = re.compile(r"(?:\d+(?:\.\d+)?(?:/\d+)?[a-z]?|[a-z]|\([^A-Z()]+\))(?=[A-Z(\[])")
_JOINT = re.compile(r"[-+](?=(?:\d+(?:\.\d+)?[a-z]?|[a-z]|\([^A-Z()]+\))?[A-Z(\[])")
_TWO = re.compile(r"[A-Z]")


def depths_of(text: str) -> list[int]:
    """How many brackets enclose each character."""
    depth, depths = 0, []
    for char in text:
        depth += char in "(["
        depths.append(depth)
        depth -= char in ")]"
    return depths


def _parts(text: str) -> list[str]:
    """Splits hydrates and mixtures: "A·5H2O", "(1-x)A-xB", "BaO-B2O3"."""
    text = _HYDRATE.sub("·", text)
    text = re.sub(r"(?<=[A-Za-z0-9)\]])[×](?=\d*\.?\d*[A-Z(])", "·", text)
    if text.count("·") > 20:
        raise FormulaError("too many parts")
    parts: list[str] = []
    for chunk in text.split("·"):
        depths = depths_of(chunk)
        weighted = bool(_COEFFICIENT.match(chunk)) or "·" in text
        cuts = []
        for joint in _JOINT.finditer(chunk):
            following = chunk[joint.end() : joint.end() + 1]
            direct = following.isupper() or (following in "([" and not _ARITHMETIC.match(chunk, joint.end()))
            # "BaO-2SiO2": a whole number of units of something with two elements
            counted = re.match(r"[2-9](?:[A-Z][a-z]?[\d.]*){2}", chunk[joint.end() :])
            direct = direct or bool(counted and not chunk[joint.start() - 1].islower())
            if depths[joint.start()] == 0 and joint.start() and (direct or weighted):
                cuts.append(joint.start())
        begin = 0
        for index, cut in enumerate(cuts):
            end = cuts[index + 1] if index + 1 < len(cuts) else len(chunk)
            following = chunk[cut + 1]
            if (
                (following.isupper() and not weighted)
                or following.isdigit()
                or len(_TWO.findall(chunk[cut + 1 : end])) >= 2
            ):
                parts.append(chunk[begin:cut])
                begin = cut + 1
        parts.append(chunk[begin:])
    if any(not p for p in parts):
        raise FormulaError("a part is empty")
    return parts


def _uncharged(text: str) -> str:
    """Takes off a charge at the end: "Co^3+", "Tb3+", "SO42-", "NH4+"."""
    if "^" not in text and text[-1:] not in ("+", "-"):
        return text
    text = re.sub(r"\^\d*[+-]+\d*", "", text)
    single = re.fullmatch(r"([A-Z][a-z]?)\d?[+-]", text)
    if single:
        return single.group(1)
    if re.search(r"\D\d\d[+-]$", text):
        return text[:-2]
    return text[:-1] if text[-1:] in ("+", "-") else text


def _split_additive(text: str) -> tuple[str, str]:
    """Host and additive of "NaSrBO3:Tb3+" or "BaTiO3+2mol%MnO2"."""
    percent = re.search(r"[+:]?(?:\d+(?:\.\d+)?|[a-z])?(?:wt|mol|at)\.?%|(?<=[\w)])[:+](?:\d+(?:\.\d+)?|[a-z])?%", text)
    if percent and percent.start():
        return text[: percent.start()].rstrip(":+-"), text[percent.start() :]
    host, colon, rest = text.partition(":")
    return (host, rest) if colon and host else (text, "")


def _added(host: Mapping[str, Terms], additive: str) -> dict[str, Terms]:
    """The additive's elements where the host was written deficient for it ("Ca0.9...:0.1Eu3+"), else nothing."""
    match = re.fullmatch(
        r"(?:(\d*\.\d+|[a-z])([A-Z][a-z]?)|([A-Z][a-z]?)([a-z]|\d*\.\d+?))(?:\^?\d?\+)?", additive.strip()
    )
    if not match or (match.group(4) and match.group(4)[0].isdigit()):
        return {}
    symbol, amount = match.group(2) or match.group(3), match.group(1) or match.group(4)
    deficient = any(set(t) != {()} or t[()].denominator != 1 for t in host.values())
    if symbol not in ELECTRONEGATIVITY or not deficient:
        return {}
    return {symbol: {(amount,): Fraction(1)} if amount.isalpha() else constant(Fraction(amount))}


@lru_cache(maxsize=65536)
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
    for part in _parts(_uncharged(host)):
        body, weight = part, constant(1)
        lead = _COEFFICIENT.match(part)
        if lead:
            reader = _Reader(lead.group(), sites, used=used)
            weight = reader.amount()
            body = part[lead.end() :]
            if reader.at != len(lead.group()):
                raise FormulaError(f"'{lead.group()}' is no amount")
        body = names.dictionary()["mixture_parts"].get(body, body)
        nested = re.fullmatch(r"[(\[]((?:[^()\[\]]|\([^()]*\))*)[)\]]", body)
        if nested and len(_parts(nested.group(1))) > 1:
            inner, inner_choices, inner_used = read(nested.group(1), sites)
            composition = inner
            choices |= inner_choices
            used |= inner_used
        else:
            reader = _Reader(body, sites, choices=choices, used=used)
            composition = reader.group()
        for symbol, terms in composition.items():
            total[symbol] = plus(total.get(symbol, {}), times(terms, weight))
    total = {s: t for s, t in total.items() if t}
    if additive:
        total = {**_added(total, additive), **total}
    if not total:
        raise FormulaError("no element has an amount")
    negative = [s for s, t in total.items() if all(value < 0 for value in t.values())]
    if negative:
        raise FormulaError(f"the amount of {negative[0]} is negative")
    return total, choices, frozenset(used)


def rank(symbol: str) -> tuple[float, str]:
    """Sort key: electronegativity, then symbol."""
    return (ELECTRONEGATIVITY.get(symbol, -1.0), symbol)


def spelled(total: Mapping[str, Terms]) -> str:
    """The reduced formula: whole numbers without common divisor, electronegativity ascending."""
    values = list(total.values())
    amounts = dict(total)
    if all(set(t) == {()} and t[()].denominator == 1 for t in values):
        divisor = math.gcd(*(t[()].numerator for t in values))
        reduced = {s: constant(t[()] / divisor) for s, t in total.items()}
        symbols = sorted(reduced, key=rank)
        bare = "".join(s + ("" if reduced[s][()] == 1 else number(reduced[s][()])) for s in symbols)
        if bare in _KEEP or (bare in _DOUBLED and divisor % 2 == 0):
            reduced = {s: constant(2) for s in total}
        amounts = reduced
    pieces = []
    for symbol in sorted(amounts, key=rank):
        text = written(amounts[symbol])
        if symbol + text[0] in ELECTRONEGATIVITY:
            text = "1" + text  # n times S is "S1n", no tin
        pieces.append(symbol + ("" if text == "1" else text))
    return "".join(pieces)
