"""The page of what the screening model looks at: importances, effects with their bands. HTML is in `templates`."""

import polars as pl

from warehouse.report import figures, ionicity
from warehouse.report.parts import Page, Picture, Section, parts, section
from warehouse.report.source import Source, probability


def explanations(source: Source) -> Page:
    """What each part of the screening model looks at: mean absolute SHAP values and accumulated local effects."""
    of = probability(source)
    every = source.select("pred.explanations", "true")  # states published before bands were declared have none
    return Page(
        file="explanations.html",
        title="Explanations",
        lead="What the screening model looks at. An effect is of the model, not of nature.",
        sections=[
            *([s for (part,), rows in parts(every, "features") for s in _explained(rows, of, part)] or [_NOTHING]),
            *ionicity.claims(source.select("pred.contrasts", "true")),
        ],
    )


_NOTHING = Section(title="Importance")


def pictures(every: pl.DataFrame, of: str = "p_mit", most: int = 4) -> list[Picture]:
    """The first figures of each part: importance, map, effects of single features."""
    return [
        picture
        for (part,), rows in parts(every, "features")
        for picture in (
            *_shap(_important(rows), part),
            *ionicity.plane(rows, of, part),
            *_ale(rows.filter(pl.col("kind") == "ale"), of, part)[:most],
        )
    ]


def _important(rows: pl.DataFrame) -> pl.DataFrame:
    by_shap = rows.filter(pl.col("kind") == "mean_abs_shap")
    return by_shap.sort("effect", descending=True, maintain_order=True).head(20)


def _explained(every: pl.DataFrame, of: str, part: str) -> list[Section]:
    """The sections of one part of the model."""
    kinds = {k: every.filter(pl.col("kind") == k) for k in ("ale", "ale_pair")}
    shap, drawn = _important(every), ionicity.plane(every, of, part)
    where = f"of the part that reads {part}"
    return [
        section(
            f"Importance {where}",
            shap.select("model_id", "feature_1", "effect"),
            text="Mean absolute SHAP value, raw score.",
            pictures=_shap(shap, part),
        ),
        section(
            f"Worth of the leading features {where}",
            every.filter(pl.col("kind") == "permutation").select("feature_1", "effect", "low", "high"),
            text=_WORTH,
        ),
        Section(
            title=f"Effects of one feature {where}",
            text=f"Accumulated local effects on {of}. {_BAND}",
            pictures=_ale(kinds["ale"], of, part),
        ),
        Section(
            title=f"Effects of two features {where}",
            text=f"What both do to {of} beyond what each does alone, where labelled compounds lie.",
            pictures=_ale_pairs(kinds["ale_pair"], of, part),
        ),
        *([Section(title=f"Map of ionicity {where}", text=_MAP.format(of), pictures=drawn)] if drawn else []),
    ]


_WORTH = (
    "Average precision of transitions that held-out families lose when the feature is shuffled, with 95 % over "
    "families. A feature whose news others also carry loses little."
)
_MAP = (
    "Labelled compounds of which both features are known; behind them the {} that the model gives to their place: the "
    "mean, the effects of both features and their interaction. Cells far from any compound are left white."
)


_BAND = (
    "Bands hold 95 % of the effects seen when families of compounds and views of the ensemble count more or less; "
    "that another model might have been learned is not in them."
)


def _shap(shap: pl.DataFrame, part: str) -> list[Picture]:
    if not shap.height:
        return []
    names, values = shap["feature_1"].to_list(), shap["effect"].to_list()
    alt = f"Mean absolute SHAP value of {len(names)} features; the largest is {names[0]} with {values[0]:.3g}."
    return [Picture(file=f"shap-{part}.svg", svg=figures.bars(names, values, xlabel="mean |SHAP|"), alt=alt)]


def _ale(ale: pl.DataFrame, of: str, part: str) -> list[Picture]:
    pictures = []
    for i, ((model, name), curve) in enumerate(parts(ale, "model_id", "feature_1")):
        points = curve.drop_nulls(["x_1", "effect"]).sort("x_1")
        if not points.height:
            continue
        x, y = points["x_1"].to_list(), points["effect"].to_list()
        band = points.drop_nulls(["low", "high"])
        ends = {model: (band["low"].to_list(), band["high"].to_list())} if band.height == points.height else None
        svg = figures.curves({model: (x, y)}, xlabel=name, ylabel=f"change of {of}", bands=ends)
        alt = f"Effect of {name} on {of}, from {min(y):.3g} to {max(y):.3g}{_sure(band)}."
        pictures.append(Picture(file=f"ale-{part}-{i:02d}.svg", svg=svg, alt=alt))
    return pictures[:12]


def _ale_pairs(pairs: pl.DataFrame, of: str, part: str) -> list[Picture]:
    pictures = []
    for i, ((_, a, b), grid) in enumerate(parts(pairs, "model_id", "feature_1", "feature_2")):
        points = grid.filter(pl.col("n").is_null() | (pl.col("n") > 0)).drop_nulls(["x_1", "x_2", "effect"])
        if not points.height:
            continue
        x, y, z = (points[c].to_list() for c in ("x_1", "x_2", "effect"))
        svg = figures.heat(x, y, z, xlabel=a, ylabel=b, zlabel=f"change of {of}")
        alt = f"Joint effect of {a} and {b} on {of}{_sure(points.drop_nulls(['low', 'high']))}."
        pictures.append(Picture(file=f"ale-pair-{part}-{i:02d}.svg", svg=svg, alt=alt))
    return pictures[:6]


def _sure(points: pl.DataFrame) -> str:
    """At how many points the band leaves no doubt about the sign."""
    if not points.height:
        return ""
    apart = points.filter((pl.col("low") > 0) | (pl.col("high") < 0)).height
    return f"; the band excludes zero at {apart} of {points.height} points"
