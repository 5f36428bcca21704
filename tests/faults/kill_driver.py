"""Forks writers and kills each at a random moment: ``python kill_driver.py HOME SEED ROUNDS``; prints rounds done.

A writer adds batches of rows. When a batch is stored and audited in a table it appends table and batch to HOME.stored,
and when the batch is published its number to HOME.done. The next writer begins by looking whether all that was stored
is there, before it could write it again, and appends what is not to HOME.lost. Everything is imported, and nothing run,
before the forks.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import deltalake  # noqa: F401
import duckdb  # noqa: F401
import polars as pl
import pyarrow  # noqa: F401

from schemas.core import Column, Registry, Table, Type
from schemas.tables import quality
from warehouse import catalog
from warehouse.store import Store

SIZE = 20
_COLUMNS = (
    Column(name="batch", type=Type.INT, unit="count", doc="Batch."),
    Column(name="item", type=Type.INT, unit="count", doc="Item."),
)
# Two tables written one after the other: readers must never see one without the other.
TABLES = [
    Table(name=n, doc="d", grain="g", key=("batch", "item"), columns=_COLUMNS)
    for n in ("core.left_rows", "core.right_rows")
]
REGISTRY = Registry({t.name: t for t in (*TABLES, quality.REJECTIONS, quality.PUBLICATIONS)})


def batch(number: int) -> pl.DataFrame:
    """The rows of a batch."""
    return pl.DataFrame({"batch": [number] * SIZE, "item": list(range(SIZE))})


def write(home: Path, start: int) -> None:
    """Writes batches for ever."""
    store = Store(home, registry=REGISTRY)
    for line in lost(store, home):
        note(home, ".lost", line)
    number = start
    while True:
        for table in TABLES:
            version = store.write(table.name, batch(number)).version
            store.record_verdict(table.name, version, passed=True)
            note(home, ".stored", f"{table.name} {number}")
        catalog.publish(home, registry=REGISTRY)
        note(home, ".done", str(number))
        number += 1


def note(home: Path, suffix: str, line: str) -> None:
    """Appends a line in one write."""
    with home.with_suffix(suffix).open("a") as file:
        file.write(f"{line}\n")


def noted(home: Path, suffix: str) -> list[str]:
    """The lines so far."""
    file = home.with_suffix(suffix)
    return file.read_text().splitlines() if file.exists() else []


def lost(store: Store, home: Path) -> list[str]:
    """What was said to be stored and is not there, whole, in a version that passed."""
    there = {
        f"{table.name} {number}"
        for table in TABLES
        for number, rows in store.read_passed(table.name).group_by("batch").agg(pl.len()).iter_rows()
        if rows == SIZE
    }
    return [line for line in noted(home, ".stored") if line not in there]


def main(home: Path, seed: int, rounds: int) -> None:
    """Runs the rounds."""
    chance = random.Random(seed)
    for number in range(rounds):
        start = len(noted(home, ".done"))
        child = os.fork()
        if child == 0:
            write(home, start)
            os._exit(1)
        # Every fourth writer may finish a batch first, so that there is something to lose however slow the machine is.
        deadline = time.monotonic() + 30
        while number % 4 == 0 and len(noted(home, ".done")) == start and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.6))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
