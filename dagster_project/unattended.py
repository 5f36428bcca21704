"""The loop of design without a daemon: its sensors tick in this process, and the runs they ask for are made here.

What the daemon does with the same sensors is the same, spread over processes; see `sensors`. Here outcomes are landed
when there is room for more calculations, not one by one: a run costs more than a look.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dagster_project.launch import Outcome, instance, run
from dagster_project.sensors import POLL, SUBMIT
from dagster_project.settings import Settings
from models.evaluators.states import WAITING, State

if TYPE_CHECKING:
    import dagster as dg

    from models.evaluators.ledger import Ledger

SENSORS = ("new_outcomes", SUBMIT, POLL)
TABLES = tuple(
    f"design.{name}" for name in ("candidates", "proposals", "observations", "fronts", "maps", "generations")
)
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

    sensors = [defs.resolve_sensor_def(name) for name in SENSORS]
    cursors: dict[str, str | None] = dict.fromkeys(SENSORS)
    yield Round(run(settings, select=TABLES, quiet=True))
    told: set[str] = set()
    events, landing = -1, False
    while True:
        asked, said = _tick(settings, sensors, cursors)
        ledger = calculations.known(settings.home) if settings.executor else None
        now = ledger.table("events").height if ledger else 0
        rests = now == events and not (ledger and ledger.standings(*WAITING))
        landing |= POLL in asked
        due = bool(asked - {POLL}) or (landing and (rests or ledger is None or _room(ledger, settings)))
        outcome = run(settings, select=TABLES, quiet=True) if due else None
        landing &= not due
        new = [s for s in said if s not in told]
        told.update(new)
        if outcome or new:
            yield Round(outcome, new)
        if (outcome and not outcome.success) or (rests and not due):
            return
        if now == events and not due:
            time.sleep(pause_s)
        events = now


def _room(ledger: "Ledger", settings: Settings) -> bool:
    """Whether more could be calculated at once than was asked for."""
    return not ledger.standings(State.PROPOSED) and len(ledger.standings(*WAITING)) < settings.running


def _tick(
    settings: Settings, sensors: "list[dg.SensorDefinition]", cursors: dict[str, str | None]
) -> tuple[set[str], list[str]]:
    """Which sensors ask for a run, and the warnings of all."""
    import dagster as dg

    from dagster_project.resources import warehouse_resource

    asked, said = set[str](), list[str]()
    with instance(settings) as held:
        for sensor in sensors:
            resources = {"warehouse": warehouse_resource} if sensor.required_resource_keys else None
            with dg.build_sensor_context(held, cursor=cursors[sensor.name], resources=resources) as context:
                found = sensor.evaluate_tick(context)
                cursors[sensor.name] = context.cursor
            asked |= {sensor.name} if found.run_requests else set()
            troubles = str(found.skip_message).partition("; ")[2]
            said += [troubles] if troubles else []
    return asked, said
