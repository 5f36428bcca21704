"""Keyword selection: which documents of a large corpus are about the problem, and why.

A document is selected by a score, not by any single phrase: weights of the distinct phrases found, scaled by the field
they stand in, against a threshold. Keyword lists are read by `keywords`; finding new phrases is `discover`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from etl.features.rows import beside
from etl.text import scan
from etl.text.keywords import FIELDS, GROUPS, TOPIC, Keyword, Keywords, load_keywords
from etl.text.normalise import normalise
from schemas.errors import InputError

HIT = pl.Struct({"phrase": pl.String, "group": pl.String, "field": pl.String, "start": pl.Int64, "end": pl.Int64})
RESULT: dict[str, pl.DataType | type[pl.DataType]] = {
    "selected": pl.Boolean,
    "score": pl.Float64,
    "groups": pl.List(pl.String),
    "hits": pl.List(HIT),
    "ok": pl.Boolean,
    "reason": pl.String,
}
_NEAR = 40
_CHUNK_BYTES = 32_000_000  # scanned at once


_Hit = tuple[str, str, str, int, int]  # phrase, group, field, start, end


@dataclass(frozen=True)
class _Part:
    field: str  # name in the hits: "title", "captions[2]"
    kind: str  # name in the weights: "title", "captions"
    scanned: scan.Part


def select(docs: pl.DataFrame, keywords: Keywords | None = None, *, id_column: str = "document_id") -> pl.DataFrame:
    """Scores documents against a keyword list.

    Args:
        docs: one document a row: `id_column`, `title`, `abstract`, and where there are any `body` and `captions`
            (text or list of text).
        keywords: the list; the MIT list unless given.
        id_column: column that identifies a document.

    Returns:
        `docs` with `selected`, `score`, `groups`, `hits` (offsets are code points in the field as given; a caption of a
        list is named ``captions[i]``), `ok` and `reason`, in the same order.

    Raises:
        InputError: a column is missing.
    """
    keywords = keywords or load_keywords()
    missing = [c for c in (id_column, "title", "abstract") if c not in docs.columns]
    if missing:
        raise InputError.of(
            f"missing column {', '.join(missing)}", "the documents", f"they have {', '.join(docs.columns) or 'none'}"
        )
    made = [_verdicts(chunk, _reason(chunk, id_column), keywords) for chunk in _chunks(docs)]
    return beside(docs, pl.concat(made) if made else pl.DataFrame(schema=RESULT))


def verdicts(
    batches: Iterable[pl.DataFrame], keywords: Keywords | None = None, *, id_column: str = "document_id"
) -> pl.DataFrame:
    """`select` of documents that come in parts, without their texts: memory holds one part of these.

    Args:
        batches: as `docs` of `select`, one after the other.
        keywords, id_column: as of `select`.

    Returns:
        `id_column` and the computed columns, in the same order.
    """
    empty = pl.DataFrame(schema={id_column: pl.String, **RESULT})
    found = (select(batch, keywords, id_column=id_column).select(id_column, *RESULT) for batch in batches)
    return pl.concat([empty, *found])


def report(selected: pl.DataFrame) -> pl.DataFrame:
    """What each phrase brought in: documents hit, selected, and selected with no other phrase.

    Args:
        selected: the result of `select`.

    Returns:
        `phrase`, `group`, `documents`, `selected`, `alone`; most documents first.
    """
    phrases = pl.col("hits").list.eval(pl.element().struct.field("phrase")).list.unique().list.len()
    base = (
        selected.select("selected", "hits", distinct=phrases).with_row_index("row").explode("hits").drop_nulls("hits")
    )
    flat = base.with_columns(
        phrase=pl.col("hits").struct.field("phrase"), group=pl.col("hits").struct.field("group")
    ).unique(["row", "phrase"])
    return (
        flat.group_by("phrase", "group")
        .agg(
            documents=pl.len().cast(pl.Int64),
            selected=pl.col("selected").sum().cast(pl.Int64),
            alone=(pl.col("selected") & (pl.col("distinct") == 1)).sum().cast(pl.Int64),
        )
        .sort(["documents", "phrase"], descending=[True, False])
    )


def keyword_hits(selected: pl.DataFrame, *, id_column: str = "document_id") -> pl.DataFrame:
    """The hits of `select` as rows of core.keyword_hits."""
    return (
        selected.select(pl.col(id_column).alias("document_id"), "hits")
        .explode("hits")
        .drop_nulls("hits")
        .unnest("hits")
        .rename({"group": "keyword_group"})
        .unique(["document_id", "phrase", "field", "start"], keep="first", maintain_order=True)
    )


def selections(selected: pl.DataFrame, *, problem: str, id_column: str = "document_id") -> pl.DataFrame:
    """The verdicts of `select` as rows of core.selections, readable documents only."""
    return (
        selected.filter(pl.col("ok"))
        .select(
            pl.col(id_column).alias("document_id"),
            pl.lit(problem).alias("problem"),
            "selected",
            "score",
            "groups",
            pl.col("hits").list.len().cast(pl.Int64).alias("hit_count"),
        )
        .unique("document_id", keep="first", maintain_order=True)
    )


def keyword_rows(keywords: Keywords, selected: pl.DataFrame | None = None) -> pl.DataFrame:
    """A keyword list as rows of core.keywords, with what each phrase found where a selection is given."""
    frame = pl.DataFrame(
        [
            (keywords.name, k.phrase, k.group, k.weight, k.support, k.origin, list(k.variants))
            for k in keywords.keywords
        ],
        schema={
            "problem": pl.String, "phrase": pl.String, "keyword_group": pl.String, "weight": pl.Float64,
            "support": pl.Boolean, "origin": pl.String, "variants": pl.List(pl.String),
        },
        orient="row",
    )  # fmt: skip
    found = (
        report(selected).select("phrase", "documents", pl.col("alone").alias("selected_alone"))
        if selected is not None
        else pl.DataFrame(schema={"phrase": pl.String, "documents": pl.Int64, "selected_alone": pl.Int64})
    )
    return frame.join(found, on="phrase", how="left", maintain_order="left").with_columns(
        pl.col("documents", "selected_alone").fill_null(0)
    )


def _chunks(docs: pl.DataFrame) -> Iterator[pl.DataFrame]:
    if not docs.height:
        return iter(())
    size = int(docs.select(_texts_of(docs)).estimated_size()) // docs.height
    return docs.iter_slices(max(1, _CHUNK_BYTES // max(1, size)))


def _verdicts(docs: pl.DataFrame, reason: pl.Series, keywords: Keywords) -> pl.DataFrame:
    """The columns of `RESULT` for some documents."""
    parts = _parts(docs)
    scored = _scored(parts, scan.parts(parts["text"], keywords), keywords)
    numbered = pl.DataFrame({"row": pl.int_range(docs.height, dtype=pl.UInt32, eager=True), "reason": reason})
    readable = numbered.filter(pl.col("reason").is_null())
    if readable.height < docs.height:
        scored = scored.join(readable, on="row", how="semi", maintain_order="left")
    made = numbered.join(scored, on="row", how="left", maintain_order="left").with_columns(
        pl.col("selected").fill_null(False),
        pl.col("score").fill_null(0.0),
        pl.col("groups", "hits").fill_null([]),
        ok=pl.col("reason").is_null(),
    )
    return made.select(list(RESULT))


def _texts_of(docs: pl.DataFrame) -> list[str]:
    """Fields of the documents that hold text or lists of text."""
    return [f for f in FIELDS if f in docs.columns and docs.schema[f] in (pl.String, pl.List(pl.String))]


def _reason(docs: pl.DataFrame, id_column: str) -> pl.Series:
    """Why a row cannot be processed, null where it can."""
    odd = [f for f in FIELDS if f in docs.columns and f not in _texts_of(docs) and docs.schema[f] != pl.Null]
    blank = f"no text ({', '.join(odd)} not text)" if odd else "no text in title, abstract, body or captions"
    no_id = pl.col(id_column).is_null() | (pl.col(id_column).cast(pl.String, strict=False).str.strip_chars() == "")
    reason = pl.when(no_id).then(pl.lit(f"no {id_column}")).when(~pl.lit(_lettered(docs))).then(pl.lit(blank))
    return docs.select(reason=reason)["reason"]


def _lettered(docs: pl.DataFrame) -> pl.Series:
    """Whether there is a letter in any text of a document; only texts that do not begin with one are searched."""
    texts = [
        pl.col(f) if docs.schema[f] == pl.String else pl.col(f).list.join("\n", ignore_nulls=True)
        for f in _texts_of(docs)
    ]
    if not texts:
        return pl.repeat(False, docs.height, eager=True)
    begins = ((text >= first) & (text < beyond) for text in texts for first, beyond in (("A", "["), ("a", "{")))
    found = docs.select(found=pl.any_horizontal(begins).fill_null(False))["found"]
    rest = docs.filter(~found).select(
        found=pl.any_horizontal(text.str.contains(r"\p{L}") for text in texts).fill_null(False)
    )
    return found.scatter((~found).arg_true(), rest["found"])


def _parts(docs: pl.DataFrame) -> pl.DataFrame:
    """The texts of all documents, field by field: `row`, `kind` (captions), `field` (captions[2]) and `text`."""
    numbered = docs.select(_texts_of(docs)).with_row_index("row")
    parts = []
    for kind in _texts_of(docs):
        held = numbered.select("row", text=pl.col(kind))
        field = pl.lit(kind)
        if docs.schema[kind] != pl.String:
            held = held.filter(pl.col("text").list.len() > 0)
            held = held.with_columns(number=pl.int_ranges(0, pl.col("text").list.len())).explode("text", "number")
            field = pl.format(kind + "[{}]", "number")
        parts.append(held.filter(pl.col("text").is_not_null()).select("row", "text", kind=pl.lit(kind), field=field))
    empty = pl.DataFrame(schema={"row": pl.UInt32, "text": pl.String, "kind": pl.String, "field": pl.String})
    return pl.concat([empty, *parts])


def _scored(parts: pl.DataFrame, found: dict[int, scan.Part], keywords: Keywords) -> pl.DataFrame:
    """Scores of the documents in whose parts a phrase was found: `row` and the columns of `RESULT` but ok, reason."""
    numbers = sorted(found)
    few = parts.select("row", "kind", "field")[numbers]
    documents: dict[int, list[_Part]] = {}
    for number, (row, kind, field) in zip(numbers, few.iter_rows(), strict=True):
        documents.setdefault(row, []).append(_Part(field, kind, found[number]))
    whole = _Whole(parts, found, list(documents), keywords)
    scored = {row: s for row, held in documents.items() if (s := _score(held, keywords, whole, row))}
    hits = _frame(
        ((row, *hit) for row, (*_, held) in scored.items() for hit in held),
        {"row": pl.UInt32, **{f.name: f.dtype for f in HIT.fields}},
    )
    listed = hits.group_by("row", maintain_order=True).agg(hits=pl.struct(f.name for f in HIT.fields))
    verdicts = _frame(
        ((row, *verdict) for row, (*verdict, _) in scored.items()),
        {"row": pl.UInt32, "selected": pl.Boolean, "score": pl.Float64, "groups": pl.String},
    ).with_columns(pl.col("groups").str.split(","))  # lists made one by one would take a third of the time
    return verdicts.join(listed, on="row", how="left", maintain_order="left")


def _frame(rows: Iterable[tuple[Any, ...]], schema: dict[str, Any]) -> pl.DataFrame:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pl.DataFrame([pl.Series(n, c, dtype=t) for (n, t), c in zip(schema.items(), columns, strict=True)])


class _Whole:
    """The whole normalised text of a document, for the few phrases that ask for it.

    Attributes:
        beside: rows of the documents with phrases that may be about something else.
    """

    def __init__(self, parts: pl.DataFrame, found: dict[int, scan.Part], rows: list[int], keywords: Keywords) -> None:
        self._rows, self._texts, self._found = parts["row"].to_numpy(), parts["text"], found
        self._row, self._text = -1, ""
        held = np.flatnonzero(np.isin(self._rows, rows))
        self.beside = set(self._rows[held[scan.beside(self._texts[held], keywords)]].tolist())

    def __call__(self, row: int) -> str:
        if row != self._row:
            numbers = np.flatnonzero(self._rows == row).tolist()
            self._row, self._text = row, "\n".join(map(self._normal, numbers))
        return self._text

    def _normal(self, number: int) -> str:
        known = self._found.get(number)
        return normalise(self._texts[number]).text if known is None else known.text.text


def _score(parts: list[_Part], keywords: Keywords, whole: _Whole, row: int) -> tuple[Any, ...] | None:
    """selected, score, groups and hits of a document; None where nothing hit after all."""
    hits: list[tuple[int, int, int, str, _Hit]] = []  # before each what it is sorted by
    score, core, groups = 0.0, False, set()
    for number in sorted({n for part in parts for n in part.scanned.ends}):
        keyword, worth = keywords.keywords[number], -1.0
        for place, part in enumerate(parts):
            if number in part.scanned.ends and part.kind in keyword.fields:
                spans = _spans(keyword, number, part.scanned)
                if not spans:
                    continue
                if _whole_excludes(keyword, whole, row):
                    break
                phrase, group, field = keyword.phrase, keyword.group, part.field
                hits += [(place, start, end, phrase, (phrase, group, field, start, end)) for start, end in spans]
                worth = max(worth, _worth(keyword, part, len(spans), keywords.field_factors))
        if worth >= 0:
            score += worth  # the best field counts, repeats do not
            core |= not keyword.support
            groups.add(keyword.group)
    if not hits:
        return None
    hits.sort()
    score = round(score, 4)
    named = ",".join(g for g in GROUPS if g in groups)
    return (core and score >= keywords.threshold, score, named, [hit for *_, hit in hits])


def _spans(keyword: Keyword, number: int, scanned: scan.Part) -> list[tuple[int, int]]:
    """Where a phrase stands in the text as given; the same as if the whole text were searched."""
    text, spans, at = scanned.text.text, [], 0
    search, near = keyword.pattern.search, None if keyword.case else keyword.exclude_pattern
    for start, last, stop in _windows(scanned.ends[number], keyword.reach, len(text)):
        at = max(at, start)
        while at < last and (match := search(text, at, stop)) is not None:
            begin, end = match.span()
            if end == stop < len(text):
                break  # the window may end within a word: a later one shows it whole
            at = end
            if near is None or near.search(text, max(0, begin - _NEAR), end + _NEAR) is None:
                spans.append(scanned.text.span(begin, end))
    return spans


def _windows(ends: list[int], reach: int, length: int) -> list[tuple[int, int, int]]:
    """Stretches of a text that hold every match that ends at one of `ends`: start, last end, and one character more."""
    if not ends:
        return [(0, length, length)]
    windows = []
    first = last = ends[0]
    for end in ends[1:]:
        if end - reach > last:
            windows.append((max(0, first - reach), last, min(length, last + 1)))
            first = end
        last = end
    return [*windows, (max(0, first - reach), last, min(length, last + 1))]


def _whole_excludes(keyword: Keyword, whole: _Whole, row: int) -> bool:
    """Whether the rest of the document speaks against a phrase; a cue anywhere does so against acronyms."""
    asked, unless = keyword.context_pattern, keyword.unless_pattern if row in whole.beside else None
    excluded = keyword.exclude_pattern if keyword.case else None
    if asked is None and unless is None and excluded is None:
        return False
    text = whole(row)
    return (
        (asked is not None and asked.search(text) is None)
        or (unless is not None and unless.search(text[:TOPIC]) is not None)
        or (excluded is not None and excluded.search(text) is not None)
    )


def _worth(keyword: Keyword, part: _Part, hits: int, factors: dict[str, float]) -> float:
    density = 1.0
    if part.kind == "body":  # what a long text says once it may say in passing
        density = min(1.0, 1000 * hits / (part.scanned.text.text.count(" ") + 1))
    return keyword.weight * factors.get(part.kind, 1.0) * density
