"""Rows of mixed variables with hidden positions of levels, and exact models of them."""

import numpy as np
import polars as pl

from models.lvgp import model as lvgp
from models.lvgp.encoding import Encoding
from models.lvgp.exact import LVGP
from schemas.arrays import Floats


def fitted(frame: pl.DataFrame, y: Floats, encoding: Encoding, **how: object) -> LVGP:
    """An exact model."""
    made = lvgp.fit(frame, y, encoding=encoding, **how)  # type: ignore[arg-type]
    assert isinstance(made, LVGP)
    return made


def additive() -> tuple[pl.DataFrame, np.ndarray]:
    """y depends on hidden positions of the levels; 5 x 4 x a number."""
    u, v = {"a": 0.0, "b": 0.1, "c": 1.0, "d": 1.1, "e": 2.0}, {"p": 0.0, "q": 1.0, "r": 1.1, "s": 3.0}
    rows = [(i, j, x) for i in u for j in v for x in (0.0, 0.5, 1.0)]
    frame = pl.DataFrame(rows, schema=["i", "j", "x"], orient="row")
    return frame, np.array([np.sin(u[i]) + 0.5 * v[j] + x**2 for i, j, x in rows])
