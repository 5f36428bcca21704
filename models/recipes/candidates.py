"""Precursor sets that could make a target: whole sets of similar targets, and sets put together element by element.

Similar means near in composition and with mostly the same elements to bring. How the sets are ordered is `ranker`.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from models.recipes import ROUTES, valence
from models.recipes.charges import anions, plausible_reagent
from models.recipes.compositions import ELEMENTS, PLACE, VOLATILE, Amounts, fractions, key, parse, precursor_key
from models.recipes.reagents import KINDS, reagent
from schemas.arrays import Floats

NEIGHBOURS = 80
WIDTH = 0.08  # of the kernel over distances in atomic fractions
ALIKE = 0.2  # of the kernel over the share of elements that differ
OTHER = 0.1  # what a paper on another route than the one asked for counts
WHOLE = 20  # whole sets kept, and
BEAM = 30  # sets put together
WHOLE_SHARE = 0.3
TELLING = ("Te", "Se", "S", "N", "O", "F", "Cl", "Br", "I")  # anions, the one that tells most first
BARE = 0.05  # share of a source that no similar target has
Set = tuple[str, ...]


@dataclass(frozen=True)
class Library:
    """Observed precursor sets by target.

    Attributes:
        places: target key -> row of the arrays.
        points: atomic fractions of the targets, n x elements, float32.
        bits: which elements a target needs brought, n x elements.
        sets: precursor sets (keys) of each target.
        papers: how many papers report each of them, by route (`ROUTES`, then unknown).
        source: element -> precursor keys by how often they bring it.
        spelling: precursor key -> its most frequent spelling.
        brings: precursor key -> elements it brings.
        use: how many targets each precursor, and each pair of them, is used for.
        routes: papers on each route by precursor.
        kinds: papers by kind of precursor (`KINDS`), for each kind of target (`leading_anion`) and route.
    """

    places: dict[str, int]
    points: Any
    bits: Any
    sets: tuple[tuple[Set, ...], ...]
    papers: tuple[Floats, ...]
    source: dict[str, tuple[str, ...]]
    spelling: dict[str, str]
    brings: dict[str, frozenset[str]]
    use: dict[Set, int]
    routes: dict[str, Floats]
    kinds: dict[tuple[str, int], Floats]


@dataclass(frozen=True)
class Candidate:
    """One set, and what speaks for it.

    Attributes:
        keys: its precursors.
        whole: its share of the votes of similar targets for whole sets.
        votes: logarithm of those votes.
        nearest: similarity of the most similar target made from it.
        parts: product over the elements of its sources' shares.
        shares: share of the best of its sources, for each element.
    """

    keys: Set
    whole: float
    votes: float
    nearest: float
    parts: float
    shares: tuple[float, ...]

    @property
    def mixed(self) -> float:
        """Whole and put together, pooled: the unlearned order."""
        return WHOLE_SHARE * self.whole + (1 - WHOLE_SHARE) * self.parts


def needed(amounts: Amounts) -> frozenset[str]:
    """Elements that a solid precursor must bring: all but O, H, C, N, unless the target holds nothing else."""
    solid = frozenset(amounts) - VOLATILE
    return solid or frozenset(amounts)


def library(frame: pl.DataFrame) -> Library:
    """Collects the sets of normalised recipes whose precursors can all be reagents."""
    papers: dict[str, dict[Set, set[tuple[str, int]]]] = defaultdict(lambda: defaultdict(set))
    spelled: dict[str, Counter[str]] = defaultdict(Counter)
    columns = frame.select("target", "precursors", "precursor_set", "doi", "route").iter_rows()
    aims: dict[str, Amounts] = {}
    for row, (target, names, keys, doi, route) in enumerate(columns):
        amounts = parse(target)
        if not names or not keys or not amounts or not all(plausible_reagent(n) for n in names):
            continue
        aim = key(amounts)
        aims.setdefault(aim, amounts)
        papers[aim][tuple(keys)].add((doi or str(row), ROUTES.index(route) if route else len(ROUTES)))
        for n in names:
            spelled[precursor_key(n)][n] += 1
    spelling = {k: sorted(c.items(), key=lambda i: (-i[1], len(i[0]), i[0]))[0][0] for k, c in spelled.items()}
    brings = {k: needed(parse(v) or {}) for k, v in spelling.items()}
    counted = tuple(
        np.array([np.bincount([r for _, r in who], minlength=len(ROUTES) + 1) for who in sets.values()], float)
        for sets in papers.values()
    )
    points = np.array([fractions(aims[k]) for k in papers], dtype=np.float32).reshape(-1, len(ELEMENTS))
    bits = np.array([_bits(needed(aims[k])) for k in papers], dtype=bool).reshape(-1, len(ELEMENTS))
    sets = tuple(tuple(s) for s in papers.values())
    return Library(
        {k: i for i, k in enumerate(papers)},
        points,
        bits,
        sets,
        counted,
        _sources(sets, counted, brings),
        spelling,
        brings,
        _use(sets),
        _routes(sets, counted),
        _kinds([leading_anion(aims[k]) for k in papers], sets, counted, spelling),
    )


def _bits(elements: frozenset[str]) -> Any:
    out = np.zeros(len(ELEMENTS), bool)
    out[[PLACE[e] for e in elements]] = True
    return out


def _sources(
    sets: tuple[tuple[Set, ...], ...], counted: tuple[Floats, ...], brings: dict[str, frozenset[str]]
) -> dict[str, tuple[str, ...]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for made, papers in zip(sets, counted, strict=True):
        for keys, n in zip(made, papers.sum(axis=1), strict=True):
            for k in keys:
                for e in brings[k]:
                    found[e][k] += int(n)
    return {e: tuple(k for k, _ in sorted(c.items(), key=lambda i: (-i[1], i[0]))[:20]) for e, c in found.items()}


def _use(sets: tuple[tuple[Set, ...], ...]) -> dict[Set, int]:
    """For how many targets each precursor and each pair is used."""
    count: Counter[Set] = Counter()
    for made in sets:
        count.update({(k,) for keys in made for k in keys})
        count.update({p for keys in made for p in itertools.combinations(keys, 2)})
    return dict(count)


def _routes(sets: tuple[tuple[Set, ...], ...], counted: tuple[Floats, ...]) -> dict[str, Floats]:
    out: dict[str, Floats] = {}
    for made, papers in zip(sets, counted, strict=True):
        for keys, n in zip(made, papers, strict=True):
            for k in keys:
                out[k] = out.get(k, np.zeros(len(ROUTES) + 1)) + n
    return out


def leading_anion(aim: Amounts) -> str:
    """The anion that tells most of how a target is made: tellurides come from the elements, oxides seldom."""
    negative = anions(aim)
    return next((e for e in TELLING if e in negative), "none")


def _kinds(
    leading: Sequence[str],
    sets: tuple[tuple[Set, ...], ...],
    counted: tuple[Floats, ...],
    spelling: dict[str, str],
) -> dict[tuple[str, int], Floats]:
    out: dict[tuple[str, int], Floats] = defaultdict(lambda: np.zeros(len(KINDS)))
    for name, made, papers in zip(leading, sets, counted, strict=True):
        for keys, n in zip(made, papers, strict=True):
            for k in keys:
                at = KINDS.index(reagent(spelling[k]).kind)
                for route in np.flatnonzero(n):
                    out[name, int(route)][at] += n[route]
    return dict(out)


def candidates(made: Library, aim: Amounts, route: str, *, without: str | None = None) -> list[Candidate]:
    """Sets for a target in no order; [] where an element has no known source.

    Args:
        made: observed sets.
        aim: composition of the target.
        route: papers on it count in full, the others at a discount.
        without: key of a target that shall not be looked at, as if it were new.
    """
    elements = needed(aim)
    bits = _bits(elements)
    distance = np.sqrt(((made.points - fractions(aim).astype(np.float32)) ** 2).sum(axis=1))
    unlike = 1 - (made.bits & bits).sum(axis=1) / np.maximum((made.bits | bits).sum(axis=1), 1)
    alike = np.exp(-distance / WIDTH - unlike / ALIKE)
    if without in made.places:
        alike[made.places[without]] = 0
    weights = _Weights(made, route)
    whole, nearest = _whole(made, elements, np.where(unlike == 0, alike, 0), weights)
    shares = {e: _shares(made, e, elements, alike, weights) for e in sorted(elements)}
    if not all(shares.values()):
        return []
    parts = _composed(made, shares)
    if route == ROUTES[0]:
        parts = _bracketed(made, aim, shares, parts) | parts
    kept = dict(sorted(whole.items(), key=lambda v: (-v[1], v[0]))[:WHOLE])
    itself, total = key(aim), sum(whole.values()) or 1.0
    return [
        Candidate(
            keys,
            kept.get(keys, 0.0) / total,
            float(np.log1p(kept.get(keys, 0.0))),
            nearest.get(keys, 0.0),
            parts.get(keys, 0.0),
            tuple(max((c.get(k, 0.0) for k in keys if e in made.brings[k]), default=0.0) for e, c in shares.items()),
        )
        for keys in dict.fromkeys([*kept, *parts])
        if itself not in keys
    ]


class _Weights:
    """What each set of a target counts on one route: the root of its papers, those on other routes at a discount."""

    def __init__(self, made: Library, route: str) -> None:
        self.papers = made.papers
        self.full = np.where(np.array([r == route for r in ROUTES] + [True]), 1.0, OTHER)

    def of(self, target: int) -> Floats:
        out: Floats = np.sqrt(self.papers[target] @ self.full)
        return out


def _nearest(alike: Floats, rows: Any) -> list[int]:
    found = np.flatnonzero(rows & (alike > 0))
    return [int(i) for i in found[np.argsort(-alike[found], kind="stable")][:NEIGHBOURS]]


def _whole(
    made: Library, elements: frozenset[str], alike: Floats, weights: _Weights
) -> tuple[dict[Set, float], dict[Set, float]]:
    """Votes for the sets of targets with the same elements, and the largest similarity behind each."""
    votes: dict[Set, float] = defaultdict(float)
    nearest: dict[Set, float] = {}
    for i in _nearest(alike, alike > 0):
        for keys, w in zip(made.sets[i], weights.of(i), strict=True):
            if frozenset().union(*(made.brings[k] for k in keys)) == elements:
                votes[keys] += float(w * alike[i])
                nearest[keys] = max(nearest.get(keys, 0.0), float(alike[i]))
    return dict(votes), nearest


def _shares(
    made: Library, element: str, elements: frozenset[str], alike: Floats, weights: _Weights
) -> dict[str, float]:
    """Share of each source of an element among similar targets that hold it; the usual sources where there are none."""
    votes: dict[str, float] = defaultdict(float)
    for i in _nearest(alike, made.bits[:, PLACE[element]]):
        for keys, w in zip(made.sets[i], weights.of(i), strict=True):
            for k in keys:
                if element in made.brings[k] and made.brings[k] <= elements:
                    votes[k] += float(w * alike[i])
    if not votes:
        usual = [k for k in made.source.get(element, ()) if made.brings[k] <= elements]
        votes |= {k: 1 / (r + 1) for r, k in enumerate(usual[:3])}
    total = sum(votes.values()) or 1.0
    return {k: v / total for k, v in votes.items()}


def _composed(made: Library, shares: dict[str, dict[str, float]]) -> dict[Set, float]:
    """The most probable sets by descending product of shares; a source that brings two elements may serve both."""
    beams: dict[Set, float] = {(): 1.0}
    for e, options in shares.items():
        first = sorted(options.items(), key=lambda c: (-c[1], c[0]))[:6]
        grown: dict[Set, float] = {}
        for keys, p in beams.items():
            present = [options.get(k, 1e-4) for k in keys if e in made.brings[k]]
            for longer, q in [(keys, max(present, default=0.0))] * bool(present) + [((*keys, k), q) for k, q in first]:
                made_of = tuple(sorted(set(longer)))
                grown[made_of] = max(grown.get(made_of, 0.0), p * q)
        beams = dict(sorted(grown.items(), key=lambda b: (-b[1], b[0]))[:BEAM])
    return beams


def _bracketed(
    made: Library, aim: Amounts, shares: dict[str, dict[str, float]], parts: dict[Set, float]
) -> dict[Set, float]:
    """The best set with a higher and a lower source of an element in place of one, for dry mixing."""
    best = min(parts, key=lambda k: (-parts[k], k))
    out: dict[Set, float] = {}
    for e, pairs in valence.brackets(aim, made.source, made.spelling).items():
        rest = tuple(k for k in best if made.brings[k] != {e})
        for low, high in pairs:
            share = (shares[e].get(low, 0.0) + BARE) * (shares[e].get(high, 0.0) + BARE)
            out[tuple(sorted({*rest, low, high}))] = parts[best] * share
    return out


def usual(made: Library, elements: Sequence[str], *, top: int = 3) -> list[str]:
    """The most usual sources of some elements, as spelled."""
    return [made.spelling[k] for e in elements for k in made.source.get(e, ())[:top]]
