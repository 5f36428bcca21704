"""Formulas as people write them: phrases with names, variables, phases and marks, read to a composition.

The grammar of the formula itself is `composition`, names are `names`, what the letters stand for is `variables`,
formulas inside running text are `materials`.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice, product
from typing import Any

import polars as pl
import pyarrow as pa

from etl.features.rows import beside
from etl.text import names
from etl.text.amounts import FormulaError, Terms, at, bare, plus
from etl.text.composition import ELECTRONEGATIVITY, SITES, rank, read, spelled
from etl.text.phrases import BENEATH, candidates, compact, described, trimmed
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
        compounds: the formulas of the compounds that the string stands for: each member of a series whose values are
            listed ("x = 0, 0.1, 0.2"), the formula itself where it has no variables, else none.
        segments: tagged pieces (`tag`, `begin`, `end`, `text`); offsets are code points in the string as given.
    """

    ok: bool
    reason: str | None = None
    formula: str | None = None
    elements: dict[str, float | str] = field(default_factory=dict)
    variables: Variables = field(default_factory=dict)
    compounds: tuple[str, ...] = ()
    segments: tuple[dict[str, str | int], ...] = ()


_PHASE_AFTER = re.compile(
    r"\s*\((?:[ABDMRT]\d?|s|l|g|aq|cr|am|rutile|anatase|brookite|monoclinic|tetragonal|cubic|"
    r"hexagonal|orthorhombic|"
    r"[A-Z]{3,6}|A\.?R\.?|[1-9]N|\d{2}(?:\.\d+)?\s?%?|rhombohedral|triclinic|wurtzite|zincblende|spinel|"
    r"perovskite|insulating|metallic|amorphous|bulk|film|[0-9]{3})\)?\s*$"
)
_PHASE_BEFORE = re.compile(
    r"^\s*(?:[α-ωΑ-Ω]['’]?|(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|kappa|lambda|sigma|omega)|"
    r"[a-z]|[1-9][THRCM]'?|"
    r"P2|P3|O2|O3|[a-z]{4,})['’]?-(?=[A-Z(\[])|^\s*(?:P2|P3|[1-9][THR])\s(?=[A-Z])|^\s*O3\s(?=Na|K|Li)"
)

# names that look like formulas: acronyms of symbols ("LSCO"), and families by the numbers of their layers ("Bi-2212")
_CALLED = re.compile(
    r"(?:(?P<dopant>[A-Z][a-z]?)-)?(?!(?:KOH|KCN|HCN|COS|YOF|VOF)$)(?P<name>[A-Z]{3,7}(?:-\d{3,4})?|"
    r"(?!C\d)(?:RE|[A-Z][a-z]?(?:\([A-Z][a-z]?\))?|\([A-Z][a-z]?(?:[,/][A-Z][a-z]?)*\))[-: ]?\d{3,4}(?:[A-Z][a-z]?)?)"
)
_QUANTITY = re.compile(
    r"(?:\d+(?:\.\d+)?|\.\d+)(?:\s+(?:K|C|V|W|N|F|S|H|Pa)|(?<=\d{3})K)"
)  # "300 K" holds no potassium
_NUMERAL = re.compile(r"\(?(?:I{2,3}|IV|VI{1,3})\)?")

# letters that stand for some element of a family where nothing else reads a formula: "A2SnO3", "LiFe1-xTMxAs"
_FAMILIES = frozenset({"A", "X", "T", "TM", "AE", "Ae", "Me"})
_LOOK_ALIKE = re.compile(r"[\u0400-\u052fΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ]")


_IN_BRACKETS = re.compile(r"\(\s*([A-Z]{3,7}|[A-Z][a-z]?-\d{3,4})\s*\)")
_NICKNAME = re.compile(r"\s*[(\"]+(?P<name>[A-Z][A-Za-z]{0,3}(?:\([A-Z][a-z]?\))?[- ]?\d{3,4}|[A-Z]{3,6})[)\"]+\s*$")


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
    listed: frozenset[str] = frozenset(),
) -> ParsedFormula:
    total, choices, used = composed
    named: Variables = {n: variables.get(n) for n in sorted(used)}
    for symbol in total:
        if symbol not in ELECTRONEGATIVITY:
            named[symbol] = list(choices[symbol]) if symbol in choices else variables.get(symbol)
    elements = {s: bare(total[s]) for s in sorted(total, key=rank)}
    formula = spelled(total)
    compounds = _members(total, variables, listed) if listed & set(named) else () if named else (formula,)
    return ParsedFormula(True, None, formula, elements, named, compounds, segments)


_MOST = 50  # compounds of one series


def _members(total: Mapping[str, Terms], variables: Variables, listed: frozenset[str]) -> tuple[str, ...]:
    """The formulas of a series: one for each combination of the values of its letters."""
    values = {name: held for name in sorted(listed) if (held := variables.get(name))}
    chosen: Iterator[tuple[float | str, ...]] = islice(product(*values.values()), _MOST)
    members = (_member(total, dict(zip(values, meant, strict=True))) for meant in chosen)
    return tuple(dict.fromkeys(formula for formula in members if formula))


def _member(total: Mapping[str, Terms], meant: Mapping[str, float | str]) -> str | None:
    """The formula with letters put in: amounts by numbers, sites by elements; None where an amount is negative."""
    numbers = {name: value for name, value in meant.items() if isinstance(value, float)}
    made: dict[str, Terms] = {}
    for symbol, terms in total.items():
        put, name = at(terms, numbers), str(meant.get(symbol, symbol))
        if put:
            made[name] = plus(made[name], put) if name in made else put
    return spelled(made) if made and all(terms.get((), 1) > 0 for terms in made.values()) else None


def member(formula: str, letter: str, meant: float | str) -> str | None:
    """One compound of a series: a formula with a number for the letter of an amount, or an element for that of a site.

    Args:
        formula: a bare formula, as "La1-xSrxMnO3" or "RNiO3".
        letter: as "x" or "R"; one that the formula does not hold is no letter of it.
        meant: what it stands for.

    Returns:
        The reduced formula; None where there is no such compound.
    """
    site = {letter} if isinstance(meant, str) else set()
    if isinstance(meant, str) and meant not in ELECTRONEGATIVITY:
        return None
    try:
        total, _, used = read(compact(formula), SITES | site)
    except (FormulaError, RecursionError):
        return None
    return _member(total, {letter: meant}) if letter in used or letter in total else None


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


def _calls(called: re.Match[str]) -> list[tuple[str, tuple[int, int]]]:
    tags = [("doping", called.span("dopant"))] if called["dopant"] else []
    return [*tags, ("name", called.span("name"))]


def _beneath(text: str, variables: Variables) -> list[tuple[str, int, int]]:
    """What the thing lies on: "films on SrTiO3", "on a TiO2 substrate"."""
    on = BENEATH.search(text)
    if on is None or on.group() == "in":
        return []
    last = text.rstrip().rpartition(" ")[2]
    if names.resolve(last):
        return [("substrate", text.rindex(last), text.rindex(last) + len(last))]
    for begin, end in candidates(text[on.end() :]):
        start, stop = trimmed(text, on.end() + begin, on.end() + end)
        if _attempt(text[start:stop], plain(text[start:stop]), variables, []).ok:
            return [("substrate", start, stop)]
    return []


def _attempt(
    text: str,
    source: Plain,
    variables: Variables,
    segments: list[tuple[str, int, int]],
    listed: frozenset[str] = frozenset(),
) -> ParsedFormula:
    sites = SITES | {n for n in variables if n[0].isupper() and n not in ELECTRONEGATIVITY} if variables else SITES
    reason = ""
    for span in candidates(text):
        start, end = trimmed(text, *span)
        body = text[start:end]
        if not body or _NUMERAL.fullmatch(body):
            continue
        if _QUANTITY.fullmatch(body):
            reason = reason or f"'{body}' is a quantity"
            continue
        called = _CALLED.fullmatch(body)
        if called:
            segments.extend((tag, start + a, start + b) for tag, (a, b) in _calls(called))
            meant = names.short(called["name"])
            if meant:
                return _result(read(compact(meant), SITES), variables, _tagged(source, segments), listed)
            reason = reason or f"'{body}' is a name of no known formula"
            continue
        pieces = list(segments)
        called = _NICKNAME.search(body) if body[-1] in ')"' else None
        if called and called.start():
            pieces.append(("name", start + called.start("name"), start + called.end("name")))
            body = body[: called.start()]
        after = _PHASE_AFTER.search(body) if "(" in body else None
        if after and after.start():
            pieces.append(("phase", start + body.index("(", after.start()), start + after.end()))
            body = body[: after.start()]
        before = _PHASE_BEFORE.match(body)
        offset = before.end() if before else 0
        if before:
            pieces.append(("phase", start, start + offset - 1))
        try:
            composed = _read_family(compact(body[offset:]), sites)
        except FormulaError as error:
            reason = reason or str(error)
            continue
        if reason and len(composed[0]) < 2:
            continue  # an element beside something that could not be read: a dopant, or one of a list
        pieces.append(("formula", start + offset, start + len(body.rstrip())))
        if len(body) < len(text):
            pieces.extend(_beneath(text, variables))
            pieces.extend(("name", *m.span(1)) for m in _IN_BRACKETS.finditer(text) if not start <= m.start(1) < end)
        return _result(composed, variables, _tagged(source, pieces), listed)
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


# symbols, amounts and groups with an amount behind them, and no mark that could be anything else
_STRAIGHT = re.compile(r"(?=.*\d)(?:[A-Z][a-z]?|[\d./xyzδ]|[-+](?=[\dxyzδ])|[(\[](?=[A-Z])|[)\]](?=[\dx(\[A-Z]))+")
# in a text with blanks: water, an acronym, and marks of a phase or of doping in front
_APART = re.compile(r"\dO\b|(?<![A-Za-z])[A-Z]{3,}(?![A-Za-z\d])|^\s*(?:P2|P3|O3|O2|[OU]D|OP|\d[THRC])\s")
# one piece in the letters of formulas: no blank, no comparison, no name
_PLAIN_FORMULA = re.compile(r"(?=.*\d)(?!.*[a-z]{3})[^\s=<>~≤≥ϭ¼]+")


def _parse(source: Plain) -> ParsedFormula:
    over, beneath, under = source.text.partition("//")
    if beneath and under.strip():  # "thin film // substrate"
        film = _read_phrase(source, over + " " * (len(source.text) - len(over)))
        start = len(source.text) - len(under.lstrip())
        tagged = _tagged(source, [("substrate", start, start + len(under.strip()))])
        return replace(film, segments=film.segments + tagged)
    return _read_phrase(source, source.text)


def _read_phrase(source: Plain, text: str) -> ParsedFormula:
    """Reads a phrase; `text` is that of the source, perhaps with a part of it blanked."""
    joined = text if " " not in text else "" if "2 O" in text or _APART.search(text) else "".join(text.split())
    if _STRAIGHT.fullmatch(joined) and not _CALLED.fullmatch(joined) and not _QUANTITY.fullmatch(text.strip()):
        begin = len(text) - len(text.lstrip())
        try:
            return _result(read(joined, SITES), {}, _tagged(source, [("formula", begin, len(text.rstrip()))]))
        except FormulaError:
            pass  # letters of families, or one that tells what is wrong with it
    if _PLAIN_FORMULA.fullmatch(text):
        return _attempt(text, source, {}, [])
    stripped = text.strip()
    known = names.resolve(stripped)
    begin = text.index(stripped) if stripped else 0
    if known is not None and stripped:
        named = [("name", begin, begin + len(stripped))]
        return _result(read(compact(known), SITES), {}, _tagged(source, named))
    text, variables, segments, listed = assignments(text)
    text, tagged = described(text)
    segments += tagged
    if not text.strip() and segments:
        return ParsedFormula(
            False, "no formula, only words or variables", variables=variables, segments=_tagged(source, segments)
        )
    left = text.strip()
    known = names.resolve(left) if left != stripped else None
    if known is not None:
        start = text.index(left)
        return _result(
            read(compact(known), SITES),
            variables,
            _tagged(source, [*segments, ("name", start, start + len(left))]),
            listed,
        )
    return _attempt(text, source, variables, segments, listed)


@lru_cache(maxsize=65536)
def _total(formula: str) -> dict[str, Terms]:
    try:
        return read(compact(plain(formula).text), SITES)[0]
    except (FormulaError, RecursionError) as error:
        raise InputError.of(f"no formula ({error})", repr(formula[:80]), "write element symbols and amounts") from error


def composition(text: str) -> tuple[Mapping[str, Terms], Mapping[str, list[str]], frozenset[str]]:
    """Exact amounts of one bare formula, its alternatives and its variable letters; for readers of running text.

    Raises:
        FormulaError: no formula.
    """
    try:
        return read(compact(text), SITES)
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
        The frame with `ok`, `reason`, `formula`, `elements` (JSON), `variables` (JSON), `segments` and `compounds`
        added, as in `ParsedFormula`. An input column of one of these names keeps its content as `<name>_input`,
        `column` too, so that the text of a row that could not be read stays visible.

    Raises:
        InputError: the column is missing.
    """
    if column not in frame.columns:
        raise InputError.of(f"missing column {column}", "the table", f"it has {', '.join(frame.columns) or 'none'}")
    return beside(frame, _columns(frame[column].to_list()))


_JSON = json.JSONEncoder(ensure_ascii=False).encode


def _columns(values: list[object]) -> pl.DataFrame:
    """Parses values to columns, which are filled flat: as rows of objects they would take as long as the parsing."""
    strings: dict[str, list[str | None]] = {name: [] for name in ("reason", "formula", "elements", "variables")}
    tagged: dict[str, list[Any]] = {"tag": [], "begin": [], "end": [], "text": []}
    good, offsets, compounds = [], [0], []
    for value in values:
        made = _of_any(value)
        good.append(made.ok)
        strings["reason"].append(made.reason)
        strings["formula"].append(made.formula)
        strings["elements"].append(_JSON(made.elements) if made.ok else None)
        strings["variables"].append((_JSON(made.variables) if made.variables else "{}") if made.ok else None)
        for segment in made.segments:
            for name, column in tagged.items():
                column.append(segment[name])
        offsets.append(len(tagged["tag"]))
        compounds.append(made.compounds)
    kinds = {"tag": pa.string(), "begin": pa.int64(), "end": pa.int64(), "text": pa.string()}
    segments = pa.StructArray.from_arrays([pa.array(tagged[n], kind) for n, kind in kinds.items()], list(kinds))
    columns = {
        "ok": pa.array(good, pa.bool_()),
        **{name: pa.array(column, pa.string()) for name, column in strings.items()},
        "segments": pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), segments),
        "compounds": pa.array(compounds, pa.large_list(pa.string())),
    }
    return pl.DataFrame(pa.table(columns))


def _of_any(value: object) -> ParsedFormula:
    if isinstance(value, str):
        return parse(value)
    return ParsedFormula(False, "missing" if value is None else f"not text but {type(value).__name__}")
