"""Formulas as text, a column at a time: whether they parse, which elements they hold. One formula: `etl.features`."""

import polars as pl

from etl.features.elements import SYMBOLS

ATOM = "|".join(sorted(("D", *SYMBOLS), key=lambda symbol: (-len(symbol), symbol)))
"""Any symbol of an element, the longer ones first; as of Rust's and Python's regular expressions."""

_TERM = r"(?:\d+(?:\.\d*)?|\.\d+|[xyznmδ])"
_AMOUNT = rf"(?:{_TERM}(?:[+\-*/–−]?{_TERM})*)"  # numbers, and the variables of a series: La2-xSrxCuO4
_PARSES = rf"^(?:[a-zα-ω]-)?(?:[(\[{{]|(?:{ATOM}){_AMOUNT}?|[)\]}}]{_AMOUNT}?|[·*]{_AMOUNT}?)+$"
_BETWEEN = r"[\s|]"  # "Ga0.5 N0.5", "Ba0.2|O0.6"


def parses(formula: pl.Expr) -> pl.Expr:
    """Whether a text is a chemical formula: symbols of elements, amounts, brackets that close."""
    bare = formula.str.replace_all(_BETWEEN, "")
    closed = pl.lit(True)
    for left, right in ("()", "[]", "{}"):
        closed &= bare.str.count_matches(left, literal=True) == bare.str.count_matches(right, literal=True)
    return bare.str.contains(_PARSES) & closed


def elements(formula: pl.Expr) -> pl.Expr:
    """The elements of a formula, in alphabetical order, joined by hyphens; null where it is no formula."""
    found = formula.str.extract_all(rf"(?:{ATOM})").list.unique().list.sort().list.join("-")
    return pl.when(parses(formula)).then(found)


def system(chemsys: pl.Expr) -> pl.Expr:
    """A chemical system ("V-O", "O,V") with its elements in alphabetical order, joined by hyphens."""
    return chemsys.str.extract_all(rf"(?:{ATOM})").list.unique().list.sort().list.join("-")


def is_system(chemsys: pl.Expr) -> pl.Expr:
    """Whether a text is a chemical system: symbols of elements with a sign between them, and no amounts."""
    return chemsys.str.contains(rf"^(?:{ATOM})(?:[-,|/ ]+(?:{ATOM}))*$")
