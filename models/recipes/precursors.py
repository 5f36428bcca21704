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

from models.recipes import ROUTES
from models.recipes.balance import Reaction, balance
from models.recipes.charges import plausible_reagent
from models.recipes.compositions import ELEMENTS, PLACE, VOLATILE, Amounts, fractions, key, parse, precursor_key
from schemas.arrays import Floats

NEIGHBOURS = 60
WIDTH = 0.08
OTHER = 0.1  # what a paper on another route than the one asked for counts


@dataclass(frozen=True)
class Library:
    """Observed (target, precursor set) pairs, one per distinct pair.

    Attributes:
        points: atomic fractions of the targets, n x elements, float32.
        sets: precursor keys of each.
        papers: how many papers report the pair, by route (`ROUTES`, then unknown), n x 5.
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


def unreadable(names: Sequence[str] | None) -> str | None:
    """Why given precursors cannot be used: one does not parse; None where all do, or none is given."""
    odd = [n for n in names or () if parse(n) is None]
    return f"precursor {', '.join(map(repr, odd))} is no formula with numbers" if odd else None


def unsupplied(target: str, names: Sequence[str] | None) -> str | None:
    """Which elements of the target no given precursor brings; None where all are brought, or none is given."""
    if not names:
        return None
    missing = needed(parse(target) or {}) - set().union(*(parse(n) or {} for n in names))
    return f"no given precursor brings {', '.join(sorted(missing))}" if missing else None


def fit(frame: pl.DataFrame) -> Library:
    """Builds the library from normalised recipes whose precursors can all be reagents."""
    votes: dict[tuple[str, tuple[str, ...]], set[tuple[str, int]]] = defaultdict(set)
    spelled: dict[str, Counter[str]] = defaultdict(Counter)
    columns = frame.select("target", "precursors", "precursor_set", "doi", "route").iter_rows()
    for row, (target, names, keys, doi, route) in enumerate(columns):
        if not names or not keys or parse(target) is None or not all(plausible_reagent(n) for n in names):
            continue
        votes[target, tuple(keys)].add((doi or str(row), ROUTES.index(route) if route else len(ROUTES)))
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
        np.array([np.bincount([r for _, r in who], minlength=len(ROUTES) + 1) for who in votes.values()], float),
        ranked,
        spelling,
    )


def propose(
    library: Library, target: str, *, route: str = ROUTES[0], top: int = 5, reactions: bool = True
) -> list[Proposal]:
    """The best precursor sets for a target, best first; [] where the target does not parse or nothing is known.

    Args:
        library: observed pairs.
        target: formula with numbers.
        route: papers on this route count in full, the others at a discount.
        top: how many.
        reactions: whether to balance each (a set that does not balance keeps its place but loses half its score).
    """
    aim = parse(target)
    if not aim or not library.sets:
        return []
    itself = key(aim)
    votes = {k: v for k, v in _votes(library, _weights(library, route), aim).items() if itself not in k}
    ranked = sorted(votes.items(), key=lambda v: (-v[1], v[0]))[: max(top * 2, 6)]
    total = sum(v for _, v in votes.items()) or 1.0
    out = []
    for keys, vote in ranked:
        names = tuple(library.spelling.get(k, k) for k in keys)
        reaction = balance(target, names) if reactions else Reaction(False)
        share = vote / total * (1.0 if reaction.balanced or not reactions else 0.5)
        out.append(Proposal(names, round(share, 6), reaction))
    return sorted(out, key=lambda p: (-p.score, p.precursors))[:top]


def _weights(library: Library, route: str) -> Floats:
    """What each pair counts: papers on the route asked for, or on none that is known, in full."""
    full = np.array([r == route for r in ROUTES] + [True])
    weights: Floats = np.sqrt(library.papers @ np.where(full, 1.0, OTHER))
    return weights


def _votes(library: Library, weights: Floats, aim: Amounts) -> dict[tuple[str, ...], float]:
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
            votes[library.sets[i]] += float(weights[i]) * float(np.exp(-distance[i] / WIDTH))
    for keys, vote in _composed(library, weights, elements, near, distance).items():
        votes[keys] += vote
    return votes


def _brought(library: Library, keys: Sequence[str]) -> frozenset[str]:
    return frozenset().union(*(needed(parse(library.spelling.get(k, "")) or {}) for k in keys))


def _composed(
    library: Library, weights: Floats, elements: frozenset[str], near: Any, distance: Floats
) -> dict[tuple[str, ...], float]:
    """Sets put together element by element from the neighbours' sources, by descending product of shares."""
    choices: list[list[tuple[str, float]]] = []
    for e in sorted(elements):
        holders = near[library.points[near][:, PLACE[e]] > 0][:NEIGHBOURS]
        shares: dict[str, float] = defaultdict(float)
        for i in holders:
            for k in library.sets[i]:
                brings = needed(parse(library.spelling.get(k, "")) or {})
                if e in brings and brings <= elements:
                    shares[k] += float(weights[i]) * float(np.exp(-distance[i] / (2 * WIDTH)))
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
