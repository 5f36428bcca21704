"""Formulas as people write them: phrases with names, variables, phases and marks, read to a composition.

The grammar of the formula itself is `composition`, names are `names`, what the letters stand for is `variables`,
formulas inside running text are `materials`.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate

import polars as pl
import pyarrow as pa

from etl.features.rows import beside
from etl.text import names
from etl.text.amounts import FormulaError, Terms, bare
from etl.text.composition import ELECTRONEGATIVITY, SITES, depths_of, rank, read, spelled
from etl.text.plain import Plain, plain
from etl.text.variables import Variables, assignments
from schemas.errors import InputError

_LONGEST = 2000


@dataclass(frozen=True)
class ParsedFormula:
    """What a string says about a composition.

    Attributes:
        ok: whether a composition was read.
        reason: why not; None where ok.
        formula: reduced, elements sorted by electronegativity, variables kept.
        elements: symbol -> amount, a float or an expression such as "1-x". Keys are elements or keys of `variables`.
        variables: name -> listed values, [low, high] of a range, or None where the text does not say.
        segments: tagged pieces (`tag`, `begin`, `end`, `text`); offsets are code points in the string as given.
    """

    ok: bool
    reason: str | None = None
    formula: str | None = None
    elements: dict[str, float | str] = field(default_factory=dict)
    variables: Variables = field(default_factory=dict)
    segments: tuple[dict[str, str | int], ...] = ()


_PHASE_AFTER = re.compile(
    r"\s*\((?:[MRTA]\d?|M1|M2|s|l|g|aq|cr|am|rutile|anatase|brookite|monoclinic|tetragonal|cubic|"
    r"hexagonal|orthorhombic|"
    r"[A-Z]{3,6}|A\.?R\.?|[1-9]N|\d{2}(?:\.\d+)?\s?%?|rhombohedral|triclinic|wurtzite|zincblende|spinel|"
    r"perovskite|insulating|metallic|amorphous|bulk|film|[0-9]{3})\)?\s*$"
)
_PHASE_BEFORE = re.compile(
    r"^\s*(?:[α-ωΑ-Ω]['’]?|(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|kappa|lambda|sigma|omega)|"
    r"[a-z]|[1-9][THRCM]'?|"
    r"P2|P3|O2|O3|nano|poly|single|bulk|amorphous)['’]?-(?=[A-Z(\[])|^\s*(?:P2|P3|O3|[1-9][THR])\s(?=[A-Z])"
)
_MARKS = str.maketrans("{}⟨’∗∕⁄", "()('*//")
_ACRONYM = re.compile(r"[A-Z]{3,}")
_ROMAN = re.compile(r"(?<=[a-zA-Z])\s?\((?:I{1,3}|IV|V|VI{1,3})\)")
_SHAPES = re.compile(
    r"\b(?:single[\s-]crystals?|crystals?|thin[\s-]films?|films?|powders?|bulk|(?-i:[Nn]ano[a-z]*\b)|"
    r"poly\s?crystal\w*|ceramics?|pellets?|"
    r"wires?|tapes?|samples?|epitaxial|monolayers?|layers?|whiskers?|microcrystals?)\b",
    re.IGNORECASE,
)
_DOPING = re.compile(
    r"\b(?:[A-Z][a-z]?|[a-z]+)[- ](?:doped|substituted|intercalated)\b|\b(?:un|over|under|optimally )-?doped\b|"
    r"\bpure\b|^\s*(?:OD|UD|OP)(?=\s)"  # over-, under-, optimally doped
)
# letters that stand for some element of a family where nothing else reads a formula: "A2SnO3", "LiFe1-xTMxAs"
_FAMILIES = frozenset({"A", "X", "T", "TM", "AE", "Ae", "Me"})
_WORD = re.compile(r"[A-Za-z]{2}[a-z]{2,}|^[a-z]{2,}$|^(?:and|or|of|in|for|the|with|on)$")
_LOOK_ALIKE = re.compile(r"[\u0400-\u052fΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ]")


_COLON_POINT = re.compile(r"(?<=\d):(?=\d\d(?![\d.%]))|(?<![\d.][01])(?<=[01]):(?=\d{1,3}(?![\d.%]))")


def _compact(text: str) -> str:
    """One spelling of the marks inside a formula."""
    if ":" in text:
        text = _COLON_POINT.sub(".", text)
    if not text.isalnum():
        text = "".join(_ROMAN.sub("", text.translate(_MARKS)).split())
    return text.strip(",;.'\"")


_FRAGMENT = re.compile(r"(?:[A-Z][a-z]?|[\d.:+\-±()\[\]]|[xyznδd])+")
_NICKNAME = re.compile(r"\s*[(\"]+(?P<name>[A-Z][A-Za-z]{0,3}(?:\([A-Z][a-z]?\))?[- ]?\d{3,4}|[A-Z]{3,6})[)\"]+\s*$")


def _alone(text: str, tokens: list[tuple[int, int]], index: int) -> bool:
    """Whether a token is no piece of a formula written with spaces ("YBa" of "YBa 2 Cu 3 O y")."""
    start, end = tokens[index]
    before = text[slice(*tokens[index - 1])] if index else ""
    after = text[slice(*tokens[index + 1])] if index + 1 < len(tokens) else ""
    pieced_before = bool(_FRAGMENT.fullmatch(before)) and text[start] not in "(["
    return not pieced_before and (text[end - 1] in ",;" or not _FRAGMENT.fullmatch(after.rstrip(",;")))


# no blank, and no word of letters that a formula does not have
_ONE_PIECE = re.compile(r"(?:(?![A-Za-z]{2}[a-z]{2})[^\s,;])+")
_SYMBOL = re.compile(r"[A-Z□]")
_BENEATH = re.compile(r"(?<=\s)(?:on|onto|in)(?=\s)")


def _candidates(text: str) -> list[tuple[int, int]]:
    """Spans that may be a formula, most promising first: the longest runs of pieces that are not words.

    What follows "on", "onto" or "in" lies beneath or around the thing named before, and is no candidate beside it;
    an element in something ("Ce in CuO2") is a dopant and not the thing.
    """
    if _ONE_PIECE.fullmatch(text):
        return [(0, len(text))] if _SYMBOL.search(text) else []
    runs: list[tuple[int, int]] = []
    begin: int | None = None
    tokens = [(m.start(), m.end()) for m in re.finditer(r"\S+", text)]
    depths = depths_of(text)
    last = 0
    for start, end in tokens:
        wordy = bool(_WORD.search(text[start:end].strip("(),;")))
        if wordy and not re.search(r"[A-Z][a-z]?\d", text[start:end]):
            if begin is not None:
                runs.append((begin, last))
            begin = None
        else:
            begin = start if begin is None else begin
            last = end
            if text[end - 1] in ",;" and not depths[end - 1]:
                runs.append((begin, last))
                begin = None
    if begin is not None:
        runs.append((begin, last))
    singles = [t for i, t in enumerate(tokens) if re.search(r"[A-Z]", text[slice(*t)]) and _alone(text, tokens, i)]
    ordered = sorted(runs, key=lambda r: r[0] - r[1]) + sorted(singles, key=lambda r: r[0] - r[1])
    found = [r for r in dict.fromkeys(ordered) if re.search(r"[A-Z□]", text[r[0] : r[1]])]
    beneath = _BENEATH.search(text)
    first = [r for r in found if beneath is None or r[1] <= beneath.start()]
    if beneath and beneath.group() == "in" and all(len(re.findall("[A-Z]", text[b:e])) < 2 for b, e in first):
        return found[:12]
    return (first or found)[:12]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without outer marks and without a bracket that has no partner."""
    while start < end and text[start] in " ,;:'\"+-/)":
        start += 1
    while start < end and text[end - 1] in " ,;:'\"./":
        end -= 1
    body = text[start:end]
    if body.isalnum():
        return start, end
    if body.count("(") < body.count(")") and body.endswith(")"):
        end -= 1
    elif body.startswith("(") and body.count("(") > body.count(")"):
        start += 1
    elif body.count("(") > body.count(")") and not body[body.rindex("(") + 1 :][:1].isupper():
        end = start + body.rindex("(")
    elif (body[:1] == "[" and body[-1:] == "]" and body.count("[") == 1) or (
        body.startswith("(") and body.endswith(")") and depths_of(body)[1:-1] and min(depths_of(body)[1:-1]) >= 1
    ):
        start, end = start + 1, end - 1
    return start, end


def _tagged(source: Plain, pieces: list[tuple[str, int, int]]) -> tuple[dict[str, str | int], ...]:
    found: list[dict[str, str | int]] = []
    ordered = sorted(set(pieces), key=lambda p: (p[1], p[2])) if len(pieces) > 1 else pieces
    for tag, start, end in ordered:
        if start < end:
            begin, stop = source.span(start, end)
            found.append({"tag": tag, "begin": begin, "end": stop, "text": source.source[begin:stop]})
    return tuple(found)


def _result(
    composed: tuple[dict[str, Terms], dict[str, list[str]], frozenset[str]],
    variables: Variables,
    segments: tuple[dict[str, str | int], ...],
) -> ParsedFormula:
    total, choices, used = composed
    named: Variables = {n: variables.get(n) for n in sorted(used)}
    for symbol in total:
        if symbol not in ELECTRONEGATIVITY:
            named[symbol] = list(choices[symbol]) if symbol in choices else variables.get(symbol)
    elements = {s: bare(total[s]) for s in sorted(total, key=rank)}
    return ParsedFormula(True, None, spelled(total), elements, named, segments)


def _read_family(body: str, sites: frozenset[str]) -> tuple[dict[str, Terms], dict[str, list[str]], frozenset[str]]:
    """`read`, and where that fails with letters for families of elements beside two elements (B may be a site too)."""
    try:
        return read(body, sites)
    except FormulaError as error:
        try:
            composed = read(body, sites | _FAMILIES)
        except FormulaError:
            raise error from None
        if len(set(composed[0]) & (set(ELECTRONEGATIVITY) - {"B"})) < 2:
            raise
        return composed


def _attempt(text: str, source: Plain, variables: Variables, segments: list[tuple[str, int, int]]) -> ParsedFormula:
    sites = SITES | {n for n in variables if n[0].isupper() and n not in ELECTRONEGATIVITY} if variables else SITES
    named = names.dictionary()["abbreviations"]
    reason = ""
    for span in _candidates(text):
        start, end = _trimmed(text, *span)
        body = text[start:end]
        if not body or (body != text.strip() and body not in named and _ACRONYM.fullmatch(body)):
            continue  # an acronym in a phrase is no compound of one-letter elements
        pieces = list(segments)
        called = _NICKNAME.search(body) if body[-1] in ')"' else None
        if called and called.start():
            pieces.append(("name", start + called.start("name"), start + called.end("name")))
            body = body[: called.start()]
        after = _PHASE_AFTER.search(body) if "(" in body else None
        if after and after.start():
            pieces.append(("phase", start + after.start(), start + after.end()))
            body = body[: after.start()]
        before = _PHASE_BEFORE.match(body)
        offset = before.end() if before else 0
        if before:
            pieces.append(("phase", start, start + offset - 1))
        try:
            composed = _read_family(_compact(named.get(body) or body[offset:]), sites)
        except FormulaError as error:
            reason = reason or str(error)
            continue
        pieces.append(("formula", start + offset, start + len(body.rstrip())))
        return _result(composed, variables, _tagged(source, pieces))
    return ParsedFormula(False, reason or "no formula or known name", segments=_tagged(source, segments))


def parse(text: str) -> ParsedFormula:
    """Reads a formula, a name, or a phrase that holds one.

    Args:
        text: anything; LaTeX, Unicode subscripts, "(x = 0.1-0.3)" and phase marks are understood.

    Returns:
        The composition, or `ok=False` and why. Never raises on a string.
    """
    if len(text) > _LONGEST:
        return ParsedFormula(False, f"longer than {_LONGEST} characters")
    if not text.strip():
        return ParsedFormula(False, "empty")
    alike = None if text.isascii() else _LOOK_ALIKE.search(text)
    if alike:
        name = unicodedata.name(alike.group(), "unknown letter").lower()
        return ParsedFormula(False, f"'{alike.group()}' at {alike.start()} is a look-alike letter ({name})")
    source = plain(text)
    try:
        return _parse(source)
    except (FormulaError, RecursionError) as error:
        return ParsedFormula(False, str(error) or "nested too deeply")


# one piece in the letters of formulas: no blank, no comparison, no name
_PLAIN_FORMULA = re.compile(r"(?=.*\d)(?!.*[a-z]{3})[^\s=<>~≤≥]+")


def _parse(source: Plain) -> ParsedFormula:
    if _PLAIN_FORMULA.fullmatch(source.text):
        return _attempt(source.text, source, {}, [])
    stripped = source.text.strip()
    known = names.resolve(stripped)
    begin = source.text.index(stripped) if stripped else 0
    if known is not None and stripped:
        named = [("name", begin, begin + len(stripped))]
        return _result(read(_compact(known), SITES), {}, _tagged(source, named))
    text, variables, segments = assignments(source.text)
    for tag, pattern in (("shape", _SHAPES), ("doping", _DOPING)):
        for match in pattern.finditer(text):
            segments.append((tag, match.start(), match.end()))
            text = text[: match.start()] + " " * len(match.group()) + text[match.end() :]
    if not text.strip() and segments:
        return ParsedFormula(
            False, "no formula, only words or variables", None, {}, variables, _tagged(source, segments)
        )
    left = text.strip()
    known = names.resolve(left) if left != stripped else None
    if known is not None:
        start = text.index(left)
        return _result(
            read(_compact(known), SITES), variables, _tagged(source, [*segments, ("name", start, start + len(left))])
        )
    return _attempt(text, source, variables, segments)


@lru_cache(maxsize=65536)
def _total(formula: str) -> dict[str, Terms]:
    try:
        return read(_compact(plain(formula).text), SITES)[0]
    except (FormulaError, RecursionError) as error:
        raise InputError.of(f"no formula ({error})", repr(formula[:80]), "write element symbols and amounts") from error


def composition(text: str) -> tuple[Mapping[str, Terms], Mapping[str, list[str]], frozenset[str]]:
    """Exact amounts of one bare formula, its alternatives and its variable letters; for readers of running text.

    Raises:
        FormulaError: no formula.
    """
    try:
        return read(_compact(text), SITES)
    except RecursionError as error:
        raise FormulaError("nested too deeply") from error


def reduce(formula: str) -> str:
    """The one spelling of a formula: "O2V" and "V2O4" both give "VO2".

    Raises:
        InputError: no formula.
    """
    return spelled(_total(formula))


def elements(formula: str) -> dict[str, float | str]:
    """Amount of each element, a float or an expression, sorted by electronegativity.

    Raises:
        InputError: no formula.
    """
    total = _total(formula)
    return {s: bare(total[s]) for s in sorted(total, key=rank)}


def parse_many(frame: pl.DataFrame, *, column: str = "text") -> pl.DataFrame:
    """Parses a column; one output row per input row, the input columns carried through.

    Args:
        frame: any frame with `column`.
        column: the strings to read.

    Returns:
        The frame with `ok`, `reason`, `formula`, `elements` (JSON), `variables` (JSON) and `segments` added. An input
        column of one of these names keeps its content as `<name>_input`, `column` too, so that the text of a row that
        could not be read stays visible.

    Raises:
        InputError: the column is missing.
    """
    if column not in frame.columns:
        raise InputError.of(f"missing column {column}", "the table", f"it has {', '.join(frame.columns) or 'none'}")
    parsed = [_of_any(value) for value in frame[column].to_list()]
    encode = json.JSONEncoder(ensure_ascii=False).encode
    added = pl.DataFrame(
        {
            "ok": pl.Series([p.ok for p in parsed], dtype=pl.Boolean),
            "reason": pl.Series([p.reason for p in parsed], dtype=pl.String),
            "formula": pl.Series([p.formula for p in parsed], dtype=pl.String),
            "elements": pl.Series([encode(p.elements) if p.ok else None for p in parsed], dtype=pl.String),
            "variables": pl.Series(
                [(encode(p.variables) if p.variables else "{}") if p.ok else None for p in parsed], dtype=pl.String
            ),
            "segments": _listed([p.segments for p in parsed]),
        }
    )
    return beside(frame, added)


def _of_any(value: object) -> ParsedFormula:
    if isinstance(value, str):
        return parse(value)
    return ParsedFormula(False, "missing" if value is None else f"not text but {type(value).__name__}")


def _listed(rows: list[tuple[dict[str, str | int], ...]]) -> pl.Series:
    """A column of the segments of each row, built flat: rows of objects take five times as long."""
    flat = [segment for row in rows for segment in row]
    kinds = {"tag": pa.string(), "begin": pa.int64(), "end": pa.int64(), "text": pa.string()}
    fields = [pa.array([segment[name] for segment in flat], kind) for name, kind in kinds.items()]
    offsets = pa.array([0, *accumulate(map(len, rows))], pa.int64())
    lists = pa.LargeListArray.from_arrays(offsets, pa.StructArray.from_arrays(fields, list(kinds)))
    return pl.Series(lists)
