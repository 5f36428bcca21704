"""Short names of compounds that a document defines: "La0.7Sr0.3MnO3 (LSMO)", "vanadium dioxide thin films (VDO)".

A bracket right behind a compound (or a formula in a bracket behind a short name) defines by itself. Where words stand
between, the detector of scispaCy decides, after A. Schwartz and M. Hearst, Pac. Symp. Biocomput. 2003, 451. Short names
that everybody uses are in `names`; compounds of running text are found by `materials`.
"""

import re
import warnings
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from etl.text import names
from etl.text.formula import reduce
from etl.text.materials import Mention, formula_of

_SHORT = r"(?:[A-Z]{2,7}|[A-Z][a-z]?[A-Z][A-Za-z]{0,5}|[A-Z][a-z]?-?\d{3,4})"
_BRACKETED = re.compile(rf"\(({_SHORT})\)")
_DIRECTLY = re.compile(rf"\s*\(({_SHORT})\)")
_BEFORE = re.compile(rf"(?<![\w-])({_SHORT})\s*[(=:]\s*$")
_FARTHEST = 60
_AMBIGUOUS = re.compile(r"(?<![\w-])[A-Z]{3,5}(?![\w])")


@lru_cache(maxsize=1)
def _pipeline() -> Any:
    import spacy
    from scispacy.abbreviation import AbbreviationDetector  # noqa: F401  (registers the pipe)

    pipeline = spacy.blank("en")
    pipeline.add_pipe("abbreviation_detector")
    return pipeline


def _stands_for(window: str, short: str, long: str) -> bool:
    """Whether the detector takes a short name for one of something that begins with the long one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an empty matcher is told of on every call
        found = _pipeline()(window)._.abbreviations
    return any(str(a) == short and str(a._.long_form).startswith(long) for a in found)


def _spells(short: str, long: str) -> bool:
    """Whether the letters of a short name stand in the long one in this order, its first at the beginning."""
    letters = iter(long.lower())
    return long[:1].lower() == short[0].lower() and all(c in letters for c in short.lower() if c.isalpha())


def definitions(text: str, mentions: Sequence[Mention]) -> dict[str, Mention]:
    """The short names that a plain text defines, each with the compound it stands for.

    Args:
        text: a plain text.
        mentions: its compounds, in order.
    """
    found: dict[str, Mention] = {}
    named = [m for m in mentions if m.kind in ("formula", "name") and m.formula]
    for mention in named:
        behind = _DIRECTLY.match(text, mention.end)
        before = _BEFORE.search(text, max(0, mention.start - 14), mention.start)
        for match in (behind, before):
            if match and not formula_of(match[1]) and _spells(match[1], mention.text):
                found.setdefault(match[1], mention)
    ends = [m.end for m in named]
    for bracket in _BRACKETED.finditer(text):
        short, index = bracket[1], bisect_left(ends, bracket.start()) - 1
        if short in found or index < 0 or bracket.start() - ends[index] > _FARTHEST:
            continue
        mention = named[index]
        window = text[mention.start : bracket.end()]
        spelled = _spells(short, mention.text) and not re.search(r"[.;(]\s", window)
        if spelled and _stands_for(window, short, mention.text):
            found[short] = mention
    return found


def resolved(texts: Sequence[tuple[str, list[Mention]]]) -> list[list[Mention]]:
    """The compounds of a document's texts together with the short names that the document defines or makes plain.

    Args:
        texts: plain texts with their compounds.

    Returns:
        For each text its compounds in order, those by short names of kind "abbreviation".
    """
    known: dict[str, Mention] = {}
    for text, mentions in texts:
        if "(" in text:
            known |= {short: m for short, m in definitions(text, mentions).items() if short not in known}
    formulas = {m.formula for _, mentions in texts for m in mentions}
    for text, _ in texts:
        for match in _AMBIGUOUS.finditer(text):
            meant = names.short(match.group())
            if meant and match.group() not in known and (same := reduce(meant)) in formulas:
                known[match.group()] = Mention(0, 0, match.group(), same, "abbreviation")
    if not known:
        return [mentions for _, mentions in texts]
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, sorted(known, key=len, reverse=True)))})(?!\w)")
    return [_with(text, mentions, pattern, known) for text, mentions in texts]


def _with(text: str, mentions: list[Mention], pattern: re.Pattern[str], known: dict[str, Mention]) -> list[Mention]:
    added = [
        replace(known[m.group()], start=m.start(), end=m.end(), text=m.group(), kind="abbreviation")
        for m in pattern.finditer(text)
    ]
    spans = {(m.start, m.end) for m in added}
    kept = [m for m in mentions if (m.start, m.end) not in spans]  # what the document says wins over what is usual
    apart: list[Mention] = []
    for mention in sorted([*kept, *added], key=lambda m: (m.start, -m.end)):
        if not apart or mention.start >= apart[-1].end:
            apart.append(mention)
    return apart
