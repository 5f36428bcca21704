"""Numbers from target and precursors: element fractions, Magpie statistics, precursor multi-hot and anion classes."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from models.recipes.compositions import ELEMENTS, fractions, parse
from schemas.arrays import Floats

Singles = npt.NDArray[np.float32]
COMMON = 150
ANIONS = ("oxide", "carbonate", "nitrate", "acetate", "chloride", "hydroxide", "element", "other")


@dataclass(frozen=True)
class Encoder:
    """What the features need to remember of the training rows: the frequent precursors."""

    common: tuple[str, ...]

    @property
    def precursor_width(self) -> int:
        """Number of columns that describe precursors."""
        return len(self.common) + 1 + len(ANIONS) + 1


def fit(precursor_sets: Sequence[Sequence[str] | None]) -> Encoder:
    """Remembers the most frequent precursors (ties by name)."""
    counts = Counter(p for s in precursor_sets if s for p in s)
    return Encoder(tuple(p for p, _ in sorted(counts.items(), key=lambda c: (-c[1], c[0]))[:COMMON]))


def anion_class(formula: str) -> str:
    """Rough kind of a precursor by its formula."""
    amounts = parse(formula)
    if not amounts:
        return "other"
    have = set(amounts)
    text = formula.replace(" ", "")
    if len(have) == 1:
        return "element"
    if "NO3" in text or ("N" in have and "O" in have):
        return "nitrate"
    if re.search(r"CH3COO|C2H3O2|CH3CO2|OAc", text) or ("C" in have and "H" in have and "O" in have):
        return "acetate"
    if "C" in have and "O" in have:
        return "carbonate"
    if "Cl" in have:
        return "chloride"
    if "OH" in text or ("H" in have and "O" in have):
        return "hydroxide"
    return "oxide" if "O" in have else "other"


def target_matrix(targets: Sequence[str | None]) -> Singles:
    """Element fractions and Magpie statistics of each target, n x d; zeros and NaN where it does not parse."""
    from etl.features.composition import composition

    distinct = list(dict.fromkeys(t if t is not None else "" for t in targets))
    place = {t: i for i, t in enumerate(distinct)}
    parsed = [parse(t) for t in distinct]
    plain = ["".join(f"{e}{float(n):.6g}" for e, n in a.items()) if a else "" for a in parsed]
    made = composition(pl.DataFrame({"formula": pl.Series(plain, dtype=pl.String)}), column="formula", set="magpie")
    columns = [c for c in made.columns if c.startswith("MagpieData")]
    share = np.vstack([fractions(a) for a in parsed]) if parsed else np.empty((0, len(ELEMENTS)))
    magpie = made.select(pl.col(columns).cast(pl.Float32)).to_numpy()
    rows = [place[t if t is not None else ""] for t in targets]
    return np.hstack([share.astype(np.float32), magpie])[rows]


def precursor_matrix(
    encoder: Encoder, sets: Sequence[Sequence[str] | None], names: Sequence[Sequence[str] | None]
) -> Singles:
    """Multi-hot, other count, anion classes and number of precursors; NaN rows where there are none."""
    index = {p: i for i, p in enumerate(encoder.common)}
    out = np.zeros((len(sets), encoder.precursor_width), np.float32)
    other = len(encoder.common)
    kinds: dict[str, int] = {}
    for row, (keys, written) in enumerate(zip(sets, names, strict=True)):
        if not keys:
            out[row] = np.nan
            continue
        for k in keys:
            at = index.get(k)
            if at is None:
                out[row, other] += 1
            else:
                out[row, at] = 1
        for w in written or ():
            kind = kinds.setdefault(w, ANIONS.index(anion_class(w)))
            out[row, other + 1 + kind] += 1
        out[row, -1] = len(keys)
    return out


def distances(points: Any, to: Any, *, batch: int = 2000) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Distance to the nearest row of `to` and its place, for each of `points` (Euclidean, atomic fractions)."""
    best, place = np.full(len(points), np.inf), np.zeros(len(points), np.int64)
    a, b = points.astype(np.float32), to.astype(np.float32)
    norm = (b**2).sum(axis=1)
    for i in range(0, len(a), batch):
        squared = (a[i : i + batch] ** 2).sum(axis=1)[:, None] + norm[None, :] - 2 * a[i : i + batch] @ b.T
        place[i : i + batch] = squared.argmin(axis=1)
        best[i : i + batch] = np.sqrt(np.maximum(squared.min(axis=1), 0))
    return best, place
