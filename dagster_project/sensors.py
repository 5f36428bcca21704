"""What a change sets off.

Each sensor watches audited versions of tables: its cursor and run key are these versions, so a repeated tick does
nothing. All are off until switched on.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from dagster_project.jobs import DESIGN_LOOP, EVERYTHING, SCREENING

SUBMIT, POLL = "submit_calculations", "poll_calculations"


def _watch(name: str, tables: tuple[str, ...], job: Any, why: str) -> dg.SensorDefinition:
    @dg.sensor(name=name, job=job, description=why, required_resource_keys={"warehouse"}, minimum_interval_seconds=60)
    def watch(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        store = context.resources.warehouse.store
        versions = {table: store.passed_version(table) for table in tables}
        seen = ",".join("-" if v is None else str(v) for v in versions.values())
        if versions[tables[0]] is None or seen == context.cursor:
            yield dg.SkipReason(f"{', '.join(tables)}: nothing since version {context.cursor or 'none'}")
            return
        context.update_cursor(seen)
        cause = ", ".join(f"{table} version {v}" for table, v in versions.items())
        yield dg.RunRequest(run_key=f"{name}:{seen}", tags={"matloom/cause": cause})

    return watch


def _tick(name: str, why: str) -> dg.SensorDefinition:
    """A sensor that submits or polls calculations by itself, and starts a run where outcomes are to be landed."""

    @dg.sensor(name=name, job=DESIGN_LOOP, description=why, minimum_interval_seconds=30)
    def tick(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        from dagster_project import calculations
        from dagster_project.settings import Settings
        from models.evaluators import service

        settings = Settings.from_environment()
        ledger = calculations.known(settings.home)
        if settings.executor is None or ledger is None:
            yield dg.SkipReason("nothing is calculated: MATLOOM_EXECUTOR is not set, or nothing was asked for")
            return
        act = {SUBMIT: service.submit, POLL: service.poll}[name]
        done = act(ledger, calculations.executor(settings.executor), calculations.caps(settings))
        said = ", ".join(f"{n} {state}" for state, n in done.moved.items()) or "nothing moved"
        for trouble in done.troubles:
            context.log.warning(trouble)
        ended = ledger.ends()
        if name == POLL and ended and str(ended) != context.cursor:
            context.update_cursor(str(ended))
            yield dg.RunRequest(run_key=f"{name}:{ended}", tags={"matloom/cause": f"calculations ended: {said}"})
            return
        yield dg.SkipReason("; ".join([said, *done.troubles]))

    return tick


@dg.run_failure_sensor(
    name="publish_after_failure",
    monitored_jobs=[EVERYTHING, SCREENING, DESIGN_LOOP],
    description="A step failed, so the run did not publish: publishes the tables that passed nevertheless.",
)
def publish_after_failure(context: dg.RunFailureSensorContext) -> None:
    """Publishes what passed its audit; what failed stays as it was for readers."""
    from dagster_project.settings import Settings
    from warehouse import catalog

    try:
        made = catalog.publish(Settings.from_environment().home)
    except catalog.NothingAuditedError as error:
        context.log.info(str(error))
        return
    context.log.info(f"published {made.publication_id}, held back: {', '.join(made.held) or 'nothing'}")


SENSORS = [
    _watch("new_documents", ("raw.harvests",), EVERYTHING, "New literature: read it and all that follows from it."),
    _watch(
        "new_outcomes",
        ("design.candidates", "design.observations"),
        DESIGN_LOOP,
        "New candidates or observations: propose and evaluate the next batch.",
    ),
    _watch("new_labels", ("core.labels",), SCREENING, "New labels: train the classifier again."),
    _tick(SUBMIT, "Starts calculations that wait, while there is room."),
    _tick(POLL, "Looks at running calculations; lands the outcomes of those that ended."),
    publish_after_failure,
]
