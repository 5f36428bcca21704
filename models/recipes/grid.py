"""Where heating conditions sit: bins of 25 C and of log time, and how often papers round to each.

Seven temperatures in ten are multiples of 50 C, and times pile up on a few hours. A smooth density between such heaps
is wrong everywhere; so conditions live on bins, and smoothing moves mass to neighbours in proportion to how often
papers report them. What a model believes about the bins is `forest` and `network`.
"""

from dataclasses import dataclass

import numpy as np

from models.recipes import CONDITIONS
from schemas.arrays import Floats, Ints
from schemas.tables.recipes import HEATING_H, HEATING_K

BIN_K = 25.0
TEMPERATURES, TIMES = round((HEATING_K[1] - HEATING_K[0]) / BIN_K), 18
TIME_EDGES = np.geomspace(*HEATING_H, TIMES + 1)
STEPS = (("sinter_temperature_K", "sinter_time_h"), ("calcine_temperature_K", "calcine_time_h"))


def place(values: Floats, *, hours: bool) -> Ints:
    """Bin of each value; -1 where it is unknown."""
    with np.errstate(invalid="ignore"):
        if hours:
            found = np.searchsorted(TIME_EDGES, values, side="right") - 1
        else:
            # 800 C is 1073.15 K: a hair of tolerance keeps round numbers in the bin that they open
            found = np.floor((np.nan_to_num(values) - HEATING_K[0] + 1e-6) / BIN_K)
    inside = np.clip(found, 0, (TIMES if hours else TEMPERATURES) - 1)
    return np.where(np.isnan(values), -1, inside).astype(np.int64)


def popular(bins: Ints, weight: Floats, count: int) -> Floats:
    """Share of the papers in each bin, no bin without any."""
    known = bins >= 0
    total = np.bincount(bins[known], weight[known], minlength=count) + 0.02
    share: Floats = total / total.sum()
    return share


def spread(share: Floats, width: float) -> Floats:
    """How mass of a bin moves to its neighbours, rows sum to 1: near ones, and of these the popular ones."""
    at = np.arange(len(share))
    near = np.exp(-0.5 * ((at[:, None] - at[None, :]) / width) ** 2) * share[None, :]
    moved: Floats = near / near.sum(axis=1, keepdims=True)
    return moved


@dataclass(frozen=True)
class Atoms:
    """The distinct values that papers report for one condition.

    Attributes:
        values: ascending, K or h.
        bins: bin of each.
        share: paper-weighted share of each value among those of its bin.
    """

    values: Floats
    bins: Ints
    share: Floats

    @classmethod
    def of(cls, name: str, values: Floats, weight: Floats) -> "tuple[Atoms, Ints]":
        """The atoms of a column without gaps, and the atom of each of its rows."""
        if name not in CONDITIONS:
            raise KeyError(name)
        distinct, code = np.unique(np.round(values, 2), return_inverse=True)
        bins = place(distinct, hours=name.endswith("_h"))
        total = np.bincount(code, weight, minlength=len(distinct))
        return cls(distinct, bins, total / np.bincount(bins, total)[bins]), code.astype(np.int64)

    def from_bins(self, p: Floats) -> Floats:
        """A distribution over bins as one over atoms, n x atoms; mass of bins without an atom is left out."""
        out = p[:, self.bins] * self.share[None, :]
        return np.asarray(out / np.maximum(out.sum(axis=1, keepdims=True), 1e-300))

    def quantile(self, p: Floats, level: float) -> Floats:
        """The value at which each row's distribution reaches a level, n."""
        reached = np.cumsum(p, axis=1) >= level - 1e-9
        reached[:, -1] = True
        return np.asarray(self.values[reached.argmax(axis=1)])
