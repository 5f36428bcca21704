"""Writing, auditing, publishing and reading small tables."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from schemas.core import Column, ForeignKey, Registry, Table, Type
from schemas.errors import InputError
from schemas.rules import Between
from schemas.tables import quality
from warehouse import catalog, query, release
from warehouse.ledger import StoreError, lock
from warehouse.store import Store

_ID = Column(name="formula_id", type=Type.STRING, doc="Id.")
PARENTS = Table(
    name="core.parents",
    doc="Parents.",
    grain="one parent",
    key=("formula_id",),
    columns=(
        _ID,
        Column(name="gap_eV", type=Type.FLOAT, unit="eV", doc="Gap.", nullable=True, rules=(Between(low=0),)),
        Column(name="tags", type=Type.STRINGS, doc="Tags.", nullable=True),
        Column(name="licence", type=Type.STRING, doc="Licence.", nullable=True),
        Column(name="seen_at", type=Type.TIMESTAMP, doc="Seen.", volatile=True),
    ),
    licence_column="licence",
    tolerance=0.34,
)
CHILDREN = Table(
    name="core.children",
    doc="Children.",
    grain="one child",
    key=("formula_id", "Part"),
    columns=(_ID, Column(name="Part", type=Type.INT, unit="count", doc="Part.")),
    foreign_keys=(ForeignKey(columns=("formula_id",), table="core.parents", references=("formula_id",)),),
)
REGISTRY = Registry({t.name: t for t in (PARENTS, CHILDREN, quality.REJECTIONS, quality.PUBLICATIONS)})


def parents(**gaps: float | None) -> pl.DataFrame:
    rows = [(k, v, ["a", None], "MIT", datetime.now(UTC)) for k, v in gaps.items()]
    return pl.DataFrame(rows, schema=["formula_id", "gap_eV", "tags", "licence", "seen_at"], orient="row")


def children(*names: str) -> pl.DataFrame:
    return pl.DataFrame({"formula_id": list(names), "Part": list(range(len(names)))})


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "home", registry=REGISTRY, wait_s=0.2)


def published(store: Store, **gaps: float | None) -> catalog.Publication:
    version = store.write("core.parents", parents(**gaps)).version
    store.record_verdict("core.parents", version, passed=True)
    return catalog.publish(store.home, registry=REGISTRY)


def test_an_upsert_counts_what_it_did_and_an_identical_one_commits_nothing(store):
    first = store.write("core.parents", parents(VO2=0.6, NaN=float("nan"), NiO=None), mode="upsert")
    assert (first.version, first.inserted, first.rejected, first.changed) == (0, 2, 1, True)
    again = store.write("core.parents", parents(VO2=0.6, NiO=None))
    assert (again.version, again.changed) == (0, False)
    second = store.write("core.parents", parents(VO2=0.7, V2O3=0.1))
    assert (second.version, second.inserted, second.updated, second.deleted) == (1, 1, 1, 0)
    assert store.read("core.parents")["gap_eV"].to_list() == [None, 0.1, 0.7]
    assert store.read("core.parents", version=0)["gap_eV"].to_list() == [None, 0.6]


def test_an_upsert_leaves_alone_the_files_whose_rows_it_does_not_change(store):
    store.write("core.parents", parents(a=1.0, b=2.0))
    first = store.files("core.parents")
    store.write("core.parents", parents(c=3.0))
    assert set(first) < set(store.files("core.parents"))
    store.write("core.parents", parents(c=4.0, d=5.0))
    assert set(first) < set(store.files("core.parents"))
    assert store.versions("core.parents")["operation"].to_list() == ["MERGE", "WRITE", "WRITE"]
    assert store.read("core.parents")["gap_eV"].to_list() == [1.0, 2.0, 4.0, 5.0]
    assert store.rows("core.parents") == store.read("core.parents").height == 4


def test_an_upsert_reads_of_other_files_their_keys_only(store, monkeypatch):
    from warehouse import content

    for name in "abc":
        store.write("core.parents", parents(**{name: 1.0}))
    held, read = store.files("core.parents"), []
    scan = content.scan
    monkeypatch.setattr(content, "scan", lambda table, files: read.append(files) or scan(table, files))
    result = store.write("core.parents", parents(b=2.0, d=1.0))
    assert (result.inserted, result.updated, result.rows) == (1, 1, 4)
    assert [len(files) for files in read] == [1]
    assert set(read[0]) < set(held)


def test_rows_of_a_large_table_are_replaced_in_one_commit_as_merge_does(store, monkeypatch):
    from warehouse import store as module

    columns = (_ID, Column(name="note", type=Type.STRING, doc="Note.", nullable=True))
    plain = Table(name="core.notes", doc="Notes.", grain="one note", key=("formula_id",), columns=columns)
    notes = Store(store.home, registry=Registry({plain.name: plain}))

    def write(**given: str | None) -> Any:
        return notes.write(plain.name, pl.DataFrame({"formula_id": list(given), "note": list(given.values())}))

    monkeypatch.setattr(module, "_LARGE", 2)
    for name in ("it's", 'a "b"', "VO2", "NaN", "\u00b5"):
        write(**{name: "old"})
    assert notes.version(plain.name) == 4
    result = write(**{"it's": "new", 'a "b"': None, "NaN": "old", "d'; --": "added"})
    assert (result.version, result.inserted, result.updated, result.rows) == (5, 1, 2, 6)
    found = dict(notes.read(plain.name).iter_rows())
    same = {"VO2": "old", "NaN": "old", "\u00b5": "old"}
    assert found == {"it's": "new", 'a "b"': None, "d'; --": "added", **same}
    assert notes.versions(plain.name)["operation"][0] == "WRITE"
    assert notes.read(plain.name, version=4)["note"].to_list() == ["old"] * 5
    assert not write(**{"it's": "new"}).changed


def test_large_tables_with_capital_letters_or_long_keys_are_merged(store, monkeypatch):
    from warehouse import store as module

    monkeypatch.setattr(module, "_LARGE", 0)
    store.write("core.parents", parents(a=1.0, b=1.0))
    assert store.write("core.parents", parents(a=2.0)).updated == 1
    assert store.versions("core.parents")["operation"].to_list() == ["MERGE", "WRITE"]
    assert store.read("core.parents")["gap_eV"].to_list() == [2.0, 1.0]


def test_rows_are_counted_where_a_kill_came_between_commit_and_ledger(store):
    store.write("core.parents", parents(a=1.0))
    ledger = store.home / "ledger/core.parents.json"
    before = ledger.read_text()
    store.write("core.parents", parents(b=1.0))
    ledger.write_text(before)
    assert store.rows("core.parents") == 2
    assert store.rows("core.parents", version=0) == 1
    assert store.write("core.parents", parents(c=1.0)).rows == 3
    assert store.rows("core.children") == 0


def test_a_replace_removes_what_is_not_there(store):
    store.write("core.children", children("a", "b", "c"))
    result = store.write("core.children", children("a", "b"), mode="replace")
    assert (result.deleted, result.inserted, result.version) == (1, 0, 1)
    assert store.write("core.children", children("a", "b"), mode="replace").changed is False
    assert store.write("core.children", children("a", "b").clear(), mode="replace").deleted == 2
    assert store.read("core.children").schema == {"formula_id": pl.String, "Part": pl.Int64}
    assert store.write("core.children", children("z")).inserted == 1


def test_a_formula_NaN_and_mixed_case_keys_survive(store):
    store.write("core.children", children("NaN", "nan", "null"))
    assert store.write("core.children", children("NaN", "nan")).changed is False
    assert store.read("core.children")["formula_id"].to_list() == ["NaN", "nan", "null"]


def test_too_many_rejected_rows_write_nothing_but_the_rejections(store):
    with pytest.raises(StoreError, match=r"2 of 3 rows rejected .* in core\.parents"):
        store.write("core.parents", parents(a=-1.0, b=-2.0, c=1.0))
    assert store.version("core.parents") is None
    kept = store.read("meta.rejections")
    assert kept["table_name"].to_list() == ["core.parents"] * 2
    assert set(kept["rule_text"]) == {"between 0 and inf"}
    assert json.loads(kept["row_json"][0])["gap_eV"] < 0


def test_the_same_rejections_again_commit_nothing(store):
    rows = parents(a=-1.0, b=1.0, c=1.0, d=2.0)
    store.write("core.parents", rows)
    store.write("core.parents", rows)
    assert store.version("meta.rejections") == 0


def test_a_new_column_is_added_with_the_rows_kept(store):
    store.write("core.children", children("a"))
    wider = Table(
        name="core.children", doc="d", grain="g", key=CHILDREN.key,
        columns=(*CHILDREN.columns, Column(name="note", type=Type.STRING, doc="Note.", nullable=True)),
    )  # fmt: skip
    newer = Store(store.home, registry=Registry({wider.name: wider}))
    assert newer.write("core.children", children("a").clear().with_columns(note=pl.lit("x"))).changed
    assert newer.read("core.children").rows() == [("a", 0, None)]


def test_the_fingerprint_is_known_once_the_version_passed(store):
    version = store.write("core.parents", parents(a=1.0), fingerprint="f1").version
    assert not store.knows("core.parents", "f1")
    store.record_verdict("core.parents", version, passed=False)
    assert not store.knows("core.parents", "f1")
    store.record_verdict("core.parents", version, passed=True)
    assert store.knows("core.parents", "f1")
    store.write("core.parents", parents(b=1.0), fingerprint="f2")
    assert not store.knows("core.parents", "f1")
    assert not store.knows("core.parents", "f2")
    assert store.versions("core.parents")["passed"].to_list() == [None, True]


def test_rows_of_a_refused_version_are_never_read_as_passed_nor_built_on(store):
    store.record_verdict("core.parents", store.write("core.parents", parents(bad=1.0)).version, passed=False)
    assert store.read_passed("core.parents").rows() == []
    assert store.read_passed("core.parents").schema == store.read("core.parents").schema
    assert store.read_passed("core.children").rows() == []
    again = store.write("core.parents", parents(bad=1.0))
    assert (again.version, again.changed) == (0, False)
    good = store.write("core.parents", parents(good=1.0))
    assert good.version == 1
    assert store.read("core.parents")["formula_id"].to_list() == ["good"]
    store.record_verdict("core.parents", 1, passed=True)
    store.record_verdict("core.parents", store.write("core.parents", parents(worse=1.0)).version, passed=False)
    assert store.read_passed("core.parents")["formula_id"].to_list() == ["good"]
    assert store.write("core.parents", parents(good=1.0)).version == 1
    store.write("core.parents", parents(better=1.0))
    assert store.read("core.parents")["formula_id"].to_list() == ["better", "good"]


def test_a_held_lock_is_one_clear_line(store):
    with lock(store.home), pytest.raises(StoreError, match=r"another writer \(process \d+\) holds the lock in"):
        store.write("core.parents", parents(a=1.0))


def test_readers_see_only_versions_that_passed(store):
    first = published(store, a=1.0)
    assert first.changed
    version = store.write("core.parents", parents(b=2.0)).version
    store.record_verdict("core.parents", version, passed=False)
    assert catalog.publish(store.home, registry=REGISTRY).changed is False
    assert query.query(store.home, "SELECT formula_id FROM core.parents").rows() == [("a",)]
    assert query.query(store.home, "SELECT * FROM core.children").height == 0
    assert query.query(store.home, "SELECT table_count FROM meta.publications").rows() == [(1,)]
    seen = query.query(store.home, "SELECT seen_at FROM core.parents").item()
    assert seen == store.read("core.parents", version=0)["seen_at"].item()
    assert seen.tzinfo is not None


def passed(store: Store, name: str, frame: pl.DataFrame, **kwargs: Any) -> int:
    version = store.write(name, frame, **kwargs).version
    store.record_verdict(name, version, passed=True)
    return version


def test_rollback_brings_a_state_back_and_publish_does_not_undo_it(store):
    first, second = published(store, a=1.0), published(store, a=2.0)
    assert (
        catalog.rollback(store.home, to=first.publication_id[:8], registry=REGISTRY).publication_id
        == first.publication_id
    )
    assert query.query(store.home, "SELECT gap_eV FROM core.parents").item() == 1.0
    assert catalog.publish(store.home, registry=REGISTRY).changed is False
    states = {h["publication_id"]: h for h in catalog.history(store.home)}
    assert states[second.publication_id]["withdrawn"]
    assert states[first.publication_id]["current"]
    assert published(store, a=3.0).changed
    assert query.query(store.home, "SELECT gap_eV FROM core.parents").item() == 3.0
    with pytest.raises(InputError, match="no publications 'zz'"):
        catalog.rollback(store.home, to="zz", registry=REGISTRY)


def test_rollback_outlives_a_write_to_another_table_and_its_rows_are_not_built_on(store):
    first, _ = published(store, a=1.0), published(store, b=2.0)
    catalog.rollback(store.home, to=first.publication_id, registry=REGISTRY)
    passed(store, "core.children", children("a"))
    assert catalog.publish(store.home, registry=REGISTRY).versions == {"core.parents": 0, "core.children": 0}
    assert query.query(store.home, "SELECT formula_id FROM core.parents").rows() == [("a",)]
    published(store, c=3.0)
    assert query.query(store.home, "SELECT formula_id FROM core.parents ORDER BY 1").rows() == [("a",), ("c",)]


def test_what_was_rolled_back_is_not_built_again_from_the_same_inputs(store):
    first = published(store, a=1.0)
    passed(store, "core.parents", parents(a=2.0), fingerprint="f2")
    catalog.publish(store.home, registry=REGISTRY)
    catalog.rollback(store.home, to=first.publication_id, registry=REGISTRY)
    assert store.knows("core.parents", "f2")
    assert not store.knows("core.parents", "f3")
    assert passed(store, "core.parents", parents(a=2.0), fingerprint="f3") == 2
    assert catalog.publish(store.home, registry=REGISTRY).versions == {"core.parents": 2}


def test_a_rollback_can_be_taken_back(store):
    first, second, third = (published(store, a=g) for g in (1.0, 2.0, 3.0))
    catalog.rollback(store.home, to=first.publication_id, registry=REGISTRY)
    catalog.rollback(store.home, to=second.publication_id, registry=REGISTRY)
    assert store.passed_version("core.parents") == 1
    catalog.rollback(store.home, to=third.publication_id, registry=REGISTRY)
    assert catalog.publish(store.home, registry=REGISTRY).publication_id == third.publication_id


def test_a_version_with_a_broken_foreign_key_is_held_back_and_stops_no_other_table(store):
    published(store, a=1.0)
    passed(store, "core.children", children("a", "b"))
    made = published(store, c=1.0)
    assert made.versions == {"core.parents": 1}
    assert "1 rows without their core.parents" in made.held["core.children"]
    assert query.query(store.home, "SELECT * FROM core.children").height == 0
    assert published(store, b=1.0).held == {}
    assert query.query(store.home, "SELECT * FROM core.children").height == 2
    assert catalog.verify(store.home, registry=REGISTRY) == []


def test_a_table_that_lost_rows_others_refer_to_is_held_back(store):
    published(store, a=1.0, b=1.0)
    passed(store, "core.children", children("a", "b"))
    assert catalog.publish(store.home, registry=REGISTRY).held == {}
    passed(store, "core.parents", parents(a=2.0), mode="replace")
    made = catalog.publish(store.home, registry=REGISTRY)
    assert list(made.held) == ["core.parents"]
    assert made.versions == {"core.parents": 0, "core.children": 0}
    assert catalog.verify(store.home, registry=REGISTRY) == []
    passed(store, "core.children", children("a"), mode="replace")
    assert catalog.publish(store.home, registry=REGISTRY).versions == {"core.parents": 1, "core.children": 1}


def test_verify_sees_changed_and_missing_files(store):
    published(store, a=1.0)
    assert catalog.verify(store.home, registry=REGISTRY) == []
    file = store.files("core.parents")[0]
    body = file.read_bytes()
    file.write_bytes(body[:40] + bytes([body[40] ^ 1]) + body[41:])
    assert catalog.verify(store.home, registry=REGISTRY)[0].startswith("changed file")
    file.unlink()
    assert catalog.verify(store.home, registry=REGISTRY)[0].startswith("missing file")
    with pytest.raises(StoreError, match="damaged file"):
        query.query(store.home, "SELECT * FROM core.parents")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('{home}/ledger/core.parents.json')",
        "SELECT * FROM read_text('{home}/tables/../ledger/core.parents.json')",
        "COPY (SELECT 1) TO '{home}/tables/x.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{home}/tables/x.csv'",
        "SET enable_external_access = true",
        "ATTACH '{home}/other.duckdb'",
        "INSTALL httpfs",
        "CREATE TABLE x (a INT)",
        "DELETE FROM core.parents",
        "SELECT 1; SELECT 2",
        "SELEC 1",
        "SELECT * FROM core.nothing",
        "SELECT * FROM read_parquet('{home}/tables/core/parents/*.parquet')",
        "SELECT * FROM read_parquet('{refused}')",
        "SELECT * FROM '{refused}'",
        "SELECT * FROM read_text('{home}/tables/core/parents/_delta_log/00000000000000000000.json')",
        "SELECT * FROM read_blob('{home}/tables/core/parents/_delta_log/*')",
        "SELECT * FROM read_csv('{home}/publications/*.json')",
        "SELECT * FROM glob('{home}/tables/**')",
        "SELECT * FROM glob('{home}/**')",
        "PRAGMA enable_external_access = true",
        "/* a */ EXPLAIN ANALYZE COPY (SELECT 1) TO '{home}/tables/x.csv*/ EXPLAIN SELECT'",
        "SET memory_limit = '1TB'",
        "",
    ],
)
def test_sql_can_only_read_the_tables(store, sql):
    published(store, a=1.0)
    store.record_verdict("core.parents", store.write("core.parents", parents(b=1.0)).version, passed=False)
    (refused,) = set(store.files("core.parents")) - set(store.files("core.parents", version=0))
    with pytest.raises(InputError, match=": "):
        query.query(store.home, sql.format(home=store.home, refused=refused))
    assert not list(store.home.rglob("x.csv"))


@pytest.mark.parametrize(
    "sql", ["SELECT 1 a, 2 a, 3 a_1, 4 A", "SELECT 1 a, 2 a_2, 3 a, 4 a, 5 a", "SELECT 1 a_1, 2 a, 3 a, 4 a_1, 5 a"]
)
def test_a_name_that_comes_again_is_numbered_the_same_in_every_format(store, sql):
    published(store, a=1.0)
    columns, found = query.rows(store.home, sql)
    assert columns == query.query(store.home, sql).columns
    assert len(set(columns)) == len(columns) == len(found[0])


@pytest.mark.parametrize("value", ["INTERVAL 1 DAY", "[INTERVAL 1 DAY]", "MAP {'k': INTERVAL 1 DAY}", "1::VARIANT"])
def test_values_that_no_table_file_holds_are_one_line(store, value):
    published(store, a=1.0)
    with pytest.raises(InputError, match=r"column spent of type (INTERVAL|VARIANT) in the SQL: cast it to VARCHAR"):
        query.query(store.home, f"SELECT {value} AS spent")
    assert query.query(store.home, f"SELECT ({value})::VARCHAR AS spent").height == 1
    assert len(query.rows(store.home, f"SELECT {value} AS spent")[1]) == 1


def test_sql_may_begin_with_a_comment(store):
    from typer.testing import CliRunner

    from dagster_project.cli import app

    published(store, a=1.0)

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["query", *words, "--home", str(store.home)])

    sql = "-- parents, gap = 1\nSELECT formula_id FROM core.parents;"
    assert json.loads(run(sql, "--format", "json").stdout) == [{"formula_id": "a"}]
    assert json.loads(run("--format=json", sql).stdout) == [{"formula_id": "a"}]
    assert run("--format", "csv", "-- plan\nEXPLAIN SELECT 1").stdout.startswith("explain_key,")
    assert run("SELECT 1", "--formt", "json").exit_code == 2


def test_an_output_that_cannot_be_written_is_refused_before_the_query(store, tmp_path):
    from typer.testing import CliRunner

    from dagster_project.cli import app

    run = CliRunner().invoke(app, ["query", "SELEC 1", "--out", str(tmp_path / "t.txt"), "--home", str(store.home)])
    assert (run.exit_code, run.stderr.count("unknown suffix")) == (2, 1)


def test_nothing_audited_is_not_published(store):
    with pytest.raises(StoreError, match=r"no audited version in .*: run `matloom run`") as caught:
        catalog.publish(store.home, registry=REGISTRY)
    assert caught.value.exit_code == 1
    store.write("core.parents", parents(a=1.0))
    with pytest.raises(catalog.NothingAuditedError):
        catalog.publish(store.home, registry=REGISTRY)
    assert query.publication_id(store.home) is None


def test_describe_status_and_history_speak_of_stored_tables(store):
    published(store, a=1.0)
    found = query.describe(store.home, "core.parents", registry=REGISTRY)
    assert (found["rows"], found["version"], found["published_version"], found["passed"]) == (1, 0, 0, True)
    assert found["columns"][1] | {"doc": ""} == {
        "column": "gap_eV", "type": "float64", "unit": "eV", "nullable": True, "doc": "", "rules": ["between 0 and inf"],  # noqa: E501
    }  # fmt: skip
    assert catalog.history(store.home, "core.parents", registry=REGISTRY)[0]["published_in"] == [
        query.publication_id(store.home)
    ]
    assert (
        query.query(store.home, "SELECT comment FROM duckdb_columns() WHERE column_name = 'gap_eV'").item()
        == "Gap. [eV]"
    )


def test_a_moved_home_is_published_again(store, tmp_path):
    published(store, a=1.0)
    store.home.rename(tmp_path / "moved")
    assert catalog.publish(tmp_path / "moved", registry=REGISTRY).changed
    assert query.query(tmp_path / "moved", "SELECT count(*) FROM core.parents").item() == 1


def test_an_export_honours_licences(store, tmp_path):
    rows = parents(a=1.0, b=2.0).with_columns(licence=pl.Series(["CC-BY-4.0", "proprietary"]))
    passed(store, "core.parents", rows)
    passed(store, "core.children", children("a", "b"))
    store.write("core.parents", parents(c=-1.0, d=1.0, e=1.0, f=1.0))
    catalog.publish(store.home, registry=REGISTRY)
    assert query.query(store.home, "SELECT count(*) FROM meta.rejections").item() == 1
    result = release.export(store.home, out=tmp_path / "out", registry=REGISTRY)
    assert result["tables"]["core.parents"] == {"written": 1, "withheld": 1}
    assert result["tables"]["core.children"] == {"written": 1, "withheld": 1}
    assert "meta.rejections" not in result["tables"]
    assert pl.read_parquet(tmp_path / "out/core/parents.parquet")["formula_id"].to_list() == ["a"]
    assert pl.read_parquet(tmp_path / "out/core/children.parquet")["formula_id"].to_list() == ["a"]
    found = json.loads((tmp_path / "out/datapackage.json").read_text())["resources"]
    assert all(r["hash"].startswith("sha256:") for r in found)
    with pytest.raises(InputError, match="already there"):
        release.export(store.home, out=tmp_path / "out", registry=REGISTRY)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "out"]


def test_vacuum_keeps_what_publications_name_and_what_is_built_on(store):
    first = published(store, a=1.0)
    for gap in (2.0, 3.0):
        store.write("core.parents", parents(a=gap))
    passed(store, "core.parents", parents(a=4.0))
    store.record_verdict("core.parents", store.write("core.parents", parents(a=5.0)).version, passed=False)
    assert store.vacuum() == []  # too young
    named = store.vacuum(older_than_s=-1, dry_run=True)
    assert len(named) == 2
    assert all(path.is_file() for path in named)
    assert store.vacuum(older_than_s=-1) == named
    assert not any(path.exists() for path in named)
    assert catalog.verify(store.home, registry=REGISTRY) == []
    assert store.read_passed("core.parents")["gap_eV"].to_list() == [4.0]
    assert store.read("core.parents")["gap_eV"].to_list() == [5.0]
    catalog.publish(store.home, registry=REGISTRY)
    assert catalog.rollback(store.home, to=first.publication_id, registry=REGISTRY).changed


def test_nothing_published_is_one_clear_line(tmp_path):
    with pytest.raises(StoreError, match="nothing published in"):
        query.query(tmp_path, "SELECT 1")


def test_query_needs_no_heavy_package():
    code = (
        "import sys, warehouse.query, dagster_project.commands.warehouse; "
        "print([m for m in ('polars', 'deltalake', 'pyarrow', 'pandas', 'dagster', 'numpy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert run.stdout.strip() == "[]"


def test_what_is_called_finished_is_what_nothing_follows():
    from models.evaluators.states import FINAL

    assert set(query.FINISHED) == set(FINAL)


def test_status_vacuum_and_release_are_commands(tmp_path):
    from typer.testing import CliRunner

    from dagster_project.cli import app

    home = tmp_path / "home"
    kept, at = Store(home), datetime(2026, 1, 1, tzinfo=UTC)
    ids = {"problem": "p", "candidate_id": ["a", "b", "c"], "batch_id": "p-0000"}
    candidates = {**ids, "formula": None, "variables": "{}", "retired": [False, False, True]}
    event = {"problem": "p", "candidate_id": "a", "batch_id": "p-0000", "reason": None, "occurred_at": at}
    problem = {"problem": "p", "title": "P", "doi": None, "evaluator": "e", "definition": "{}", "retired": False}
    batch = {"batch_id": "p-0000", "problem": "p", "iteration": 0, "size": 3, "evaluator": "e"}
    frames = {
        "design.problems": pl.DataFrame([problem]),
        "design.batches": pl.DataFrame([batch]),
        "design.candidates": pl.DataFrame(candidates).drop("batch_id"),
        "design.proposals": pl.DataFrame(ids).with_columns(
            iteration=0,
            rank=1,
            strategy=pl.lit("initial"),
            proposed_at=at,
            **dict.fromkeys(
                ("acquisition", "criterion", "model_id", "predicted", "remaining_improvement", "p_complete"),
                pl.lit(None),
            ),
        ),
        "design.events": pl.DataFrame(
            [{**event, "event_id": s, "sequence": i, "state": s} for i, s in enumerate(("proposed", "accepted"))]
        ),
    }
    for name, frame in frames.items():
        passed(kept, name, frame)
    catalog.publish(home)

    def run(*words: str) -> Any:
        done = CliRunner().invoke(app, ["--home", str(home), *words, "--json"])
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    found = run("status")
    (waiting,) = found["batches"]
    assert (waiting["batch_id"], waiting["state"], waiting["candidates"]) == ("p-0000", "proposed", 1)
    assert {t["schedule"] for t in found["schedules"]} == {"literature_daily", "screening_weekly"}
    assert all(t["next_tick"] > datetime.now(UTC).isoformat()[:19] for t in found["schedules"])
    for retired in (True, False):
        kept.write("design.candidates", frames["design.candidates"].with_columns(retired=retired))
    assert run("vacuum")["files"] == 0
    assert run("vacuum", "--older-than-h", "0", "--dry-run")["files"] == 1
    assert run("vacuum", "--older-than-h", "0")["files"] == 1
    assert run("release", "--out", str(tmp_path / "out"))["written"] == 1 + 1 + 3 + 3 + 2 + 1
    assert catalog.verify(home) == []


def test_the_query_command_prints_each_format(store):
    import typer
    from typer.testing import CliRunner

    from dagster_project.commands import warehouse

    published(store, a=1.0, NaN=None)
    app = typer.Typer()
    warehouse.register(app)
    sql = "SELECT formula_id, gap_eV, tags FROM core.parents ORDER BY 1"
    call = [sql, "--home", str(store.home)]
    run = CliRunner().invoke(app, ["query", *call, "--format", "json"])
    assert json.loads(run.stdout)[0] == {"formula_id": "NaN", "gap_eV": None, "tags": ["a", None]}
    run = CliRunner().invoke(app, ["query", *call, "--format", "csv"])
    assert run.stdout.splitlines()[1] == 'NaN,,"[""a"", null]"'
    assert "(2 rows)" in CliRunner().invoke(app, ["query", *call]).stdout
    run = CliRunner().invoke(app, ["query", "DROP VIEW x", "--home", str(store.home)])
    assert (run.exit_code, run.stderr.count("\n")) == (2, 1)
    assert run.stderr.startswith("error: a statement of kind DROP in the SQL:")


def test_status_opens_the_catalog_once(store, monkeypatch):
    published(store, a=1.0)
    opened = []
    connect = query.duckdb.connect
    monkeypatch.setattr(query.duckdb, "connect", lambda *args: opened.append(args) or connect(*args))
    columns = tuple(f"NULL::VARCHAR AS {c}" for c in ("problem", "batch_id", "candidate_id"))
    monkeypatch.setattr(query, "_WAITING", f"SELECT {', '.join(columns)} WHERE false")  # no design tables here
    found = query.status(store.home, registry=REGISTRY)
    assert (found["publication_id"], found["batches"]) == (query.publication_id(store.home), [])
    assert found["tables"][0]["published_version"] == 0
    assert len(opened) == 2  # status once, and publication_id above
