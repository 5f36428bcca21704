"""Numbers with units in a plain text: temperatures, energies, decades, and the units of a configuration.

What a quantity is a value of is decided in `transitions`.
"""

import math
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Value:
    """A quantity in a plain text: value, or low and high of a range; in the unit asked for."""

    start: int
    end: int
    value: float | None
    low: float | None
    high: float | None
    unit: str


_N = r"\d+(?:\.\d+)?"
_ERROR = r"(?:\s?\(\d+\))?(?:\s?±\s?\d+(?:\.\d+)?)?"
_KELVIN = r"(?:mK|K|[Kk]elvin|°\s?C|deg\.?\s?C|o\s?C|C)"
_NOT_RATE = r"(?![A-Za-z0-9]|\s?[-/^]\s?\d|\s?/|\s?(?:min|h|s)\^?-|-\d|\s?per\b)"
_BEFORE = r"(?:(?<![\w.^+])|(?<=T[cCN])|(?<=TCO)|(?<=TMI))"
_TEMPERATURE = re.compile(
    rf"{_BEFORE}(?P<first>{_N}){_ERROR}\s?(?P<unit1>{_KELVIN})?(?:\s?(?P<join>-|to|and|or|"
    rf",)\s?~?\s?(?P<second>{_N}){_ERROR})?"
    rf"\s?(?P<unit>{_KELVIN}){_NOT_RATE}"
)
_ENERGY = re.compile(
    rf"(?<![\w.^])(?P<first>{_N}){_ERROR}(?:\s?(?:eV|meV))?(?:\s?(?P<join>-|to|and|"
    rf"or)\s?~?\s?(?P<second>{_N}){_ERROR})?\s?(?P<unit>m?eV)(?![A-Za-z0-9/]|\s?Å)"
)
_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_DECADES = re.compile(
    rf"(?:(?<![\w.])(?P<count>{_N}|{'|'.join(_WORDS)})(?:\s?(?:-|to)\s?(?P<high>{_N}|"
    rf"{'|'.join(_WORDS)}))?\s+(?:orders?[\s-]of[\s-]magnitude|decades))"
    rf"|(?:factors?\s+of\s+(?:about\s+|~\s?)?(?:(?P<mantissa>{_N})\s?×\s?)?(?:10\^(?P<power>\d+)|(?P<factor>{_N})))",
    re.IGNORECASE,
)
_CHANGED = re.compile(
    r"\b(?:reduc|decreas|increas|shift|chang|suppress|rais|enhanc|lower|var)\w*[^.]{0,60}\bfrom\s*$", re.IGNORECASE
)


def _canonical(unit: str) -> str:
    return "C" if unit.endswith("C") else "mK" if unit == "mK" else "K" if unit.lower() in ("k", "kelvin") else unit


def _amount(match: re.Match[str], group: str, unit: str, table: dict[str, tuple[float, float]]) -> float:
    factor, offset = table[_canonical(unit)]
    return float(match.group(group)) * factor + offset


def values(text: str, unit: str, units: dict[str, dict[str, tuple[float, float]]]) -> list[Value]:
    """Quantities of a plain text in `unit`: K, eV, decades, or a unit of the configuration."""
    if unit == "decades":
        return _decades(text)
    if unit not in ("K", "eV"):
        return _configured(text, unit, units.get(unit, {unit: (1.0, 0.0)}))
    pattern = _TEMPERATURE if unit == "K" else _ENERGY
    table = units[unit]
    found: list[Value] = []
    position = 0
    while True:
        match = pattern.search(text, position)
        if match is None:
            return found
        position = match.end()
        found.extend(_quantity(text, match, unit, table))


def _quantity(text: str, match: re.Match[str], unit: str, table: dict[str, tuple[float, float]]) -> list[Value]:
    last = match.group("unit")
    if match.group("second") is None:
        number = _amount(match, "first", last, table)
        return [Value(match.start(), match.end(), number, None, None, unit)]
    first_unit = (match.groupdict().get("unit1") if unit == "K" else None) or last
    first, second = _amount(match, "first", first_unit, table), _amount(match, "second", last, table)
    before = text[max(0, match.start() - 90) : match.start()]
    changed = match.group("join") == "to" and _CHANGED.search(before)
    ranged = match.group("join") == "-" or (match.group("join") == "to" and not changed)
    ranged = ranged or (match.group("join") == "and" and bool(re.search(r"\bbetween\s*$", before)))
    if ranged and (first < second or match.group("join") == "and"):
        return [Value(match.start(), match.end(), None, min(first, second), max(first, second), unit)]
    middle = match.start("second")
    end_first = match.end("unit1") if unit == "K" and match.group("unit1") else match.end("first")
    return [
        Value(match.start(), end_first, first, None, None, unit),
        Value(middle, match.end(), second, None, None, unit),
    ]


def _decades(text: str) -> list[Value]:
    found = []
    for match in _DECADES.finditer(text):
        low: float
        high: float | None = None
        if match.group("count"):
            low = float(_WORDS.get(match.group("count").lower(), 0) or match.group("count"))
            if match.group("high"):
                high = float(_WORDS.get(match.group("high").lower(), 0) or match.group("high"))
        elif match.group("power"):
            low = int(match.group("power")) + math.log10(float(match.group("mantissa") or 1) or 1)
        else:
            factor = float(match.group("factor"))
            if factor <= 1:
                continue
            low = math.log10(factor)
        if high is None:
            found.append(Value(match.start(), match.end(), low, None, None, "decades"))
        else:
            found.append(Value(match.start(), match.end(), None, min(low, high), max(low, high), "decades"))
    return found


def _configured(text: str, unit: str, table: dict[str, tuple[float, float]]) -> list[Value]:
    spelled = "|".join(re.escape(u) for u in sorted(table, key=len, reverse=True))
    pattern = re.compile(
        rf"(?<![\w.^])(?P<first>{_N}){_ERROR}(?:\s?-\s?(?P<second>{_N}))?\s?(?P<unit>{spelled})(?![A-Za-z0-9])"
    )
    found = []
    for match in pattern.finditer(text):
        factor, offset = table[match.group("unit")]
        first = float(match.group("first")) * factor + offset
        if match.group("second"):
            second = float(match.group("second")) * factor + offset
            found.append(Value(match.start(), match.end(), None, min(first, second), max(first, second), unit))
        else:
            found.append(Value(match.start(), match.end(), first, None, None, unit))
    return found
