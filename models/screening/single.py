"""Why the model says so of single compounds: SHAP contributions of their features, and the nearest labelled compounds.

What holds for a whole model is in `explanation`.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from models.screening import CLASSES, inputs
from models.screening.explanation import shap_values
from models.screening.training import Part, ScreeningModel
from schemas.arrays import Floats


def contributions(model: ScreeningModel, frame: pl.DataFrame, *, stored: pl.DataFrame | None = None) -> pl.DataFrame:
    """What each feature adds to the raw MIT score of each compound: mean over the ensemble.

    Args:
        model: a trained model.
        frame: `formula`, `features` (the part of the model that speaks of the row) and the structure features.
        stored: rows of feat.composition; what they lack is computed.

    Returns:
        `formula`, `feature`, `value` (null where missing), `contribution` (log-odds before calibration), one row a
        compound and feature, in the order of the features.
    """
    parts = []
    for part, rows, X in _by_part(model, frame, stored):
        shap, _ = shap_values(part, X)
        columns = {
            "formula": np.repeat(rows["formula"].to_numpy(), len(part.names)),
            "feature": np.tile(np.array(part.names, dtype=object), rows.height),
            "value": X.ravel(),
            "contribution": shap.ravel(),
        }
        parts.append(pl.DataFrame(columns, schema_overrides={"formula": pl.String, "feature": pl.String}))
    empty = {"formula": pl.String, "feature": pl.String, "value": pl.Float64, "contribution": pl.Float64}
    made = pl.concat(parts) if parts else pl.DataFrame(schema=empty)
    return made.with_columns(pl.col("value").fill_nan(None))


def neighbours(
    model: ScreeningModel, frame: pl.DataFrame, *, top: int = 5, stored: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The labelled compounds nearest to each compound, by the distance that also decides on the model's domain.

    Args:
        model: a trained model.
        frame: as for `contributions`.
        top: compounds to name.
        stored: rows of feat.composition; what they lack is computed.

    Returns:
        `formula`, `rank` (from 1), `precedent`, `label`, `distance` (root mean square, scaled features).
    """
    labels = [CLASSES[c] for c in model.codes]
    found = []
    for part, rows, X in _by_part(model, frame, stored):
        gaps = part.domain.distances(X)
        for formula, gap in zip(rows["formula"], gaps, strict=True):
            order = np.argsort(gap, kind="stable")[:top]
            found += [
                (formula, rank, model.formulas[i], labels[i], float(gap[i])) for rank, i in enumerate(order, start=1)
            ]
    schema = {"formula": pl.String, "rank": pl.Int64, "precedent": pl.String, "label": pl.String}
    return pl.DataFrame(found, schema={**schema, "distance": pl.Float64}, orient="row")


def _by_part(
    model: ScreeningModel, frame: pl.DataFrame, stored: pl.DataFrame | None
) -> Iterator[tuple[Part, pl.DataFrame, Floats]]:
    """The parts of the model that speak, each with its rows and their feature matrix."""
    for name, part in model.parts.items():
        rows = frame.filter(pl.col("features") == name)
        if rows.height:
            yield part, rows, inputs.matrix(rows, name, stored).values
