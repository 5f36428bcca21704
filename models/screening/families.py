"""From predictions per compound to families worth a look, with control of multiple tests."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from etl.features import grouping as rules
from models.screening import inputs
from models.screening.funnel import JUDGED, SURVIVED
from schemas.arrays import Floats, Ints

FLOOR = 1e-12
"""No p or q is given below this: members of a family are not independent, so smaller ones say nothing more."""
SMALLEST = 3
"""Compounds a family needs to be tested: all hits of a pair would prove nothing after the control of many tests."""
GROUPINGS = ("family_tm_anion", "family_ln", "formula_anonymous", "prototype", "prototype_label", "motif")
SHOWN = 5
"""Known transitions of a family that are named."""
MOST = 50
"""Families that are ranked."""
NONE = "(none)"


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjusted p-values (Benjamini and Hochberg, J. R. Stat. Soc. B 57, 289 (1995)): q <= 0.1 keeps 10 % false."""
    if not len(p):
        return p
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty(len(p))
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return q


def families(predictions: pl.DataFrame, *, groupings: Sequence[str] | None = None) -> pl.DataFrame:
    """Aggregates predictions by family; rows that are not `usable` are left out.

    Where the rows were sent through the funnel (`stage`), a family is judged by the compounds that the model may judge
    (`JUDGED`: plausible, novel, in the domain, not known to be unstable), and a hit is one that survived. Labelled
    compounds are apart then: the model has learned from them. Else all compounds count, and a hit is one that is most
    likely MIT.

    The p-value asks: would as many compounds, drawn at random without replacement from the same table, hold as many
    hits? It is the exact hypergeometric tail, given no finer than `FLOOR`. Families of fewer than `SMALLEST` are not
    tested (p = q = 1). The q-values control all tests of all groupings together. Members of a family share elements, so
    their predictions go together: the values rank families, they are no evidence for one.

    Args:
        predictions: output of `predict`; families are derived from `formula` where the column is absent.
        groupings: columns or known groupings; those of `GROUPINGS` that are known or present, unless told.

    Returns:
        `grouping`, `family`, `compounds`, `predicted_mit`, `in_domain_share`, `mean_p_mit`, `max_p_mit`,
        `best_formula`, `enrichment`, `known_mit`, `known_formulas`, `p_value`, `q_value`, best first.

    Raises:
        InputError: `formula` or `p_mit` is missing, or `p_mit` holds lists or objects.
    """
    kept = _marked(usable(predictions))
    asked = groupings or [g for g in GROUPINGS if g in inputs.GROUPINGS or g in kept.columns]
    kept = _keyed(kept, asked)
    found = pl.concat([_one(kept, g) for g in asked])
    tested = found["compounds"].to_numpy() >= SMALLEST
    p, q = found["p_value"].to_numpy(), np.ones(len(tested))
    q[tested] = benjamini_hochberg(p[tested])
    told = (pl.Series("p_value", np.clip(p, FLOOR, 1)), pl.Series("q_value", np.clip(q, FLOOR, 1)))
    return found.with_columns(told).sort(
        ["grouping", "q_value", "mean_p_mit", "family"], descending=[False, False, True, False]
    )


def apart(found: pl.DataFrame, predictions: pl.DataFrame, n: int) -> pl.DataFrame:
    """The best n families of all groupings that tell something new: one is passed over where the better ones together
    hold more than half of its hits already.

    Args:
        found: output of `families`.
        predictions: what it was made of.
        n: how many.
    """
    best = found.sort("q_value", "mean_p_mit", "family", descending=[False, True, False])
    hits = _keyed(_marked(usable(predictions)).filter("hit"), found["grouping"].unique().to_list())
    members = {
        (grouping, family): set(formulas)
        for grouping in found["grouping"].unique().to_list()
        for family, formulas in hits.group_by(grouping).agg("formula").iter_rows()
    }
    seen: set[str] = set()
    taken: list[int] = []
    for row, key in enumerate(best.select("grouping", "family").iter_rows()):
        held = members.get(key, set())
        if len(taken) < n and 2 * len(held & seen) <= len(held) > 0:
            taken.append(row)
            seen |= held
    return best[taken]


def ranked(predictions: pl.DataFrame, *, most: int = MOST) -> pl.DataFrame:
    """`families` of the predictions with `rank`, the place among those that `apart` takes; null for the rest."""
    found = families(predictions)
    best = apart(found, predictions, most).select(
        "grouping", "family", rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    )
    return found.join(best, on=["grouping", "family"], how="left", maintain_order="left")


def usable(predictions: pl.DataFrame) -> pl.DataFrame:
    """The rows whose `p_mit` is a probability, with it as a number and `in_domain` as yes or no whatever the file.

    Raises:
        InputError: `formula` or `p_mit` is missing, or `p_mit` holds lists or objects.
    """
    inputs.need_columns(predictions, ("formula", "p_mit"), "the predictions")
    read = [inputs.numbers(predictions, "p_mit")]
    if "in_domain" in predictions.columns:
        read.append(inputs.truths(predictions, "in_domain"))
    return predictions.with_columns(read).filter(pl.col("p_mit").is_between(0, 1))


def _marked(kept: pl.DataFrame) -> pl.DataFrame:
    """Adds `hit`, `old` (a known transition) and `counts` (whether the test sees the row), and what may be absent."""
    spare = {
        "label": pl.when(pl.col("p_mit") >= 0.5).then(pl.lit("mit")).otherwise(pl.lit("other")),
        "in_domain": pl.lit(None, pl.Boolean),
        "known": pl.lit(None, pl.String),
    }
    kept = kept.with_columns(made.alias(name) for name, made in spare.items() if name not in kept.columns)
    if "stage" not in kept.columns:
        return kept.with_columns(hit=pl.col("label") == "mit", old=pl.col("known") == "mit", counts=pl.lit(True))
    marks = {"hit": pl.col("stage") == SURVIVED, "old": (pl.col("known") == "mit").fill_null(False)}
    marks["counts"] = pl.col("stage").is_in(JUDGED)
    return kept.with_columns(made.alias(name) for name, made in marks.items()).filter(pl.col("counts") | pl.col("old"))


def _keyed(kept: pl.DataFrame, groupings: Sequence[str]) -> pl.DataFrame:
    """Adds the groupings that derive from the formula, each formula read once."""
    derived = [g for g in groupings if g in inputs.GROUPINGS and g not in (*kept.columns, "random")]
    if not derived:
        return kept
    return pl.concat([kept, rules.groupings(kept.select("formula")).select(derived)], how="horizontal")


def _one(kept: pl.DataFrame, grouping: str) -> pl.DataFrame:
    body = kept.select(
        "formula", "p_mit", "in_domain", "hit", "old", "counts",
        pl.Series("family", inputs.groups(kept, grouping), dtype=pl.String),
    )  # fmt: skip
    drawn, won = int(body["counts"].sum()), int((body["hit"] & body["counts"]).sum())
    body = body.filter(pl.col("family") != NONE)
    seen, p, counts = pl.col("formula").filter("counts"), pl.col("p_mit").filter("counts"), pl.col("counts")
    old = pl.col("formula").filter("old")
    found = body.group_by("family", maintain_order=True).agg(
        counts.sum().cast(pl.Int64).alias("compounds"),
        (pl.col("hit") & counts).sum().cast(pl.Int64).alias("predicted_mit"),
        pl.col("in_domain").filter("counts").cast(pl.Float64).mean().alias("in_domain_share"),
        p.mean().alias("mean_p_mit"),
        p.max().alias("max_p_mit"),
        seen.sort_by(p, descending=True, maintain_order=True).first().alias("best_formula"),
        old.len().cast(pl.Int64).alias("known_mit"),
        old.sort().head(SHOWN).alias("known_formulas"),
    )
    found = found.filter(pl.col("compounds") > 0)
    hits, sizes = found["predicted_mit"].to_numpy(), found["compounds"].to_numpy()
    chance = np.where(sizes >= SMALLEST, tails(hits, sizes, (won, drawn)), 1.0)
    share = won / max(drawn, 1)
    return found.select(
        pl.lit(grouping).alias("grouping"),
        "family", "compounds", "predicted_mit", "in_domain_share", "mean_p_mit", "max_p_mit", "best_formula",
        pl.Series("enrichment", hits / sizes / share if share else [None] * len(sizes), dtype=pl.Float64),
        "known_mit", "known_formulas",
        pl.Series("p_value", chance),
    )  # fmt: skip


def tails(hits: Ints, sizes: Ints, of: tuple[int, int] | None = None) -> Floats:
    """Chance that a random draw of each size holds as many hits or more, given all hits.

    Args:
        hits: of each family.
        sizes: of each family.
        of: hits and size of the population; that of all families unless told.
    """
    from scipy.stats import hypergeom

    won, drawn = of or (int(hits.sum()), int(sizes.sum()))
    return np.asarray(hypergeom.sf(hits - 1, drawn, won, sizes), dtype=np.float64)
