"""The site: opens from the file system, says what is missing, trusts no text, is replaced whole."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from schemas.errors import InputError, MatloomError
from schemas.tables import REGISTRY
from warehouse.catalog import publish
from warehouse.report import build
from warehouse.report.lineage import graph
from warehouse.store import Store

HOSTILE = '<script>alert(1)</script> $\\frac \x07 & "q" \''


class Parser(HTMLParser):
    """Collects what the pages refer to, and checks that elements close."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.images_without_text = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        self.links += [v for k in ("href", "src") if (v := found.get(k))]
        self.images_without_text += tag == "img" and not found.get("alt")


def write(store: Store, name: str, rows: list[dict[str, Any]]) -> None:
    result = store.write(name, pl.DataFrame(rows), mode="replace")
    store.record_verdict(name, result.version, passed=True)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    store = Store(tmp_path / "home")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    model = {"model_id": "m1"}
    write(
        store,
        "meta.quality_results",
        [
            {
                "table_name": "pred.screening",
                "table_version": v,
                "check_name": HOSTILE,
                "severity": "warning",
                "passed": v == 0,
            }
            | {"observed": None, "failing_rows": 3, "remedy": "mend", "checked_at": at}
            for v in (0, 1)
        ],
    )
    write(
        store,
        "pred.explanations",
        [
            {
                **model,
                "features": "composition",
                "explanation_number": i,
                "kind": k,
                "feature_1": f"x{HOSTILE}",
                "feature_2": b,
                "x_1": x,
                "x_2": y,
                "effect": 0.1 * i,
            }
            for i, (k, b, x, y) in enumerate(
                [
                    ("mean_abs_shap", None, None, None),
                    ("ale", None, 0.0, None),
                    ("ale", None, 1.0, None),
                    ("ale_pair", "b", 0.0, 1.0),
                ]
            )
        ],
    )
    write(
        store,
        "pred.screening",
        [
            {
                **model,
                "formula": f,
                "features": "composition",
                "structure_id": None,
                "p_mit": p,
                "p_metal": 1 - p,
                "p_insulator": 0.0,
                "label": "mit",
                "conformal_set": ["mit"],
            }
            | {"in_domain": True, "domain_distance": 0.1}
            for f, p in (("VO2", 0.9), ("NaN", 0.25))
        ],
    )
    publish(store.home)
    return store.home


def test_every_page_opens_and_refers_to_files_only(home: Path, tmp_path: Path) -> None:
    site = build(home, tmp_path / "site")
    pages = sorted((tmp_path / "site").glob("*.html"))
    assert len(pages) == site.pages == 8
    for page in pages:
        parser = Parser()
        parser.feed(page.read_text())
        assert parser.images_without_text == 0
        assert "script" not in parser.tags
        for link in parser.links:
            assert link.startswith("#") or (page.parent / link).is_file(), (page, link)
    assert "&lt;script&gt;" in (tmp_path / "site" / "quality.html").read_text()
    assert "VO2" in (tmp_path / "site" / "candidates.html").read_text()
    assert ">NaN<" in (tmp_path / "site" / "candidates.html").read_text()
    assert site.publication_id in (tmp_path / "site" / "index.html").read_text()


def test_the_same_state_gives_the_same_bytes(home: Path, tmp_path: Path) -> None:
    def content(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    build(home, tmp_path / "a")
    build(home, tmp_path / "b")
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert any(name.endswith(".svg") for name in content(tmp_path / "a"))


def test_empty_tables_are_said_to_be_empty(tmp_path: Path) -> None:
    home = tmp_path / "home"
    publish(home)
    site = build(home, tmp_path / "site")
    assert site.pages == 8
    assert "No rows are published yet." in (tmp_path / "site" / "candidates.html").read_text()


def test_nothing_published_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MatloomError, match="nothing published"):
        build(tmp_path / "home", tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_report_is_replaced_whole_and_nothing_else_is(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    build(home, out)
    (out / "stale.html").write_text("old")
    build(home, out)
    assert not (out / "stale.html").exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "index.html").write_text("mine")
    with pytest.raises(InputError, match="not a report"):
        build(home, other)
    assert (other / "index.html").read_text() == "mine"


def test_the_graph_has_every_declared_table_once() -> None:
    drawn = graph(REGISTRY, {})
    assert sorted(n.name for n in drawn.nodes) == sorted(t.name for t in REGISTRY)
    assert len({(n.x, n.y) for n in drawn.nodes}) == len(drawn.nodes)
