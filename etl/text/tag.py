"""Entities and relations of synthesis text in the labels of the MSPT corpus (Mysore et al. 2019, W19-4007).

Belongs here: tables in and out, and the tagger of rules, the baseline, whose word lists are data (`procedures.yaml`).
The learned tagger, which reads unless rules are asked for, is `tagger`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import polars as pl

from etl.features.rows import beside
from etl.text import materials
from etl.text.plain import plain
from etl.text.procedures import not_operations, patterns, procedures, unit_labels, words
from etl.text.relations import Entity, Link
from etl.text.tagger import Tagged, Tagger, shipped
from schemas.errors import InputError

ENTITY = pl.Struct({"start": pl.Int64, "end": pl.Int64, "label": pl.String, "text": pl.String})
RELATION = pl.Struct({"type": pl.String, "head": pl.Int64, "tail": pl.Int64})
# possessive, so that a long run of digits is tried once
_NUMBER = (
    r"(?<![\w.^/])(?<![a-z]-)(?<![a-z] -)"
    r"(?:\d++(?:\.\d++)?+(?:\s?[:/]\s?\d++(?:\.\d++)?+){0,8}+)(?![\w]*[A-Z][a-z]?\d)"
)
_DOI = re.compile(r"^10\.\d{4,}/\S+", re.MULTILINE)
_FORMULA_LIKE = re.compile(
    r"(?<![\w-])(?:N2|H2|O2|Ar|He|Au|Ag|Pt|Pd|GO|rGO|CTAB|PVP|DMF|THF|PVA|TEOS|CH2Cl2|EtOH|MeOH|CHCl3)(?![\w-])"
)
_REFERENCE = re.compile(r"\[\d+(?:\s?[,-]\s?\d+)*\]")
# "NaOH solution", "an ethanol suspension": what follows a material describes it
_STATE = re.compile(
    r"(?:(?<=[A-Z]) |(?<=[a-z][A-Z]\d) |(?<=[A-Z][a-z]) |(?<=[A-Z]\d) |\b(?:aqueous|ethanol|acid|hydroxide|"
    r"nitrate|chloride) )"
    r"(?P<state>solutions?|powders?|suspension|pellets?|atmosphere|foils?|mixture|precursors?|nanoparticles)\b"
)


@lru_cache(maxsize=1)
def _lexicon() -> tuple[tuple[str, re.Pattern[str]], ...]:
    operations = [w for entries in procedures()["operations"].values() for w in entries]
    return (*patterns("labels").items(), ("Operation", re.compile(words(operations), re.IGNORECASE)))


@lru_cache(maxsize=1)
def _measure() -> re.Pattern[str]:
    units = "|".join(re.escape(u) for u in sorted(unit_labels(), key=len, reverse=True))
    return re.compile(
        rf"(?P<number>{_NUMBER})(?:\s?(?:-|to|±|~)\s?(?P<second>\d+(?:\.\d+)?))?\s?-?(?P<unit>{units})(?![A-Za-z0-9])"
    )


def _spans(text: str) -> list[tuple[int, int, str, int]]:
    """(start, end, label, rank) of everything that could be an entity; a low rank wins an overlap."""
    found: list[tuple[int, int, str, int]] = []
    for match in _measure().finditer(text):
        found.append((match.start("number"), match.end("number"), "Number", 1))
        if match.group("second"):
            found.append((match.start("second"), match.end("second"), "Number", 1))
        found.append((match.start("unit"), match.end("unit"), unit_labels()[match.group("unit")], 1))
    for match in re.finditer(r"\bpH\b(?:\s?(?:of|=|value of|~|to)?\s?(?P<n>\d+(?:\.\d+)?))?", text):
        found.append((match.start(), match.start() + 2, "Condition-Unit", 1))
        if match.group("n"):
            found.append((match.start("n"), match.end("n"), "Number", 1))
    for match in re.finditer(r"(?:molar|weight|mass|mole|volume) ratios?", text):
        found.append((match.start(), match.end(), "Amount-Unit", 1))
    found.extend((m.start(), m.end(), "Number", 3) for m in re.finditer(_NUMBER + r"(?!\s?\))", text))
    found.extend((m.start(), m.end(), "Reference", 0) for m in _REFERENCE.finditer(text))
    found.extend((m.start(), m.end(), "", 0) for m in _DOI.finditer(text))
    found.extend((m.start, m.end, "Material", 2) for m in materials.find(text))
    found.extend((m.start(), m.end(), "Material", 2) for m in _FORMULA_LIKE.finditer(text))
    found.extend((m.start("state"), m.end("state"), "Material-Descriptor", 1) for m in _STATE.finditer(text))
    for label, pattern in _lexicon():
        rank = 4 if label in ("Material-Descriptor", "Operation") else 2
        for match in pattern.finditer(text):
            if label != "Operation" or not not_operations().fullmatch(match.group()):
                found.append((match.start(), match.end(), label, rank))
    return found


def entities(text: str) -> list[dict[str, Any]]:
    """Entities of a text, in order, without overlaps; offsets are code points in the text as given."""
    source = plain(text)
    taken: list[tuple[int, int, str]] = []
    used = bytearray(len(source.text))
    for start, end, label, _ in sorted(_spans(source.text), key=lambda s: (s[3], s[0] - s[1], s[0])):
        if end > start and not any(used[start:end]):
            used[start:end] = b"\x01" * (end - start)
            taken.append((start, end, label))
    result = []
    for start, end, label in sorted(t for t in taken if t[2]):
        begin, stop = source.span(start, end)
        result.append({"start": begin, "end": stop, "label": label, "text": text[begin:stop]})
    return result


def tag(
    texts: pl.DataFrame, *, column: str = "text", model: Tagger | None = None, known: str | None = None
) -> pl.DataFrame:
    """Tags a column; one output row per input row.

    Args:
        texts: any frame with `column`.
        column: the texts.
        model: a learned tagger; the shipped one unless given.
        known: column of entities (list of start, end, label) that are known: only relations are read then.

    Returns:
        The frame with `ok`, `reason`, `entities` (list of start, end, label, text) and `relations` (list of type, head,
        tail: indices into the entities of the row).

    Raises:
        InputError: a column is missing.
    """
    used = model or shipped()
    return _tabled(texts, column, known, used.tag, used.relate)


def tag_by_rules(texts: pl.DataFrame, *, column: str = "text") -> pl.DataFrame:
    """Tags a column by rules: the columns of `tag`, without relations."""

    def read(batch: Sequence[str]) -> Iterator[Tagged]:
        for text in batch:
            yield Tagged([Entity(e["start"], e["end"], e["label"]) for e in entities(text)], [])

    return _tabled(texts, column, None, read, lambda _text, _entities: [])


def _tabled(
    texts: pl.DataFrame,
    column: str,
    known: str | None,
    read: Callable[[Sequence[str]], Iterable[Tagged]],
    relate: Callable[[str, Sequence[Entity]], list[Link]],
) -> pl.DataFrame:
    for name in filter(None, (column, known)):
        if name not in texts.columns:
            have = ", ".join(texts.columns) or "none"
            raise InputError.of(f"missing column {name}", "the texts", f"they have {have}")
    said = texts[column].to_list()
    given = texts[known].to_list() if known else [[]] * len(said)
    reasons = [_reason(text, held) for text, held in zip(said, given, strict=True)]
    good = [text for text, reason in zip(said, reasons, strict=True) if reason is None]
    found = iter(() if known else read(good))
    rows: list[tuple[bool, str | None, list[dict[str, Any]], list[dict[str, Any]]]] = []
    for text, held, reason in zip(said, given, reasons, strict=True):
        if reason is not None:
            rows.append((False, reason, [], []))
            continue
        told = [Entity(e["start"], e["end"], e["label"]) for e in held or ()]
        tagged = Tagged(told, relate(text, told)) if known else next(found)
        shown = [{"start": a, "end": b, "label": label, "text": text[a:b]} for a, b, label in tagged.entities]
        rows.append((True, None, shown, [{"type": k, "head": h, "tail": t} for k, h, t in tagged.links]))
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "ok": pl.Boolean,
        "reason": pl.String,
        "entities": pl.List(ENTITY),
        "relations": pl.List(RELATION),
    }
    return beside(texts, pl.DataFrame(rows, schema=schema, orient="row"))


def _reason(text: object, known: object) -> str | None:
    """Why a row cannot be read; None where it can."""
    if not isinstance(text, str):
        return "no text" if text is None else "not text"
    if not text.strip():
        return "no text"
    if known is not None and not isinstance(known, list):
        return "known entities that are no list"
    for held in known or ():
        told: list[Any] = [held.get(k) for k in ("start", "end", "label")] if isinstance(held, dict) else []
        if not told or None in told:
            return "a known entity without start, end and label"
        start, end, label = told
        if not (isinstance(start, int) and isinstance(end, int) and isinstance(label, str)):
            return "a known entity without start, end and label"
        if not 0 <= start < end <= len(text):
            return "a known entity outside the text"
    return None
