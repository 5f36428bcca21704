"""Seeded faults: a few of each kind here, all of them in the benchmarks; and that the graph stops where it should."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dagster_project import checks
from dagster_project.quality import Frames, check_file
from dagster_project.quality.faults import register, suite, tables
from dagster_project.quality.guess import declaration
from etl.text.labels import labels
from schemas.emit.polars import empty
from schemas.tables import REGISTRY
from warehouse.store import Store

SHOWN = (
    "celsius for kelvin (core.labels)",
    "minutes for hours (core.recipes)",
    "millielectronvolt in a twentieth (file.perovskites)",
    "cyrillic letter in formulas (core.labels)",
    "formula lost as missing (core.compounds)",
    "systems shifted by one row (core.structures)",
    "labels of one family flipped (core.labels)",
    "test rows leak into training (file.split)",
    "column dropped (core.labels)",
    "stale snapshot (raw.documents)",
)
PASSED = (
    "rows in another order (core.labels)",
    "a fair part (file.perovskites)",
    "honest foreign letters (raw.documents)",
    "new recipes (core.recipes)",
)


def of(name: str) -> register.Fault:
    (found,) = (f for f in register.FAULTS if f.name == name)
    return found


@pytest.fixture(scope="module", autouse=True)
def real() -> dict[str, pl.DataFrame]:
    return tables.tables()


@pytest.mark.parametrize("name", [*SHOWN, *PASSED])
def test_defects_are_found_and_harmless_changes_are_let_pass(name: str) -> None:
    (outcome,) = suite.run([of(name)])
    assert outcome.right, outcome.row()
    assert outcome.fault.clean == (name in PASSED)


def test_there_are_sixty_defects_and_forty_harmless_changes_each_with_its_reason() -> None:
    names = [f.name for f in register.FAULTS]
    assert len(set(names)) == len(names)
    assert sum(not f.clean for f in register.FAULTS) >= 60
    assert sum(f.clean for f in register.FAULTS) >= 40
    assert all(len(f.stands_for) > 8 and f.table in tables.tables() for f in register.FAULTS)


def test_a_fault_that_changes_nothing_proves_nothing() -> None:
    idle = register.Fault(name="idle", table="file.split", stands_for="nothing", change=lambda frame: frame)
    with pytest.raises(ValueError, match="changes nothing"):
        suite.run([idle])


def test_the_summary_counts_what_is_missed_and_what_is_raised_in_vain() -> None:
    defect, harmless = of(SHOWN[0]), of(PASSED[0])
    found = suite.summary(
        [
            suite.Outcome(fault=defect, raised=(("a check", True),)),
            suite.Outcome(fault=defect, raised=()),
            suite.Outcome(fault=harmless, raised=(("a check", False),)),
        ]
    )
    assert (found["defects"], found["caught"], found["stopped"], found["clean"]) == (2, 1, 1, 1)
    assert [f["fault"] for f in (*found["missed"], *found["false_alarms"])] == [defect.name, harmless.name]


def test_a_version_with_flipped_labels_is_not_built_on_and_says_why(tmp_path: Path) -> None:
    store, table = Store(tmp_path), REGISTRY["core.labels"]
    sound = labels(empty(REGISTRY["core.properties"]), empty(REGISTRY["raw.documents"])).select(table.column_names)
    assert audited(store, sound)["contract"].passed
    bad = audited(store, of("labels of one family flipped (core.labels)").change(sound))
    assert not bad["contract"].passed
    assert "labels stay" in str(bad["contract"].metadata["failed"].value)
    assert (store.version(table.name), store.passed_version(table.name)) == (1, 0)
    results = store.read("meta.quality_results").filter(pl.col("table_name") == table.name)
    history = results.filter(pl.col("check_name") == "labels stay").sort("table_version")
    assert history["passed"].to_list() == [True, False]
    assert history["owner"].to_list() == ["team:quality"] * 2
    assert history["remedy"][1]


def audited(store: Store, frame: pl.DataFrame) -> dict[str, Any]:
    version = store.write("core.labels", frame, mode="replace").version
    found = checks.audit(store, REGISTRY["core.labels"], version=version, fingerprint=str(version))
    return {r.check_name: r for r in found}


def test_a_file_that_is_no_declared_table_is_read_by_what_its_columns_are() -> None:
    frame = pl.DataFrame(
        {
            "material_id": [f"m{i}" for i in range(50)],
            "formula": [f"V{i + 1}O2" for i in range(50)],
            "band_gap_eV": [0.1 * i for i in range(50)],
            "sites": [[["a"]]] * 50,
        }
    )
    table = declaration(frame, "gaps.csv")
    assert (table.name, table.key, table.column("band_gap_eV").unit) == ("file.gaps_csv", ("material_id",), "eV")
    assert [r.check_name for r in check_file(frame, table).results if not r.passed] == []
    slipped = frame.with_columns(pl.lit("TiN").alias("formula"), pl.col("band_gap_eV") * 1000)
    wrong = check_file(slipped, table, former=frame)
    failed = {r.check_name for r in wrong.results if not r.passed}
    assert {"numbers are possible", "values stay with their rows"} <= failed
    assert {f["key"] for f in wrong.failing} >= {"band_gap_eV"}


def test_checks_say_who_answers_and_what_to_do(real: dict[str, pl.DataFrame]) -> None:
    frame = real["core.labels"].with_columns(pl.lit("vo2").alias("formula"))
    results = check_file(frame, REGISTRY["core.labels"], others=Frames(real), counted=True).results
    failed = [r for r in results if not r.passed]
    assert failed
    assert all(r.owner and r.remedy and r.observed for r in failed)
