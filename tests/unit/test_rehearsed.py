"""A recorded table behind the ledger answers late and not always, and in the end the same."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from models.evaluators import service
from models.evaluators.executors import Local
from models.evaluators.ledger import Ledger
from models.evaluators.recorded import RecordedTable
from models.evaluators.rehearsed import Rehearsed
from models.evaluators.states import State
from schemas.errors import InputError

ROWS = [{"candidate_id": c, "A": c} for c in "abcdef"]
TABLE = RecordedTable(
    "t", pl.DataFrame({"A": [*"abcde"], "gap_eV": [1.0, 1.0, 2.0, None, 3.0]}), variables=["A"], objectives=["gap_eV"]
)


def rehearsed(folder: Path, **options: Any) -> Rehearsed:
    return Rehearsed(TABLE, ledger=Ledger(folder), options=options)


def test_answers_are_those_of_the_table_however_many_attempts_fail(tmp_path: Path) -> None:
    evaluator = rehearsed(tmp_path, failing=0.3, seed=1)
    handles = evaluator.submit("b", ROWS)
    assert evaluator.collect(handles) == []
    for _ in service.ticks(Ledger(tmp_path), Local(), service.Caps(running=6, hours=0.1), pause_s=0.02):
        continue
    found = {o.candidate_id: (o.state, o.values.get("gap_eV")) for o in evaluator.collect(handles)}
    accepted = {c: (State.ACCEPTED, v) for c, v in zip("abce", (1.0, 1.0, 2.0, 3.0), strict=True)}
    failed = dict.fromkeys("df", (State.CALCULATION_FAILED, None))
    assert found == accepted | failed, "no value and no row are failed calculations; equal values stay apart"
    assert Ledger(tmp_path).table("attempts").height > len(ROWS), "some attempts failed"


def test_the_same_candidate_fails_and_waits_alike_each_time(tmp_path: Path) -> None:
    first, second = (rehearsed(tmp_path / n, seconds=1.0, failing=0.5, seed=3).submit("b", ROWS) for n in "xy")
    assert first == second
    assert first != rehearsed(tmp_path / "z", seconds=1.0, failing=0.5, seed=4).submit("b", ROWS)


@pytest.mark.parametrize("options", [{"speed": 1}, {"seconds": -1.0}, {"failing": 1.0}, {"failing": float("nan")}])
def test_options_out_of_range_are_refused(tmp_path: Path, options: dict[str, float]) -> None:
    with pytest.raises(InputError):
        rehearsed(tmp_path, **options)
