"""From observations to the next rows: fit one surrogate an objective, score every open row, take the best.

A row whose evaluation failed is never proposed again and teaches nothing. Several rows at once are taken one by one,
each with the former ones imagined at their mean (kriging believer; Ginsbourger et al., 2010).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from models.design import acquisition
from models.lvgp.encoding import Encoding
from models.lvgp.kernel import KINDS
from models.lvgp.model import LVGP, fit
from schemas.errors import InputError
from schemas.problem import Objective

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
STRATEGIES = (*KINDS, "random")
DRAWS = 64
COLD = 8  # a fresh set of starts every so many proposals; warm starts in between


@dataclass
class Memory:
    """Surrogates of the last proposal, for warm starts."""

    models: dict[str, LVGP] = field(default_factory=dict)
    calls: int = 0


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
    turned = values * signs(wanted)
    believed, taken = turned.copy(), known.copy()
    chosen: list[int] = []
    scores: list[float] = []
    predicted = _predicted(models, encoding, frame[open_rows.tolist()], wanted)
    mean, deviation, draws = _turned(predicted, wanted, chance)
    for _ in range(count):
        score = _score(mean, deviation, draws, believed[taken], wanted)
        score[[i for i, r in enumerate(open_rows) if r in chosen]] = -np.inf
        best = int(np.lexsort((chance.random(len(score)), -score))[0])
        chosen.append(int(open_rows[best]))
        scores.append(float(score[best]))
        believed[open_rows[best]] = mean[best]
        taken[open_rows[best]] = True
    at = [int(np.flatnonzero(open_rows == r)[0]) for r in chosen]
    return _proposed(frame, np.array(chosen), wanted, np.array(scores), predicted[0][at], predicted[1][at])


def _fitted(
    frame: pl.DataFrame,
    values: Floats,
    known: Bools,
    encoding: Encoding,
    wanted: Sequence[Objective],
    strategy: str,
    seed: int,
    memory: Memory,
) -> list[LVGP]:
    rows = frame[np.flatnonzero(known).tolist()]
    cold = memory.calls % COLD == 0
    memory.calls += 1
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


def _predicted(
    models: list[LVGP], encoding: Encoding, frame: pl.DataFrame, wanted: Sequence[Objective]
) -> tuple[Floats, Floats, list[Floats]]:
    """Means and deviations, n x k, and joint covariances where the front needs them."""
    codes, numbers = (torch.from_numpy(a) for a in encoding.encode(frame))
    joint = len(wanted) > 1
    means, deviations, covariances = [], [], []
    for model in models:
        mean, spread = model.posterior(codes, numbers, joint=joint)
        variance = np.diag(spread) if joint else spread
        means.append(mean)
        deviations.append(np.sqrt(np.maximum(variance, 1e-18)))
        covariances.append(spread)
    return np.column_stack(means), np.column_stack(deviations), covariances


def _turned(
    predicted: tuple[Floats, Floats, list[Floats]], wanted: Sequence[Objective], chance: np.random.Generator
) -> tuple[Floats, Floats, Floats | None]:
    mean, deviation, covariances = predicted
    turn = signs(wanted)
    if len(wanted) == 1:
        return mean * turn, deviation, None
    draws = np.empty((DRAWS, *mean.shape))
    for j, cov in enumerate(covariances):
        factor = np.linalg.cholesky(cov + 1e-6 * np.trace(cov) / len(cov) * np.eye(len(cov)) + 1e-12 * np.eye(len(cov)))
        draws[:, :, j] = mean[:, j] + chance.standard_normal((DRAWS, len(cov))) @ factor.T
    return mean * turn, deviation, draws * turn


def _score(mean: Floats, deviation: Floats, draws: Floats | None, known: Floats, wanted: Sequence[Objective]) -> Floats:
    """One objective: log expected improvement. More: hypervolume gain plus the probability to belong to the front."""
    if draws is None:
        return acquisition.log_expected_improvement(mean[:, 0], deviation[:, 0], float(known.max()))
    member = acquisition.front_probability(draws, known)
    if len(wanted) > 2:
        return member
    reference = reference_point(known, wanted)
    gain = acquisition.expected_hypervolume_improvement(mean, deviation, known, reference)
    return member + gain / (gain.max() or 1.0)


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
