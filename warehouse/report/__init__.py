"""The published state as a static site: `build` writes it; it reads the published catalog and nothing else.

`site` writes and swaps folders, `pages` says what each page shows, `figures` draws, `lineage` draws the asset graph,
`source` reads. A new page is one function in `pages.PAGES`.
"""

from warehouse.report.site import Site, build

__all__ = ["Site", "build"]
