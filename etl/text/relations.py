"""Relations between the entities of synthesis text: which operation a condition, material or apparatus belongs to.

A pair scorer: one multinomial logistic model (a `crf` of sequences of length one) over order, distance, clause and
words of a pair, then the best tail of each head. Entities come from `tagger` or are given.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
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
_REACH = 6  # candidates of a label on each side of a head, at most
_RARE = 0.01  # share of the pairs of a place that are related, for it to be looked at
_FAR = {("Material", "Material"): 12, ("Number", ""): 14, ("Amount-Unit", ""): 25, ("Material-Descriptor", ""): 30}
_FARTHEST = 60
"""Tokens between head and tail of a pair looked at, to save time: hardly any pair of gold lies farther apart."""
_LEAST, _SURE = 0.4, 0.5  # probability of the best tail of a head, and of further ones
_CUES = frozenset([
    ",", ";", "(", ")", ":", "/", "and", "or", "then", "to", "by", "in", "with", "of", "from", "at", "for", "was",
    "were", "respectively",
])  # fmt: skip


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


Reach = Mapping[tuple[str, str], Sequence[tuple[int, int]]]
"""Labels of head and tail -> where to look for the tail: its place (`_Scene.where`) and how many sentences off."""


@dataclass(frozen=True)
class Relater:
    """A learned pair scorer.

    Attributes:
        field: probabilities of the types of a pair.
        places: where the tail of a pair is looked for.
    """

    field: Crf
    places: Reach

    def links(self, text: str | Read, entities: Sequence[Entity]) -> list[Link]:
        """The relations of the entities of a text, by head."""
        scene = _Scene(text if isinstance(text, Read) else read(text), entities)
        found = [pair for pair in scene.candidates(self.places) if scene.gap(*pair) <= _far(scene, *pair)]
        if not found:
            return []
        table = self.field.emissions([[scene.attributes(h, t) for h, t in found]])[0]
        chance = np.exp(table - table.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        return sorted(_chosen(found, chance, self.field.labels), key=lambda link: (link[1], link[2], link[0]))


def train(documents: Sequence[tuple[str, Sequence[Entity], Sequence[Link]]], settings: crf.Settings) -> Relater:
    """Learns a pair scorer from texts with their entities and relations."""
    scenes = [(_Scene(read(text), entities), links) for text, entities, links in documents]
    reach = _reach(scenes)
    examples: list[tuple[crf.Sentence, list[str]]] = []
    for scene, links in scenes:
        known = {(h, t): kind for kind, h, t in links}
        for pair in scene.candidates(reach):
            examples.append(([scene.attributes(*pair)], [known.get(pair, NONE)]))
    return Relater(crf.mean([crf.fit(examples, settings)]), reach)


def _far(scene: "_Scene", head: int, tail: int) -> int:
    labels = (scene.placed[head].label, scene.placed[tail].label)
    return _FAR.get(labels) or _FAR.get((labels[0], "")) or _FARTHEST


def _reach(scenes: "Sequence[tuple[_Scene, Sequence[Link]]]") -> dict[tuple[str, str], list[tuple[int, int]]]:
    """For each pair of labels that gold relates, the places where more than a rare pair is related."""
    pairs = dict.fromkeys((s.placed[h].label, s.placed[t].label) for s, links in scenes for _, h, t in links)
    everywhere = {p: [(n, off) for n in range(-_REACH, _REACH + 1) if n for off in (0, 1)] for p in sorted(pairs)}
    seen, related = Counter[tuple[str, str, int, int]](), Counter[tuple[str, str, int, int]]()
    for scene, links in scenes:
        known = {(head, tail) for _, head, tail in links}
        for pair in scene.candidates(everywhere):
            where = scene.where(*pair)
            seen[where] += 1
            related[where] += pair in known
    kept = {
        p: [(n, o) for n, o in spots if related[*p, n, o] > _RARE * seen[*p, n, o]] for p, spots in everywhere.items()
    }
    return {p: spots for p, spots in kept.items() if spots}


def _chosen(found: Sequence[tuple[int, int]], chance: Any, labels: Sequence[str]) -> Iterator[Link]:
    """The best tail of each head and type, further ones of shared heads, one part of each material.

    Args:
        found: heads and tails, those of one head in a row.
        chance: of each pair (row) to be of each type (column).
        labels: types of the columns.
    """
    heads = np.array([head for head, _ in found])
    begins = np.flatnonzero(np.concatenate(([True], heads[1:] != heads[:-1])))
    sizes = np.diff([*begins, len(found)])
    roles = np.array([label in ROLES for label in labels])
    plain = ~roles & np.array([label != NONE for label in labels])
    shared = np.array([label in _SHARED for label in labels])
    best = chance == np.repeat(np.maximum.reduceat(chance, begins), sizes, axis=0)
    for row, k in zip(*np.nonzero(plain & ((best & (chance > _LEAST)) | (shared & (chance > _SURE)))), strict=True):
        yield labels[k], *found[row]
    part = (chance * roles).sum(axis=1)
    taken = np.flatnonzero((part == np.repeat(np.maximum.reduceat(part, begins), sizes)) & (part > _LEAST))
    for row in taken[np.unique(heads[taken], return_index=True)[1]]:
        yield labels[int((chance[row] * roles).argmax())], *found[row]


@lru_cache(maxsize=1 << 16)
def _group(start: str, told: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(start + attribute for attribute in told)


def _step(after: int, same: bool) -> int:
    """The place of a tail, none being 0, from how many of its label lie between it and the head, which may be one."""
    return after + (after >= 0 and not same)


class _Scene:
    """The entities of one text among its tokens."""

    def __init__(self, text: Read, entities: Sequence[Entity]) -> None:
        self.tokens: list[Token] = [t for sentence in text.sentences for t in sentence]
        sentence_of = [i for i, sentence in enumerate(text.sentences) for _ in sentence]
        begins = [text.source.begins[t.start] for t in self.tokens]
        ends = [text.source.ends[t.end - 1] for t in self.tokens]
        self.placed: list[_Placed] = []
        for entity in entities if self.tokens else ():
            first = min(bisect_right(ends, entity.start), len(self.tokens) - 1)
            last = max(first, bisect_left(begins, entity.end) - 1)
            self.placed.append(_Placed(entity.label, first, last, sentence_of[first]))
        self.order = sorted(range(len(self.placed)), key=lambda i: self.placed[i].first)
        self.rank = {i: rank for rank, i in enumerate(self.order)}
        self.by_label: dict[str, list[int]] = {}
        for i in self.order:
            self.by_label.setdefault(self.placed[i].label, []).append(i)
        self.ranks = {label: [self.rank[i] for i in row] for label, row in self.by_label.items()}
        self.lower = [normal(t.text, t.kind) for t in self.tokens]
        self.told: dict[int, tuple[str, ...]] = {}

    def where(self, head: int, tail: int) -> tuple[str, str, int, int]:
        """Labels of head and tail, place of the tail and how many sentences it is off.

        The place counts the entities of the tail's label, seen from the head: -1 is the first on the left.
        """
        h, t = self.placed[head], self.placed[tail]
        ranks = self.ranks[t.label]
        at, own = bisect_left(ranks, self.rank[head]), bisect_left(ranks, self.rank[tail])
        return h.label, t.label, _step(own - at, h.label == t.label), abs(t.sentence - h.sentence)

    def gap(self, head: int, tail: int) -> int:
        """How many tokens stand between two entities."""
        h, t = self.placed[head], self.placed[tail]
        return max(0, max(h.first, t.first) - min(h.last, t.last) - 1)

    def candidates(self, reach: Reach) -> Iterator[tuple[int, int]]:
        """Head and tail of every pair that stand as related pairs do, in this or a neighbouring sentence."""
        sides: dict[str, list[tuple[str, frozenset[tuple[int, int]]]]] = {}
        for (first, second), places in reach.items():
            sides.setdefault(first, []).append((second, frozenset(places)))
        for head in self.order:
            h = self.placed[head]
            for label, spots in sides.get(h.label, ()):
                row, ranks = self.by_label.get(label, []), self.ranks.get(label, [])
                at = bisect_left(ranks, self.rank[head])
                for place in range(max(0, at - _REACH), min(len(row), at + _REACH + 1)):
                    tail = row[place]
                    spot = (_step(place - at, h.label == label), abs(self.placed[tail].sentence - h.sentence))
                    if tail != head and spot in spots:
                        yield head, tail

    def attributes(self, head: int, tail: int) -> list[tuple[str, ...]]:
        """What is told of a pair, in groups; the labels of both stand in every attribute."""
        h, t = self.placed[head], self.placed[tail]
        way = "R" if t.first >= h.first else "L"
        left, right = (h, t) if way == "R" else (t, h)
        between = self.order[min(self.rank[head], self.rank[tail]) + 1 : max(self.rank[head], self.rank[tail])][:20]
        same = min(4, sum(self.placed[i].label == t.label for i in between))
        rivals = min(4, sum(self.placed[i].label == h.label for i in between))
        words = self.lower[left.last + 1 : right.first]
        far = len(words) if len(words) < 5 else 5 + min(len(words) // 5, 6)
        labels_between = "|".join(self.placed[i].label for i in between) if len(between) < 4 else "many"
        words_between = "|".join(words) if len(words) < 4 else "far"
        past = self._at(t.last + 1 if way == "R" else t.first - 1)
        before = self._at(h.first - 1)
        start, place, near = f"{h.label}>{t.label}#", f"{way}{same}{abs(h.sentence - t.sentence)}", f"{way}{same}"
        told = ("", way, place, f"{place}r{rivals}", f"{place}n{far}", f"{place}u{past}", f"{place}b{labels_between}",
                f"{place}w{words_between}", *(f"{near}c{w}" for w in dict.fromkeys(words[:40]) if w in _CUES),
                f"{near}hb{before}|{operation(self.lower[t.last]) or ''}", f"{place}hb{before}",
                f"{place}hw{self.lower[h.last]}", f"{place}ha{self._at(h.last + 1)}")  # fmt: skip
        own, other = _group(f"{start}h", self.words(head)), _group(f"{start}{place}t", self.words(tail))
        return [own, other, tuple(start + a for a in told)]

    def _at(self, place: int) -> str:
        return self.lower[place] if 0 <= place < len(self.lower) else "$"

    def words(self, entity: int) -> tuple[str, ...]:
        """Attributes of the words of an entity and around it."""
        if entity not in self.told:
            held = self.placed[entity]
            last, lower = self.tokens[held.last], self.lower[held.last]
            self.told[entity] = (
                f"w{lower}",
                f"k{kind_of(last.text, last.kind)}",
                f"z{(classes(lower) or ('',))[0]}",
                f"b{self._at(held.first - 1)}",
                f"bb{self._at(held.first - 2)} {self._at(held.first - 1)}",
                f"a{self._at(held.last + 1)}",
                f"t{'title' if held.sentence == 0 else ''}",
            )
        return self.told[entity]


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
