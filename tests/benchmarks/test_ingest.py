"""What it takes to bring a million records from an OAI-PMH service into audited, published tables; `make bench`.

The service is the local one of `tests/servers`, in a process of its own; the ingest is the command line.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from warehouse.store import Store

ROOT = Path(__file__).resolve().parents[2]
RECORDS = int(os.environ.get("MATLOOM_BENCH_RECORDS", "1_000_000"))
FIRST, LAST, PER_DAY = "2026-05-05", "2026-11-20", 5000
RATE, MEMORY_GB, IDLE_S = 2000, 1.5, 10.0


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    command = [sys.executable, ROOT / "tests/servers/literature.py", "--records", str(RECORDS), "--last", LAST]
    with subprocess.Popen([*command, "--per-day", str(PER_DAY)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench") / "home"


def matloom(*arguments: str, home: Path) -> tuple[dict[str, object], float, float]:
    """What a command says, how long it took in seconds, and its peak memory in GB."""
    code = "import sys; from dagster_project.cli import main; sys.argv[0] = 'matloom'; main()"
    start = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments, "--json", "--home", str(home)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    return json.loads(said), time.monotonic() - start, used.ru_maxrss / 1e6


def versions(home: Path) -> dict[str, int | None]:
    store = Store(home)
    return {table.name: store.version(table.name) for table in store.registry}


def written(home: Path) -> dict[str, int]:
    """When each file was written; the lock only names its holder."""
    return {str(p): p.stat().st_mtime_ns for p in home.rglob("*") if p.is_file() and p.name != "lock"}


def test_a_million_records_are_landed_audited_and_published_at_speed_in_flat_memory(service: str, home: Path) -> None:
    asked = ("arxiv_oai", "--since", FIRST, "--until", LAST, "--url", f"{service}/oai")
    said, ingest_s, peak = matloom("ingest", *asked, home=home)
    _, publish_s, publish_peak = matloom("publish", home=home)
    rate = RECORDS / (ingest_s + publish_s)
    print(
        f"{RECORDS:,} OAI records into audited, published tables: {rate:,.0f} a second "
        f"(ingest {ingest_s:.0f} s, peak {peak:.2f} GB; publish {publish_s:.0f} s, peak {publish_peak:.2f} GB)"
    )
    assert int(str(said["new"])) + int(str(said["withdrawn"])) == RECORDS
    assert Store(home).rows("raw.documents") == said["new"]
    assert rate >= RATE
    assert max(peak, publish_peak) < MEMORY_GB


def test_an_idle_rerun_writes_nothing(service: str, home: Path) -> None:
    before, files = versions(home), written(home)
    said, seconds, peak = matloom("ingest", "arxiv_oai", "--until", LAST, "--url", f"{service}/oai", home=home)
    print(f"idle rerun over {said['fetched']} records: {seconds:.1f} s, peak {peak:.2f} GB, nothing written")
    assert (said["new"], said["changed"]) == (0, 0)
    assert re.fullmatch(r"[1-9]\d*", str(said["fetched"]))
    assert versions(home) == before
    assert written(home) == files
    assert seconds < IDLE_S
