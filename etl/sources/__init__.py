"""Where records come from: one module a source. `parse` turns one page or file into rows and refusals.

To add a source: a module with `parse(data, *, where) -> Parsed` and a line in `SOURCES`; where it is live also `fetch`,
and its name in `schemas.sources.CONNECTORS`.
The shared rows are in `records`, safe XML in `xml`, safe archives in `archives`, requests in `etl.http`.
"""

# source -> module; imported when asked for
SOURCES: dict[str, str] = {
    "arxiv_atom": "etl.sources.arxiv_atom",
    "arxiv_oai": "etl.sources.arxiv_oai",
    "crossref": "etl.sources.crossref",
    "openalex": "etl.sources.openalex",
    "europepmc": "etl.sources.europepmc",
    "jats": "etl.sources.jats",
    "folder": "etl.sources.folder",
    "arxiv_parquet": "etl.sources.arxiv_parquet",
    "arxiv_snapshot": "etl.sources.arxiv_snapshot",
    "elsevier": "etl.sources.elsevier",
    "pdf": "etl.sources.pdf",
}
