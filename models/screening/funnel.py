"""From all compounds offered to the few worth a look: stage by stage, with what each costs and why a compound left.

Frames in, frames out. A stage is a declaration in `STAGES`; the order is that of what is cheap to know and hard to
dispute. What families the survivors form is in `families`, named kinds of compounds in `motifs`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from models.screening import inputs, motifs, plausible
from schemas.errors import InputError

HULL_LIMIT_EV = 0.1
"""90 % of the observed inorganic phases lie within 0.067 eV/atom of the hull (Sun et al., Sci. Adv. 2, e1600225
(2016)); the rest is for the error of a formation energy and for correlated oxides, which a functional treats unevenly.
"""
LIKELY = 0.5
"""From here MIT is more likely than both other classes together."""
SURVIVED = "candidate"
JUDGED = ("not_excluded", "likely", SURVIVED)
"""Stages of the compounds that came as far as the probabilities."""
KNOWN = "mit"
ENUMERATED = "enumerated"
"""The pool of formulas that nobody made or calculated."""
EVERY = "all"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of the funnel.

    Attributes:
        name: what a compound is that passes.
        rule: the condition with its threshold, in words.
        passes: true for those that go on, over the columns of `_facts`.
        reason: why the others leave.
        unknown: true for those that go on for want of knowledge.
    """

    name: str
    rule: str
    passes: pl.Expr
    reason: pl.Expr
    unknown: pl.Expr | None = None


_HULL, _CLASSES = pl.col("energy_above_hull_eV_atom"), pl.col("conformal_set")
STAGES = (
    Stage(
        name="readable",
        rule="the formula can be read",
        passes=pl.col("ok"),
        reason=pl.col("unreadable"),
    ),
    Stage(
        name="plausible",
        rule="an anion, usual oxidation states that sum to zero, and no element without a stable or long-lived isotope",
        passes=pl.col("implausible").is_null(),
        reason=pl.col("implausible"),
    ),
    Stage(
        name="open_shell",
        rule="an ion with a partly filled d or f shell, as in every labelled transition",
        passes=~pl.col("flags").list.contains(plausible.CLOSED).fill_null(False),
        reason=pl.lit(plausible.CLOSED),
    ),
    Stage(
        name="novel",
        rule="no label: known transitions are no news, and the model has learned from all that are labelled",
        passes=pl.col("known").is_null(),
        reason=pl.format("known: {}", "known"),
    ),
    Stage(
        name="in_domain",
        rule="distance to the nearest training compound within the model's limit",
        passes=pl.col("in_domain").fill_null(False),
        reason=pl.lit("outside the domain of the model"),
    ),
    Stage(
        name="stable",
        rule=f"at most {HULL_LIMIT_EV:g} eV/atom above the convex hull, or not known",
        passes=_HULL.is_null() | (_HULL <= HULL_LIMIT_EV),
        reason=pl.format("{} eV/atom above the hull", _HULL.round(3)),
        unknown=_HULL.is_null(),
    ),
    Stage(
        name="not_excluded",
        rule="the conformal set at 90 % confidence holds mit",
        passes=_CLASSES.list.contains(KNOWN).fill_null(False),
        reason=pl.format("can only be {}", _CLASSES.list.sort().list.join(" or ")),
    ),
    Stage(
        name="likely",
        rule=f"p_mit at least {LIKELY:g}",
        passes=(pl.col("p_mit") >= LIKELY).fill_null(False),
        reason=pl.format("p_mit {}", pl.col("p_mit").round(3)),
    ),
)


@dataclass(frozen=True)
class Funnelled:
    """What the funnel made.

    Attributes:
        candidates: rows of pred.candidates but `model_id`, best first.
        stages: rows of pred.funnel but `model_id`.
    """

    candidates: pl.DataFrame
    stages: pl.DataFrame


def funnel(
    predictions: pl.DataFrame, *, known: pl.DataFrame | None = None, hull: pl.DataFrame | None = None
) -> Funnelled:
    """Sends each compound through `STAGES` to where it leaves.

    Args:
        predictions: as `training.predict` gives them, formulas reduced; `pools` (who lists it) where known. Of several
            rows of a formula the first counts.
        known: `formula`, `label_name`: what is labelled. Where labels disagree a compound counts as a known transition
            if one says so.
        hull: `formula`, `energy_above_hull_eV_atom`, `source`; the lowest of a formula counts.

    Raises:
        InputError: the predictions lack a column.
    """
    facts = _facts(predictions, known, hull)
    left, why = pl.lit(SURVIVED), pl.lit(None, pl.String)
    for stage in reversed(STAGES):
        left = pl.when(stage.passes).then(left).otherwise(pl.lit(stage.name))
        why = pl.when(stage.passes).then(why).otherwise(stage.reason)
    told = facts.with_columns(left.alias("stage"), why.alias("reason"))
    return Funnelled(_ranked(told), pl.DataFrame(list(_counts(told)), schema_overrides={"known_kept": pl.Int64}))


def _facts(predictions: pl.DataFrame, known: pl.DataFrame | None, hull: pl.DataFrame | None) -> pl.DataFrame:
    inputs.need_columns(predictions, ("formula", "p_mit", "in_domain", "conformal_set"), "the predictions")
    read = [inputs.numbers(predictions, "p_mit"), inputs.truths(predictions, "in_domain")]
    rows = _listed(predictions.with_columns(read).unique("formula", keep="first", maintain_order=True))
    spare = {
        "ok": pl.col("p_mit").is_not_null(),
        "reason": pl.lit(None, pl.String),
        "pools": pl.lit([], pl.List(pl.String)),
    }
    rows = rows.with_columns(made.alias(name) for name, made in spare.items() if name not in rows.columns)
    rows = rows.select(
        "formula", "ok", "p_mit", "in_domain", "conformal_set", "pools",
        unreadable=pl.coalesce("reason", pl.lit("no probability")),
    )  # fmt: skip
    rows = rows.with_columns(plausible.implausible(rows["formula"]), motifs.motifs(rows["formula"]))
    possible = rows.filter(pl.col("implausible").is_null())["formula"]
    flags = pl.DataFrame({"formula": possible, "flags": plausible.oddities(possible)})
    rows = rows.join(flags, on="formula", how="left", nulls_equal=True, maintain_order="left")
    return rows.join(_known(known), on="formula", how="left", maintain_order="left").join(
        _nearest(hull), on="formula", how="left", maintain_order="left"
    )


def _listed(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with lists as lists, which CSV holds as JSON."""
    held = [c for c in ("conformal_set", "pools") if c in rows.columns]
    if other := [c for c in held if rows.schema[c] not in (pl.String, pl.List(pl.String), pl.Null)]:
        raise InputError.of(f"no list of texts in column {other[0]}", "the predictions", "write them as predict does")
    texts = [c for c in held if rows.schema[c] == pl.String]
    try:
        return rows.with_columns(pl.col(texts).str.json_decode(pl.List(pl.String)))
    except pl.exceptions.PolarsError as error:
        raise InputError.of("no list", " or ".join(texts), 'write lists as JSON, such as ["mit"]') from error


def _known(known: pl.DataFrame | None) -> pl.DataFrame:
    if known is None:
        return pl.DataFrame(schema={"formula": pl.String, "known": pl.String})
    labels = pl.col("label_name")
    told = pl.when((labels == KNOWN).any()).then(pl.lit(KNOWN)).otherwise(labels.sort().first())
    return known.drop_nulls(["formula", "label_name"]).group_by("formula").agg(told.alias("known"))


def _nearest(hull: pl.DataFrame | None) -> pl.DataFrame:
    if hull is None:
        return pl.DataFrame(
            schema={"formula": pl.String, "energy_above_hull_eV_atom": pl.Float64, "hull_source": pl.String}
        )
    inputs.need_columns(hull, ("formula", "energy_above_hull_eV_atom", "source"), "the hull distances")
    usable = hull.filter(_HULL.is_finite() & (_HULL >= 0)).sort("energy_above_hull_eV_atom", "source")
    best = usable.unique("formula", keep="first", maintain_order=True)
    return best.select("formula", "energy_above_hull_eV_atom", hull_source="source")


def _ranked(told: pl.DataFrame) -> pl.DataFrame:
    """Survivors first, by probability; only they are flagged."""
    stays = pl.col("stage") == SURVIVED
    ordered = told.sort(~stays, pl.col("p_mit"), "formula", descending=[False, True, False], nulls_last=True)
    best, rest = ordered.filter(stays), ordered.filter(~stays)
    unsure = {
        "hull distance unknown": _HULL.is_null(),
        "other classes not excluded": _CLASSES.list.len() > 1,
        "listed by enumeration only": pl.col("pools").list.eval(pl.element() == ENUMERATED).list.all()
        & (pl.col("pools").list.len() > 0),
    }
    marks = [pl.when(hit).then(pl.lit(name)) for name, hit in unsure.items()]
    best = best.with_columns(
        pl.concat_list("flags", pl.concat_list(marks).list.drop_nulls()).alias("flags"),
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("rank"),
    )
    rest = rest.with_columns(flags=pl.lit(None, pl.List(pl.String)))
    return pl.concat([best, rest], how="diagonal").select(
        "formula", "pools", "motif", "known", "p_mit", "stage", "reason",
        "energy_above_hull_eV_atom", "hull_source", "flags", "rank",
    )  # fmt: skip


def _counts(told: pl.DataFrame) -> Iterator[dict[str, object]]:
    """One row a stage and part; a part is all, a pool or a motif."""
    for part, rows in _parts(told):
        old = rows.filter(pl.col("known") == KNOWN)
        for number, stage in enumerate(STAGES, start=1):
            kept = rows.filter(stage.passes)
            if stage.name != "novel":  # else none would be left to show what the other stages cost
                old = old.filter(stage.passes)
            yield {
                "part": part,
                "stage_number": number,
                "stage": stage.name,
                "rule": stage.rule,
                "entered": rows.height,
                "kept": kept.height,
                "unknown": 0 if stage.unknown is None else kept.filter(stage.unknown).height,
                "known_kept": old.height,
            }
            rows = kept


def _parts(told: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    yield EVERY, told
    for pool in sorted(told["pools"].explode().drop_nulls().unique()):
        yield pool, told.filter(pl.col("pools").list.contains(pool))
    for motif in motifs.NAMES:
        yield motif, told.filter(pl.col("motif") == motif)


def top(candidates: pl.DataFrame, n: int) -> pl.DataFrame:
    """The best n candidates, and among them, in their place by `p_mit` but without rank, the known transitions."""
    best = candidates.filter(pl.col("rank") <= n)
    least = pl.col("p_mit") >= (best["p_mit"].min() if best.height else 2.0)
    old = candidates.filter(least, pl.col("known") == KNOWN)
    return pl.concat([best, old]).sort("p_mit", "formula", descending=[True, False])
