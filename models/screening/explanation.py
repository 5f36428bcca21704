"""Why the model says so: importances, SHAP values and accumulated local effects, as tables.

SHAP: Lundberg et al., Nat. Mach. Intell. 2, 56 (2020), by LightGBM's `pred_contrib`; of a kernel, see `members`. ALE
is `effects`. Single compounds are explained in `single`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from models.screening import CLASSES, inputs
from models.screening.effects import Predictor, ale_1d, ale_2d, band, group_weights, meeting
from models.screening.inputs import Floats, Ints
from models.screening.training import CALIBRATION_GROUPS, Part, ScreeningModel
from schemas.errors import InputError

MIT = CLASSES.index("mit")
REPLICATES = 300
PAIR_BINS = 8


@dataclass(frozen=True)
class Explanation:
    """Tables of an explanation; `low` and `high` are bands of 95 % over families and views.

    Attributes:
        features: the part of the model that is explained.
        importance: `feature`, `mean_abs_shap`, `rank`.
        shap: `formula`, `feature`, `feature_value`, `shap` (raw score of the MIT class), `class_name`.
        ale: `feature`, `x`, `ale` (change of p_mit), `low`, `high`, `n` (rows in the bin that begins at x).
        ale_pairs: `feature_1`, `feature_2`, `x_1`, `x_2`, `ale`, `low`, `high`, `n` (rows in the cells that meet here).
    """

    features: str
    importance: pl.DataFrame
    shap: pl.DataFrame
    ale: pl.DataFrame
    ale_pairs: pl.DataFrame


@dataclass(frozen=True)
class Background:
    """What effects of one part of a model are taken over.

    Attributes:
        names: of the features.
        X: training rows without missing values, n x d.
        predict: rows to probabilities, draws x classes x n; the first draw is the model as it is.
        weights: of the rows under each draw, draws x 1 x n; the first are all 1.
    """

    names: tuple[str, ...]
    X: Floats
    predict: Predictor
    weights: Floats


def background(model: ScreeningModel, part: Part, *, replicates: int = REPLICATES, seed: int = 0) -> Background:
    """The training compounds of a part; each draw weighs families and views of the ensemble anew."""
    rng = np.random.default_rng(seed)
    families = inputs.groups(pl.DataFrame({"formula": model.formulas}), CALIBRATION_GROUPS)
    weights = group_weights(families, replicates=replicates, rng=rng)
    X = part.fitted.pool.filled(part.matrix)
    return Background(part.names, X, _probabilities(part, replicates, rng), weights[:, None, :])


def _probabilities(part: Part, replicates: int, rng: np.random.Generator) -> Predictor:
    """Calibrated probabilities under random weights of the views and of the members of each.

    Without views bands are half as wide as the spread of ensembles learned anew from resampled families; with them
    they are nearly that wide, at no cost.
    """
    from scipy.special import softmax

    views = part.fitted.pool.opened
    drawn = [_shares(len(v), replicates, rng) for v in views]
    whole = _shares(len(views), replicates, rng)
    shares = np.hstack([whole[:, [k]] * d for k, d in enumerate(drawn)])

    def predict(Z: Floats) -> Floats:
        scores = np.array([member.scores(Z) for view in views for member in view])
        raw = softmax(np.tensordot(shares, scores, 1), axis=-1)
        p = part.fitted.calibration.apply(raw.reshape(-1, len(CLASSES)))
        return np.moveaxis(p.reshape(raw.shape), 2, 1)

    return predict


def _shares(n: int, replicates: int, rng: np.random.Generator) -> Floats:
    """Weights that add up to one: first the same for all, then drawn."""
    drawn = np.vstack([np.ones(n), rng.exponential(size=(replicates, n))])
    made: Floats = drawn / drawn.sum(axis=1, keepdims=True)
    return made


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
    importance = pl.DataFrame(
        {"feature": [part.names[f] for f in order], "mean_abs_shap": size[order], "rank": np.arange(1, len(order) + 1)}
    )
    over = background(model, part, replicates=replicates)
    shap = pl.concat([_shap(model, part, values, f) for f in leading])
    ale = pl.concat([_of_mit(first(over, f, bins=bins)) for f in leading]).rename({"feature_1": "feature", "x_1": "x"})
    ale_pairs = [_of_mit(second(over, couple)) for couple in couples[:pairs]]
    return Explanation(part.features, importance, shap, ale, pl.concat(ale_pairs) if ale_pairs else _no_pairs())


def first(over: Background, feature: int, *, bins: int = 20) -> pl.DataFrame:
    """First-order effects: `class_name`, `feature_1`, `x_1`, `ale`, `low`, `high`, `n`."""
    z, effect, n = ale_1d(over.predict, over.X, feature, bins=bins, weights=over.weights)
    begun = np.append(n, 0) if len(n) else np.zeros(len(z), np.int64)
    return _by_class({"feature_1": [over.names[feature]] * len(z), "x_1": z}, effect, begun)


def second(over: Background, pair: tuple[int, int]) -> pl.DataFrame:
    """Pure interactions: `class_name`, `feature_1`, `feature_2`, `x_1`, `x_2`, `ale`, `low`, `high`, `n`."""
    u, v, effect = ale_2d(over.predict, over.X, pair, bins=PAIR_BINS, weights=over.weights)
    return surface((over.names[pair[0]], over.names[pair[1]]), u, v, effect, meeting(over.X[:, pair], u, v))


def surface(names: tuple[str, str], u: Floats, v: Floats, effect: Floats, n: Ints) -> pl.DataFrame:
    """Rows of effects at crossings (draws x classes x edges x edges), class by class."""
    size = len(u) * len(v)
    points = {"feature_1": [names[0]] * size, "feature_2": [names[1]] * size}
    return _by_class(
        {**points, "x_1": np.repeat(u, len(v)), "x_2": np.tile(v, len(u))},
        effect.reshape(*effect.shape[:2], size),
        n.ravel(),
    )


def _by_class(points: Mapping[str, object], effect: Floats, n: Ints) -> pl.DataFrame:
    value, low, high = band(effect)
    tables = [
        pl.DataFrame({**points, "ale": value[c], "low": low[c], "high": high[c], "n": n}).select(
            pl.lit(name).alias("class_name"), pl.all()
        )
        for c, name in enumerate(CLASSES)
    ]
    return pl.concat(tables)


def _of_mit(effects: pl.DataFrame) -> pl.DataFrame:
    return effects.filter(pl.col("class_name") == CLASSES[MIT]).drop("class_name")


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
        "ale": found.ale.rename({"feature": "feature_1", "x": "x_1", "ale": "effect"}),
        "ale_pair": found.ale_pairs.rename({"ale": "effect"}),
    }
    shape = pl.DataFrame(schema=_SHAPE)
    named = [piece.with_columns(kind=pl.lit(kind), class_name=pl.lit(CLASSES[MIT])) for kind, piece in pieces.items()]
    return pl.concat([shape, *named], how="diagonal").with_columns(features=pl.lit(found.features))


_SHAPE = {
    **dict.fromkeys(("features", "kind", "class_name", "feature_1", "feature_2"), pl.String),
    **dict.fromkeys(("x_1", "x_2", "effect", "low", "high"), pl.Float64),
    "n": pl.Int64,
}
