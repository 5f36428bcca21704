"""One incremental update of a source: fetched pages as rows, ready to be written together."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from etl.sources import arxiv_atom, arxiv_oai, folder, records
from schemas.errors import InputError

LIVE = ("arxiv_oai", "arxiv_atom")
_QUERY = "cat:cond-mat.str-el OR cat:cond-mat.mtrl-sci"


@dataclass(frozen=True)
class Update:
    """Rows of raw.documents, raw.fetch_log and raw.harvests, and what was refused."""

    documents: pl.DataFrame
    log: pl.DataFrame
    summary: pl.DataFrame


def harvest(
    source: str,
    *,
    since: str,
    until: str | None = None,
    limit: int | None = None,
    live: bool = True,
    url: str | None = None,
) -> Update:
    """Fetches what changed at a source from a day on.

    Args:
        source: one of `LIVE`.
        since: ISO day.
        until: ISO day; later records are left for their own day.
        limit: stop after about so many records.
        live: ask the service; else read the demonstration corpus, which speaks the same format.
        url: another address of the service.

    Raises:
        InputError: an unknown source or a day that is none.
        FetchError: the service did not answer; nothing is returned then.
    """
    if source not in LIVE:
        raise InputError.of(f"unknown source {source!r}", "the sources", f"use one of {', '.join(LIVE)}")
    if records.day(since) is None:
        raise InputError.of(f"{since!r} is no day", "--since", "write YYYY-MM-DD")
    pages = list(_live(source, since, limit, url) if live else _embedded(source))
    parts = [parsed.documents for _, _, parsed in pages]
    found = pl.concat(parts) if parts else records.frame([])
    changed = pl.coalesce("updated_on", "published_on")
    if until is not None:
        found = found.filter((changed >= date.fromisoformat(since)) & (changed <= date.fromisoformat(until)))
    found = found.unique("document_id", keep="last", maintain_order=True)
    log = [records.fetch_row(source, name, data, parsed) for name, data, parsed in pages]
    refused = sum(len(parsed.refused) for _, _, parsed in pages)
    row = {"source": source, "day": date.fromisoformat(since), "records": found.height, "rejected": refused}
    summary = pl.DataFrame(
        [row], schema={"source": pl.String, "day": pl.Date, "records": pl.Int64, "rejected": pl.Int64}
    )
    return Update(found, pl.DataFrame(log, schema=records.FETCHES, orient="row"), summary)


def _live(source: str, since: str, limit: int | None, url: str | None) -> list[tuple[str, bytes, records.Parsed]]:
    from etl.http import Client

    with Client() as client:
        if source == "arxiv_atom":
            return list(arxiv_atom.fetch(client, query=_QUERY, limit=limit or 100, url=url or arxiv_atom.URL))
        address = url or arxiv_oai.URL
        return list(arxiv_oai.fetch(client, since=since, subject="physics:cond-mat", limit=limit, url=address))


def _embedded(source: str) -> list[tuple[str, bytes, records.Parsed]]:
    from etl.reference import demo_corpus

    name = "oai.xml" if source == "arxiv_oai" else "atom.xml"
    data = demo_corpus()[name]
    return [(name, data, folder.parse(data, where=name))]


def read_folder(path: Path, *, limit: int | None = None) -> Update:
    """Documents of a folder; a file that cannot be read is refused with its reason and stops no other.

    Raises:
        InputError: no such folder.
    """
    parts, log = [records.frame([])], []
    for file in folder.files(path)[:limit]:
        name, data = file.relative_to(path).as_posix(), file.read_bytes()
        try:
            parsed = folder.parse(data, where=name)
        except InputError as error:
            parsed = records.Parsed(records.frame([]), ((name, str(error)),))
        parts.append(parsed.documents)
        log.append(records.fetch_row("folder", name, data, parsed))
    found = pl.concat(parts).unique("document_id", keep="last", maintain_order=True)
    return Update(
        found,
        pl.DataFrame(log, schema=records.FETCHES, orient="row"),
        pl.DataFrame(schema={"source": pl.String, "day": pl.Date, "records": pl.Int64, "rejected": pl.Int64}),
    )
