"""Amounts in a formula: polynomials over variables with exact coefficients, how they are read and how written.

Only arithmetic; the grammar that meets them is in `composition`. Terms are shared and never changed in place.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache

Terms = dict[tuple[str, ...], Fraction | int]
ONE: Terms = {(): 1}

# a variable; only the usual ones stand side by side ("xy"), so that "Barium" is no Ba with a small product
_LETTER = r"(?:[a-zα-ω]|[xyzmnδ]{2,3})(?![a-z])"
BRACKETED = r"\([^A-Z()\[\]]+(?:\([^A-Z()]*\)[^A-Z()]*)*\)"
_FACTOR = rf"(?:\d+(?:\.\d+)?|\.\d+|{_LETTER}|{BRACKETED})"
TERM = rf"{_FACTOR}(?:{_LETTER}|{BRACKETED}|[*/]{_FACTOR})*"
"""A pattern of a product: "2x", "(1-x)/3"; digits never follow a letter."""
AMOUNT = rf"{TERM}(?:[-+±]{TERM})*"
"""A pattern of an amount: products with signs between."""
_PIECE = re.compile(r"(?P<number>\d+(?:\.\d+)?|\.\d+)|(?P<letter>[a-zα-ω])|(?P<sign>[-+±*/()])")
_DEEPEST = 24


class FormulaError(ValueError):
    """A string that is no formula; the message says why."""


def constant(value: Fraction | int) -> Terms:
    """The polynomial of a number."""
    return {(): value} if value else {}


def plus(left: Terms, right: Terms, sign: int = 1) -> Terms:
    """left + sign * right."""
    total = dict(left)
    for letters, value in right.items():
        total[letters] = total.get(letters, 0) + sign * value
    return {letters: value for letters, value in total.items() if value}


def times(left: Terms, right: Terms) -> Terms:
    """left * right.

    Raises:
        FormulaError: too many terms.
    """
    if left is ONE or right is ONE:
        return right if left is ONE else left
    total: Terms = {}
    for a, x in left.items():
        for b, y in right.items():
            letters = tuple(sorted(a + b))
            total[letters] = total.get(letters, 0) + x * y
    if len(total) > 64:
        raise FormulaError("amount with too many terms")
    return {letters: value for letters, value in total.items() if value}


def over(left: Terms, right: Terms) -> Terms:
    """left / right.

    Raises:
        FormulaError: the divisor is zero or holds a variable.
    """
    if set(right) != {()}:
        raise FormulaError("division by zero or by a variable")
    return {letters: Fraction(value) / right[()] for letters, value in left.items()}


def at(terms: Terms, values: Mapping[str, float]) -> Terms:
    """The amount with the numbers of some letters put in."""
    total: Terms = {}
    for letters, factor in terms.items():
        value, left = Fraction(factor), []
        for letter in letters:
            if letter in values:
                value *= Fraction(str(values[letter]))
            else:
                left.append(letter)
        total = plus(total, {tuple(left): value} if value else {})
    return total


@lru_cache(maxsize=65536)
def read_amount(text: str) -> tuple[Terms, frozenset[str]]:
    """The value of an amount ("1-x", "2(1-x)/3", ".5") and its letters.

    Raises:
        FormulaError: it is none.
    """
    if not text:
        return ONE, frozenset()
    reader = _Reader(text)
    value = reader.sum()
    if reader.at != len(text):
        raise FormulaError(f"'{text}' is no amount")
    return value, frozenset(reader.letters)


class _Reader:
    """Recursive descent over one amount."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0
        self.letters: set[str] = set()

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def sum(self) -> Terms:
        value = self.product()
        while (sign := self.peek()) and sign in "+-±":
            self.at += 1
            value = plus(value, self.product(), -1 if sign == "-" else 1)
        return value

    def product(self) -> Terms:
        value = self.factor()
        while (sign := self.peek()) and sign not in "+-±)":
            if sign in "*/":
                self.at += 1
            elif sign.isdigit() or sign == ".":
                raise FormulaError(f"'{self.text}' is no amount")
            following = self.factor()
            value = over(value, following) if sign == "/" else times(value, following)
        return value

    def factor(self) -> Terms:
        found = _PIECE.match(self.text, self.at)
        if found is None:
            raise FormulaError(f"'{self.text}' is no amount")
        self.at = found.end()
        if found.lastgroup == "number":
            if len(found.group()) > 15:
                raise FormulaError(f"amount too long at {found.start()}")
            return constant(int(found.group()) if found.group().isdigit() else Fraction(found.group()))
        if found.lastgroup == "letter":
            self.letters.add(found.group())
            return {(found.group(),): 1}
        self.depth += 1
        if found.group() != "(" or self.depth > _DEEPEST:
            raise FormulaError(f"'{self.text}' is no amount")
        value = self.sum()
        if self.peek() != ")":
            raise FormulaError(f"'{self.text}' is no amount")
        self.at += 1
        self.depth -= 1
        return value


def number(value: Fraction | int) -> str:
    """A number with at most four decimals."""
    if value.denominator == 1:
        return str(value.numerator)
    text = f"{float(value):.4f}".rstrip("0").rstrip(".")
    return text if float(text) else f"{float(value):.4g}"


def written(terms: Terms) -> str:
    """The expression, constant first where it is positive: "1-x", "2-2x", "n-4"; `composition` reads it back."""
    if not terms:
        return "0"
    if len(terms) == 1 and () in terms:
        return number(terms[()])
    return _expression(tuple(terms.items()))


@lru_cache(maxsize=65536)
def _expression(terms: tuple[tuple[tuple[str, ...], Fraction | int], ...]) -> str:
    pieces: list[str] = []
    ordered = sorted(terms, key=lambda t: (len(t[0]), t[0]))
    if ordered[0][1] < 0:
        ordered.sort(key=lambda t: t[1] < 0)
    for letters, value in ordered:
        size = -value if value < 0 else value
        body = "".join(letters)
        text = number(size) if not letters else body if size == 1 else number(size) + body
        pieces.append(("-" if value < 0 else "+" if pieces else "") + text)
    return "".join(pieces)


def bare(terms: Terms) -> float | str:
    """A float where there is no variable, else the expression."""
    if not terms:
        return 0.0
    return float(terms[()]) if len(terms) == 1 and () in terms else written(terms)
