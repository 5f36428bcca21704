"""Forks `matloom ingest` and kills it at random moments: ``python ingest_driver.py HOME URL SEED KILLS ROUNDS``.

Everything is imported, and nothing run, before the forks, so that a kill hits the work and not the start of Python.
Each round is one window: the first two run undisturbed, which tells how long a run takes; the others are killed up to
`EACH` times, and then left alone. It ends after so many kills or rounds, and prints one JSON line a round: its window,
its kills, what the last run said, and how many runs began when the window was already recorded as harvested.
"""

import json
import os
import random
import signal
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import deltalake  # noqa: F401
import duckdb  # noqa: F401
import great_expectations.expectations  # noqa: F401
import httpx  # noqa: F401
import polars  # noqa: F401
import pyarrow  # noqa: F401
from lxml import etree  # noqa: F401

import dagster_project.checks
import dagster_project.commands.run
import dagster_project.quality  # noqa: F401
import etl.sources.arxiv_oai
import etl.sources.update  # noqa: F401
from dagster_project.cli import main as matloom
from etl.sources import windows
from warehouse.store import Store

PART = 20  # records of a part: several parts a window
EACH = 6  # kills of one window
ROUNDS = [(f"2026-{m:02}-{d:02}", f"2026-{m:02}-{d + 5:02}") for m in (7, 8, 9) for d in range(1, 26, 5)]


def start(home: Path, url: str, since: str, until: str) -> int:
    """Forks the command line; the process id."""
    child = os.fork()
    if child:
        return child
    windows.BATCH = PART
    with said(home).open("w") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    arguments = ["arxiv_oai", "--since", since, "--until", until, "--url", f"{url}/oai", "--home", str(home), "--json"]
    sys.argv = ["matloom", "ingest", *arguments]
    code = 0
    try:
        matloom()
    except SystemExit as done:
        code = int(done.code or 0)
    sys.stdout.flush()
    os._exit(code)


def finished(child: int, within_s: float) -> int | None:
    """Exit status of a process; None where it was killed after that time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def harvested(home: Path, since: str) -> bool:
    """Whether the window was recorded; looked up in a process of its own, so that nothing runs before the forks."""
    child = os.fork()
    if child == 0:
        found = Store(home).current("raw.harvests")["day"].cast(str).to_list() if home.exists() else []
        os._exit(0 if since in found else 1)
    return os.waitpid(child, 0)[1] == 0


def said(home: Path) -> Path:
    """What the last run wrote."""
    return home.with_suffix(".said")


def main(home: Path, url: str, seed: int, kills: int, rounds: int) -> None:
    """Runs the rounds."""
    chance, took, total = random.Random(seed), list[float](), 0
    for since, until in ROUNDS[:rounds]:
        if took and total >= kills > 0:
            return
        killed = replays = 0
        done = None
        while done is None:
            replays += harvested(home, since)
            began = time.monotonic()
            calm = len(took) < 2 or killed == EACH or total >= kills
            # half of the moments lie in the first quarter, where pages come in; the rest in the writes and the audit
            limit = 120.0 if calm else statistics.median(took) * chance.random() ** 2
            done = finished(start(home, url, since, until), limit)
            killed, total = killed + (done is None), total + (done is None)
        if not killed:
            took.append(time.monotonic() - began)
        told = {"since": since, "kills": killed, "replays": replays, "exit": done, "said": said(home).read_text()}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
