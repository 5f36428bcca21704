"""The published state as a static site: `build` writes it; it reads the published catalog and nothing else.

`site` writes and swaps folders, `pages`, `screening`, `families`, `explanations` and `design` say what pages show,
`parts` is what a page is made of, `figures` and `lineage` draw, `source` reads, `candidates` and `candidate` are the
database of candidates, to which `insight` brings what the warehouse may not import. A new page is one function in
`pages.PAGES`.
"""

from warehouse.report.site import Site, build

__all__ = ["Site", "build"]
