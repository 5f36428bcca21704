"""Levels that were never tried go first every second time while few enough of them are left."""

import numpy as np
import polars as pl

from models.design.coverage import Coverage
from models.lvgp.encoding import of_frame

FRAME = pl.DataFrame([(a, b) for a in "uvwxyz" for b in "pq"], schema=["a", "b"], orient="row")
ENCODING = of_frame(FRAME, inputs=("a", "b"), categorical=("a", "b"))


def coverage(tried: str) -> tuple[Coverage, list[str]]:
    """After the rows whose `a` is one of the letters, with `b` = p; and `a` of the open rows."""
    done = (FRAME["a"].is_in(list(tried)) & (FRAME["b"] == "p")).to_numpy()
    rows = np.flatnonzero(~done)
    return Coverage.of(FRAME, ENCODING, done, FRAME[rows]), FRAME["a"].gather(rows).to_list()


def test_after_an_even_number_a_new_level_is_due_and_after_an_odd_one_anything_goes() -> None:
    made, letters = coverage("uvwx")
    allowed = made.allowed([])
    fresh = [a in "yz" or b == "q" for a, b in zip(letters, FRAME["b"].gather(_open("uvwx")), strict=True)]
    assert allowed.tolist() == fresh
    made, _ = coverage("uvwxy")
    assert made.allowed([]).all()


def _open(tried: str) -> list[int]:
    done = FRAME["a"].is_in(list(tried)) & (FRAME["b"] == "p")
    return (~done).arg_true().to_list()


def test_levels_chosen_for_the_batch_count_as_tried() -> None:
    made, letters = coverage("uvwx")
    first = letters.index("y")
    second = letters.index("u")  # its b is q, the last level that b has
    allowed = made.allowed([first, second])
    assert {a for a, ok in zip(letters, allowed, strict=True) if ok} == {"z"}


def test_a_variable_with_many_open_levels_takes_no_part() -> None:
    made, _ = coverage("uv")
    assert [column for column, _ in made.seen] == [1], "of six letters two are known, of p and q one"


def test_when_every_level_is_known_every_row_is_allowed() -> None:
    made, _ = coverage("uvwxyz")
    some = Coverage(made.levels, ((0, frozenset(range(6))),), 6)
    assert some.allowed([]).all()
