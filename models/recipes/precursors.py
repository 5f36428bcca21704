"""Which precursors: sets seen for similar targets, and element by element where no set fits.

The strong simple method: a neighbour's precursor for an element is carried over to the target (element-wise nearest
neighbours), and observed whole sets are preferred where they bring exactly the elements that are needed.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from models.recipes.balance import Reaction, balance
from models.recipes.compositions import ELEMENTS, PLACE, VOLATILE, Amounts, fractions, key, parse, precursor_key
from models.screening.inputs import Floats

NEIGHBOURS = 60
WIDTH = 0.08
WET = 0.1  # what a set from a sol-gel or solution paper counts: the question is mostly what to weigh in and fire


@dataclass(frozen=True)
class Library:
    """Observed (target, precursor set) pairs, one per distinct pair.

    Attributes:
        points: atomic fractions of the targets, n x elements, float32.
        sets: precursor keys of each.
        papers: how many papers report the pair, those from solution routes at a discount.
        source: element -> precursor keys by how often they bring it.
        spelling: precursor key -> its most frequent spelling.
    """

    points: Any
    sets: tuple[tuple[str, ...], ...]
    papers: Floats
    source: dict[str, tuple[str, ...]]
    spelling: dict[str, str]


@dataclass(frozen=True)
class Proposal:
    """A precursor set with its score (share of the votes) and reaction."""

    precursors: tuple[str, ...]
    score: float
    reaction: Reaction


def needed(amounts: Amounts) -> frozenset[str]:
    """Elements that a solid precursor must bring: all but O, H, C, N, unless the target holds nothing else."""
    solid = frozenset(amounts) - VOLATILE
    return solid or frozenset(amounts)


def fit(frame: pl.DataFrame) -> Library:
    """Builds the library from normalised recipes whose precursors parse."""
    votes: dict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
    wet: set[tuple[str, tuple[str, ...]]] = set()
    spelled: dict[str, Counter[str]] = defaultdict(Counter)
    columns = frame.select("target", "precursors", "precursor_set", "doi", "route").iter_rows()
    for row, (target, names, keys, doi, route) in enumerate(columns):
        if not names or not keys or parse(target) is None or any(parse(n) is None for n in names):
            continue
        votes[target, tuple(keys)].add(doi or str(row))
        if route not in (None, "solid-state"):
            wet.add((target, tuple(keys)))
        for n in names:
            spelled[precursor_key(n)][n] += 1
    spelling = {k: sorted(c.items(), key=lambda i: (-i[1], len(i[0]), i[0]))[0][0] for k, c in spelled.items()}
    source: dict[str, Counter[str]] = defaultdict(Counter)
    for (_, keys), who in votes.items():
        for k in keys:
            for e in needed(parse(spelling[k]) or {}):
                source[e][k] += len(who)
    points = np.array([fractions(parse(t)) for t, _ in votes], dtype=np.float32).reshape(-1, len(ELEMENTS))
    ranked = {e: tuple(k for k, _ in sorted(c.items(), key=lambda i: (-i[1], i[0]))[:20]) for e, c in source.items()}
    return Library(
        points,
        tuple(k for _, k in votes),
        np.array([len(w) * (WET if pair in wet else 1.0) for pair, w in votes.items()]),
        ranked,
        spelling,
    )


def propose(library: Library, target: str, *, top: int = 5, reactions: bool = True) -> list[Proposal]:
    """The best precursor sets for a target, best first; [] where the target does not parse or nothing is known.

    Args:
        library: observed pairs.
        target: formula with numbers.
        top: how many.
        reactions: whether to balance each (a set that does not balance keeps its place but loses half its score).
    """
    aim = parse(target)
    if not aim or not library.sets:
        return []
    itself = key(aim)
    votes = {k: v for k, v in _votes(library, aim).items() if itself not in k}
    ranked = sorted(votes.items(), key=lambda v: (-v[1], v[0]))[: max(top * 2, 6)]
    total = sum(v for _, v in votes.items()) or 1.0
    out = []
    for keys, vote in ranked:
        names = tuple(library.spelling.get(k, k) for k in keys)
        reaction = balance(target, names) if reactions else Reaction(False)
        share = vote / total * (1.0 if reaction.balanced or not reactions else 0.5)
        out.append(Proposal(names, round(share, 6), reaction))
    return sorted(out, key=lambda p: (-p.score, p.precursors))[:top]


def _votes(library: Library, aim: Amounts) -> dict[tuple[str, ...], float]:
    elements = needed(aim)
    point = fractions(aim).astype(np.float32)
    distance = np.sqrt(((library.points - point) ** 2).sum(axis=1))
    near = np.argsort(distance, kind="stable")
    votes: dict[tuple[str, ...], float] = defaultdict(float)
    places = [PLACE[e] for e in elements]
    others = [PLACE[e] for e in ELEMENTS if e not in elements and e not in VOLATILE]
    has = (library.points[near][:, places] > 0).all(axis=1)
    alone = has & ~(library.points[near][:, others] > 0).any(axis=1)
    for i in near[alone][:NEIGHBOURS]:
        if _brought(library, library.sets[i]) == elements:
            votes[library.sets[i]] += float(library.papers[i]) ** 0.5 * float(np.exp(-distance[i] / WIDTH))
    for keys, vote in _composed(library, elements, near, distance).items():
        votes[keys] += vote
    return votes


def _brought(library: Library, keys: Sequence[str]) -> frozenset[str]:
    return frozenset().union(*(needed(parse(library.spelling.get(k, "")) or {}) for k in keys))


def _composed(library: Library, elements: frozenset[str], near: Any, distance: Floats) -> dict[tuple[str, ...], float]:
    """Sets put together element by element from the neighbours' sources, by descending product of shares."""
    choices: list[list[tuple[str, float]]] = []
    for e in sorted(elements):
        holders = near[library.points[near][:, PLACE[e]] > 0][:NEIGHBOURS]
        shares: dict[str, float] = defaultdict(float)
        for i in holders:
            for k in library.sets[i]:
                brings = needed(parse(library.spelling.get(k, "")) or {})
                if e in brings and brings <= elements:
                    shares[k] += float(library.papers[i]) ** 0.5 * float(np.exp(-distance[i] / (2 * WIDTH)))
        if not shares:
            fallback = [k for k in library.source.get(e, ()) if needed(parse(library.spelling[k]) or {}) <= elements]
            shares = {k: 1e-3 / (r + 1) for r, k in enumerate(fallback[:3])}
        if not shares:
            return {}
        total = sum(shares.values())
        choices.append(sorted(((k, v / total) for k, v in shares.items()), key=lambda c: (-c[1], c[0]))[:4])
    beams: list[tuple[tuple[str, ...], float]] = [((), 0.3)]
    for options in choices:
        grown = [((*keys, k), p * q) for keys, p in beams for k, q in options]
        beams = sorted(grown, key=lambda b: (-b[1], b[0]))[:12]
    out: dict[tuple[str, ...], float] = defaultdict(float)
    for keys, p in beams:
        out[tuple(sorted(set(keys)))] += p
    return out
