"""Members of a series told by a variable: "RNiO3 (R = Pr, Nd)", "for x = 0.1 and 0.2".

Formulas of single compounds are `formula`; which value belongs to which member is `links`.
"""

import re

from etl.text.formula import member, parse
from etl.text.materials import Mention

_MOST = 12
_ELEMENT = r"[A-Z][a-z]?"
_NUMBER = r"\d+(?:\.\d+)?"
_ITEMS = r"{item}(?:\s?(?:,\s?(?:and\s)?|and|or|&)\s?{item})*"
_LISTED = re.compile(
    rf"\b(?P<variable>R|RE|Ln|Re|M|X|A|B|T)\s?~?=\s?(?P<elements>{_ITEMS.format(item=_ELEMENT)})(?!\.?\w)|"
    rf"\b(?P<amount>[xyz])\s?=\s?(?P<numbers>{_ITEMS.format(item=_NUMBER)})(?![\w.]*\d)"
)
_SPLIT = re.compile(rf"{_NUMBER}|{_ELEMENT}(?![a-z])")


def members(text: str, span: tuple[int, int], mention: Mention, number: int) -> list[Mention]:
    """The `number` members of a series of compounds, as a list in a sentence gives them; none where it gives none.

    Args:
        text: the text.
        span: the sentence, in which the list may stand.
        mention: the compound that the sentence is about: the series, or another that stands for it.
        number: how many members are asked for.
    """
    for found in _LISTED.finditer(text, *span) if 1 < number <= _MOST else ():
        variable, is_element = found["variable"] or found["amount"], found["variable"] is not None
        items = _SPLIT.findall(found["elements"] or found["numbers"])
        if len(items) != number:
            continue
        for written in (mention.text, *_series(text[: span[1]], variable, is_element)):
            formulas = [member(written, variable, item if is_element else float(item)) for item in items]
            if all(formulas) and len(set(formulas)) == number:
                return [Mention(mention.start, mention.end, mention.text, formula, "series") for formula in formulas]
    return []


def _series(text: str, variable: str, is_element: bool) -> list[str]:
    """The last words of a text with a variable in them, the latest first."""
    inside = rf"(?<![A-Z]){variable}(?![a-z])" if is_element else variable
    words = re.finditer(r"[A-Z(\[][\w()\[\].+-]*", text[-_BACK:])
    return [w.group().rstrip(".") for w in words if re.search(inside, w.group()) and re.search(r"\d", w.group())][::-1][
        :5
    ]


_TOLD = re.compile(r"[\s,]*(?:\(|(?:with|where|for)\s)\s*(?:[xyz]|R|Ln|RE|M|A)\s?=[^()]{1,80}")


def compounds(text: str, mention: Mention) -> tuple[str, ...]:
    """The formulas of a series that is told right behind its formula: "La1-xSrxMnO3 (x = 0, 0.1)"; none elsewhere."""
    told = _TOLD.match(text, mention.end)
    return parse(text[mention.start : told.end()]).compounds if told and mention.kind == "formula" else ()


_BACK = 3000  # characters before the end of the sentence
