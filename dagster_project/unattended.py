"""The loop of design without a daemon: its sensors tick in this process, and the runs they ask for are made here.

What the daemon does with the same sensors is the same, spread over processes; see `sensors`.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dagster_project.launch import Outcome, instance, run
from dagster_project.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

SENSORS = ("new_outcomes", "submit_calculations", "poll_calculations")
TABLES = ("design.candidates", "design.proposals", "design.observations", "design.fronts", "design.generations")
"""What a round makes; simulated campaigns are left to `matloom run`."""


@dataclass
class Round:
    """What a tick of all sensors led to.

    Attributes:
        outcome: of the run that they asked for; None where none did.
        said: what they said that is new.
    """

    outcome: Outcome | None = None
    said: list[str] = field(default_factory=list)


def loop(settings: Settings, *, pause_s: float = 1.0) -> Iterator[Round]:
    """Ticks until every problem has ended, or waits for a person; may be killed and started again at any time.

    Args:
        settings: home, executor and limits; the environment must say the same.
        pause_s: between two ticks that moved nothing.
    """
    from dagster_project import calculations
    from dagster_project.definitions import defs
    from models.evaluators.states import WAITING

    sensors = [defs.resolve_sensor_def(name) for name in SENSORS]
    cursors: dict[str, str | None] = dict.fromkeys(SENSORS)
    yield Round(run(settings, select=TABLES, quiet=True))
    told: set[str] = set()
    events = -1
    while True:
        asked, said = _tick(settings, sensors, cursors)
        outcome = run(settings, select=TABLES, quiet=True) if asked else None
        new = [s for s in said if s not in told]
        told.update(new)
        if outcome or new:
            yield Round(outcome, new)
        if outcome:
            if not outcome.success:
                return
            continue
        ledger = calculations.known(settings.home)
        now = ledger.table("events").height if ledger and settings.executor else 0
        if now == events and not (ledger and ledger.standings(*WAITING)):
            return
        if now == events:
            time.sleep(pause_s)
        events = now


def _tick(
    settings: Settings, sensors: "list[dg.SensorDefinition]", cursors: dict[str, str | None]
) -> tuple[bool, list[str]]:
    """Whether a sensor asks for a run, and the warnings of all."""
    import dagster as dg

    from dagster_project.resources import warehouse_resource

    asked, said = False, []
    with instance(settings) as held:
        for sensor in sensors:
            resources = {"warehouse": warehouse_resource} if sensor.required_resource_keys else None
            with dg.build_sensor_context(held, cursor=cursors[sensor.name], resources=resources) as context:
                found = sensor.evaluate_tick(context)
                cursors[sensor.name] = context.cursor
            asked |= bool(found.run_requests)
            with suppress(IndexError):
                said.append(str(found.skip_message).split("; ", 1)[1])
    return asked, said
