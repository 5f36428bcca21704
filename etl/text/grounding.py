"""What a language model may answer, and which of its answers stand in the text.

The schema comes from the record declaration (`extract.RECORDS`) and the configured properties, so that it cannot drift
from them. An answer counts where its quote, compound and value are found verbatim. Asking is `llm`.
"""

import json
import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from etl.text import materials
from etl.text.extract import RECORDS, Field
from etl.text.plain import plain
from etl.text.properties import Property, configuration
from etl.text.quantities import Value, values

KINDS = ("transition", "property", "compound")
"""Kinds of records that are asked for; recipes stay with the rules."""
_ASKED = ("kind", "type", "compound", "value", "low", "high", "unit", "field")
_NEEDED = ("kind", "type", "compound", "field")
_PYTHON: dict[Any, type] = {pl.String: str, pl.Float64: float}
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MOST = 500  # records of one answer


class Answer(BaseModel):
    """One record as the model gives it: the columns of `extract.RECORDS` that are asked for, with its quote."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    document: int
    kind: str
    type: str
    compound: str
    value: float | None
    low: float | None
    high: float | None
    unit: str | None
    field: str
    quote: str


def _column(name: str) -> dict[str, Any]:
    kind = {str: "string", float: "number"}[_PYTHON[RECORDS[name]]]
    return {"type": kind if name in _NEEDED else [kind, "null"]}


@lru_cache(maxsize=8)
def types(config: str | None = None) -> tuple[str, ...]:
    """All that a record may be of: types of transitions, names of properties, and "compound"."""
    named = configuration(config).properties
    told = (p.type if p.name == "transition" else p.name for p in named)
    return tuple(dict.fromkeys([*filter(None, told), "compound"]))  # entries of no type only say what is none


def schema(config: str | None = None) -> dict[str, Any]:
    """The JSON schema of an answer, made from the declared columns and the configured types."""
    columns: dict[str, Any] = {"document": {"type": "integer"}, **{name: _column(name) for name in _ASKED}}
    columns["kind"] |= {"enum": list(KINDS)}
    columns["type"] |= {"enum": list(types(config))}
    columns["quote"] = {"type": "string"}
    record = {"type": "object", "properties": columns, "required": list(columns), "additionalProperties": False}
    records = {"records": {"type": "array", "items": record}}
    return {"type": "object", "properties": records, "required": ["records"], "additionalProperties": False}


def parsed(text: str, *, documents: int, config: str | None = None) -> list[Answer] | None:
    """The records of an answer that fits the schema; None where it does not.

    Args:
        text: what the model wrote.
        documents: how many were sent.
        config: path of a property configuration.
    """
    try:
        told = json.loads(text)
        if not isinstance(told, dict) or set(told) != {"records"} or not isinstance(told["records"], list):
            return None
        if len(told["records"]) > _MOST:
            return None
        answers = [Answer.model_validate(row) for row in told["records"]]
    except (ValueError, ValidationError, RecursionError):
        return None
    known = types(config)
    fits = all(a.kind in KINDS and a.type in known and 0 <= a.document < documents for a in answers)
    return answers if fits else None


def grounded(
    answers: Iterable[Answer], fields: Sequence[Field], kinds: Sequence[str], *, model: str, config: str | None = None
) -> tuple[list[dict[str, Any]], Counter[str]]:
    """Records of the answers that stand in the text, and how many were dropped, by reason.

    Args:
        answers: those of one document.
        fields: its texts.
        kinds: the kinds wanted.
        model: name of the model, for `rule`.
        config: path of a property configuration.

    Returns:
        Records as of `extract.Extractor`; reasons are field, quote, compound, value and repeated.
    """
    known = {f.name: f for f in fields}
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    dropped: Counter[str] = Counter()
    for answer in answers:
        if answer.kind not in kinds:
            continue
        record = _record(answer, known, config)
        if isinstance(record, str):
            dropped[record] += 1
            continue
        record["rule"] = f"llm:{model}"
        key = tuple(record[name] for name in ("kind", "type", "compound", "value", "low", "high", "field"))
        if key in found:
            dropped["repeated"] += 1
        found.setdefault(key, record)
    return list(found.values()), dropped


def _record(answer: Answer, known: dict[str, Field], config: str | None) -> dict[str, Any] | str:
    """The record of an answer, or why it is none."""
    field = known.get(answer.field)
    if field is None:
        return "field"
    source = field.plain.source
    at = source.find(answer.quote) if answer.quote else -1
    if at < 0:
        return "quote"
    if not answer.compound.strip() or not any(answer.compound in f.plain.source for f in known.values()):
        return "compound"
    start, end = at, at + len(answer.quote)
    value: Value | None = None
    if answer.kind == "compound":
        inside = source.find(answer.compound, start)
        if inside < 0:
            return "compound"
        start, end = inside, inside + len(answer.compound)
    else:
        entry = _entry(answer, config)
        value = _stated(answer, entry, config) if entry else None
        if entry is None or value is None:
            return "value"
    empty: dict[str, Any] = dict.fromkeys(RECORDS)
    formula = _formula(answer.compound)
    return empty | {
        "kind": answer.kind,
        "type": answer.type if answer.kind != "compound" else "formula" if formula else "name",
        "compound": answer.compound,
        "formula": formula,
        "value": value.value if value else None,
        "low": value.low if value else None,
        "high": value.high if value else None,
        "unit": value.unit if value else None,
        "field": answer.field,
        "start": start,
        "end": end,
        "sentence": _sentence(field, start),
        "confidence": 0.7,
    }


def _entry(answer: Answer, config: str | None) -> Property | None:
    """The configured property that an answer is of."""
    transition = answer.kind == "transition"
    for entry in configuration(config).properties:
        if (entry.name == "transition") == transition and answer.type == (entry.type if transition else entry.name):
            return entry
    return None


def _stated(answer: Answer, entry: Property, config: str | None) -> Value | None:
    """The quantity of the quote that the answer gives, in the unit of the property; None where none is it."""
    units = configuration(config).units
    given = [v for v in (answer.value, answer.low, answer.high) if v is not None]
    if not given:
        return None
    quote = plain(answer.quote).text
    for value in values(quote, entry.unit, units):
        told = [v for v in (value.value, value.low, value.high) if v is not None]
        if not all(entry.range[0] <= v <= entry.range[1] for v in told):
            continue
        written = [float(n) for n in _NUMBER.findall(quote[value.start : value.end].replace(",", ""))]
        if all(any(_same(v, t) for t in (*told, *written)) for v in given):  # in the unit of the text, or in ours
            return value
    return None


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)


def _formula(compound: str) -> str | None:
    """The reduced formula of a compound as written, where it is one."""
    text = plain(compound).text
    mentions = materials.find(text)
    whole = len(mentions) == 1 and mentions[0].end - mentions[0].start >= len(text.strip())
    return mentions[0].formula if whole else None


def _sentence(field: Field, at: int) -> str:
    """The sentence of the text as given that holds a place."""
    spans = [field.plain.span(begin, end) for begin, end in field.sentences]
    index = bisect_right([begin for begin, _ in spans], at) - 1
    if index < 0:
        return field.plain.source
    begin, end = spans[index]
    return field.plain.source[begin:end]
