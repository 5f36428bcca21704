"""Which precursors: ranked sets with balanced reactions, and what is wrong with sets that were given.

Sets come from `candidates`, their order from `ranker`, reactions from `balance`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from models.recipes import ROUTES, candidates, ranker
from models.recipes.balance import Reaction, balance
from models.recipes.candidates import needed
from models.recipes.compositions import parse
from models.recipes.ranker import Ranker

__all__ = ["Library", "Proposal", "fit", "needed", "propose", "unreadable", "unsupplied"]
UNBALANCED = 0.5


@dataclass(frozen=True)
class Library:
    """What was observed, and how sets are ordered."""

    observed: candidates.Library
    ranker: Ranker


@dataclass(frozen=True)
class Proposal:
    """A precursor set with its score (probability among the candidates) and reaction."""

    precursors: tuple[str, ...]
    score: float
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
    library: Library, target: str, *, route: str = ROUTES[0], top: int = 5, reactions: bool = True
) -> list[Proposal]:
    """The best precursor sets for a target, best first; [] where the target does not parse or nothing is known.

    Args:
        library: observed sets and their order.
        target: formula with numbers.
        route: papers on this route count in full, the others at a discount.
        top: how many.
        reactions: whether to balance each (a set that does not balance loses half its score).
    """
    aim = parse(target)
    found = candidates.candidates(library.observed, aim, route) if aim and library.observed.sets else []
    if not found:
        return []
    scores = library.ranker.scores(library.observed, found, route)
    weight = np.exp(scores - scores.max())
    ranked = sorted(zip(weight / weight.sum(), (c.keys for c in found), strict=True), key=lambda v: (-v[0], v[1]))
    out = []
    for share, keys in ranked[: top + 3 if reactions else top]:
        names = tuple(library.observed.spelling[k] for k in keys)
        reaction = balance(target, names) if reactions else Reaction(False)
        score = float(share) * (1.0 if reaction.balanced or not reactions else UNBALANCED)
        out.append(Proposal(names, round(score, 6), reaction))
    return sorted(out, key=lambda p: (-p.score, p.precursors))[:top]
