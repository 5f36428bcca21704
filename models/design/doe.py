"""What to evaluate before anything is known: designs that spread over levels, numbers and descriptors.

Every design starts with rows that are given, if there are any; the rows a problem allows come from `candidates`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import polars as pl

from models.lvgp.descriptors import of_levels
from models.lvgp.encoding import of_frame
from schemas.arrays import Floats, Ints
from schemas.errors import InputError

Kind = Literal["usual", "informative", "balanced", "space", "lhs", "random"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SWAPS = 2000  # of a Latin hypercube
PROBES, DRAWS, NOISE = 1000, 32, 0.1  # rows and prior draws of an informative design; noise of a unit variance


def initial(
    frame: pl.DataFrame,
    *,
    n: int,
    variables: tuple[str, ...],
    seed: int = 0,
    kind: Kind = "usual",
    given: Sequence[int] = (),
    descriptors: pl.DataFrame | None = None,
) -> list[int]:
    """Rows of an initial design.

    `usual`: `space` where a variable has more levels than there are rows to choose and something describes them, for
    then not every level can be tried; else `balanced`. `informative`: after a row taken at random the row that lowers
    the variance of all rows most, under the prior of the surrogate (the sequential integrated-variance criterion of
    Sacks et al., Stat. Sci. 1989). `balanced`: of the rows whose levels were used least, one that shares as few as it
    can with any chosen before. `space`: the row farthest from those chosen before (Kennard and Stone, 1969; sequential,
    as Shang and Apley, J. Qual. Technol. 2020). `lhs`: a Latin hypercube sliced by the levels of the variable that has
    the fewest (Qian, J. Am. Stat. Assoc. 107, 393 (2012)), its points moved apart by swaps (Jin, Chen and Sudjianto, J.
    Stat. Plan. Inference 2005), each then the nearest row. `random`: any rows.
    Distances are of numbers, levels and what describes levels: the columns of a table, or the properties of chemical
    elements without one or where it leaves these alike.

    Args:
        frame: candidates.
        n: how many rows, given ones included.
        variables: columns that make a row different.
        seed: of the first row and of ties.
        kind: of the design.
        given: rows that are in it in any case, in front.
        descriptors: of levels; see `models.lvgp.descriptors.of_levels`.

    Returns:
        Row numbers, n of them, in the order chosen.

    Raises:
        InputError: fewer candidates than asked for, more given than asked for, or an unknown kind.
    """
    if n > frame.height:
        raise InputError.of(f"{n} rows asked of {frame.height}", "the initial design", "ask for fewer")
    if len(given) > n:
        raise InputError.of(f"{len(given)} points given and {n} asked for", "the initial design", "ask for more")
    if kind not in KINDS:
        raise InputError.of(f"unknown kind {kind!r}", "the initial design", f"use one of {', '.join(KINDS)}")
    chance = np.random.default_rng(seed)
    if kind == "random":
        rest = np.setdiff1d(np.arange(frame.height), given)
        return [*given, *chance.permutation(rest)[: n - len(given)].tolist()]
    if frame.height == 1:
        return list(range(n))
    space = Space.of(frame, variables, descriptors)
    if kind == "usual":
        kind = "space" if any(len(d) > n and d.shape[1] for d in space.described) else "balanced"
    if kind == "informative":
        return _informative(space, n, chance, given)
    if kind == "lhs":
        return _nearest(space, _hypercube(space, n - len(given), chance), given)
    return _spread(space, n, chance, given, balanced=kind == "balanced")


@dataclass(frozen=True)
class Space:
    """Candidates as codes and as points between which distances are taken.

    Attributes:
        codes: of the levels of each categorical variable, n x m.
        numbers: between 0 and 1, n x d.
        described: what describes the levels of each categorical variable, L x q each; q = 0 where nothing does.
    """

    codes: Ints
    numbers: Floats
    described: list[Floats]

    @classmethod
    def of(cls, frame: pl.DataFrame, variables: Sequence[str], descriptors: pl.DataFrame | None) -> "Space":
        """Of candidates; a variable that has one value only is left out, and no value is a level of its own."""
        rows = frame.select(v for v in variables if frame[v].n_unique() > 1)
        text = [n for n, kind in rows.schema.items() if not kind.is_numeric()]
        rows = rows.with_columns(pl.col(text).fill_null(""), pl.exclude(text).fill_null(strategy="min"))
        encoding = of_frame(rows, inputs=tuple(rows.columns), categorical=tuple(text))
        told = of_levels(encoding.levels, descriptors)
        return cls(*encoding.encode(rows), replace(encoding, descriptors=told).described())

    @cached_property
    def places(self) -> list[Floats]:
        """Points of the levels of each categorical variable, L x q each: their descriptors, else corners."""
        sizes = [len(d) for d in self.described]
        return [d if d.shape[1] else np.eye(n) / np.sqrt(2.0) for d, n in zip(self.described, sizes, strict=True)]

    def points(self, codes: Ints, numbers: Floats) -> Floats:
        """Rows of codes and numbers as points, n x p."""
        return np.hstack([*(place[codes[:, j]] for j, place in enumerate(self.places)), numbers])

    @property
    def steps(self) -> Ints:
        """Codes, and numbers cut into as many steps as a dozen points can tell apart, n x (m + d)."""
        return np.hstack([self.codes, np.minimum((self.numbers * 12).astype(np.int64), 11)])


def _informative(space: Space, n: int, chance: np.random.Generator, given: Sequence[int]) -> list[int]:
    """Rows taken one by one; of many candidates some are looked at."""
    count = len(space.codes)
    rows = np.arange(count)
    if count > PROBES:
        rows = np.union1d(chance.choice(count, PROBES, replace=False), np.array(given, dtype=np.int64))
    left = _prior(space.codes[rows], space.numbers[rows], space.described, chance)
    chosen: list[int] = []
    for number in range(n):
        if number < len(given):
            at = int(np.searchsorted(rows, given[number]))
        elif not chosen:
            at = int(chance.integers(len(rows)))
        else:
            gain = np.square(left).sum(axis=0) / (np.diag(left) + NOISE)
            gain[np.isin(rows, chosen)] = -1.0
            at = int(np.argmax(gain))
        chosen.append(int(rows[at]))
        left = left - np.outer(left[:, at], left[at]) / (left[at, at] + NOISE)
    return chosen


def _prior(codes: Ints, numbers: Floats, described: list[Floats], chance: np.random.Generator) -> Floats:
    """Covariance of n rows under the prior of the surrogate, of unit variance, n x n."""
    import torch

    from models.lvgp import kernel

    space = kernel.Space(
        "free", tuple(len(d) for d in described), numbers.shape[1], tuple(torch.from_numpy(d) for d in described)
    )
    rows = kernel.Rows(torch.from_numpy(codes), torch.from_numpy(numbers), space.sizes)
    found = np.zeros((len(codes), len(codes)))
    for parameters in chance.standard_normal((DRAWS, 1, space.size)):
        state = space.state(torch.from_numpy(parameters))
        found += (space.covariance(state, rows, rows) / state.scale)[0].numpy() / DRAWS
    return found


def _spread(space: Space, n: int, chance: np.random.Generator, given: Sequence[int], *, balanced: bool) -> list[int]:
    """Rows taken one by one, the farthest from those before; where balanced, by levels and their use alone."""
    steps = space.steps
    points = space.points(space.codes, space.numbers)
    used = [np.zeros(int(column.max()) + 1) for column in steps.T]
    load, gap, tie = np.zeros(len(points)), np.full(len(points), np.inf), chance.random(len(points))
    chosen: list[int] = []
    for number in range(n):
        if number < len(given):
            row = given[number]
        else:
            load[chosen] = np.inf
            least = np.flatnonzero(load == load.min())
            far = least[gap[least] >= gap[least].max() - 1e-12] if chosen else least
            row = int(far[np.argmin(tie[far])])
        chosen.append(row)
        new = (steps != steps[row]).sum(axis=1) if balanced else np.square(points - points[row]).sum(axis=1)
        gap = np.minimum(gap, new)
        for u, column in zip(used, steps.T, strict=True):
            u[column[row]] += 1.0
        if balanced:
            load = np.sum([u[column] for u, column in zip(used, steps.T, strict=True)], axis=0)
        else:
            load = np.zeros(len(points))
    return chosen


def _hypercube(space: Space, n: int, chance: np.random.Generator) -> Floats:
    """Points of a Latin hypercube in which each level comes as often as any other, give or take one, n x p.

    Where all levels of the variable with the fewest come equally often, the rows of each are a Latin hypercube too.
    """
    codes = [chance.permutation(np.resize(chance.permutation(len(p)), n)) for p in space.places]
    sliced = int(np.argmin([len(p) for p in space.places])) if codes else -1
    which = codes[sliced] if codes else np.zeros(n, dtype=np.int64)
    numbers = [_sliced(which, chance) for _ in range(space.numbers.shape[1])]
    columns = np.column_stack([*codes, *numbers]) if n else np.zeros((0, len(codes) + len(numbers)))
    m = len(codes)
    swapped = [j for j in range(columns.shape[1]) if j != sliced]

    def placed(design: Floats) -> Floats:
        return space.points(design[:, :m].astype(np.int64), design[:, m:])

    crowd = _crowding(placed(columns))
    for number in range(SWAPS if n > 1 and swapped else 0):
        a, j = chance.integers(n), chance.choice(swapped)
        b = chance.choice(np.flatnonzero(which == which[a]) if j >= m else n)
        new = columns.copy()
        new[[a, b], j] = new[[b, a], j]
        found = _crowding(placed(new))
        if found < crowd * (1.0 + 0.01 * chance.random() * (1.0 - number / SWAPS)):
            columns, crowd = new, found
    return placed(columns)


def _sliced(which: Ints, chance: np.random.Generator) -> Floats:
    """A number of a Latin hypercube of n rows, n: those of each slice lie in steps of their own, and so do all."""
    place = np.zeros(len(which))
    for level in np.unique(which):
        rows = np.flatnonzero(which == level)
        place[rows] = (chance.permutation(len(rows)) + chance.random(len(rows))) / len(rows)
    return np.asarray((np.argsort(np.argsort(place)) + chance.random(len(place))) / max(len(place), 1))


def _crowding(points: Floats) -> float:
    """How close the closest pairs are: phi of Morris and Mitchell (1995) with p = 15, of squared distances."""
    squares = np.square(points[:, None] - points[None]).sum(-1)[np.triu_indices(len(points), 1)]
    return float(np.linalg.norm(1.0 / (squares + 1e-3), 15))


def _nearest(space: Space, targets: Floats, given: Sequence[int]) -> list[int]:
    """For each target the nearest row that is not taken."""
    points = space.points(space.codes, space.numbers)
    chosen = list(given)
    for target in targets:
        squares = np.square(points - target).sum(axis=1)
        squares[chosen] = np.inf
        chosen.append(int(np.argmin(squares)))
    return chosen
