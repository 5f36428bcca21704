"""One tick of the calculations: submit what waits, look at what runs, collect what has ended.

Every function may be called at any time, by several processes at once, and again after a kill: a calculation ends in
one terminal state, and no attempt runs twice.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from models.evaluators.calculations import Atoms, Calculation, Settings
from models.evaluators.engines import engine
from models.evaluators.engines.protocol import PLUMBING, Engine, Failure, Reading
from models.evaluators.executors import (
    KILLED,
    ElsewhereError,
    Executor,
    Needs,
    RefusedError,
    Status,
    exit_code,
    host,
    settled,
    write_script,
)
from models.evaluators.ledger import Attempt, Ledger, Standing
from models.evaluators.states import FINAL, WAITING, State
from schemas.errors import InputError

UNSAID = frozenset({"crashed", "killed", "lost"})
"""Codes of an attempt that left no word of its own."""
STARVED = Failure(code="memory", reason="killed by the queue for want of memory: it is tried again with fewer ranks")
REPEATS = 3
"""How often plumbing may fail before a person must look."""
START_S = 20.0
"""How long after a decision somebody else may still be starting the attempt."""


@dataclass(frozen=True, kw_only=True)
class Caps:
    """What may be spent.

    Attributes:
        running: attempts at once.
        hours: wall time of one attempt.
        attempts: of one calculation, all reasons together.
        total_hours: wall time of all attempts; None for no limit.
    """

    running: int = 1
    hours: float = 24.0
    attempts: int = 6
    total_hours: float | None = None


@dataclass
class Tick:
    """What one tick did: number of calculations that moved, by state, and what went wrong on the way."""

    moved: Counter[str] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)


def ask(ledger: Ledger, wanted: Iterable[tuple[Calculation, str]]) -> int:
    """Checks and proposes calculations; returns how many are new.

    Raises:
        InputError: a calculation that its engine refuses; nothing is proposed then.
    """
    asked = list(wanted)
    for calculation, _ in asked:
        engine(calculation.engine).check(Atoms.from_json(calculation.structure), calculation.settings)
    return ledger.ask(asked)


def submit(ledger: Ledger, executor: Executor, caps: Caps) -> Tick:
    """Starts attempts of what is proposed, and of what plumbing failed, while there is room."""
    tick = Tick()
    room = caps.running - len(ledger.standings(*WAITING))
    if caps.total_hours is not None and (spent := ledger.hours()) >= caps.total_hours:
        tick.troubles.append(f"{spent:.1f} of {caps.total_hours:.1f} hours are spent: raise the limit to go on")
        return tick
    for standing in ledger.standings(State.PLUMBING_FAILED, State.PROPOSED):
        if room <= 0:
            break
        if standing.state is State.PLUMBING_FAILED and _given_up(ledger, standing, caps):
            continue
        last = ledger.attempt(standing.calculation_id)
        settings = ledger.calculation(standing.calculation_id).settings
        if standing.state is State.PLUMBING_FAILED and last is not None:
            settings = last.settings
        attempt = ledger.begin(standing, settings, executor=executor.name, most=caps.running)
        if attempt is not None and _start(ledger, executor, attempt, caps, tick):
            room -= 1
    return tick


def poll(ledger: Ledger, executor: Executor, caps: Caps) -> Tick:
    """Looks at what is submitted or runs, and records what has become of it."""
    tick = Tick()
    others: Counter[str] = Counter()
    for standing in ledger.standings(*WAITING):
        attempt = ledger.attempt(standing.calculation_id)
        if attempt is None:
            continue
        if attempt.executor != executor.name:
            others[attempt.executor] += 1
            continue
        try:
            _look(ledger, executor, standing, attempt, caps, tick)
        except ElsewhereError as error:
            tick.troubles.append(str(error))
        except RefusedError as error:  # the executor does not answer: states stay, and somebody is told
            tick.troubles.append(str(error))
            break
    tick.troubles += [f"{n} attempts are run by {who}: poll with that executor" for who, n in others.items()]
    return tick


def ticks(ledger: Ledger, executor: Executor, caps: Caps, *, pause_s: float = 1.0) -> Iterator[Tick]:
    """Submits and polls until nothing waits or can be submitted; a `Tick` for each round that tells something."""
    told: list[str] = []
    while True:
        first, second = submit(ledger, executor, caps), poll(ledger, executor, caps)
        tick = Tick(first.moved + second.moved, [*first.troubles, *second.troubles])
        if tick.moved or tick.troubles != told:
            told = tick.troubles
            yield tick
        if not ledger.standings(*WAITING) and not tick.moved:
            return
        time.sleep(pause_s)


def cancel(ledger: Ledger, executor: Executor, calculation_id: str, *, reason: str) -> None:
    """Stops a calculation and rejects it.

    Raises:
        InputError: no such calculation, one that has ended, or one that another executor runs.
    """
    standing = ledger.standing(calculation_id)
    if standing.state in FINAL:
        raise InputError.of(f"{standing.state} cannot be cancelled", f"calculation {calculation_id}", "it has ended")
    # first, so that an executor that does not answer leaves the state as it is
    _stop(ledger, executor, calculation_id)
    if not ledger.move(standing, State.REJECTED, code="cancelled", reason=reason):
        raise InputError.of("a state that just changed", f"calculation {calculation_id}", "look again")
    _stop(ledger, executor, calculation_id)  # what was being started meanwhile


def retry(ledger: Ledger, calculation_id: str, *, reason: str = "asked again by a person") -> None:
    """Puts a calculation that ended without a value, or that plumbing failed for good, back to be submitted.

    Raises:
        InputError: no such calculation, or one that has a value or is on its way.
    """
    standing = ledger.standing(calculation_id)
    if standing.state is State.PROPOSED or standing.state in WAITING or standing.state is State.ACCEPTED:
        raise InputError.of(f"{standing.state} needs no retry", f"calculation {calculation_id}", "see matloom dft poll")
    if not ledger.move(standing, State.PROPOSED, reason=reason):
        raise InputError.of("a state that just changed", f"calculation {calculation_id}", "look again")


def underway(ledger: Ledger, calculation_id: str, caps: Caps) -> bool:
    """Whether a calculation may still come to an end by itself.

    Raises:
        InputError: no such calculation.
    """
    standing = ledger.standing(calculation_id)
    if standing.state is State.PLUMBING_FAILED:
        return not _given_up(ledger, standing, caps)
    return standing.state not in FINAL


def dead_letters(ledger: Ledger, caps: Caps) -> pl.DataFrame:
    """What a person must look at: `calculation_id`, `label`, `state`, `attempts`, `reason`."""
    rows = []
    last = {row["calculation_id"]: row for row in ledger.table("latest").to_dicts()}
    for standing in ledger.standings(State.CALCULATION_FAILED, State.REJECTED, State.PLUMBING_FAILED):
        if standing.state is State.PLUMBING_FAILED and not _given_up(ledger, standing, caps):
            continue
        name = standing.calculation_id
        label = ledger.calculation(name).label
        rows.append((name, label, str(standing.state), standing.attempt, last[name]["reason"]))
    kinds = {"calculation_id": pl.String, "label": pl.String, "state": pl.String, "attempts": pl.Int64}
    return pl.DataFrame(rows, schema={**kinds, "reason": pl.String}, orient="row")


def _given_up(ledger: Ledger, standing: Standing, caps: Caps) -> bool:
    codes = ledger.failures(standing.calculation_id)
    return len(codes) >= caps.attempts or sum(c in PLUMBING for c in codes) >= REPEATS


def _folder(ledger: Ledger, attempt: Attempt) -> Path:
    return ledger.folder / attempt.calculation_id[:2] / attempt.name


def _stop(ledger: Ledger, executor: Executor, calculation_id: str) -> None:
    attempt = ledger.attempt(calculation_id)
    if attempt is None:
        return
    if attempt.executor != executor.name:
        raise InputError.of(
            f"run by {attempt.executor}, not {executor.name}", f"calculation {calculation_id}", "name that executor"
        )
    executor.stop(_folder(ledger, attempt), attempt.name, attempt.reference)


def _start(ledger: Ledger, executor: Executor, attempt: Attempt, caps: Caps, tick: Tick) -> bool:
    """Writes the input and starts an attempt that is on record; False where that failed, which is on record too."""
    calculation, folder = ledger.calculation(attempt.calculation_id), _folder(ledger, attempt)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = engine(calculation.engine)
        command = made.write(folder, Atoms.from_json(calculation.structure), attempt.settings)
        needs = Needs(seconds=max(1, round(caps.hours * 3600)), ranks=made.ranks(attempt.settings))
        write_script(folder, command, seconds=needs.seconds)
        reference = executor.start(folder, attempt.name, needs)
        if not ledger.started(attempt, reference):  # cancelled or ended meanwhile
            executor.stop(folder, attempt.name, reference)
            return False
    except (OSError, RefusedError) as error:
        told = Failure(code="node", reason=f"not started ({error}): it is tried again")
        return _unstarted(ledger, attempt, tick, told, str(error))
    except (InputError, TypeError, ValueError) as error:  # settings or a structure that no input can be made of
        told = Failure(code="input", reason=f"no input can be written ({error}): mend settings or structure")
        return _unstarted(ledger, attempt, tick, told, str(error))
    tick.moved[State.SUBMITTED] += 1
    return True


def _unstarted(ledger: Ledger, attempt: Attempt, tick: Tick, failure: Failure, trouble: str) -> bool:
    """Records that an attempt did not start, and why."""
    after = State.PLUMBING_FAILED if failure.plumbing else State.CALCULATION_FAILED
    standing = ledger.standing(attempt.calculation_id)
    _moved(tick, after, done=ledger.move(standing, after, code=failure.code, reason=failure.reason))
    tick.troubles.append(trouble)
    return False


def _look(ledger: Ledger, executor: Executor, standing: Standing, attempt: Attempt, caps: Caps, tick: Tick) -> None:
    folder = _folder(ledger, attempt)
    status = executor.status(folder, attempt.name, attempt.reference)
    if status is Status.ABSENT:
        # decided on and never started: whoever decided was killed, or is about to start it
        waited = (datetime.now(UTC) - attempt.at).total_seconds()
        if not 0 <= waited <= START_S:  # below zero the clock was set back
            _start(ledger, executor, attempt, caps, tick)
    elif status is Status.RUNNING and standing.state is State.SUBMITTED:
        if (where := host(folder)) is not None:
            ledger.ran_on(attempt, where)
        _moved(tick, State.RUNNING, done=ledger.move(standing, State.RUNNING))
    elif status in (Status.ENDED, Status.LOST, Status.STARVED):
        code = exit_code(folder) or 0 if status is Status.ENDED else KILLED
        if code:  # what it started may go on without it, and write a result after all
            executor.stop(folder, attempt.name, attempt.reference)
        _ended(ledger, executor, standing, attempt, _read(ledger, executor, attempt, status, code), caps, tick)


def _read(ledger: Ledger, executor: Executor, attempt: Attempt, status: Status, code: int) -> Reading | None:
    """What an attempt that has ended gave; None while its files may still appear."""
    folder = _folder(ledger, attempt)
    if (where := host(folder)) is not None:
        ledger.ran_on(attempt, where)
    reading = engine(ledger.calculation(attempt.calculation_id).engine).read(folder, code)
    if reading.failure is None or reading.failure.code not in UNSAID:
        return reading
    if status is Status.STARVED:
        return Reading(failure=STARVED)
    return reading if code or settled(folder, executor.late_s) else None


def _ended(
    ledger: Ledger,
    executor: Executor,
    standing: Standing,
    attempt: Attempt,
    reading: Reading | None,
    caps: Caps,
    tick: Tick,
) -> None:
    if reading is None:
        return
    if reading.failure is not None:
        _failed(ledger, executor, standing, attempt, reading.failure, caps, tick)
        return
    provenance = {**_proven(reading, attempt), "host": host(_folder(ledger, attempt))}
    done = ledger.finish(standing, reading.values, provenance, objection=reading.objection)
    _moved(tick, State.REJECTED if reading.objection else State.ACCEPTED, done=done)


def _failed(
    ledger: Ledger,
    executor: Executor,
    standing: Standing,
    attempt: Attempt,
    failure: Failure,
    caps: Caps,
    tick: Tick,
) -> None:
    """Tries again with changed settings where a rule says so; else records the failure."""
    codes = ledger.failures(standing.calculation_id)
    change = _remedy(engine(ledger.calculation(standing.calculation_id).engine), failure, codes)
    if change is not None and len(codes) + 1 < caps.attempts:
        told = ", ".join(f"{k} = {v}" for k, v in change.items())
        reason = f"{failure.reason}; again with {told}"
        settings = {**attempt.settings, **change}
        again = ledger.begin(standing, settings, executor=executor.name, code=failure.code, reason=reason)
        if again is not None:
            _start(ledger, executor, again, caps, tick)
        return
    after = State.PLUMBING_FAILED if failure.plumbing else State.CALCULATION_FAILED
    _moved(tick, after, done=ledger.move(standing, after, code=failure.code, reason=failure.reason))


def _remedy(made: Engine, failure: Failure, codes: list[str]) -> Settings | None:
    """The next change that a rule knows against a failure that has been met before as often as `codes` say."""
    known = made.remedies.get(failure.code, ())
    met = codes.count(failure.code)
    return known[met] if met < len(known) else None


def _moved(tick: Tick, state: State, *, done: bool) -> None:
    if done:
        tick.moved[state] += 1


def _proven(reading: Reading, attempt: Attempt) -> dict[str, object]:
    return {**reading.provenance, "settings": dict(attempt.settings), "attempt": attempt.number}


def collect(ledger: Ledger) -> pl.DataFrame:
    """Every calculation that has ended, a row each, with its values as columns.

    Columns: `calculation_id`, `label`, `engine`, `state`, `attempts`, `reason`, one column a value (null where it has
    none), `provenance` (JSON) and `structure` (JSON).
    """
    ended = ledger.table("latest").filter(pl.col("state").is_in([str(s) for s in FINAL]))
    found = ledger.table("results").select("calculation_id", "found", "provenance")
    rows = (
        ledger.table("calculations")
        .join(ended.rename({"attempt": "attempts"}), on="calculation_id", maintain_order="left")
        .join(found, on="calculation_id", how="left", maintain_order="left")
    )
    values = [
        json.loads(text) if text and state == State.ACCEPTED else {}
        for text, state in rows.select("found", "state").rows()
    ]
    names = list(dict.fromkeys(n for value in values for n in value))
    columns = [pl.Series(n, [value.get(n) for value in values], dtype=pl.Float64) for n in names]
    order = ("calculation_id", "label", "engine", "state", "attempts", "reason")
    return rows.select(*order).with_columns(*columns, rows["provenance"], rows["structure"])
