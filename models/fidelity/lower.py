"""Lower fidelities where they are not known: predicted from the composition, never by a model that saw the system."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.boosting import regressor
from models.fidelity.inputs import Inputs
from schemas.arrays import Floats

FOLDS = 4
FEWEST = 40
"""Rows with a value of a fidelity below which none is predicted."""
_LARGE = 20_000


@dataclass(frozen=True)
class Crossed:
    """One model a fold; a row is predicted by the model that learned without all rows of its chemical system.

    So a prediction is as good for a row of the training table as for a new one, and what is learned from predictions
    holds for both.
    """

    models: tuple[Any, ...]

    def predict(self, inputs: Inputs) -> Floats:
        """Values of n rows; NaN where the composition is not known."""
        folds = inputs.folds(len(self.models), salt="lower")
        found = np.full(len(inputs), np.nan)
        known = np.isfinite(inputs.features).any(axis=1)
        for fold, model in enumerate(self.models):
            rows = known & (folds == fold)
            if rows.any():
                found[rows] = model.predict(inputs.features[rows])
        return found


def fit(inputs: Inputs, values: Floats, *, seed: int) -> Crossed | None:
    """Learns one fidelity from the rows that have it; None where they are too few."""
    rows = np.isfinite(values) & np.isfinite(inputs.features).any(axis=1)
    folds = inputs.folds(FOLDS, salt="lower")
    if rows.sum() < FEWEST or len(np.unique(folds[rows])) < FOLDS:
        return None
    made = []
    for fold in range(FOLDS):
        part = rows & (folds != fold)
        made.append(_booster(int(part.sum()), seed).fit(inputs.features[part], values[part]))
    return Crossed(tuple(made))


def _booster(rows: int, seed: int) -> Any:
    large = rows > _LARGE
    return regressor(
        seed=seed,
        n_estimators=300,
        learning_rate=0.12 if large else 0.05,
        num_leaves=95 if large else 31,
        min_child_samples=10,
        colsample_bytree=0.25,
        max_bin=127,
    )
