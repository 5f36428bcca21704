"""Linear-chain conditional random fields: weights learned by CRFsuite, averaged, pruned and decoded by numpy.

The score of a labelling is linear in the weights, so the mean of several fields is a field: an ensemble costs no more
than one of its members. What the attributes mean is `tag_features`; nothing here knows a text.
"""

import ctypes
import random
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Token = Sequence[tuple[str, ...]]
"""The attributes of a token in groups: sums of all but the last group are kept, for they come again."""
Sentence = Sequence[Token]
_KEPT = 100_000  # sums of groups kept at most


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

    def __getstate__(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # nothing that was only kept for speed

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names.split("\n"))}

    @cached_property
    def _dense(self) -> NDArray[np.float32]:
        table = np.zeros((len(self.starts) - 1, len(self.labels)), dtype=np.float32)
        rows = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        table[rows, self.columns] = self.weights
        return table

    @cached_property
    def _kept(self) -> tuple[dict[tuple[str, ...], int], list[NDArray[np.float32]]]:
        return {}, []

    def _sum(self, group: tuple[str, ...]) -> int:
        """Number of the kept sum of the weights of a group of attributes."""
        numbers, sums = self._kept
        number = numbers.get(group)
        if number is None:
            known = self._index
            sums.append(self._dense[[i for a in group if (i := known.get(a)) is not None]].sum(axis=0))
            number = numbers[group] = len(sums) - 1
        return number

    def emissions(self, sentences: Sequence[Sentence]) -> list[NDArray[np.float32]]:
        """Scores of the labels of each token, by its attributes alone: per sentence tokens x labels."""
        numbers, sums = self._kept
        if len(sums) > _KEPT:
            numbers.clear()
            sums.clear()
        known, tokens = self._index, [token for sentence in sentences for token in sentence]
        parts = [[self._sum(group) for group in token[:-1]] for token in tokens]
        own = [[i for a in token[-1] if (i := known.get(a)) is not None] for token in tokens]
        scores = _added(self._dense, own)
        if any(parts):
            used, inverse = np.unique(np.concatenate([p for p in parts if p]), return_inverse=True)
            table, places = np.array([sums[k] for k in used]), iter(inverse.tolist())
            scores += _added(table, [[next(places) for _ in p] for p in parts])
        return np.split(scores, np.cumsum([len(s) for s in sentences])[:-1]) if sentences else []

    def decode(self, sentences: Sequence[Sentence]) -> list[list[str]]:
        """The best labels of each sentence, from the attributes of its tokens."""
        return [[self.labels[k] for k in path] for path in viterbi(self.emissions(sentences), self.transitions)]


def _added(table: NDArray[np.float32], rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """Sums of rows of a table; zero where none is named."""
    sizes = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    scores = np.zeros((len(rows), table.shape[1]), dtype=np.float32)
    flat = [i for row in rows for i in row]
    if flat:
        filled = sizes > 0
        begins = np.concatenate(([0], np.cumsum(sizes[filled])[:-1]))
        scores[filled] = np.add.reduceat(table[flat], begins, axis=0)
    return scores


def viterbi(emissions: Sequence[NDArray[np.float32]], transitions: NDArray[np.float32]) -> list[list[int]]:
    """The best path through each table of scores, tokens x labels; all tables are walked at once, longest first."""
    order = sorted(range(len(emissions)), key=lambda i: -len(emissions[i]))
    lengths = np.array([len(emissions[i]) for i in order], dtype=np.int64)
    longest, number, width = int(lengths.max(initial=0)), len(order), len(transitions)
    padded = np.zeros((longest, number, width), dtype=np.float32)
    for place, i in enumerate(order):
        padded[: len(emissions[i]), place] = emissions[i]
    back = np.zeros((longest, number, width), dtype=np.uint8)
    best = padded[0].copy() if longest else np.zeros((number, width), dtype=np.float32)
    into = np.ascontiguousarray(transitions.T)  # next x label
    for step in range(1, longest):
        open_ = int((lengths > step).sum())  # tables that go on
        scores = best[:open_, None, :] + into
        back[step, :open_] = scores.argmax(axis=2)
        best[:open_] = scores.max(axis=2) + padded[step, :open_]
    last = best.argmax(axis=1)
    paths: list[list[int]] = [[] for _ in order]
    for place, i in enumerate(order):
        path = [int(last[place])] if lengths[place] else []
        for step in range(int(lengths[place]) - 1, 0, -1):
            path.append(int(back[step, place, path[-1]]))
        paths[i] = path[::-1]
    return paths


@dataclass(frozen=True)
class Settings:
    """How a field is trained.

    Attributes:
        algorithm: of CRFsuite: lbfgs (likelihood), l2sgd (the same, quicker), ap (averaged perceptron).
        options: of that algorithm, by their names there.
        dropped: share of the attributes that the field does not see.
        seed: of the choice of attributes and of the order of the sentences.
        share: how much the field counts in an ensemble.
    """

    algorithm: str = "lbfgs"
    options: tuple[tuple[str, float], ...] = ()
    dropped: float = 0.0
    seed: int = 0
    share: float = 1.0

    def sees(self, attribute: str) -> bool:
        """Whether the field sees an attribute."""
        return zlib.crc32(f"{self.seed}|{attribute}".encode()) % 1000 >= 1000 * self.dropped


class Weights(NamedTuple):
    """What a field learned."""

    labels: tuple[str, ...]
    states: dict[tuple[str, str], float]
    """Of attribute and label."""
    moves: dict[tuple[str, str], float]
    """Of label and next label."""


def fit(sentences: Sequence[tuple[Sentence, Sequence[str]]], settings: Settings) -> Weights:
    """Learns the weights of a field from sentences and their labels; equal inputs give equal weights."""
    import pycrfsuite

    numbers: dict[str, str | None] = {}  # attributes as numbers: the dump of a model quotes nothing
    trainer = pycrfsuite.Trainer(algorithm=settings.algorithm, verbose=False)
    trainer.set_params(dict(settings.options))
    order = list(range(len(sentences)))
    random.Random(settings.seed).shuffle(order)
    for i in order:
        rows = []
        for token in sentences[i][0]:
            for name in (a for group in token for a in group):
                if name not in numbers:
                    numbers[name] = str(len(numbers)) if settings.sees(name) else None
            rows.append([n for group in token for a in group if (n := numbers[a]) is not None])
        trainer.append(rows, list(sentences[i][1]))
    ctypes.CDLL(None).srand(settings.seed)  # CRFsuite shuffles by the C library's rand
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "crf")
        trainer.train(path)
        tagger = pycrfsuite.Tagger()
        tagger.open(path)
        told = tagger.info()
        tagger.close()
    names = {number: name for name, number in numbers.items()}
    states = {(str(names[a]), label): float(w) for (a, label), w in told.state_features.items()}
    labels = tuple(sorted({label for _, told_labels in sentences for label in told_labels}))
    return Weights(labels, states, {pair: float(w) for pair, w in told.transitions.items()})


def scaled(weights: Weights, share: float = 1.0) -> Weights:
    """The weights at one size, so that fields of several algorithms count by their share in a mean."""
    size = max(1e-12, sum(w * w for w in weights.states.values())) ** 0.5 / (30 * share)
    states, moves = ({k: w / size for k, w in held.items()} for held in (weights.states, weights.moves))
    return Weights(weights.labels, states, moves)


def mean(members: Sequence[Weights], least: float = 0.0) -> Crf:
    """The field whose weights are the means of those of some fields.

    Args:
        members: what `fit` gave; a weight that one of them lacks is zero there.
        least: weights below it, in size, are left out.
    """
    labels = tuple(sorted({label for member in members for label in member.labels}))
    column = {label: i for i, label in enumerate(labels)}
    rows: dict[str, dict[int, float]] = {}
    for _, states, _ in members:
        for (name, label), weight in states.items():
            held = rows.setdefault(name, {})
            held[column[label]] = held.get(column[label], 0.0) + weight / len(members)
    transitions = np.zeros((len(labels), len(labels)), dtype=np.float32)
    for *_, moves in members:
        for (label, following), weight in moves.items():
            transitions[column[label], column[following]] += weight / len(members)
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
