"""Which documents are the same article: records of several sources, preprints and their publications, retractions.

Two documents are one article if they share a DOI, an arXiv id, or title, year and first author; and so on from document
to document. Titles never join two different journal articles.
"""

import polars as pl

from etl.merging import ranked
from schemas.merging import ARTICLES

SCHEMA = {
    "document_id": pl.String,
    "article_id": pl.String,
    "basis": pl.String,
    "preferred": pl.Boolean,
    "retracted_on": pl.Date,
    "retracted_by": pl.String,
}
_ARXIV_DOI = r"^10\.48550/arxiv\.(.+)$"
_RESOLVER = r"^(?:https?://(?:dx\.)?doi\.org/|doi:\s*)"
# registrants of preprints: arXiv, ChemRxiv, Research Square, Preprints.org, SSRN, Zenodo, and bioRxiv by its numbers
_PREPRINT = r"^10\.(?:(?:48550|26434|21203|20944|2139|5281)/|1101/\d)"
_TITLE = 25  # letters and digits below which a title says nothing ("Supplementary material")


def articles(documents: pl.LazyFrame) -> pl.DataFrame:
    """Says for each document which article it is a record of, and whether it is the one to read.

    Args:
        documents: raw.documents.

    Returns:
        Rows of core.articles, sorted by document. The preferred record has the full text, else an abstract; among
        these it is the last updated. A withdrawn record, and a notice that names its DOI, mark every record of the
        article.
    """
    keyed = documents.select("document_id", *_keys(), *_ranks()).collect(engine="streaming")
    numbered = keyed.sort("document_id").with_row_index("row")
    sure = _connected(numbered.select("doi", "arxiv"), numbered["row"])
    grouped = numbered.with_columns(sure=sure)
    grouped = grouped.with_columns(label=_titled(grouped))
    best = ranked(grouped.rename({"label": "article_id"}), ARTICLES).unique("article_id", keep="first")
    named = grouped.join(best.select(label="article_id", article_id="document_id"), on="label")
    made = named.join(_retractions(documents, named), on="article_id", how="left").with_columns(
        basis=_basis(), preferred=pl.col("document_id") == pl.col("article_id")
    )
    return made.select(list(SCHEMA)).sort("document_id")


def standing(documents: pl.LazyFrame, articles: pl.LazyFrame) -> pl.LazyFrame:
    """The documents to be read: one of each article, none that was withdrawn or retracted.

    Args:
        documents: raw.documents.
        articles: core.articles.
    """
    chosen = articles.filter("preferred", pl.col("retracted_on").is_null(), pl.col("retracted_by").is_null())
    kept = documents.filter(pl.col("withdrawn_on").is_null())
    return kept.join(chosen.select("document_id"), on="document_id", how="semi")


def _keys() -> list[pl.Expr]:
    """What joins documents."""
    doi = _bare(pl.col("doi"))
    return [
        _number(_no_arxiv(doi)).alias("doi"),
        _number(_arxiv(pl.col("arxiv_id"), doi)).alias("arxiv"),
        _number(_title()).alias("title"),
        (doi.str.len_bytes() > 0).fill_null(False).and_(~doi.str.contains(_PREPRINT).fill_null(False)).alias("journal"),
    ]


def _ranks() -> list[pl.Expr]:
    said = pl.col("abstract").str.len_bytes().fill_null(0) > 0
    text = pl.when(pl.col("body").list.len().fill_null(0) > 0).then(2).when(said).then(1).otherwise(0)
    return [text.cast(pl.Int8).alias("text"), pl.coalesce("updated_on", "published_on").alias("newest")]


def _bare(doi: pl.Expr) -> pl.Expr:
    return doi.str.to_lowercase().str.strip_chars().str.replace(_RESOLVER, "")


def _no_arxiv(doi: pl.Expr) -> pl.Expr:
    return pl.when(~doi.str.contains(_ARXIV_DOI)).then(doi)


def _arxiv(given: pl.Expr, doi: pl.Expr) -> pl.Expr:
    own = given.str.to_lowercase().str.strip_chars().str.replace(r"^arxiv:\s*", "")
    return pl.coalesce(own, doi.str.extract(_ARXIV_DOI)).str.replace(r"v\d+$", "")


def _title() -> pl.Expr:
    """Title, year and first author's family name in one; null where one of them is missing or the title too short."""
    plain = pl.col("title").str.replace_all(r"\\[A-Za-z]+", "").str.normalize("NFKD").str.to_lowercase()
    plain = plain.str.replace_all(r"[^\p{L}\p{N}]", "")
    first = pl.col("authors").list.first().str.normalize("NFKD").str.to_lowercase()
    family = pl.when(first.str.contains(",")).then(first.str.extract("^([^,]*),")).otherwise(first)
    family = family.str.replace_all(r"[^\p{L} ]", "").str.strip_chars().str.extract(r"(\S+)$")
    year = pl.col("published_on").dt.year().cast(pl.String)
    return pl.when(plain.str.len_chars() >= _TITLE).then(pl.concat_str(plain, year, family, separator=" "))


def _number(text: pl.Expr) -> pl.Expr:
    """A text as number: joins over texts would take ten times the memory."""
    return pl.when(text.str.len_bytes() > 0).then(text.hash(seed=1))


def _connected(keys: pl.DataFrame, labels: pl.Series) -> pl.Series:
    """The smallest label that each row is connected to by shared keys, however long the chain.

    Args:
        keys: of the rows; a null connects to nothing.
        labels: a row each, its own or one that it is known to be connected to.
    """
    while True:
        found = labels
        for key in keys.columns:
            least = pl.col("label").min().over(key)
            told = keys.select(key).with_columns(label=found)
            found = told.select(pl.when(pl.col(key).is_null()).then("label").otherwise(least))["label"]
        found = found.gather(found)  # a long chain halves with each round
        if found.equals(labels):
            return labels
        labels = found


def _titled(grouped: pl.DataFrame) -> pl.Series:
    """Labels after titles have joined what DOIs and arXiv ids did not: never two works of journals."""
    judged = grouped.select("sure", "title", published=pl.col("journal").any().over("sure"))
    work = pl.when("published").then("sure")
    usable = pl.when(work.min().over("title") == work.max().over("title")).then("title")
    unpublished = pl.when(work.min().over("title").is_null()).then("title")
    keys = judged.select("sure", title=pl.coalesce(usable, unpublished))
    told = judged.with_columns(label=_connected(keys, judged["sure"]))
    # two titles of one preprint may lead to two publications
    apart = work.min().over("label") != work.max().over("label")
    return told.select(pl.when(apart.fill_null(False)).then("sure").otherwise("label").alias("label"))["label"]


def _basis() -> pl.Expr:
    def shared(key: str) -> pl.Expr:
        return pl.col(key).is_not_null() & (pl.len().over(key) > 1)

    alone = pl.len().over("label") == 1
    return (
        pl.when(alone)
        .then(pl.lit("alone"))
        .when(shared("doi"))
        .then(pl.lit("doi"))
        .when(shared("arxiv"))
        .then(pl.lit("arxiv"))
        .otherwise(pl.lit("title"))
    )


def _retractions(documents: pl.LazyFrame, named: pl.DataFrame) -> pl.DataFrame:
    """The first withdrawal or notice of each article that has one: `article_id`, `retracted_on`, `retracted_by`."""
    withdrawn = documents.filter(pl.col("withdrawn_on").is_not_null())
    withdrawn = withdrawn.select("document_id", retracted_on="withdrawn_on", retracted_by="document_id")
    doi = _bare(pl.col("retracted_dois"))
    notices = (
        documents.filter(pl.col("retracted_dois").list.len() > 0)
        .select("retracted_dois", retracted_on="published_on", retracted_by="document_id")
        .explode("retracted_dois")
        .with_columns(_number(_no_arxiv(doi)).alias("doi"), _number(doi.str.extract(_ARXIV_DOI)).alias("arxiv"))
    )
    places = named.lazy().select("document_id", "doi", "arxiv", "article_id")
    parts = [withdrawn.join(places, on="document_id"), *(notices.join(places, on=k) for k in ("doi", "arxiv"))]
    found = pl.concat([part.select("article_id", "retracted_on", "retracted_by") for part in parts]).collect()
    return found.sort("retracted_on", "retracted_by", nulls_last=True).unique("article_id", keep="first")
