"""Literature: documents, which of them are selected, and which keywords the text suggests."""

import polars as pl

from dagster_project.building import Build, Frames, table_assets
from dagster_project.partitions import LITERATURE, source_and_day

_UNSELECTED = 4000  # unselected documents that discovery compares with


@table_assets(
    "raw.documents",
    "raw.fetch_log",
    group="corpus",
    mode="upsert",
    follows=("raw.harvests",),
    kinds=("xml", "polars"),
)
def documents(build: Build) -> Frames:
    """Adds the demonstration corpus, and with the profile `datasets` the stored arXiv abstracts, to what was harvested.

    Harvests and `matloom ingest` have put their documents into the table already, under any profile; here all of them
    are audited again, and what a service changed or withdrew since is left as it is. The profile `live` adds nothing
    here: it makes raw.harvests ask the services.
    """
    from etl import reference
    from etl.sources import arxiv_parquet, folder, records, update

    build.log.info(f"{build.store.rows('raw.documents')} documents so far")
    pages = [records.Page(name, data, folder.parse(data, where=name)) for name, data in reference.demo_corpus().items()]
    parts = [page.parsed.documents for page in pages]
    if build.datasets:
        parts.append(arxiv_parquet.read(build.datasets / "text" / "arxiv"))
    log = [records.fetch_row("corpus", page) for page in pages]
    rows = pl.concat(parts)
    fresh = update.not_older(rows, build.store.current("raw.documents", among=rows).lazy())
    return {"raw.documents": fresh, "raw.fetch_log": pl.DataFrame(log, schema=records.FETCHES, orient="row")}


@table_assets("raw.harvests", group="corpus", mode="upsert", kinds=("xml", "polars"), partitions=LITERATURE)
def harvests(build: Build) -> Frames:
    """Fetches one day of one source, and those before it that are asked again, into raw.documents, audited.

    The profile `live` asks the service. One that cannot be asked, without its key or out of reach, is one line in the
    log and no failed run: the day stays missing, and the schedule asks for it again. The sensor `new_documents` watches
    this table: a window with other contents than before is another row, and starts a run.
    """
    from dagster_project import landing

    source, day = source_and_day(str(build.partition))
    landed = landing.ingest_day(build.store, source, day, settings=build.settings)
    for line in landed.unreachable():
        build.log.warning(line)
    return {"raw.harvests": pl.concat([build.store.current("raw.harvests").clear(), *landed.harvests])}


@table_assets("core.articles", group="corpus", reads={"documents": "raw.documents"})
def articles(build: Build, documents: pl.LazyFrame) -> Frames:
    """Finds the records of the same article across sources, the one of them to read, and what was retracted."""
    from etl.text import articles as works

    return {"core.articles": works.articles(documents)}


@table_assets(
    "core.keywords",
    "core.keyword_hits",
    "core.selections",
    group="corpus",
    reads={"documents": "raw.documents", "articles": "core.articles"},
    plots={"core.selections": "score"},
)
def selected(build: Build, documents: pl.LazyFrame, articles: pl.LazyFrame) -> Frames:
    """Scores one document of every article that was not retracted against the problem's keyword list."""
    from etl.text import keywords, select
    from etl.text.articles import standing

    words = keywords.load_keywords(build.settings.problem)
    texts = standing(documents, articles).select("document_id", "title", "abstract", "body", "captions")
    found = select.verdicts(texts.collect_batches(chunk_size=20_000, maintain_order=True), words)
    return {
        "core.keywords": select.keyword_rows(words, found),
        "core.keyword_hits": select.keyword_hits(found),
        "core.selections": select.selections(found, problem=words.name),
    }


@table_assets(
    "core.keyword_proposals", group="corpus", reads={"documents": "raw.documents", "selections": "core.selections"}
)
def keyword_proposals(build: Build, documents: pl.LazyFrame, selections: pl.LazyFrame) -> Frames:
    """Suggests keywords from the text around the known ones and those accepted so far, and stops there.

    A person decides in `keyword_review.yaml` of the home, which `matloom text discover --review` writes; what it
    accepts enters the next round, here too.
    """
    from etl.text import discover, keywords, review

    entries = review.read(build.settings.home / "keyword_review.yaml")
    words = review.extended(keywords.load_keywords(build.settings.problem), entries)
    verdicts = selections.select("document_id", "selected").sort("document_id").collect()
    others = verdicts.filter(~pl.col("selected"))
    others = others.sample(min(_UNSELECTED, others.height), seed=build.seed)
    wanted = pl.concat([verdicts.filter("selected"), others]).lazy()
    texts = documents.select("document_id", "title", "abstract")
    sample = wanted.join(texts, on="document_id", maintain_order="left").collect()
    past, first = review.decided(entries), review.next_round(entries)
    found = discover.discover(sample, seeds=words, rounds=1, top=50, seed=build.seed, rejected=past, first=first)
    named = (
        found.drop("selected_documents", "examples")
        .rename({"group": "keyword_group"})
        .with_columns(problem=pl.lit(words.name))
    )
    return {"core.keyword_proposals": named.unique(["problem", "phrase"], keep="first", maintain_order=True)}
