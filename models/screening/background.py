"""Effects of one part of a model over its training compounds, as tables with bands. The arithmetic is `effects`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from models.screening import CLASSES, inputs
from models.screening.effects import Predictor, ale_1d, ale_2d, band, group_weights, meeting
from models.screening.training import CALIBRATION_GROUPS, Part, ScreeningModel
from schemas.arrays import Floats, Ints

REPLICATES = 300
PAIR_BINS = 8


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

    views = part.fitted.pool.views
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


def first(over: Background, feature: int, *, bins: int = 20) -> pl.DataFrame:
    """First-order effects: `class_name`, `feature_1`, `x_1`, `ale`, `low`, `high`, `n`."""
    z, effect, n = ale_1d(over.predict, over.X, feature, bins=bins, weights=over.weights)
    return curve(over.names[feature], z, effect, n)


def curve(name: str, z: Floats, effect: Floats, n: Ints) -> pl.DataFrame:
    """Rows of effects at edges (draws x classes x edges), class by class; n is of the bins between them."""
    begun = np.append(n, 0) if len(n) else np.zeros(len(z), np.int64)
    return _by_class({"feature_1": [name] * len(z), "x_1": z}, effect, begun)


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
