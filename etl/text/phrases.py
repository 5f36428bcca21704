"""Phrases around a formula: what their words say, where a formula may stand in them, how its marks are spelled.

Reading a candidate is the work of `formula`.
"""

import re
from collections.abc import Iterator
from itertools import chain

from etl.text.composition import depths_of

_SHAPES = re.compile(
    r"\b(?:single[\s-]?(?:crys-?\s?tals?|crystalline)|crys-?\s?tals?|(?:epitaxial\s|ultra)?thin[\s-]films?|ultrathin|"
    r"(?:epitaxial\s)?films?|powders?|powdered|bulk|(?-i:[Nn]ano[a-z]*\b)|poly\s?crys(?:-\s)?tal\w*|ceramics?|pellets?|"
    r"wires?|tapes?|fibers?|monolayers?|whiskers?|microcrystals?)\b",
    re.IGNORECASE,
)
_WORDS = re.compile(r"\b(?:[A-Z]{2}-)?(?:samples?|layers?|epitaxial|metal)\b", re.IGNORECASE)
_DOPING = re.compile(
    r"(?:\d+(?:\.\d+)?\s?(?:at\.?|mol)?\s?%[- ]?)?\b(?:[A-Z][a-z]?|[a-z]+)[- ]"
    r"(?:(?:co-?)?doped|substituted|intercalated|deficient|free)\b|"
    r"\b(?:(?:slightly|lightly|heavily|strongly|nearly)\s)?(?:un|over|under|opti-?\s?mally)[- ]{0,2}doped\b|"
    r"(?<![-\w] )(?<![-\w])doped\b|\bpure\b|^\s*(?:OD|UD|OP)(?=\s)"  # over-, under-, optimally doped
)
_FABRICATION = re.compile(
    r"\b(?:as-grown|as-prepared|as-synthesi[sz]ed|(?:air[- ])?annealed|sintered|quenched|irradiated|(?:un)?twinned|"
    r"air-exposed|(?:single|double)-layer|hot-pressed)\b",
    re.IGNORECASE,
)
_DESCRIBED = re.compile(r"[A-Za-z][a-z]{3}|[A-Z]{4}|\b[OU][DP]\s|\b[Aa] ")
_ARTICLE = re.compile(r"(?<![^\s(])[Aa] (?=[A-Z(][a-z]?[\w(])")


def described(text: str) -> tuple[str, list[tuple[str, int, int]]]:
    """Takes out words that say what a thing is and not what it is made of (blanked, lengths kept), with their tags."""
    segments: list[tuple[str, int, int]] = []
    if not _DESCRIBED.search(text):
        return text, segments
    for tag, pattern in (("shape", _SHAPES), ("doping", _DOPING), ("fabrication", _FABRICATION), ("", _WORDS)):
        if tag:
            segments.extend((tag, *match.span()) for match in pattern.finditer(text))
        text = pattern.sub(lambda match: " " * len(match.group()), text)
    return _ARTICLE.sub("  ", text), segments


_MARKS = str.maketrans("{}⟨’∗∕⁄", "()('*//")
_ROMAN = re.compile(r"(?<=[a-zA-Z])\s?\((?:I{1,3}|IV|V|VI{1,3})\)")
_COLON_POINT = re.compile(r"(?<=\d):(?=\d\d(?![\d.%]))|(?<![\d.][01])(?<=[01]):(?=\d{1,3}(?![\d.%]))")


_CHARGE = re.compile(r"(?<=[A-Za-z)\]])I{2,3}(?![a-z])")  # "FeII(CN)6": iodine never stands beside iodine
_UNCERTAIN = re.compile(r"(?<=\.\d)\(\d{1,2}\)|(?<=\.\d\d)\(\d{1,2}\)|(?<=\.\d\d\d)\(\d{1,2}\)")
_PRIMED = re.compile(r"(?<=[a-z])'(?=\s|[A-Z)\]]|$)")
_WATER = re.compile(r"([·.*×]\s?[\d.xn]*)?\s+(?=(?:\d+(?:\.\d+)?|[xn])?[HD]2O\b)")


def compact(text: str) -> str:
    """One spelling of the marks inside a formula."""
    if ":" in text:
        text = _COLON_POINT.sub(".", text)
    if not text.isalnum():
        text = text.translate(_MARKS)
        if "(" in text:
            text = _UNCERTAIN.sub("", _ROMAN.sub("", text))
        if "'" in text:
            text = _PRIMED.sub("", text)
        if " " in text:
            text = _WATER.sub(lambda m: m[1] or "·", text) if "2O" in text else text
            text = "".join(text.split())
    if "II" in text:
        text = _CHARGE.sub("", text)
    return text.strip(",;.'\"")


_WORD = re.compile(r"(?<![A-Za-z])[A-Za-z][a-z]{3,}|^[a-z]{2,}$|^(?:and|or|of|in|for|the|with|on)$")
_FRAGMENT = re.compile(r"(?:[A-Z][a-z]?|[\d.:+\-±()\[\]]|[xyznδd])+")


def _alone(text: str, tokens: list[tuple[int, int]], index: int) -> bool:
    """Whether a token is no piece of a formula written with spaces ("YBa" of "YBa 2 Cu 3 O y")."""
    start, end = tokens[index]
    before = text[slice(*tokens[index - 1])] if index else ""
    after = text[slice(*tokens[index + 1])] if index + 1 < len(tokens) else ""
    pieced_before = bool(_FRAGMENT.fullmatch(before)) and text[start] not in "(["
    return not pieced_before and (text[end - 1] in ",;" or not _FRAGMENT.fullmatch(after.rstrip(",;")))


# no blank, and no word of letters that a formula does not have
_ONE_PIECE = re.compile(r"(?:(?![A-Za-z]{2}[a-z]{2})[^\s,;])+")
_CAPITAL = re.compile(r"[A-Z]")
_ACRONYM = re.compile(r"[A-Z]{3,}")
_COUNTED = re.compile(r"[A-Z][a-z]?\d")
_SYMBOL = re.compile(r"[A-Z□]")
_TOKEN = re.compile(r"[A-Za-z][a-z]{3,}(?=[\[(][A-Z])|\S+")  # "zinc nitrate[Zn(NO3)2]"
BENEATH = re.compile(r"(?<=\s)(?:on|onto|in)(?=\s)")


def candidates(text: str) -> Iterator[tuple[int, int]]:
    """Spans that may be a formula, most promising first: the longest runs of pieces that are not words, then pieces.

    What follows "on", "onto" or "in" lies beneath or around the thing named before, and is no candidate beside it;
    an element in something ("Ce in CuO2") is a dopant and not the thing.
    """
    if _ONE_PIECE.fullmatch(text):
        return iter([(0, len(text))] if _SYMBOL.search(text) else [])
    tokens = [m.span() for m in _TOKEN.finditer(text)]
    found = dict.fromkeys(chain(_runs(text, tokens), _pieces(text, tokens)))
    beneath = BENEATH.search(text)
    first = [r for r in found if beneath is None or r[1] <= beneath.start()]
    around = beneath and beneath.group() == "in" and all(len(_CAPITAL.findall(text[b:e])) < 2 for b, e in first)
    return iter((list(found) if around or not first else first)[:12])


def _runs(text: str, tokens: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Runs of tokens that are no words, the longest first; a comma outside brackets ends one."""
    runs: list[tuple[int, int]] = []
    begin: int | None = None
    last = 0
    depths = depths_of(text) if "," in text or ";" in text else ()
    for start, end in tokens:
        token = text[start:end]
        bare = token.strip("(),;")
        if (_WORD.search(bare) or _ACRONYM.fullmatch(bare)) and not _COUNTED.search(token):
            if begin is not None:
                runs.append((begin, last))
            begin = None
            continue
        begin = start if begin is None else begin
        last = end
        if depths and token[-1] in ",;" and not depths[end - 1]:
            runs.append((begin, last))
            begin = None
    if begin is not None:
        runs.append((begin, last))
    return sorted((r for r in runs if _SYMBOL.search(text, *r)), key=lambda r: r[0] - r[1])


def _pieces(text: str, tokens: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Single tokens that stand for themselves, the longest first."""
    alone = [t for i, t in enumerate(tokens) if _CAPITAL.search(text, *t) and _alone(text, tokens, i)]
    return sorted(alone, key=lambda r: r[0] - r[1])


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without outer marks and without a bracket that has no partner."""
    while start < end and text[start] in " ,;:'\"+-/)*":
        start += 1
    while start < end and text[end - 1] in " ,;:'\"./":
        end -= 1
    body = text[start:end]
    if body.isalnum():
        return start, end
    if body.count("(") < body.count(")") and body.endswith(")"):
        end -= 1
    elif body.count("(") > body.count(")") and re.search(r"\([^A-Z()]*$|.\((?:[AMRTX]|Ln)$", body):
        end = start + body.rindex("(")
    elif body.startswith("(") and body.count("(") > body.count(")"):
        start += 1
    elif (body[:1] == "[" and body[-1:] == "]" and body.count("[") == 1) or (
        body.startswith("(") and body.endswith(")") and depths_of(body)[1:-1] and min(depths_of(body)[1:-1]) >= 1
    ):
        start, end = start + 1, end - 1
    return start, end
