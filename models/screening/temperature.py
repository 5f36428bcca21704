"""Transition temperature of MIT compounds: a Gaussian process with 80 % intervals, judged against the mean.

About 67 compounds are known: the model ranks and brackets, it does not pin down. Whether there is a transition at
all is the classifier's question: see `predict`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from etl.features.rows import beside
from models import cards
from models.screening import CLASSES, ensemble, inputs, training
from models.screening.inputs import Floats
from schemas.errors import InputError

KIND = "temperature"
COMPONENTS, LEVEL = 12, 0.8


@dataclass(frozen=True)
class TemperatureModel:
    """A Gaussian process on principal components of composition features.

    Attributes:
        model_id: hash of training rows and settings.
        axes: mean, scale and rotation into the components.
        process: the fitted scikit-learn regressor on sqrt(T).
        stretch: factor on the standard deviation that makes leave-one-out intervals cover 80 %.
        domain: applicability domain in composition space.
        card: what is written beside the model.
    """

    model_id: str
    axes: tuple[Floats, Floats, Floats]
    process: Any
    stretch: float
    domain: ensemble.Domain
    card: cards.Card = field(repr=False)


def _axes(X: Floats) -> tuple[Floats, Floats, Floats]:
    mean, scale = np.nanmean(X, axis=0), np.nanstd(X, axis=0)
    scale = np.where(scale > 1e-9, scale, np.inf)
    _, s, vt = np.linalg.svd(np.nan_to_num((X - mean) / scale), full_matrices=False)
    keep = min(COMPONENTS, len(s))
    sign = np.sign(vt[np.arange(keep), np.abs(vt[:keep]).argmax(axis=1)])
    rotation = (vt[:keep] * sign[:, None]).T / (s[0] / np.sqrt(len(X)))
    return mean, scale, rotation


def _project(X: Floats, axes: tuple[Floats, Floats, Floats]) -> Floats:
    mean, scale, rotation = axes
    projected: Floats = np.clip(np.nan_to_num((X - mean) / scale), -8, 8) @ rotation
    return projected


def _process(Z: Floats, t: Floats, kernel: Any | None = None) -> Any:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel

    fresh = ConstantKernel(1.0, (1e-2, 1e2)) * Matern(1.0, (0.05, 20.0), nu=1.5) + ConstantKernel(
        1.0, (1e-2, 1e2)
    ) * RBF(3.0, (0.5, 50.0))
    made = GaussianProcessRegressor(
        kernel if kernel is not None else fresh + WhiteKernel(0.1, (1e-2, 2.0)),
        optimizer="fmin_l_bfgs_b" if kernel is None else None,
        normalize_y=True,
        random_state=0,
    )
    import warnings

    with warnings.catch_warnings():
        # A hyperparameter at its bound is expected with so few rows and changes nothing for the user.
        warnings.simplefilter("ignore")
        return made.fit(Z, np.sqrt(t))


def _leave_one_out(X: Floats, t: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of sqrt(T) for each row, from a process that did not see it.

    Kernel parameters are refitted for each of ten folds of rows, so that none of them saw the row either.
    """
    mean, sd = np.zeros(len(t)), np.ones(len(t))
    folds = min(10, len(t))
    for k in range(folds):
        held = np.arange(k, len(t), folds)
        rest = np.setdiff1d(np.arange(len(t)), held)
        kernel = _process(_project(X[rest], _axes(X[rest])), t[rest]).kernel_
        for i in held:
            others = np.delete(np.arange(len(t)), i)
            axes = _axes(X[others])
            made = _process(_project(X[others], axes), t[others], kernel)
            m, s = made.predict(_project(X[[i]], axes), return_std=True)
            mean[i], sd[i] = float(m[0]), float(s[0])
    return mean, sd


def _stretch(mean: Floats, sd: Floats, t: Floats) -> float:
    score = np.sort(np.abs(np.sqrt(t) - mean) / sd)
    rank = min(len(score), int(np.ceil((len(score) + 1) * LEVEL)))
    return float(score[rank - 1])


def _usable(labelled: pl.DataFrame) -> tuple[pl.DataFrame, Floats, Floats]:
    inputs.need_columns(labelled, ("formula", "t_mit_K"), "the labelled table")
    made = inputs.composition_matrix(labelled)
    t = labelled["t_mit_K"].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    rows = np.flatnonzero(made.ok & np.isfinite(t) & (np.nan_to_num(t) > 0))
    if len(rows) < 8:
        raise InputError.of(f"{len(rows)} rows with t_mit_K", "the labelled table", "give at least 8")
    return labelled[rows.tolist()], made.values[rows], t[rows].astype(float)


def train(labelled: pl.DataFrame, *, seed: int = 0) -> TemperatureModel:
    """Trains on the rows that carry `t_mit_K`.

    Raises:
        InputError: missing columns or fewer than 8 usable rows.
    """
    kept, X, t = _usable(labelled)
    axes = _axes(X)
    mean, sd = _leave_one_out(X, t)
    settings = {"components": COMPONENTS, "level": LEVEL, "seed": seed}
    model_id = cards.identify(KIND, settings, kept["formula"].to_list(), t.tolist())
    scores = _report(mean, sd, t, kept["formula"].to_list())
    card = cards.Card(
        kind=KIND,
        model_id=model_id,
        summary="Predicts the metal-insulator transition temperature of compounds that have one.",
        data={"rows": len(t)},
        settings=settings,
        scores=scores,
        caveats=(
            "Meaningful only for compounds that have a transition: the model saw no others and gives a temperature "
            "to any formula. `temperature predict` sets in_domain = false where the classifier expects none.",
            f"Leave one out over {scores['n']} compounds: off by {scores['mae_K']:.0f} K on average "
            f"(the mean of the rest: {scores['mae_mean_K']:.0f} K); 80 % intervals are {scores['mean_width_K']:.0f} K "
            f"wide and hold {scores['coverage_80']:.0%} of the known temperatures. "
            "Points shrink towards the mean, known compounds included: look a known temperature up.",
            "Training temperatures mix rounded and digitised values.",
        ),
    )
    domain = ensemble.fit_domain(X, [str(f) for f in kept["formula"].to_list()])
    return TemperatureModel(model_id, axes, _process(_project(X, axes), t), _stretch(mean, sd, t), domain, card)


def _report(mean: Floats, sd: Floats, t: Floats, formulas: list[str]) -> dict[str, Any]:
    point = np.maximum(mean, 0) ** 2
    others = (t.sum() - t) / (len(t) - 1)
    factor = np.array([_stretch(np.delete(mean, i), np.delete(sd, i), np.delete(t, i)) for i in range(len(t))])
    low, high = np.maximum(mean - factor * sd, 0) ** 2, (mean + factor * sd) ** 2
    return {
        "protocol": "leave one out",
        "n": len(t),
        "n_formulas": len(set(formulas)),
        "mae_K": round(float(np.mean(np.abs(point - t))), 2),
        "mae_mean_K": round(float(np.mean(np.abs(others - t))), 2),
        "median_ae_K": round(float(np.median(np.abs(point - t))), 2),
        "coverage_80": round(float(np.mean((t >= low) & (t <= high))), 3),
        "mean_width_K": round(float(np.mean(high - low)), 1),
    }


def evaluate(labelled: pl.DataFrame, *, seed: int = 0) -> dict[str, Any]:
    """Leave-one-out errors (K), coverage of the 80 % interval, and the error of the mean beside them.

    Raises:
        InputError: missing columns or fewer than 8 usable rows.
    """
    kept, X, t = _usable(labelled)
    return {**_report(*_leave_one_out(X, t), t, kept["formula"].to_list()), "seed": seed}


def predict(
    model: TemperatureModel, frame: pl.DataFrame, *, classifier: training.ScreeningModel | None = None
) -> pl.DataFrame:
    """Adds `t_mit_K`, `low_K`, `high_K` (80 %), `in_domain`, `domain_reason`; unreadable formulas stay with a reason.

    Args:
        model: trained temperature model.
        frame: needs `formula`.
        classifier: adds `p_mit`, and puts compounds outside the domain for which it expects no transition.

    Raises:
        InputError: no `formula` column.
    """
    made = inputs.composition_matrix(frame)
    columns = np.full((frame.height, 3), np.nan)
    rows = np.flatnonzero(made.ok)
    far = np.zeros(frame.height, bool)
    if len(rows):
        mean, sd = model.process.predict(_project(made.values[rows], model.axes), return_std=True)
        wide = model.stretch * sd
        columns[rows] = np.column_stack(
            [np.maximum(mean, 0) ** 2, np.maximum(mean - wide, 0) ** 2, np.maximum(mean + wide, 0) ** 2]
        )
        far[rows] = model.domain.distance(made.values[rows]) > model.domain.limit
    columns = np.round(columns, 4)
    away = pl.when(pl.Series(far)).then(pl.lit("far from every compound with a known transition temperature"))
    expected = _expected(classifier, frame) if classifier is not None else frame.select(none=pl.lit(None, pl.String))
    ok = pl.Series(made.ok)
    found = frame.select(
        pl.Series("ok", made.ok),
        pl.Series("reason", made.reason, dtype=pl.String),
        *(pl.Series(n, columns[:, k], nan_to_null=True) for k, n in enumerate(("t_mit_K", "low_K", "high_K"))),
        *(expected.get_column(c) for c in expected.columns if c == "p_mit"),
        pl.when(ok).then(pl.Series(~far) & expected["none"].is_null()).alias("in_domain"),
        pl.when(ok)
        .then(pl.concat_str(expected["none"], away, separator="; ", ignore_nulls=True).replace("", None))
        .alias("domain_reason"),
        pl.Series("model_id", [model.model_id] * frame.height, dtype=pl.String),
    )
    return beside(frame, found)


def _expected(classifier: training.ScreeningModel, frame: pl.DataFrame) -> pl.DataFrame:
    """`p_mit`, and in `none` why no transition is to be expected: what is known of a compound, else the classifier."""
    labels = [CLASSES[c] for c in classifier.codes]
    known = pl.DataFrame({"formula": classifier.formulas, "known": labels}).unique("formula", keep="none")
    made = training.predict(classifier, frame).select("formula", "label", "p_mit")
    found = made.join(known, on="formula", how="left", maintain_order="left")
    told = pl.format(
        "the classifier expects a compound without transition ({}, p_mit {})", "label", pl.col("p_mit").round(2)
    )
    no_transition = pl.coalesce("known", "label") != "mit"
    why = pl.coalesce(pl.format("known without a transition ({})", "known"), told)
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
