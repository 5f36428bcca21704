"""Gold of transition and property records: how annotated abstracts are read, what is read from them, and baselines.

Which tasks there are is `tasks`; the extractor is `extract`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from etl.text.evaluation import scores
from etl.text.evaluation.tasks import Row, Task
from etl.text.extract import FIELDS, extract
from etl.text.formula import reduce
from etl.text.materials import find
from etl.text.plain import plain, sentences
from etl.text.properties import configuration
from etl.text.quantities import values
from schemas.errors import InputError

_Records = dict[str, list[scores.Record]]


@dataclass(frozen=True)
class Abstracts:
    """Annotated documents: what the extractor sees, the gold of each, and what other tools read from the same text."""

    documents: pl.DataFrame
    gold: _Records
    others: dict[str, _Records]


def spellings(*written: str | None) -> frozenset[str]:
    """What a compound may be called by: as written, without LaTeX and spaces, and its reduced formula."""
    told: set[str] = set()
    for text in written:
        smooth = plain(text or "").text
        compact = re.sub(r"\s+", "", smooth).strip(".")
        named = find(smooth)
        for name in (compact, re.sub(r"^(?:[α-ω]|alpha|beta|gamma)-", "", compact), *(m.text for m in named[:1])):
            told |= {name.lower(), _rounded(name)}
        told |= {_rounded(m.formula) for m in named[:1] if m.formula}
    return frozenset(told - {""})


def _rounded(formula: str) -> str:
    """The reduced formula with amounts to two digits: thirds are written in many ways."""
    try:
        formula = reduce(formula)
    except InputError:
        return ""
    return re.sub(r"\d+\.\d+", lambda m: f"{float(m.group()):.2f}", formula)


def _documents(rows: Sequence[Row]) -> pl.DataFrame:
    """The documents as `extract` reads them; a row without id is known by its place."""
    fields = [f for f in FIELDS if any(row.get(f) for row in rows)]
    several = {f for f in fields if any(isinstance(row.get(f), list) for row in rows)}
    return pl.DataFrame(
        [{"document_id": _id(i, row), **{f: row.get(f) for f in fields}} for i, row in enumerate(rows)],
        schema={"document_id": pl.String, **{f: pl.List(pl.String) if f in several else pl.String for f in fields}},
        orient="row",
    )


def _id(place: int, row: Row) -> str:
    return str(next((row[k] for k in ("document_id", "arxiv_id", "source", "doc_id") if row.get(k)), place))


def _transitions(rows: Sequence[Row]) -> Abstracts:
    gold = {_id(i, row): [_wanted(r) for r in row["records"]] for i, row in enumerate(rows)}
    _check_once(gold, rows)
    return Abstracts(_documents(rows), gold, {})


def _wanted(row: Row) -> scores.Record:
    low, high = row["range_K"] or (None, None)
    names = spellings(row["formula"], row["compound"])
    return scores.Record(names, row["type"], row["value_K"], low, high, bool(row["required"]))


def _check_once(gold: Mapping[str, object], rows: Sequence[Row]) -> None:
    if len(gold) < len(rows):
        raise InputError.of("a document that is there twice", "--data", "give each document once, under its own id")


def _pairs(rows: Sequence[Row]) -> Abstracts:
    if rows and all("gold" not in row for row in rows):
        raise KeyError("gold")
    others = [k for k in ("chemdataextractor", "bert_psie") if any(row.get(k) is not None for row in rows)]
    read = {
        name: {_id(i, row): [_pair(p) for p in row.get(name) or []] for i, row in enumerate(rows)}
        for name in ("gold", *others)
    }
    _check_once(read["gold"], rows)
    return Abstracts(_documents(rows), read.pop("gold"), read)


def _pair(pair: Row) -> scores.Record:
    """A compound and a value as written, "1041K" or "586to543K"; the unit K where none is told."""
    unit = pair.get("unit") or "K"
    text = re.sub(r"(?<=\d)\s+(?=\d)", "", plain(str(pair["value"])).text)
    text = re.sub(r"(?<=\d)\s*to\s*(?=\d)", "-", re.sub(r"^\D+|\W+$", "", text))
    numbers = [float(n) for n in re.findall(r"\d+(?:\.\d+)?", text)] or [float("nan")]
    low, high = (min(numbers[:2]), max(numbers[:2])) if len(numbers) > 1 else (None, None)
    value = numbers[0] if low is None else None
    within = 1.0 if unit == "K" else 0.0
    return scores.Record(spellings(pair["compound"]), "", value, low, high, within=within)


def _extracted(gold: Abstracts, *, kinds: Sequence[str], properties: str | None = None) -> _Records:
    found: _Records = {document: [] for document in gold.gold}
    for row in extract(gold.documents, kinds=kinds, properties=properties)[0].iter_rows(named=True):
        where = {k: row[k] for k in ("start", "end", "sentence")} | {"text": row["compound"]}
        names = spellings(row["formula"], row["compound"])
        record = scores.Record(names, row["type"], row["value"], row["low"], row["high"], where=where)
        found[row["document_id"]].append(record)
    return found


def _nearest(gold: Abstracts) -> _Records:
    """The plain baseline: a temperature is of the type and compound that are nearest in its sentence."""
    entries = [p for p in configuration().properties if p.name == "transition" and p.type]
    cues = [(p.type, re.compile("|".join(map(re.escape, (*p.cues, *p.notations))))) for p in entries]
    found: _Records = {document: [] for document in gold.gold}
    for row in gold.documents.iter_rows(named=True):
        held = [row[k] if isinstance(row[k], list) else [row[k]] for k in row if k != "document_id"]
        text = " . ".join(plain(t or "").text for texts in held for t in texts or ())
        for begin, end in sentences(text):
            sentence = text[begin:end]
            mentions = [m for m in find(sentence) if m.kind != "element"]
            signs = [(m.start(), kind) for kind, pattern in cues for m in pattern.finditer(sentence)]
            for value in values(sentence, "K", configuration().units) if mentions and signs else ():
                kind = min((abs(at - value.start), kind) for at, kind in signs)[1]
                near = min(mentions, key=lambda m: abs(m.start - value.start))
                names = spellings(near.formula, near.text)
                record = scores.Record(names, kind, value.value, value.low, value.high, where={"sentence": sentence})
                found[row["document_id"]].append(record)
    return found


def _untyped(found: _Records, kind: str | None) -> _Records:
    """The records of one type (None: of all) as pairs."""
    return {
        document: [
            scores.Record(r.compound, "", r.value, r.low, r.high, where=r.where)
            for r in records
            if kind is None or r.type == kind
        ]
        for document, records in found.items()
    }


def _curie(gold: Abstracts, _model: Any) -> _Records:
    return _untyped(_extracted(gold, kinds=("transition",)), "CURIE")


def _configured(gold: Abstracts, properties: Any) -> _Records:
    return _untyped(_extracted(gold, kinds=("property",), properties=properties), None)


def _other(name: str) -> Callable[[Abstracts], _Records]:
    """What another tool read, where the file holds it."""
    return lambda gold: gold.others.get(name, {})


def _score(gold: Abstracts, found: _Records, seed: int) -> scores.Scored:
    return scores.records(gold.gold, found, seed=seed)


_OTHERS = {name: _other(name) for name in ("chemdataextractor", "bert_psie")}
TRANSITIONS = Task(
    read=_transitions,
    predict=lambda gold, _model: _extracted(gold, kinds=("transition",)),
    score=_score,
    baselines={"nearest": _nearest},
)
CURIE = Task(
    read=_pairs,
    predict=_curie,
    score=_score,
    baselines={"nearest": lambda gold: _untyped(_nearest(gold), "CURIE"), **_OTHERS},
)
PAIRS = Task(read=_pairs, predict=_configured, score=_score, model="file")
