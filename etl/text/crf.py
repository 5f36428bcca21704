"""Linear-chain conditional random fields: weights learned by CRFsuite, averaged, pruned and decoded by numpy.

The score of a labelling is linear in the weights, so the mean of several fields is a field: an ensemble costs no more
than one of its members. What the attributes mean is `tag_features`; nothing here knows a text.
"""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Attributes = Sequence[str]
Sentence = Sequence[Attributes]
"""The attributes of each token of a sequence."""
_BATCH = 512  # sequences decoded at once
_LONGEST = 1000  # tokens of a sequence; longer ones are decoded in pieces


@dataclass(frozen=True)
class Crf:
    """A field: which weights an attribute gives to the labels, and a label to the next one.

    Attributes:
        labels: in the order of the columns of all weights.
        names: attributes, joined by line feeds, in the order of `starts`.
        starts: where the weights of an attribute begin; one more than there are attributes.
        columns: label of each weight.
        weights: of an attribute and a label.
        transitions: of a label (row) and the next (column).
    """

    labels: tuple[str, ...]
    names: str
    starts: NDArray[np.int32]
    columns: NDArray[np.uint8]
    weights: NDArray[np.float16]
    transitions: NDArray[np.float32]

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names.split("\n"))}

    @cached_property
    def _dense(self) -> NDArray[np.float32]:
        table = np.zeros((len(self.starts) - 1, len(self.labels)), dtype=np.float32)
        rows = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        table[rows, self.columns] = self.weights
        return table

    def emissions(self, sentences: Sequence[Sentence]) -> list[NDArray[np.float32]]:
        """Scores of the labels of each token, by its attributes alone: per sentence tokens x labels."""
        known = self._index
        ids = [[i for a in token if (i := known.get(a)) is not None] for sentence in sentences for token in sentence]
        sizes = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
        flat = np.fromiter((i for token in ids for i in token), dtype=np.int64, count=int(sizes.sum()))
        scores = np.zeros((len(ids), len(self.labels)), dtype=np.float32)
        filled = sizes > 0
        if filled.any():
            begins = np.concatenate(([0], np.cumsum(sizes)[:-1]))[filled]
            scores[filled] = np.add.reduceat(self._dense[flat], begins, axis=0)
        return np.split(scores, np.cumsum([len(s) for s in sentences])[:-1]) if sentences else []

    def decode(self, sentences: Sequence[Sentence], bias: NDArray[np.float32] | None = None) -> list[list[str]]:
        """The best labels of each sentence.

        Args:
            sentences: attributes of the tokens.
            bias: added to the scores of the labels, in the order of `labels`.
        """
        order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
        found: list[list[str]] = [[] for _ in sentences]
        for first in range(0, len(order), _BATCH):
            batch = order[first : first + _BATCH]
            pieces = self.emissions([sentences[i] for i in batch])
            if bias is not None:
                pieces = [p + bias for p in pieces]
            for i, path in zip(batch, viterbi(pieces, self.transitions), strict=True):
                found[i] = [self.labels[k] for k in path]
        return found


def viterbi(emissions: Sequence[NDArray[np.float32]], transitions: NDArray[np.float32]) -> list[list[int]]:
    """The best path through each table of scores, tokens x labels; all tables are walked at once."""
    lengths = np.array([len(e) for e in emissions], dtype=np.int64)
    longest = int(lengths.max(initial=0))
    number, width = len(emissions), len(transitions)
    padded = np.zeros((longest, number, width), dtype=np.float32)
    for i, table in enumerate(emissions):
        padded[: len(table), i] = table
    back = np.zeros((longest, number, width), dtype=np.uint8)
    best = padded[0] if longest else np.zeros((number, width), dtype=np.float32)
    into = np.ascontiguousarray(transitions.T)  # next x label
    for step in range(1, longest):
        scores = best[:, None, :] + into
        back[step] = scores.argmax(axis=2)
        moved = np.take_along_axis(scores, back[step][:, :, None].astype(np.int64), axis=2)[:, :, 0] + padded[step]
        best = np.where((step < lengths)[:, None], moved, best)
    last = best.argmax(axis=1)
    paths = []
    for i, length in enumerate(lengths):
        path = [int(last[i])] if length else []
        for step in range(int(length) - 1, 0, -1):
            path.append(int(back[step, i, path[-1]]))
        paths.append(path[::-1])
    return paths


@dataclass(frozen=True)
class Settings:
    """How a field is trained.

    Attributes:
        l1, l2: penalties of CRFsuite (c1 makes weights vanish, c2 keeps them small).
        iterations: of L-BFGS at most.
    """

    l1: float = 0.1
    l2: float = 0.1
    iterations: int = 100


Weights = tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]
"""Of (attribute, label) and of (label, next label)."""


def fit(sentences: Iterable[tuple[Sentence, Sequence[str]]], settings: Settings) -> Weights:
    """Learns the weights of a field from sentences and their labels; equal inputs give equal weights."""
    import pycrfsuite

    numbers: dict[str, int] = {}
    names: list[str] = []
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.set_params({"c1": settings.l1, "c2": settings.l2, "max_iterations": settings.iterations})
    for attributes, labels in sentences:
        rows = []
        for token in attributes:
            for name in token:
                if name not in numbers:
                    numbers[name] = len(names)
                    names.append(name)
            rows.append([str(numbers[name]) for name in token])  # numbers: the dump of a model quotes nothing
        trainer.append(rows, list(labels))
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "crf")
        trainer.train(path)
        tagger = pycrfsuite.Tagger()
        tagger.open(path)
        told = tagger.info()
        tagger.close()
    states = {(names[int(a)], label): w for (a, label), w in told.state_features.items()}
    return states, dict(told.transitions)


def mean(fields: Sequence[Weights], least: float = 0.0) -> Crf:
    """The field whose weights are the means of those of some fields.

    Args:
        fields: what `fit` gave; a weight that one of them lacks is zero there.
        least: weights below it, in size, are left out.
    """
    labels = tuple(sorted({label for states, moves in fields for pair in (*states, *moves) for label in pair[1:]}
                          | {label for _, moves in fields for label, _ in moves}))  # fmt: skip
    column = {label: i for i, label in enumerate(labels)}
    rows: dict[str, dict[int, float]] = {}
    for states, _ in fields:
        for (name, label), weight in states.items():
            held = rows.setdefault(name, {})
            held[column[label]] = held.get(column[label], 0.0) + weight / len(fields)
    transitions = np.zeros((len(labels), len(labels)), dtype=np.float32)
    for _, moves in fields:
        for (label, following), weight in moves.items():
            transitions[column[label], column[following]] += weight / len(fields)
    kept = {n: [(c, w) for c, w in sorted(held.items()) if abs(w) > least] for n, held in sorted(rows.items())}
    kept = {n: pairs for n, pairs in kept.items() if pairs}
    flat = [pair for pairs in kept.values() for pair in pairs]
    return Crf(
        labels=labels,
        names="\n".join(kept),
        starts=np.cumsum([0, *map(len, kept.values())]).astype(np.int32),
        columns=np.array([c for c, _ in flat], dtype=np.uint8),
        weights=np.array([w for _, w in flat], dtype=np.float16),
        transitions=transitions,
    )
