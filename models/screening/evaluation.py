"""Nested, grouped cross-validation of the screening model beside two baselines."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from models.screening import CLASSES, ensemble, inputs, metrics
from models.screening.inputs import Floats, Ints
from models.screening.training import check_learnable, has_structure


def evaluate(
    labelled: pl.DataFrame,
    *,
    groups: Sequence[str] = inputs.GROUPINGS,
    features: str | None = None,
    label: str = "label_name",
    seed: int = 0,
    folds: int = 5,
) -> dict[str, Any]:
    """Scores under each grouping: model, class prior and logistic regression on the same folds.

    Nothing of a held-out fold is seen by fitting, calibration or conformal limits: those use inner folds.

    Returns:
        {"rows", "features", "groupings": {grouping: {"n", "n_groups", score: {value, low, high}, "conformal",
        "baselines"}}}.

    Raises:
        InputError: missing columns or an unknown grouping.
    """
    chosen = features or ("both" if has_structure(labelled) else "composition")
    made = inputs.matrix(labelled, chosen)
    y = inputs.labels(labelled, label)
    rows = ensemble.known_rows(made.ok, y)
    check_learnable(y[rows])
    kept, codes, X = labelled[rows.tolist()], y[rows], made.values[rows]
    report = {g: _grouping(X, codes, inputs.groups(kept, g), seed=seed, folds=folds) for g in groups}
    return {
        "rows": len(rows),
        "left_out": labelled.height - len(rows),
        "features": chosen,
        "seed": seed,
        "protocol": f"nested {folds}-fold, groups kept whole; 95 % intervals by bootstrap over groups",
        "groupings": report,
    }


def _grouping(X: Floats, y: Ints, keys: list[str], *, seed: int, folds: int) -> dict[str, Any]:
    p = np.zeros((len(y), len(CLASSES)))
    plain, prior = p.copy(), p.copy()
    covered = np.zeros(len(y), bool)
    size = np.zeros(len(y))
    for k, (train, test) in enumerate(ensemble.splits(y, keys, folds=folds, seed=seed)):
        inner = [keys[i] for i in train]
        raw = ensemble.out_of_fold(X[train], y[train], inner, seed=seed + 100 * k, folds=4)
        calibration = ensemble.calibrate(raw, y[train])
        limits = ensemble.conformal_limits(calibration.apply(raw), y[train])
        p[test] = calibration.apply(ensemble.fit(X[train], y[train], seed=seed + k, members=3).raw(X[test]))
        sets = ensemble.conformal_sets(p[test], limits)
        covered[test] = [CLASSES[c] in s for c, s in zip(y[test], sets, strict=True)]
        size[test] = [len(s) for s in sets]
        prior[test] = np.bincount(y[train], minlength=len(CLASSES)) / len(train)
        plain[test] = _logistic(X[train], y[train], X[test])
    return {
        "n": len(y),
        "n_groups": len(set(keys)),
        **metrics.with_intervals(y, p, keys, seed=seed),
        "conformal": {
            "nominal": 1 - ensemble.ALPHA,
            "coverage": round(float(covered.mean()), 4),
            "mean_size": round(float(size.mean()), 3),
        },
        "baselines": {
            n: {k: round(v, 4) for k, v in metrics.scores(y, q).items()}
            for n, q in (("prior", prior), ("logistic", plain))
        },
    }


def _logistic(X: Floats, y: Ints, Z: Floats) -> Floats:
    """Ridge logistic regression on scaled features, medians where missing."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fill = np.array([float(np.median(c[np.isfinite(c)])) if np.isfinite(c).any() else 0.0 for c in X.T])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=2000, tol=1e-3))
    model.fit(np.where(np.isfinite(X), X, fill), y)
    out = np.zeros((len(Z), len(CLASSES)))
    out[:, model.classes_] = model.predict_proba(np.clip(np.where(np.isfinite(Z), Z, fill), -1e6, 1e6))
    return out
