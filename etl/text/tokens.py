"""Tokens of synthesis text: formulas whole, numbers apart from their units ("900oC", "2h"), words, single marks.

Borders of entities are borders of tokens. What a token may be is `tag_features`; whole compounds are `materials`.
"""

import re
from bisect import bisect_left
from typing import NamedTuple

from etl.text.composition import ELECTRONEGATIVITY
from etl.text.plain import Plain, plain, sentences

FORMULA, NUMBER, WORD, MARK = "formula", "number", "word", "mark"


class Token(NamedTuple):
    """A piece of a plain text, its spaces left out; `kind` is formula, number, word or mark."""

    start: int
    end: int
    text: str
    kind: str


# All repetitions are possessive and bounded, so that the time is linear whatever stands there.
ELEMENT = "|".join(sorted(ELECTRONEGATIVITY, key=lambda s: (-len(s), s)))
_NUMBER = r"\d++(?:\.\d++)?+"
_ATOM = rf"(?:(?:{ELEMENT}|RE|Ln|Me|Ac|Et|Ph)(?![a-wyz])|{_NUMBER}|[xyzδ](?![a-z])|[-+](?=[xyzδ\d]))"
_INNER = rf"(?!\d[\d.,]*+[)\]])(?:{_ATOM}|[,/]|\((?:{_ATOM}){{1,9}}+\)){{1,20}}+"
_CORE = rf"(?:{_ATOM}|\({_INNER}\)|\[{_INNER}\])"
_HYDRATE = rf"(?:(?:[·*∙⋅]|\.(?=\d?H2O)) ?(?:{_NUMBER}|[xn])?+(?={ELEMENT}|[\[(]){_CORE}{{1,20}}+)?+"
_FORMULA = rf"(?<![A-Za-z0-9])(?=[\[(]{{0,2}}(?:{ELEMENT})){_CORE}{{1,40}}+{_HYDRATE}(?![A-Za-z])"
# "LiNi 0.5 Mn 1.5 O 4": subscripts set apart, where neither a preposition stands before nor a unit behind
_SYMBOLS = rf"(?:{ELEMENT}){{1,3}}+"
_UNIT = r"(?:%|°|(?:[kmnμ]?(?:[gLl]|mol|eV|m|M)|[hspfdKVWTA]|min|hours?|times?|wt|at|vol|cm)\b)"
_SPREAD = (
    rf"(?<![\w.])(?!(?:As|At|I|In|No)\b)(?:{_SYMBOLS} {_NUMBER} ){{1,8}}"
    rf"(?:{_SYMBOLS} \d(?:[+-][xyzδ])?(?! ?{_UNIT})(?![\w.]\w)|(?![CFKNSVW]\b){_SYMBOLS}(?!\w))"
)
# "2,2':6,2''-" of a name: places of groups
_LOCANT = r"(?<![\w.])(?:\d{1,2}|N)'{0,2}(?:[,:](?:\d{1,2}|N)'{0,2}){1,6}-(?=[a-z(]{3})"
_TOKEN = re.compile(
    rf"(?P<spread>{_SPREAD})|(?P<formula>{_FORMULA})|(?P<locant>{_LOCANT})|"
    rf"(?P<degree>(?:° ?|deg\.? ?|(?<=\d)[oO])[CFK](?![A-Za-z]))|(?P<number>{_NUMBER})|"
    r"(?P<word>[^\W\d_]\w*+)|(?P<mark>\S)"
)
_KINDS = {"spread": FORMULA, "degree": WORD, "locant": WORD}  # the rest are kinds themselves
OPENING, CLOSING = "([", ")]"


def tokens(text: str) -> list[Token]:
    """The tokens of a plain text, in order, without the white space between them."""
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        kind = _KINDS.get(str(match.lastgroup), str(match.lastgroup))
        if kind == FORMULA and _enclosed(match.group()):
            inner = [
                t._replace(start=t.start + start + 1, end=t.end + start + 1) for t in tokens(text[start + 1 : end - 1])
            ]
            found += [Token(start, start + 1, text[start], MARK), *inner, Token(end - 1, end, text[end - 1], MARK)]
        elif match.lastgroup == "spread":
            found.append(Token(start, end, match.group().replace(" ", ""), kind))
        else:
            found.append(Token(start, end, match.group(), kind))
    return found


def _enclosed(formula: str) -> bool:
    """Whether the first bracket closes at the very end: "(Na2SiO3)" is a formula in brackets."""
    if formula[0] not in OPENING:
        return False
    depth = 0
    for place, char in enumerate(formula):
        depth += (char in OPENING) - (char in CLOSING)
        if depth == 0:
            return place == len(formula) - 1
    return False


class Read(NamedTuple):
    """A text as sentences of tokens; `source` leads back to the text as given."""

    source: Plain
    sentences: list[list[Token]]

    def span(self, first: Token, last: Token) -> tuple[int, int]:
        """The span of tokens in the text as given."""
        return self.source.span(first.start, last.end)


def read(text: str) -> Read:
    """Tokens of a text by sentence; a line feed ends a sentence too, as after a title."""
    source = plain(text)
    ends = [end for _, end in sentences(source.text)]
    found: list[list[Token]] = []
    last: Token | None = None
    for token in tokens(source.text):
        if (
            last is None
            or bisect_left(ends, last.end) != bisect_left(ends, token.start)
            or _broken(source, last, token)
        ):
            found.append([])
        found[-1].append(token)
        last = token
    return Read(source, found)


def _broken(source: Plain, last: Token, token: Token) -> bool:
    return "\n" in source.source[source.ends[last.end - 1] : source.begins[token.start]]
