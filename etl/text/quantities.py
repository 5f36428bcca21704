"""Numbers with units in a plain text: temperatures, energies, decades, and the units of a configuration.

What a quantity is a value of is decided in `transitions`.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Value:
    """A quantity in a plain text: value, or low and high of a range; in the unit asked for."""

    start: int
    end: int
    value: float | None
    low: float | None
    high: float | None
    unit: str


# "1,340" and "100,000" are one number; "100,200" may as well be a list and is read as one
_N = r"(?>(?:[1-9]\d?(?:,\d{3})+|[1-9]\d\d(?:,000)+)(?!,?\d)|\d+)(?:\.\d+)?"
_SIGN = r"(?:(?<![^\s(\[=~<>≤≥±:])-(?=\d))?"  # a minus only where nothing is left of it: "at -5", not "T-5", "200-300"
_ERROR = r"(?:\s?\(\d+\))?(?:\s?(?:±|\+/?-)\s?\d+(?:\.\d+)?)?"
_JOIN = re.compile(r"\s?(?P<join>-|to|and|or|,(?:\s?(?:and|or)\b)?)(?:\s?~)?\s?")
_LISTED = re.compile(r"\s?(?:and|or|,(?:\s?(?:and|or)\b)?|\()(?:\s?~)?\s?")
_MOST = 15  # values of one list
_PROSE = 50  # values of one sentence
# unit -> how it is spelled, what may stand before the first number, what may not stand after the last unit
_SPELLED = {
    "K": (
        r"(?:mK|K|[Kk]elvin|°\s?C|deg\.?\s?C|o\s?C|C)",
        r"(?:(?<![\w.^+])|(?<=T[cCN])|(?<=TCO)|(?<=TMI))",
        r"(?![A-Za-z0-9]|\s?[-/^]\s?\d|\s?/|\s?(?:min|h|s)\^?-|-\d|-[A-Z]|\s?per\b)",
    ),
    "eV": (r"m?eV", r"(?<![\w.^])", r"(?![A-Za-z0-9/]|\s?Å)"),
}
_DIFFERENCE = re.compile(r"\bT(?:[A-Z]\w{0,4}|[cgst])?\s?[-+]\s?$")  # "TC - 5 K" is no 5 K
# one value told in two units: "341 K, i.e., 68 °C", "68 °C (341 K)", "340 K or 67 °C"
_SAME = re.compile(
    r"\s*[,;]?\s*[(\[]?\s*(?:(?:i\.?\s?e\.?|that is|or|equivalently|equivalent to|corresponding to|equal to)(?!\w),?)?"
    r"\s*(?:about|around|approximately|ca\.?)?\s*[=~/]?\s*"
)
_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_DECADES = re.compile(
    rf"(?:(?<![\w.])(?P<count>{_N}|{'|'.join(_WORDS)})(?:\s?(?:-|to)\s?(?P<high>{_N}|"
    rf"{'|'.join(_WORDS)}))?\s+(?:orders?[\s-]of[\s-]magnitude|decades))"
    rf"|(?:factors?\s+of\s+(?:about\s+|~\s?)?(?:(?P<mantissa>{_N})\s?×\s?)?(?:10\^(?P<power>\d+)|(?P<factor>{_N})))",
    re.IGNORECASE,
)
_DECADES_HINT = re.compile(r"[mM]agnitude|MAGNITUDE|(?i:decades|factors?\s+of)")
_CHANGED = re.compile(
    r"\b(?:reduc|decreas|increas|shift|chang|suppress|rais|ris|rose|fall|fell|drop|drops|grow|tun|evolv|mov|enhanc|lower|var)\w*[^.]{0,60}\bfrom\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Item:
    """A number of a text with the unit it is told in and half the step it is rounded to, in the unit asked for."""

    start: int
    end: int
    join: str
    unit: str
    amount: float
    rounding: float


@lru_cache(maxsize=32)
def _patterns(unit: str, spellings: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Patterns of a list of quantities, whose last one has a unit, and of one of its members."""
    every = "|".join(re.escape(u) for u in sorted(spellings, key=len, reverse=True))
    spelled, before, after = _SPELLED.get(unit, (rf"(?:{every})", r"(?<![\w.^])", r"(?![A-Za-z0-9])"))
    number = rf"{_SIGN}{_N}{_ERROR}\s?"
    member = rf"{_SIGN}{_N}{_ERROR}(?:\s?{spelled}(?![A-Za-z]))?"
    join = _JOIN.pattern.replace("?P<join>", "?:")
    whole = re.compile(rf"{before}(?:{member}{join}){{0,{_MOST - 1}}}{number}{spelled}{after}")
    return whole, re.compile(rf"(?P<number>{_SIGN}{_N}){_ERROR}(?:\s?(?P<unit>{spelled})(?![A-Za-z]))?")


@lru_cache(maxsize=32)
def _hint(unit: str, spellings: tuple[str, ...]) -> re.Pattern[str]:
    """What every quantity ends with: a digit or bracket and its unit."""
    if unit == "decades":
        return _DECADES_HINT
    every = "|".join(re.escape(u) for u in sorted(spellings or (unit,), key=len, reverse=True))
    return re.compile(rf"[\d)]\s?(?:{_SPELLED.get(unit, (every,))[0]})")


def may_hold(text: str, unit: str, units: dict[str, dict[str, tuple[float, float]]]) -> bool:
    """Whether a text may hold quantities in `unit`: a quick look that `values` never contradicts with a find."""
    return bool(_hint(unit, tuple(units.get(unit, ()))).search(text))


def too_many(sentence: str, unit: str, units: dict[str, dict[str, tuple[float, float]]]) -> bool:
    """Whether a sentence holds more quantities in `unit` than prose does: a table in one line, or nonsense."""
    return len(_hint(unit, tuple(units.get(unit, ()))).findall(sentence)) > _PROSE


def values(text: str, unit: str, units: dict[str, dict[str, tuple[float, float]]]) -> list[Value]:
    """Quantities of a plain text in `unit`: K, eV, decades, or a unit of the configuration.

    Every number of a list ("130, 200 and 400 K") is a value, a value told in two units is one; what lies below
    absolute zero is none.
    """
    if unit == "decades":
        return _decades(text)
    table = units.get(unit, {unit: (1.0, 0.0)})
    whole, member = _patterns(unit, tuple(table))
    found: list[tuple[Value, _Item]] = []
    for match in whole.finditer(text):
        for value, item in _members(text, _items(text, match, member, table), unit):
            if unit == "K" and any(v < 0 for v in (value.value, value.low, value.high) if v is not None):
                continue
            if not (found and _same(text, found[-1], (value, item))):
                found.append((value, item))
    return [value for value, _ in found]


def _items(
    text: str, match: re.Match[str], member: re.Pattern[str], table: dict[str, tuple[float, float]]
) -> list[_Item]:
    """The numbers of a list; one without unit has that of the next."""
    pieces: list[tuple[re.Match[str], str]] = []
    at, join = match.start(), ""
    while at < match.end() and (piece := member.match(text, at)):
        pieces.append((piece, join))
        joint = _JOIN.match(text, piece.end())
        at, join = (joint.end(), joint.group("join")) if joint else (match.end(), "")
    items: list[_Item] = []
    unit = ""
    for piece, before in reversed(pieces):
        unit = piece.group("unit") or unit
        factor, offset = table[_canonical(unit, table)]
        written = piece.group("number")
        amount = _number(written) * factor + offset
        items.append(_Item(*piece.span(), before, unit, amount, 0.5 * factor * _step(written)))
    return items[::-1]


def _number(written: str) -> float:
    return float(written.replace(",", ""))


def _step(written: str) -> float:
    """The step a number is rounded to: 0.1 for "68.3", 1 for "68", 10 for "340" and "300"."""
    decimals = len(written.partition(".")[2])
    return 10.0**-decimals if decimals or not written.endswith("0") else 10.0


def _canonical(spelled: str, table: dict[str, tuple[float, float]]) -> str:
    return spelled if spelled in table else "C" if spelled.endswith("C") else spelled.lower()


def _members(text: str, items: list[_Item], unit: str) -> Iterator[tuple[Value, _Item]]:
    """The values of a list, two numbers of a range as one."""
    before = text[max(0, items[0].start - 90) : items[0].start]
    at = 1 if unit == "K" and _DIFFERENCE.search(before) else 0
    while at < len(items):
        first, second = items[at], items[at + 1] if at + 1 < len(items) else None
        if second and _ranged(before if at == 0 else "", first, second):
            low, high = sorted((first.amount, second.amount))
            yield Value(first.start, second.end, None, low, high, unit), second
            at += 2
        else:
            yield Value(first.start, first.end, first.amount, None, None, unit), first
            at += 1


def _ranged(before: str, first: _Item, second: _Item) -> bool:
    """Whether two numbers are the ends of a range; "raised from 10 to 20 K" are two values."""
    if second.join == "and":
        return bool(re.search(r"\bbetween\s*$", before))
    if second.join == "to" and _CHANGED.search(before):
        return False
    return second.join in ("-", "to") and first.amount < second.amount


def _same(text: str, one: tuple[Value, _Item], other: tuple[Value, _Item]) -> bool:
    """Whether a value only says another one again, in another unit and as both are rounded."""
    (first, told), (second, again) = one, other
    if told.unit == again.unit or not _SAME.fullmatch(text, first.end, second.start):
        return False
    pairs = zip((first.value, first.low, first.high), (second.value, second.low, second.high), strict=True)
    apart = [abs(a - b) if a is not None and b is not None else 0.0 for a, b in pairs if (a, b) != (None, None)]
    alike = (first.value is None) == (second.value is None)
    return alike and max(apart) <= told.rounding + again.rounding + 1e-9


def lists(text: str, found: list[Value]) -> list[list[Value]]:
    """Values in order, those of one list ("130, 200 and 400 K") together."""
    groups: list[list[Value]] = []
    for value in found:
        if groups and _LISTED.fullmatch(text, groups[-1][-1].end, value.start) and len(groups[-1]) < _MOST:
            groups[-1].append(value)
        else:
            groups.append([value])
    return groups


def _decades(text: str) -> list[Value]:
    found = []
    for match in _DECADES.finditer(text):
        low: float
        high: float | None = None
        if match.group("count"):
            low = _WORDS.get(match.group("count").lower(), 0) or _number(match.group("count"))
            if match.group("high"):
                high = _WORDS.get(match.group("high").lower(), 0) or _number(match.group("high"))
        elif match.group("power"):
            low = int(match.group("power")) + math.log10(_number(match.group("mantissa") or "1") or 1)
        else:
            factor = _number(match.group("factor"))
            if factor <= 1:
                continue
            low = math.log10(factor)
        if high is None:
            found.append(Value(match.start(), match.end(), low, None, None, "decades"))
        else:
            found.append(Value(match.start(), match.end(), None, min(low, high), max(low, high), "decades"))
    return found
