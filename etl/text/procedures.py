"""The words and conditions of synthesis: the word lists of `procedures.yaml`, temperatures, times and atmospheres.

Which operation a condition belongs to is `recipes`.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from schemas.units import ZERO_CELSIUS_K


@lru_cache(maxsize=1)
def procedures() -> dict[str, Any]:
    """The contents of `procedures.yaml`."""
    path = Path(__file__).with_name("procedures.yaml")
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def words(entries: list[str]) -> str:
    """A pattern of alternatives; a final * ends a stem, spaces match hyphens and line breaks."""
    stems = sorted(entries, key=len, reverse=True)
    bodies = [
        re.escape(s.removesuffix("*")).replace(r"\ ", r"[\s-]+") + (r"\w*" if s.endswith("*") else "") for s in stems
    ]
    return rf"(?<![\w-])(?:{'|'.join(bodies)})(?!\w)"


@lru_cache(maxsize=8)
def patterns(part: str) -> Mapping[str, re.Pattern[str]]:
    """Kind -> pattern of its words, of a part of `procedures.yaml` such as operations or routes."""
    return {kind: re.compile(words(entries), re.IGNORECASE) for kind, entries in procedures()[part].items()}


@lru_cache(maxsize=1)
def unit_labels() -> Mapping[str, str]:
    """Unit -> the label that it has in the MSPT corpus; of two labels the first."""
    return {u.strip(): label for label, units in reversed(procedures()["units"].items()) for u in units}


@lru_cache(maxsize=1)
def not_operations() -> re.Pattern[str]:
    """Words that name no operation though a stem of an operation fits them: "mixture", "product"."""
    return re.compile("|".join(procedures()["not_operations"]), re.IGNORECASE)


_HOT = re.compile(
    r"(?<![\w.])(?P<value>\d+(?:\.\d+)?)(?:\s?(?:±)\s?\d+)?\s?(?P<unit>°\s?C|deg\.?\s?C|o\s?C|C|K)(?![A-Za-z0-9]|"
    r"\s?(?:/|per\b|(?:min|h|s)\s?(?:\^?-\s?1|\^))|[-^]\d)"
)
_HOT_LIST = re.compile(
    r"(?P<first>\d{2,4})\s?(?:°\s?C|deg\.?\s?C|K|C)?\s?(?P<join>and|or|,|-|"
    r"to)\s?(?P<second>\d{2,4})\s?(?P<unit>°\s?C|deg\.?\s?C|C|K)(?![\w/])"
)
_LONG = re.compile(
    r"(?<![\w.])(?P<value>\d+(?:\.\d+)?|half an|one|two|three|four|five|six|several)\s?-?(?P<unit>hours?|hrs?|h|"
    r"minutes?|mins?|min|days?|d|weeks?|s|sec|seconds?)(?![A-Za-z0-9]|\s?\^?-\s?1|\s?\^)"
)
_LONG_LIST = re.compile(
    r"(?<![\w.])(?P<first>\d+(?:\.\d+)?)\s?(?:h|hours?)?\s?(?:and|,|or)\s?(?P<second>\d+(?:\.\d+)?)\s?(?P<unit>h|hours?|"
    r"min|days?)(?![\w])"
)
_RATE = re.compile(r"(?:rate|ramp\w*|step) of\s*$|\bat\s+a\s+(?:heating|cooling)\s+rate\s+of\s*$", re.IGNORECASE)
_HOURS = {"h": 1.0, "d": 24.0, "m": 1 / 60, "s": 1 / 3600, "w": 168.0}
_NUMBERS = {"half an": 0.5, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0}


def _kelvin(value: float, unit: str) -> float:
    return value if unit == "K" else round(value + ZERO_CELSIUS_K, 2)


def temperatures(text: str) -> list[tuple[int, float]]:
    """Where temperatures stand in a plain text, and what they are in K; rates are none, room temperature is 298.15."""
    found = [
        (m.start(), _kelvin(float(m.group("value")), m.group("unit")))
        for m in _HOT.finditer(text)
        if not _RATE.search(text[max(0, m.start() - 40) : m.start()])
    ]
    told = {place for place, _ in found}
    for match in _HOT_LIST.finditer(text):
        if match.group("join") in ("and", "or", ",") and match.start() not in told:
            found.append((match.start(), _kelvin(float(match.group("first")), match.group("unit"))))
    room = [(m.start(), 298.15) for m in re.finditer(r"room temperature|ambient temperature", text)]
    return sorted([(p, t) for p, t in found if 0 < t < 4500] + room)


def times(text: str) -> list[tuple[int, float]]:
    """Where durations stand in a plain text, and what they are in hours; overnight is 12."""
    found = []
    for match in _LONG.finditer(text):
        raw = match.group("value")
        value = _NUMBERS.get(raw)
        if raw == "several" or (raw[0].isdigit() and _RATE.search(text[max(0, match.start() - 40) : match.start()])):
            continue
        hours = (value if value is not None else float(raw)) * _HOURS[match.group("unit")[0]]
        found.append((match.start(), round(hours, 4)))
    told = {place for place, _ in found}
    for match in _LONG_LIST.finditer(text):
        if match.start("first") not in told:
            found.append((match.start("first"), round(float(match.group("first")) * _HOURS[match.group("unit")[0]], 4)))
    found.extend((m.start(), 12.0) for m in re.finditer(r"\bovernight\b", text))
    return sorted(found)


@lru_cache(maxsize=1)
def _atmosphere_pattern() -> re.Pattern[str]:
    names = "|".join(re.escape(k) for k in sorted(procedures()["atmospheres"], key=len, reverse=True))
    lead = (
        r"(?:\b(?:in|under|with)\s+(?:an?\s+|the\s+)?"
        r"(?:(?:flowing|static|pure|dry|high|dynamic|ambient|reducing|inert|gentle|flow of|constant flow of|"
        r"stream of)\s+)*)"
    )
    return re.compile(
        rf"{lead}(?P<gas>{names})(?![\w-])(?!\s+(?:bath|solution|atmosphere furnace))|"
        rf"(?P<gas2>{names})\s+(?:atmosphere|flow|gas flow)"
    )


def atmospheres(text: str) -> list[tuple[int, str]]:
    """Where gases around a sample stand in a plain text, and their names in `procedures.yaml`."""
    table: dict[str, str] = procedures()["atmospheres"]
    return [(m.start(), table[m.group("gas") or m.group("gas2")]) for m in _atmosphere_pattern().finditer(text)]
