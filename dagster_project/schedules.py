"""When things run by themselves: literature every day, screening every week. Both are off until switched on."""

import dagster as dg

from dagster_project.jobs import LITERATURE_UPDATE, SCREENING

SCHEDULES = [
    dg.build_schedule_from_partitioned_job(LITERATURE_UPDATE, name="literature_daily", hour_of_day=5),
    dg.ScheduleDefinition(name="screening_weekly", job=SCREENING, cron_schedule="0 6 * * 1", execution_timezone="UTC"),
]
