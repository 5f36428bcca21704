"""What a run found, for a reader at the terminal: figures from the published tables, and where to look."""

import json
from pathlib import Path
from typing import Any

from warehouse.query import rows


def summarise(home: Path) -> dict[str, Any]:
    """The figures of the published state, by heading; a heading whose table is empty is left out."""
    parts = {
        "documents": _documents(home),
        "extraction": _one(home, _EXTRACTION),
        "structures": _one(home, _STRUCTURES),
        "classifier": _classifier(home),
        "top families": _many(home, _FAMILIES),
        "top candidates": _many(home, _CANDIDATES),
        "a recipe": _one(home, _RECIPE),
        "design against chance": _many(home, _TRACES),
        "the loop, batch by batch": _many(home, _LOOP),
        "fronts found": _many(home, _FRONTS),
        "quality": _one(home, _QUALITY),
    }
    return {k: v for k, v in parts.items() if v}


def text(home: Path, found: dict[str, Any]) -> str:
    """The summary as plain lines."""
    lines = []
    for heading, value in found.items():
        lines.append(heading)
        for row in value if isinstance(value, list) else [value]:
            lines.append("  " + "  ".join(f"{k} {_shown(v)}" for k, v in row.items() if v is not None))
    lines += [
        "where to look",
        f'  catalog  {home / "warehouse.duckdb"}   matloom query "select * from pred.families"',
        f"  report   {home / 'report' / 'index.html'}",
        "  UI       make ui",
    ]
    return "\n".join(lines) + "\n"


_EXTRACTION = """
select (select count(*) from core.mentions) as mentions, (select count(*) from core.properties) as properties,
       (select count(*) from core.recipes) as recipes, (select count(*) from core.compounds) as compounds,
       (select count(*) from core.labels where not curated) as labels_from_text"""
_STRUCTURES = """
select count(*) as read, count(*) filter (valid) as valid, (select count(*) from feat.structure) as with_features
from core.structures"""
_FAMILIES = """
select family, compounds, predicted_mit, round(mean_p_mit, 2) as mean_p_mit, best_formula,
       case when q_value <= 1e-12 then '<= 1e-12' else printf('%.1e', q_value) end as q_value
from pred.families where grouping = 'family_tm_anion' order by pred.families.q_value, mean_p_mit desc, family limit 5"""
_CANDIDATES = """
select rank, formula, round(p_mit, 3) as p_mit, energy_above_hull_eV_atom, array_to_string(pools, ', ') as pools
from pred.candidates where rank <= 5 order by rank"""
_RECIPE = """
select target, reaction, round(p_solid_state, 2) as p_solid_state,
       round(sinter_temperature_K) as sinter_temperature_K, round(sinter_temperature_K_low) as low_K,
       round(sinter_temperature_K_high) as high_K
from pred.recipes where reaction is not null order by p_solid_state desc, target limit 1"""
_TRACES = """
select problem, strategy, evaluation as evaluations, round(avg(front_fraction), 2) as front_found,
       round(avg(hypervolume_fraction), 3) as hypervolume
from design.traces where evaluation in (12, 30, 60)
group by all order by problem, evaluation, strategy"""
_LOOP = """
select iteration as generation, len(asked) as asked, accepted as came_back, failed,
       round(cast(best ->> 'gap_eV' as double), 2) as best_gap_eV, array_to_string(newcomers[1:4], ' ') as better,
       surprises[1] as surprise, next
from design.generations where problem = 'abo3_270' and iteration <= 3 order by iteration"""
_FRONTS = """
select problem, count(*) as size, string_agg(coalesce(formula, candidate_id), ' ' order by formula) as members
from design.fronts group by problem order by problem"""
_QUALITY = """
with newest as (select table_name, max(table_version) as table_version from meta.quality_results group by 1)
select count(*) as checks, count(*) filter (passed) as passed, count(*) filter (not passed) as failed,
       count(*) filter (not passed and severity = 'blocking') as blocking
from meta.quality_results join newest using (table_name, table_version)"""


def _documents(home: Path) -> dict[str, Any]:
    return _one(
        home,
        """select count(*) as read, count(*) filter (selected) as selected,
        (select count(*) from core.paragraphs where label = 'synthesis') as synthesis_paragraphs,
        (select count(*) from core.keyword_proposals) as keywords_proposed from core.selections""",
    )


_PARTS = """
select features, count(*) as rows, any_value(metrics) as metrics
from pred.screening join meta.models using (model_id) group by features order by rows desc, features"""


def _classifier(home: Path) -> list[dict[str, Any]]:
    """Nested scores of each part of the model that made the published predictions, and how many it made."""
    return [
        {"features": part["features"], "rows": part["rows"], "folds": folds, **_score(found)}
        for part in _many(home, _PARTS)
        for folds, found in json.loads(part["metrics"])["parts"][part["features"]].items()
    ]


def _score(found: dict[str, Any]) -> dict[str, Any]:
    """ROC-AUC with its interval, average precision and baselines; and on the cells of the screen, where they differ."""
    auc, baselines, served = found["roc_auc"], found["baselines"], found.get("as_served")
    told = {
        "roc_auc": _three(auc["value"]),
        "95 %": f"{_three(auc['low'])}-{_three(auc['high'])}",
        "average precision": _three(found["ap"]["value"]),
        "logistic baseline": _three(baselines["logistic"]["roc_auc"]),
        "prior": _three(baselines["prior"]["roc_auc"]),
    }
    if not served or served["screened"]["roc_auc"] is None:
        return told
    return told | {
        "compounds with a cell of the screen": served["n"],
        "roc_auc on that cell": _three(served["screened"]["roc_auc"]),
        "on the published one": _three(served["published"]["roc_auc"]),
    }


def _three(score: float | None) -> float | None:
    """Three digits; None where the score is undefined."""
    return None if score is None else round(score, 3)


def _many(home: Path, sql: str) -> list[dict[str, Any]]:
    columns, found = rows(home, sql)
    return [dict(zip(columns, row, strict=True)) for row in found]


def _one(home: Path, sql: str) -> dict[str, Any]:
    found = _many(home, sql)
    return found[0] if found else {}


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
