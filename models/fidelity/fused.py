"""A model of the fidelity that counts, fused from cheaper ones: `fit`, `Fused.predict`, `save` and `load`.

Differences between fidelities after Chen et al., Nat. Comput. Sci. 1, 46 (2021) and Ramakrishnan et al., J. Chem.
Theory Comput. 11, 2087 (2015). The ways that are tried are in `top`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models import cards
from models.fidelity import intervals, lower, top
from models.fidelity.choice import Choice, Floor, choose
from models.fidelity.columns import Columns, resolve
from models.fidelity.inputs import Inputs, numbers, read
from schemas.arrays import Floats, Ints
from schemas.errors import InputError

KIND = "fuse"
FOLDS = 5
FEWEST = 30
"""Rows with a value of the fidelity that counts below which nothing is fitted."""


@dataclass(frozen=True)
class Fused:
    """A fitted model.

    Attributes:
        columns: of the table.
        lowers: models of the lower fidelities, by their main column.
        members: whose mean is the prediction.
        widths: of the intervals.
        floor: lowest value that is predicted.
        scores: held-out scores of every way that was tried, and of the intervals.
        rows: how many rows it learned from.
    """

    columns: Columns
    lowers: dict[str, lower.Crossed]
    members: tuple[top.Member, ...]
    widths: intervals.Widths
    floor: Floor
    scores: dict[str, Any]
    rows: int

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        """`mean`, `sd`, `low`, `high` (90 %), `ok` and `reason` of each row; numbers are null where `ok` is false.

        The mean is the point that errs least in absolute terms.
        """
        inputs = read(frame, self.columns)
        ok = np.array([why is None for why in inputs.reasons], dtype=bool)
        found = np.full((len(inputs), 4), np.nan)
        if ok.any():
            seen = see(inputs.take(ok), self.columns, self.lowers)
            parts = np.stack([m.predict(seen) for m in self.members])
            middle = self.floor.apply(parts.mean(axis=0), seen.base)
            scale, above = self.widths.scale(_clues(seen, parts)), middle > self.floor.value
            reach, deviation = self.widths.reach.of(above) * scale, self.widths.deviation.of(above) * scale
            ends = np.maximum(middle - reach, self.floor.value), middle + reach
            found[ok] = np.column_stack([middle, deviation, *ends])
        made = [
            pl.Series(n, found[:, i], nan_to_null=True, dtype=pl.Float64)
            for i, n in enumerate(("mean", "sd", "low", "high"))
        ]
        reasons = pl.Series("reason", inputs.reasons, dtype=pl.String)
        return pl.DataFrame([*made, pl.Series("ok", ok), reasons])


def fit(
    frame: pl.DataFrame,
    *,
    fidelities: tuple[str, ...],
    target: str,
    formula: str = "",
    way: str = "",
    trees: int = top.TREES,
    seed: int = 0,
) -> Fused:
    """Learns to predict one fidelity from the composition and the others, wherever these are known.

    Lower fidelities are first learned from all rows that have them, then the one that counts; see `choice`.

    Args:
        frame: one row a material.
        fidelities: names, such as pbe, hse, expt; see `columns.resolve`.
        target: the one that counts.
        formula: column of the composition, if it has another name than those that are known.
        way: one of `top.MEMBERS` to be used alone; else the best by cross-validation, or a blend.
        trees: size of the models.
        seed: of everything random.

    Raises:
        InputError: see `columns.resolve`; a column without what it should hold; or too few rows.
    """
    columns = resolve(frame, fidelities, target, formula=formula)
    inputs, values = read(frame, columns), numbers(frame, columns.target)
    _learnable(inputs, columns, frame, named=bool(formula))
    rows = np.isfinite(values) & np.array([why is None for why in inputs.reasons], dtype=bool)
    if rows.sum() < FEWEST:
        raise InputError.of(f"{int(rows.sum())} rows with {columns.target}", "the table", f"give at least {FEWEST}")
    made = {c: lower.fit(inputs, inputs.low[:, at], seed=seed) for at, c in enumerate(columns.main.values())}
    lowers = {column: model for column, model in made.items() if model is not None}
    known, told = inputs.take(rows), values[rows]
    seen, folds = see(known, columns, lowers), known.folds(FOLDS, salt="top")
    names = _ways(way, seen)
    beside = see(inputs.take(~rows), columns, lowers) if "latent" in names else None
    chosen = choose(seen, told, folds, names=names, beside=beside, trees=trees, seed=seed)
    return Fused(
        columns,
        lowers,
        tuple(top.fit(n, seen, told, beside=beside, trees=trees, seed=seed) for n in chosen.names),
        _widths(seen, chosen, told, folds, seed),
        chosen.floor,
        _scores(known, seen, chosen, told),
        len(told),
    )


def _ways(way: str, seen: top.Seen) -> tuple[str, ...]:
    """The ways to try: all that suit, or the one asked for."""
    suited = top.suited(seen, asked=bool(way))
    if way and way not in suited:
        raise InputError.of(f"way {way!r}", "--way", f"of this table use one of {', '.join(suited)}")
    return (way,) if way else suited


def _widths(seen: top.Seen, chosen: Choice, told: Floats, folds: Ints, seed: int) -> intervals.Widths:
    """How far predictions may be off, from those that were held out."""
    above = chosen.middle > chosen.floor.value
    return intervals.fit(_clues(seen, chosen.parts), chosen.middle - told, folds, above=above, seed=seed)


def _scores(known: Inputs, seen: top.Seen, chosen: Choice, told: Floats) -> dict[str, Any]:
    """Held-out scores of what was chosen, and of every way."""
    off = chosen.middle - told
    return {
        "protocol": f"{FOLDS} folds over chemical systems; the way was chosen on them",
        "mae": float(np.abs(off).mean()),
        "rmse": float(np.sqrt(np.mean(off**2))),
        "rows_without_composition": int((~seen.described).sum()),
        **_where_known(known, off),
        "mae_of": chosen.errors,
    }


def _learnable(inputs: Inputs, columns: Columns, frame: pl.DataFrame, *, named: bool) -> None:
    """Checks that each lower fidelity has a number, and that a composition can be read where any is written."""
    for column, values in zip(columns.main.values(), inputs.low.T, strict=False):
        if len(inputs) and not np.isfinite(values).any():
            raise InputError.of(f"no number in column {column}", "--fidelities", "leave it out")
    written = named or (columns.formula is not None and frame[columns.formula].null_count() < frame.height)
    if written and len(inputs) and not np.isfinite(inputs.features).any():
        raise InputError.of(f"no composition in column {columns.formula}", "--column", "name a column of formulas")


def see(inputs: Inputs, columns: Columns, lowers: dict[str, lower.Crossed]) -> top.Seen:
    """Joins what is known and what is predicted of the lower fidelities.

    A main column is filled by the other columns of its fidelity, then by its model; these by the main column.
    """
    names = columns.low
    if not names:
        empty = np.empty((len(inputs), 0))
        return top.Seen(inputs.features, empty, np.full(len(inputs), np.nan), empty)
    value = dict(zip(names, inputs.low.T, strict=True))
    guesses = {c: m.predict(inputs) for c, m in lowers.items()}
    filled: dict[str, Floats] = {}
    for fidelity, column in columns.main.items():
        others = [c for c in columns.beside if c.startswith(f"{fidelity}_")]
        best = value[column]
        for other in [*(value[c] for c in others), *([guesses[column]] if column in guesses else [])]:
            best = np.where(np.isfinite(best), best, other)
        filled |= {column: best}
        filled |= {c: np.where(np.isfinite(value[c]), value[c], best) for c in others}
    told = inputs.low[:, : len(columns.main)]
    known = np.isfinite(told).astype(np.float64)
    base = filled[next(iter(columns.main.values()))]
    return top.Seen(inputs.features, np.column_stack([*filled.values(), *guesses.values(), known]), base, told)


def save(model: Fused, folder: Path, *, target: str, seed: int = 0) -> cards.Card:
    """Writes the model folder with its card."""
    columns = model.columns
    settings = {"target": target, "columns": [*columns.low, columns.target], "formula": columns.formula, "seed": seed}
    card = cards.Card(
        kind=KIND,
        model_id=cards.identify(KIND, settings, model.scores, model.rows),
        summary=f"Predicts {columns.target} from {', '.join(['the composition', *columns.main.values()])}.",
        data={"rows": model.rows},
        settings={**settings, "ways": [m.name for m in model.members]},
        scores=model.scores,
        caveats=(
            "Compositions only: polymorphs are one row, and the lowest gap of several may be meant.",
            "Intervals hold on average over metals and over others like those learned from, not for each family.",
        ),
    )
    return cards.save(model, card, folder)


def load(folder: Path) -> Fused:
    """Reads a model folder.

    Raises:
        InputError: no such model, or a damaged one.
    """
    found: Fused = cards.load(folder, kind=KIND, expect=Fused)
    return found


def _clues(seen: top.Seen, parts: Floats) -> Floats:
    """What tells how sure a prediction is: itself, its way from the base, how members differ, what is known."""
    middle = parts.mean(axis=0)
    there = seen.described.astype(np.float64)
    return np.column_stack([middle, seen.base, np.abs(middle - seen.base), parts.std(axis=0), there, seen.low])


def _where_known(inputs: Inputs, off: Floats) -> dict[str, float]:
    """Mean absolute error where the first lower fidelity is known."""
    if not inputs.low.shape[1]:
        return {}
    there = np.isfinite(inputs.low[:, 0])
    return {"mae_where_known": float(np.abs(off[there]).mean())} if there.any() else {}
