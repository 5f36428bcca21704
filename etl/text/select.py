"""Keyword selection: which documents of a large corpus are about the problem, and why.

A document is selected by a score, not by any single phrase: weights of the distinct phrases found, scaled by the field
they stand in, against a threshold. Keyword lists are read by `keywords`; finding new phrases is `discover`.
"""

from collections.abc import Iterable, Iterator

import polars as pl

from etl.features.rows import beside
from etl.text.hits import hits
from etl.text.keywords import FIELDS, GROUPS, Keywords, load_keywords
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
_CHUNK_BYTES = 32_000_000  # scanned at once


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
    scored = _scored(hits(parts, keywords), keywords)
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


def _scored(found: pl.DataFrame, keywords: Keywords) -> pl.DataFrame:
    """Scores of the documents of some hits: `row` and the columns of `RESULT` but ok, reason.

    Of a phrase its best field counts, and repeats do not, but in a body: what a long text says once it may say in
    passing.
    """
    listed = pl.DataFrame(
        [(k.phrase, k.group, k.weight, k.support) for k in keywords.keywords],
        schema={"phrase": pl.String, "group": pl.Enum(GROUPS), "weight": pl.Float64, "support": pl.Boolean},
        orient="row",
    )
    told = found.hstack(listed[found["number"]])
    factor = pl.col("kind").replace_strict(keywords.field_factors, default=1.0, return_dtype=pl.Float64)
    density = pl.min_horizontal(1.0, 1000 * pl.len() / pl.col("words").first()).fill_null(1.0)
    fields = told.group_by("row", "number", "part", maintain_order=True).agg(
        pl.col("group", "support").first(), worth=pl.col("weight").first() * factor.first() * density
    )
    phrases = fields.group_by("row", "number").agg(pl.col("group", "support").first(), pl.col("worth").max())
    scored = (
        phrases.sort("row", "number")
        .group_by("row", maintain_order=True)
        .agg(
            score=pl.col("worth").sum().round(4),
            core=(~pl.col("support")).any(),
            groups=pl.col("group").unique().sort().cast(pl.String),
        )
        .with_columns(selected=pl.col("core") & (pl.col("score") >= keywords.threshold))
    )
    listed_hits = (
        told.sort("row", "part", "start", "end", "phrase")
        .with_columns(pl.col("group").cast(pl.String))
        .group_by("row", maintain_order=True)
        .agg(hits=pl.struct(f.name for f in HIT.fields))
    )
    return scored.join(listed_hits, on="row", how="left", maintain_order="left")
