"""Amounts in a formula: polynomials over variables with exact coefficients, and how they are written.

Only arithmetic; the grammar that meets them is in `composition`.
"""

from fractions import Fraction

Terms = dict[tuple[str, ...], Fraction]


class FormulaError(ValueError):
    """A string that is no formula; the message says why."""


def constant(value: Fraction | int) -> Terms:
    """The polynomial of a number."""
    return {(): Fraction(value)} if value else {}


def plus(left: Terms, right: Terms, sign: int = 1) -> Terms:
    """left + sign * right."""
    total = dict(left)
    for letters, value in right.items():
        total[letters] = total.get(letters, Fraction(0)) + sign * value
    return {letters: value for letters, value in total.items() if value}


def times(left: Terms, right: Terms) -> Terms:
    """left * right.

    Raises:
        FormulaError: too many terms.
    """
    total: Terms = {}
    for a, x in left.items():
        for b, y in right.items():
            letters = tuple(sorted(a + b))
            total[letters] = total.get(letters, Fraction(0)) + x * y
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
    return {letters: value / right[()] for letters, value in left.items()}


def number(value: Fraction) -> str:
    """A number with at most four decimals."""
    if value.denominator == 1:
        return str(value.numerator)
    text = f"{float(value):.4f}".rstrip("0").rstrip(".")
    return text if float(text) else f"{float(value):.4g}"


def written(terms: Terms) -> str:
    """The expression, constant first where it is positive: "1-x", "2-2x", "n-4"; `composition` reads it back."""
    if not terms:
        return "0"
    pieces: list[str] = []
    ordered = sorted(terms.items(), key=lambda t: (len(t[0]), t[0]))
    if ordered[0][1] < 0:
        ordered.sort(key=lambda t: t[1] < 0)
    for letters, value in ordered:
        size = abs(value)
        body = "".join(letters)
        text = number(size) if not letters else body if size == 1 else number(size) + body
        pieces.append(("-" if value < 0 else "+" if pieces else "") + text)
    return "".join(pieces)


def bare(terms: Terms) -> float | str:
    """A float where there is no variable, else the expression."""
    return float(terms.get((), Fraction(0))) if set(terms) <= {()} else written(terms)
