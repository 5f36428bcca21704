"""The published map of ionicity on the page of explanations: figure, statistics, and words made from the numbers."""

import polars as pl

from warehouse.report import figures
from warehouse.report.parts import Picture, Section, parts, section

_CLAIM = (
    "Georgescu et al. (2021) read from such a map that the least ionic compounds are metals, the most ionic "
    "insulators, and that transitions lie between. Read here: from metals over transitions to insulators, "
    "the Ewald energy falls and the deviation of covalent radii grows."
)
_CAUTION = (
    "Intervals of 95 % weigh whole families; p values (Holm) do not, and are too small. The Ewald energies take "
    "guessed oxidation states: how ionic a pnictide or silicide is by them, the guess decides."
)
_UNITS = {"ewald_energy_per_atom": "eV per atom", "avg_dev_CovalentRadius": "pm"}
_WORDS = {"metal": "metals", "mit": "transitions", "insulator": "insulators"}


def plane(rows: pl.DataFrame, of: str, part: str) -> list[Picture]:
    """The labelled compounds before the probability that the model gives to their place; nothing where none are."""
    points = rows.filter(pl.col("kind") == "plane_point")
    if not points.height:
        return []
    kind, name = pl.col("kind") == "plane", pl.col("class_name") == of.removeprefix("p_")
    grid = rows.filter(kind, name, pl.col("n") > 0).select("x_1", "x_2", "effect")
    first, second = points["feature_1"][0], points["feature_2"][0]
    shown = {c: (p["x_1"].to_list(), p["x_2"].to_list()) for (c,), p in parts(points.sort("class_name"), "class_name")}
    svg = figures.plane({(x, y): z for x, y, z in grid.iter_rows()}, shown, xlabel=first, ylabel=second, zlabel=of)
    counted = ", ".join(f"{len(x)} {_WORDS.get(c, c)}" for c, (x, _) in shown.items())
    alt = f"{first} against {second} of labelled compounds ({counted}) before the {of} of the model."
    return [Picture(file=f"plane-{part}.svg", svg=svg, alt=alt)]


def claims(contrasts: pl.DataFrame) -> list[Section]:
    """The published claim beside what the labels say; nothing where nothing was compared."""
    if not contrasts.height:
        return []
    told = " ".join([_CLAIM, *said(contrasts), _CAUTION])
    table = contrasts.drop("model_id", "contrast_number")
    return [section("The published map of ionicity against the labels", table, text=told)]


def said(contrasts: pl.DataFrame) -> list[str]:
    """Where the labels agree with the claim and where not, one sentence or two a feature and set of compounds."""
    classes = contrasts.filter(pl.col("among") != "RNiO3")
    return [
        *(_compared(rows, among, feature) for (among, feature), rows in parts(classes, "among", "feature")),
        *(_followed(row) for row in contrasts.filter(pl.col("statistic") == "spearman").iter_rows(named=True)),
    ]


def _compared(rows: pl.DataFrame, among: str, feature: str) -> str:
    medians = {r["class_name"]: r for r in rows.filter(pl.col("statistic") == "median").iter_rows(named=True)}
    listed = ", ".join(
        f"{medians[c]['value']:.1f} ({medians[c]['low']:.1f} to {medians[c]['high']:.1f}) for {word}"
        for c, word in _WORDS.items()
        if c in medians
    )
    steps = rows.filter(pl.col("statistic") == "superiority")
    judged = {
        v: [
            f"{_WORDS[r['class_name']]} against {_WORDS[r['other_class']]}"
            for r in steps.filter(pl.col("verdict") == v).iter_rows(named=True)
        ]
        for v in ("agrees", "disagrees", "undecided")
    }
    words = {"agrees": "agree on", "disagrees": "disagree on", "undecided": "leave open"}
    verdict = "; ".join(f"{words[v]} {', '.join(pairs)}" for v, pairs in judged.items() if pairs)
    verdict = f"the labels {verdict}" if verdict else "no two classes can be compared"
    start = "Of all compounds" if among == "all" else f"Of {among}"
    return f"{start} the median of {feature} in {_UNITS.get(feature, 'its unit')} is {listed}: {verdict}."


def _followed(row: dict[str, object]) -> str:
    words = {"agrees": "follows", "disagrees": "runs against", "undecided": "is not seen to follow"}
    return (
        f"Over {row['n']} compounds RNiO3 {row['feature']} {words[str(row['verdict'])]} the tolerance factor "
        f"(rank correlation {row['value']:.3f}, {row['low']:.3f} to {row['high']:.3f})."
    )
