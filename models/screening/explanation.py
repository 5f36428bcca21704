"""Why the model says so: importances, SHAP values and accumulated local effects, as tables.

SHAP: Lundberg et al., Nat. Mach. Intell. 2, 56 (2020), by LightGBM's `pred_contrib`; of a kernel, see `members`. ALE
is `effects`, taken over the training compounds in `background`; one map of two features is `plane`. Single compounds
are explained in `single`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from models.screening import CLASSES, MIT, importance, plane
from models.screening.background import REPLICATES, background, first, second
from models.screening.training import Part, ScreeningModel
from schemas.arrays import Floats
from schemas.errors import InputError


@dataclass(frozen=True)
class Explanation:
    """Tables of an explanation; `low` and `high` are bands of 95 % over families and views.

    Attributes:
        features: the part of the model that is explained.
        importance: `feature`, `mean_abs_shap`, `rank`.
        shap: `formula`, `feature`, `feature_value`, `shap` (raw score of the MIT class), `class_name`.
        ale: `feature`, `x`, `ale` (change of p_mit), `low`, `high`, `n` (rows in the bin that begins at x).
        ale_pairs: `feature_1`, `feature_2`, `x_1`, `x_2`, `ale`, `low`, `high`, `n` (rows in the cells that meet here).
        permutation: `feature`, `loss` of average precision, `low`, `high`, see `importance`.
        plane: the map of ionicity, see `plane.tabulate`; no rows where no structure is known.
    """

    features: str
    importance: pl.DataFrame
    shap: pl.DataFrame
    ale: pl.DataFrame
    ale_pairs: pl.DataFrame
    plane: pl.DataFrame
    permutation: pl.DataFrame


def shap_values(part: Part, X: Floats) -> tuple[Floats, float]:
    """What each feature adds to the mean raw MIT score of a part, n x d, and the score without any."""
    return part.fitted.pool.shap(X, MIT)


def chosen(model: ScreeningModel, features: str | None) -> Part:
    """The part of that name, or the richest.

    Raises:
        InputError: the model has no such part.
    """
    part = model.richest if features is None else model.parts.get(features)
    if part is None:
        raise InputError.of(f"no part {features!r}", "the model", f"choose from {', '.join(model.parts)}")
    return part


def explain(
    model: ScreeningModel,
    *,
    features: str | None = None,
    top: int = 10,
    pairs: int = 3,
    bins: int = 20,
    replicates: int = REPLICATES,
) -> Explanation:
    """Explains one part of the model on its own training compounds.

    Args:
        model: a trained model.
        features: which part; the richest unless told.
        top: features to tabulate by ALE and SHAP, most important first.
        pairs: pairs among the most important features for second-order ALE.
        bins: quantile bins of first-order ALE.
        replicates: draws behind the bands.

    Raises:
        InputError: the model has no such part.
    """
    part = chosen(model, features)
    values, _ = shap_values(part, part.matrix)
    size = np.abs(values).mean(axis=0)
    order = np.lexsort((np.arange(len(size)), -size))
    leading = [int(f) for f in order[:top]]
    couples = [(leading[i], leading[j]) for i in range(len(leading)) for j in range(i + 1, len(leading))]
    couples.sort(key=lambda p: leading.index(p[0]) + leading.index(p[1]))
    sizes = pl.DataFrame(
        {"feature": [part.names[f] for f in order], "mean_abs_shap": size[order], "rank": np.arange(1, len(order) + 1)}
    )
    over = background(model, part, replicates=replicates)
    shap = pl.concat([_shap(model, part, values, f) for f in leading])
    ale = pl.concat([_of_mit(first(over, f, bins=bins)) for f in leading]).rename({"feature_1": "feature", "x_1": "x"})
    ale_pairs = [_of_mit(second(over, couple)) for couple in couples[:pairs]]
    found = pl.concat(ale_pairs) if ale_pairs else _no_pairs()
    lost = importance.permutation(model, part, leading)
    return Explanation(part.features, sizes, shap, ale, found, plane.tabulate(model, part, over), lost)


def _of_mit(effects: pl.DataFrame) -> pl.DataFrame:
    return effects.filter(pl.col("class_name") == "mit").drop("class_name")


def _no_pairs() -> pl.DataFrame:
    text, number = dict.fromkeys(("feature_1", "feature_2"), pl.String), dict.fromkeys(_NUMBERS, pl.Float64)
    return pl.DataFrame(schema={**text, **number, "n": pl.Int64})


_NUMBERS = ("x_1", "x_2", "ale", "low", "high")


def _shap(model: ScreeningModel, part: Part, values: Floats, feature: int) -> pl.DataFrame:
    columns = {
        "formula": model.formulas,
        "feature": part.names[feature],
        "feature_value": part.matrix[:, feature],
        "shap": values[:, feature],
        "class_name": [CLASSES[c] for c in model.codes],
    }
    return pl.DataFrame(columns).with_columns(pl.col("feature_value").fill_nan(None))


def tabulate(found: Sequence[Explanation], model_id: str) -> pl.DataFrame:
    """Explanations of the parts of a model as rows of `pred.explanations`."""
    body = pl.concat([_rows(one) for one in found]).with_row_index("explanation_number")
    return body.select(
        pl.lit(model_id).alias("model_id"),
        pl.col("explanation_number").cast(pl.Int64),
        pl.all().exclude("explanation_number"),
    )


def _rows(found: Explanation) -> pl.DataFrame:
    pieces = {
        "mean_abs_shap": found.importance.select(feature_1="feature", effect="mean_abs_shap"),
        "permutation": found.permutation.rename({"feature": "feature_1", "loss": "effect"}),
        "ale": found.ale.rename({"feature": "feature_1", "x": "x_1", "ale": "effect"}),
        "ale_pair": found.ale_pairs.rename({"ale": "effect"}),
    }
    shape = pl.DataFrame(schema=_SHAPE)
    named = [piece.with_columns(kind=pl.lit(kind), class_name=pl.lit("mit")) for kind, piece in pieces.items()]
    return pl.concat([shape, *named, found.plane], how="diagonal").with_columns(features=pl.lit(found.features))


_SHAPE = {
    **dict.fromkeys(("features", "kind", "class_name", "feature_1", "feature_2"), pl.String),
    **dict.fromkeys(("x_1", "x_2", "effect", "low", "high"), pl.Float64),
    "n": pl.Int64,
}
