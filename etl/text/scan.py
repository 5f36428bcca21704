"""Which phrases of a keyword list occur in which texts, found by one pass over the bytes of all of them.

Two sieves, each of which lets through all that the patterns of `keywords` match. The first scans every text, folded
cheaply to ASCII; the second scans the few that it leaves, normalised, and says where to look. What matches, and what
that is worth, is the work of `select`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from etl.text.keywords import BLANKS, DROPPED, MOST_BLANKS, Keywords
from etl.text.normalise import Normalised, normalise

Ints = NDArray[np.int64]
END = "\0"
_DROPPED = DROPPED.encode() + bytes(range(0x80, 0x100))
_FOLD = bytes.maketrans(BLANKS.encode(), b" " * len(BLANKS))
_MACRO = r"\\[A-Za-z]+ ?"
_LONG_RUN = f" {{{MOST_BLANKS + 1}}}"  # may stand between words: the second sieve, which sees one blank, decides
_DOTLESS = {"ı": "i", "İ": "I"}  # Python's re lets these match the letter i when case is ignored


@dataclass(frozen=True)
class Part:
    """A text that may hold phrases.

    Attributes:
        text: the text, normalised.
        ends: keyword (its number in the list) -> where in `text` a match may end, ascending; empty means anywhere.
    """

    text: Normalised
    ends: dict[int, list[int]]


def parts(texts: pl.Series, keywords: Keywords) -> dict[int, Part]:
    """The texts in which phrases may occur.

    Args:
        texts: one text a row, null where there is none.
        keywords: the list.

    Returns:
        Row -> part, ascending; a row that is left out holds no phrase.
    """
    listed = list(enumerate(keywords.keywords))
    folded = ((n, source, k.case) for n, k in listed for source in k.folded_sources)
    first = _automaton((*folded, (len(listed), _LONG_RUN, True)))
    second = _automaton(tuple((n, source, k.case) for n, k in listed for source in k.bounded_sources))
    rows = np.unique(first.scan(fold(texts))[0]) if not first.anywhere else texts.is_not_null().arg_true().to_numpy()
    normal = [normalise(text) for text in texts.gather(rows).to_list()] if len(rows) else []
    where = (found.tolist() for found in second.scan(_joined(n.text for n in normal)))
    found: dict[int, Part] = {}
    if first.anywhere:
        found = {row: Part(n, {k: [] for k in first.anywhere}) for row, n in zip(rows.tolist(), normal, strict=True)}
    for place, number, end in zip(*where, strict=True):
        if number not in first.anywhere:
            part = found.setdefault(int(rows[place]), Part(normal[place], {}))
            part.ends.setdefault(number, []).append(end)
    return found


def fold(texts: pl.Series) -> bytes:
    """All texts in ASCII, each closed by a NUL: macros and marks dropped, separators as blanks, accents taken off.

    A phrase of a normalised text stands in the folded one, if its words may touch or have blanks between them.
    """
    plain = texts.fill_null("")
    if plain.str.contains(END, literal=True).any():
        plain = plain.str.replace_all(END, " ", literal=True)
    plain = plain.str.replace_all(_MACRO, "")
    closed = _closed(plain)
    if not closed.isascii():
        wide = plain.str.len_bytes() != plain.str.len_chars()
        simple = plain.filter(wide).str.normalize("NFKD").str.replace_many(_DOTLESS)
        closed = _closed(plain.scatter(wide.arg_true(), simple))
    return closed.translate(_FOLD, _DROPPED)


def _closed(texts: pl.Series) -> bytes:
    buffer = (texts + END).to_arrow().buffers()[-1]
    return b"" if buffer is None else bytes(buffer)


def _joined(texts: Iterable[str]) -> bytes:
    """Normalised texts, one byte a code point, each closed by a NUL."""
    closed = "".join(text.replace(END, " ") + END for text in texts)
    for letter, plain in _DOTLESS.items():
        closed = closed.replace(letter, plain)
    return closed.encode("ascii", "replace").translate(_FOLD)


class _Automaton:
    def __init__(self, patterns: tuple[tuple[int, str, bool], ...]) -> None:
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

    def scan(self, closed: bytes) -> tuple[Ints, Ints, Ints]:
        """Where patterns match in texts closed by NULs: number of the text, of the pattern, and end within the text."""
        numbers: list[int] = []
        ends: list[int] = []

        def found(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            numbers.append(number)
            ends.append(end)

        if self._database is not None and closed:
            self._database.scan(closed, match_event_handler=found)
        at = np.array(ends, dtype=np.int64)
        stops = np.flatnonzero(np.frombuffer(closed, np.uint8) == 0)
        texts = np.searchsorted(stops, at)
        starts = np.concatenate([[0], stops[:-1] + 1]).astype(np.int64)
        return texts, np.array(numbers, dtype=np.int64), at - starts[texts]


@lru_cache(maxsize=8)
def _automaton(patterns: tuple[tuple[int, str, bool], ...]) -> _Automaton:
    """Compiled once a process: it takes longer than to scan a thousand articles."""
    return _Automaton(patterns)
