"""From documents to paragraphs: which text stands where. Classes of paragraphs are `classify`."""

import polars as pl

SCHEMA = {
    "paragraph_id": pl.String,
    "document_id": pl.String,
    "field": pl.String,
    "section": pl.String,
    "text": pl.String,
}


def paragraphs(documents: pl.DataFrame) -> pl.DataFrame:
    """Abstracts, body paragraphs and captions as rows.

    Args:
        documents: rows of raw.documents.

    Returns:
        `paragraph_id` (document and field), `document_id`, `field` (``body[2]``), `section`, `text`; blank ones are
        left out.
    """
    parts = [
        documents.select(
            "document_id", field=pl.lit("abstract"), section=pl.lit(None, pl.String), text=pl.col("abstract")
        ),
        _listed(documents, "body", "sections"),
        _listed(documents, "captions", None),
    ]
    rows = pl.concat(parts).filter(pl.col("text").str.strip_chars().str.len_chars() > 0)
    named = rows.with_columns(paragraph_id=pl.format("{}#{}", "document_id", "field"))
    return named.select(list(SCHEMA)).sort("paragraph_id")


def _listed(documents: pl.DataFrame, column: str, titles: str | None) -> pl.DataFrame:
    held = documents.filter(pl.col(column).list.len() > 0)
    section = (
        pl.when(pl.col(titles).list.len() == pl.col(column).list.len())
        .then(pl.col(titles))
        .otherwise(pl.col(column).list.eval(pl.lit(None, pl.String)))
        if titles
        else pl.col(column).list.eval(pl.lit(None, pl.String))
    )
    rows = held.select(
        "document_id",
        number=pl.int_ranges(0, pl.col(column).list.len()),
        section=section if titles else pl.col(column),
        text=pl.col(column),
    ).explode("number", "section", "text")
    return rows.select(
        "document_id",
        field=pl.format(f"{column}[{{}}]", "number"),
        section=pl.col("section").replace("", None) if titles else pl.lit(None, pl.String),
        text="text",
    )
