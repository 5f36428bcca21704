"""Classes of the texts of whole documents, in two steps: what the words of each say, then what stands around it.

The second step learns from first steps that saw neither the text nor its document, as it will meet them later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from etl.text.sequences import features
from schemas.arrays import Floats, Ints

_SEED = 0
_LEAST = -12.0  # logarithm of the probability of a class that a step never saw
_TREES: dict[str, Any] = {
    "n_estimators": 250, "learning_rate": 0.03, "num_leaves": 8, "subsample": 0.7, "subsample_freq": 1,
    "colsample_bytree": 0.25, "reg_lambda": 10.0, "random_state": _SEED, "deterministic": True,
    "force_row_wise": True, "n_jobs": 1, "verbose": -1,
}  # fmt: skip
_MANY = 2000
_CHILD, _SHARE = 40, 50  # fewest texts of a leaf, in a small set one in so many


@dataclass(frozen=True)
class Context:
    """Both steps, fitted.

    Attributes:
        vectorizer: texts -> a sparse matrix.
        words: the first step, on that matrix.
        trees: the second step, on `sequences.features`.
        classes: how many there are; both steps know them by number.
    """

    vectorizer: Any
    words: Any
    trees: Any
    classes: int

    def probabilities(self, texts: Sequence[str], documents: Sequence[object]) -> Floats:
        """Probability of each class, texts x classes.

        Args:
            texts: in the order of the documents that hold them.
            documents: that of each text; those of one need not be neighbours.
        """
        odds = _odds(self.words, self.vectorizer.transform(texts), self.classes)
        return _probabilities(self.trees, _table(texts, odds, documents), self.classes)


def fit(
    texts: Sequence[str], labels: Ints, documents: Sequence[object], folds: Ints, classes: int
) -> tuple[Context, Floats]:
    """Learns both steps.

    Args:
        texts: in the order of the documents that hold them.
        labels: number of the class of each.
        documents: that of each text.
        folds: number of the held-out part of each text; a document is in one.
        classes: how many there are.

    Returns:
        The model of all texts, and the probabilities of each text by one that saw nothing of its part.
    """
    vectorizer = vectors(len(texts))
    matrix = vectorizer.fit_transform(texts)
    parts = [int(f) for f in np.unique(folds)]

    @cache
    def without(left: frozenset[int]) -> Floats:
        """Odds of all texts by a first step that saw none of some parts."""
        seen = ~np.isin(folds, list(left))
        return _odds(_words(matrix[seen], labels[seen]), matrix, classes)

    def table(*outer: int) -> Floats:
        odds = np.zeros((len(texts), classes))
        for part in parts:
            rows = folds == part
            odds[rows] = without(frozenset({part, *outer}))[rows]
        return _table(texts, odds, documents)

    held = np.zeros((len(texts), classes))
    for part in parts:
        rows, known = folds == part, table(part)
        held[rows] = _probabilities(_grown(known[~rows], labels[~rows]), known[rows], classes)
    made = Context(vectorizer, _words(matrix, labels), _grown(table(), labels), classes)
    return made, held


def vectors(texts: int) -> Any:
    """The words and characters of so many texts as numbers; of many texts, words that stand in one are left out."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    least = 1 if texts < _MANY else 2
    return make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=least, token_pattern=r"(?u)\b[^\W\d_]\w+\b"),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=20_000),
    )


def _words(matrix: Any, labels: Ints) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=3.0, max_iter=500).fit(matrix, labels)


def _odds(words: Any, matrix: Any, classes: int) -> Floats:
    made = np.full((matrix.shape[0], classes), _LEAST)
    made[:, words.classes_] = np.maximum(words.predict_log_proba(matrix), _LEAST)
    return made


def _table(texts: Sequence[str], odds: Floats, documents: Sequence[object]) -> Floats:
    """Features of all texts, each from those of its document."""
    held: dict[object, list[int]] = {}
    for row, document in enumerate(documents):
        held.setdefault(document, []).append(row)
    order = [row for rows in held.values() for row in rows]
    blocks = [features([texts[row] for row in rows], odds[rows]) for rows in held.values()]
    made = np.vstack(blocks)
    table = np.empty_like(made)
    table[order] = made
    return table


def _grown(table: Floats, labels: Ints) -> Any:
    from lightgbm import LGBMClassifier

    child = max(1, min(_CHILD, len(labels) // _SHARE))
    return LGBMClassifier(min_child_samples=child, **_TREES).fit(table, labels)


def _probabilities(trees: Any, table: Floats, classes: int) -> Floats:
    made = np.zeros((len(table), classes))
    made[:, trees.classes_] = trees.predict_proba(table)
    return made
