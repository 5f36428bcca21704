"""Transition temperature of MIT compounds: what is stored, its card, and the columns it adds.

About 67 compounds are known. Within a series (RNiO3 by the size of R) the model interpolates; to a family that it has
not seen it gives hardly more than the range of all. Whether there is a transition at all is the classifier's question:
see `predict`. The process is in `warped`, what it is worth in `leaving`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from etl.features.rows import beside
from models import cards
from models.screening import ensemble, inputs, leaving, process, training, warped
from schemas.arrays import Floats
from schemas.errors import InputError

KIND = "temperature"
LEVEL = leaving.LEVEL
_BATCH = 5_000


@dataclass(frozen=True)
class TemperatureModel:
    """Gaussian processes on a few descriptors of the sites of a compound.

    Attributes:
        model_id: hash of training rows and settings.
        fitted: rows, temperatures and drawn kernel parameters.
        share: of a belief that its interval spans, so that `LEVEL` of compounds left out are held.
        known: temperature (K) of each training compound by its reduced formula; of several rows the median.
        domain: applicability domain in composition space.
        card: what is written beside the model.
    """

    model_id: str
    fitted: warped.Fitted
    share: float
    known: dict[str, float]
    domain: ensemble.Domain
    card: cards.Card = field(repr=False)


@dataclass(frozen=True)
class _Rows:
    """The usable rows of a labelled table: frame, composition features, descriptors, temperatures."""

    frame: pl.DataFrame
    composition: Floats
    X: Floats
    t: Floats


def _usable(labelled: pl.DataFrame) -> _Rows:
    inputs.need_columns(labelled, ("formula", "t_mit_K"), "the labelled table")
    made = inputs.composition_matrix(labelled)
    t = inputs.numbers(labelled, "t_mit_K").fill_null(np.nan).to_numpy()
    rows = np.flatnonzero(made.ok & np.isfinite(t) & (np.nan_to_num(t) > 0))
    if len(rows) < 8:
        raise InputError.of(f"{len(rows)} rows with t_mit_K", "the labelled table", "give at least 8")
    X = warped.describe(labelled, made)
    return _Rows(labelled[rows.tolist()], made.values[rows], X[rows], t[rows].astype(float))


def train(labelled: pl.DataFrame, *, seed: int = 0) -> TemperatureModel:
    """Trains on the rows that carry `t_mit_K`.

    Raises:
        InputError: missing columns or fewer than 8 usable rows.
    """
    rows = _usable(labelled)
    formulas = [str(f) for f in rows.frame["formula"].to_list()]
    settings = {
        "descriptors": [list(g) for g in warped.GROUPS],
        "draws": warped.DRAWS * len(warped.WARPS),
        "priors": [process.AMPLITUDE, process.LENGTH, process.NOISE],
        "level": LEVEL,
        "seed": seed,
    }
    scores = _scores(rows, seed, leaving.FOLDS)
    card = cards.Card(
        kind=KIND,
        model_id=cards.identify(KIND, settings, formulas, rows.t.tolist()),
        summary="Predicts the metal-insulator transition temperature of compounds that have one.",
        data={"rows": len(rows.t)},
        settings=settings,
        scores=scores,
        caveats=_caveats(scores),
    )
    known = rows.frame.select(_reduced(rows.frame), t=pl.Series(rows.t)).group_by("reduced").agg(pl.col("t").median())
    fitted = warped.fit(rows.X, rows.t, seed=seed)
    domain = ensemble.fit_domain(rows.composition, formulas)
    return TemperatureModel(
        card.model_id, fitted, scores["nominal"], dict(known.sort("reduced").iter_rows()), domain, card
    )


def _caveats(scores: dict[str, Any]) -> tuple[str, ...]:
    family = scores["leave_family_out"]
    unseen = "" if family["mae_K"] is None else (
        f"With the whole family left out it is off by {family['mae_K']:.0f} K (the median of the other families: "
        f"{family['mae_median_K']:.0f} K): a temperature outside the known series is a guess with an interval."
    )  # fmt: skip
    told = (
        "Meaningful only for compounds that have a transition: the model saw no others and gives a temperature "
        "to any formula. `temperature predict` sets in_domain = false where the classifier expects none.",
        f"Leave one out over {scores['n']} compounds: off by {scores['mae_K']:.0f} K on average, by "
        f"{scores['mae_low_K']:.0f} to {scores['mae_high_K']:.0f} K if families are drawn anew (the mean of the rest: "
        f"{scores['mae_mean_K']:.0f} K, of the family: {scores['mae_family_mean_K']:.0f} K); 80 % intervals are "
        f"{scores['mean_width_K']:.0f} K wide and hold {scores['coverage_80']:.0%} of the known temperatures. "
        "Good within a series, poor for a compound alone: see the families among the scores.",
        unseen,
        "The descriptors were chosen on the 67 compounds that ship with the project; some hundred choices were off by "
        "89 to 117 K there.",
        "Composition only: structure features did not help. t_known_K is the label of a training compound.",
        "Training temperatures mix rounded and digitised values.",
    )
    return tuple(filter(None, told))


def _scores(rows: _Rows, seed: int, folds: int) -> dict[str, Any]:
    radius = rows.X[:, 0] * warped.GROUPS[0]["site_radius"]
    families, wide = (inputs.groups(rows.frame, g) for g in ("family_ln", "family_tm_anion"))
    formulas = len(set(rows.frame["formula"].to_list()))
    return {**leaving.scores(rows.X, rows.t, radius, families, wide, seed=seed, folds=folds), "n_formulas": formulas}


def evaluate(labelled: pl.DataFrame, *, seed: int = 0, folds: int = leaving.FOLDS) -> dict[str, Any]:
    """Errors (K) with one compound and with one family left out, coverage of the 80 % interval, and baselines.

    Args:
        labelled: `formula` and `t_mit_K`.
        seed: of the draws.
        folds: parts of the rows for which kernel parameters are drawn; as many as rows is exact, and slow.

    Raises:
        InputError: missing columns or fewer than 8 usable rows.
    """
    return {**_scores(_usable(labelled), seed, folds), "seed": seed}


def _reduced(frame: pl.DataFrame) -> pl.Series:
    from etl.features.formulas import reduced

    return frame["formula"].cast(pl.String).map_elements(reduced, return_dtype=pl.String).alias("reduced")


def predict(
    model: TemperatureModel, frame: pl.DataFrame, *, classifier: training.ScreeningModel | None = None
) -> pl.DataFrame:
    """Adds `t_mit_K`, `low_K`, `high_K` (80 %), `t_known_K`, `in_domain`, `domain_reason`.

    Unreadable formulas stay, with a reason. `t_known_K` is the label of compounds that the model was trained on.

    Args:
        model: trained temperature model.
        frame: needs `formula`.
        classifier: adds `p_mit`, and puts compounds outside the domain for which it expects no transition.

    Raises:
        InputError: no `formula` column.
    """
    made = inputs.composition_matrix(frame)
    rows = np.flatnonzero(made.ok)
    columns = np.full((frame.height, 3), np.nan)
    far = np.zeros(frame.height, bool)
    if len(rows):
        columns[rows] = _quantiles(model, warped.describe(frame, made)[rows])
        far[rows] = model.domain.distance(made.values[rows]) > model.domain.limit
    columns = np.round(columns, 4)
    away = pl.when(pl.Series(far)).then(pl.lit("far from every compound with a known transition temperature"))
    expected = _expected(classifier, frame) if classifier is not None else frame.select(none=pl.lit(None, pl.String))
    ok = pl.Series(made.ok)
    found = frame.select(
        pl.Series("ok", made.ok),
        pl.Series("reason", made.reason, dtype=pl.String),
        *(pl.Series(n, columns[:, k], nan_to_null=True) for k, n in enumerate(("t_mit_K", "low_K", "high_K"))),
        _reduced(frame).replace_strict(model.known, default=None, return_dtype=pl.Float64).alias("t_known_K"),
        *(expected.get_column(c) for c in expected.columns if c == "p_mit"),
        pl.when(ok).then(pl.Series(~far) & expected["none"].is_null()).alias("in_domain"),
        pl.when(ok)
        .then(pl.concat_str(expected["none"], away, separator="; ", ignore_nulls=True).replace("", None))
        .alias("domain_reason"),
        pl.Series("model_id", [model.model_id] * frame.height, dtype=pl.String),
    )
    return beside(frame, found)


def _quantiles(model: TemperatureModel, X: Floats) -> Floats:
    """Median and the ends of the interval, n x 3; in batches, for tables of any length."""
    parts = []
    for first in range(0, len(X), _BATCH):
        belief = model.fitted.predict(X[first : first + _BATCH])
        parts.append(np.column_stack([belief.quantile(q) for q in (0.5, (1 - model.share) / 2, (1 + model.share) / 2)]))
    return np.vstack(parts)


def _expected(classifier: training.ScreeningModel, frame: pl.DataFrame) -> pl.DataFrame:
    """`p_mit`, and in `none` why no transition is to be expected: what is known of a compound, else the classifier."""
    found = training.predict(classifier, frame).select("label", "p_mit", "known_label")
    told = pl.format(
        "the classifier expects a compound without transition ({}, p_mit {})", "label", pl.col("p_mit").round(2)
    )
    no_transition = pl.coalesce("known_label", "label") != "mit"
    why = pl.coalesce(pl.format("known without a transition ({})", "known_label"), told)
    return found.select("p_mit", none=pl.when(no_transition).then(why))


def save(model: TemperatureModel, folder: Path) -> cards.Card:
    """Writes the model folder."""
    return cards.save(model, model.card, folder)


def load(folder: Path) -> TemperatureModel:
    """Reads a model folder.

    Raises:
        InputError: missing, garbled or of another kind.
    """
    model: TemperatureModel = cards.load(folder, kind=KIND, expect=TemperatureModel)
    return model
