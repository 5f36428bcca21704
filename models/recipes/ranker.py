"""Order of candidate precursor sets, learned from targets that the candidates were made without.

A set that many similar targets are made from comes first; one of reagents that are often weighed in together, that
belong to the route and that are common comes before one of curiosities.
"""

import functools
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.recipes import ROUTES, splits
from models.recipes.candidates import TELLING, Candidate, Library, candidates, leading_anion
from models.recipes.compositions import Amounts, parse
from models.recipes.reagents import KINDS, reagent
from schemas.arrays import Floats

TARGETS = 1500  # targets learned from at most, and
LEAST = 200  # at least, else sets keep the unlearned order
SEEDS = 2
TREES: dict[str, Any] = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 5,
    "num_leaves": 7,
    "learning_rate": 0.08,
    "min_data_in_leaf": 30,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "max_bin": 63,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
    "num_threads": 1,
}
ROUNDS = 100


@dataclass(frozen=True)
class Ranker:
    """Boosters whose scores are averaged and added to the logarithm of the unlearned score; none for a small table."""

    boosters: tuple[str, ...]

    def scores(self, made: Library, aim: Amounts, found: list[Candidate], route: str) -> Floats:
        """One score a candidate, the higher the better; differences are log-odds."""
        plain = np.log([c.mixed + 1e-6 for c in found])
        if not self.boosters or not found:
            return plain
        X = features(made, aim, found, route)
        learned: Floats = plain + np.mean([np.asarray(_booster(t).predict(X)) for t in self.boosters], axis=0)
        return learned


@functools.lru_cache(maxsize=16)
def _booster(text: str) -> Any:
    import lightgbm

    return lightgbm.Booster(model_str=text)


def features(
    made: Library, aim: Amounts, found: list[Candidate], route: str, *, own: set[tuple[str, ...]] | None = None
) -> Floats:
    """Numbers that describe each candidate among its rivals.

    Args:
        made: observed sets.
        aim: composition of the target.
        found: its candidates.
        route: asked for.
        own: words (precursors and pairs) of a target that shall not be counted.
    """
    anion = leading_anion(aim)
    counts = made.kinds.get((anion, ROUTES.index(route)), np.zeros(len(KINDS)))
    habit = np.log((counts + 1) / (counts.sum() + len(KINDS)))
    rows = np.array([[*_describe(made, c, route, own or set()), *_fitting(made, c, habit)] for c in found])
    rows = np.hstack([rows, np.full((len(rows), 1), TELLING.index(anion) if anion in TELLING else -1)])
    parts, whole = np.log([c.parts + 1e-7 for c in found]), np.array([c.whole for c in found])
    mixed = np.log([c.mixed + 1e-9 for c in found])
    rival = np.column_stack([parts, parts - parts.max(), whole - whole.max(), mixed, mixed - mixed.max()])
    return np.hstack([rows, rival])


def _fitting(made: Library, c: Candidate, habit: Floats) -> tuple[float, float]:
    """How usual the kinds of its precursors are for such targets: the least usual, and the mean."""
    each = [habit[KINDS.index(reagent(made.spelling[k]).kind)] for k in c.keys]
    return float(min(each)), float(np.mean(each))


def _describe(made: Library, c: Candidate, route: str, own: set[tuple[str, ...]]) -> list[float]:
    def used(word: tuple[str, ...]) -> int:
        return made.use.get(word, 0) - (word in own)

    common = [float(np.log1p(used((k,)))) for k in c.keys]
    pairs = [
        float(np.log((used(p) + 0.3) / (0.3 + np.sqrt((used((p[0],)) + 1) * (used((p[1],)) + 1)))))
        for p in itertools.combinations(c.keys, 2)
    ] or [0.0]
    kinds = [reagent(made.spelling[k]).kind for k in c.keys]
    place = ROUTES.index(route)
    fitting = [(made.routes[k][place] + 0.5) / (made.routes[k].sum() + 2) for k in c.keys]
    return [
        c.whole,
        c.votes,
        c.nearest,
        min(c.shares),
        float(np.mean(np.log(np.maximum(c.shares, 1e-5)))),
        len(c.keys) - len(c.shares),
        len(c.shares),
        min(common),
        float(np.mean(common)),
        min(pairs),
        float(np.mean(pairs)),
        len(set(kinds)),
        float(np.mean([k in ("oxide", "carbonate") for k in kinds])),
        float(np.mean([k == "nitrate" for k in kinds])),
        float(np.mean([k == "element" for k in kinds])),
        min(fitting),
        float(np.mean(fitting)),
        sum(len(made.brings[k]) > 1 for k in c.keys),
        place,
    ]


def fit(made: Library, targets: dict[str, str], *, seed: int) -> Ranker:
    """Learns the order from targets of the library, each treated as if it were new.

    Args:
        made: observed sets.
        targets: target key -> formula.
        seed: of the choice of targets and of the trees.
    """
    import lightgbm

    chosen = sorted((k for k in made.places if k in targets), key=lambda k: splits.bucket(k, seed))[:TARGETS]
    X, y, sizes = [], [], []
    for name in chosen:
        at = made.places[name]
        by_route = made.papers[at][:, : len(ROUTES)]
        place = int(by_route.sum(axis=0).argmax())
        told = by_route[:, place] > 0 if by_route.any() else np.ones(len(by_route), bool)
        accepted = {keys for keys, ok in zip(made.sets[at], told, strict=True) if ok}
        aim = parse(targets[name]) or {}
        found = candidates(made, aim, ROUTES[place], without=name)
        labels = [c.keys in accepted for c in found]
        if any(labels) and not all(labels):
            own: set[tuple[str, ...]] = {(k,) for s in made.sets[at] for k in s}
            own |= {p for s in made.sets[at] for p in itertools.combinations(s, 2)}
            X.append(features(made, aim, found, ROUTES[place], own=own))
            y.append(np.array(labels, float))
            sizes.append(len(found))
    if len(sizes) < LEAST:
        return Ranker(())
    data = lightgbm.Dataset(np.vstack(X), np.concatenate(y), group=sizes, params={"verbosity": -1, "max_bin": 63})
    return Ranker(
        tuple(lightgbm.train({**TREES, "seed": seed + k}, data, ROUNDS).model_to_string() for k in range(SEEDS))
    )
