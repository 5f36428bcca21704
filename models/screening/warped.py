"""Temperatures from what a compound is made of: the descriptors, and processes on the root and on the logarithm of T.

Which of the two the noise is even on is not known: half of the draws are made on each, and one distribution is mixed of
all. How good that is, is measured in `leaving`; the model that is stored is in `temperature`.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from models.screening import inputs, process
from schemas.arrays import Floats, Ints

GROUPS: tuple[dict[str, float], ...] = (
    {"site_radius": 0.06},
    {"site_ratio": 0.5, "anion_ratio": 0.5},
    {"anion_fraction": 0.05},
    {"metal_row": 0.7, "metal_electronegativity": 0.2},
    {"metal_d_count": 1.0, "metal_state": 1.0},
    {"anion_electronegativity": 0.5},
    {"site_electronegativity": 0.3},
)
"""Descriptors that share a length scale, and the difference of each that counts as one; shares of metals come last."""
WARPS: tuple[np.ufunc, ...] = (np.sqrt, np.log)
DRAWS = 16
"""Of each warp."""
HOTTEST_K = 10_000.0
_HALVINGS = 32


def describe(frame: pl.DataFrame, made: inputs.Matrix) -> Floats:
    """Descriptors of the formulas of a frame, in units of `GROUPS`, n x d.

    Args:
        frame: needs `formula`.
        made: its composition features.
    """
    from etl.features.sites import SITES, sites

    table = np.hstack([made.values, sites(frame["formula"].cast(pl.String).to_list())])
    place = {name: i for i, name in enumerate((*made.names, *SITES))}
    scaled = [table[:, place[name]] / unit for group in GROUPS for name, unit in group.items()]
    shares = [table[:, place[name]] for name in SITES if name.startswith("of_")]
    return np.column_stack([*scaled, *shares])


def _distances(a: Floats, b: Floats) -> Floats:
    """Squared distances by group, g x n x m."""
    ends = np.cumsum([len(group) for group in GROUPS])
    return np.stack(
        [process.squared(x, y) for x, y in zip(np.split(a, ends, axis=1), np.split(b, ends, axis=1), strict=True)]
    )


@dataclass(frozen=True)
class Belief:
    """Distributions of the temperature of m compounds, each a mixture of warped normal ones.

    Attributes:
        mean: of each component, warps x draws x m, in units of the warp.
        spread: its standard deviation.
    """

    mean: Floats
    spread: Floats

    def below(self, t: Floats) -> Floats:
        """The probability of a temperature of at most t (K), m."""
        from scipy.special import ndtr

        warped = np.stack([warp(np.maximum(t, 1e-6)) for warp in WARPS])[:, None, :]
        shares: Floats = ndtr((warped - self.mean) / self.spread).mean(axis=(0, 1))
        return shares

    def quantile(self, q: float | Floats) -> Floats:
        """The temperature (K) below which the share q lies, m; by halving, to 1e-5 K."""
        low, high = np.zeros(self.mean.shape[2]), np.full(self.mean.shape[2], HOTTEST_K)
        for _ in range(_HALVINGS):
            more = self.below((low + high) / 2) < q
            low, high = np.where(more, (low + high) / 2, low), np.where(more, high, (low + high) / 2)
        found: Floats = (low + high) / 2
        return found


@dataclass(frozen=True)
class Fitted:
    """Rows and the kernel parameters drawn given rows.

    Attributes:
        X: n x d descriptors.
        t: n temperatures, K.
        draws: kernel parameters, warps x draws x p.
    """

    X: Floats
    t: Floats
    draws: Floats

    def without(self, rows: Ints) -> "Fitted":
        """The same parameters, to predict from the other rows."""
        return Fitted(np.delete(self.X, rows, axis=0), np.delete(self.t, rows), self.draws)

    def predict(self, new: Floats) -> Belief:
        """What to believe of m compounds by their descriptors."""
        means = _means(self.X)
        known, asked = _filled(self.X, means), _filled(new, means)
        among, across = _distances(known, known), _distances(asked, known)
        found = []
        for warp, draws in zip(WARPS, self.draws, strict=True):
            y, centre, scale = _standard(warp(self.t))
            m, s = process.predict(draws, among, across, y)
            found.append((m * scale + centre, s * scale))
        return Belief(np.stack([m for m, _ in found]), np.stack([s for _, s in found]))


def fit(X: Floats, t: Floats, *, seed: int = 0) -> Fitted:
    """Draws the kernel parameters given rows."""
    filled = _filled(X, _means(X))
    among = _distances(filled, filled)
    draws = [process.draw(among, _standard(warp(t))[0], count=DRAWS, seed=seed) for warp in WARPS]
    return Fitted(X, t, np.stack(draws))


def _standard(w: Floats) -> tuple[Floats, float, float]:
    """Centred at the median: a compound like no other is as likely above half of the known temperatures as below."""
    centre, scale = float(np.median(w)), float(w.std()) or 1.0
    return (w - centre) / scale, centre, scale


def _means(X: Floats) -> Floats:
    known = np.isfinite(X)
    means: Floats = np.where(known, X, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return means


def _filled(X: Floats, means: Floats) -> Floats:
    """Centred, with 0 where a descriptor does not apply; clipped, so that no absurd value reaches far."""
    return np.clip(np.where(np.isfinite(X), X - means, 0.0), -10.0, 10.0)
