"""How a candidate might be made: route, precursor sets, conditions as a figure, precedents, outlook."""

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from warehouse.report.parts import Picture, Section, listing
from warehouse.report.source import Source

Row = Mapping[str, Any]
_CONDITIONS = (
    ("calcine_temperature_K", "calcination (K)"),
    ("calcine_time_h", "calcination (h)"),
    ("sinter_temperature_K", "sintering (K)"),
    ("sinter_time_h", "sintering (h)"),
    ("max_temperature_K", "highest temperature (K)"),
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Rows of pred.recipes, pred.recipe_sets, pred.recipe_precedents and pred.outlooks of one target."""

    recipe: Row
    sets: list[Row] = field(default_factory=list)
    precedents: list[Row] = field(default_factory=list)
    outlook: Row | None = None


def gather(source: Source) -> dict[str, Plan]:
    """The plans by target."""
    plans = {r["target"]: Plan(recipe=r) for r in source.read("pred.recipes").iter_rows(named=True)}
    for name in ("recipe_sets", "recipe_precedents"):
        for row in source.read(f"pred.{name}").sort("target", "rank").iter_rows(named=True):
            if row["target"] in plans:
                getattr(plans[row["target"]], name.removeprefix("recipe_")).append(row)
    told = {r["target"]: r for r in source.read("pred.outlooks").iter_rows(named=True)}
    return {
        target: Plan(recipe=p.recipe, sets=p.sets, precedents=p.precedents, outlook=told.get(target))
        for target, p in plans.items()
    }


def record(plan: Plan | None) -> dict[str, Any] | None:
    """The plan as data."""
    if plan is None:
        return None
    return {**plan.recipe, "sets": plan.sets, "precedents": plan.precedents, "outlook": plan.outlook}


def sections(file: str, formula: str, plan: Plan | None) -> list[Section]:
    """The sections of a candidate's page."""
    if plan is None:
        reason = "None: the graph plans syntheses of the best candidates only;"
        said = f"{reason} matloom recipes recommend {shlex.quote(formula)} plans this one."
        return [Section(title="Recipe", empty=said)]
    made = [_recipe(file, plan)]
    if plan.sets:
        rows = [(r["rank"], " + ".join(r["precursors"]), r["score"], r["reaction"]) for r in plan.sets]
        text = "Over all routes, as probable as these are; a set without a balanced reaction loses half its score."
        made.append(listing("Precursor sets", ("rank", "set", "score", "reaction"), rows, text=text))
    if plan.precedents:
        made.append(_precedents(plan.precedents))
    return made


def _recipe(file: str, plan: Plan) -> Section:
    recipe, outlook = plan.recipe, plan.outlook
    routes = sorted(((v, k[2:].replace("_", "-")) for k, v in recipe.items() if k.startswith("p_")), reverse=True)
    rows: list[tuple[str, Any, str]] = [("route", ", ".join(f"{name} {p:.0%}" for p, name in routes), "")]
    rows.append(("precursors", " + ".join(recipe["precursors"] or ()) or "none known", ""))
    rows.append(("reaction", recipe["reaction"] or "does not close with these precursors", ""))
    for name, words in _CONDITIONS:
        if recipe[name] is not None:
            span = f"{recipe[f'{name}_low']:.4g} to {recipe[f'{name}_high']:.4g}"
            rows.append((words, round(recipe[name], 1), span))
    text = "Learned from published successes; the same recipe in two papers differs by about 100 K."
    if not recipe["in_domain"]:
        text += " The target lies outside the domain of the recipes."
    pictures = []
    if outlook:
        rows.append(("outlook", outlook["verdict"], ""))
        rows += [("caveat", c, "") for c in outlook["caveats"]]
        if samples := json.loads(outlook["samples"]):
            alt = f"Samples of sintering temperature and time for {recipe['target']}."
            pictures.append(Picture(file=f"recipe-{file}.svg", svg=joint(samples), alt=alt))
    return listing("Recipe", ("what", "value", "80 % interval"), rows, text=text, pictures=pictures)


def _precedents(rows: Sequence[Row]) -> Section:
    told = [
        (r["precedent"], r["route"], " + ".join(r["precursors"] or ()), _conditions(r), r["differs"], r["doi"])
        for r in rows
    ]
    header = ("made", "route", "from", "conditions", "the candidate has", "DOI")
    links = {r["doi"]: f"https://doi.org/{quote(r['doi'])}" for r in rows if r["doi"]}
    return listing("Nearest recipes", header, told, links=links)


def _conditions(row: Row) -> str:
    known = json.loads(row["conditions"])
    return ", ".join(f"{words.replace(' (', f' {known[n]:.4g} (')}" for n, words in _CONDITIONS if n in known)


_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 480, 260, 56, 10, 44
_HOURS = (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)


def joint(samples: Sequence[Sequence[float]]) -> str:
    """SVG of samples: temperature (K) to the right, time (h) upwards on a log scale; quick, as every page has one."""
    heats = [t for t, _ in samples]
    low, high = 100 * math.floor(min(heats) / 100), 100 * math.ceil(max(heats) / 100 + 0.01)
    width, height = _WIDTH - _LEFT - 10, _HEIGHT - _TOP - _BOTTOM

    def right(heat: float) -> float:
        return round(_LEFT + width * (heat - low) / (high - low), 1)

    def up(hours: float) -> float:
        share = math.log(max(hours, _HOURS[0]) / _HOURS[0]) / math.log(_HOURS[-1] / _HOURS[0])
        return round(_TOP + height * (1 - min(share, 1.0)), 1)

    step = 100 * max(1, math.ceil((high - low) / 800))
    base = _TOP + height
    lines = [
        f'<text x="{right(t)}" y="{base + 16}" text-anchor="middle">{t}</text>' for t in range(low, high + 1, step)
    ]
    lines += [f'<text x="{_LEFT - 6}" y="{up(h) + 4}" text-anchor="end">{h:g}</text>' for h in _HOURS]
    dots = [f'<circle cx="{right(t)}" cy="{up(h)}" r="3"/>' for t, h in samples]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-size="11"'
            ' font-family="sans-serif">',
            f'<rect x="{_LEFT}" y="{_TOP}" width="{width}" height="{height}" fill="none" stroke="#888"/>',
            '<g fill="#1f77b4" fill-opacity="0.25">',
            *dots,
            "</g>",
            *lines,
            f'<text x="{_LEFT + width / 2}" y="{_HEIGHT - 8}" text-anchor="middle">sintering temperature (K)</text>',
            f'<text transform="translate(14 {_TOP + height / 2}) rotate(-90)" text-anchor="middle">time (h)</text>',
            "</svg>",
            "",
        ]
    )
