"""Between frames and tensors: rows, units of outputs, and the positions of levels as a table."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import polars as pl
import torch
from torch import Tensor

from models.lvgp.encoding import Encoding
from models.lvgp.kernel import Rows, Space
from models.lvgp.kinds import KINDS, Kind
from schemas.arrays import Floats


def inputs(encoding: Encoding, frame: pl.DataFrame) -> Tensor:
    """Rows as the botorch model takes them: codes of levels, then scaled numbers, n x (m + d).

    Raises:
        InputError: see `Encoding.encode`.
    """
    codes, numbers = encoding.encode(frame)
    return torch.from_numpy(np.column_stack([codes.astype(np.float64), numbers]))


def space_of(kind: Kind, encoding: Encoding) -> Space:
    """The inputs as the kernel takes them."""
    traits = KINDS[kind]
    described = tuple(torch.from_numpy(d) for d in encoding.described()) if traits.described else ()
    return Space(traits.place, encoding.sizes, len(encoding.bounds), described, traits.dims)


def rows_of(rows: Tensor, encoding: Encoding) -> Rows:
    """Rows as the kernel takes them."""
    m = len(encoding.levels)
    return Rows(rows[:, :m].long(), rows[:, m:], encoding.sizes)


def units_of(outputs: Tensor) -> tuple[float, float]:
    """Center and scale of outputs; the scale of constant ones is their size, or 1."""
    if (outputs == outputs[0]).all():  # by rounding, their standard deviation may say no
        return float(outputs[0]), abs(float(outputs[0])) or 1.0
    return float(outputs.mean()), float(outputs.std())


@contextmanager
def one_thread() -> Iterator[None]:
    """Small matrices: threads would wait for each other longer than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def positions(space: Space, encoding: Encoding, sets: Tensor) -> pl.DataFrame:
    """Positions of the levels under one parameter set, 1 x size; see `Surrogate.latent_positions`."""
    found = []
    for (name, levels), places in zip(encoding.levels.items(), space.state(sets).places, strict=True):
        assert places.points is not None
        points = _canonical((places.spread.sqrt() * places.points)[0].numpy())
        columns = {f"z{k}": z for k, z in enumerate(points.T, 1)}
        found.append(pl.DataFrame({"variable": [name] * len(levels), "level": levels} | columns))
    return pl.concat(found)


def _canonical(points: Floats) -> Floats:
    """Moved and turned so that the first point is the origin, the second on the positive axis, the third above it.

    Of more than two dimensions the two that tell most levels apart.
    """
    moved = points - points[0]
    if points.shape[1] > 2:
        moved = moved @ np.linalg.svd(points - points.mean(axis=0))[2][:2].T
    length = float(np.hypot(*moved[1])) if len(moved) > 1 else 0.0
    if length > 0:
        cos, sin = moved[1] / length
        moved = moved @ np.array([[cos, -sin], [sin, cos]])
    if len(moved) > 2 and moved[2, 1] < 0:
        moved = moved * np.array([1.0, -1.0])
    return np.asarray(moved)
