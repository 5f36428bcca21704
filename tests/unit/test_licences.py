"""What may be given away: text leaves only under an open licence, whatever table it stands in."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl.sources import records
from schemas.core import Table, Type
from schemas.emit.polars import REJECTED, schema
from schemas.tables import REGISTRY
from warehouse import catalog, query, release
from warehouse.licences import allowed
from warehouse.report import build
from warehouse.store import Store

SECRET = "Sesquipedalian oxides"
LICENCES = {"open": "https://creativecommons.org/licenses/by/4.0/", "closed": "all rights reserved", "unknown": None}
TEXTS = ("body", "sections", "captions", "table_texts", "authors")
FILLERS: dict[Type, Any] = {
    Type.STRING: "x", Type.INT: 1, Type.FLOAT: 0.5, Type.BOOL: True, Type.STRINGS: ["x"], Type.JSON: "{}",
}  # fmt: skip
DERIVED: dict[str, dict[str, Any]] = {
    "core.paragraphs": {"paragraph_id": "{}#body[0]", "text": SECRET, "label": "synthesis"},
    "core.mentions": {"mention_id": "m{}", "sentence": SECRET},
    "core.properties": {"property_id": "p{}", "sentence": SECRET},
    "core.selections": {"problem": "mit"},
    "core.articles": {"article_id": "{}", "basis": "alone", "retracted_by": None, "retracted_on": None},
    "core.recipes": {"recipe_id": "r{}", "target": SECRET},
    "core.recipe_steps": {"recipe_id": "r{}", "verb": SECRET},
}


def test_licences_are_known_by_name_by_words_and_by_address() -> None:
    given = {
        "CC-BY-4.0": True, "https://creativecommons.org/licenses/by/4.0/": True, "CC BY 4.0": True, "CC0": True,
        "http://creativecommons.org/publicdomain/zero/1.0/legalcode": True, "MIT": True,
        "https://creativecommons.org/licenses/by-sa/4.0/deed.en": True, "cc by-nc 4.0": False, "unknown": False,
        "http://creativecommons.org/licenses/by-nc-nd/4.0/": False, "metadata CC0-1.0": False, "": False,
        "https://elsewhere.example/creativecommons.org/licenses/by/4.0/": False,
        "http://arxiv.org/licenses/nonexclusive-distrib/1.0/": False, "no CC-BY-4.0": False,
    }  # fmt: skip
    frame = pl.DataFrame({"licence": [*given, None]}).select(allowed("licence"))
    assert frame["licence"].to_list() == [*given.values(), False]


def of_document(table: Table, document: str, licence: str | None) -> dict[str, Any]:
    """A row of a table that was read from a document."""
    said = {k: v.format(document) if isinstance(v, str) else v for k, v in DERIVED[table.name].items()}
    said |= {"document_id": document, "licence": licence or "unknown"}
    return {c.name: said.get(c.name, _filler(table, c.name)) for c in table.columns}


def _filler(table: Table, name: str) -> Any:
    column = table.column(name)
    allowed_ = [rule.values[0] for rule in column.rules if hasattr(rule, "values")]
    return allowed_[0] if allowed_ else None if column.nullable else FILLERS.get(column.type)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published home with an open, a closed and an unlicensed document and all that was read from each."""
    store = Store(tmp_path_factory.mktemp("licences"))
    rows = [
        records.document("jats", name, licence=licence, title=SECRET, abstract=SECRET, **{t: [SECRET] for t in TEXTS})
        for name, licence in LICENCES.items()
    ]
    frames = {"raw.documents": records.frame(rows)}
    for name in DERIVED:
        made = [of_document(REGISTRY[name], f"jats:{n}", licence) for n, licence in LICENCES.items()]
        frames[name] = pl.DataFrame(made, schema=schema(REGISTRY[name]), orient="row")
    for name, frame in frames.items():
        result = store.write(name, frame)
        assert (result.rejected, result.rows) == (0, 3), name
        store.record_verdict(name, result.version, passed=True)
    page = records.refused("broken.xml", "no well-formed XML", SECRET.encode())
    store.refuse(records.rejections("folder", page))
    catalog.publish(store.home)
    return store.home


def test_an_export_has_text_of_open_documents_only(home: Path, tmp_path: Path) -> None:
    counts = release.export(home, out=tmp_path / "out")["tables"]
    assert set(counts) == {"raw.documents", *DERIVED, "meta.publications"}
    for name in ("raw.documents", *DERIVED):
        assert counts[name] == {"written": 1, "withheld": 2}
        (row,) = pl.read_parquet(tmp_path / "out" / f"{name.replace('.', '/')}.parquet").iter_rows(named=True)
        assert "jats:open" in str(row)


def test_a_report_has_no_text_of_closed_documents(home: Path, tmp_path: Path) -> None:
    build(home, tmp_path / "site")
    pages = {p.name: p.read_text("utf-8") for p in (tmp_path / "site").rglob("*.html")}
    assert "jats:open" in pages["recipes.html"]
    assert [n for n, text in pages.items() if "jats:closed" in text or "jats:unknown" in text] == []
    assert [n for n, text in pages.items() if SECRET in text] == ["recipes.html"]
    assert pages["recipes.html"].count(SECRET) == 1


def test_a_query_shows_its_user_everything(home: Path) -> None:
    assert query.query(home, "SELECT count(*) FROM core.paragraphs").item() == 3
    (kept,) = query.query(home, "SELECT row_json FROM meta.rejections")["row_json"]
    assert json.loads(kept)["raw"] == SECRET


def test_every_table_that_speaks_of_documents_has_a_licence_or_leads_to_one() -> None:
    def leads(table: Table) -> bool:
        above = [REGISTRY[f.table] for f in table.foreign_keys if f.table != table.name]
        return table.licence_column is not None or any(leads(t) for t in above)

    spoken = [t for t in REGISTRY if {"document_id", "sentence", "paragraph_id", "recipe_id"} & set(t.column_names)]
    assert {t.name for t in spoken} >= set(DERIVED)
    assert [t.name for t in spoken if not leads(t)] == []


def test_refused_bytes_are_never_exported() -> None:
    assert "meta.rejections" in release.WITHHELD
    assert REJECTED.keys() == {"table", "row_key", "column", "rule", "value", "row"}
