"""The filter language of OPTIMADE 1.1 as a tree: the text is read by the grammar of the specification's appendix ("The
Filter Language EBNF Grammar"), with the booleans of 1.2. What a tree means is in `filters`."""

import re
from dataclasses import dataclass
from typing import Literal

from warehouse.optimade.errors import BadRequestError, UnsupportedError

LONGEST, DEEPEST = 20_000, 60
"""Characters of a filter, and brackets in brackets, that are read."""
Value = str | float | int | bool
Operator = Literal["=", "!=", "<", "<=", ">", ">="]
Gathering = Literal["HAS", "ALL", "ANY", "ONLY"]
Substring = Literal["CONTAINS", "STARTS", "ENDS"]
_MIRRORED: dict[str, Operator] = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}


@dataclass(frozen=True)
class Either:
    """At least one holds."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True)
class All:
    """Each holds."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True)
class Not:
    """It does not hold."""

    part: "Node"


@dataclass(frozen=True)
class Compared:
    """A property against a constant."""

    name: str
    operator: Operator
    value: Value


@dataclass(frozen=True)
class Known:
    """Whether a property has a value, or has none."""

    name: str
    known: bool


@dataclass(frozen=True)
class Holds:
    """A string against a part of it."""

    name: str
    where: Substring
    value: Value


@dataclass(frozen=True)
class Has:
    """A list against members."""

    name: str
    how: Gathering
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Long:
    """The number of members of a list."""

    name: str
    operator: Operator
    count: int


Node = Either | All | Not | Compared | Known | Holds | Has | Long
Lexeme = Literal["string", "number", "operator", "mark", "word", "name", "end"]
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>"(?:[^"\\]|\\.)*")
    |(?P<number>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)
    |(?P<operator><=|>=|!=|=|<|>)
    |(?P<mark>[(),:.])
    |(?P<word>[A-Z]+)
    |(?P<name>[a-z_][a-z_0-9]*))""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = frozenset(
    ("AND", "OR", "NOT", "IS", "KNOWN", "UNKNOWN", "CONTAINS", "STARTS", "ENDS", "WITH", "HAS", "ALL", "ANY", "ONLY",
     "LENGTH", "TRUE", "FALSE")
)  # fmt: skip


@dataclass(frozen=True)
class _Token:
    kind: Lexeme
    text: str
    at: int


def parse(text: str) -> Node:
    """The tree of a filter.

    Raises:
        BadRequestError: text that is no filter, or one of absurd size.
        UnsupportedError: an optional part of the language.
    """
    if len(text) > LONGEST:
        raise BadRequestError(f"a filter of {len(text)} characters: {LONGEST} are read")
    reader = _Reader(_tokens(text))
    found = reader.any_of()
    reader.end()
    return found


def _tokens(text: str) -> list[_Token]:
    found, at, size = [], 0, len(text.rstrip())
    while at < size:
        match = _TOKEN.match(text, at)
        if match is None or (match.lastgroup == "word" and match.group("word") not in _WORDS):
            raise BadRequestError(f"unreadable filter at character {at + 1}: {text[at : at + 20].strip()!r}")
        kind: Lexeme = match.lastgroup  # type: ignore[assignment]
        found.append(_Token(kind, match.group(kind), match.start(kind)))
        at = match.end()
    return [*found, _Token("end", "the end", size)]


class _Reader:
    """Reads tokens from left to right; each method reads one rule of the grammar."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0

    def any_of(self) -> Node:
        parts = [self.all_of()]
        while self.took("OR"):
            parts.append(self.all_of())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def all_of(self) -> Node:
        parts = [self.phrase()]
        while self.took("AND"):
            parts.append(self.phrase())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def phrase(self) -> Node:
        if self.took("NOT"):
            return Not(self.bracket_or_comparison())
        return self.bracket_or_comparison()

    def bracket_or_comparison(self) -> Node:
        if not self.took("("):
            return self.comparison()
        self._depth += 1
        if self._depth > DEEPEST:
            raise BadRequestError(f"a filter of more than {DEEPEST} brackets in brackets")
        found = self.any_of()
        self.need(")")
        self._depth -= 1
        return found

    def comparison(self) -> Node:
        if self.stands("string") or self.stands("number"):
            value = self.value()
            operator = _MIRRORED[self.operator()]
            if not self.stands("name"):
                self.value()
                raise UnsupportedError("a comparison of two constants")
            return Compared(self.name(), operator, value)
        name = self.name()
        if self.stands("operator"):
            return Compared(name, self.operator(), self.value())
        if self.took("IS"):
            return Known(name, self.one_of("KNOWN", "UNKNOWN") == "KNOWN")
        if self.took("CONTAINS"):
            return Holds(name, "CONTAINS", self.value())
        for word in ("STARTS", "ENDS"):
            if self.took(word):
                self.took("WITH")
                return Holds(name, "STARTS" if word == "STARTS" else "ENDS", self.value())
        if self.took("LENGTH"):
            operator = self.operator() if self.stands("operator") else "="
            return Long(name, operator, self.whole())
        if self.next.text == ":":
            raise UnsupportedError("a filter on correlated lists (list:list HAS ...)")
        self.need("HAS")
        return self.members(name)

    def members(self, name: str) -> Has:
        asked = next((word for word in ("ALL", "ANY", "ONLY") if self.took(word)), "HAS")
        how: Gathering = asked  # type: ignore[assignment]
        values = [self.member()]
        while how != "HAS" and self.took(","):
            values.append(self.member())
        return Has(name, how, tuple(values))

    def member(self) -> Value:
        if self.stands("operator"):
            raise UnsupportedError("an operator before a value of HAS")
        return self.value()

    def value(self) -> Value:
        """A constant.

        Raises:
            UnsupportedError: another property, or a number that no machine holds.
        """
        token = self.next
        if token.kind == "name":
            raise UnsupportedError("a comparison of two properties")
        self._at += 1
        if token.kind == "string":
            return re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL)
        if token.kind == "number":
            return _number(token.text)
        if token.text in ("TRUE", "FALSE"):
            return token.text == "TRUE"
        raise self.unexpected(token, "a value")

    def whole(self) -> int:
        token = self.next
        value = self.value()
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.unexpected(token, "a whole number")
        return value

    def name(self) -> str:
        found = [self.kind("name", "a property")]
        while self.took("."):
            found.append(self.kind("name", "a property"))
        return ".".join(found)

    def operator(self) -> Operator:
        return self.kind("operator", "an operator")  # type: ignore[return-value]

    @property
    def next(self) -> _Token:
        return self._tokens[self._at]

    def stands(self, kind: Lexeme) -> bool:
        """Whether the next token is of that kind."""
        return self.next.kind == kind

    def took(self, text: str) -> bool:
        """Steps over a word or mark, if it is the next."""
        found = self.next.kind in ("word", "mark") and self.next.text == text
        self._at += found
        return found

    def need(self, text: str) -> None:
        if not self.took(text):
            raise self.unexpected(self.next, text)

    def one_of(self, *words: str) -> str:
        for word in words:
            if self.took(word):
                return word
        raise self.unexpected(self.next, " or ".join(words))

    def kind(self, kind: Lexeme, words: str) -> str:
        token = self.next
        if token.kind != kind:
            raise self.unexpected(token, words)
        self._at += 1
        return token.text

    def end(self) -> None:
        if self.next.kind != "end":
            raise self.unexpected(self.next, "AND, OR or the end")

    @staticmethod
    def unexpected(token: _Token, wanted: str) -> BadRequestError:
        return BadRequestError(f"unreadable filter at character {token.at + 1}: {token.text[:20]} instead of {wanted}")


def _number(text: str) -> float | int:
    try:
        whole = int(text)
    except ValueError:
        value = float(text)
        if abs(value) == float("inf"):
            raise UnsupportedError(f"the number {text[:30]}, beyond 1.8e308,") from None
        return value
    if abs(whole) >= 2**63:
        raise UnsupportedError(f"the whole number {text[:30]}, beyond 2^63,")
    return whole
