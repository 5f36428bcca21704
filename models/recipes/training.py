"""`train`, `predict`, `sample`, `save`, `load` of the recipe models."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from etl.features.rows import beside
from models import cards
from models.recipes import (
    CONDITIONS,
    HEATS,
    ROUTES,
    beliefs,
    charges,
    conditions,
    doubts,
    features,
    heat_features,
    heating,
    precursors,
    routes,
    splits,
)
from models.recipes.compositions import Amounts, fractions, parse
from models.recipes.features import Singles
from models.recipes.grid import STEPS
from models.recipes.routes import RouteModel
from models.recipes.table import COUNTS, Recipes, normalise
from schemas.arrays import Floats, Ints
from schemas.errors import InputError

KIND = "recipes"
P_COLUMNS = tuple("p_" + r.replace("-", "_") for r in ROUTES)


@dataclass(frozen=True)
class RecipeModel:
    """All recipe models of one training table.

    Attributes:
        model_id: hash of training rows and settings.
        encoder: of the features.
        route: route classifier.
        heating: conditions with intervals, joints of temperature and time.
        library: observed precursor sets.
        precedents: training rows for look-up: target, route, precursors, conditions, doi.
        points: atomic fractions of the precedents, n x elements.
        limit: largest distance of `in_domain`.
        heated: how far papers heat, for doubts.
        card: what is written beside the model.
    """

    model_id: str
    encoder: features.Encoder
    route: RouteModel
    heating: heating.Heating
    library: precursors.Library
    precedents: pl.DataFrame
    points: Any
    limit: float
    heated: doubts.Heated
    card: cards.Card = field(repr=False)


def train(table: pl.DataFrame, *, seed: int = 0, generator: str = "pooled") -> RecipeModel:
    """Trains every recipe model on one table (columns in C or in K, see `table.normalise`).

    Precursors are hidden from a share of the rows, so that one model serves with and without them.

    Args:
        table: recipes.
        seed: of every choice by chance.
        generator: what draws pairs of temperature and time, one of `generators.GENERATORS`; the pool measures best.

    Raises:
        InputError: no `target`, fewer than 20 usable rows, or nothing to learn from.
    """
    made = normalise(table, labelled=True)
    usable = made.frame.filter(pl.col("ok"))
    frame = usable.unique(
        ["doi", "target_key", "route", "precursor_set", *CONDITIONS], maintain_order=True, keep="first"
    )
    if frame.height < 20:
        raise InputError.of(
            f"{frame.height} usable rows", "the recipe table", "give at least 20 with a formula as target"
        )
    encoder = features.fit(frame["precursor_set"].to_list())
    hot = frame.filter(heating.stated())
    fitted = heating.fit(
        heat_features.matrix(encoder, hot),
        hot,
        precursors=heat_features.width(encoder),
        seed=seed,
        generator=generator,
    )
    points, limit = _domain(frame, seed)
    numbers = {"levels": conditions.LEVELS, "trees": beliefs.TREES, "networks": beliefs.NETS}
    settings = {"seed": seed, "generator": generator, **numbers}
    model_id = cards.identify(KIND, settings, frame.drop("ok", "reason").write_json())
    return RecipeModel(
        model_id,
        encoder,
        routes.fit(frame, seed=seed),
        fitted,
        precursors.fit(frame, seed=seed),
        frame.select("target", "target_key", "route", "precursors", "doi", *CONDITIONS),
        points,
        limit,
        doubts.learn(frame),
        _card(model_id, settings, table, frame, made, fitted),
    )


def _domain(frame: pl.DataFrame, seed: int) -> tuple[Any, float]:
    """Target points and the 95th percentile of the distance from a held-out paper's target to the rest."""
    distinct = frame.unique("target_key", maintain_order=True)
    points = np.array([fractions(parse(t)) for t in frame["target"].to_list()], dtype=np.float32)
    some = np.array([fractions(parse(t)) for t in distinct["target"].to_list()], dtype=np.float32)
    held = next(iter(splits.folds(distinct, count=5, seed=seed)), None)
    if held is None:
        return points, 0.1
    gaps, _ = features.distances(some[held[1]][:2000], some[held[0]])
    return points, float(np.quantile(gaps, 0.95))


def _card(
    model_id: str,
    settings: dict[str, Any],
    table: pl.DataFrame,
    frame: pl.DataFrame,
    made: Recipes,
    fitted: heating.Heating,
) -> cards.Card:
    return cards.Card(
        kind=KIND,
        model_id=model_id,
        summary="Predicts synthesis route, heating conditions and precursors from a target formula.",
        data={
            "rows_given": table.height,
            "rows_used": frame.height,
            "papers": frame["doi"].n_unique(),
            "targets": frame["target_key"].n_unique(),
            "values_out_of_range": made.dropped,
            "counted": made.account(),
            "what_was_counted": COUNTS,
            "rows_by_condition": {k: m.rows for k, m in fitted.conditions.items()},
        },
        settings=settings,
        caveats=(
            "Text-mined recipes: only successes are reported, and numbers carry extraction errors "
            "(same target and precursors differ by about 100 K).",
            "Sintering conditions are stated in about a third of solid-state recipes; "
            "hydrothermal hold temperatures are not predicted.",
            "Published errors on random rows are not comparable: rows of one paper share their conditions.",
        ),
    )


def predict(model: RecipeModel, table: pl.DataFrame) -> pl.DataFrame:
    """Adds route probabilities, conditions with 80 % intervals and domain; unreadable targets stay with a reason.

    Args:
        model: trained recipe models.
        table: needs `target`; `precursors` (list, or text joined by ";") where known. Precursors that do not parse
            make a row unreadable; those that do not bring every element of the target put it outside the domain.

    Raises:
        InputError: no `target`.
    """
    frame, X, rows = prepare(model, table)
    made: dict[str, Floats] = {c: np.full(table.height, np.nan) for c in P_COLUMNS}
    near: list[bool | None] = [None] * table.height
    why: list[str | None] = [None] * table.height
    if len(rows):
        p = np.round(model.route.probabilities(frame[rows.tolist()]), 6)
        p[np.arange(len(p)), p.argmax(axis=1)] += 1 - p.sum(axis=1)
        for k, c in enumerate(P_COLUMNS):
            made[c][rows] = np.round(p[:, k], 6)
        for name, values in model.heating.columns(X).items():
            made.setdefault(name, np.full(table.height, np.nan))[rows] = np.round(values, 3)
        doubted = _doubted(model, frame["target"].to_list(), rows, made)
        for row, reason, doubt in zip(rows, domain_reasons(model, frame[rows.tolist()]), doubted, strict=True):
            why[row] = "; ".join(filter(None, (reason, doubt))) or None
            near[row] = why[row] is None
    else:
        empty = {f"{c}{s}": np.full(table.height, np.nan) for c in CONDITIONS for s in ("", "_low", "_high")}
        made.update(empty)
    columns = [
        frame["ok"],
        frame["reason"],
        *(pl.Series(k, v, nan_to_null=True) for k, v in made.items()),
        pl.Series("in_domain", near, dtype=pl.Boolean),
        pl.Series("domain_reason", why, dtype=pl.String),
        pl.Series("model_id", [model.model_id] * table.height, dtype=pl.String),
    ]
    return beside(table, pl.DataFrame(columns))


def _doubted(model: RecipeModel, targets: list[str], rows: Ints, made: dict[str, Floats]) -> list[str | None]:
    """Reasons to doubt the predicted heat of each row; intervals of what is doubted are made to reach the recipes."""
    out: list[str | None] = []
    for row in rows:
        found = model.heated.doubt(targets[row], max(float(made[c][row]) for c in HEATS))
        out.append(found.reason if found else None)
        if found:
            for c in HEATS:
                made[f"{c}_low"][row] = min(made[f"{c}_low"][row], found.reach)
                made[f"{c}_high"][row] = max(made[f"{c}_high"][row], found.reach)
    return out


def prepare(model: RecipeModel, table: pl.DataFrame, *, strict: bool = True) -> tuple[pl.DataFrame, Singles, Ints]:
    """Normalised rows, features of the readable ones, and their places.

    Args:
        model: trained recipe models.
        table: needs `target`.
        strict: whether a precursor that does not parse makes its row unreadable; mined tables name some in words.
    """
    frame = normalise(table.select([c for c in table.columns if c in ("target", "precursors", "doi")])).frame
    if strict:
        odd = pl.Series([precursors.unreadable(names) for names in frame["precursors"].to_list()], dtype=pl.String)
        frame = frame.with_columns(pl.col("ok") & odd.is_null(), pl.coalesce("reason", odd).alias("reason"))
    rows = np.flatnonzero(frame["ok"].to_numpy()).astype(np.int64)
    part = frame[rows.tolist()]
    X = heat_features.matrix(model.encoder, part) if len(rows) else np.empty((0, 0), np.float32)
    return frame, X, rows


def domain_reasons(model: RecipeModel, frame: pl.DataFrame) -> list[str | None]:
    """Why a target, or what it shall be made from, lies outside the domain; None where it lies inside."""
    points = np.array([fractions(parse(t)) for t in frame["target"].to_list()])
    gaps, _ = features.distances(points, model.points)
    known = {e for e, seen in zip(_elements(), (model.points > 0).any(axis=0), strict=True) if seen}
    out: list[str | None] = []
    for (target, given), gap in zip(frame.select("target", "precursors").iter_rows(), gaps, strict=True):
        new, far = sorted(set(parse(target) or {}) - known), None
        if new:
            far = f"no training target holds {', '.join(new)}"
        elif gap > model.limit:
            far = f"nearest training target is {gap:.3f} away in atomic fractions; usual is up to {model.limit:.3f}"
        out.append(
            "; ".join(filter(None, (_unlike(parse(target) or {}), precursors.unsupplied(target, given), far))) or None
        )
    return out


def _unlike(aim: Amounts) -> str | None:
    """What tells a target from a compound, however near the compositions of recipes are."""
    if len([e for e, n in aim.items() if n]) == 1:
        return "it is an element, which recipes of compounds do not tell how to win"
    if charges.metalless(aim):
        return "it holds no metal"
    return "it holds more oxygen than its elements bind, unless as a peroxide" if charges.overfull(aim) else None


def _elements() -> tuple[str, ...]:
    from models.recipes.compositions import ELEMENTS

    return ELEMENTS


def sample(
    model: RecipeModel,
    table: pl.DataFrame,
    *,
    count: int,
    seed: int = 0,
    hottest: float | None = None,
    hours: float | None = None,
) -> pl.DataFrame:
    """Joint samples: `row` (place in the table), `sample`, and temperature and time of sintering and of calcination.

    Args:
        model: trained recipe models.
        table: as for `predict`.
        count: samples a row.
        seed: of the samples.
        hottest: what the furnace reaches, K.
        hours: a holding time that is fixed.

    Raises:
        InputError: no recipe ever stayed below the limit.
    """
    _, X, rows = prepare(model, table)
    names = [c for step in STEPS for c in step]
    if not len(rows):
        return pl.DataFrame(schema={"row": pl.Int64, "sample": pl.Int64, **dict.fromkeys(names, pl.Float64)})
    columns: dict[str, Any] = {
        "row": np.repeat(rows, count),
        "sample": np.tile(np.arange(count), len(rows)),
    }
    for k, step in enumerate(STEPS):
        drawn = model.heating.sample(step[0], X, count, seed + k, hottest=hottest, hours=hours)
        flat = np.round(drawn.reshape(-1, 2), 3)
        columns |= {c: flat[:, i] for i, c in enumerate(step)}
    return pl.DataFrame(columns)


def save(model: RecipeModel, folder: Path) -> cards.Card:
    """Writes the model folder (model file, card.json, card.md)."""
    return cards.save(model, model.card, folder)


def load(folder: Path) -> RecipeModel:
    """Reads a model folder.

    Raises:
        InputError: missing, garbled or of another kind.
    """
    model: RecipeModel = cards.load(folder, kind=KIND, expect=RecipeModel)
    return model
