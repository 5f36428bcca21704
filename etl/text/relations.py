"""Relations between the entities of synthesis text: which operation a condition, material or apparatus belongs to.

A pair scorer: one multinomial logistic model (a `crf` of sequences of length one) over order, distance, clause and
words of a pair, then the best tail of each head. Entities come from `tagger` or are given.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from etl.text import crf
from etl.text.crf import Crf
from etl.text.tag_features import classes, kind_of, normal, operation
from etl.text.tokens import Read, Token, read

NONE = "-"
ROLES = ("Recipe_Target", "Recipe_Precursor", "Solvent_Material", "Atmospheric_Material", "Participant_Material")
"""Parts that a material plays in an operation; it plays one."""
_SHARED = frozenset({"Amount_Of", "Brand_Of", "Descriptor_Of", "Property_Of"})  # one head may have several tails
_REACH = 4  # candidates of a label on each side of a head
_LEAST = 0.4  # probability of the best tail of a head
_CUES = frozenset(
    [
        *(",", ";", "(", ")", ":", "/", "and", "or", "then", "to", "by", "in", "with", "of", "from", "at", "for"),
        *("was", "were", "respectively"),
    ]
)


class Entity(NamedTuple):
    """An entity; the span is in the text as given."""

    start: int
    end: int
    label: str


Link = tuple[str, int, int]  # type, and the indices of head and tail in the list of entities


@dataclass(frozen=True)
class _Placed:
    """An entity among the tokens of its text: indices of its first and last token, and its sentence."""

    label: str
    first: int
    last: int
    sentence: int


@dataclass(frozen=True)
class Relater:
    """A learned pair scorer.

    Attributes:
        field: probabilities of the types of a pair.
        pairs: labels of head and tail that may be related.
    """

    field: Crf
    pairs: frozenset[tuple[str, str]]

    def links(self, text: str | Read, entities: Sequence[Entity]) -> list[Link]:
        """The relations of the entities of a text, by head."""
        if not entities:
            return []
        scene = _Scene(text if isinstance(text, Read) else read(text), entities)
        found = list(scene.candidates(self.pairs))
        if not found:
            return []
        scores = self.field.emissions([[scene.attributes(h, t)] for h, t in found])
        table = np.concatenate(scores)
        chance = np.exp(table - table.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        return sorted(_chosen(found, chance, self.field.labels), key=lambda link: (link[1], link[2], link[0]))


def train(documents: Sequence[tuple[str, Sequence[Entity], Sequence[Link]]], settings: crf.Settings) -> Relater:
    """Learns a pair scorer from texts with their entities and relations."""
    pairs = frozenset((es[h].label, es[t].label) for _, es, links in documents for _, h, t in links)
    examples: list[tuple[crf.Sentence, list[str]]] = []
    for text, entities, links in documents:
        gold = {(h, t): kind for kind, h, t in links}
        scene = _Scene(read(text), entities)
        examples += [([scene.attributes(h, t)], [gold.get((h, t), NONE)]) for h, t in scene.candidates(pairs)]
    return Relater(crf.mean([crf.fit(examples, settings)]), pairs)


def _chosen(found: Sequence[tuple[int, int]], chance: Any, labels: Sequence[str]) -> Iterator[Link]:
    """The best tail of each head and type, further ones of shared heads, one part of each material."""
    column = {label: i for i, label in enumerate(labels)}
    roles = [column[r] for r in ROLES if r in column]
    by_head: dict[int, list[int]] = {}
    for row, (head, _) in enumerate(found):
        by_head.setdefault(head, []).append(row)
    for head, rows in by_head.items():
        held = chance[rows]
        for label, k in column.items():
            if label == NONE or k in roles:
                continue
            best = int(held[:, k].argmax())
            for i in range(len(rows)):
                if (i == best and held[i, k] > _LEAST) or (label in _SHARED and held[i, k] > 0.5):
                    yield label, head, found[rows[i]][1]
        if roles:
            part = held[:, roles]
            best = int(part.sum(axis=1).argmax())
            if part[best].sum() > _LEAST:
                yield labels[roles[int(part[best].argmax())]], head, found[rows[best]][1]


class _Scene:
    """The entities of one text among its tokens."""

    def __init__(self, text: Read, entities: Sequence[Entity]) -> None:
        self.tokens: list[Token] = [t for sentence in text.sentences for t in sentence]
        sentence_of = [i for i, sentence in enumerate(text.sentences) for _ in sentence]
        begins = np.array([text.source.begins[t.start] for t in self.tokens], dtype=np.int64)
        ends = np.array([text.source.ends[t.end - 1] for t in self.tokens], dtype=np.int64)
        self.placed: list[_Placed] = []
        for entity in entities:
            first = min(int(np.searchsorted(ends, entity.start, side="right")), len(self.tokens) - 1)
            last = max(first, int(np.searchsorted(begins, entity.end, side="left")) - 1)
            self.placed.append(_Placed(entity.label, first, last, sentence_of[first] if sentence_of else 0))
        self.order = sorted(range(len(entities)), key=lambda i: self.placed[i].first)
        self.rank = {i: rank for rank, i in enumerate(self.order)}
        self.by_label: dict[str, list[int]] = {}
        for i in self.order:
            self.by_label.setdefault(self.placed[i].label, []).append(i)
        self.lower = [normal(t.text, t.kind) for t in self.tokens]

    def candidates(self, pairs: frozenset[tuple[str, str]]) -> Iterator[tuple[int, int]]:
        """Head and tail of every pair near enough, in this or a neighbouring sentence."""
        if not self.tokens:
            return
        tails: dict[str, list[str]] = {}
        for first, second in sorted(pairs):
            tails.setdefault(first, []).append(second)
        for head in self.order:
            for label in tails.get(self.placed[head].label, ()):
                row = self.by_label.get(label, [])
                ranks = [self.rank[i] for i in row]
                at = int(np.searchsorted(ranks, self.rank[head]))
                for tail in row[max(0, at - _REACH) : at + _REACH + 1]:
                    if tail != head and abs(self.placed[tail].sentence - self.placed[head].sentence) < 2:
                        yield head, tail

    def attributes(self, head: int, tail: int) -> list[tuple[str, ...]]:
        """What is told of a pair; the labels of both stand in every attribute."""
        h, t = self.placed[head], self.placed[tail]
        labels = f"{h.label}>{t.label}"
        way = "R" if t.first >= h.first else "L"
        left, right = (h, t) if way == "R" else (t, h)
        between = self.order[min(self.rank[head], self.rank[tail]) + 1 : max(self.rank[head], self.rank[tail])]
        same = min(4, sum(self.placed[i].label == t.label for i in between))
        rivals = min(4, sum(self.placed[i].label == h.label for i in between))
        words = self.lower[left.last + 1 : right.first]
        apart = abs(h.sentence - t.sentence)
        cues = [w for w in dict.fromkeys(words[:40]) if w in _CUES]
        place = f"{way}{same}{apart}"
        far = len(words) if len(words) < 5 else 5 + min(len(words) // 5, 6)
        labels_between = "|".join(self.placed[i].label for i in between) if len(between) < 4 else "many"
        words_between = "|".join(words) if len(words) < 4 else "far"
        past = self._at(t.last + 1 if way == "R" else t.first - 1)
        verb = operation(self.lower[t.last]) or ""
        told = ["", way, place, f"{place}r{rivals}", f"{place}n{far}", f"{place}u{past}"]
        told += [f"{place}b{labels_between}", f"{place}w{words_between}", *(f"{way}{same}c{c}" for c in cues)]
        told += [f"{place}t{a}" for a in self._words(t)] + [f"{way}{same}hb{self._at(h.first - 1)}|{verb}"]
        told += [f"{p}h{a}" for a in self._words(h) for p in (place, "")]
        return [tuple(f"{labels}#{a}" for a in told)]

    def _at(self, place: int) -> str:
        return self.lower[place] if 0 <= place < len(self.lower) else "$"

    def _words(self, entity: _Placed) -> list[str]:
        """Attributes of the words of an entity and around it."""
        last = self.tokens[entity.last]
        lower = self.lower[entity.last]
        return [
            f"w{lower}",
            f"k{kind_of(last.text, last.kind)}",
            f"z{(classes(lower) or ('',))[0]}",
            f"b{self._at(entity.first - 1)}",
            f"bb{self._at(entity.first - 2)} {self._at(entity.first - 1)}",
            f"a{self._at(entity.last + 1)}",
            f"t{'title' if entity.sentence == 0 else ''}",
        ]


def gold(row: Mapping[str, Any]) -> tuple[str, list[Entity], list[Link]]:
    """Text, entities and relations of a row in the format of the MSPT corpus; parts of events are relations.

    A part (`ROLES`) leads from the material to the operation, as conditions and apparatus do.
    """
    entities = [Entity(e["spans"][0][0], e["spans"][0][1], e["type"]) for e in row["entities"]]
    index = {e["id"]: i for i, e in enumerate(row["entities"])}
    for event in row.get("events") or ():
        index[event["id"]] = index[event["trigger"]]
    named = [(r["type"], r["arg1"], r["arg2"]) for r in row.get("relations") or ()]
    named += [(a["role"], a["target"], e["id"]) for e in row.get("events") or () for a in e["args"] or ()]
    links = [(kind, index[head], index[tail]) for kind, head, tail in named if head in index and tail in index]
    return row["text"], entities, list(dict.fromkeys(links))
