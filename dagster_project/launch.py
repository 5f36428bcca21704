"""Runs jobs in this process on the home's own Dagster instance, and says what came of it."""

import os
from collections.abc import Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from dagster_project.home import prepare
from dagster_project.settings import Settings
from warehouse import catalog

if TYPE_CHECKING:
    import dagster as dg


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        success: every step succeeded.
        written: tables with a new version -> rows.
        unchanged: tables that had nothing to do.
        failed: step -> first line of its error.
        checks_passed: audited tables that passed.
        checks_failed: audited tables that did not.
    """

    success: bool
    written: dict[str, int]
    unchanged: list[str]
    failed: dict[str, str]
    checks_passed: int
    checks_failed: int


@contextmanager
def instance(settings: Settings) -> "Iterator[dg.DagsterInstance]":
    """The Dagster instance kept in the home; DAGSTER_HOME is set for the time."""
    import dagster as dg

    folder = prepare(settings.home)
    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = str(folder)
    try:
        with dg.DagsterInstance.get() as held:
            yield held
    finally:
        if before is None:
            del os.environ["DAGSTER_HOME"]
        else:
            os.environ["DAGSTER_HOME"] = before


def everything(settings: Settings, *, quiet: bool = False) -> list[Outcome]:
    """Runs the whole graph until every recorded problem has spent its budget, publishes and reports.

    While there are rounds of design to run, they run in a process of their own beside the rest, with which they share
    no table; then one run of everything does what is left.
    """
    if not _rounds_wait(settings):
        return [run(settings, quiet=quiet)]
    with instance(settings):  # its databases are made before two processes open them
        pass
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        rounds = pool.submit(design_rounds, settings, quiet=quiet)
        rest = run(settings, select=_groups() - {"design", "quality"}, publish=False, quiet=quiet)
        outcomes = [*rounds.result(), rest]
    if all(o.success for o in outcomes):
        return [*outcomes, run(settings, quiet=quiet)]
    _publish(settings)
    return outcomes


def run(settings: Settings, *, select: Collection[str] = (), publish: bool = True, quiet: bool = False) -> Outcome:
    """Runs the graph, or the part of it that `select` names, in this process, and publishes what passed its audit.

    Args:
        settings: home, profile and the rest; handed to the steps by the environment.
        select: groups and tables.
        publish: with `select`, whether to publish at the end.
        quiet: print no line a step.

    Raises:
        InputError: nothing has that name.
    """
    from dagster_project.definitions import defs
    from dagster_project.jobs import QUEUE

    export(settings)
    chosen = _keys(select, publish=publish) if select else None
    with instance(settings) as held:
        result = defs.resolve_job_def("everything").execute_in_process(
            instance=held,
            raise_on_error=False,
            asset_selection=chosen,
            tags={"matloom/profile": settings.profile, QUEUE: "command line"},
            run_config={"loggers": {"console": {"config": {"quiet": quiet}}}},
        )
    if not result.success:  # the step that publishes was left out, as it follows all others
        _publish(settings)
    return _outcome(result)


def _publish(settings: Settings) -> None:
    with suppress(catalog.NothingAuditedError):  # what failed is in the outcome
        catalog.publish(settings.home)


def design_rounds(settings: Settings, *, most: int = 100, quiet: bool = False) -> list[Outcome]:
    """Runs the group `design` until every recorded problem has spent its budget; the caller publishes once."""
    done: list[Outcome] = []
    while len(done) < most and _rounds_wait(settings):
        done.append(run(settings, select=("design",), publish=False, quiet=quiet))
        if not done[-1].success or not done[-1].written:
            break
    return done


def _rounds_wait(settings: Settings) -> bool:
    """Whether a recorded problem has budget left, or its candidates were never listed."""
    from models.evaluators.budget import remaining
    from warehouse.store import Store

    store = Store(settings.home)
    candidates = store.read_passed("design.candidates")
    left = remaining(candidates, *(store.read_passed(f"design.{name}") for name in ("observations", "proposals")))
    return not candidates.height or any(left.values())


def export(settings: Settings) -> None:
    """Puts the settings where the steps read them: the environment."""
    os.environ["MATLOOM_HOME"] = str(settings.home)
    os.environ["MATLOOM_PROFILE"] = settings.profile
    os.environ["MATLOOM_PROBLEM"] = settings.problem
    os.environ["MATLOOM_SEED"] = str(settings.seed)
    if settings.datasets:
        os.environ["MATLOOM_DATASETS"] = str(settings.datasets)


def _groups() -> set[str]:
    from dagster_project.definitions import defs

    return {str(node.group_name) for node in defs.resolve_asset_graph().asset_nodes}


def _keys(select: Collection[str], *, publish: bool) -> "list[dg.AssetKey]":
    import dagster as dg

    from dagster_project.definitions import defs
    from schemas.errors import InputError

    graph, groups = defs.resolve_asset_graph(), _groups()
    known = {k.to_user_string() for k in graph.get_all_asset_keys()}
    chosen: set[dg.AssetKey] = set()
    for name in select:
        if name not in groups and name.replace(".", "/") not in known:
            raise InputError.of(
                f"nothing named {name!r}", "the graph", f"name a group ({', '.join(sorted(groups))}) or table"
            )
        found = dg.AssetSelection.groups(name) if name in groups else dg.AssetSelection.assets(name.replace(".", "/"))
        # One step may make several tables. Harvests are runs of one day each: they have a job of their own.
        whole = found.required_multi_asset_neighbors() - dg.AssetSelection.assets("raw/harvests")
        chosen |= whole.resolve(graph)
    return sorted({*chosen, *((dg.AssetKey(["meta", "publications"]),) if publish else ())})


def _outcome(result: Any) -> Outcome:
    written: dict[str, int] = {}
    unchanged: list[str] = []
    passed = failed_checks = 0
    failed: dict[str, str] = {}
    for event in result.all_events:
        if event.event_type_value == "STEP_FAILURE":
            error = event.step_failure_data.error
            cause = error.cause or error if error else None
            failed[event.step_key] = " ".join((cause.message if cause else "failed").split())[:300]
    for event in result.get_asset_materialization_events():
        name = ".".join(event.asset_key.path)
        found = {k: getattr(v, "value", None) for k, v in event.materialization.metadata.items()}
        if found.get("changed") is True:
            written[name] = int(found.get("dagster/row_count") or found.get("rows") or 0)
        elif found.get("changed") is False:
            unchanged.append(name)
    for check in result.get_asset_check_evaluations():
        passed, failed_checks = passed + bool(check.passed), failed_checks + (not check.passed)
    return Outcome(result.success, written, unchanged, failed, passed, failed_checks)
