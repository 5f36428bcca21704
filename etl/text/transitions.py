"""What the values of a text are values of: transition and property records by rules.

Which properties exist is `properties`, numbers with units are `quantities`, compounds come from `materials` and are
tied to values by `links`; the records of whole documents are put together in `extract`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from etl.text.links import linked
from etl.text.materials import Mention
from etl.text.plain import sentences
from etl.text.properties import configuration, phrase
from etl.text.quantities import Value, lists, values


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


def _any(phrases: Sequence[str]) -> re.Pattern[str]:
    """A pattern of the phrases, the longest first."""
    return re.compile("|".join(phrase(p) for p in sorted(phrases, key=len, reverse=True)))


@lru_cache(maxsize=32)
def _compiled(config: str | None, name: str) -> _Cues:
    settings = configuration(config)
    entries = [p for p in settings.properties if p.name == name]
    patterns: list[tuple[str, bool, re.Pattern[str]]] = []
    for entry in entries:
        sure = [c for c in entry.cues if c not in entry.ambiguous]
        if sure:
            patterns.append((entry.type, False, _any(sure)))
        if entry.ambiguous:
            patterns.append((f"?{entry.type}", False, _any(entry.ambiguous)))
        if entry.notations:
            patterns.append((entry.type, True, re.compile(_symbols(entry.notations))))
        if entry.negative:
            patterns.append(("", False, _any(entry.negative)))
    if name == "transition":
        patterns.append(("?", True, re.compile(_symbols(settings.ambiguous.symbols))))
        patterns.append(("?", False, _any(settings.ambiguous.phrases)))
    requires = tuple(_any(p.requires) for p in entries if p.requires)
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
    return tuple((kind, _any(words)) for kind, words in contexts.items())


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
_BETWEEN = re.compile(r"\b(?:between|range|ranging|from|interval)\b[^.\d]{0,25}$", re.IGNORECASE)
_NOT_A_POINT = re.compile(
    r"(?:\b(?:down to|measured at|by|change of(?: only)?|differences? of|within|lower than|ΔT\s*=|"
    r"for T\s*[<>=]|steps? of|"
    r"(?:hysteresis|width|window|broadening)\s+(?:of|exceeding|as large as|larger than)|"
    r"performed (?:at|below|above)|recorded at|obtained at|taken at|temperatures? (?:as low as|down to|of)|"
    r"annealed [^.]{0,20}at|T\s?=|T\s*~)|[×/])\s*(?:about\s|~)?\s*$"
)
# "a moment of 0.003 emu/g at 2 K", "a resistance of 5 Ω at 300 K": the temperature of another quantity
_MEASURED = re.compile(
    r"\d\s?(?:emu|μB|muB|Bohr|k?Oe|T|m?eV|[kM]?V|m?A|[kmμ]?Ω|m?W|k?J)\b[^,;]{0,25}\bat\s*(?:T\s*=\s*)?(?:about\s|~)?\s*$"
)
_NOT_A_POINT_AFTER = re.compile(
    r"\s*(?:\)\s*)?(?:temperature )?(?:range|window|interval|hysteresis|difference|shift)\b|"
    r"\s*(?:higher|lower|wide|above|below) "
)


def _cost(text: str, listed: list[Value], value: Value, cue: Cue, others: list[Value]) -> float:
    """How far a cue is from a value of a list, in characters, with what stands between weighted."""
    start, end = listed[0].start, listed[-1].end
    before = cue.end <= start
    between = text[cue.end : start] if before else text[end : cue.start]
    steps = listed.index(value) if before else len(listed) - 1 - listed.index(value)
    if before and cue.symbol and len(between) < 60 and _LINK.match(between):
        return 0.0 if steps == 0 else 12.0 * steps
    cost = len(between) * (1.0 if before else 1.25) + 12 * steps
    low, high = (cue.end, start) if before else (end, cue.start)
    cost += 45 * sum(1 for o in others if low <= o.start < high)
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
_REMEMBERED = 40  # compounds named before a sentence that it may still be about


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
        groups = lists(text, quantities)
        chosen = [
            (v, *_meaning(text, group, v, signs, quantities, (begin, end), document, config))
            for group in groups
            for v in group
        ]
        kept = [(v, kind, cost) for v, kind, cost in chosen if kind and _within(v, cues.ranges.get(kind))]
        links = linked(text, [v for v, _, _ in kept], groups, mentions, title, (begin, end))
        for (value, kind, cost), (mention, how, sure) in zip(kept, links, strict=True):
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
    listed: list[Value],
    value: Value,
    signs: list[Cue],
    others: list[Value],
    span: tuple[int, int],
    document: str,
    config: str | None,
) -> tuple[str, float]:
    """What a value of a list is ("" for nothing) and the cost of saying so."""
    start, end = listed[0].start, listed[-1].end
    reach = 1.6 * _FARTHEST  # no cue farther away can be the cheapest one that counts
    near = [i for i, c in enumerate(signs) if c.end > start - reach and c.start < end + reach]
    costs = sorted((_cost(text, listed, value, signs[i], others), i) for i in near)
    if not costs or costs[0][0] > (_FARTHEST if len(others) > 1 else 1.6 * _FARTHEST):
        return "", 0.0
    cost, index = costs[0]
    cue = signs[index]
    sentence = text[span[0] : span[1]]
    # the words between cue and value tell; "temperature of 385 K" after "Curie" is no measuring temperature
    before = text[cue.end if cue.end <= start else span[0] : start]
    if cost > 0 and value.unit == "K" and _no_point(value, before, text[end : end + 22]):
        return "", 0.0
    if cue.type == "?":
        return _decided(sentence, value.start - span[0], document, config), cost
    if cue.type.startswith("?"):
        decided = _decided(sentence, value.start - span[0], document, config)
        return ("FE" if decided == "FE" else cue.type[1:]), cost
    return cue.type, cost


def _no_point(value: Value, before: str, after: str) -> bool:
    """Whether the words around a temperature say that it is a condition, a difference or a range of measurement."""
    if _NOT_A_POINT.search(before) or _MEASURED.search(before) or _NOT_A_POINT_AFTER.match(after):
        return True
    wide = value.low is not None and value.high is not None and value.high > 2 * value.low
    return wide and bool(_BETWEEN.search(before))
