"""What the texts around a text say about it: features of the sentences of one document, in their order.

A sentence of a recipe stands among sentences of a recipe, under a heading that announces it. What the words of a text
say alone, and the fitting, are `classify`.
"""

import re
from functools import cache

import numpy as np
from numpy.typing import NDArray

from etl.text.procedures import procedures, words
from schemas.arrays import Floats

_LAGS = 5
_WIDTHS = (2, 4, 10)
_MOST = 5  # of one cue in one text
_FAR = 60  # texts behind a heading
_CHARACTERS = 2000  # of a text that are searched for cues
_HEADING = re.compile(r"(?:\d+(?:\.\d+)*\.?\s*)?[A-Z]")
_SUBHEADING = re.compile(r"\d+\.\d")
_ANNOUNCES = (
    r"\b(?:prepar|synth|fabricat|materials?\b|sample|specimen|experiment|method|growth|deposit|assembl|process|reagent|"
    r"chemicals|electrode|coating)",
    r"\b(?:charact|measure|test|analys|microscop|spectro|diffract|comput|calcul|simulat|model|electrochem)",
    r"\b(?:result|discuss|conclu|intro|summary|acknowledg|reference|background|abstract)",
)
_CUES = (
    r"\d",
    r"\b(?:was|were)\s+(?:\w+ly\s+)?\w+ed\b",
    r"\b(?:is|are|has|have|shows?|can)\b",
    r"\[\d",
    r"\b(?:Fig|Table)",
    r"\b(?:[Ww]e|[Oo]ur)\b",
    r"\b(?:Co|Ltd|Inc|GmbH)\b|purchased|supplied|purity",
    r"\b(?:measur|record|characteri|observ|examin|investigat|microscop|spectr|diffract|determin|analy|calculat|simulat)",
    r"\b(?:indicat|suggest|show|reveal|demonstrat|higher|lower|increas|decreas|compar|due to|because)",
)


@cache
def _cues() -> tuple[re.Pattern[str], ...]:
    """Patterns that are counted in each text: the above, and the operations, tools and units of syntheses."""
    known = procedures()
    operations = [w for kind, entries in known["operations"].items() if kind != "starting" for w in entries]
    units = sorted({u for entries in known["units"].values() for u in entries}, key=len, reverse=True)
    lists = (words(operations), words(known["labels"]["Synthesis-Apparatus"]), words(known["labels"]["Brand"]))
    measured = rf"\d\s?(?:{'|'.join(map(re.escape, units))})(?![A-Za-z0-9])"
    return (*map(re.compile, _CUES), re.compile(measured), *(re.compile(w, re.IGNORECASE) for w in lists))


def features(texts: list[str], odds: Floats) -> Floats:
    """What stands around each text of a document.

    Args:
        texts: the n texts of one document, in order.
        odds: n x classes, logarithms of what the words of each text alone say.

    Returns:
        n rows of numbers.
    """
    size = len(texts)
    heading = np.array([_is_heading(t) for t in texts])
    section = np.cumsum(heading)
    parts = [part for column in odds.T for part in _around(column, section)]
    counted = np.array([_counts(t) for t in texts], dtype=np.float64)
    parts += [counted, *(_smooth(counted, width) for width in (2, 6))]
    parts += [_headings(texts, heading), heading, np.arange(size) / size, np.full(size, size)]
    return np.column_stack(parts)


def _around(odds: Floats, section: NDArray[np.int64]) -> list[Floats]:
    """Of one class: the neighbours, means before, behind and around, of the section, and the place in the document."""
    size = len(odds)
    padded = np.concatenate([np.full(_LAGS, odds.min()), odds, np.full(_LAGS, odds.min())])
    parts = [padded[lag : lag + size] for lag in range(2 * _LAGS + 1)]
    parts += [_smooth(odds, width, side) for width in _WIDTHS for side in (0, 1, -1)]
    parts += [_smooth(np.exp(odds), width) for width in _WIDTHS]
    members = np.maximum(np.bincount(section), 1)
    parts += [(np.bincount(section, told) / members)[section] for told in (odds, np.exp(odds))]
    ranked = np.sort(odds)[::-1]
    parts += [np.full(size, ranked[min(place, size - 1)]) for place in (0, 9, 24)]
    return [*parts, np.argsort(np.argsort(odds)) / size]


def _smooth(told: Floats, width: int, side: int = 0) -> Floats:
    """Means over the neighbours, weighed by a bell of that width; `side` 1 only of those behind, -1 of those ahead."""
    reach = 3 * width
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    if side > 0:
        bell[:reach] = 0
    elif side < 0:
        bell[reach + 1 :] = 0
    full = told if told.ndim > 1 else told[:, None]
    size = len(full)
    ones = np.convolve(np.ones(size), bell)[reach : reach + size]
    means = [np.convolve(column, bell)[reach : reach + size] / ones for column in full.T]
    return np.column_stack(means) if told.ndim > 1 else means[0]


def _counts(text: str) -> list[float]:
    start = text[:_CHARACTERS]
    found = [min(sum(1 for _ in pattern.finditer(start)), _MOST) for pattern in _cues()]
    return [*found, float(np.log1p(len(text))), float(text.rstrip().endswith("."))]


def _is_heading(text: str) -> bool:
    said = text.strip()
    return 0 < len(said.split()) <= 12 and said[-1] not in ".;," and _HEADING.match(said) is not None


def _headings(texts: list[str], heading: NDArray[np.bool_]) -> Floats:
    """How far back the last heading is, what it announces, and what the last heading of a whole section does."""
    rows, last = [], -_FAR
    own = section = [0.0] * len(_ANNOUNCES)
    for place, text in enumerate(texts):
        if heading[place]:
            last, own = place, [float(re.search(a, text, re.IGNORECASE) is not None) for a in _ANNOUNCES]
            if any(own) and not _SUBHEADING.match(text.strip()):
                section = own
        rows.append([min(place - last, _FAR), *own, *section])
    return np.array(rows, dtype=np.float64)
