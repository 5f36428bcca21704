"""When things run by themselves: literature every day, screening every week. Both are off until switched on."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from dagster_project import timetable
from dagster_project.jobs import LITERATURE_UPDATE, SCREENING
from dagster_project.partitions import literature_key

_LITERATURE = timetable.literature()
_UNDER_WAY = [dg.DagsterRunStatus(name) for name in ("QUEUED", "NOT_STARTED", "STARTING", "STARTED")]
_PARTITION = "dagster/partition"
MOST = 31  # days of one source that a tick asks for; the next ones get the rest


@dg.schedule(
    name=_LITERATURE.name,
    job=LITERATURE_UPDATE,
    cron_schedule=_LITERATURE.cron,
    execution_timezone="UTC",
    required_resource_keys={"warehouse"},
    description="Asks every enabled source of the problem for the days that no harvest covers yet, oldest first.",
)
def literature_daily(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """One run a missing day, up to yesterday: a day is asked for once it is over."""
    from dagster_project.landing import keyless, missing_days

    warehouse, tick = context.resources.warehouse, context.scheduled_execution_time
    until = tick.date() - timedelta(days=1)
    for line in (lacking := keyless(warehouse.settings, until=until)):
        context.log.warning(line)
    under_way = _under_way(context.instance)
    asked: Counter[str] = Counter()
    for source, day in missing_days(warehouse.store, settings=warehouse.settings, until=until):
        asked[source] += 1
        key = literature_key(source, day)
        if asked[source] <= MOST and str(key) not in under_way:
            yield dg.RunRequest(run_key=f"{source}:{day}:{tick:%Y-%m-%dT%H:%M}", partition_key=key)
    if not asked:
        yield dg.SkipReason("; ".join((f"every source was harvested to its end until {until}", *lacking)))


def _under_way(instance: dg.DagsterInstance) -> set[str]:
    """Partitions whose runs of an earlier tick have not ended."""
    waiting = dg.RunsFilter(job_name=LITERATURE_UPDATE.name, statuses=_UNDER_WAY)
    return {run.tags[_PARTITION] for run in instance.get_runs(waiting) if _PARTITION in run.tags}


SCHEDULES = [
    literature_daily,
    dg.ScheduleDefinition(
        name=timetable.SCREENING.name,
        job=SCREENING,
        cron_schedule=timetable.SCREENING.cron,
        execution_timezone="UTC",
    ),
]
