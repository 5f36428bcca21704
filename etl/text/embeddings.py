"""Vectors of phrases: phrases that stand among the same words are near each other.

The built-in one is a truncated singular value decomposition of positive pointwise mutual information (Levy and
Goldberg, 2014): no training loop, seconds instead of minutes, the same bytes for the same seed. word2vec and FastText
need gensim, the extra `text`.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from etl.text.terms import Corpus, Phrases, is_content
from schemas.arrays import Floats, Ints
from schemas.errors import InputError

DIMENSIONS = 100
BUILT_IN = "counts"
_WINDOW = 8
_SHARP = 0.75  # contexts are weighed by their counts to this power
_TRAINING = {"vector_size": DIMENSIONS, "window": _WINDOW, "negative": 10, "sample": 1e-4, "min_count": 1, "sg": 1}
_EPOCHS = 5
_BUCKET = 50_000  # of FastText: parts of words that are told apart
_NEAREST = 1  # answers to an analogy


def vectors(texts: Corpus, phrases: Phrases, chosen: Ints, *, kind: str = BUILT_IN, seed: int = 0) -> Floats:
    """Unit vectors of phrases.

    Args:
        texts: the corpus.
        phrases: its phrases.
        chosen: numbers of the phrases that are asked for.
        kind: one of `KINDS`.
        seed: of the decomposition or training.

    Returns:
        One row for each of `chosen`; zeros for a phrase that stands alone.

    Raises:
        InputError: an unknown kind, or gensim is missing.
    """
    if kind not in KINDS:
        raise InputError.of(f"unknown embedding {kind!r}", "the options", f"use one of {', '.join(KINDS)}")
    made = KINDS[kind](texts, phrases, chosen, seed)
    length = np.linalg.norm(made, axis=1, keepdims=True)
    return np.asarray(made / np.where(length > 0, length, 1.0), dtype=np.float64)


def _decomposed(texts: Corpus, phrases: Phrases, chosen: Ints, seed: int) -> Floats:
    from scipy import sparse
    from sklearn.utils.extmath import randomized_svd

    counted = _contexts(texts, phrases, chosen)
    size = min(DIMENSIONS, *(n - 1 for n in counted.shape))
    if size < 1 or not counted.nnz:
        return np.zeros((len(chosen), 1))
    rows, columns = np.asarray(counted.sum(axis=1)).ravel(), np.asarray(counted.sum(axis=0)).ravel()
    common = columns**_SHARP / (columns**_SHARP).sum()
    cells = counted.tocoo()
    told = np.log(cells.data / np.maximum(rows[cells.row] * common[cells.col], 1e-12))
    matrix = sparse.csr_matrix((np.maximum(told, 0), (cells.row, cells.col)), shape=counted.shape)
    left, values, _ = randomized_svd(matrix, n_components=size, n_iter=4, random_state=seed)
    return np.asarray(left * np.sqrt(values), dtype=np.float64)


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
    shape = (len(chosen), max(len(texts.words), 1))
    total = sparse.csr_matrix(shape)
    for gap in range(1, _WINDOW + 1):
        for at in (first - gap, last + gap):
            inside = (at >= 0) & (at < len(tokens))
            at = np.where(inside, at, 0)
            both = inside & (tokens[at] >= 0) & (texts.documents[at] == texts.documents[first])
            weight = np.full(int(both.sum()), 1.0 / gap)
            total = total + sparse.csr_matrix((weight, (row[both], tokens[at][both])), shape=shape)
    return total


def _trained(texts: Corpus, phrases: Phrases, chosen: Ints, seed: int, *, model: str, **more: Any) -> Floats:
    """Vectors by gensim, one worker, so that the same seed gives the same ones."""
    try:
        from gensim import models
    except ImportError as error:
        raise InputError.of(f"no gensim for {model}", "the environment", "install the extra: matloom[text]") from error
    documents = joined(texts, phrases, chosen)
    trained = getattr(models, model)(documents, workers=1, seed=seed, epochs=_EPOCHS, **_TRAINING, **more).wv
    made = np.zeros((len(chosen), DIMENSIONS))
    for row, number in enumerate(chosen.tolist()):
        name = phrases.names[number]
        whole = name.replace(" ", "_")
        parts = [whole] if whole in trained.key_to_index else [w for w in name.split() if w in trained.key_to_index]
        if parts:
            made[row] = np.mean([trained[p] for p in parts], axis=0)
    return made


def joined(texts: Corpus, phrases: Phrases, chosen: Ints) -> list[list[str]]:
    """Documents as lists of words, where the longest of some phrases is one word each; stop words are left out."""
    wanted = np.zeros(len(phrases.names), dtype=bool)
    wanted[chosen] = True
    few = wanted[phrases.phrase]
    longest: dict[int, int] = {}
    for number, start in zip(phrases.phrase[few].tolist(), phrases.start[few].tolist(), strict=True):
        if start not in longest or phrases.lengths[number] > phrases.lengths[longest[start]]:
            longest[start] = number
    made: list[list[str]] = [[] for _ in range(texts.number)]
    at, tokens, documents = 0, texts.tokens.tolist(), texts.documents.tolist()
    while at < len(tokens):
        number = longest.get(at)
        if number is not None:
            made[documents[at]].append(phrases.names[number].replace(" ", "_"))
        elif tokens[at] >= 0 and is_content(texts.words[tokens[at]]):
            made[documents[at]].append(texts.words[tokens[at]])
        at += int(phrases.lengths[number]) if number is not None else 1
    return made


KINDS: Mapping[str, Callable[[Corpus, Phrases, Ints, int], Floats]] = MappingProxyType(
    {
        BUILT_IN: _decomposed,
        "word2vec": partial(_trained, model="Word2Vec"),
        "fasttext": partial(_trained, model="FastText", bucket=_BUCKET, min_n=4, max_n=6),
    }
)
"""Name -> corpus, phrases, numbers of those asked for, seed -> a row each."""


def analogies(names: Iterable[str], table: Floats, lines: Iterable[str]) -> list[dict[str, Any]]:
    """How many analogies (a is to b as c is to d) unit vectors answer: the nearest to b - a + c is d.

    Args:
        names: of the rows, lower case.
        table: unit vectors.
        lines: the form of word2vec: sections open with ``: name``, then four words a line.

    Returns:
        One row a section: `section`, `analogies`, `covered` (all four words have a vector), `right`.
    """
    index = {name: n for n, name in enumerate(names)}
    found: dict[str, list[list[int] | None]] = {}
    section = ""
    for line in lines:
        words = line.lower().split()
        if line.startswith(":"):
            section = line[1:].strip()
        elif len(words) == 4:
            known = all(w in index for w in words)
            found.setdefault(section, []).append([index[w] for w in words] if known else None)
    return [
        {
            "section": name,
            "analogies": len(asked),
            "covered": len(covered := [a for a in asked if a is not None]),
            "right": sum(_answered(table, *a) for a in covered),
        }
        for name, asked in found.items()
    ]


def _answered(table: Floats, a: int, b: int, c: int, d: int) -> bool:
    near = table @ (table[b] - table[a] + table[c])
    near[[a, b, c]] = -np.inf
    return d in np.argsort(-near)[:_NEAREST]
