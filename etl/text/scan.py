"""Which phrases of a keyword list occur in which texts, found by one pass over the bytes of all of them.

Two sieves, each of which lets through all that the patterns of `keywords` match. The first scans every text as it is,
and those in which mark-up or letters beyond ASCII may hide a phrase once more, folded cheaply to ASCII; the second
scans the few that are left, normalised, and says where to look. What matches, and what that is worth, is the work of
`select`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_
from typing import Any

import numpy as np
import polars as pl

from etl.text.keywords import BLANKS, DROPPED, MOST_BLANKS, SEPARATORS, Keyword, Keywords
from etl.text.normalise import Normalised, normalise
from schemas.arrays import Ints

Buffer = Any  # bytes, or what else has the buffer protocol
Patterns = tuple[tuple[int, str, bool], ...]  # number of the keyword, pattern, whether case counts
END = "\0"
_DROPPED = DROPPED.encode() + bytes(range(0x80, 0x100))
_FOLD = bytes.maketrans(BLANKS.encode(), b" " * len(BLANKS))
_MACRO = r"\\[A-Za-z]+ ?"
# What `normalise` undoes, beside letters beyond ASCII and `SEPARATORS`: few enough a class to be looked for as bytes.
_MARKUP = (r"[\\${}_]", r"[\t\v\f\r\x1c-\x1f]")
_MANY = f"{{{MOST_BLANKS + 1}}}"  # so many may stand between words: the second sieve, which sees one blank, decides
_DOTLESS = {"ı": "i", "İ": "I"}  # Python's re lets these match the letter i when case is ignored


@dataclass(frozen=True)
class Places:
    """Where phrases may stand.

    Attributes:
        texts: row -> the text, normalised, of each that may hold phrases.
        ends: row, keyword (its number in the list), and where in the normalised text a match of it may end, ascending;
            no place means anywhere.
    """

    texts: dict[int, Normalised]
    ends: list[tuple[int, int, list[int]]]


def places(texts: pl.Series, keywords: Keywords) -> Places:
    """The places at which phrases may occur: there are no others.

    Args:
        texts: one text a row, null where there is none.
        keywords: the list.
    """
    second = _automaton(_patterns(keywords, lambda k: k.flat_sources))
    if second.anywhere:
        rows = texts.is_not_null().arg_true().to_list()
    else:
        sieves = (_patterns(keywords, lambda k: k.plain_sources), _patterns(keywords, lambda k: k.folded_sources))
        rows = _first(texts, *sieves).tolist()
    normal = [normalise(text) for text in texts.gather(rows).to_list()]
    data, stops = _flat(n.text for n in normal)
    numbers, ends = second.scan(data)
    which = np.searchsorted(stops, ends)
    ends -= np.append(0, stops + 1)[which]
    found: dict[tuple[int, int], list[int]] = {(row, n): [] for row in rows for n in second.anywhere}
    for place, number, end in zip(which.tolist(), numbers.tolist(), ends.tolist(), strict=True):
        if number not in second.anywhere:
            found.setdefault((rows[place], number), []).append(end)
    return Places(dict(zip(rows, normal, strict=True)), [(*pair, told) for pair, told in found.items()])


def beside(texts: pl.Series, keywords: Keywords) -> Ints:
    """Rows of the texts that may hold an `unless` of a list, ascending: all that do, and perhaps more."""
    plain, folded = (tuple((0, source, False) for source in sources) for sources in keywords.unless_sources)
    if not all(source for _, source, _ in plain):  # of one the fold leaves nothing: it may be anywhere
        return np.arange(len(texts))
    return _first(texts, plain, folded) if plain else np.zeros(0, np.int64)


def _first(texts: pl.Series, plain: Patterns, folded: Patterns) -> Ints:
    """Rows of the texts that a first sieve of these patterns lets through, ascending."""
    texts = texts.fill_null("")
    hiding = reduce(or_, (texts.str.contains(marks) for marks in _MARKUP), _wide(texts)).arg_true()
    data, stops = _together(texts)
    seen = np.searchsorted(stops, _automaton(((0, SEPARATORS + _MANY, True), *plain)).scan(data)[1])
    data, stops = fold(texts.gather(hiding))
    hidden = np.searchsorted(stops, _automaton(((0, " " + _MANY, True), *folded)).scan(data)[1])
    return np.union1d(seen, hiding.to_numpy()[hidden])


def _patterns(keywords: Keywords, sources: Callable[[Keyword], tuple[str, ...]]) -> Patterns:
    """Number of the keyword, pattern, and whether case counts, for each spelling."""
    return tuple((n, source, k.case) for n, k in enumerate(keywords.keywords) for source in sources(k))


def fold(texts: pl.Series) -> tuple[bytes, Ints]:
    """All texts in ASCII, joined by NULs: macros and marks dropped, separators as blanks, accents taken off.

    A phrase of a normalised text stands in the folded one, if its words may touch or have blanks between them.

    Returns:
        The bytes, and where each text ends in them.
    """
    simple = texts.str.replace_all(END, " ", literal=True).str.replace_all(_MACRO, "")
    wide = _wide(simple)
    simple = simple.scatter(wide.arg_true(), simple.filter(wide).str.normalize("NFKD").str.replace_many(_DOTLESS))
    data = bytes(_together(simple.str.join(END))[0]).translate(_FOLD, _DROPPED)
    return data, np.append(np.flatnonzero(np.frombuffer(data, np.uint8) == 0), len(data))


def _wide(texts: pl.Series) -> pl.Series:
    """Whether texts hold letters beyond ASCII."""
    return texts.str.len_bytes() != texts.str.len_chars()


def _together(texts: pl.Series) -> tuple[Buffer, Ints]:
    """UTF-8 of texts, one right behind the other, and where each ends."""
    array = texts.to_arrow()
    _, offsets, data = array.buffers()
    return data or b"", np.frombuffer(offsets, np.int64)[array.offset + 1 :][: len(array)]


def _flat(texts: Iterable[str]) -> tuple[bytes, Ints]:
    """Normalised texts, one byte a code point, joined by NULs, and where each ends."""
    held = [text.replace(END, " ") for text in texts]
    joined = END.join(held)
    for letter, plain in _DOTLESS.items():
        joined = joined.replace(letter, plain)
    lengths = np.array([len(text) for text in held], dtype=np.int64)
    return joined.encode("ascii", "replace").translate(_FOLD), np.cumsum(lengths + 1) - 1


class _Automaton:
    def __init__(self, patterns: Patterns) -> None:
        import hyperscan

        self.anywhere = frozenset(number for number, source, _ in patterns if not source)
        used = [p for p in patterns if p[1]]
        self._database: Any = None
        if used:
            self._database = hyperscan.Database()
            self._database.compile(
                expressions=[source.encode() for _, source, _ in used],
                ids=[number for number, _, _ in used],
                elements=len(used),
                flags=[0 if case else hyperscan.HS_FLAG_CASELESS for _, _, case in used],
            )

    def scan(self, data: Buffer) -> tuple[Ints, Ints]:
        """Where patterns match: number of the pattern, and end in the data."""
        numbers: list[int] = []
        ends: list[int] = []

        def found(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            numbers.append(number)
            ends.append(end)

        if self._database is not None and len(data):
            self._database.scan(data, match_event_handler=found)
        return np.array(numbers, dtype=np.int64), np.array(ends, dtype=np.int64)


@lru_cache(maxsize=8)
def _automaton(patterns: Patterns) -> _Automaton:
    """Compiled once a process: it takes longer than to scan a thousand articles."""
    return _Automaton(patterns)
