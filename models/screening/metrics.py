"""Scores of class probabilities, with bootstrap intervals over whole groups.

Scores only; splitting and fitting are in `evaluation` and `ensemble`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.screening.inputs import Floats, Ints

MIT = 2


def roc_auc(truth: Floats, score: Floats) -> float:
    """Area under the ROC curve by ranks (ties count half); NaN when one class is absent."""
    from scipy.stats import rankdata

    positive = truth > 0.5
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if not n1 or not n0:
        return float("nan")
    return float((rankdata(score)[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def average_precision(truth: Floats, score: Floats) -> float:
    """Area under the precision-recall steps, ties taken together; NaN without positives."""
    total = truth.sum()
    if not total:
        return float("nan")
    order = np.argsort(-score, kind="stable")
    hits, ranked = np.cumsum(truth[order]), score[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    recall, precision = hits[last] / total, hits[last] / (last + 1)
    return float(np.sum(np.diff(np.append(0.0, recall)) * precision))


def f1(truth: Ints, label: Ints, positive: int) -> float:
    """F1 of one class; 0 when it is neither present nor predicted."""
    both = float(np.sum((truth == positive) & (label == positive)))
    either = float(np.sum(truth == positive) + np.sum(label == positive))
    return 2 * both / either if either else 0.0


def f1_weighted(truth: Ints, label: Ints) -> float:
    """F1 of each class weighted by its count."""
    kinds, counts = np.unique(truth, return_counts=True)
    return float(sum(f1(truth, label, int(k)) * c for k, c in zip(kinds, counts, strict=True)) / counts.sum())


def expected_calibration_error(truth: Floats, probability: Floats, bins: int = 10) -> float:
    """Mean gap between probability and frequency over equal-width bins, weighted by count."""
    place = np.minimum((probability * bins).astype(int), bins - 1)
    gaps = [
        abs(truth[place == b].mean() - probability[place == b].mean()) * np.sum(place == b) for b in np.unique(place)
    ]
    return float(sum(gaps) / len(truth)) if len(truth) else float("nan")


def scores(truth: Ints, probability: Floats) -> dict[str, float]:
    """All scores of n x 3 probabilities.

    `f1_weighted` is MIT against the rest, as Georgescu et al. report it; `f1_weighted_3class` counts three classes.
    """
    mit = (truth == MIT).astype(float)
    label = probability.argmax(axis=1)
    return {
        "roc_auc": roc_auc(mit, probability[:, MIT]),
        "ap": average_precision(mit, probability[:, MIT]),
        "f1_weighted": f1_weighted((truth == MIT).astype(np.int64), (label == MIT).astype(np.int64)),
        "f1_weighted_3class": f1_weighted(truth, label),
        "f1_mit": f1(truth, label, MIT),
        "brier": float(np.mean((probability[:, MIT] - mit) ** 2)),
        "ece": expected_calibration_error(mit, probability[:, MIT]),
        "log_loss": float(-np.mean(np.log(np.clip(probability[np.arange(len(truth)), truth], 1e-9, 1)))),
    }


def with_intervals(
    truth: Ints, probabilities: Sequence[Floats], groups: Sequence[str], *, seed: int, draws: int = 300
) -> dict[str, dict[str, float | None]]:
    """Mean scores of repeated predictions, with 95 % percentile intervals.

    Args:
        truth: class codes, n.
        probabilities: n x 3 of each repeat.
        groups: of each row; the bootstrap draws whole groups, whose rows are not independent.
        seed, draws: of the bootstrap.

    Returns:
        By score `value`, `low`, `high`, and `sd_repeats` where there are several.
    """
    rng = np.random.default_rng(seed)
    members: dict[str, list[int]] = {}
    for i, g in enumerate(groups):
        members.setdefault(g, []).append(i)
    blocks = [np.array(v) for v in members.values()]
    samples: dict[str, list[float]] = {}
    for _ in range(draws):
        rows = np.concatenate([blocks[k] for k in rng.integers(len(blocks), size=len(blocks))])
        for name, values in _each(truth[rows], [p[rows] for p in probabilities]).items():
            samples.setdefault(name, []).append(float(np.mean(values)))
    return {name: _interval(values, samples[name]) for name, values in _each(truth, probabilities).items()}


def _each(truth: Ints, probabilities: Sequence[Floats]) -> dict[str, list[float]]:
    """By score its value of each repeat."""
    found = [scores(truth, p) for p in probabilities]
    return {name: [one[name] for one in found] for name in found[0]}


def _interval(values: list[float], drawn: list[float]) -> dict[str, float | None]:
    kept: Any = np.array([d for d in drawn if np.isfinite(d)])
    low, high = np.quantile(kept, [0.025, 0.975]) if len(kept) else (np.nan, np.nan)
    told = {"value": rounded(float(np.mean(values))), "low": rounded(low), "high": rounded(high)}
    return told if len(values) == 1 else {**told, "sd_repeats": rounded(float(np.std(values, ddof=1)))}


def rounded(value: float) -> float | None:
    """Four digits for a card; None where a score is undefined (one class absent), since JSON knows no NaN."""
    return round(float(value), 4) if np.isfinite(value) else None


def two_classes(truth: Ints, *probabilities: Floats) -> dict[str, float | None]:
    """Scores of a model that only told MIT from the rest, for a card: those that need no third class."""
    return {k: v for k, v in carded(truth, *probabilities).items() if k not in {"f1_weighted_3class", "log_loss"}}


def carded(truth: Ints, *probabilities: Floats) -> dict[str, float | None]:
    """All scores, means over repeats, rounded for a card."""
    return {k: rounded(float(np.mean(v))) for k, v in _each(truth, probabilities).items()}
