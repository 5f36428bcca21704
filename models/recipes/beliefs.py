"""What two forests and a network believe about heating conditions: distributions over reported values and over bins.

Fitted once, then read by `conditions` (medians, intervals) and by `density` (joint of temperature and time).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from models.recipes import CONDITIONS, HEATS, forest, generators, network, splits
from models.recipes.features import Singles
from models.recipes.grid import STEPS, TEMPERATURES, TIMES, Atoms, place
from schemas.arrays import Bools, Floats, Ints

LARGE = 3000
TREES, NETS = 60, 3
LEAST = 12


@dataclass(frozen=True)
class Beliefs:
    """Forests, network and the reported values.

    Attributes:
        forests: one of exact and one of rough trees; none where nothing is known.
        network: None where the table is small.
        atoms: reported values of each condition that enough rows state.
        generator: draws pairs instead of forest and network, where asked for.
        trees_only: whether the forest alone draws pairs.
    """

    forests: tuple[forest.Forest, ...]
    network: network.Network | None
    atoms: dict[str, Atoms]
    generator: generators.Generator | None = None
    trees_only: bool = False

    def read(self, X: Singles) -> "Reading":
        """All distributions for n rows."""
        single: dict[str, list[Floats]] = {}
        joint: dict[str, dict[str, Floats]] = {}
        met = [f.meet(X) for f in self.forests]
        if self.forests:
            single = {c: self._told(met, c) for c in self.atoms}
            for heat, _ in STEPS:
                if all(n in self.forests[0].leaves for n in (heat, _pair(heat))):
                    p = np.mean(self._told(met, _pair(heat)), axis=0)
                    joint[heat] = {"forest": p.reshape(-1, TEMPERATURES, TIMES)}
        if self.network is not None:
            heats, joints = self.network.probabilities(X)
            for c, found in single.items():
                bins = heats[:, HEATS.index(c)] if c in HEATS else joints[:, _step(c)].sum(axis=1)
                found.append(self.atoms[c].from_bins(bins))
            for k, (heat, _) in enumerate(STEPS):
                if heat in joint and not self.trees_only:
                    joint[heat]["network"] = joints[:, k]
        if self.generator is not None:
            drawn = self.generator.joints(X)
            joint = {heat: {self.generator.kind: drawn[:, k]} for k, (heat, _) in enumerate(STEPS) if heat in joint}
        return Reading(single, joint)

    def _told(self, met: list[Any], name: str) -> list[Floats]:
        return [f.probabilities(m, name) for f, m in zip(self.forests, met, strict=True)]


@dataclass(frozen=True)
class Reading:
    """Distributions for n rows.

    Attributes:
        single: by condition, of the forests, then of the network where there is one; each n x atoms.
        joint: by temperature of the step, then by who believes it; each n x TEMPERATURES x TIMES.
    """

    single: dict[str, list[Floats]]
    joint: dict[str, dict[str, Floats]]


def _pair(heat: str) -> str:
    return f"{heat}, time"


def _step(time: str) -> int:
    return next(k for k, (_, t) in enumerate(STEPS) if t == time)


def values(frame: pl.DataFrame) -> dict[str, Floats]:
    """The five columns with NaN for gaps."""
    return {c: frame[c].cast(pl.Float64).fill_null(float("nan")).to_numpy() for c in CONDITIONS}


def fit(X: Singles, frame: pl.DataFrame, *, precursors: int, seed: int, generator: str = "pooled") -> Beliefs:
    """Fits forest and, on a large table, network.

    Args:
        X: features of the rows of `frame`, precursors shown where they are known.
        frame: normalised recipes.
        precursors: how many of the last columns describe precursors; hidden from copies of a third of the rows.
        seed: of trees and networks.
        generator: one of GENERATORS, of pairs of temperature and time.
    """
    found = values(frame)
    weight = splits.paper_weights(splits.papers(frame)) if frame.height else np.empty(0)
    atoms, outcomes = _outcomes(found, weight)
    if not atoms:
        return Beliefs((), None, {})
    large = frame.height >= LARGE
    copied = hidden_rows(frame, X, precursors, seed)
    rows = np.concatenate([np.arange(frame.height), copied])
    both = np.vstack([X, hide(X[copied], precursors)])
    apart, kept = _contrast(found)[rows], {k: _copied(o, copied, frame.height) for k, o in outcomes.items()}
    threads = 2 if large else 1
    grown = tuple(
        forest.fit(both, apart, kept, weight[rows], seed=seed, trees=TREES, threads=threads, rough=rough)
        for rough in (False, True)
    )
    pairs = None
    if generator in ("mdn", "cvae"):
        steps = [(found[heat], found[time]) for heat, time in STEPS]
        pairs = generators.fit(generator, X, steps, weight, precursors=precursors, seed=seed)
    if not large:
        return Beliefs(grown, None, atoms, pairs)
    bins = [place(found[c], hours=c.endswith("_h")) for c in CONDITIONS]
    seeds = [seed * 100 + k for k in range(NETS)]
    learned = network.fit(X, bins[:3], bins[3:], weight, precursors=precursors, seeds=seeds)
    return Beliefs(grown, learned, atoms, pairs, trees_only=generator == "forest")


def _outcomes(found: dict[str, Floats], weight: Floats) -> tuple[dict[str, Atoms], dict[str, forest.Outcomes]]:
    atoms: dict[str, Atoms] = {}
    outcomes: dict[str, forest.Outcomes] = {}
    for c in CONDITIONS:
        rows = np.flatnonzero(~np.isnan(found[c]))
        if len(rows) >= LEAST:
            atoms[c], code = Atoms.of(c, found[c][rows], weight[rows])
            outcomes[c] = forest.Outcomes(rows, code, len(atoms[c].values))
    for heat, time in STEPS:
        bins = place(found[heat], hours=False), place(found[time], hours=True)
        rows = np.flatnonzero((bins[0] >= 0) & (bins[1] >= 0))
        if len(rows) >= LEAST:
            code = bins[0][rows] * TIMES + bins[1][rows]
            outcomes[_pair(heat)] = forest.Outcomes(rows, code, TEMPERATURES * TIMES)
    return atoms, outcomes


def _contrast(found: dict[str, Floats]) -> Floats:
    """The conditions standardised for the splits; an unstated step is taken to be as hot as the hottest one."""
    columns = []
    for c, v in found.items():
        scale = np.log(v) if c.endswith("_h") else v
        known = scale[~np.isnan(scale)]
        centre, width = (known.mean(), max(float(known.std()), 1e-9)) if len(known) else (0.0, 1.0)
        columns.append((scale - centre) / width)
    y = np.column_stack(columns)
    hottest = y[:, 2]
    for k in range(2):
        y[:, k] = np.where(np.isnan(y[:, k]), hottest, y[:, k])
    return np.nan_to_num(y)


def hidden_rows(frame: pl.DataFrame, X: Singles, precursors: int, seed: int) -> Ints:
    """A third of the rows with known precursors, to be learned from without them too."""
    known = np.isfinite(X[:, -1]) if precursors else np.zeros(len(X), bool)
    drawn = np.array([splits.bucket(f"{p}|{i}", seed + 7) < 1 / 3 for i, p in enumerate(splits.papers(frame))], bool)
    return np.flatnonzero(known & drawn).astype(np.int64)


def hide(X: Singles, precursors: int) -> Singles:
    """A copy of the features without precursors."""
    out = X.copy()
    out[:, -precursors:] = np.nan
    return out


def systems(X: Singles) -> list[bytes]:
    """The set of elements of each row's target."""
    from models.recipes.compositions import ELEMENTS

    present: Bools = X[:, : len(ELEMENTS)] > 0
    return [row.tobytes() for row in np.packbits(present, axis=1)]


def _copied(found: forest.Outcomes, copied: Ints, n: int) -> forest.Outcomes:
    place_of = np.full(n, -1, np.int64)
    place_of[found.rows] = np.arange(len(found.rows))
    again = np.flatnonzero(place_of[copied] >= 0)
    rows = np.concatenate([found.rows, n + again])
    return forest.Outcomes(rows, np.concatenate([found.code, found.code[place_of[copied[again]]]]), found.count)
