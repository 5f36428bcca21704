"""What Dagster sees: everything is there, nothing heavy is loaded, sensors repeat nothing."""

import subprocess
import sys
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from schemas.emit.polars import schema
from schemas.tables import REGISTRY
from warehouse import catalog
from warehouse.query import query
from warehouse.store import Store

ROOT = Path(__file__).resolve().parents[2]
QUIET = {"loggers": {"console": {"config": {"quiet": True}}}}
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


def test_nothing_is_published_before_the_bias_of_the_models_is_judged() -> None:
    from dagster_project.definitions import defs

    graph = defs.resolve_asset_graph()
    assert dg.AssetKey(["bias_cards"]) in graph.get(dg.AssetKey(["meta", "publications"])).parent_keys
    assert [check.name for check in graph.asset_check_keys if check.asset_key.path == ["bias_cards"]] == ["harm"]


def test_jobs_schedules_and_sensors_are_there() -> None:
    from dagster_project.definitions import defs

    jobs = {j.name for j in defs.resolve_all_job_defs()}
    assert {"everything", "literature_update", "screening", "design_loop"} <= jobs
    assert {s.name for s in defs.schedules or ()} == {"literature_daily", "screening_weekly"}
    sensors = {"new_documents", "new_outcomes", "new_labels", "publish_after_failure"}
    sensors |= {"submit_calculations", "poll_calculations"}
    assert {s.name for s in defs.sensors or ()} == sensors
    assert isinstance(defs.resolve_job_def("literature_update").partitions_def, dg.MultiPartitionsDefinition)


def test_the_timetable_says_when_dagster_will_run() -> None:
    from dagster._utils.schedules import schedule_execution_time_iterator

    from dagster_project.definitions import defs
    from dagster_project.timetable import timetable

    made = {s.name: s for s in defs.schedules or ()}
    assert set(made) == {t.name for t in timetable()}
    for now in (datetime(2026, 11, d, h, 30, tzinfo=UTC) for d in (22, 23, 24) for h in (4, 5, 6)):
        for timed in timetable():
            schedule = made[timed.name]
            if not isinstance(schedule, dg.ScheduleDefinition):
                schedule = schedule.resolve(defs.resolve_job_def(timed.job))
            assert (schedule.cron_schedule, schedule.execution_timezone) == (timed.cron, "UTC")
            assert schedule.job_name == timed.job
            told = next(schedule_execution_time_iterator(now.timestamp(), timed.cron, "UTC"))
            assert timed.next_tick(now) == told


def test_literature_is_asked_as_often_as_wished(monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster._utils.schedules import schedule_execution_time_iterator

    from dagster_project.timetable import literature
    from schemas.errors import InputError

    now = datetime(2026, 11, 22, 23, 50, 30, tzinfo=UTC)
    for minutes in (1, 5, 30, 60):
        monkeypatch.setenv("MATLOOM_LITERATURE_MINUTES", str(minutes))
        made = literature()
        assert made.next_tick(now) == next(schedule_execution_time_iterator(now.timestamp(), made.cron, "UTC"))
    for wrong in ("0", "7", "61", "daily", "-5", "²"):
        monkeypatch.setenv("MATLOOM_LITERATURE_MINUTES", wrong)
        with pytest.raises(InputError, match="MATLOOM_LITERATURE_MINUTES"):
            literature()


def rows(table: str, number: int) -> pl.DataFrame:
    """A valid row of a watched table; each number is another."""
    values = {
        "raw.harvests": {
            "source": "arxiv", "query": "all", "day": date(2026, 10, number), "until": date(2026, 10, number),
            "complete": True, "records": 3, "withdrawals": 0, "rejected": 0, "content_hash": "0" * 16,
        },
        "design.candidates": {"problem": "p", "candidate_id": f"c{number}", "variables": "{}", "retired": False},
        "design.observations": {
            "problem": "p", "candidate_id": f"c{number}", "batch_id": "b", "state": "accepted", "objectives": "{}",
            "evaluator": "e", "observed_at": datetime(2026, 1, 1, tzinfo=UTC),
        },
        "core.labels": {
            "formula": f"V{number}O2", "label_name": "mit", "chemsys": "O-V", "source": "s", "curated": True,
            "confidence": 1.0, "supporting": 1, "contradicting": 0, "licence": "CC0-1.0",
        },
    }[table]  # fmt: skip
    declared = REGISTRY[table]
    return pl.DataFrame([{c: values.get(c) for c in declared.column_names}], schema=schema(declared))


WATCHED = [
    ("new_documents", "everything", ("raw.harvests",)),
    ("new_outcomes", "design_loop", ("design.candidates", "design.observations")),
    ("new_labels", "screening", ("core.labels",)),
]


@pytest.mark.parametrize(("name", "job", "tables"), WATCHED)
def test_a_sensor_asks_once_for_each_new_audited_version(
    name: str, job: str, tables: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dagster_project.resources import warehouse_resource
    from dagster_project.sensors import SENSORS

    monkeypatch.setenv("MATLOOM_HOME", str(tmp_path))
    monkeypatch.delenv("MATLOOM_PROFILE", raising=False)
    (sensor,) = (s for s in SENSORS if s.name == name)
    assert [j.name for j in sensor.jobs] == [job]
    store, cursor, asked = Store(tmp_path), None, []
    with dg.DagsterInstance.ephemeral() as held:

        def tick() -> int:
            nonlocal cursor
            with dg.build_sensor_context(
                instance=held, cursor=cursor, resources={"warehouse": warehouse_resource}
            ) as context:
                found = sensor.evaluate_tick(context)
                cursor = context.cursor
                keys = [r.run_key for r in found.run_requests or ()]
                asked.extend(keys)
                return len(keys)

        assert tick() == 0
        for number in (1, 2):
            for table in tables:
                version = store.write(table, rows(table, number)).version
                assert tick() == 0  # not audited yet
                store.record_verdict(table, version, passed=False)
                assert tick() == 0  # refused
                store.record_verdict(table, version, passed=True)
                assert (tick(), tick()) == (1, 0)
    assert len(set(asked)) == 2 * len(tables)


def test_sensors_submit_and_poll_calculations_and_ask_for_one_run_when_some_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    import numpy as np

    from dagster_project import calculations
    from dagster_project.sensors import POLL, SENSORS, SUBMIT
    from models.evaluators import service
    from models.evaluators.calculations import Atoms, Calculation
    from models.evaluators.ledger import Ledger

    monkeypatch.setenv("MATLOOM_HOME", str(tmp_path))
    monkeypatch.delenv("MATLOOM_PROFILE", raising=False)
    by_name, cursors = {s.name: s for s in SENSORS}, dict.fromkeys((SUBMIT, POLL))

    def tick(name: str) -> tuple[int, str]:
        with (
            dg.DagsterInstance.ephemeral() as held,
            dg.build_sensor_context(instance=held, cursor=cursors[name]) as context,
        ):
            found = by_name[name].evaluate_tick(context)
            cursors[name] = context.cursor
            return len(found.run_requests or ()), str(found.skip_message)

    assert tick(SUBMIT) == tick(POLL)
    assert "MATLOOM_EXECUTOR is not set" in tick(POLL)[1]
    monkeypatch.setenv("MATLOOM_EXECUTOR", "local")
    atoms = Atoms(lattice=np.eye(3) * 4, symbols=("Ni",), coords=np.zeros((1, 3)))
    asked = Calculation(engine="recorded", settings={"values": {"gap_eV": 1.0}}, structure=atoms.as_json())
    service.ask(Ledger(calculations.folder(tmp_path)), [(asked, "test")])
    assert tick(POLL) == (0, "nothing moved")
    assert tick(SUBMIT) == (0, "1 submitted")
    deadline = time.monotonic() + 20
    while not tick(POLL)[0]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert tick(POLL)[0] == 0, "the same end asks for no second run"


TOY = """
name: toy
title: Toy
variables:
  - {name: M, levels: [Ti, V, Cr]}
  - {name: A, levels: [Al, Si]}
  - {name: X, levels: [C, N]}
objectives: [{name: bulk_GPa, direction: max, unit: GPa}]
evaluator: {kind: recorded, table: max_phases}
budget: {initial: 4, total: 5, batch: 1}
"""


@pytest.mark.slow
def test_each_round_of_the_design_loop_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster_project.definitions import defs
    from schemas import problem

    (tmp_path / "toy.yaml").write_text(TOY)
    monkeypatch.setattr(problem, "FOLDER", tmp_path)
    monkeypatch.setenv("MATLOOM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MATLOOM_PROFILE", raising=False)
    counts = []
    with dg.DagsterInstance.ephemeral() as held:
        for _ in range(3):
            run = defs.resolve_job_def("design_loop").execute_in_process(instance=held, run_config=QUIET)
            assert run.success
            counts.append(query(tmp_path / "home", "select count(*) from design.observations").item())
    assert counts == [4, 5, 5]
    assert catalog.verify(tmp_path / "home") == []


def test_a_part_of_the_graph_is_run_and_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster_project import launch
    from dagster_project.settings import Settings

    for name in ("HOME", "PROFILE", "PROBLEM", "SEED"):
        monkeypatch.setenv(f"MATLOOM_{name}", "")  # the run sets them: they are put back
    settings = Settings(home=tmp_path)
    early = launch.run(settings, select=("core.keywords",), quiet=True)
    assert not early.success
    assert "no version of core.articles that passed its checks" in early.failed["selected"]
    assert launch.run(settings, select=("raw.documents",), quiet=True).written.keys() >= {
        "raw.documents",
        "raw.fetch_log",
    }
    assert query(tmp_path, "select count(*) from raw.documents").item() == 60
    assert launch.run(settings, select=("core.articles", "core.keywords"), quiet=True).success
    assert query(tmp_path, "select count(*) from core.keyword_hits").item() > 0


def test_after_a_failure_what_passed_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster_project.sensors import publish_after_failure

    @dg.op
    def fails() -> None:
        raise ValueError("no")

    monkeypatch.setenv("MATLOOM_HOME", str(tmp_path))
    monkeypatch.delenv("MATLOOM_PROFILE", raising=False)
    store = Store(tmp_path)
    store.record_verdict("core.labels", store.write("core.labels", rows("core.labels", 1)).version, passed=True)
    with dg.DagsterInstance.ephemeral() as held:
        run = dg.GraphDefinition("broken", node_defs=[fails]).execute_in_process(instance=held, raise_on_error=False)
        event = next(e for e in run.all_events if e.is_run_failure)
        context = dg.build_run_status_sensor_context("x", event, held, run.dagster_run)
        publish_after_failure(context.for_run_failure())
    assert query(tmp_path, "select formula from core.labels").item() == "V1O2"


def test_the_daemon_starts_one_writing_run_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster_project.definitions import defs
    from dagster_project.home import prepare

    monkeypatch.setenv("DAGSTER_HOME", str(prepare(tmp_path)))
    with dg.DagsterInstance.get() as held:
        queue = held.get_concurrency_config().run_queue_config
        assert queue is not None
        (limit,) = queue.tag_concurrency_limits
        assert held.run_monitoring_enabled
    for name in ("everything", "literature_update", "screening", "design_loop"):
        assert defs.resolve_job_def(name).tags[limit["key"]] == limit["value"]
    assert limit["limit"] == 1


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
    with dg.DagsterInstance.ephemeral() as held:
        for day, total in (("2026-10-03", 2), ("2026-10-04", 3), ("2026-10-04", 3)):
            key = dg.MultiPartitionKey({"source": "arxiv_oai", "day": day})
            assert job.execute_in_process(instance=held, partition_key=key, run_config=QUIET).success
            assert store.read("raw.documents").height == total
    assert store.version("raw.documents") == 1
    assert store.read("raw.harvests").height == 2
    assert query(tmp_path, "select count(*) from raw.harvests").item() == 2
