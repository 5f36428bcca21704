"""The page of the screen: its funnel, what the features are worth, and the model beside others."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import polars as pl

from warehouse.report import figures
from warehouse.report.parts import Page, Picture, Section, listing, parts, section
from warehouse.report.source import Source

EVERY = "all"
"""The part of the funnel that is the whole screen."""
_WORDS = {
    "roc_auc": "ROC-AUC",
    "ap": "average precision",
    "f1_mit": "F1 of MIT",
    "f1_weighted": "F1 weighted, MIT or not",
    "f1_weighted_3class": "F1 weighted, three classes",
}


def screening(source: Source) -> Page:
    """What the screen keeps and what that costs; how good its model is, beside others."""
    every = source.select("pred.funnel", "true")
    return Page(
        file="screening.html",
        title="Screening",
        lead="From all compounds to the few worth a look, and how far the model that chooses them can be trusted.",
        sections=[
            _funnel(every.filter(pl.col("part") == EVERY).sort("stage_number")),
            _by_part(every.filter(pl.col("part") != EVERY)),
            *_comparisons(source.select("pred.comparisons", "true")),
            *_ablations(source.select("pred.ablations", "true")),
        ],
    )


def _funnel(stages: pl.DataFrame) -> Section:
    """Stage by stage: what goes on, what leaves, and which known transitions are lost."""
    title = "The funnel"
    if not stages.height:
        return Section(title=title)
    lost = (pl.col("known_kept").shift(1) - pl.col("known_kept")).fill_null(0)
    stages = stages.with_columns(pl.col("stage").str.replace_all("_", " "))
    shown = stages.select(
        "stage",
        pl.col("rule").alias("who goes on"),
        pl.col("entered").alias("came"),
        pl.col("kept").alias("went on"),
        pl.col("unknown").alias("of these for want of knowledge"),
        pl.col("known_kept").alias("known transitions left"),
        lost.alias("lost here"),
    )
    first, last = stages["entered"][0], stages["kept"][-1]
    names, kept = ["offered", *stages["stage"]], [first, *stages["kept"]]
    alt = f"Compounds left after each stage, from {first:,} offered to {last:,} candidates."
    svg = figures.bars(names, kept, xlabel="compounds left", told=True)
    return section(title, shown, text=_COST, pictures=[Picture(file="funnel.svg", svg=svg, alt=alt)])


_COST = (
    "Known transitions are those that a pool offers, counted through all stages but novel, which is there to take them "
    "out. That they are in domain, not excluded and likely is no prediction, for the model has learned from them: "
    "their cost there is that of a model that knows the answer. What the other stages cost is real."
)


def _by_part(rows: pl.DataFrame) -> Section:
    """Compounds of each pool and motif that are left after each stage."""
    stages = rows.sort("stage_number")["stage"].str.replace_all("_", " ").unique(maintain_order=True)
    told = [
        (part, own["entered"][0], *own["kept"], f"{own['known_kept'][-1]} of {max(own['known_kept'].to_list())}")
        for (part,), own in parts(rows.sort("part", "stage_number"), "part")
    ]
    header = ("pool or motif", "offered", *stages, "known transitions left")
    text = "Compounds left after each stage; a compound that several pools list counts in each."
    return listing("The funnel by pool and motif", header, told, text=text)


def _said(row: Mapping[str, Any]) -> str:
    """A score with its interval."""
    return f"{row['value']:.3f}" + ("" if row["low"] is None else f" ({row['low']:.3f} to {row['high']:.3f})")


def _changed(row: Mapping[str, Any]) -> str | None:
    """A change with its interval; None for what others are compared with."""
    if row["change_low"] == row["change_high"]:
        return None
    return f"{row['change']:+.3f} ({row['change_low']:+.3f} to {row['change_high']:+.3f})"


def _comparisons(every: pl.DataFrame) -> list[Section]:
    """The model beside others, one section a protocol: what stands in different sections does not compare."""
    if not every.height:
        return [Section(title="The model beside others")]
    held = dict(parts(every, "protocol"))
    order = sorted(held, key=lambda k: (list(_HELD).index(k[0]) if k[0] in _HELD else len(_HELD), k))
    return [_protocol(k[0], held[k]) for k in order]


def _protocol(protocol: str, rows: pl.DataFrame) -> Section:
    """Who predicted by that protocol: this model first, then others; the best of each kind first."""
    names = [n for n in _WORDS if n in set(rows["statistic"])]
    links = {doi: f"https://doi.org/{quote(doi)}" for doi in rows["doi"].drop_nulls().unique()}
    best = pl.col("value").filter(pl.col("statistic") == "f1_weighted").first().over("kind", "name", "features")
    kind = pl.col("kind").replace_strict(_KINDS, list(range(len(_KINDS))))
    told = []
    for (_, name, features), own in parts(rows.sort(kind, -best, "name", "features"), "kind", "name", "features"):
        by = {r["statistic"]: r for r in own.iter_rows(named=True)}
        told.append((name, features, *(_said(by[n]) if n in by else None for n in names), own["doi"][0] or "here"))
    spans = ", ".join(rows["interval"].drop_nulls().unique().sort())
    text = f"{rows['held_out'][0]}; {rows['n'][0]} compounds." + (f" In brackets: {spans}." if spans else "")
    header = ("who", "reads", *(_WORDS[n] for n in names), "source")
    return listing(f"The model beside others: {_HELD.get(protocol, protocol)}", header, told, text=text, links=links)


_KINDS = ("here", "experts", "published", "baseline")
_HELD = {
    "random": "random folds",
    "published_cv": "published folds, which are random too",
    "published_holdout": "published hold-out",
    "quiz": "the quiz of the experts",
    "family_tm_anion": "families of metals and anions",
}


def _ablations(every: pl.DataFrame) -> list[Section]:
    """All features, the ten, and nine of the ten."""
    nested, small = (every.filter(pl.col("ensemble") == name) for name in ("nested", "small"))
    return [
        _variants("The ten features alone", nested, _TEN, against="all features"),
        _variants("Each of the ten left out", small, _WITHOUT, against="the ten"),
    ]


_TEN = "The whole model with all features, with the ten of Georgescu et al. (2021), and with the composition alone."
_WITHOUT = (
    "A small ensemble, fitted anew without each feature: its rows compare with each other only. A feature whose news "
    "others also carry costs little. Its members were chosen by a look at the ten, which flatters the ten. Bars show "
    "the change of average precision; most intervals hold zero."
)


def _variants(title: str, rows: pl.DataFrame, text: str, *, against: str) -> Section:
    """One row a set of features; in each grouping what costs most comes first."""
    names = [n for n in _WORDS if n in set(rows["statistic"])]
    known = {g: i for i, g in enumerate(_HELD)}
    place = pl.col("grouping").replace_strict(known, default=len(known))
    cost = pl.col("change").filter(pl.col("statistic") == "ap").first().over("grouping", "variant")
    told, changes = [], []
    for (grouping, variant), own in parts(rows.sort(place, "grouping", cost, "variant"), "grouping", "variant"):
        by = {r["statistic"]: r for r in own.iter_rows(named=True)}
        told.append((_HELD.get(grouping, grouping), variant, *(_said(by[n]) for n in names), _changed(by["ap"])))
        changes.append(by["ap"]["change"])
    largest = max((abs(c) for c in changes), default=0.0) or 1.0
    header = ("held out", "features", *(_WORDS[n] for n in names), f"change of average precision against {against}")
    text += " In brackets: 95 % over groups; a change is of the same compounds."
    return listing(title, header, told, text=text, bars=[c / largest for c in changes])
