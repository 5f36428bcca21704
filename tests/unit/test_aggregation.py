"""Two sources of one quantity: where they differ, and that a source is judged on rows it did not tell."""

import numpy as np
import polars as pl
import pytest

from models.bias import aggregation
from schemas.errors import InputError


def test_differences_are_told_by_element_however_a_formula_is_written() -> None:
    left = pl.DataFrame({"formula": ["V2O4", "CaO", "NaN", "?!"], "gap": [1.0, 2.0, 3.0, 4.0]})
    right = pl.DataFrame({"formula": ["VO2", "OCa", "MgO"], "gap": [0.5, 2.1, 9.0]})
    found = {r["element"]: r for r in aggregation.differences(left, right, value="gap").to_dicts()}
    assert set(found) == {"*", "O", "V", "Ca"}
    assert found["*"]["shared"] == 2
    assert found["V"]["bias"] == pytest.approx(0.5)
    assert found["Ca"]["bias"] == pytest.approx(-0.1)
    assert found["O"]["difference"] == pytest.approx(0.3)


def test_a_source_that_contradicts_costs_and_is_seen_to() -> None:
    elements = ("Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Zr", "Nb", "Mo")
    rows = [(f"{a}{b}{n}", i + n) for i, a in enumerate(elements) for b in ("O", "S", "Se", "Te") for n in (1, 2, 3)]
    base = pl.DataFrame({"formula": [f for f, _ in rows], "y": [float(v) for _, v in rows]})
    other = base.with_columns(y=20.0 - pl.col("y"))
    found = {r["part"]: r for r in aggregation.gain(base, other, target="y", seeds=range(2))}
    assert found["high tail"]["gain"] < 0
    assert np.isfinite([r["alone"] for r in found.values()]).all()


def test_a_source_without_compositions_or_rows_is_refused() -> None:
    base = pl.DataFrame({"formula": ["VO2"], "y": [1.0]})
    with pytest.raises(InputError, match="no column of formulas"):
        aggregation.gain(base.drop("formula"), base, target="y")
    with pytest.raises(InputError, match="1 rows to learn from"):
        aggregation.gain(base, base, target="y")


def test_a_gain_counts_beyond_its_interval_and_one_seed_tells_none() -> None:
    told = {"gain": 0.25, "gain_error": 0.1}
    assert [aggregation.certain(told, seeds, 1) for seeds in (2, 5, 20)] == [False, False, True]  # t: 12.7, 2.78, 2.09
    assert aggregation.certain({"gain": -0.25, "gain_error": 0.1}, 20, -1)
    assert not aggregation.certain({"gain": 9.0, "gain_error": None}, 1, 1)
