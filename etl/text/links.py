"""Which compound of a text a value belongs to: lists in pairs, else the nearest one, clauses and asides weighted.

What a value is a value of is `transitions`; where compounds stand is `materials`.
"""

import re
from bisect import bisect_left
from dataclasses import replace

from etl.text import series
from etl.text.materials import Mention
from etl.text.quantities import Value

Link = tuple[Mention | None, str, float]  # the compound, how it was found, how sure
_REMEMBERED = 40  # compounds named before a sentence that it may still be about
_KNOWN = 100  # compounds looked at on each side of a sentence, so that a long text takes linear time
_NEAR = 8  # compounds of a sentence looked at on each side of a value
_UNPAIRED = 0.3  # sureness where lists of compounds and values differ in length, or "respectively" pairs other things


def linked(
    text: str,
    kept: list[Value],
    groups: list[list[Value]],
    mentions: list[Mention],
    title: list[Mention] | None,
    span: tuple[int, int],
) -> list[Link]:
    """The compound of each value of a sentence.

    Where the sentence names none it is the one that the document is about, which its title tells; of a text without
    title, only where a word refers to something named before ("its").

    Args:
        text: plain text of the field.
        kept: the values to link, in order.
        groups: all values of the sentence, those of one list together.
        mentions: compounds of the field.
        title: compounds of the title; None where the document has none.
        span: the sentence.
    """
    respectively = "respectively" in text[span[0] : span[1]]
    mentions = _around(mentions, span)
    mentions = _with_symbols(text, [_kind(m) for m in mentions if not _no_subject(text, m)], span)
    refers = title is not None or bool(_ANAPHOR.search(text, *span))
    title = [_kind(m) for m in title or [] if not _no_subject("", m)]
    real = [m for m in mentions if span[0] <= m.start < span[1] and m.kind != "element"]
    if respectively and len(kept) > 1 and len(real) == len(kept):
        return [(m, "respectively", 0.9) for m in real]
    starts = [v.start for group in groups for v in group]
    named = _lists(text, mentions)
    group_of = {value: group for group in groups for value in group}
    links: list[Link] = []
    for value in kept:
        group = group_of[value]
        told_before = _told_before(text, group, respectively, mentions, named, title, span)
        if told_before:
            links.append((told_before[group.index(value)], "respectively", 0.7))
            continue
        mention, how, sure = _nearest(text, group, starts, mentions, title, span)
        if how not in ("sentence", "none") and not refers:
            mention, how, sure = None, "none", 0.0
        row = series.members(text, span, mention, len(group)) if mention else []
        row = row or (named.get(mention, []) if mention else [])
        if len(row) == len(group) > 1:
            paired = "respectively" if respectively else "listed"
            links.append((row[group.index(value)], paired, sure * (0.9 if respectively else 0.8)))
        else:
            unpaired = len(row) > 1 or (respectively and len(group) > 1)
            links.append((mention, how, min(sure, _UNPAIRED) if unpaired else sure))
    return links


_ANAPHOR = re.compile(
    r"\b(?:its|their|they|(?:this|these|both|the)(?: (?:title|present|studied|investigated|same|two))? "
    r"(?:compounds?|materials?|systems?|samples?|oxides?|alloys?))\b",
    re.IGNORECASE,
)
_JOINT = re.compile(r"\s*(?P<comma>,)?\s*(?:and|or|&|\()?\s*(?:bulk\s|the\s)?")
_SOLVENTS = frozenset({"H2O", "CO2", "N", "N2", "O2", "HCl"})
_ION = re.compile(r"[+-](?![A-Za-z\d(])")
_SYMBOL = re.compile(
    r"\b(?:for|of|in|bulk|pure|doped|superfluid|solid|liquid|[fb]cc|hcp|elemental|crystal(?:line)?)\s+"
    r"(?P<symbol>A[lgu]|B[aei]|C[aderou]|E[ru]|Fe|G[ade]|H[fgo]|Ir|L[aiu]|M[gno]|N[abdi]|Os|P[bdrt]|R[behu]|S[bcimnr]|T[abehilm]|Yb|Z[nr])(?![\w+^(\[-])|\^[34](?P<helium>He)\b"
)


def _no_subject(text: str, mention: Mention) -> bool:
    """Whether a mention is a solvent, a gas, an ion or the plural of an acronym, which have no transition here."""
    plural = re.fullmatch(r"[A-Z]{2,}s", mention.text)
    return bool(plural or mention.formula in _SOLVENTS or _ION.match(text, mention.end))


def _around(mentions: list[Mention], span: tuple[int, int]) -> list[Mention]:
    """The mentions in a sentence and near it."""
    first, last = (bisect_left(mentions, place, key=lambda m: m.start) for place in span)
    return mentions[max(0, first - _KNOWN) : last + _KNOWN]


def _kind(mention: Mention) -> Mention:
    """The mention, as an element where its name means one: "graphene", "diamond"."""
    single = mention.kind == "name" and re.fullmatch(r"[A-Z][a-z]?\d?", mention.formula or "")
    return replace(mention, kind="element") if single else mention


def _with_symbols(text: str, mentions: list[Mention], span: tuple[int, int]) -> list[Mention]:
    """The mentions and, of one sentence, elements told by their symbol: "1043 K for Fe"."""
    taken = [(m.start, m.end) for m in mentions]
    symbols = [
        Mention(*m.span(m.lastgroup), m.group(m.lastgroup), m.group(m.lastgroup), "symbol")
        for m in _SYMBOL.finditer(text, *span)
        if m.lastgroup and not any(a < m.end(m.lastgroup) and m.start(m.lastgroup) < b for a, b in taken)
    ]
    return sorted([*mentions, *symbols], key=lambda m: m.start) if symbols else mentions


def _told_before(
    text: str,
    group: list[Value],
    respectively: bool,
    mentions: list[Mention],
    named: dict[Mention, list[Mention]],
    title: list[Mention],
    span: tuple[int, int],
) -> list[Mention]:
    """The list of compounds of an earlier sentence or the title that a list of values without compounds is told of."""
    solid = any(span[0] <= m.start < span[1] for m in mentions if m.kind != "element")
    if len(group) < 2 or not respectively or solid:
        return []
    earlier = [named[m] for m in mentions if m.end <= span[0] and len(named.get(m, ())) == len(group)]
    if earlier:
        return earlier[-1]
    distinct = list({m.formula or m.text: m for m in title if m.kind != "element"}.values())
    return distinct if len(distinct) == len(group) else []


def _lists(text: str, mentions: list[Mention]) -> dict[Mention, list[Mention]]:
    """The list each compound stands in: "A and B", "A, B, and C"; "A, and B" may be two clauses."""
    rows: list[list[Mention]] = []
    commas: list[bool] = []
    for mention in mentions:
        if mention.kind == "element":
            continue
        joint = _JOINT.fullmatch(text, rows[-1][-1].end, mention.start) if rows else None
        if joint and joint.group().strip():
            rows[-1].append(mention)
            commas[-1] = commas[-1] or bool(joint.group("comma"))
        else:
            rows.append([mention])
            commas.append(False)
    return {m: row for row, comma in zip(rows, commas, strict=True) if len(row) > 2 or not comma for m in row}


_SUBSTRATE = re.compile(
    r"^[\s-]*(?:\([\d ]+\)\s*)?(?:substrate|buffer|matrix|capping|single crystal substrate|electrode)", re.IGNORECASE
)
_UNDER = re.compile(r"\bon(?:to)?[\s-]+(?:[\w()-]+\s+){0,2}$")
_COMPARED = re.compile(
    r"\b(?:than|similar to|unlike|like|analogous to|(?:compared|comparable|isostructural) (?:to|with))\s+"
    r"(?:(?:that|those)\s+(?:of|in|for)\s+)?(?:the\s+)?(?:\w+\s+)?$"
)
_CONTRAST = re.compile(r"\b(?:while|whereas|but|although|though|unlike)\b")
_CLAUSE = re.compile(r";|\b(?:while|whereas|but|although|though)\b|,\s+(?:and|or)\b")
_APART = re.compile(r"\b(?:and|or|which|that|than)\b")  # after a value and before a compound: another clause too
_OWN = re.compile(
    r"\s*\)?\s*(?:in|of|for)\s+(?:(?:the|our|bulk|pure|undoped|stoichiometric|epitaxial|polycrystalline|strained|thin|"
    r"single|[fb]cc|hcp|films?|layers?|powders?|samples?|nano\w+|crystals?|crystalline|of)[\s-]+){0,4}"
)
_HELD = re.compile(r"\s*(?:at|of|is|has|near|around|about|\(|=|~|\s)*")


def _compared(text: str, mention: Mention) -> bool:
    return bool(_COMPARED.search(text[max(0, mention.start - 40) : mention.start]))


def _beneath(text: str, mention: Mention) -> bool:
    """Whether something else lies on or in the compound, or it names a structure type."""
    after = text[mention.end : mention.end + 30]
    if _SUBSTRATE.match(after) or re.match(r"[\s-]types?\b", after):
        return True
    return bool(_UNDER.search(text[max(0, mention.start - 40) : mention.start]))


def _aside(text: str, mention: Mention) -> bool:
    """Whether the compound is not what is spoken of."""
    return _beneath(text, mention) or _compared(text, mention)


def _distance(text: str, mention: Mention, start: int, end: int) -> float:
    """How far a compound is from a list of values, in characters."""
    far = start - mention.end if mention.end <= start else mention.start - end + 20
    return far + (70 if mention.kind == "element" else 0) + (120 if _aside(text, mention) else 0)


def _weight(text: str, mention: Mention, group: list[Value], starts: list[int]) -> float:
    """The distance within a sentence, with what stands between weighted: another clause, another value."""
    start, end = group[0].start, group[-1].end
    before = mention.end <= start
    low, high = (mention.end, start) if before else (end, mention.start)
    between = text[low:high]
    if not before and not _aside(text, mention):
        told = re.fullmatch(r"\s*\(", between) and text[mention.end : mention.end + 1] == ")"
        if told or _OWN.fullmatch(between):
            return 0.0
    cost = _distance(text, mention, start, end)
    if before and _HELD.fullmatch(between) and not _beneath(text, mention):
        cost = len(between)  # "lower than that of V2O3 at 160 K": compared, but the value is its own
    cost += 100 * (len(_CLAUSE.findall(between)) + (0 if before else len(_APART.findall(between))))
    cost += 45 * (bisect_left(starts, high) - bisect_left(starts, low))
    return cost + (12 if before else 80) * between.count(",")


def _nearest(
    text: str,
    group: list[Value],
    starts: list[int],
    mentions: list[Mention],
    title: list[Mention],
    span: tuple[int, int],
) -> Link:
    """The compound nearest in the sentence, else one named before, in the title, or anywhere."""
    start, end = group[0].start, group[-1].end
    inside = [m for m in mentions if span[0] <= m.start < span[1]]
    solid = [m for m in inside if m.kind != "element"]
    if solid:
        left = bisect_left([m.start for m in solid], start)
        near = min(solid[max(0, left - _NEAR) : left + _NEAR], key=lambda m: _weight(text, m, group, starts))
        cost = _weight(text, near, group, starts)
        apart = near.start >= end and _CONTRAST.search(text, end, near.start)
        elsewhere = apart and _ANAPHOR.search(text, span[0], start)
        if elsewhere:  # "its transition is at 130 K, whereas LaNiO3 has none"
            return _spoken_of(text, mentions, title, span, inside, (start, end))
        if cost < 60 or not _aside(text, near) or len(mentions) == len(solid):
            return near, "sentence", 1.0
    return _spoken_of(text, mentions, title, span, inside, (start, end))


def _spoken_of(
    text: str,
    mentions: list[Mention],
    title: list[Mention],
    span: tuple[int, int],
    inside: list[Mention],
    place: tuple[int, int],
) -> Link:
    """What a sentence that names no compound is about: what the title names, what was named just before, or most."""
    earlier = [m for m in mentions if m.end <= span[0] and m.kind != "element"][-_REMEMBERED:]
    earlier = [m for m in earlier if not _aside(text, m)]
    main = {_name(m): m for m in reversed(title) if m.kind != "element"}
    if earlier:
        last = earlier[-1]
        if not main or _name(last) in main:
            return last, "previous", 0.8 if span[0] - last.end < _JUST_BEFORE else 0.65
        subject = next(iter(main.values()))
        if _related(last, subject) or (len(main) > 1 and span[0] - last.end < _JUST_BEFORE):
            return last, "previous", 0.7
        if len(main) == 1:
            known = [m for m in earlier if _name(m) == _name(subject)]
            return (known[-1], "previous", 0.75) if known else (subject, "title", 0.75)
        return last, "previous", 0.5
    if main:
        return next(iter(main.values())), "title", 0.75 if len(main) == 1 else 0.5
    if inside:
        return min(inside, key=lambda m: _distance(text, m, *place)), "sentence", 0.7
    if title:
        return title[0], "title", 0.6
    later = [m for m in mentions if m.kind != "element"]
    return (min(later, key=lambda m: _distance(text, m, *place)), "document", 0.4) if later else (None, "none", 0.3)


_JUST_BEFORE = 400  # characters


def _name(mention: Mention) -> str:
    return mention.formula or mention.text


def _related(one: Mention, other: Mention) -> bool:
    """Whether a compound is a member or variant of another: it has no element that the other lacks, or the reverse."""
    first, second = (set(re.findall(r"[A-Z][a-z]?", _name(m))) for m in (one, other))
    return len(first & second) > 1 and (first <= second or second <= first)
