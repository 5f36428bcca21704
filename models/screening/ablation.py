"""What the ten published features are worth one by one: scores on held-out compounds with each of them left out.

An ensemble of its own is fitted for every set of features, so it is a small one; what its rows say, they say beside
each other. How the whole model fares with the ten features alone is in `evaluation`, which scores them as a part.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from models.screening import CLASSES, ensemble, inputs, metrics
from schemas.arrays import Floats, Ints

VIEWS = ("structure", "kernel of ranks")
"""Of the ensemble, those that see all ten features: on trees that draw from a quarter of them, and a kernel."""
TEN = "ten"
_ROW = ("value", "low", "high", "change", "change_low", "change_high")


def ablation(
    labelled: pl.DataFrame, *, groups: Sequence[str], folds: int, seed: int, label: str = "label_name"
) -> list[dict[str, Any]]:
    """Scores of the small ensemble with the ten features, and with each left out, on the same folds.

    Args:
        labelled, groups, folds, seed, label: as `evaluation.evaluate` takes them.

    Returns:
        Rows of pred.ablations but `model_id`; none where the table has no structure features.
    """
    if not inputs.has_structure(labelled):
        return []
    kept, y = inputs.learnable(labelled, label)
    made = inputs.structure_matrix(kept)
    found = []
    for grouping in groups:
        keys = inputs.groups(kept, grouping)
        held = {TEN: [_held_out(made.values, y, made.names, keys, folds, seed)]}
        for place, name in enumerate(made.names):
            others = (*made.names[:place], *made.names[place + 1 :])
            X = np.delete(made.values, place, axis=1)
            held[name] = [_held_out(X, y, others, keys, folds, seed)]
        scored = metrics.compared(y, held, keys, against=TEN, seed=seed)
        for name, scores in scored.items():
            dropped = None if name == TEN else name
            found += rows(scores, grouping=grouping, ensemble="small", dropped=dropped, features=TEN, n=len(y))
    return found


def _held_out(X: Floats, y: Ints, names: tuple[str, ...], keys: list[str], folds: int, seed: int) -> Floats:
    out = np.zeros((len(y), len(CLASSES)))
    for k, (train, test) in enumerate(ensemble.splits(y, keys, folds=folds, seed=seed)):
        fitted = ensemble.fit(X[train], y[train], names, seed=seed + 100 * k, size=1, only=VIEWS)
        out[test] = fitted.raw(X[test])
    return out


def whole(scores: dict[str, Any]) -> list[dict[str, Any]]:
    """Such rows of the whole model, from the nested scores of a card: all features, the ten, those of composition."""
    names = {"both": "all", "structure": TEN, "composition": "composition"}
    return [
        row
        for grouping, parts in scores["changes"].items()
        for part, found in parts.items()
        for row in rows(
            found, grouping=grouping, ensemble="nested", dropped=None, features=names[part], n=scores["rows"]
        )
    ]


def rows(scores: dict[str, dict[str, float | None]], *, features: str, dropped: str | None, **also: Any) -> Any:
    """One row a score."""
    variant = features if dropped is None else f"{features} without {dropped}"
    told = {"variant": variant, "features": features, "dropped": dropped, **also}
    return [{**told, "statistic": name, **{k: one[k] for k in _ROW}} for name, one in scores.items()]
