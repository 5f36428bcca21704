"""What a feature is worth on families never seen: how much worse held-out predictions rank when it is shuffled.

A feature whose news others also carry loses little, and a shuffled row may be no compound at all: what the model looks
at is in `explanation`; this is what its score would miss.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from models.screening import MIT, ensemble, inputs
from models.screening.effects import band, group_weights
from models.screening.training import CALIBRATION_GROUPS, Part, ScreeningModel
from schemas.arrays import Bools, Floats, Ints

FOLDS, REPEATS, REPLICATES = 5, 4, 300
_SHAPE = {"feature": pl.String, **dict.fromkeys(("loss", "low", "high"), pl.Float64)}


def permutation(model: ScreeningModel, part: Part, features: Sequence[int], *, seed: int = 0) -> pl.DataFrame:
    """Average precision of transitions that is lost when a feature is shuffled among the rows of a fold held out.

    Args:
        model: a trained model; ensembles are learned anew from all folds but one, families kept whole.
        part: the part of it.
        features: columns to shuffle, one after the other.
        seed: of everything drawn.

    Returns:
        `feature`, `loss`, `low`, `high` (95 % over families); no rows where no fold can be held out.
    """
    families = inputs.groups(pl.DataFrame({"formula": model.formulas}), CALIBRATION_GROUPS)
    if ensemble.fold_count(model.codes, families, folds=FOLDS) < 2:
        return pl.DataFrame(schema=_SHAPE)
    rng = np.random.default_rng(seed)
    p = _held_out(part, model.codes, families, features, seed, rng)
    weights = group_weights(families, replicates=REPLICATES, rng=rng)
    scores = np.array([[average_precision(q, model.codes == MIT, weights) for q in each] for each in p])
    loss = (scores[:1] - scores[1:]).mean(axis=1).T
    value, low, high = band(loss)
    names = [part.names[f] for f in features]
    return pl.DataFrame({"feature": names, "loss": value, "low": low, "high": high}, schema=_SHAPE)


def _held_out(
    part: Part,
    y: Ints,
    families: Sequence[str],
    features: Sequence[int],
    seed: int,
    rng: np.random.Generator,
) -> Floats:
    """Held-out probabilities of a transition, (1 + features) x repeats x n: first as they are, then shuffled."""
    X = part.matrix
    out = np.zeros((1 + len(features), REPEATS, len(y)))
    for k, (train, test) in enumerate(ensemble.splits(y, families, folds=FOLDS, seed=seed)):
        pool = ensemble.fit(X[train], y[train], part.names, seed=seed + k, size=1)
        out[0][:, test] = pool.raw(X[test])[:, MIT]
        for i, f in enumerate(features, start=1):
            shuffled = np.tile(X[test], (REPEATS, 1))
            shuffled[:, f] = np.concatenate([rng.permutation(X[test, f]) for _ in range(REPEATS)])
            out[i][:, test] = pool.raw(shuffled)[:, MIT].reshape(REPEATS, len(test))
    return out


def average_precision(p: Floats, hit: Bools, weights: Floats) -> Floats:
    """Average precision under each draw of weights (draws x n); rows of one p are taken in their order."""
    order = np.argsort(-p, kind="stable")
    w, of_hits = weights[:, order], weights[:, order] * hit[order]
    precision = np.cumsum(of_hits, axis=1) / np.cumsum(w, axis=1)
    made: Floats = (of_hits * precision).sum(axis=1) / of_hits.sum(axis=1)
    return made
