"""Writes the site: pages through the templates into a folder aside, which then takes the place of the old one."""

import os
import re
import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import InputError
from warehouse.report.candidate import details
from warehouse.report.insight import NONE, Insight
from warehouse.report.pages import PAGES
from warehouse.report.parts import Page
from warehouse.report.source import Edges, Source

if TYPE_CHECKING:
    from markupsafe import Markup

    from schemas.core import Registry

MARK = '<meta name="generator" content="matloom">'


@dataclass(frozen=True, kw_only=True)
class Site:
    """What was written."""

    index: Path
    pages: int
    publication_id: str


def build(
    home: Path,
    out: Path,
    *,
    registry: "Registry | None" = None,
    lineage: Edges | None = None,
    insight: Insight = NONE,
    stamp: str = "",
) -> Site:
    """Writes the site of the published state; the same state gives the same bytes.

    Args:
        home: folder with the published catalog.
        out: folder to write; a former report there is replaced whole or not at all.
        registry: declarations; all of `schemas.tables` if not given.
        lineage: pairs (from, to) of tables of which the second is made from the first. Without them the page draws
            the declared references.
        insight: what is computed of structures and by the model.
        stamp: kept in the file `stamp`, for a caller who asks whether the site is still what it would write.

    Raises:
        InputError: `out` holds something other than a report, or cannot be written.
        StoreError: nothing is published yet.
    """
    if registry is None:
        from schemas.tables import REGISTRY

        registry = REGISTRY
    out = Path(out).absolute()
    _refuse_foreign(out)
    source, pages = _one_state(Path(home), registry, lineage, insight)
    aside = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        aside.mkdir(parents=True)
        _write(aside, pages, source.publication_id)
        (aside / "stamp").write_text(stamp)
        _swap(aside, out)
    except OSError as error:
        raise InputError.of(
            f"cannot write ({error.strerror})", out, "choose a folder that can be written and has room"
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Site(index=out / "index.html", pages=len(pages), publication_id=source.publication_id)


def _one_state(home: Path, registry: "Registry", lineage: Edges | None, insight: Insight) -> tuple[Source, list[Page]]:
    """All pages of one published state: read again if another was published meanwhile."""
    from warehouse.query import publication_id

    for _ in range(3):
        source = Source(home, registry, lineage=lineage, insight=insight)
        pages = [page(source) for page in PAGES] + details(source)
        if (publication_id(home) or "none") == source.publication_id:
            return source, pages
    raise InputError.of("states published faster than they can be read", home, "run the report when the graph rests")


def _write(folder: Path, pages: list[Page], publication: str) -> None:
    import jinja2

    templates = resources.files("warehouse.report") / "templates"
    endings = (".html", ".css", ".js")
    texts = {f.name: f.read_text(encoding="utf-8") for f in templates.iterdir() if f.name.endswith(endings)}
    engine = jinja2.Environment(
        loader=jinja2.DictLoader(texts),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    engine.filters["subscripts"] = _subscripts
    template = engine.get_template("page.html")
    menu = [(p.file, p.title) for p in pages if p.menu]
    files = {"style.css": texts["style.css"]}
    for page in pages:
        files[page.file] = template.render(page=page, menu=menu, publication=publication)
        files |= {name: texts[name] for name in page.scripts if name in texts} | page.files
        files |= {f"figures/{p.file}": p.svg for s in page.sections for p in s.pictures}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _subscripts(formula: str) -> "Markup":
    """A formula with its amounts lowered; everything else is escaped."""
    from markupsafe import Markup, escape

    pieces = re.split(r"([\d.]+)", formula)
    return Markup("").join(Markup("<sub>{}</sub>").format(p) if i % 2 else escape(p) for i, p in enumerate(pieces))


def _refuse_foreign(out: Path) -> None:
    """A folder is only replaced if it is empty or an older report."""
    if not out.exists():
        return
    index = out / "index.html"
    ours = out.is_dir() and (not any(out.iterdir()) or (index.is_file() and MARK in index.read_text(errors="replace")))
    if not ours:
        raise InputError.of("something that is not a report", out, "name an empty or new folder")


def _swap(aside: Path, out: Path) -> None:
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    if out.exists():
        out.rename(old)
    try:
        aside.rename(out)
    except OSError:
        if old.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
