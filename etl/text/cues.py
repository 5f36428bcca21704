"""Words and symbols that say what a value nearby is, as the property configuration lists them.

How near a cue must be to a value is `transitions`; the configuration itself is `properties`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from etl.text.properties import Property, configuration, phrase

UNSURE = "?"  # alone: the words around decide the type; "?CURIE?FE": they may make a CURIE an FE


@dataclass(frozen=True)
class Cue:
    """A word or symbol that says what a value nearby is.

    Attributes:
        start, end: where it stands.
        type: the type it tells; "" says that a value is none; after `UNSURE` the words around decide.
        symbol: whether it is a notation ("TN") and not a phrase.
        when: what must stand just before the value for the cue to count; None for anything.
    """

    start: int
    end: int
    type: str
    symbol: bool
    when: re.Pattern[str] | None = None


@dataclass(frozen=True)
class Pattern:
    """Cues of one kind as one pattern; `about` is what the document must hold for them to count."""

    type: str
    symbol: bool
    pattern: re.Pattern[str]
    when: re.Pattern[str] | None = None
    about: re.Pattern[str] | None = None


@dataclass(frozen=True)
class Cues:
    """The compiled cues of the entries with one property name; `local` types want the compound in the sentence."""

    unit: str
    patterns: tuple[Pattern, ...]
    requires: tuple[re.Pattern[str], ...]
    ranges: dict[str, tuple[float, float]]
    local: frozenset[str]
    qualities: tuple[tuple[str, re.Pattern[str]], ...] = ()

    def find(self, sentence: str, offset: int, document: str) -> list[Cue]:
        """The cues of a sentence that begins at `offset`; of one inside another only the longer one."""
        found = [
            Cue(offset + m.start(), offset + m.end(), p.type, p.symbol, p.when)
            for p in self.patterns
            for m in p.pattern.finditer(sentence)
            if p.about is None or _holds(document, p.about)
        ]
        found += [
            Cue(offset + start, offset + end, kind, symbol=False) for start, end, kind in self._qualified(sentence)
        ]
        found.sort(key=lambda c: (c.start, -c.end))
        kept: list[Cue] = []
        for cue in found:
            inside = kept and cue.end <= kept[-1].end and cue.end - cue.start < kept[-1].end - kept[-1].start
            again = kept and (cue.start, cue.end, cue.type, cue.when) == (*_place(kept[-1]), kept[-1].when)
            if not inside and not again:
                kept.append(cue)
        return kept

    def _qualified(self, sentence: str) -> list[tuple[int, int, str]]:
        """The qualities of a list of transitions: "the structural, magnetic and superconducting transitions"."""
        found: list[tuple[int, int, str]] = []
        for row in _TRANSITIONS.finditer(sentence) if self.qualities else ():
            pieces = [m.span() for m in _QUALITY.finditer(sentence, row.start(), row.end("row"))]
            kinds = [next((k for k, p in self.qualities if p.search(sentence[b:e])), "") for b, e in pieces]
            if all(kinds):
                found.extend((b, e, kind) for (b, e), kind in zip(pieces, kinds, strict=True))
        return found


def _place(cue: Cue) -> tuple[int, int, str]:
    return cue.start, cue.end, cue.type


_TRANSITIONS = re.compile(
    r"\b(?P<row>(?:[\w-]+(?: (?!and\b)[\w-]+)?, ){0,3}[\w-]+(?: (?!and\b)[\w-]+)?,? and (?:the )?"
    r"[\w-]+(?:[ -][\w-]+)?) "
    r"(?:phase )?(?:transitions|transition temperatures|ordering temperatures|orderings|temperatures)\b"
)
_QUALITY = re.compile(r"\b(?!and\b)[\w-]+(?: (?!and\b)[\w-]+)?")


def _symbols(notations: Sequence[str]) -> str:
    """A pattern of notations; "T N1" is "TN1" and "T_N^*" its own."""
    spaced = (re.escape(n[0]) + r"\s?" + re.escape(n[1:]) if len(n) > 1 else re.escape(n) for n in _longest(notations))
    return rf"(?<![A-Za-z])(?:{'|'.join(spaced)})(?![A-Za-z*\'])"


def _longest(words: Sequence[str]) -> list[str]:
    return sorted(words, key=len, reverse=True)


def any_of(phrases: Sequence[str]) -> re.Pattern[str]:
    """A pattern of the phrases, the longest first."""
    return re.compile("|".join(phrase(p) for p in _longest(phrases)))


def _before(words: Sequence[str]) -> re.Pattern[str] | None:
    """What ends with one of the words and at most an approximation: "below about"."""
    if not words:
        return None
    listed = "|".join(re.escape(w) for w in _longest(words))
    return re.compile(
        rf"\b(?:{listed})\s*(?:\(?T\s?[=~]|about|around|approximately|roughly|ca\.?|[~\s])*$", re.IGNORECASE
    )


@lru_cache(maxsize=32)
def compiled(config: str | None, name: str) -> Cues:
    """The cues of one property name of a configuration."""
    settings = configuration(config)
    entries = [p for p in settings.properties if p.name == name]
    patterns = [found for entry in entries for found in _patterns(entry)]
    if name == "transition":
        patterns.append(Pattern(UNSURE, True, re.compile(_symbols(settings.ambiguous.symbols))))
        patterns.append(Pattern(UNSURE, False, any_of(settings.ambiguous.phrases)))
    requires = tuple(any_of(p.requires) for p in entries if p.requires)
    ranges = {p.type: p.range for p in entries}
    local = frozenset(p.type for p in entries if p.scope == "sentence")
    qualities = (*_contexts(config)[0], *_contexts(config)[2]) if name == "transition" else ()
    return Cues(entries[0].unit, tuple(patterns), requires, ranges, local, qualities)


def _patterns(entry: Property) -> list[Pattern]:
    when, about = _before(entry.when), any_of(entry.about) if entry.about else None
    sure = [c for c in entry.cues if c not in entry.ambiguous]
    listed = (
        (entry.type, sure),
        (f"{UNSURE}{entry.type}{UNSURE}{entry.instead}", entry.ambiguous),
        ("", entry.negative),
    )
    found = [Pattern(kind, False, any_of(cues), when if kind else None, about) for kind, cues in listed if cues]
    if entry.notations:
        found.append(Pattern(entry.type, True, re.compile(_symbols(entry.notations)), when, about))
    return found


Contexts = tuple[tuple[str, re.Pattern[str]], ...]


@lru_cache(maxsize=8)
def _contexts(config: str | None) -> tuple[Contexts, Contexts, Contexts]:
    """The patterns of what tells a type in a sentence, in a document, and where neither does."""

    def patterns(held: Mapping[str, tuple[str, ...]]) -> Contexts:
        return tuple((kind, any_of(words)) for kind, words in held.items())

    settings = configuration(config).ambiguous
    contexts = patterns(settings.contexts)
    return (*contexts, *patterns(settings.local)), contexts, patterns(settings.generic)


def decided(sentence: str, cue: tuple[int, int], document: str, config: str | None) -> str:
    """The type of an ambiguous cue: the nearest context word of its sentence, else most of the document.

    Args:
        sentence: the text of the sentence.
        cue: where the cue stands in it.
        document: the text of the whole document.
        config: path of another configuration.

    Returns:
        The type, or "" where nothing tells it.
    """
    near = [(_away(span, cue), kind) for span, kind in _told_in(sentence, config)]
    return min(near)[1] if near else _told_most(document, config)


@lru_cache(maxsize=16)
def _told_in(sentence: str, config: str | None) -> tuple[tuple[tuple[int, int], str], ...]:
    """The context words of a sentence, which several cues ask for."""
    return tuple((m.span(), kind) for kind, pattern in _contexts(config)[0] for m in pattern.finditer(sentence))


@lru_cache(maxsize=16)
def _told_most(document: str, config: str | None) -> str:
    """The type that most context words of a document tell; "" where none does."""
    for contexts in _contexts(config)[1:]:
        counts = [(len(pattern.findall(document)), -i, kind) for i, (kind, pattern) in enumerate(contexts)]
        best = max(counts, default=(0, 0, ""))
        if best[0]:
            return best[2]
    return ""


@lru_cache(maxsize=256)
def _holds(document: str, pattern: re.Pattern[str]) -> bool:
    return pattern.search(document) is not None


def _away(context: tuple[int, int], cue: tuple[int, int]) -> int:
    """How far a context word is from a cue; one after it is as far as 30 characters more."""
    return cue[0] - context[1] if context[1] <= cue[0] else max(0, context[0] - cue[1]) + 30
