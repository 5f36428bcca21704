"""Records from documents: transitions, properties, recipes and compounds, each with its span in the field as given.

What a value means is `transitions`, what a compound is `materials`, what a procedure is `recipes`. Any other
extractor (a model behind an API, say) keeps the `Extractor` protocol and its records look the same.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Protocol

import polars as pl

from etl.text import abbreviations, materials, recipes, series, transitions
from etl.text.plain import Plain, plain, sentences
from etl.text.properties import configuration
from etl.text.quantities import may_hold
from schemas.errors import InputError

KINDS = ("transition", "property", "recipe", "compound")
FIELDS = ("title", "abstract", "captions", "body", "text")
RECORDS: dict[str, pl.DataType | type[pl.DataType]] = {
    "document_id": pl.String,
    "kind": pl.String,
    "type": pl.String,
    "compound": pl.String,
    "formula": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "unit": pl.String,
    "field": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "sentence": pl.String,
    "rule": pl.String,
    "confidence": pl.Float64,
}


@dataclass(frozen=True)
class _Compounds:
    """The compounds of all texts of a document, found together when one is first asked for: most hold no value."""

    texts: tuple[str, ...]

    @cached_property
    def found(self) -> list[list[materials.Mention]]:
        """The compounds of each text; a short name may be defined in another text than it stands in."""
        return abbreviations.resolved([(text, materials.find(text)) for text in self.texts])


@dataclass(frozen=True)
class Field:
    """One text of a document: its name ("abstract", "body[2]"), plain form, and its place among the texts."""

    name: str
    plain: Plain
    place: int
    compounds: _Compounds

    @property
    def mentions(self) -> list[materials.Mention]:
        """Its compounds."""
        return self.compounds.found[self.place]

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """The spans of its sentences."""
        return sentences(self.plain.text)


class Extractor(Protocol):
    """Whatever turns the fields of one document into records (without `document_id`)."""

    def __call__(self, fields: Sequence[Field], kinds: Sequence[str]) -> Iterable[dict[str, Any]]:
        """Records of one document; spans are code points in the field as given."""
        ...


def read_fields(row: dict[str, Any]) -> tuple[list[Field], list[str]]:
    """The texts of a document row, and why others were left out."""
    found: list[tuple[str, Plain]] = []
    reasons: list[str] = []
    for column in FIELDS:
        value = row.get(column)
        texts: list[tuple[str, Any]]
        texts = [(f"{column}[{i}]", v) for i, v in enumerate(value)] if isinstance(value, list) else [(column, value)]
        for name, text in texts:
            if isinstance(text, str) and text.strip():
                found.append((name, plain(text)))
            elif text is not None and not isinstance(text, str):
                reasons.append(f"{name} is not text")
    if not found and not reasons:
        reasons.append("no text")
    compounds = _Compounds(tuple(smooth.text for _, smooth in found))
    return [Field(name, smooth, place, compounds) for place, (name, smooth) in enumerate(found)], reasons


def _record(field: Field, span: tuple[int, int], sentence: tuple[int, int], **values: Any) -> dict[str, Any]:
    start, end = field.plain.span(*span)
    begin, stop = field.plain.span(*sentence)
    empty: dict[str, Any] = dict.fromkeys(RECORDS)
    return empty | {
        "field": field.name,
        "start": start,
        "end": end,
        "sentence": field.plain.source[begin:stop],
        **values,
    }


def _written(field: Field, fields: Sequence[Field], mention: materials.Mention | None) -> str | None:
    """The compound as written in the field that holds the mention."""
    if mention is None:
        return None
    for candidate in (field, *fields):
        if any(m is mention for m in candidate.mentions):
            start, end = candidate.plain.span(mention.start, mention.end)
            return candidate.plain.source[start:end]
    return mention.text


def _values(fields: Sequence[Field], name: str, config: str | None) -> Iterator[dict[str, Any]]:
    document = "\n".join(f.plain.text for f in fields)
    unit = next(p.unit for p in configuration(config).properties if p.name == name)
    for field in fields:
        if not may_hold(field.plain.text, unit, configuration(config).units):
            continue
        for found in transitions.read(
            field.plain.text,
            partial(getattr, field, "sentences"),
            partial(getattr, field, "mentions"),
            title=lambda: next((f.mentions for f in fields if f.name == "title"), None),
            document=document,
            name=name,
            config=config,
        ):
            yield _record(
                field,
                (found.value.start, found.value.end),
                found.sentence,
                kind="transition" if name == "transition" else "property",
                type=found.type,
                compound=_written(field, fields, found.mention),
                formula=found.mention.formula,
                value=found.value.value,
                low=found.value.low,
                high=found.value.high,
                unit=found.value.unit,
                rule=found.rule,
                confidence=found.confidence,
            )


def _compounds(fields: Sequence[Field]) -> Iterator[dict[str, Any]]:
    for field in fields:
        spans = field.sentences
        begins = [s[0] for s in spans]
        seen: set[str] = set()
        for mention in field.mentions:
            name = mention.formula or mention.text
            if mention.kind == "element" or name in seen:
                continue
            seen.add(name)
            span = spans[bisect_right(begins, mention.start) - 1]
            start, end = field.plain.span(mention.start, mention.end)
            members = series.compounds(field.plain.text, mention)
            for formula, kind in ((mention.formula, mention.kind), *((member, "series") for member in members)):
                yield _record(
                    field,
                    (mention.start, mention.end),
                    span,
                    kind="compound",
                    type=kind,
                    compound=field.plain.source[start:end],
                    formula=formula,
                    rule=f"compound:{kind}",
                    confidence=0.9 if kind == "formula" else 0.8,
                )


def _recipes(fields: Sequence[Field]) -> Iterator[dict[str, Any]]:
    for field in fields:
        recipe = recipes.read(field.plain.text, field.mentions) if field.name != "title" else None
        if recipe is None:
            continue
        target = recipe.target
        yield _record(
            field,
            (recipe.start, recipe.end),
            (recipe.start, recipe.end),
            kind="recipe",
            type=recipe.route,
            compound=_written(field, fields, target),
            formula=target.formula if target else None,
            value=recipe.max_temperature_K,
            unit="K" if recipe.max_temperature_K is not None else None,
            rule="recipe:rules",
            confidence=0.7 if target else 0.4,
        )


def _distinct(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keeps of records that say the same the most confident one; compounds once a field."""
    best: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in records:
        name = record["formula"] or record["compound"]
        key: tuple[Any, ...] = (record["kind"], record["type"], name, record["value"], record["low"], record["high"])
        if record["kind"] in ("recipe", "compound"):
            key = (*key, record["field"])
        if key not in best or record["confidence"] > best[key]["confidence"]:
            best[key] = record
    return list(best.values())


def rules(config: str | None = None) -> Extractor:
    """The rule extractor, with the shipped property configuration or another."""
    names = list(dict.fromkeys(p.name for p in configuration(config).properties))

    def run(fields: Sequence[Field], kinds: Sequence[str]) -> Iterable[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for name in names:
            if ("transition" if name == "transition" else "property") in kinds:
                found.extend(_values(fields, name, config))
        if "recipe" in kinds:
            found.extend(_recipes(fields))
        if "compound" in kinds:
            found.extend(_compounds(fields))
        return _distinct(found)

    return run


def extract(
    docs: pl.DataFrame,
    *,
    kinds: Sequence[str] = KINDS,
    properties: str | None = None,
    id_column: str = "document_id",
    extractor: Extractor | None = None,
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Extracts records from documents.

    Args:
        docs: `id_column` and some of title, abstract, captions, body, text (text or list of texts).
        kinds: which of `KINDS`.
        properties: path of a YAML configuration; the shipped one by default.
        id_column: the column that identifies a document.
        extractor: another extractor than the rules.

    Returns:
        The records (columns `RECORDS`; `[start:end]` of the field is what was read) and a summary: documents read,
        records of each kind, rows left out and why.

    Raises:
        InputError: a column is missing or a kind unknown.
    """
    unknown = [k for k in kinds if k not in KINDS]
    if unknown:
        raise InputError.of(f"unknown kind {', '.join(unknown)}", "--kinds", f"choose from {', '.join(KINDS)}")
    if id_column not in docs.columns or not any(f in docs.columns for f in FIELDS):
        needed = id_column if id_column not in docs.columns else " or ".join(FIELDS)
        raise InputError.of(
            f"missing column {needed}", "the documents", f"they have {', '.join(docs.columns) or 'none'}"
        )
    run = extractor or rules(properties)
    rows: list[dict[str, Any]] = []
    reasons: dict[str, int] = {}
    for row in docs.iter_rows(named=True):
        if row[id_column] is None:
            reasons["no document id"] = reasons.get("no document id", 0) + 1
            continue
        fields, why = read_fields(row)
        for reason in why:
            reasons[reason] = reasons.get(reason, 0) + 1
        rows.extend({**record, "document_id": str(row[id_column])} for record in run(fields, kinds))
    records = pl.DataFrame(rows, schema=RECORDS, orient="row")
    counts = {k: records.filter(pl.col("kind") == k).height for k in kinds}
    return records, {"documents": docs.height, "records": records.height, **counts, "left_out": reasons}
