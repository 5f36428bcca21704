"""Times at which jobs run by themselves, as plain values.

`schedules` makes Dagster's schedules of them, and `matloom status` tells the next. All times are UTC; a schedule runs
only once it is switched on in the UI.
"""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Timed:
    """A job at an hour of every day, or of one day of the week, or all day long.

    Attributes:
        name: of the schedule.
        job: what it starts.
        hour: of the day, UTC.
        weekday: 0 is Monday; None is every day.
        minutes: every so many of each hour instead; a divisor of 60.
    """

    name: str
    job: str
    hour: int
    weekday: int | None = None
    minutes: int | None = None

    @property
    def cron(self) -> str:
        """The time as cron has it, where 0 is Sunday."""
        if self.minutes is not None:
            return "0 * * * *" if self.minutes == 60 else f"*/{self.minutes} * * * *"
        return f"0 {self.hour} * * {'*' if self.weekday is None else (self.weekday + 1) % 7}"

    def next_tick(self, after: datetime) -> datetime:
        """The first time later than `after` (UTC)."""
        if self.minutes is not None:
            tick = after.replace(minute=after.minute // self.minutes * self.minutes, second=0, microsecond=0)
            return tick + timedelta(minutes=self.minutes)
        tick = after.replace(hour=self.hour, minute=0, second=0, microsecond=0)
        while tick <= after or self.weekday not in (None, tick.weekday()):
            tick += timedelta(days=1)
        return tick


SCREENING = Timed(name="screening_weekly", job="screening", hour=6, weekday=0)


def literature() -> Timed:
    """When the literature services are asked: daily at five, or every MATLOOM_LITERATURE_MINUTES.

    Raises:
        InputError: the variable is no divisor of 60.
    """
    given = os.environ.get("MATLOOM_LITERATURE_MINUTES")
    if given and (not given.isdecimal() or int(given) not in range(1, 61) or 60 % int(given)):
        raise InputError.of(f"{given!r} is no divisor of 60", "MATLOOM_LITERATURE_MINUTES", "use 5, 10, 15, 30 or 60")
    return Timed(name="literature_daily", job="literature_update", hour=5, minutes=int(given) if given else None)


def timetable() -> tuple[Timed, ...]:
    """All that runs by the clock.

    Raises:
        InputError: as `literature`.
    """
    return literature(), SCREENING
