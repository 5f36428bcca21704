"""The warehouse under SIGKILL, a full disk and two writers at once."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from warehouse import catalog, query
from warehouse.ledger import StoreError
from warehouse.store import Store

DRIVER = Path(__file__).with_name("kill_driver.py")
_spec = importlib.util.spec_from_file_location("kill_driver", DRIVER)
driver = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(driver)

COUNT = "SELECT batch, count(*), count(DISTINCT item) FROM {} GROUP BY batch"
BOTH = f"SELECT 'l', * FROM ({COUNT.format('core.left_rows')}) UNION ALL SELECT 'r', * FROM ({COUNT.format('core.right_rows')})"  # noqa: E501


def seen(home: Path) -> set[int]:
    """The batches a reader sees, after checking that what is seen is whole."""
    rows = query.rows(home, BOTH)[1]
    assert all((n, items) == (driver.SIZE, driver.SIZE) for _, _, n, items in rows), rows
    left, right = ({b for side, b, _, _ in rows if side == s} for s in "lr")
    assert left == right
    return left


@pytest.mark.slow
def test_fifty_kills_leave_no_half_state_and_lose_no_stored_or_published_row(tmp_path):
    home, rounds = tmp_path / "home", 55
    reads, before = 0, set()
    with subprocess.Popen([sys.executable, str(DRIVER), str(home), "7", str(rounds)]) as process:
        while process.poll() is None:
            promised = set(map(int, driver.noted(home, ".done")))
            if (home / "warehouse.duckdb").exists():
                now = seen(home)
                assert before | promised <= now
                before, reads = now, reads + 1
        assert process.returncode == 0
    promised = set(map(int, driver.noted(home, ".done")))
    assert len(promised) >= 10
    assert len(driver.noted(home, ".stored")) >= 2 * len(promised)
    assert reads >= 20
    assert catalog.verify(home, registry=driver.REGISTRY) == []
    store = Store(home, registry=driver.REGISTRY)
    assert driver.noted(home, ".lost") == []
    assert driver.lost(store, home) == []
    for table in driver.TABLES:
        for number in promised:
            assert store.write(table.name, driver.batch(number)).changed is False
    assert promised <= seen(home)


def test_what_was_stored_and_is_gone_would_be_seen(tmp_path):
    home = tmp_path / "home"
    store = Store(home, registry=driver.REGISTRY)
    store.record_verdict("core.left_rows", store.write("core.left_rows", driver.batch(0)).version, passed=True)
    for line in ("core.left_rows 0", "core.left_rows 1", "core.right_rows 0"):
        driver.note(home, ".stored", line)
    assert driver.lost(store, home) == ["core.left_rows 1", "core.right_rows 0"]


_FULL = """
import resource, sys
from pathlib import Path
sys.path[:0] = [{folder!r}, {root!r}]
import kill_driver as driver
from schemas.errors import MatloomError
from warehouse import catalog
from warehouse.store import Store
import polars as pl
home = Path(sys.argv[1])
store = Store(home, registry=driver.REGISTRY)
rows = pl.DataFrame({{"batch": range(200_000), "item": range(200_000)}})
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
for act in (lambda: store.write("core.left_rows", rows), lambda: catalog.publish(home, registry=driver.REGISTRY)):
    try:
        act()
        sys.stdout.write("done\\n")
    except MatloomError as error:
        sys.stdout.write(f"{{type(error).__name__}} {{error}}\\n")
"""


@pytest.mark.parametrize("limit", [0, 30, 1000, 100_000])
def test_a_full_disk_is_one_line_and_the_old_state_stays(tmp_path, limit):
    home = tmp_path / "home"
    store = Store(home, registry=driver.REGISTRY)
    for number in (0, 1):
        for table in driver.TABLES:
            store.record_verdict(table.name, store.write(table.name, driver.batch(number)).version, passed=True)
        if number == 0:
            catalog.publish(home, registry=driver.REGISTRY)
    code = _FULL.format(folder=str(DRIVER.parent), root=str(DRIVER.parents[2]))
    run = subprocess.run(
        [sys.executable, "-c", code, str(home), str(limit)], capture_output=True, text=True, check=False, timeout=60
    )
    lines = run.stdout.splitlines()
    assert run.returncode == 0, run.stderr
    assert len(lines) == 2
    assert all(line.startswith("StoreError cannot ") and " in " in line for line in lines), lines
    assert seen(home) == {0}
    assert catalog.verify(home, registry=driver.REGISTRY) == []
    assert store.read("core.left_rows").height == 2 * driver.SIZE
    catalog.publish(home, registry=driver.REGISTRY)
    assert seen(home) == {0, 1}


_WRITER = """
import sys
from pathlib import Path
sys.path[:0] = [{folder!r}, {root!r}]
import kill_driver as driver
from warehouse.store import Store
store = Store(Path(sys.argv[1]), registry=driver.REGISTRY)
for number in range(int(sys.argv[2]), 16, 2):
    store.write("core.left_rows", driver.batch(number))
"""


def test_two_writers_at_once_lose_nothing(tmp_path):
    code = _WRITER.format(folder=str(DRIVER.parent), root=str(DRIVER.parents[2]))
    writers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "home"), str(i)]) for i in (0, 1)]
    assert [w.wait(60) for w in writers] == [0, 0]
    found = Store(tmp_path / "home", registry=driver.REGISTRY).read("core.left_rows")
    assert found.height == 16 * driver.SIZE
    assert found["batch"].n_unique() == 16


def test_a_writer_that_waits_too_long_says_so(tmp_path):
    from warehouse.ledger import lock

    with lock(tmp_path), pytest.raises(StoreError, match="another writer"):
        Store(tmp_path, registry=driver.REGISTRY, wait_s=0.1).write("core.left_rows", driver.batch(0))
