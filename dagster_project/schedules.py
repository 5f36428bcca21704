"""When things run by themselves: literature every day, screening every week. Both are off until switched on."""

import dagster as dg

from dagster_project import timetable
from dagster_project.jobs import LITERATURE_UPDATE, SCREENING

SCHEDULES = [
    dg.build_schedule_from_partitioned_job(
        LITERATURE_UPDATE, name=timetable.LITERATURE.name, hour_of_day=timetable.LITERATURE.hour
    ),
    dg.ScheduleDefinition(
        name=timetable.SCREENING.name,
        job=SCREENING,
        cron_schedule=timetable.SCREENING.cron,
        execution_timezone="UTC",
    ),
]
