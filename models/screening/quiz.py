"""The survey of experts as a task for the model: compounds of which it has seen neither them nor their families."""

from typing import Any

import numpy as np
import polars as pl

from models.screening import CLASSES, ensemble, inputs, metrics

FAMILY = "family_ln"
"""Chemical systems with the rare earths merged: without, LaNiO3 would be told from NdNiO3."""


def quiz(
    labelled: pl.DataFrame,
    answers: pl.DataFrame,
    *,
    features: str,
    seed: int,
    effort: ensemble.Effort,
    stored: pl.DataFrame | None = None,
) -> dict[str, Any]:
    """Scores of a model on the compounds of the survey, learned from the labelled compounds of other families.

    Args:
        labelled, stored: as `training.train` takes them.
        answers: `formula`, `label_name`.
        features: feature set of the model.
        seed, effort: of the fit.

    Returns:
        `n`, `learned_from`, and by score `value`, `low`, `high` (95 % over families of the survey); nothing where the
        table lacks a compound of the survey, for the rest of it is another survey.
    """
    kept, y = inputs.learnable(labelled, "label_name", stored)
    asked = np.isin(kept["formula"].to_numpy(), answers["formula"].to_numpy())
    if len(set(kept["formula"].to_numpy()[asked])) < answers.height:
        return {}
    made = inputs.matrix(kept, features, stored)
    families = np.array(inputs.groups(kept, FAMILY), dtype=object)
    rest = ~np.isin(families, families[asked])
    keys = inputs.groups(kept.filter(pl.Series(rest)), "family_tm_anion")
    fitted = ensemble.fit_calibrated(made.values[rest], y[rest], made.names, keys, seed=seed, effort=effort)
    p = fitted.probabilities(made.values[asked])
    scores = metrics.with_intervals(y[asked], [p], families[asked].tolist(), seed=seed)
    return {"n": int(asked.sum()), "learned_from": int(rest.sum()), **scores}


def of_experts(answers: pl.DataFrame) -> dict[str, float]:
    """Scores of the answer that most experts gave."""
    truth = inputs.labels(answers, "label_name")
    votes = answers.select(*(pl.col(f"n_{c}") for c in CLASSES)).to_numpy().astype(float)
    return metrics.scores(truth, votes, ("f1_weighted", "f1_weighted_3class", "f1_mit"))
