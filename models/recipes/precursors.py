"""Which precursors: ranked sets with balanced reactions, and what is wrong with sets that were given.

Sets come from `candidates`, their order from `ranker`, reactions from `balance`.
"""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from models.recipes import ROUTES, candidates, ranker, valence
from models.recipes.balance import Reaction, balance
from models.recipes.candidates import needed
from models.recipes.charges import metalless
from models.recipes.compositions import Amounts, parse
from models.recipes.ranker import Ranker

__all__ = ["Library", "Proposal", "fit", "mixture", "needed", "propose", "unreadable", "unsupplied"]
UNBALANCED = 0.5
UNLIKELY = 0.1


@dataclass(frozen=True)
class Library:
    """What was observed, and how sets are ordered."""

    observed: candidates.Library
    ranker: Ranker


@dataclass(frozen=True)
class Proposal:
    """A precursor set with its score (probability among the candidates), the route it serves most, and reaction."""

    precursors: tuple[str, ...]
    score: float
    route: str
    reaction: Reaction


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


def fit(frame: pl.DataFrame, *, seed: int = 0) -> Library:
    """Builds the library from normalised recipes and learns the order of sets."""
    observed = candidates.library(frame)
    named = dict(zip(frame["target_key"].to_list(), frame["target"].to_list(), strict=True))
    return Library(observed, ranker.fit(observed, {k: t for k, t in named.items() if k}, seed=seed))


def propose(
    library: Library, target: str, *, routes: Mapping[str, float], top: int = 5, reactions: bool = True
) -> list[Proposal]:
    """The best precursor sets for a target, best first; [] where it does not parse, is not fired or nothing is known.

    Args:
        library: observed sets and their order.
        target: formula with numbers.
        routes: how probable each route is. Sets are ranked route by route (papers on the others count less), and a
            set's score is its probability over all of them; routes below a tenth are left out beside likelier ones.
        top: how many.
        reactions: whether to balance each (a set that does not balance loses half its score).
    """
    aim = parse(target)
    if not aim or metalless(aim) or not library.observed.sets:
        return []
    kept = {r: p for r, p in routes.items() if p >= min(UNLIKELY, max(routes.values()))}
    shares: dict[candidates.Set, dict[str, float]] = defaultdict(dict)
    for route, p in kept.items():
        for keys, share in _shares(library, aim, route).items():
            shares[keys][route] = p / sum(kept.values()) * share
    ranked = sorted(shares.items(), key=lambda v: (-sum(v[1].values()), v[0]))
    out = []
    for keys, each in ranked[: top + 3 if reactions else top]:
        names = tuple(library.observed.spelling[k] for k in keys)
        reaction = balance(target, names) if reactions else Reaction(False)
        score = sum(each.values()) * (1.0 if reaction.balanced or not reactions else UNBALANCED)
        out.append(Proposal(names, round(score, 6), max(each, key=lambda r: each[r]), reaction))
    return sorted(out, key=lambda p: (-p.score, p.precursors))[:top]


def mixture(library: Library, target: str) -> Reaction | None:
    """Dry mixing of a higher and a lower source of an element that closes without oxygen; None where nothing does."""
    aim, known = parse(target), library.observed
    pairs = [set(p) for each in valence.brackets(aim or {}, known.source, known.spelling).values() for p in each]
    if not aim or not pairs:
        return None
    found = candidates.candidates(known, aim, ROUTES[0])
    ranked = sorted(found, key=lambda c: (-c.mixed, c.keys))
    for pair, c in itertools.product(pairs, ranked):
        if pair <= set(c.keys):
            reaction = balance(target, [known.spelling[k] for k in c.keys])
            if reaction.balanced and "O2" not in dict(reaction.coefficients):
                return reaction
    return None


def _shares(library: Library, aim: Amounts, route: str) -> dict[candidates.Set, float]:
    """Probability of each candidate set on one route."""
    found = candidates.candidates(library.observed, aim, route)
    if not found:
        return {}
    scores = library.ranker.scores(library.observed, aim, found, route)
    weight = np.exp(scores - scores.max())
    return dict(zip((c.keys for c in found), (weight / weight.sum()).tolist(), strict=True))
