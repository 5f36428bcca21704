"""The ledger of calculations: one SQLite file with what was asked, every change of state, attempts and results.

Every change is one transaction that checks the state before it, so a killed process leaves the old state or the new
one, and of two processes that want the same move one gets it. Events are only ever added. What is done about a state
is in `service`; nothing here starts or reads a calculation.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from models.evaluators.calculations import Calculation, Settings
from models.evaluators.states import FINAL, WAITING, State, check_move
from schemas.errors import InputError, MatloomError

FILE = "calculations.sqlite"
WAIT_S = 60.0
_TABLES = """
CREATE TABLE IF NOT EXISTS calculations (
    calculation_id TEXT PRIMARY KEY, engine TEXT NOT NULL, settings TEXT NOT NULL, structure TEXT NOT NULL,
    label TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS asks (
    calculation_id TEXT NOT NULL REFERENCES calculations, asked_by TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (calculation_id, asked_by)
) STRICT;
CREATE TABLE IF NOT EXISTS events (
    calculation_id TEXT NOT NULL REFERENCES calculations, sequence INTEGER NOT NULL, state TEXT NOT NULL,
    attempt INTEGER NOT NULL, code TEXT, reason TEXT, at TEXT NOT NULL, PRIMARY KEY (calculation_id, sequence)
) STRICT;
CREATE TABLE IF NOT EXISTS attempts (
    calculation_id TEXT NOT NULL REFERENCES calculations, attempt INTEGER NOT NULL, settings TEXT NOT NULL,
    executor TEXT NOT NULL, reference TEXT, at TEXT NOT NULL, PRIMARY KEY (calculation_id, attempt)
) STRICT;
CREATE TABLE IF NOT EXISTS results (
    calculation_id TEXT PRIMARY KEY REFERENCES calculations, attempt INTEGER NOT NULL, found TEXT NOT NULL,
    provenance TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS hosts (
    calculation_id TEXT NOT NULL REFERENCES calculations, attempt INTEGER NOT NULL, host TEXT NOT NULL,
    PRIMARY KEY (calculation_id, attempt)
) STRICT;
CREATE VIEW IF NOT EXISTS latest AS
    SELECT * FROM events WHERE (calculation_id, sequence) IN (
        SELECT calculation_id, max(sequence) FROM events GROUP BY calculation_id);
"""


class LedgerError(MatloomError):
    """The ledger could not be read or written."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a calculation stands.

    Attributes:
        calculation_id: which.
        state: the last one.
        sequence: number of the last event.
        attempt: number of the last attempt, 0 before the first.
        since: time of the last event.
    """

    calculation_id: str
    state: State
    sequence: int
    attempt: int
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try at a calculation.

    Attributes:
        calculation_id: which.
        number: from 1.
        settings: those of the calculation with what was changed by rule.
        executor: who runs it.
        reference: what the executor calls it; None until it has said.
        at: when it was decided on.
    """

    calculation_id: str
    number: int
    settings: Settings
    executor: str
    reference: str | None
    at: datetime

    @property
    def name(self) -> str:
        """The name of its folder and job."""
        return f"{self.calculation_id}-{self.number}"


class Ledger:
    """A ledger in a folder; opened anew for each transaction, so it may be held across forks and kills."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError.of(f"cannot write ({error.strerror})", folder, "name a folder you may write to") from error
        with self._transaction() as ledger:
            for statement in _TABLES.split(";"):
                ledger.execute(statement)

    @contextmanager
    def _transaction(self, *, write: bool = True) -> Iterator[sqlite3.Connection]:
        path = self.folder / FILE
        try:
            with closing(sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)) as ledger:
                ledger.row_factory = sqlite3.Row
                ledger.execute("PRAGMA synchronous = FULL")
                ledger.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                try:
                    yield ledger
                except BaseException:
                    if ledger.in_transaction:  # a full disk has ended it by itself
                        ledger.execute("ROLLBACK")
                    raise
                ledger.execute("COMMIT")
        except sqlite3.Error as error:
            raise LedgerError(f"{error} in {path}: free space or mend the file, nothing was changed") from error

    def ask(self, wanted: Iterable[tuple[Calculation, str]]) -> int:
        """Proposes calculations that are not known yet and notes who asks; returns how many are new.

        Args:
            wanted: calculation and who asks for it.
        """
        new = 0
        with self._transaction() as ledger:
            for calculation, asked_by in wanted:
                name, at = calculation.calculation_id, _now()
                row = (name, calculation.engine, _json(calculation.settings), calculation.structure, calculation.label)
                done = ledger.execute("INSERT OR IGNORE INTO calculations VALUES (?, ?, ?, ?, ?)", row)
                if done.rowcount:
                    new += 1
                    self._add(ledger, name, State.PROPOSED, attempt=0)
                ledger.execute("INSERT OR IGNORE INTO asks VALUES (?, ?, ?)", (name, asked_by, at))
        return new

    def standings(self, *states: State) -> list[Standing]:
        """Where calculations stand, those of the given states or all, in the order in which they were asked."""
        marks = ", ".join("?" * len(states))
        only = f"WHERE latest.state IN ({marks})" if states else ""
        query = (
            f"SELECT latest.* FROM latest JOIN calculations USING (calculation_id) {only} ORDER BY calculations.rowid"
        )
        with self._transaction(write=False) as ledger:
            return [_standing(row) for row in ledger.execute(query, states)]

    def standing(self, calculation_id: str) -> Standing:
        """Where one stands.

        Raises:
            InputError: no such calculation.
        """
        with self._transaction(write=False) as ledger:
            return _standing(self._last(ledger, calculation_id))

    def calculation(self, calculation_id: str) -> Calculation:
        """What was asked.

        Raises:
            InputError: no such calculation.
        """
        with self._transaction(write=False) as ledger:
            row = ledger.execute("SELECT * FROM calculations WHERE calculation_id = ?", (calculation_id,)).fetchone()
        if row is None:
            raise _unknown(calculation_id)
        return Calculation(
            engine=row["engine"], settings=json.loads(row["settings"]), structure=row["structure"], label=row["label"]
        )

    def attempt(self, calculation_id: str) -> Attempt | None:
        """The last attempt; None before the first."""
        query = "SELECT * FROM attempts WHERE calculation_id = ? ORDER BY attempt DESC LIMIT 1"
        with self._transaction(write=False) as ledger:
            row = ledger.execute(query, (calculation_id,)).fetchone()
        if row is None:
            return None
        return Attempt(
            calculation_id=row["calculation_id"],
            number=row["attempt"],
            settings=json.loads(row["settings"]),
            executor=row["executor"],
            reference=row["reference"],
            at=datetime.fromisoformat(row["at"]),
        )

    def begin(
        self,
        before: Standing,
        settings: Settings,
        *,
        executor: str,
        most: int | None = None,
        code: str | None = None,
        reason: str | None = None,
    ) -> Attempt | None:
        """Decides on the next attempt; None where somebody else moved the calculation, or took the room, meanwhile.

        The attempt is on record before it is started: whoever finds it without a reference may start it, and only the
        first start runs (see `executors`).

        Args:
            before: where the calculation stood when this was decided.
            settings: of the attempt.
            executor: who is to run it.
            most: attempts that may wait or run at once, this one included.
            code, reason: why it is tried again.
        """
        with self._transaction() as ledger:
            if not self._unmoved(ledger, before) or (most is not None and self._waiting(ledger) >= most):
                return None
            number, at = before.attempt + 1, _now()
            self._add(ledger, before.calculation_id, State.SUBMITTED, attempt=number, code=code, reason=reason)
            row = (before.calculation_id, number, _json(settings), executor, at)
            ledger.execute("INSERT INTO attempts VALUES (?, ?, ?, ?, NULL, ?)", row)
        return self.attempt(before.calculation_id)

    def started(self, attempt: Attempt, reference: str) -> bool:
        """Notes what the executor calls an attempt; False where its calculation no longer waits for it."""
        query = "UPDATE attempts SET reference = ? WHERE calculation_id = ? AND attempt = ?"
        with self._transaction() as ledger:
            ledger.execute(query, (reference, attempt.calculation_id, attempt.number))
            last = self._last(ledger, attempt.calculation_id)
        return last["state"] in WAITING and int(last["attempt"]) == attempt.number

    def ran_on(self, attempt: Attempt, host: str) -> None:
        """Notes which machine runs an attempt."""
        with self._transaction() as ledger:
            row = (attempt.calculation_id, attempt.number, host)
            ledger.execute("INSERT OR IGNORE INTO hosts VALUES (?, ?, ?)", row)

    def move(self, before: Standing, after: State, *, code: str | None = None, reason: str | None = None) -> bool:
        """Moves a calculation; False where somebody else moved it meanwhile.

        Raises:
            ForbiddenMoveError: a state that cannot follow.
        """
        with self._transaction() as ledger:
            if not self._unmoved(ledger, before):
                return False
            self._add(ledger, before.calculation_id, after, attempt=before.attempt, code=code, reason=reason)
        return True

    def finish(
        self, before: Standing, found: Mapping[str, Any], provenance: Mapping[str, Any], *, objection: str | None
    ) -> bool:
        """Parsed, then accepted, or rejected with the objection, and the result, in one transaction."""
        with self._transaction() as ledger:
            if not self._unmoved(ledger, before):
                return False
            name, end = before.calculation_id, State.REJECTED if objection else State.ACCEPTED
            self._add(ledger, name, State.PARSED, attempt=before.attempt)
            self._add(ledger, name, end, attempt=before.attempt, code="judged" if objection else None, reason=objection)
            row = (name, before.attempt, _json(found), _json(provenance), _now())
            ledger.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?)", row)
        return True

    def failures(self, calculation_id: str) -> list[str]:
        """Codes of what went wrong so far, oldest first; what a person asked again starts anew."""
        query = "SELECT state, code FROM events WHERE calculation_id = ? ORDER BY sequence"
        codes: list[str] = []
        with self._transaction(write=False) as ledger:
            for state, code in ledger.execute(query, (calculation_id,)):
                codes = [] if state == State.PROPOSED else [*codes, code] if code else codes
        return codes

    def events(self, calculation_id: str) -> list[tuple[str, str | None, str]]:
        """State, reason and time of every event of one calculation, oldest first."""
        query = "SELECT state, reason, at FROM events WHERE calculation_id = ? ORDER BY sequence"
        with self._transaction(write=False) as ledger:
            return [tuple(row) for row in ledger.execute(query, (calculation_id,))]

    def ends(self) -> int:
        """How often a calculation came to a terminal state; it only grows, whatever clocks do."""
        query = f"SELECT count(*) FROM events WHERE state IN ({', '.join('?' * len(FINAL))})"
        with self._transaction(write=False) as ledger:
            return int(ledger.execute(query, tuple(FINAL)).fetchone()[0])

    def result(self, calculation_id: str) -> dict[str, float] | None:
        """The values of an accepted calculation; None where it has none."""
        query = """
            SELECT found FROM results JOIN latest USING (calculation_id)
            WHERE calculation_id = ? AND latest.state = 'accepted'"""
        with self._transaction(write=False) as ledger:
            row = ledger.execute(query, (calculation_id,)).fetchone()
        return None if row is None else dict(json.loads(row["found"]))

    def hours(self) -> float:
        """Wall time that attempts have taken so far, the running ones up to now.

        Time in a queue is none; that of an attempt that was never seen running counts from its submission. What a clock
        that is set back would take away is none either.
        """
        query = """
            SELECT coalesce(sum(max(0, julianday(coalesce(until, ?)) - julianday(at))), 0) * 24 FROM (
                SELECT state, at, lead(at) OVER own AS until, lead(state) OVER own AS after FROM events
                WINDOW own AS (PARTITION BY calculation_id ORDER BY sequence))
            WHERE state = 'running' OR (state = 'submitted' AND after != 'running')"""
        with self._transaction(write=False) as ledger:
            return float(ledger.execute(query, (_now(),)).fetchone()[0])

    def table(self, name: str) -> pl.DataFrame:
        """All rows of one of the tables, or of the view `latest`."""
        if name not in ("calculations", "asks", "events", "attempts", "results", "hosts", "latest"):
            raise InputError.of(f"no table {name}", FILE, "see models.evaluators.ledger")
        with self._transaction(write=False) as ledger:
            found = ledger.execute(f"SELECT * FROM {name}")
            names = [column[0] for column in found.description]
            rows = [tuple(row) for row in found]
        kinds = {n: pl.Int64 if n in ("sequence", "attempt") else pl.String for n in names}
        return pl.DataFrame(rows, schema=kinds, orient="row")

    def _last(self, ledger: sqlite3.Connection, calculation_id: str) -> sqlite3.Row:
        query = "SELECT * FROM events WHERE calculation_id = ? ORDER BY sequence DESC LIMIT 1"
        row: sqlite3.Row | None = ledger.execute(query, (calculation_id,)).fetchone()
        if row is None:
            raise _unknown(calculation_id)
        return row

    def _waiting(self, ledger: sqlite3.Connection) -> int:
        query = "SELECT count(*) FROM latest WHERE state IN (?, ?)"
        return int(ledger.execute(query, tuple(WAITING)).fetchone()[0])

    def _unmoved(self, ledger: sqlite3.Connection, before: Standing) -> bool:
        return int(self._last(ledger, before.calculation_id)["sequence"]) == before.sequence

    def _add(
        self,
        ledger: sqlite3.Connection,
        calculation_id: str,
        after: State,
        *,
        attempt: int,
        code: str | None = None,
        reason: str | None = None,
    ) -> None:
        query = "SELECT * FROM events WHERE calculation_id = ? ORDER BY sequence DESC LIMIT 1"
        last = ledger.execute(query, (calculation_id,)).fetchone()
        check_move(State(last["state"]) if last else None, after, where=f"calculation {calculation_id}")
        row = (calculation_id, last["sequence"] + 1 if last else 0, after, attempt, code, reason, _now())
        ledger.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def _standing(row: sqlite3.Row) -> Standing:
    return Standing(
        calculation_id=row["calculation_id"],
        state=State(row["state"]),
        sequence=row["sequence"],
        attempt=row["attempt"],
        since=datetime.fromisoformat(row["at"]),
    )


def _unknown(calculation_id: str) -> InputError:
    return InputError.of(f"no calculation {calculation_id}", FILE, "list them with matloom dft poll")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _json(value: Any) -> str:
    return json.dumps(dict(value), sort_keys=True)
