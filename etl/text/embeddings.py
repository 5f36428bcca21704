"""Vectors of phrases: the words around them, weighed by mutual information and reduced to a hundred dimensions.

A truncated singular value decomposition of positive pointwise mutual information (Levy and Goldberg, 2014), which needs
no training loop and gives the same bytes for the same seed.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from etl.text.phrases import Corpus, Ints, Phrases, is_content

Floats = NDArray[np.float64]
DIMENSIONS = 100
_WINDOW = 8
_SHARP = 0.75  # contexts are weighed by their counts to this power


def vectors(texts: Corpus, phrases: Phrases, chosen: Ints, *, seed: int = 0) -> Floats:
    """Unit vectors of phrases.

    Args:
        texts: the corpus.
        phrases: its phrases.
        chosen: numbers of the phrases that are asked for.
        seed: of the decomposition.

    Returns:
        One row for each of `chosen`; zeros for a phrase that stands alone.
    """
    from scipy import sparse
    from sklearn.utils.extmath import randomized_svd

    counted = _contexts(texts, phrases, chosen)
    rows, columns = np.asarray(counted.sum(axis=1)).ravel(), np.asarray(counted.sum(axis=0)).ravel()
    common = columns**_SHARP / max((columns**_SHARP).sum(), 1e-12)
    cells = counted.tocoo()
    told = np.log(cells.data / np.maximum(rows[cells.row] * common[cells.col], 1e-12))
    matrix = sparse.csr_matrix((np.maximum(told, 0), (cells.row, cells.col)), shape=counted.shape)
    size = min(DIMENSIONS, *(n - 1 for n in matrix.shape))
    if size < 1:
        return np.zeros((len(chosen), 1))
    left, values, _ = randomized_svd(matrix, n_components=size, n_iter=4, random_state=seed)
    made = left * np.sqrt(values)
    length = np.linalg.norm(made, axis=1, keepdims=True)
    return np.asarray(made / np.where(length > 0, length, 1.0), dtype=np.float64)


def _contexts(texts: Corpus, phrases: Phrases, chosen: Ints) -> Any:
    """How often each word stands within `_WINDOW` words of each phrase, nearer ones weighing more."""
    from scipy import sparse

    telling = np.array([is_content(w) for w in texts.words] + [False])
    tokens = np.where(telling[texts.tokens], texts.tokens, -1)
    place = np.full(len(phrases.names), -1)
    place[chosen] = np.arange(len(chosen))
    few = place[phrases.phrase] >= 0
    row, first = place[phrases.phrase[few]], phrases.start[few]
    last = first + phrases.lengths[phrases.phrase[few]] - 1
    shape = (len(chosen), len(texts.words))
    total = sparse.csr_matrix(shape)
    for gap in range(1, _WINDOW + 1):
        for at in (first - gap, last + gap):
            inside = (at >= 0) & (at < len(tokens))
            at = np.clip(at, 0, max(len(tokens) - 1, 0))
            both = inside & (tokens[at] >= 0) & (texts.documents[at] == texts.documents[first])
            weight = np.full(int(both.sum()), 1.0 / gap)
            total = total + sparse.csr_matrix((weight, (row[both], tokens[at][both])), shape=shape)
    return total
