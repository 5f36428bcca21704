"""Why the model says so: SHAP values and accumulated local effects (ALE) of one and two features.

SHAP: Lundberg et al., Nat. Mach. Intell. 2, 56 (2020), by LightGBM's `pred_contrib`; of a kernel, see `members`. ALE:
Apley and Zhu, J. R. Stat. Soc. B 82, 1059 (2020), equations 5 to 11, written out here in numpy.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from models.screening import CLASSES
from models.screening.inputs import Floats
from models.screening.training import Part, ScreeningModel
from schemas.errors import InputError

Predictor = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Explanation:
    """Tables of an explanation.

    Attributes:
        features: the part of the model that is explained.
        importance: `feature`, `mean_abs_shap`, `rank`.
        shap: `formula`, `feature`, `feature_value`, `shap` (raw score of the MIT class), `class_name`.
        ale: `feature`, `x`, `ale` (change of p_mit), `n`.
        ale_pairs: `feature_1`, `feature_2`, `x_1`, `x_2`, `ale`.
    """

    features: str
    importance: pl.DataFrame
    shap: pl.DataFrame
    ale: pl.DataFrame
    ale_pairs: pl.DataFrame


def shap_values(part: Part, X: Floats) -> tuple[Floats, float]:
    """What each feature adds to the mean raw MIT score of a part, n x d, and the score without any."""
    return part.fitted.pool.shap(X, CLASSES.index("mit"))


def edges(x: Floats, bins: int) -> Floats:
    """Distinct quantiles of x as bin edges; at least one value."""
    return np.asarray(np.unique(np.quantile(x, np.linspace(0, 1, bins + 1))), dtype=np.float64)


def ale_1d(predict: Predictor, X: Floats, feature: int, *, bins: int = 20) -> tuple[Floats, Floats, Floats]:
    """First-order ALE of one feature.

    Args:
        predict: n x d to n.
        X: background rows without missing values.
        feature: column.
        bins: quantile bins.

    Returns:
        Edges (m + 1), centred effect at each edge (m + 1), rows in each bin (m).
    """
    z = edges(X[:, feature], bins)
    if len(z) < 2:
        return z, np.zeros(len(z)), np.zeros(0)
    place = np.clip(np.searchsorted(z, X[:, feature], side="left") - 1, 0, len(z) - 2)
    low, high = X.copy(), X.copy()
    low[:, feature], high[:, feature] = z[place], z[place + 1]
    n = np.bincount(place, minlength=len(z) - 1).astype(float)
    step = np.bincount(place, predict(high) - predict(low), minlength=len(z) - 1) / np.maximum(n, 1)
    effect = np.append(0.0, np.cumsum(step))
    centre = float(np.sum(n * (effect[:-1] + effect[1:]) / 2) / n.sum())
    return z, effect - centre, n


def ale_2d(predict: Predictor, X: Floats, pair: tuple[int, int], *, bins: int = 8) -> tuple[Floats, Floats, Floats]:
    """Second-order ALE of two features: the pure interaction, main effects removed.

    Returns:
        Edges of the first, edges of the second, effect at the crossings ((m + 1) x (k + 1)). Cells without rows
        take the mean difference of the nearest cell that has some.
    """
    a, b = pair
    u, v = edges(X[:, a], bins), edges(X[:, b], bins)
    if len(u) < 2 or len(v) < 2:
        return u, v, np.zeros((len(u), len(v)))
    i = np.clip(np.searchsorted(u, X[:, a], side="left") - 1, 0, len(u) - 2)
    j = np.clip(np.searchsorted(v, X[:, b], side="left") - 1, 0, len(v) - 2)

    def at(p: Floats, q: Floats) -> Floats:
        moved = X.copy()
        moved[:, a], moved[:, b] = p, q
        return predict(moved)

    change = (at(u[i + 1], v[j + 1]) - at(u[i], v[j + 1])) - (at(u[i + 1], v[j]) - at(u[i], v[j]))
    shape = (len(u) - 1, len(v) - 1)
    flat = i * shape[1] + j
    n = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape).astype(float)
    mean = np.bincount(flat, change, minlength=shape[0] * shape[1]).reshape(shape) / np.maximum(n, 1)
    effect = np.zeros((len(u), len(v)))
    effect[1:, 1:] = _spread(mean, n).cumsum(axis=0).cumsum(axis=1)
    return u, v, _centred(effect, n)


def _spread(mean: Floats, n: Floats) -> Floats:
    """Empty cells take the value of the nearest filled cell (in cell counts)."""
    filled = np.argwhere(n > 0)
    out = mean.copy()
    for cell in np.argwhere(n == 0):
        nearest = filled[np.argmin(((filled - cell) ** 2).sum(axis=1))]
        out[tuple(cell)] = mean[tuple(nearest)]
    return out


def _centred(effect: Floats, n: Floats) -> Floats:
    """Removes the first-order effects and the mean that the double sum still carries (equations 9 and 10)."""
    along_u, along_v = np.diff(effect, axis=0), np.diff(effect, axis=1)
    row, column = np.maximum(n.sum(axis=1), 1), np.maximum(n.sum(axis=0), 1)
    main_u = np.append(0, np.cumsum((n * (along_u[:, :-1] + along_u[:, 1:]) / 2).sum(axis=1) / row))
    main_v = np.append(0, np.cumsum((n * (along_v[:-1] + along_v[1:]) / 2).sum(axis=0) / column))
    left = effect - main_u[:, None] - main_v[None, :]
    cell = (left[:-1, :-1] + left[1:, :-1] + left[:-1, 1:] + left[1:, 1:]) / 4
    centred: Floats = left - (n * cell).sum() / n.sum()
    return centred


def explain(
    model: ScreeningModel, *, features: str | None = None, top: int = 10, pairs: int = 3, bins: int = 20
) -> Explanation:
    """Explains one part of the model on its own training compounds.

    Args:
        model: a trained model.
        features: which part; the richest unless told.
        top: features to tabulate by ALE and SHAP, most important first.
        pairs: pairs among the most important features for second-order ALE.
        bins: quantile bins of first-order ALE.

    Raises:
        InputError: the model has no such part.
    """
    part = model.richest if features is None else model.parts.get(features)
    if part is None:
        raise InputError.of(f"no part {features!r}", "the model", f"choose from {', '.join(model.parts)}")
    X, fitted = part.fitted.pool.filled(part.matrix), part.fitted
    values, _ = shap_values(part, part.matrix)
    size = np.abs(values).mean(axis=0)
    order = np.lexsort((np.arange(len(size)), -size))

    def p_mit(Z: Floats) -> Floats:
        return fitted.probabilities(Z)[:, CLASSES.index("mit")]

    leading = [int(f) for f in order[:top]]
    chosen = [(leading[i], leading[j]) for i in range(len(leading)) for j in range(i + 1, len(leading))]
    chosen.sort(key=lambda p: leading.index(p[0]) + leading.index(p[1]))
    importance = pl.DataFrame(
        {"feature": [part.names[f] for f in order], "mean_abs_shap": size[order], "rank": np.arange(1, len(order) + 1)}
    )
    shap = pl.concat([_shap(model, part, values, f) for f in leading])
    ale = pl.concat([_first(part.names[f], *ale_1d(p_mit, X, f, bins=bins)) for f in leading])
    ale_pairs = pl.concat([_second(part.names[a], part.names[b], *ale_2d(p_mit, X, (a, b))) for a, b in chosen[:pairs]])
    return Explanation(part.features, importance, shap, ale, ale_pairs)


def _shap(model: ScreeningModel, part: Part, values: Floats, feature: int) -> pl.DataFrame:
    columns = {
        "formula": model.formulas,
        "feature": part.names[feature],
        "feature_value": part.matrix[:, feature],
        "shap": values[:, feature],
        "class_name": [CLASSES[c] for c in model.codes],
    }
    return pl.DataFrame(columns).with_columns(pl.col("feature_value").fill_nan(None))


def _first(name: str, z: Floats, effect: Floats, n: Floats) -> pl.DataFrame:
    counts = np.append(n, 0).astype(np.int64) if len(n) else np.zeros(len(z), np.int64)
    return pl.DataFrame({"feature": [name] * len(z), "x": z, "ale": effect, "n": counts})


def _second(first: str, second: str, u: Floats, v: Floats, effect: Floats) -> pl.DataFrame:
    m, k = effect.shape
    return pl.DataFrame(
        {
            "feature_1": [first] * (m * k),
            "feature_2": [second] * (m * k),
            "x_1": np.repeat(u, k),
            "x_2": np.tile(v, m),
            "ale": effect.ravel(),
        }
    )


def tabulate(found: Sequence[Explanation], model_id: str) -> pl.DataFrame:
    """Explanations of the parts of a model as rows of `pred.explanations`."""
    body = pl.concat([_rows(one) for one in found]).with_row_index("explanation_number")
    return body.select(
        pl.lit(model_id).alias("model_id"),
        pl.col("explanation_number").cast(pl.Int64),
        pl.all().exclude("explanation_number"),
    )


def _rows(found: Explanation) -> pl.DataFrame:
    none = pl.lit(None, dtype=pl.String)
    number = pl.lit(None, dtype=pl.Float64)
    pieces = [
        found.importance.select(
            kind=pl.lit("mean_abs_shap"), feature_1="feature", feature_2=none, x_1=number, x_2=number,
            effect="mean_abs_shap",
        ),
        found.ale.select(kind=pl.lit("ale"), feature_1="feature", feature_2=none, x_1="x", x_2=number, effect="ale"),
        found.ale_pairs.select(pl.lit("ale_pair").alias("kind"), "feature_1", "feature_2", "x_1", "x_2", effect="ale"),
    ]  # fmt: skip
    return pl.concat(pieces).select(pl.lit(found.features).alias("features"), pl.all())
