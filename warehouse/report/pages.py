"""What each page shows: one function a page, from the published tables to sections. HTML is in `templates`."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from warehouse.report import figures
from warehouse.report.lineage import Graph, graph
from warehouse.report.source import Source

TOP = 50
Cell = tuple[str, bool]  # text, whether it is a number


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure: file name in `figures/`, SVG text, and the words for those who cannot see it."""

    file: str
    svg: str
    alt: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading with text, pictures, a table or the lineage drawing; `empty` is said where there is no row."""

    title: str
    text: str = ""
    pictures: list[Picture] = field(default_factory=list)
    header: list[str] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)
    empty: str = "No rows are published yet."
    graph: Graph | None = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page: file name, title, one sentence, sections."""

    file: str
    title: str
    lead: str
    sections: list[Section]


def overview(source: Source) -> Page:
    """Row counts, versions and last checks of every table, and the published state."""
    last = source.read("meta.publications", order='"published_at" DESC', limit=1)
    versions: dict[str, Any] = json.loads(last["table_versions"][0]) if last.height else {}
    checks = _verdicts(source)
    rows = [
        {
            "table": t.name,
            "one row is": t.grain,
            "rows": source.count(t.name),
            "version": versions.get(t.name),
            "checks passed": checks.get(t.name),
        }
        for t in source.registry
    ]
    state = {
        "publication": source.publication_id,
        "tables": len(versions),
        "rows": sum(int(r["rows"] or 0) for r in rows),
    }
    when = {"published": last["published_at"][0]} if last.height else {}
    return Page(
        file="index.html",
        title="Overview",
        lead="What the warehouse holds, as published.",
        sections=[
            _section(
                "Published state", pl.DataFrame([{"what": k, "value": _text(v)} for k, v in {**state, **when}.items()])
            ),
            _section("Tables", pl.DataFrame(rows, infer_schema_length=None)),
        ],
    )


def candidates(source: Source) -> Page:
    """The compounds with the highest predicted probability."""
    every = source.read("pred.screening")
    by = next((c for c in every.columns if c.startswith("p_")), None)
    top = every.sort(by, descending=True, nulls_last=True, maintain_order=True) if by else every
    pictures = []
    values = every.get_column(by).drop_nulls().to_list() if by else []
    if values and by:
        pictures.append(
            Picture(
                file="candidates-probability.svg",
                svg=figures.histogram(values, xlabel=by, ylabel="compounds"),
                alt=f"Histogram of {by} over {len(values)} compounds, from {min(values):.2f} to {max(values):.2f}.",
            )
        )
    warning = "A probability outside the model's domain is a guess: see in_domain before quoting one."
    return Page(
        file="candidates.html",
        title="Candidates",
        lead="Compounds ranked by the screening model.",
        sections=[_section(f"Top {TOP} of {every.height}", top.head(TOP), text=warning, pictures=pictures)],
    )


def families(source: Source) -> Page:
    """Families of compounds ranked by their predictions."""
    found = source.read("pred.families")
    by = next((c for c in ("q_value", "p_value") if c in found.columns), None)
    ranked = (
        found.sort(by, "mean_p_mit", descending=[False, True], nulls_last=True, maintain_order=True) if by else found
    )
    top = ranked.head(20)
    pictures = []
    if top.height and "mean_p_mit" in top.columns:
        pictures.append(
            Picture(
                file="families.svg",
                svg=figures.bars(
                    top["family"].to_list(), top["mean_p_mit"].fill_null(0).to_list(), xlabel="mean_p_mit"
                ),
                alt=f"Mean probability of the {top.height} families of smallest q-value; first is {top['family'][0]}.",
            )
        )
    return Page(
        file="families.html",
        title="Families",
        lead="Groups of compounds whose predictions stand out from the rest of the screen.",
        sections=[_section(f"{found.height} families", ranked.head(TOP), pictures=pictures)],
    )


def explanations(source: Source) -> Page:
    """What the screening model looks at: mean absolute SHAP values and accumulated local effects."""
    every = source.read("pred.explanations")
    empty = every.clear()
    kinds = {
        k: every.filter(pl.col("kind") == k) if "kind" in every.columns else empty
        for k in ("mean_abs_shap", "ale", "ale_pair")
    }
    shap = kinds["mean_abs_shap"].sort("effect", descending=True).head(20) if every.height else empty
    shown = [c for c in ("model_id", "feature_1", "effect") if c in shap.columns]
    return Page(
        file="explanations.html",
        title="Explanations",
        lead="What the screening model looks at. An effect is of the model, not of nature.",
        sections=[
            _section(
                "Importance", shap.select(shown), text="Mean absolute SHAP value, raw score.", pictures=_shap(shap)
            ),
            Section(
                title="Effects of one feature", text="Accumulated local effects on p_mit.", pictures=_ale(kinds["ale"])
            ),
            Section(title="Effects of two features", pictures=_ale_pairs(kinds["ale_pair"])),
        ],
    )


def design(source: Source) -> Page:
    """Pareto fronts, the trace of the optimization, and what is proposed next."""
    fronts, observed = source.read("design.fronts"), source.read("design.observations")
    proposals = source.read("design.proposals")
    return Page(
        file="design.html",
        title="Design",
        lead="Multi-objective optimization: what was evaluated, what is best, what comes next.",
        sections=[
            _section("Pareto front", fronts.head(TOP), pictures=_fronts(fronts, observed)),
            _section(
                "Optimization trace", observed.tail(TOP), text="The latest evaluations.", pictures=_traces(observed)
            ),
            _section("Proposals", proposals.head(TOP)),
        ],
    )


def recipes(source: Source) -> Page:
    """Predicted and mined synthesis recipes."""
    predicted, mined = source.read("pred.recipes", limit=TOP), source.read("core.recipes", limit=TOP)
    return Page(
        file="recipes.html",
        title="Recipes",
        lead="How to make it: predicted conditions with 80 % intervals, and recipes mined from the literature.",
        sections=[_section("Predicted", predicted), _section("Mined", mined)],
    )


def lineage(source: Source) -> Page:
    """Which table refers to which."""
    drawing = graph(source.registry, {t.name: source.count(t.name) for t in source.registry})
    keys = [
        {"table": t.name, "columns": ", ".join(f.columns), "refers to": f.table}
        for t in source.registry
        for f in t.foreign_keys
    ]
    return Page(
        file="lineage.html",
        title="Lineage",
        lead="Tables by layer, in the order of the flow; an arrow runs from a table to one that refers to it.",
        sections=[
            Section(title="Graph", graph=drawing),
            _section("References", pl.DataFrame(keys), empty="No references are declared."),
        ],
    )


def quality(source: Source) -> Page:
    """Verdicts of the checks, bias metrics and rejected rows."""
    latest = _latest(source.read("meta.quality_results"))
    failed = latest.filter(~pl.col("passed")) if latest.height else latest
    bias = _latest(source.read("meta.bias_metrics"))
    rejected = source.read("meta.rejections")
    counted = (
        rejected.group_by("table_name", "column_name", "rule_text")
        .len("rows")
        .sort("rows", "table_name", "rule_text", descending=[True, False, False])
        if rejected.height
        else rejected
    )
    drop = [c for c in ("remedy", "checked_at") if c in latest.columns]
    return Page(
        file="quality.html",
        title="Quality",
        lead=f"{latest.height} checks of the newest audited versions; {failed.height} failed.",
        sections=[
            _section("Failed checks", failed, empty="No check failed." if latest.height else "No check was run yet."),
            _section("Bias", bias.drop([c for c in ("measured_at",) if c in bias.columns]).head(400)),
            _section("Rejected rows", counted.head(TOP), empty="No row was rejected."),
            _section("All checks", latest.drop(drop)),
        ],
    )


PAGES: tuple[Callable[[Source], Page], ...] = (
    overview, candidates, families, explanations, design, recipes, lineage, quality,
)  # fmt: skip


def _section(title: str, frame: pl.DataFrame, **more: Any) -> Section:
    """A section with a table; columns without any value are left out."""
    kept = [c for c in frame.columns if frame.get_column(c).null_count() < frame.height]
    rows = [
        [(_text(v), isinstance(v, int | float) and not isinstance(v, bool)) for v in r]
        for r in frame.select(kept).iter_rows()
    ]
    return Section(title=title, header=kept, rows=rows, **more)


def _text(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_text(v) for v in value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S UTC")
    text = str(value)
    return text if len(text) <= 300 else text[:299] + "…"


def _latest(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of the newest version of each table."""
    if not frame.height:
        return frame
    return frame.filter(pl.col("table_version") == pl.col("table_version").max().over("table_name"))


def _verdicts(source: Source) -> dict[str, str]:
    latest = _latest(source.read("meta.quality_results"))
    if not latest.height:
        return {}
    counted = latest.group_by("table_name").agg(pl.col("passed").sum().alias("ok"), pl.len().alias("n"))
    return {name: f"{ok} of {n}" for name, ok, n in counted.iter_rows()}


def _shap(shap: pl.DataFrame) -> list[Picture]:
    if not shap.height:
        return []
    names, values = shap["feature_1"].to_list(), shap["effect"].to_list()
    alt = f"Mean absolute SHAP value of {len(names)} features; the largest is {names[0]} with {values[0]:.3g}."
    return [Picture(file="shap.svg", svg=figures.bars(names, values, xlabel="mean |SHAP|"), alt=alt)]


def _ale(ale: pl.DataFrame) -> list[Picture]:
    pictures = []
    for i, ((model, name), part) in enumerate(_parts(ale, "model_id", "feature_1")):
        points = part.drop_nulls(["x_1", "effect"]).sort("x_1")
        if not points.height:
            continue
        x, y = points["x_1"].to_list(), points["effect"].to_list()
        svg = figures.curves({model: (x, y)}, xlabel=name, ylabel="change of p_mit")
        alt = f"Effect of {name} on p_mit, from {min(y):.3g} to {max(y):.3g}."
        pictures.append(Picture(file=f"ale-{i:02d}.svg", svg=svg, alt=alt))
    return pictures[:12]


def _ale_pairs(pairs: pl.DataFrame) -> list[Picture]:
    pictures = []
    for i, ((_, a, b), part) in enumerate(_parts(pairs, "model_id", "feature_1", "feature_2")):
        points = part.drop_nulls(["x_1", "x_2", "effect"])
        if not points.height:
            continue
        x, y, z = (points[c].to_list() for c in ("x_1", "x_2", "effect"))
        svg = figures.heat(x, y, z, xlabel=a, ylabel=b, zlabel="change of p_mit")
        pictures.append(Picture(file=f"ale-pair-{i:02d}.svg", svg=svg, alt=f"Joint effect of {a} and {b} on p_mit."))
    return pictures[:6]


def _parts(frame: pl.DataFrame, *by: str) -> list[tuple[tuple[str, ...], pl.DataFrame]]:
    """Groups in order of first appearance."""
    if not frame.height:
        return []
    return [(tuple(str(k) for k in key), part) for key, part in frame.group_by(by, maintain_order=True)]


def _objectives(frame: pl.DataFrame) -> list[dict[str, float]]:
    """Objective values of each row: a JSON object in one column, else the numeric columns."""
    column = next((c for c in ("objectives", "objective_values", "values") if c in frame.columns), None)
    if column is None:
        return []
    found = []
    for text in frame.get_column(column).to_list():
        value = json.loads(text) if isinstance(text, str) else {}
        numbers = (
            {k: float(v) for k, v in value.items() if isinstance(v, int | float)} if isinstance(value, dict) else {}
        )
        found.append({k: v for k, v in numbers.items() if math.isfinite(v)})
    return found


def _fronts(fronts: pl.DataFrame, observed: pl.DataFrame) -> list[Picture]:
    best, points = _objectives(fronts), _objectives(observed)
    names = list(dict.fromkeys(k for point in (*best, *points) for k in point))[:2]
    if len(names) < 2:
        return []
    a, b = names
    kept = [(p[a], p[b], on) for on, group in ((False, points), (True, best)) for p in group if a in p and b in p]
    if not kept:
        return []
    x, y, on = zip(*kept, strict=True)
    svg = figures.front(x, y, on, xlabel=a, ylabel=b)
    alt = f"{b} against {a} of {len(points)} evaluated candidates, {len(best)} of them on the front."
    return [Picture(file="front.svg", svg=svg, alt=alt)]


def _traces(observed: pl.DataFrame) -> list[Picture]:
    points = _objectives(observed)
    pictures = []
    for i, name in enumerate(dict.fromkeys(k for p in points for k in p)):
        y = [(n, p[name]) for n, p in enumerate(points, start=1) if name in p]
        numbers, values = [n for n, _ in y], [v for _, v in y]
        svg = figures.curves({name: (numbers, values)}, xlabel="evaluation", ylabel=name)
        alt = f"{name} of {len(values)} evaluations, from {min(values):.3g} to {max(values):.3g}."
        pictures.append(Picture(file=f"trace-{i}.svg", svg=svg, alt=alt))
    return pictures[:4]
