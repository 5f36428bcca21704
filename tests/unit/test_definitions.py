"""What Dagster sees: everything is there, nothing heavy is loaded, sensors repeat nothing."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import dagster as dg
import pytest

from etl.sources import update
from schemas.tables import REGISTRY
from warehouse.store import Store

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "pymatgen", "matminer", "sklearn", "lightgbm", "great_expectations", "pandas", "spacy")


def test_definitions_load_quickly_and_import_nothing_heavy() -> None:
    code = (
        "import sys, time; import dagster_project.definitions; "
        f"print([m for m in {HEAVY!r} if m in sys.modules], time.process_time())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded, seconds = done.stdout.strip().rsplit(" ", 1)
    assert loaded == "[]"
    assert float(seconds) < 3.0


@pytest.mark.parametrize("package", ["schemas", "warehouse", "etl", "models", "dagster_project"])
def test_each_package_is_the_one_of_this_repository(package: str) -> None:
    origin = import_module(package).__file__
    assert origin is not None
    assert Path(origin).resolve().is_relative_to(ROOT)


def test_every_declared_table_has_an_asset_with_owner_check_and_schema() -> None:
    from dagster_project.definitions import defs

    graph = defs.resolve_asset_graph()
    made = {".".join(k.path) for k in graph.get_all_asset_keys()}
    assert {t.name for t in REGISTRY if t.layer != "meta"} <= made
    for table in (t for t in REGISTRY if t.layer != "meta"):
        node = graph.get(dg.AssetKey(table.name.split(".")))
        assert node.owners
        assert node.group_name != "default"
        assert len(node.metadata["dagster/column_schema"].columns) == len(table.columns)
        assert node.check_keys


def test_jobs_schedules_and_sensors_are_there() -> None:
    from dagster_project.definitions import defs

    jobs = {j.name for j in defs.resolve_all_job_defs()}
    assert {"everything", "literature_update", "screening", "design_loop"} <= jobs
    assert {s.name for s in defs.schedules or ()} == {"literature_daily", "screening_weekly"}
    assert {s.name for s in defs.sensors or ()} == {"new_documents", "new_candidates", "new_observations", "new_labels"}
    assert isinstance(defs.resolve_job_def("literature_update").partitions_def, dg.DailyPartitionsDefinition)


def test_a_repeated_tick_of_a_sensor_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster_project.resources import warehouse_resource
    from dagster_project.sensors import SENSORS

    monkeypatch.setenv("MATLOOM_HOME", str(tmp_path))
    monkeypatch.delenv("MATLOOM_PROFILE", raising=False)
    sensor = next(s for s in SENSORS if s.name == "new_documents")
    with dg.DagsterInstance.ephemeral() as held:

        def tick(cursor: str | None) -> tuple[list[str | None], str | None]:
            with dg.build_sensor_context(
                instance=held, cursor=cursor, resources={"warehouse": warehouse_resource}
            ) as context:
                found = sensor.evaluate_tick(context)
                return [r.run_key for r in found.run_requests or ()], context.cursor

        assert tick(None)[0] == []
        store = Store(tmp_path)
        found = update.harvest("arxiv_oai", since="2026-10-01", until="2026-10-01", live=False)
        store.write("raw.harvests", found.summary)
        assert tick(None)[0] == []  # not audited yet
        store.record_verdict("raw.harvests", 0, passed=True)
        keys, cursor = tick(None)
        assert keys == ["new_documents:0"]
        assert tick(cursor)[0] == []


def test_the_definitions_pass_the_checks_of_dagster() -> None:
    tool = Path(sys.executable).with_name("dg")
    done = subprocess.run([tool, "check", "defs"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_day_of_literature_is_a_partition_and_its_replay_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dagster_project.definitions import defs

    monkeypatch.setenv("MATLOOM_HOME", str(tmp_path))
    monkeypatch.delenv("MATLOOM_PROFILE", raising=False)
    job, store = defs.resolve_job_def("literature_update"), Store(tmp_path)
    quiet = {"loggers": {"console": {"config": {"quiet": True}}}}
    with dg.DagsterInstance.ephemeral() as held:
        for day, total in (("2026-10-03", 1), ("2026-10-04", 2), ("2026-10-04", 2)):
            assert job.execute_in_process(instance=held, partition_key=day, run_config=quiet).success
            assert store.read("raw.documents").height == total
    assert store.version("raw.documents") == 1
    assert store.read("raw.harvests").height == 2
