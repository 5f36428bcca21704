"""What labelled compounds say of the published map of ionicity, without a model: medians, tests, RNiO3.

Georgescu et al., Chem. Mater. 33, 5591 (2021): the least ionic compounds are metals, the most ionic insulators, and
transitions lie between; over RNiO3 the spread of covalent radii follows the tolerance factor. Read here as: from
metals over transitions to insulators the Ewald energy falls and the spread of covalent radii grows. The model's map is
`plane`.
"""

import re

import numpy as np
import polars as pl

from etl.features.elements import NUMBER
from models.screening import CLASSES, inputs
from models.screening.effects import band, group_weights
from models.screening.plane import EWALD, RADII
from models.screening.training import CALIBRATION_GROUPS, ScreeningModel
from schemas.arrays import Bools, Floats, Ints

REPLICATES = 500
CLAIMED = {EWALD: -1, RADII: 1}
"""Whether a feature grows (1) or falls (-1) from metals over transitions to insulators, as claimed."""
STEPS = (("metal", "mit"), ("mit", "insulator"), ("metal", "insulator"))
_NICKELATE = re.compile(r"([A-Z][a-z]?)NiO3")
_SHAPE = {
    **dict.fromkeys(("among", "feature", "statistic", "class_name", "other_class", "verdict"), pl.String),
    **dict.fromkeys(("value", "low", "high", "p_value"), pl.Float64),
    "n": pl.Int64,
}


def contrasts(model: ScreeningModel, *, seed: int = 0) -> pl.DataFrame:
    """Rows of `pred.contrasts` of the training compounds; no rows where no structure is known.

    Statistics: `median` of a class; `kruskal_wallis` (H); `superiority`, the probability that a compound of the other
    class has more of the feature, with the p of Mann and Whitney; `spearman`, of the feature with the tolerance factor.
    Intervals of 95 % weigh whole families; p values take compounds as independent and are Holm's over all of a table,
    so that the verdict is of the interval.
    """
    part = model.richest
    if not {EWALD, RADII} <= set(part.names):
        return _table([], model.model_id)
    families = inputs.groups(pl.DataFrame({"formula": model.formulas}), CALIBRATION_GROUPS)
    weights = group_weights(families, replicates=REPLICATES, rng=np.random.default_rng(seed))
    oxides = np.array([f.endswith("|O") for f in families])
    rows = []
    for among, wanted in (("all", np.ones(len(oxides), dtype=bool)), ("oxides", oxides)):
        for feature in CLAIMED:
            x = part.matrix[:, part.names.index(feature)]
            kept = wanted & np.isfinite(x)
            rows += _of_feature(among, feature, x[kept], model.codes[kept], weights[:, kept])
    rows += _nickelates(model.formulas, part.matrix[:, part.names.index(RADII)], seed)
    return _table(rows, model.model_id)


def _of_feature(among: str, feature: str, x: Floats, y: Ints, weights: Floats) -> list[dict[str, object]]:
    """Medians, the test over all classes, and the steps between classes, of one feature."""
    from scipy import stats

    is_of = {name: y == k for k, name in enumerate(CLASSES) if (y == k).sum() > 1}
    told: dict[str, object] = {"among": among, "feature": feature}
    rows: list[dict[str, object]] = []
    for name, mine in is_of.items():
        value, low, high = _three(_medians(x[mine], weights[:, mine]))
        rows.append(told | _row("median", value, low, high, int(mine.sum())) | {"class_name": name})
    if len(is_of) > 1 and np.ptp(x) > 0:
        found = stats.kruskal(*(x[mine] for mine in is_of.values()))
        rows.append(told | _row("kruskal_wallis", found.statistic, None, None, len(x)) | {"p_value": found.pvalue})
    for one, other in STEPS:
        if one in is_of and other in is_of:
            found = stats.mannwhitneyu(x[is_of[one]], x[is_of[other]])
            value, low, high = _three(_superiority(x, is_of[one], is_of[other], weights))
            rows.append(
                told
                | _row("superiority", value, low, high, int((is_of[one] | is_of[other]).sum()))
                | {"class_name": one, "other_class": other, "p_value": found.pvalue}
                | {"verdict": _verdict(CLAIMED[feature], low - 0.5, high - 0.5)}
            )
    return rows


def _nickelates(formulas: tuple[str, ...], radii: Floats, seed: int) -> list[dict[str, object]]:
    """How the spread of covalent radii goes with the tolerance factor over RNiO3; compounds are drawn with return."""
    from scipy import stats

    found = [(x, t) for f, x in zip(formulas, radii, strict=True) if (t := nickelate_tolerance(f)) is not None]
    if len(found) < 4:
        return []
    x, t = np.array(found).T
    rng = np.random.default_rng(seed)
    drawn = [rng.integers(len(x), size=len(x)) for _ in range(REPLICATES)]
    spread = [stats.spearmanr(x[d], t[d]).statistic for d in drawn if np.ptp(x[d]) > 0 and np.ptp(t[d]) > 0]
    whole = stats.spearmanr(x, t)
    value, low, high = _three(np.array([whole.statistic, *spread]))
    row = _row("spearman", value, low, high, len(x)) | {"p_value": whole.pvalue, "verdict": _verdict(1, low, high)}
    return [{"among": "RNiO3", "feature": RADII} | row]


def nickelate_tolerance(formula: str) -> float | None:
    """Goldschmidt's factor of RNiO3 from Shannon's radii (R in ninefold, low-spin Ni3+); None of anything else."""
    from pymatgen.core import Species

    named = _NICKELATE.fullmatch(formula)
    if named is None or named[1] == "Ni" or named[1] not in NUMBER:
        return None
    try:
        a = Species(named[1], 3).get_shannon_radius("IX")
    except KeyError:  # no such ion is tabulated
        return None
    b, o = Species("Ni", 3).get_shannon_radius("VI", "Low Spin"), Species("O", -2).get_shannon_radius("VI")
    return float((a + o) / (2**0.5 * (b + o)))


def _medians(x: Floats, weights: Floats) -> Floats:
    """Weighted median under each draw: the middle of the values at which half of the weight is reached."""
    order = np.argsort(x)
    mass = np.cumsum(weights[:, order], axis=1)
    half = mass[:, -1:] / 2
    lower, upper = (mass < half - 1e-9).sum(axis=1), (mass <= half + 1e-9).sum(axis=1)
    sorted_x = x[order]
    middle: Floats = (sorted_x[lower] + sorted_x[np.minimum(upper, len(x) - 1)]) / 2
    return middle


def _superiority(x: Floats, one: Bools, other: Bools, weights: Floats) -> Floats:
    """P(x of the other class > x of the one) under each draw, ties half: Mann and Whitney's U over its largest."""
    a, b = weights[:, one], weights[:, other]
    more = (x[other][None, :] > x[one][:, None]) + 0.5 * (x[other][None, :] == x[one][:, None])
    made: Floats = ((a @ more) * b).sum(axis=1) / (a.sum(axis=1) * b.sum(axis=1))
    return made


def _three(draws: Floats) -> tuple[float, float, float]:
    value, low, high = band(draws)
    return float(value), float(low), float(high)


def _row(statistic: str, value: float, low: float | None, high: float | None, n: int) -> dict[str, object]:
    return {"statistic": statistic, "value": float(value), "low": low, "high": high, "n": n}


def _verdict(claimed: int, low: float, high: float) -> str:
    """Whether an interval of an effect lies where it is claimed to lie."""
    if low <= 0 <= high:
        return "undecided"
    return "agrees" if (low > 0) == (claimed > 0) else "disagrees"


def holm(p: Floats) -> Floats:
    """Adjusted p values: S. Holm, Scand. J. Stat. 6, 65 (1979)."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    out = np.empty(len(p))
    out[order] = np.minimum(stepped, 1)
    return out


def _table(rows: list[dict[str, object]], model_id: str) -> pl.DataFrame:
    made = pl.DataFrame(rows, schema=_SHAPE) if rows else pl.DataFrame(schema=_SHAPE)
    p = made["p_value"].to_numpy().astype(float)
    tested = np.isfinite(p)
    p[tested] = holm(p[tested])
    return made.with_columns(pl.Series("p_value", p).fill_nan(None)).select(
        pl.lit(model_id).alias("model_id"), pl.int_range(pl.len()).alias("contrast_number"), *_SHAPE
    )
