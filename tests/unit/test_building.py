"""What `table_assets` promises, on a real Dagster instance and a real store."""

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from dagster_project import versions
from dagster_project.building import table_assets
from dagster_project.io_manager import StoreIOManager, figure, preview
from dagster_project.resources import store_io_manager, warehouse_resource
from dagster_project.settings import DEFAULT_HOME
from warehouse import catalog
from warehouse.store import Store

CALLS: list[str] = []
AT = pl.lit("2026-01-01T00:00:00").str.to_datetime(time_zone="UTC")


def models(seed: str = "1") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "model_id": [f"m{seed}"],
            "kind": ["screening"],
            "trained_on": [None],
            "training_rows": [10],
            "metrics": ["{}"],
            "parameters": [None],
            "seed": [0],
            "path": [None],
            "card": [None],
            "created_at": [None],
        }
    )


@table_assets("meta.models", group="quality")
def model_rows(build) -> dict[str, pl.DataFrame]:
    """Makes one model row, a bad one where the seed says so."""
    CALLS.append("models")
    frame = models(str(build.seed)).with_columns(created_at=AT)
    return {"meta.models": frame}


@table_assets("meta.bias_metrics", group="quality", reads={"rows": "meta.models"})
def metric_rows(build, rows: pl.LazyFrame) -> dict[str, pl.DataFrame]:
    """Counts the rows of the table above it."""
    CALLS.append("metrics")
    return {
        "meta.bias_metrics": rows.select(
            table_name=pl.lit("meta.models"),
            table_version=pl.lit(0, pl.Int64),
            group_column=pl.lit("kind"),
            group_value=pl.lit("*"),
            metric_name=pl.lit("rows"),
            metric_value=pl.len().cast(pl.Float64),
            group_rows=pl.len().cast(pl.Int64),
            measured_at=AT,
        ).collect()
    }


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MATLOOM_HOME", str(tmp_path))
    monkeypatch.delenv("MATLOOM_PROFILE", raising=False)
    CALLS.clear()
    with dg.DagsterInstance.ephemeral() as instance:

        def launch(**kwargs):
            resources = {"warehouse": warehouse_resource, "io_manager": store_io_manager}
            return dg.materialize([model_rows, metric_rows], instance=instance, resources=resources, **kwargs)

        yield launch


def test_the_second_run_calls_nothing_and_commits_nothing(run, tmp_path: Path) -> None:
    assert run().success
    store = Store(tmp_path)
    versions = {n: store.version(n) for n in ("meta.models", "meta.bias_metrics", "meta.quality_results")}
    assert CALLS == ["models", "metrics"]
    again = run()
    assert again.success
    assert CALLS == ["models", "metrics"]
    assert {n: store.version(n) for n in versions} == versions
    assert all(e.passed for e in again.get_asset_check_evaluations())


def test_audited_versions_are_published_and_answer_sql(run, tmp_path: Path) -> None:
    from warehouse.query import query

    run()
    catalog.publish(tmp_path)
    assert query(tmp_path, "select model_id from meta.models").item() == "m0"


def test_a_changed_setting_runs_again(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run()
    monkeypatch.setenv("MATLOOM_SEED", "7")
    run()
    assert CALLS == ["models", "metrics"] * 2
    assert Store(tmp_path).read("meta.models")["model_id"].to_list() == ["m7"]


def test_a_failed_blocking_check_stops_what_depends_on_it(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster_project import quality

    real = quality.run_checks

    def refuse(table, frame, **kwargs):
        from dataclasses import replace

        results = real(table, frame, **kwargs)
        return [replace(r, passed=False) if i == 0 else r for i, r in enumerate(results)]

    monkeypatch.setattr(quality, "run_checks", refuse)
    assert not run(raise_on_error=False).success
    assert CALLS == ["models"]
    catalog.publish(tmp_path)
    from warehouse.query import query

    assert query(tmp_path, "select count(*) from meta.models").item() == 0


def test_a_preview_cannot_break_its_table() -> None:
    text = preview(pl.DataFrame({"a": ["x|y\nz"], "b": [None]}))
    assert text.splitlines() == ["| a | b |", "|---|---|", "| x\\|y z | None |"]


def test_a_later_run_builds_on_the_newest_version_that_passed(run, tmp_path: Path) -> None:
    assert run().success
    store = Store(tmp_path)
    store.write("meta.models", pl.concat([models("8"), models("9")]).with_columns(created_at=AT))
    store.record_verdict("meta.models", store.version("meta.models") or 0, passed=False)
    assert run(selection=[metric_rows]).success
    assert CALLS == ["models", "metrics"]  # the refused version is no new input
    assert store.passed_version("meta.models") == 0


def test_rows_that_never_passed_are_no_input(run, tmp_path: Path) -> None:
    result = run(selection=[metric_rows], raise_on_error=False)
    assert not result.success
    assert "no version of meta.models that passed its checks" in str(result.failure_data_for_node("metric_rows").error)
    store = Store(tmp_path)
    store.write("meta.models", models("8").with_columns(created_at=AT))
    store.record_verdict("meta.models", 0, passed=False)
    assert not run(selection=[metric_rows], raise_on_error=False).success
    assert CALLS == []


def test_the_fingerprint_is_that_of_the_rows_that_were_read(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = StoreIOManager.load_input

    def overtaken(self, context):
        found = real(self, context)
        if not CALLS.count("metrics"):
            Store(tmp_path).write("meta.models", models("8").with_columns(created_at=AT))
        return found

    monkeypatch.setattr(StoreIOManager, "load_input", overtaken)
    assert run().success
    assert Store(tmp_path).passed_version("meta.models") == 1
    assert Store(tmp_path).read("meta.bias_metrics").filter(metric_name="rows")["metric_value"].to_list() == [1.0]
    assert run(selection=[metric_rows]).success
    assert Store(tmp_path).read("meta.bias_metrics").filter(metric_name="rows")["metric_value"].to_list() == [2.0]


def test_a_replaced_data_set_runs_again(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "sets"
    (folder / "text").mkdir(parents=True)
    file = folder / "text" / "a.csv"
    file.write_text("one")
    monkeypatch.setenv("MATLOOM_PROFILE", "datasets")
    monkeypatch.setenv("MATLOOM_DATASETS", str(folder))
    for _ in range(2):
        run(selection=[model_rows])
    assert CALLS == ["models"]
    file.write_text("two")
    run(selection=[model_rows])
    assert CALLS == ["models"] * 2


@table_assets("meta.rejections", group="quality", mode="upsert", partitions=dg.StaticPartitionsDefinition(["d1", "d2"]))
def daily_rows(build) -> dict[str, pl.DataFrame]:
    """Asks a source about a day."""
    CALLS.append(build.partition)
    return {"meta.rejections": build.store.read("meta.rejections")}


def test_a_partition_is_never_skipped(run) -> None:
    resources = {"warehouse": warehouse_resource, "io_manager": store_io_manager}
    for _ in range(2):
        assert dg.materialize([daily_rows], partition_key="d1", resources=resources).success
    assert CALLS == ["d1", "d1"]


def test_the_code_version_follows_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster_project import building
    from schemas.tables import REGISTRY

    before = building.code_version(daily_rows.op.compute_fn.decorated_fn, [REGISTRY["meta.models"]])
    monkeypatch.setattr(building, "package_version", lambda: "another")
    assert building.code_version(daily_rows.op.compute_fn.decorated_fn, [REGISTRY["meta.models"]]) != before


def test_a_figure_carries_its_own_data() -> None:
    text = figure(pl.DataFrame({"a": [1.0, 2.0, None]}), "a")
    assert text.startswith("![a](data:image/svg+xml;base64,")


@pytest.mark.parametrize("quiet", [False, True])
def test_the_console_says_one_line_a_step_or_nothing(run, quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    from dagster_project.console import console

    job = dg.Definitions(
        assets=[model_rows, metric_rows],
        jobs=[dg.define_asset_job("all")],
        loggers={"console": console},
        resources={"warehouse": warehouse_resource, "io_manager": store_io_manager},
    ).resolve_job_def("all")
    config = {"loggers": {"console": {"config": {"quiet": quiet}}}}
    assert job.execute_in_process(run_config=config).success
    lines = [line.split()[-2:] for line in capsys.readouterr().err.splitlines()]
    assert lines == ([] if quiet else [["done", "model_rows"], ["done", "metric_rows"]])


def test_what_lies_in_the_default_home_is_no_part_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies in a package; else each run would take its own tables for new code, and write the report again."""
    assert DEFAULT_HOME == versions._ROOT / "warehouse" / "data"
    whole = set(versions.sources("warehouse"))
    assert not {path for path in whole if DEFAULT_HOME in path.parents}
    home = versions._ROOT / "warehouse" / "report"
    monkeypatch.setattr(versions, "DEFAULT_HOME", home)
    rest = {path for path in versions.sources("warehouse") if DEFAULT_HOME not in path.parents}
    assert rest < whole
    assert {path for path in whole if home in path.parents} == whole - rest
