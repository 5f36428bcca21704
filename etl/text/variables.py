"""What the letters of a formula stand for where the text says so: "(x = 0.1-0.3)", "x < 5%", "R = La, Nd".

Reading the formula beside them is `formula`.
"""

import re
from fractions import Fraction

from etl.text.amounts import FormulaError

Variables = dict[str, list[float] | list[str] | None]

_VALUE = r"0:\d+|\d+(?:\.\d+)?(?:/\d+)?|\.\d+"  # the first: decimal points of old PDF fonts
# the dopant's share of its site; a share of the weight is no amount in a formula
_PERCENT = r"(?:\s?(?P<unit>at\.?|mol\.?|wt\.?)?\s?%)?"
_ENDS = r"(?!\d|\.\d|(?!(?:at|mol|wt)\.?\s?%)[A-Za-z(])"  # the whole number
_LISTED = re.compile(
    rf"[(,;]?\s*\b(?P<name>[a-zα-ω]|R|M|A|X|T|Ln|RE|TM|Me|AE)\s*(?:=|~|ϭ|¼(?=\s?\d))\s*(?P<values>(?:(?:(?:{_VALUE}){_ENDS}(?:\s?%)?|"
    rf"[A-Z][a-z]?(?![A-Za-z(]))"
    rf"(?:\s*(?:,|-|~|to|and|or|&|/|\.\.\.)\s*(?:and\s+|or\s+)?)?)+){_PERCENT}\s*\)?"
)
_BOUNDED = re.compile(
    rf"[(,;]?\s*(?P<low>-?(?:{_VALUE}))\s?%?\s*(?:≤|<=?|\\le)\s*(?P<name>[a-zα-ω])\s*(?:≤|<=?)\s*"
    rf"(?P<high>-?(?:{_VALUE})){_PERCENT}\s*\)?"
)
_HALF = re.compile(rf"[(,;]?\s*\b(?P<name>[a-zα-ω])\s*(?P<sign>≤|<=?|≥|>=?)\s*(?P<value>{_VALUE}){_PERCENT}\s*\)?")


_SIGN = re.compile(r"[=~<>≤≥ϭ¼]|\\le")


def _number(text: str, percent: bool) -> float:
    top, _, bottom = text.replace(":", ".").partition("/")
    try:
        return float(Fraction(top) / Fraction(bottom or 1) / (100 if percent else 1))
    except (ZeroDivisionError, OverflowError) as error:
        raise FormulaError(f"'{text}' is no number") from error


_RANGED = re.compile(r"\d\s?%?\s*(?:-|~|to|\.\.\.)\s*\.?\d")


def _listed(match: re.Match[str]) -> bool:
    """Whether the values are named one by one."""
    written = match.groupdict().get("values")
    return written is not None and not _RANGED.search(written)


def _meant(match: re.Match[str]) -> list[float] | list[str] | None:
    """The values of a variable: listed ones, or the low and high of a range."""
    groups = match.groupdict()
    percent = "%" in match.group()
    if groups["unit"] and groups["unit"].startswith("wt"):
        return None
    if "values" in groups:
        written = groups["values"]
        numbers = [_number(v, percent) for v in re.findall(_VALUE, written)]
        ranged = len(numbers) == 2 and not _listed(match)
        return re.findall(r"[A-Z][a-z]?", written) or (sorted(numbers) if ranged else numbers)
    if "low" in groups:
        return sorted((_number(groups["low"], percent), _number(groups["high"], percent)))
    value = _number(groups["value"], percent)
    return [0.0, value] if groups["sign"][0] in "≤<" else [value, value]


def _spans(match: re.Match[str]) -> list[tuple[int, int]]:
    """Where the values stand; a bound with its sign."""
    groups = match.groupdict()
    if "values" in groups:
        written = re.sub(r"(?:\s|,|-|/|&|\.\.\.|\band\b|\bor\b|\bto\b)+$", "", groups["values"])
        return [(match.start("values"), match.start("values") + len(written))]
    if "low" in groups:
        first = match.end("low") + len(match.string[match.end("low") : match.start("name")].rstrip())
        rest = match.string[match.end("name") : match.end("high")]
        second = match.end("high") - len(rest.lstrip())
        return [(match.start("low"), first), (second, match.end("high"))]
    return [(match.start("sign"), match.end("value"))]


def assignments(text: str) -> tuple[str, Variables, list[tuple[str, int, int]], frozenset[str]]:
    """Takes what the text says of its letters out (blanked, lengths kept).

    Returns:
        The text left, what the letters stand for, the tagged spans, and the letters whose values are listed.

    Raises:
        FormulaError: a value is no number.
    """
    variables: Variables = {}
    segments: list[tuple[str, int, int]] = []
    if not _SIGN.search(text):
        return text, variables, segments, frozenset()
    listed: set[str] = set()

    def blank(match: re.Match[str]) -> str:
        segments.append(("variable", match.start("name"), match.end("name")))
        segments.extend(("value", *span) for span in _spans(match))
        variables[match.group("name")] = _meant(match)
        if _listed(match):
            listed.add(match.group("name"))
        return " " * (match.end() - match.start())

    for pattern in (_BOUNDED, _LISTED, _HALF):
        text = pattern.sub(blank, text)
    return text, variables, segments, frozenset(listed)
