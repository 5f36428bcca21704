"""Values with units and what they are values of: the rule extractor behind transition and property records.

Which properties exist, their cues, units and ranges is data (`properties.yaml`). Compounds come from `materials`;
the records of whole documents are put together in `extract`.
"""

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from etl.text.materials import Mention
from etl.text.plain import sentences
from schemas.errors import InputError


class Property(BaseModel):
    """One thing to extract, as the YAML says it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    type: str
    unit: str
    range: tuple[float, float]
    cues: tuple[str, ...]
    notations: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()
    scope: Literal["sentence"] = "sentence"


class Ambiguous(BaseModel):
    """Symbols and phrases whose meaning the words around them decide."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    symbols: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    contexts: dict[str, tuple[str, ...]] = {}
    fallback: str = "OTHER"


class Properties(BaseModel):
    """The whole configuration file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    units: dict[str, dict[str, tuple[float, float]]]
    properties: tuple[Property, ...]
    ambiguous: Ambiguous = Ambiguous()


@lru_cache(maxsize=8)
def configuration(path: str | None = None) -> Properties:
    """Reads a property configuration; the shipped one by default. A file without `units` or `ambiguous` inherits them.

    Raises:
        InputError: missing or malformed file.
    """
    shipped = Path(__file__).with_name("properties.yaml")
    where = Path(path) if path else shipped
    try:
        loaded = yaml.safe_load(where.read_text(encoding="utf-8"))
        base = yaml.safe_load(shipped.read_text(encoding="utf-8"))
        if isinstance(loaded, list):
            loaded = {"properties": loaded}
        if not isinstance(loaded, dict):
            raise InputError.of("no mapping or list", where, "see etl/text/properties.yaml")
        loaded["units"] = {**base["units"], **(loaded.get("units") or {})}
        loaded.setdefault("ambiguous", base["ambiguous"])
        for entry in loaded.get("properties", []):
            if isinstance(entry, dict):
                entry.setdefault("type", entry.get("name", ""))
        return Properties.model_validate(loaded)
    except OSError as error:
        raise InputError.of(f"cannot read ({error.strerror})", where, "check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError.of("not valid YAML", where, str(error).splitlines()[0]) from error
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError.of(
            f"{'.'.join(str(p) for p in first['loc'])}: {first['msg']}", where, "see etl/text/properties.yaml"
        ) from error


def phrase(text: str) -> str:
    """The pattern of a cue: spaces match hyphens too, a final * ends a stem, acronyms keep their case."""
    body = re.escape(text.removesuffix("*")).replace(r"\ ", r"[\s-]+")
    body += r"\w*" if text.endswith("*") else r"s?"
    flags = "" if text.isupper() else "i"
    return rf"(?{flags}:(?<![\w]){body}(?!\w))" if flags else rf"(?<!\w){body}(?!\w)"


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
_SINGLE = re.compile(rf"{_BEFORE}(?P<first>{_N}){_ERROR}\s?(?P<unit>{_KELVIN}){_NOT_RATE}")
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
_BETWEEN = re.compile(r"\b(?:between|range|ranging|from|interval)\b[^.\d]{0,25}$", re.IGNORECASE)


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


# Cues -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cue:
    """A word or symbol that says what a value nearby is; `type` is "?" where the words around decide."""

    start: int
    end: int
    type: str
    symbol: bool
    text: str


@dataclass(frozen=True)
class _Cues:
    """Compiled cues of the entries with one property name."""

    unit: str
    patterns: tuple[tuple[str, bool, re.Pattern[str]], ...]
    requires: tuple[re.Pattern[str], ...]
    ranges: dict[str, tuple[float, float]]


def _symbols(notations: tuple[str, ...]) -> str:
    body = "|".join(re.escape(n) for n in sorted(notations, key=len, reverse=True))
    return rf"(?<![A-Za-z])(?:{body})(?![A-Za-z])"


@lru_cache(maxsize=32)
def _compiled(config: str | None, name: str) -> _Cues:
    settings = configuration(config)
    entries = [p for p in settings.properties if p.name == name]
    patterns: list[tuple[str, bool, re.Pattern[str]]] = []
    for entry in entries:
        sure = [c for c in entry.cues if c not in entry.ambiguous]
        if sure:
            patterns.append((entry.type, False, re.compile("|".join(phrase(c) for c in sure))))
        if entry.ambiguous:
            patterns.append((f"?{entry.type}", False, re.compile("|".join(phrase(c) for c in entry.ambiguous))))
        if entry.notations:
            patterns.append((entry.type, True, re.compile(_symbols(entry.notations))))
        if entry.negative:
            patterns.append(("", False, re.compile("|".join(phrase(c) for c in entry.negative))))
    if name == "transition":
        patterns.append(("?", True, re.compile(_symbols(settings.ambiguous.symbols))))
        patterns.append(("?", False, re.compile("|".join(phrase(c) for c in settings.ambiguous.phrases))))
    requires = tuple(re.compile("|".join(phrase(c) for c in p.requires)) for p in entries if p.requires)
    return _Cues(entries[0].unit, tuple(patterns), requires, {p.type: p.range for p in entries})


def _cues(sentence: str, offset: int, cues: _Cues) -> list[Cue]:
    found = [
        Cue(offset + m.start(), offset + m.end(), kind, symbol, m.group())
        for kind, symbol, pattern in cues.patterns
        for m in pattern.finditer(sentence)
    ]
    # a longer cue wins over one inside it ("spin Peierls" over "Peierls")
    return [
        c
        for c in found
        if not any(
            o is not c and o.start <= c.start and c.end <= o.end and (o.end - o.start) > (c.end - c.start)
            for o in found
        )
    ]


@lru_cache(maxsize=8)
def _contexts(config: str | None) -> tuple[tuple[str, re.Pattern[str]], ...]:
    contexts = configuration(config).ambiguous.contexts
    return tuple((kind, re.compile("|".join(phrase(w) for w in words))) for kind, words in contexts.items())


def _decided(sentence: str, at: int, document: str, config: str | None) -> str:
    """The type of an ambiguous symbol at `at`: the nearest context word of the sentence, else most of the document."""
    near = [
        (abs(match.end() - at) + (30 if match.start() > at else 0), kind)
        for kind, pattern in _contexts(config)
        for match in pattern.finditer(sentence)
    ]
    if near:
        return min(near)[1]
    counts = [(len(pattern.findall(document)), -i, kind) for i, (kind, pattern) in enumerate(_contexts(config))]
    best = max(counts, default=(0, 0, ""))
    if best[0]:
        return best[2]
    return "CURIE" if "Curie" in sentence else configuration(config).ambiguous.fallback


_LINK = re.compile(
    r"^[\s)\],]*(?:\([^()]{0,30}\)\s*)?(?:(?:is|was|are|were|of|at|as|high|low|be|to|about|around|near|nearly|"
    r"approximately|found|the|order|equal|up|"
    r"value|values|only|ca\.?|only|just|below|above|occurs?|occurring|observed|estimated|reported)\b|"
    r"[=~:<>≤≥()\s,]|by\s)*$"
)
_NOT_A_POINT = re.compile(
    r"(?:\b(?:down to|measured at|by|change of(?: only)?|differences? of|width of|hysteresis of|within|"
    r"lower than|ΔT\s*=|for T\s*[<>=]|steps? of|"
    r"performed (?:at|below|above)|recorded at|obtained at|taken at|temperatures? (?:as low as|down to|of)|"
    r"annealed [^.]{0,20}at|T\s?=|T\s*~)|"
    r"[×/])\s*(?:about\s|~)?\s*$"
)


def _cost(text: str, value: Value, cue: Cue, others: list[Value]) -> float:
    """How far a cue is from a value, in characters, with what stands between weighted."""
    before = cue.end <= value.start
    between = text[cue.end : value.start] if before else text[value.end : cue.start]
    if before and cue.symbol and len(between) < 60 and _LINK.match(between):
        return 0.0
    cost = len(between) * (1.0 if before else 1.25)
    low, high = (cue.end, value.start) if before else (value.end, cue.start)
    cost += 45 * sum(1 for o in others if o is not value and low <= o.start < high)
    cost += 12 * len(re.findall(r"[,;]|\band\b|\bwhile\b|\bwhereas\b", between))
    cost += 25 if cue.symbol else 0
    cost += 15 if cue.type.startswith("?") else 0
    return cost + (25 if not before else 0)


@dataclass(frozen=True)
class Found:
    """A value, what it is and the compound it belongs to; spans in the plain text."""

    name: str
    type: str
    value: Value
    mention: Mention | None
    sentence: tuple[int, int]
    rule: str
    confidence: float


_FARTHEST = 170.0


def read(
    text: str,
    mentions: list[Mention],
    *,
    title: list[Mention],
    document: str,
    name: str = "transition",
    config: str | None = None,
) -> list[Found]:
    """Values of one property in one field.

    Args:
        text: plain text of the field.
        mentions: its compounds.
        title: compounds of the document's title, for values whose field names none.
        document: plain text of the whole document, for ambiguous symbols.
        name: the property's name in the configuration.
        config: path of another configuration.
    """
    cues = _compiled(config, name)
    units = configuration(config).units
    found: list[Found] = []
    for begin, end in sentences(text):
        sentence = text[begin:end]
        quantities = [
            Value(begin + v.start, begin + v.end, v.value, v.low, v.high, v.unit)
            for v in values(sentence, cues.unit, units)
        ]
        if not quantities or any(not r.search(sentence) for r in cues.requires):
            continue
        signs = _cues(sentence, begin, cues)
        chosen = [(v, *_meaning(text, v, signs, quantities, (begin, end), document, config)) for v in quantities]
        kept = [(v, kind, cost) for v, kind, cost in chosen if kind and _within(v, cues.ranges.get(kind))]
        linked = _linked(text, [v for v, _, _ in kept], mentions, title, (begin, end))
        for (value, kind, cost), (mention, how, sure) in zip(kept, linked, strict=True):
            confidence = round(max(0.1, 0.95 - cost / 300) * sure, 3)
            rule = f"{name}:{'symbol' if cost == 0 else 'cue'}:{how}"
            found.append(Found(name, kind, value, mention, (begin, end), rule, confidence))
    return found


def _within(value: Value, limits: tuple[float, float] | None) -> bool:
    if limits is None:
        return True
    return all(limits[0] <= v <= limits[1] for v in (value.value, value.low, value.high) if v is not None)


def _meaning(
    text: str,
    value: Value,
    signs: list[Cue],
    others: list[Value],
    span: tuple[int, int],
    document: str,
    config: str | None,
) -> tuple[str, float]:
    """What a value is ("" for nothing) and the cost of saying so."""
    costs = sorted(((_cost(text, value, c, others), i) for i, c in enumerate(signs)), key=lambda t: (t[0], t[1]))
    if not costs or costs[0][0] > (_FARTHEST if len(others) > 1 else 1.6 * _FARTHEST):
        return "", 0.0
    cost, index = costs[0]
    before = text[span[0] : value.start]
    after = text[value.end : value.end + 22]
    if cost > 0 and value.unit == "K":
        if _NOT_A_POINT.search(before) or re.match(
            r"\s*(?:\)\s*)?(?:temperature )?range\b|\s*(?:higher|lower|wide|above|below) ", after
        ):
            return "", 0.0
        if value.low is not None and _BETWEEN.search(before) and value.high is not None and value.high > 2 * value.low:
            return "", 0.0
    cue = signs[index]
    sentence = text[span[0] : span[1]]
    if cue.type == "?":
        return _decided(sentence, value.start - span[0], document, config), cost
    if cue.type.startswith("?"):
        decided = _decided(sentence, value.start - span[0], document, config)
        return ("FE" if decided == "FE" else cue.type[1:]), cost
    return cue.type, cost


def _linked(
    text: str, quantities: list[Value], mentions: list[Mention], title: list[Mention], span: tuple[int, int]
) -> list[tuple[Mention | None, str, float]]:
    """The compound of each value: pairs with "respectively", else the nearest in the sentence, before, in the title."""
    inside = [m for m in mentions if span[0] <= m.start < span[1]]
    sentence = text[span[0] : span[1]]
    real = [m for m in inside if m.kind != "element"]
    if "respectively" in sentence and len(quantities) > 1 and len(real) == len(quantities):
        return [(m, "respectively", 0.9) for m in real]
    return [_nearest(text, v, inside, mentions, title, span) for v in quantities]


_SUBSTRATE = re.compile(
    r"^[\s-]*(?:\([\d ]+\)\s*)?(?:substrate|buffer|matrix|capping|single crystal substrate|electrode)", re.IGNORECASE
)


def _carried(text: str, mention: Mention) -> bool:
    """Whether the compound is what something else lies on."""
    before = text[max(0, mention.start - 12) : mention.start]
    return bool(_SUBSTRATE.match(text[mention.end : mention.end + 30]) or re.search(r"\bon[\s-]+(?:\w+\s+)?$", before))


def _weight(text: str, mention: Mention, value: Value) -> float:
    before = mention.end <= value.start
    between = text[mention.end : value.start] if before else text[value.end : mention.start]
    cost = len(between) + (0 if before else 20) + (70 if mention.kind == "element" else 0)
    return cost + (120 if _carried(text, mention) else 0)


def _nearest(
    text: str, value: Value, inside: list[Mention], mentions: list[Mention], title: list[Mention], span: tuple[int, int]
) -> tuple[Mention | None, str, float]:
    def best(found: list[Mention]) -> Mention:
        return min(found, key=lambda m: _weight(text, m, value))

    solid = [m for m in inside if m.kind != "element" and m.formula != "H2O"]
    if solid and (
        _weight(text, best(solid), value) < 60 or not _carried(text, best(solid)) or len(mentions) == len(solid)
    ):
        return best(solid), "sentence", 1.0
    earlier = [m for m in mentions if m.end <= span[0] and m.kind != "element" and not _carried(text, m)]
    if earlier:
        near = best(earlier)
        close = [m for m in title if m.kind != "element"]
        if close and near.formula not in {m.formula for m in close} and span[0] - near.end > 400:
            return close[0], "title", 0.7
        return near, "previous", 0.8
    solid_title = [m for m in title if m.kind != "element"]
    if solid_title:
        return solid_title[0], "title", 0.75
    if inside:
        return best(inside), "sentence", 0.7
    if title:
        return title[0], "title", 0.6
    later = [m for m in mentions if m.kind != "element"] or mentions
    return (best(later), "document", 0.5) if later else (None, "none", 0.3)
