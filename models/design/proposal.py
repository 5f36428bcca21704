"""From observations to the next rows: fit one surrogate an objective, score every open row, take the best.

A row whose evaluation failed is never proposed again and teaches nothing. Several rows at once are taken one by one,
each scored on joint posterior draws in which the former ones have their drawn values (Wilson et al., NeurIPS 2018).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from models.design import acquisition
from models.lvgp.encoding import KINDS, Encoding
from schemas.arrays import Bools, Floats
from schemas.errors import InputError
from schemas.problem import Objective

if TYPE_CHECKING:
    from models.lvgp.model import LVGP

STRATEGIES = (*KINDS, "random")
DRAWS = 64
COLD = 8  # a fresh set of starts every so many evaluations; warm starts in between


@dataclass
class Memory:
    """Surrogates of the last proposal, for warm starts."""

    models: "dict[str, LVGP]" = field(default_factory=dict)
    cold_at: int = -COLD


def objectives(text: str) -> tuple[Objective, ...]:
    """Objectives from ``max:gap,min:stability``.

    Raises:
        InputError: any other form.
    """
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(max|min)\s*:\s*(\S+)\s*", part)
        if not match:
            raise InputError.of(f"objective {part.strip()!r}", "--objectives", "write max:NAME or min:NAME")
        found.append(Objective(name=match.group(2), direction=match.group(1)))  # type: ignore[arg-type, call-arg]
    return tuple(found)


def signs(wanted: Sequence[Objective]) -> Floats:
    """+1 for objectives to be made large, -1 for small ones, k."""
    return np.array([1.0 if o.direction == "max" else -1.0 for o in wanted])


def reference_point(values: Floats, wanted: Sequence[Objective]) -> Floats:
    """The worst point of interest in turned signs: as declared, else a tenth of the range below the worst seen, k."""
    low, high = values.min(axis=0), values.max(axis=0)
    fallback = low - 0.1 * np.where(high > low, high - low, 1.0)
    given = [None if o.reference is None else s * o.reference for o, s in zip(wanted, signs(wanted), strict=True)]
    return np.array([f if g is None else g for f, g in zip(fallback, given, strict=True)])


def propose(
    frame: pl.DataFrame,
    *,
    values: Floats,
    tried: Bools,
    encoding: Encoding,
    wanted: Sequence[Objective],
    batch: int = 1,
    strategy: str = "lvgp",
    seed: int = 0,
    memory: Memory | None = None,
) -> pl.DataFrame:
    """The next rows to evaluate, best first.

    Args:
        frame: all candidates, n rows.
        values: objectives as measured, n x k; NaN where unknown or failed.
        tried: which rows were evaluated, failed ones included, n.
        encoding: of the variables.
        wanted: the k objectives.
        batch: how many rows.
        strategy: one of `STRATEGIES`.
        seed: of starts, draws and ties.
        memory: carries surrogates from call to call.

    Returns:
        The rows with `row` (their number), `acquisition`, `mean_<objective>` and `sd_<objective>`; fewer than `batch`
        where fewer are open. Random proposals have null predictions.

    Raises:
        InputError: an unknown strategy, or fewer than two known rows.
    """
    if strategy not in STRATEGIES:
        raise InputError.of(f"unknown strategy {strategy!r}", "--strategy", f"use one of {', '.join(STRATEGIES)}")
    chance = np.random.default_rng(seed)
    open_rows = np.flatnonzero(~tried)
    count = min(batch, len(open_rows))
    if strategy == "random" or not count:
        rows = chance.permutation(open_rows)[:count]
        return _proposed(frame, rows, wanted, np.full(count, np.nan), None, None)
    known = tried & np.isfinite(values).all(axis=1)
    if known.sum() < 2:
        raise InputError.of(f"{int(known.sum())} known rows", "the observations", "evaluate an initial design first")
    kept = memory or Memory()
    models = _fitted(frame, values, known, encoding, wanted, strategy, seed, kept)
    mean, deviation, draws = _predicted(models, frame[open_rows.tolist()], chance)
    turn = signs(wanted)
    turned = (mean * turn, deviation, draws * turn)
    at, scores = _best(turned, (values * turn)[known], wanted, count=count, chance=chance)
    return _proposed(frame, open_rows[at], wanted, scores, mean[at], deviation[at])


def _best(
    predicted: tuple[Floats, Floats, Floats],
    told: Floats,
    wanted: Sequence[Objective],
    *,
    count: int,
    chance: np.random.Generator,
) -> tuple[list[int], Floats]:
    """The rows of the highest scores, taken one by one, and their scores; ties are broken by chance."""
    member = acquisition.front_probability(predicted[2], told) if len(wanted) > 1 else None
    at: list[int] = []
    scores: list[float] = []
    for _ in range(count):
        score = _score(*predicted, told, at, wanted, member)
        score[at] = -np.inf
        at.append(int(np.lexsort((chance.random(len(score)), -score))[0]))
        scores.append(float(score[at[-1]]))
    return at, np.array(scores)


def _fitted(
    frame: pl.DataFrame,
    values: Floats,
    known: Bools,
    encoding: Encoding,
    wanted: Sequence[Objective],
    strategy: str,
    seed: int,
    memory: Memory,
) -> "list[LVGP]":
    from models.lvgp.model import fit

    rows = frame[np.flatnonzero(known).tolist()]
    cold = rows.height - memory.cold_at >= COLD
    memory.cold_at = rows.height if cold else memory.cold_at
    for j, objective in enumerate(wanted):
        warm = memory.models.get(objective.name)
        memory.models[objective.name] = fit(
            rows,
            values[known, j],
            encoding=encoding,
            kind=strategy,  # type: ignore[arg-type]
            seed=seed + 1000 * j,
            count=6 if cold or warm is None else 0,
            steps=80 if cold or warm is None else 20,
            warm=warm,
        )
    return [memory.models[o.name] for o in wanted]


def _predicted(models: "list[LVGP]", frame: pl.DataFrame, chance: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Means and deviations, n x k, and joint draws of the rows, DRAWS x n x k."""
    parts = [model.draw(frame, count=DRAWS, chance=chance) for model in models]
    means, deviations, draws = (np.stack(a, axis=-1) for a in zip(*parts, strict=True))
    return means, np.maximum(deviations, 1e-9), draws


def _score(
    mean: Floats,
    deviation: Floats,
    draws: Floats,
    told: Floats,
    chosen: list[int],
    wanted: Sequence[Objective],
    member: Floats | None,
) -> Floats:
    """One objective: log expected improvement. More: hypervolume gain plus the probability to belong to the front.

    Rows chosen for the same batch have, in each draw, the value of that draw: what resembles them promises less.
    """
    if member is None:
        return _improvement(mean[:, 0], deviation[:, 0], draws[:, :, 0], told[:, 0], chosen)
    if len(wanted) > 2:
        return member
    reference = reference_point(told, wanted)
    if chosen:
        fronts = (np.vstack([told, draw[chosen]]) for draw in draws)
        gains = [acquisition.hypervolume_gain(d, f, reference) for d, f in zip(draws, fronts, strict=True)]
        gain = np.mean(gains, axis=0)
    else:
        gain = acquisition.expected_hypervolume_improvement(mean, deviation, told, reference)
    return np.asarray(member + gain / (gain.max() or 1.0))


def _improvement(mean: Floats, deviation: Floats, draws: Floats, told: Floats, chosen: list[int]) -> Floats:
    """Log expected improvement over the best told value and, in each draw, over the rows chosen before."""
    if not chosen:
        return acquisition.log_expected_improvement(mean, deviation, float(told.max()))
    best = np.maximum(draws[:, chosen].max(axis=1), told.max())
    return np.asarray(np.log(np.maximum(draws - best[:, None], 0.0).mean(axis=0) + 1e-12))


def _proposed(
    frame: pl.DataFrame,
    rows: npt.NDArray[np.int64],
    wanted: Sequence[Objective],
    score: Floats,
    mean: Floats | None,
    deviation: Floats | None,
) -> pl.DataFrame:
    none = np.full((len(rows), len(wanted)), np.nan)
    columns = {"acquisition": score}
    for j, objective in enumerate(wanted):
        columns[f"mean_{objective.name}"] = (none if mean is None else mean)[:, j]
        columns[f"sd_{objective.name}"] = (none if deviation is None else deviation)[:, j]
    made = pl.DataFrame({"row": rows.astype(np.int64), **columns}).with_columns(pl.col(list(columns)).fill_nan(None))
    taken: pl.DataFrame = frame[rows.tolist()]
    return pl.concat([taken, made], how="horizontal")
