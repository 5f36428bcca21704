"""What a page is made of: page, section, picture, and frames as rows of text. What is shown is in `pages`, `design`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from warehouse.report.lineage import Graph

TOP = 50
Cell = tuple[str, bool]  # text, whether it is a number


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure: file name in `figures/`, SVG text, and the words for those who cannot see it."""

    file: str
    svg: str
    alt: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading with text, pictures, a table or the lineage drawing; `empty` is said where there is no row.

    Attributes:
        bars: a signed length from -1 to 1 for each row, drawn beside it.
        links: addresses by the text of a cell.
        cell: a unit cell as JSON, drawn by structure.js.
        downloads: (address, words); an address with # is a place to go to.
        finder: whether the finder of candidates.js stands here.
    """

    title: str
    text: str = ""
    pictures: list[Picture] = field(default_factory=list)
    header: list[str] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)
    empty: str = "No rows are published yet."
    graph: Graph | None = None
    bars: list[float] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    cell: str = ""
    downloads: list[tuple[str, str]] = field(default_factory=list)
    finder: bool = False


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page: file name, title, one sentence, sections; what else lies beside it.

    Attributes:
        scripts: files of `templates` and of `files` that the page runs, in order.
        files: other files of the site, by name.
        menu: whether the page stands in the menu of all pages.
    """

    file: str
    title: str
    lead: str
    sections: list[Section]
    scripts: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    menu: bool = True

    @property
    def root(self) -> str:
        """The way from the page to the folder of the site."""
        return "../" * self.file.count("/")


def section(title: str, frame: pl.DataFrame, **more: Any) -> Section:
    """A section with a table; columns without any value are left out."""
    kept = [c for c in frame.columns if frame.get_column(c).null_count() < frame.height]
    return listing(title, kept, frame.select(kept).rows(), **more)


def listing(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]], **more: Any) -> Section:
    """A section with a table of values of any type."""
    cells = [[(text(v), isinstance(v, int | float) and not isinstance(v, bool)) for v in row] for row in rows]
    return Section(title=title, header=list(header), rows=cells, **more)


def text(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(text(v) for v in value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S UTC")
    said = str(value)
    return said if len(said) <= 300 else said[:299] + "…"


def parts(frame: pl.DataFrame, *by: str) -> list[tuple[tuple[str, ...], pl.DataFrame]]:
    """Groups in order of first appearance."""
    if not frame.height:
        return []
    return [(tuple(str(k) for k in key), part) for key, part in frame.group_by(by, maintain_order=True)]
