"""Keyword selection: which documents of a large corpus are about the problem, and why.

A document is selected by a score, not by any single phrase: weights of the distinct phrases found, scaled by the field
they stand in, against a threshold. Keyword lists are read by `keywords`; finding new phrases is `discover`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from etl.features.rows import beside
from etl.text.keywords import FIELDS, GROUPS, SEPARATORS, Keyword, Keywords, load_keywords
from etl.text.normalise import Normalised, normalise
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
_ODD = "[\u00ad\u200b-\u200d\u2060\ufeff\ufb00-\ufb06\uff01-\uff5e\U0001d400-\U0001d7ff]"


@dataclass(frozen=True)
class _Part:
    field: str  # name in the hits: "title", "captions[2]"
    kind: str  # name in the weights: "title", "captions"
    text: Normalised


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
    reasons = _reasons(docs, id_column)
    maybe = _prefilter(docs, keywords)
    rows = [_empty(reason) for reason in reasons]
    wanted = [i for i in maybe if reasons[i] is None]
    fields = [f for f in FIELDS if f in docs.columns and _is_text(docs.schema[f])]
    for i, row in zip(wanted, docs.select(fields)[wanted].iter_rows(named=True), strict=True):
        rows[i] = _score(_parts(row), keywords)
    made = pl.DataFrame(rows, schema=RESULT, orient="row") if rows else pl.DataFrame(schema=RESULT)
    return beside(docs, made)


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
        .unique(["document_id", "problem"], keep="first", maintain_order=True)
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


def _is_text(kind: pl.DataType) -> bool:
    return kind == pl.String or kind == pl.List(pl.String)


def _reasons(docs: pl.DataFrame, id_column: str) -> list[str | None]:
    """Why each row cannot be processed, None where it can."""
    readable = [f for f in FIELDS if f in docs.columns and _is_text(docs.schema[f])]
    letters = [_joined(docs, f).str.contains(r"\p{L}").fill_null(False) for f in readable]
    has_text = pl.any_horizontal(letters) if letters else pl.lit(False)
    odd = [f for f in FIELDS if f in docs.columns and not _is_text(docs.schema[f]) and docs.schema[f] != pl.Null]
    blank = f"no text ({', '.join(odd)} not text)" if odd else "no text in title, abstract, body or captions"
    no_id = pl.col(id_column).is_null() | (pl.col(id_column).cast(pl.String, strict=False).str.strip_chars() == "")
    reason = pl.when(no_id).then(pl.lit(f"no {id_column}")).when(~has_text).then(pl.lit(blank)).otherwise(None)
    return docs.select(reason.alias("reason"))["reason"].to_list() if docs.height else []


def _joined(docs: pl.DataFrame, field: str) -> pl.Expr:
    return pl.col(field) if docs.schema[field] == pl.String else pl.col(field).list.join("\n", ignore_nulls=True)


def _prefilter(docs: pl.DataFrame, keywords: Keywords) -> list[int]:
    """Rows that a fast and generous pattern hits; only these are read in Python."""
    fields = [f for f in FIELDS if f in docs.columns and _is_text(docs.schema[f])]
    if not fields or not docs.height:
        return []
    # separators become blanks first: repeated classes in the pattern would take fifty times as long
    plain = docs.select(_joined(docs, f).str.replace_all(SEPARATORS, " ").alias(f) for f in fields)
    tests = pl.any_horizontal(pl.col(fields).str.contains(f"{keywords.loose_source}|{_ODD}").fill_null(False))
    found = plain.select(tests.alias("hit"))["hit"]
    return found.arg_true().to_list()


def _parts(row: dict[str, Any]) -> list[_Part]:
    parts: list[_Part] = []
    for kind in FIELDS:
        value = row.get(kind)
        if isinstance(value, str):
            parts.append(_Part(kind, kind, normalise(value)))
        elif value is not None:
            parts += [_Part(f"{kind}[{i}]", kind, normalise(v)) for i, v in enumerate(value) if v]
    return parts


def _empty(reason: str | None) -> tuple[Any, ...]:
    return (False, 0.0, [], [], reason is None, reason)


def _score(parts: Sequence[_Part], keywords: Keywords) -> tuple[Any, ...]:
    whole = "\n".join(p.text.text for p in parts)
    hits: list[dict[str, Any]] = []
    score, core, groups = 0.0, False, set()
    for keyword in keywords.keywords:
        best, found = _find(keyword, parts, whole, keywords.field_factors)
        if found:
            hits += found
            score += best
            core |= not keyword.support
            groups.add(keyword.group)
    order = {p.field: i for i, p in enumerate(parts)}
    hits.sort(key=lambda h: (order[h["field"]], h["start"], h["end"], h["phrase"]))
    score = round(score, 4)
    return (core and score >= keywords.threshold, score, [g for g in GROUPS if g in groups], hits, True, None)


def _find(
    keyword: Keyword, parts: Sequence[_Part], whole: str, factors: dict[str, float]
) -> tuple[float, list[dict[str, Any]]]:
    """Hits of one phrase and its contribution: the best field counts, repeats do not."""
    hits: list[dict[str, Any]] = []
    best = 0.0
    checked = False
    for part in parts:
        if part.kind not in keyword.fields:
            continue
        text = part.text.text
        found = [m for m in keyword.pattern.finditer(text) if not _excluded(keyword, m, text, whole)]
        if found and not checked:
            if keyword.context_pattern is not None and not keyword.context_pattern.search(whole):
                return 0.0, []
            checked = True
        for match in found:
            start, end = part.text.span(*match.span())
            hits.append(
                {"phrase": keyword.phrase, "group": keyword.group, "field": part.field, "start": start, "end": end}
            )
        if found:
            density = min(1.0, 1000 * len(found) / (text.count(" ") + 1)) if part.kind == "body" else 1.0
            best = max(best, keyword.weight * factors.get(part.kind, 1.0) * density)
    return best, hits


def _excluded(keyword: Keyword, match: re.Match[str], text: str, whole: str) -> bool:
    if keyword.exclude_pattern is None:
        return False
    if keyword.case:  # acronyms: a cue anywhere speaks against them
        return keyword.exclude_pattern.search(whole) is not None
    start, end = match.span()
    return keyword.exclude_pattern.search(text, max(0, start - _NEAR), end + _NEAR) is not None
