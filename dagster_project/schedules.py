"""When things run by themselves: literature every day, screening every week. Both are off until switched on."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from dagster_project import timetable
from dagster_project.jobs import LITERATURE_UPDATE, SCREENING
from dagster_project.partitions import literature_key

MOST = 31  # days of one source that a tick asks for; the next ones get the rest


@dg.schedule(
    name=timetable.LITERATURE.name,
    job=LITERATURE_UPDATE,
    cron_schedule=timetable.LITERATURE.cron,
    execution_timezone="UTC",
    required_resource_keys={"warehouse"},
    description="Asks every enabled source of the problem for the days that no harvest covers yet, oldest first.",
)
def literature_daily(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """One run a missing day, up to yesterday: a day is asked for once it is over."""
    from dagster_project.landing import missing_days

    warehouse, tick = context.resources.warehouse, context.scheduled_execution_time.date()
    asked: Counter[str] = Counter()
    until = tick - timedelta(days=1)
    for source, day in missing_days(warehouse.store, settings=warehouse.settings, until=until):
        asked[source] += 1
        if asked[source] <= MOST:
            yield dg.RunRequest(run_key=f"{source}:{day}:{tick}", partition_key=literature_key(source, day))
    if not asked:
        yield dg.SkipReason(f"every source was harvested to its end until {until}")


SCHEDULES = [
    literature_daily,
    dg.ScheduleDefinition(
        name=timetable.SCREENING.name,
        job=SCREENING,
        cron_schedule=timetable.SCREENING.cron,
        execution_timezone="UTC",
    ),
]
