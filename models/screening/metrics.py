"""Scores of class probabilities, with bootstrap intervals over whole groups.

Scores only; splitting and fitting are in `evaluation` and `ensemble`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from schemas.arrays import Floats, Ints

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


def _mit(truth: Ints) -> Floats:
    return np.asarray(truth == MIT, dtype=np.float64)


def _f1_weighted_mit(truth: Ints, p: Floats) -> float:
    return f1_weighted((truth == MIT).astype(np.int64), (p.argmax(axis=1) == MIT).astype(np.int64))


def _log_loss(truth: Ints, p: Floats) -> float:
    return float(-np.mean(np.log(np.clip(p[np.arange(len(truth)), truth], 1e-9, 1))))


SCORES: Mapping[str, Callable[[Ints, Floats], float]] = {
    "roc_auc": lambda truth, p: roc_auc(_mit(truth), p[:, MIT]),
    "ap": lambda truth, p: average_precision(_mit(truth), p[:, MIT]),
    "f1_weighted": _f1_weighted_mit,
    "f1_weighted_3class": lambda truth, p: f1_weighted(truth, p.argmax(axis=1)),
    "f1_mit": lambda truth, p: f1(truth, p.argmax(axis=1), MIT),
    "brier": lambda truth, p: float(np.mean((p[:, MIT] - _mit(truth)) ** 2)),
    "ece": lambda truth, p: expected_calibration_error(_mit(truth), p[:, MIT]),
    "log_loss": _log_loss,
}
"""Scores of n x 3 probabilities by name. `f1_weighted` is MIT against the rest, as Georgescu et al. report it;
`f1_weighted_3class` counts three classes."""
LEADING = ("roc_auc", "ap", "f1_mit")
"""Those by which sets of features are compared."""


def scores(truth: Ints, probability: Floats, names: Iterable[str] = SCORES) -> dict[str, float]:
    """Scores of n x 3 probabilities, all of them unless named."""
    return {name: SCORES[name](truth, probability) for name in names}


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
    samples: dict[str, list[float]] = {}
    for rows in _draws(groups, seed, draws):
        for name, values in _each(truth[rows], [p[rows] for p in probabilities]).items():
            samples.setdefault(name, []).append(float(np.mean(values)))
    return {name: _interval(values, samples[name]) for name, values in _each(truth, probabilities).items()}


def _draws(groups: Sequence[str], seed: int, draws: int) -> Iterator[Ints]:
    """Rows of whole groups, drawn anew as often as asked."""
    rng = np.random.default_rng(seed)
    members: dict[str, list[int]] = {}
    for i, g in enumerate(groups):
        members.setdefault(g, []).append(i)
    blocks = [np.array(v) for v in members.values()]
    for _ in range(draws):
        yield np.concatenate([blocks[k] for k in rng.integers(len(blocks), size=len(blocks))])


def compared(
    truth: Ints,
    held: Mapping[str, Sequence[Floats]],
    groups: Sequence[str],
    *,
    against: str,
    seed: int,
    draws: int = 300,
) -> dict[str, dict[str, dict[str, float | None]]]:
    """The `LEADING` scores of several predictions of the same rows, and how far they lie from those of one of them.

    Args:
        truth: class codes, n.
        held: by name of who predicts, n x 3 of each repeat.
        groups: as of `with_intervals`; all predictions are scored on the same draws.
        against: the name of the one.
        seed, draws: of the bootstrap.

    Returns:
        By name and score `value`, `low`, `high`, `change`, `change_low`, `change_high`; 95 % percentile intervals.
    """
    every = [np.arange(len(truth)), *_draws(groups, seed, draws)]
    made = np.array(
        [[list(_means(truth[rows], [p[rows] for p in told])) for rows in every] for told in held.values()]
    )  # who x draws x scores
    gaps = made - made[list(held).index(against)]
    return {
        name: {
            score: _interval([made[i, 0, j]], made[i, 1:, j])
            | {f"change{k}": v for k, v in _ends(gaps[i, 0, j], gaps[i, 1:, j]).items()}
            for j, score in enumerate(LEADING)
        }
        for i, name in enumerate(held)
    }


def _means(truth: Ints, probabilities: Sequence[Floats]) -> Iterator[float]:
    found = [scores(truth, p, LEADING) for p in probabilities]
    return (float(np.mean([one[name] for one in found])) for name in LEADING)


def _ends(value: float, drawn: Floats) -> dict[str, float | None]:
    told = _interval([value], drawn)
    return {"": told["value"], "_low": told["low"], "_high": told["high"]}


def _each(truth: Ints, probabilities: Sequence[Floats]) -> dict[str, list[float]]:
    """By score its value of each repeat."""
    found = [scores(truth, p) for p in probabilities]
    return {name: [one[name] for one in found] for name in found[0]}


def _interval(values: Sequence[float], drawn: Sequence[float] | Floats) -> dict[str, float | None]:
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
