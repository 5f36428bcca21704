"""How strongly words about a recipe speak for each route, learned without looking at the row that is described.

A word is an element, a precursor, a kind of precursor, a pair of them. Each has log-odds of the routes, shrunk towards
none. Rows of training are described by habits of other papers on other targets (folds), else the trees would read their
own labels.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from models.recipes import ROUTES, splits
from models.recipes.features import Singles
from schemas.arrays import Floats, Ints

FOLDS = 8
SHRINK = 2.0  # votes that speak for no route
SUMMARIES = ("sum", "max", "min")
Words = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Habits:
    """Log-odds of the routes and log of the votes for each word of one group of words."""

    place: dict[str, int]
    odds: Singles

    def describe(self, words: Words) -> Singles:
        """Sum, largest and smallest log-odds of the words of each row and the fewest votes; NaN without a word."""
        found = [[self.place.get(w, len(self.place)) for w in row] for row in words]
        out = np.full((len(words), len(SUMMARIES) * len(ROUTES) + 1), np.nan, np.float32)
        ok = np.array([bool(row) for row in found], dtype=bool)
        if not ok.any():
            return out
        starts = np.cumsum([0, *(len(row) for row in found if row)])[:-1]
        flat = self.odds[np.concatenate([np.asarray(row) for row in found if row])]
        least = np.minimum.reduceat(flat, starts, axis=0)
        sums = np.add.reduceat(flat[:, :-1], starts, axis=0)
        most = np.maximum.reduceat(flat[:, :-1], starts, axis=0)
        out[ok] = np.hstack([sums, most, least])
        return out


def columns(group: str) -> list[str]:
    """Names of what `Habits.describe` gives."""
    return [f"{s} of the log-odds of {r} by {group}" for s in SUMMARIES for r in ROUTES] + [f"fewest votes by {group}"]


def learn(words: Words, routes: Ints, votes: Floats) -> Habits:
    """Counts votes of each word for each route.

    Args:
        words: of each row.
        routes: index of the route of each row.
        votes: what each row counts.
    """
    place: dict[str, int] = {}
    codes = [[place.setdefault(w, len(place)) for w in row] for row in words]
    ends = np.cumsum([0, *(len(c) for c in codes)])
    flat = np.array([c for row in codes for c in row], dtype=np.int64)
    table: Any = sparse.csr_matrix((np.ones(len(flat)), flat, ends), shape=(len(codes), len(place)))
    cast = np.zeros((len(codes), len(ROUTES)))
    cast[np.arange(len(codes)), routes] = votes
    prior = (cast.sum(axis=0) + 0.5) / (cast.sum() + 0.5 * len(ROUTES))
    count = np.vstack([np.asarray(table.T @ cast).reshape(-1, len(ROUTES)), np.zeros(len(ROUTES))])  # last: unknown
    total = count.sum(axis=1, keepdims=True)
    odds = np.log((count + SHRINK * prior) / (total + SHRINK) / prior)
    return Habits(place, np.hstack([odds, np.log1p(total)]).astype(np.float32))


def votes(frame: pl.DataFrame) -> Floats:
    """One over the root of the rows of the same target: TiO2 shall not outvote all others."""
    keys = frame["target_key"].to_list()
    count = Counter(keys)
    return np.array([1 / np.sqrt(count[k]) for k in keys])


def described(words: Words, frame: pl.DataFrame, routes: Ints, *, seed: int) -> Singles:
    """Describes each training row by the other folds: neither its paper nor its target is heard."""
    keys, cast = frame["target_key"].to_list(), votes(frame)
    names = np.array(splits.papers(frame), dtype=object)
    fold = np.array([int(splits.bucket(k or "", seed) * FOLDS) for k in keys])
    out = np.full((frame.height, len(SUMMARIES) * len(ROUTES) + 1), np.nan, np.float32)
    for k in range(FOLDS):
        held = np.flatnonzero(fold == k)
        seen = set(names[held])
        rest = np.array([i for i in np.flatnonzero(fold != k) if names[i] not in seen], dtype=np.int64)
        if len(held) and len(rest):
            made = learn([words[i] for i in rest], routes[rest], cast[rest])
            out[held] = made.describe([words[i] for i in held])
    return out
