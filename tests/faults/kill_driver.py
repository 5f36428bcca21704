"""Forks writers and kills each at a random moment: ``python kill_driver.py HOME SEED ROUNDS``; prints rounds done.

A writer adds batches of rows; when a batch is stored, audited and published it appends the batch number to
HOME.done. Everything is imported, and nothing run, before the forks.
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
    number = start
    while True:
        for table in TABLES:
            version = store.write(table.name, batch(number)).version
            store.record_verdict(table.name, version, passed=True)
        catalog.publish(home, registry=REGISTRY)
        with home.with_suffix(".done").open("a") as file:
            file.write(f"{number}\n")
        number += 1


def main(home: Path, seed: int, rounds: int) -> None:
    """Runs the rounds."""
    chance = random.Random(seed)
    for _ in range(rounds):
        done = home.with_suffix(".done")
        start = len(done.read_text().split()) if done.exists() else 0
        child = os.fork()
        if child == 0:
            write(home, start)
            os._exit(1)
        time.sleep(chance.uniform(0.0, 1.0))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
