"""One random forest for all conditions, whose leaves keep what papers reported: distributions, not means.

Quantile regression forests (Meinshausen, JMLR 7, 983 (2006)). The splits tell all conditions apart at once, so
rows that state only a highest temperature shape the trees that answer for sintering.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.recipes.features import Singles
from schemas.arrays import Floats, Ints

ABSENT = -9.0


@dataclass(frozen=True)
class Outcomes:
    """What some rows reported.

    Attributes:
        rows: their places.
        code: number of the outcome of each.
        count: how many outcomes there are.
    """

    rows: Ints
    code: Ints
    count: int


@dataclass(frozen=True)
class Forest:
    """Trees, and the outcomes in their leaves.

    Attributes:
        trees: scikit-learn forest.
        start: place of each tree's first node among all nodes.
        leaves: by name, nodes x outcomes, sparse; a row sums to 1, or to 0 where the leaf knows nothing.
    """

    trees: Any
    start: Ints
    leaves: dict[str, Any]

    def meet(self, X: Singles) -> Any:
        """The leaves that rows fall into: n x nodes, sparse, rows sum to 1."""
        from scipy.sparse import csr_matrix

        at = self.trees.apply(_filled(X)) + self.start[None, :]
        n, count = at.shape
        share = np.full(n * count, 1 / count)
        nodes = next(iter(self.leaves.values())).shape[0]
        return csr_matrix((share, at.ravel(), np.arange(0, n * count + 1, count)), shape=(n, nodes))

    def probabilities(self, met: Any, name: str) -> Floats:
        """Mean over the trees of what lies in the leaves, n x outcomes; zeros where no leaf knows anything."""
        p = np.asarray((met @ self.leaves[name]).todense(), dtype=np.float64)
        total = p.sum(axis=1, keepdims=True)
        return np.divide(p, total, out=np.zeros_like(p), where=total > 0)


def _filled(X: Singles) -> Singles:
    return np.where(np.isfinite(X), X, ABSENT).astype(np.float32)


def fit(
    X: Singles,
    y: Floats,
    outcomes: Mapping[str, Outcomes],
    weight: Floats,
    *,
    seed: int,
    trees: int,
    threads: int,
    rough: bool = False,
) -> Forest:
    """Grows the trees and fills their leaves.

    Args:
        X: features, n x d.
        y: what the splits shall tell apart, n x several, without gaps.
        outcomes: what the leaves shall keep, by name.
        weight: of the rows, n.
        seed: of the trees.
        trees: how many.
        threads: that grow them; the trees do not depend on it.
        rough: draw thresholds at random (Geurts, Ernst, Wehenkel, Mach. Learn. 63, 3 (2006)) instead of rows.
    """
    from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

    full = _filled(X)
    kind, share = (ExtraTreesRegressor, 0.3) if rough else (RandomForestRegressor, 0.2)
    grown = kind(trees, min_samples_leaf=5, max_features=share, n_jobs=threads, random_state=seed)
    grown.fit(full, y, sample_weight=weight)
    grown.n_jobs = 1
    sizes = [t.tree_.node_count for t in grown.estimators_]
    start = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    at = grown.apply(full) + start[None, :]
    leaves = {k: _leaves(at[o.rows], o, weight[o.rows], int(sum(sizes))) for k, o in outcomes.items()}
    return Forest(grown, start, leaves)


def _leaves(at: Ints, found: Outcomes, weight: Floats, nodes: int) -> Any:
    from scipy.sparse import csr_matrix, diags

    trees = at.shape[1]
    codes, weights = np.repeat(found.code, trees), np.repeat(weight, trees)
    filled = csr_matrix((weights, (at.ravel(), codes)), shape=(nodes, found.count))
    total = np.asarray(filled.sum(axis=1))[:, 0]
    share = diags(np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)) @ filled
    return share.astype(np.float32).tocsr()
