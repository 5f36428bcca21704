"""Times at which jobs run by themselves, as plain values.

`schedules` makes Dagster's schedules of them, and `matloom status` tells the next. All times are UTC; a schedule runs
only once it is switched on in the UI.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class Timed:
    """A job at an hour of every day, or of one day of the week.

    Attributes:
        name: of the schedule.
        job: what it starts.
        hour: of the day, UTC.
        weekday: 0 is Monday; None is every day.
    """

    name: str
    job: str
    hour: int
    weekday: int | None = None

    @property
    def cron(self) -> str:
        """The time as cron has it, where 0 is Sunday."""
        return f"0 {self.hour} * * {'*' if self.weekday is None else (self.weekday + 1) % 7}"

    def next_tick(self, after: datetime) -> datetime:
        """The first time later than `after` (UTC)."""
        tick = after.replace(hour=self.hour, minute=0, second=0, microsecond=0)
        while tick <= after or self.weekday not in (None, tick.weekday()):
            tick += timedelta(days=1)
        return tick


LITERATURE = Timed(name="literature_daily", job="literature_update", hour=5)
SCREENING = Timed(name="screening_weekly", job="screening", hour=6, weekday=0)
TIMETABLE = (LITERATURE, SCREENING)
