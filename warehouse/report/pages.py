"""What each page shows: one function a page, from the published tables to sections. HTML is in `templates`."""

import json
from collections.abc import Callable
from typing import Any

import polars as pl

from warehouse.report.calculated import calculated
from warehouse.report.candidates import candidates
from warehouse.report.design import design
from warehouse.report.explanations import explanations
from warehouse.report.families import families
from warehouse.report.lineage import graph
from warehouse.report.parts import TOP, Page, Section, section, text
from warehouse.report.screening import screening
from warehouse.report.source import Source


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
            section(
                "Published state", pl.DataFrame([{"what": k, "value": text(v)} for k, v in {**state, **when}.items()])
            ),
            section("Tables", pl.DataFrame(rows, infer_schema_length=None)),
        ],
    )


def recipes(source: Source) -> Page:
    """Predicted and mined synthesis recipes."""
    predicted, mined = source.read("pred.recipes", limit=TOP), source.read("core.recipes", limit=TOP)
    return Page(
        file="recipes.html",
        title="Recipes",
        lead="How to make it: predicted conditions with 80 % intervals, and recipes mined from the literature.",
        sections=[section("Predicted", predicted), section("Mined", mined)],
    )


def reading(source: Source) -> Page:
    """How well text is read and where it fails: scores with intervals, baselines beside, errors with their sentence."""
    every = source.read("core.reading_scores").sort(
        "task", "gold", "f1", descending=[False, False, True], nulls_last=True
    )
    errors = source.read("core.reading_errors").sort("task", "gold", "document_id", "error_id")
    whole, each = every.filter(pl.col("label") == "*"), every.filter(pl.col("label") != "*")
    counted = errors.group_by("task", "gold", "error", "label", maintain_order=True).len("errors")
    return Page(
        file="reading.html",
        title="Reading",
        lead="How well text is read, on annotated documents; intervals are of 95 % over documents.",
        sections=[
            section("Scores", whole.drop("label")),
            section("Scores of each type", each, empty="No type is told apart."),
            section("Errors by type", counted.sort("errors", descending=True, maintain_order=True), empty=_NO_ERROR),
            section("Errors", errors.drop("error_id").head(4 * TOP), empty=_NO_ERROR),
        ],
    )


_NO_ERROR = "No error was made, or nothing is published yet."


def lineage(source: Source) -> Page:
    """Which table is made from which, where the graph is known, and which refers to which."""
    keys = [
        {"table": t.name, "columns": ", ".join(f.columns), "refers to": f.table}
        for t in source.registry
        for f in t.foreign_keys
    ]
    rows = {t.name: source.count(t.name) for t in source.registry}
    references = section("References", pl.DataFrame(keys), empty="No references are declared.")
    if source.lineage is None:
        drawing = graph(source.registry, rows, [(k["refers to"], k["table"]) for k in keys])
        title, lead, listed = "Relations", "an arrow runs from a table to one that refers to it.", []
    else:
        made = [(a, b) for a, b in source.lineage if a in rows and b in rows and not b.startswith("meta.")]
        drawing = graph(source.registry, rows, made)
        title, lead = "Lineage", "an arrow runs from a table to one that is made from it."
        listed = [section("Made from", pl.DataFrame(made, schema=["table", "goes into"], orient="row"))]
    return Page(
        file="lineage.html",
        title=title,
        lead=f"Tables by layer, in the order of the flow; {lead}",
        sections=[Section(title="Graph", graph=drawing), *listed, references],
    )


def quality(source: Source) -> Page:
    """Verdicts of the checks, bias metrics and rejected rows."""
    results = source.read("meta.quality_results")
    latest = _latest(results)
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
            section("Failed checks", failed, empty="No check failed." if latest.height else "No check was run yet."),
            section("History", _history(results), empty="No check ever failed."),
            section("Bias", bias.drop([c for c in ("measured_at",) if c in bias.columns]).head(400)),
            section(
                "Where sources disagree", _apart(source), empty="Sources agree wherever several tell of one thing."
            ),
            section("Rejected rows", counted.head(TOP), empty="No row was rejected."),
            section("All checks", latest.drop(drop)),
        ],
    )


PAGES: tuple[Callable[[Source], Page], ...] = (
    overview, screening, candidates, families, explanations, design, calculated, recipes, reading, lineage, quality,
)  # fmt: skip


def _latest(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of the newest version of each table."""
    if not frame.height:
        return frame
    return frame.filter(pl.col("table_version") == pl.col("table_version").max().over("table_name"))


def _history(results: pl.DataFrame) -> pl.DataFrame:
    """Checks that failed in any version: in which first and last, in how many of those audited, how it stands now."""
    if not results.height:
        return results
    by = results.sort("table_version").group_by("table_name", "check_name", maintain_order=True)
    bad = pl.col("table_version").filter(~pl.col("passed"))
    told = by.agg(
        bad.min().alias("first failed in version"),
        bad.max().alias("last failed in version"),
        (~pl.col("passed")).sum().alias("failed"),
        pl.len().alias("audited"),
        pl.col("passed").last().alias("passes now"),
    )
    return told.filter(pl.col("failed") > 0).sort("passes now", "table_name", "check_name")


def _apart(source: Source) -> pl.DataFrame:
    """The disagreements that are largest for their tolerance, and whose value counts."""
    rows = source.read("core.disagreements")
    if not rows.height:
        return rows
    ratio = (pl.col("difference") / pl.col("tolerance")).fill_null(float("inf"))  # texts have no size
    shown = rows.sort(ratio, "sources", "item", descending=[True, True, False]).head(TOP)
    return shown.with_columns(pl.col("others").list.join("; "))


def _verdicts(source: Source) -> dict[str, str]:
    latest = _latest(source.read("meta.quality_results"))
    if not latest.height:
        return {}
    counted = latest.group_by("table_name").agg(pl.col("passed").sum().alias("ok"), pl.len().alias("n"))
    return {name: f"{ok} of {n}" for name, ok, n in counted.iter_rows()}
