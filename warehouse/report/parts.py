"""What a page is made of: page, section, picture, and frames as rows of text. What is shown is in `pages`, `design`."""

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
    """A heading with text, pictures, a table or the lineage drawing; `empty` is said where there is no row."""

    title: str
    text: str = ""
    pictures: list[Picture] = field(default_factory=list)
    header: list[str] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)
    empty: str = "No rows are published yet."
    graph: Graph | None = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page: file name, title, one sentence, sections."""

    file: str
    title: str
    lead: str
    sections: list[Section]


def section(title: str, frame: pl.DataFrame, **more: Any) -> Section:
    """A section with a table; columns without any value are left out."""
    kept = [c for c in frame.columns if frame.get_column(c).null_count() < frame.height]
    rows = [
        [(text(v), isinstance(v, int | float) and not isinstance(v, bool)) for v in r]
        for r in frame.select(kept).iter_rows()
    ]
    return Section(title=title, header=kept, rows=rows, **more)


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
