"""What the values of a text are values of: transition and property records by rules.

Which properties exist is `properties` and how their cues are found is `cues`; numbers with units are `quantities`, and
`points` tells a condition from a point. Compounds come from `materials` and are tied to values by `links`; the records
of whole documents are put together in `extract`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from etl.text import cues, points
from etl.text.cues import UNSURE, Cue, Cues
from etl.text.links import linked
from etl.text.materials import Mention
from etl.text.properties import configuration
from etl.text.quantities import Value, lists, too_many, values


@dataclass(frozen=True)
class Found:
    """A value, what it is and the compound it belongs to; spans in the plain text."""

    name: str
    type: str
    value: Value
    mention: Mention
    sentence: tuple[int, int]
    rule: str
    confidence: float


_LINK = re.compile(
    r"^[\s)\],]*(?:\([^()]{0,30}\)\s*)?(?:(?:is|was|are|were|of|at|as|high|low|be|to|about|around|near|nearly|"
    r"approximately|found|the|order|equal|up|increases?|increased|reach(?:es|ed|ing)?|"
    r"value|values|being|only|ca\.?|just|below|above|occurs?|occurring|observed|estimated|reported|predicted|calculated)\b|"
    r"[=~:<>≤≥()\s,])*$"
)
_BREAK = re.compile(r"[,;]|\band\b")
_CLAUSE = re.compile(r";|\b(?:while|whereas|but|although|though)\b")
_OTHER_CLAUSE = re.compile(
    r";|\b(?:and|while|whereas|but|although|though|which|where)\b(?! (?:a|an|the) (?:first|second))"
)
_FOREIGN = re.compile(r"(?<![A-Za-z])[TΘθ][A-Za-z0-9*]{1,6}\s?[=~]+\s*$")  # another symbol that the value is of
_FARTHEST = 170.0
_ADJOINED = 5.0
_ROW = re.compile(r"\s*(?:temperatures?\s*)?(?:,|and|or|/|\(|,\s*and)\s*(?:(?:the|a|an)\s+)?(?:\w+\s+)?\(?")


def read(
    text: str,
    sentences: Callable[[], Sequence[tuple[int, int]]],
    mentions: Callable[[], list[Mention]],
    *,
    title: Callable[[], list[Mention] | None],
    document: str,
    name: str = "transition",
    config: str | None = None,
) -> list[Found]:
    """Values of one property in one field.

    Args:
        text: plain text of the field.
        sentences: gives its sentences.
        mentions: gives its compounds; asked only where a value was found.
        title: gives the compounds of the document's title, for values whose field names none; None without title.
        document: plain text of the whole document, for ambiguous symbols.
        name: the property's name in the configuration.
        config: path of another configuration.
    """
    known = cues.compiled(config, name)
    units = configuration(config).units
    found: list[Found] = []
    if any(not required.search(text) for required in known.requires):
        return found
    for begin, end in sentences():
        sentence = text[begin:end]
        if any(not required.search(sentence) for required in known.requires):
            continue
        if too_many(sentence, known.unit, units):
            continue
        quantities = [replace(v, start=begin + v.start, end=begin + v.end) for v in values(sentence, known.unit, units)]
        if known.unit == "K":
            quantities = [v for v in quantities if not points.is_isotope(text, v)]
        if not quantities:
            continue
        scene = _Scene(text, (begin, end), known.find(sentence, begin, document), quantities, document, config)
        found.extend(_told(scene, name, known, mentions, title))
    return found


@dataclass(frozen=True)
class _Scene:
    """A sentence with what was found in it."""

    text: str
    span: tuple[int, int]
    signs: list[Cue]
    quantities: list[Value]
    document: str
    config: str | None

    def decided(self, cue: Cue) -> str:
        """The type of a cue; the words around decide it where it is unsure."""
        if not cue.type.startswith(UNSURE):
            return cue.type
        if cue.type == UNSURE:
            for other in self.signs:  # "Verwey transition near", "glass transition at"
                if other.type != UNSURE and other.when is None and other.start < cue.start <= other.end + 1 < cue.end:
                    return self.decided(other)
        begin, end = self.span
        kind = cues.decided(self.text[begin:end], (cue.start - begin, cue.end - begin), self.document, self.config)
        _, usual, instead = cue.type.split(UNSURE) if cue.type != UNSURE else ("", kind, kind)
        return instead if kind == instead else usual


def _told(
    scene: _Scene,
    name: str,
    known: Cues,
    mentions: Callable[[], list[Mention]],
    title: Callable[[], list[Mention] | None],
) -> list[Found]:
    """The records of one sentence."""
    groups = lists(scene.text, scene.quantities)
    chosen = [(value, *_meaning(scene, group, value)) for group in groups for value in group]
    kept = [(v, kind, cost) for v, kind, cost in chosen if kind and _within(v, known.ranges.get(kind))]
    if not kept:
        return []
    links = linked(scene.text, [v for v, _, _ in kept], groups, mentions(), title(), scene.span)
    found = []
    for (value, kind, cost), (mention, how, sure) in zip(kept, links, strict=True):
        inside = mention is not None and how in ("sentence", "respectively", "listed")
        if mention is None or (kind in known.local and not inside):
            continue
        confidence = round(max(0.1, 0.95 - cost / 300) * sure, 3)
        rule = f"{name}:{'symbol' if cost == 0 else 'cue'}:{how}"
        found.append(Found(name, kind, value, mention, scene.span, rule, confidence))
    return found


def _within(value: Value, limits: tuple[float, float] | None) -> bool:
    if limits is None:
        return True
    return all(limits[0] <= v <= limits[1] for v in (value.value, value.low, value.high) if v is not None)


def _cost(scene: _Scene, listed: list[Value], value: Value, cue: Cue) -> float:
    """How far a cue is from a value of a list, in characters, with what stands between weighted."""
    text, start, end = scene.text, listed[0].start, listed[-1].end
    before = cue.end <= start
    between = text[cue.end : start] if before else text[end : cue.start]
    steps = listed.index(value) if before else len(listed) - 1 - listed.index(value)
    if before and cue.symbol and len(between) < 60 and _LINK.match(between):
        return 0.0 if steps == 0 else 12.0 * steps
    if not before and not between.strip() and steps == 0:
        return _ADJOINED  # "the 340 K transition"
    cost = len(between) * (1.0 if before else 1.25) + 12 * steps
    low, high = (cue.end, start) if before else (end, cue.start)
    cost += 45 * sum(1 for o in scene.quantities if low <= o.start < high)
    cost += 12 * len(_BREAK.findall(between)) + 30 * len((_CLAUSE if before else _OTHER_CLAUSE).findall(between))
    cost += 25 if cue.symbol else 0
    cost += _FARTHEST if not before and _holds_another(scene, cue) else 0
    cost += 15 if cue.type.startswith(UNSURE) else 0
    return cost + (25 if not before else 0)


def _holds_another(scene: _Scene, cue: Cue) -> bool:
    """Whether a value follows that the cue is told of in so many words: "its Curie temperature being 763 K"."""
    after = next((v.start for v in scene.quantities if v.start >= cue.end), None)
    return after is not None and after - cue.end < 60 and bool(_LINK.match(scene.text[cue.end : after]))


def _meaning(scene: _Scene, listed: list[Value], value: Value) -> tuple[str, float]:
    """What a value of a list is ("" for nothing) and the cost of saying so."""
    text, start, end = scene.text, listed[0].start, listed[-1].end
    row = _row(scene, listed)
    if row:
        return scene.decided(row[listed.index(value)]), 12.0 * listed.index(value)
    farthest = _FARTHEST if len(scene.quantities) > 1 else 1.6 * _FARTHEST
    reach = 1.6 * _FARTHEST  # no cue farther away can be the cheapest one that counts
    near = [c for c in scene.signs if c.end > start - reach and c.start < end + reach and _counts(scene, c, start)]
    costs = sorted((_cost(scene, listed, value, cue), i) for i, cue in enumerate(near))
    if not costs or costs[0][0] > farthest:
        return "", 0.0
    cost, index = costs[0]
    cue = near[index]
    # the words between cue and value tell; "temperature of 385 K" after "Curie" is no measuring temperature
    before = text[cue.end if cue.end <= start else scene.span[0] : start]
    held = cost == 0 or (cue.end <= start and len(before) < 60 and _LINK.match(before) is not None)
    if value.unit == "K" and cue.start >= end and _FOREIGN.search(before):
        return "", 0.0  # "TK = 14 K and a Curie temperature"
    if cue.when and (told := cue.when.search(before)):
        before = before[: told.start()]
    if value.unit == "K" and not points.is_point(value, before, text[end : end + 40], held=held):
        return "", 0.0
    rest = text[cue.end : start] if cue.end <= start else text[end : scene.span[1]]
    if value.unit == "K" and points.is_denied(text[scene.span[0] : cue.start], rest):
        return "", 0.0
    return scene.decided(cue), cost


def _counts(scene: _Scene, cue: Cue, start: int) -> bool:
    """Whether what the cue wants to stand just before a value stands there."""
    return cue.when is None or bool(cue.when.search(scene.text[max(scene.span[0], start - 40) : start]))


def _row(scene: _Scene, listed: list[Value]) -> list[Cue]:
    """The cues of a list of values where they are one too, before or after it: "TN and TC are 40 and 20 K"."""
    if len(listed) < 2:
        return []
    start, end, number = listed[0].start, listed[-1].end, len(listed)
    known = [c for c in scene.signs if c.type and c.when is None]
    before, after = [c for c in known if c.end <= start][-number:], [c for c in known if c.start >= end][:number]
    for row, between in (
        (before, scene.text[before[-1].end : start] if before else ""),
        (after, scene.text[end : after[0].start] if after else ""),
    ):
        several = len(row) == number and len({c.type for c in row}) > 1
        if several and _joined(scene.text, row) and len(between) < 60 and not _CLAUSE.search(between):
            return row
    return []


def _joined(text: str, row: list[Cue]) -> bool:
    return all(_ROW.fullmatch(text, one.end, other.start) for one, other in pairwise(row))
