"""Synthesis procedures to recipes: target, precursors, ordered steps with temperature, time and atmosphere.

Targets, steps and conditions are read by rules, the words being data (`procedures.yaml`); precursors by the learned
tagger (`tagger`): on the MSPT development part F1 .66 instead of .60, while it finds targets no better than rules.
Models of recipes are in `models`.
"""

import hashlib
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import polars as pl

from etl.text import formula as formulas
from etl.text import materials
from etl.text.composition import ELECTRONEGATIVITY
from etl.text.materials import Mention
from etl.text.plain import Plain, plain, sentences
from etl.text.procedures import atmospheres, not_operations, patterns, procedures, temperatures, times
from etl.text.relations import ROLES
from etl.text.tagger import shipped
from schemas.emit.polars import schema
from schemas.errors import InputError
from schemas.tables.recipes import RECIPE_STEPS, RECIPES


@dataclass(frozen=True)
class Step:
    """One operation; the span is its verb, in the plain text."""

    operation: str
    verb: str
    temperature_K: float | None  # noqa: N815 - units are suffixes
    time_h: float | None
    atmosphere: str | None
    start: int
    end: int


@dataclass(frozen=True)
class Recipe:
    """What one paragraph says; spans in the plain text."""

    route: str
    target: Mention | None
    targets: tuple[Mention, ...]
    precursors: tuple[Mention, ...]
    steps: tuple[Step, ...]
    start: int
    end: int

    def hold(self, verbs: tuple[str, ...]) -> Step | None:
        """The hottest step of these verbs ("calcine", "sinter")."""
        found = [s for s in self.steps if _heating_name(s.verb) in verbs and s.temperature_K is not None]
        return max(found, key=lambda s: s.temperature_K or 0, default=None)

    @property
    def max_temperature_K(self) -> float | None:  # noqa: N802 - units are suffixes
        """The highest temperature of any step."""
        return max((s.temperature_K for s in self.steps if s.temperature_K is not None), default=None)

    @property
    def max_time_h(self) -> float | None:
        """The longest time of any heating step."""
        return max((s.time_h for s in self.steps if s.time_h is not None and s.operation == "heating"), default=None)


def _heating_name(verb: str) -> str:
    lower = verb.lower()
    known: dict[str, str] = procedures()["heating_verbs"]
    return next((name for stem, name in sorted(known.items(), key=lambda k: -len(k[0])) if lower.startswith(stem)), "")


# "distilled water", "heating rate": no operations here
_NAMED = re.compile(
    r"(?:double[\s-]|bi)?distilled(?:\s+and\s+\w+)?\s+water|"
    r"(?:heating|cooling|drying|mixing|milling)\s+(?:rate|ramp|element|mantle|plate|time|temperature)",
    re.IGNORECASE,
)


def _verbs(sentence: str, offset: int) -> list[Step]:
    found = [
        Step(kind, m.group(), None, None, None, offset + m.start(), offset + m.end())
        for kind, pattern in patterns("operations").items()
        for m in pattern.finditer(sentence)
        if not not_operations().fullmatch(m.group()) and not _NAMED.match(sentence, m.start())
    ]
    distinct: dict[int, Step] = {}
    for step in sorted(found, key=lambda s: (s.start, s.start - s.end)):
        distinct.setdefault(step.start, step)
    return list(distinct.values())


def _owner(steps: list[Step], position: int) -> int | None:
    """Index of the step a condition at `position` belongs to: the last before it, else the first after it."""
    before = [i for i, s in enumerate(steps) if s.start <= position]
    preferred = [i for i in before if _takes_conditions(steps[i])]
    if preferred:
        return preferred[-1]
    after = [i for i, s in enumerate(steps) if s.start > position and _takes_conditions(s)]
    return after[0] if after else (before[-1] if before else None)


def _takes_conditions(step: Step) -> bool:
    """Whether temperatures and times usually belong to the operation."""
    return step.operation in ("heating", "mixing", "purification", "reaction", "cooling") and step.verb.lower() not in (
        "obtain", "obtained", "prepared", "formed", "form", "forming", "loaded", "loading", "collected",
    )  # fmt: skip


def _conditioned(sentence: str, offset: int, steps: list[Step]) -> list[Step]:
    """The steps of a sentence with their conditions; "respectively" pairs lists in order."""
    steps = list(steps)
    heated = [i for i, s in enumerate(steps) if s.operation == "heating"]
    hot, long, gas = temperatures(sentence), times(sentence), atmospheres(sentence)
    paired = "respectively" in sentence and len(heated) > 1
    left: list[tuple[int, str, float | str]] = []
    for conditions, name in ((hot, "temperature_K"), (long, "time_h"), (gas, "atmosphere")):
        if paired and len(conditions) == len(heated):
            for index, (_, value) in zip(heated, conditions, strict=True):
                steps[index] = replace(steps[index], **{name: value})  # type: ignore[arg-type]
        else:
            left.extend((offset + position, name, value) for position, value in conditions)
    return _assigned(steps, sorted(left, key=lambda c: c[0]))


def _assigned(steps: list[Step], conditions: list[tuple[int, str, float | str]]) -> list[Step]:
    """Gives conditions to their steps; a second hold of one verb ("400 °C for 5 h and 850 °C for 12 h") is a step."""
    holds = [[s] for s in steps]
    for position, name, value in conditions:
        owner = _owner(steps, position)
        if owner is None:
            continue
        last = holds[owner][-1]
        old = getattr(last, name)
        if old is None:
            holds[owner][-1] = replace(last, **{name: value})  # type: ignore[arg-type]
        elif name == "temperature_K" and last.time_h is not None:
            holds[owner].append(replace(steps[owner], temperature_K=float(value), atmosphere=last.atmosphere))
        elif name == "temperature_K" and isinstance(value, float) and value > old:
            holds[owner][-1] = replace(last, temperature_K=value)
    return [step for several in holds for step in several]


_TARGET_AFTER = re.compile(
    r"^[\s,)]*(?:\([^()]{0,40}\)\s*)?(?:\w+[\s-]+){0,4}?(?:was|were|is|are|have been|"
    r"has been)\s+(?:\w+\s+){0,2}?(?:prepared|synthesi[sz]ed|grown|obtained|fabricated|produced|made|formed)",
    re.IGNORECASE,
)
_TARGET_BEFORE = re.compile(
    r"(?:\b(?:synthesi[sz]e?d?|synthesis|preparation|growth|fabrication|prepare|grow|obtain|form|formation|"
    r"produce|yield(?:ed|ing|s)?|crystals|samples?|powders? of|composition)\s+(?:of\s+)?(?:the\s+|a\s+|pure\s+|"
    r"phase-pure\s+|single[\s-]phase\s+|polycrystalline\s+|single\s+crystals?\s+of\s+|\w+\s+){0,3})$",
    re.IGNORECASE,
)
_PRECURSOR_NEAR = re.compile(
    r"starting|precursor|reagent|raw material|stoichiometric|purity|powders? of|mixture of|from|using|weigh|"
    r"mixed|\(\d\d",
    re.IGNORECASE,
)


def _set_of(mention: Mention) -> frozenset[str]:
    if mention.formula is None:
        return frozenset()
    return frozenset(formulas.elements(mention.formula)) & frozenset(ELECTRONEGATIVITY)


@lru_cache(maxsize=1)
def _solvents() -> frozenset[str]:
    return frozenset(formulas.reduce(s) for s in procedures()["solvents"])


def _targets(text: str, mentions: list[Mention]) -> list[Mention]:
    solvents = _solvents()
    candidates = [m for m in mentions if m.kind != "element" and m.formula not in solvents and len(_set_of(m)) >= 2]
    scored: list[tuple[float, int, Mention]] = []
    for index, mention in enumerate(candidates):
        before = text[max(0, mention.start - 70) : mention.start]
        after = text[mention.end : mention.end + 90].split(". ")[0]
        score = 3.0 * bool(_TARGET_AFTER.match(after)) + 2.0 * bool(_TARGET_BEFORE.search(before))
        score += 0.7 * (len(_set_of(mention)) - 2)
        score -= 3.0 * bool(re.match(r"\s*\(?\s*(?:\w[\w ,.-]*,\s*)?\d\d(?:\.\d+)?\s?%", after))
        score -= 2.5 * bool(re.search(r"H2O$|\b(?:nitrate|carbonate|acetate|chloride|hydroxide)", mention.text))
        organic = {"C", "H"} <= _set_of(mention) or {"N", "H"} <= _set_of(mention)
        score -= 2.0 * bool(organic or "NO3" in mention.text or "CO3" in mention.text)
        scored.append((score, -index, mention))
    good = sorted((s for s in scored if s[0] >= 1.0), key=lambda s: (-s[0], -s[1]))
    if not good:
        return []
    best: dict[str | None, Mention] = {}
    for score, _, mention in good:
        if score >= good[0][0] - 0.01:
            best.setdefault(mention.formula, mention)
    return list(best.values())


def _precursors(mentions: list[Mention], target: Mention | None, text: str) -> list[Mention]:
    solvents = _solvents()
    shared = _set_of(target) - {"O", "H", "C", "N"} if target else frozenset()
    found: dict[str, Mention] = {}
    for mention in mentions:
        own = _set_of(mention)
        if mention.formula is None or mention.formula in solvents or (target and mention.formula == target.formula):
            continue
        if target and len(own) > 2 and own == _set_of(target):
            continue  # another member of the target's series
        near = text[max(0, mention.start - 120) : mention.end + 40]
        extra = own - _set_of(target) - {"O", "H", "C", "N", "Cl", "S", "F", "P"} if target else frozenset()
        wanted = bool(own & shared) and not extra if target else bool(_PRECURSOR_NEAR.search(near)) and len(own) >= 2
        if wanted and (mention.kind != "element" or _PRECURSOR_NEAR.search(near)):
            found.setdefault(mention.formula, mention)
    return list(found.values())


def _told_precursors(mentions: list[Mention], target: Mention | None, text: str) -> list[Mention]:
    """Compounds that the learned tagger says something is made from, or rules say of those it leaves open."""
    (found,) = shipped().tag([text])
    parts = {head: kind for kind, head, _ in found.links if kind in ROLES}
    by_rules = _precursors(mentions, target, text)
    told: dict[str, Mention] = {}
    for mention in mentions:
        first = bisect_right(found.entities, mention.start, key=lambda e: e.end)
        last = bisect_left(found.entities, mention.end, key=lambda e: e.start)
        roles = {parts.get(i) for i in range(first, last)}
        if mention.formula and (
            "Recipe_Precursor" in roles or (mention in by_rules and "Participant_Material" in roles)
        ):
            told.setdefault(mention.formula, mention)
    if target and target.formula:
        told.pop(target.formula, None)
    return list(told.values()) or by_rules


def route(text: str) -> str:
    """solid_state, sol_gel, hydrothermal, precipitation, film, melt or other, by cues."""
    weights = {"hydrothermal": 3.0, "sol_gel": 2.5, "precipitation": 1.2, "film": 1.5, "melt": 3.0, "solid_state": 1.0}
    scores = [
        (weights[kind] * min(4, len(p.findall(text))), -i, kind)
        for i, (kind, p) in enumerate(patterns("routes").items())
    ]
    best = max(scores)
    return best[2] if best[0] else "other"


# "at 341 K on heating and 335 K on cooling": branches of a measurement, unless something is made as well
_BRANCH = re.compile(r"\b(?:on|upon|during|under)\s+(?:the\s+)?(?:(?:heat|cool|warm)ing\s+(?:and|or)\s+)?$")


def _is_branch(text: str, step: Step) -> bool:
    return step.operation in ("heating", "cooling") and bool(_BRANCH.search(text[max(0, step.start - 30) : step.start]))


def read(text: str, mentions: list[Mention] | None = None) -> Recipe | None:
    """The recipe of a plain paragraph, or None where it describes no procedure.

    Args:
        text: plain text.
        mentions: its compounds, where they are known already.
    """
    if not temperatures(text) and not times(text):
        return None  # most texts: a quick look, before the search for verbs
    found = materials.find(text) if mentions is None else mentions
    steps: list[Step] = []
    for begin, end in sentences(text):
        sentence = text[begin:end]
        steps.extend(_conditioned(sentence, begin, _verbs(sentence, begin)))
    telling = [s for s in steps if s.operation in ("mixing", "heating", "shaping", "purification", "cooling")]
    conditions = [s for s in steps if s.temperature_K is not None or s.time_h is not None]
    active = [s for s in telling if s.temperature_K or s.time_h or s.operation != "heating"]
    if all(_is_branch(text, s) for s in active):
        return None
    if len(active) < 2 or not conditions or not any(s.operation == "heating" for s in active + conditions):
        return None
    targets = _targets(text, found)
    target = targets[0] if targets else None
    kept = [s for s in steps if s.operation != "starting" or s.temperature_K is not None or s.time_h is not None]
    return Recipe(
        route(text),
        target,
        tuple(targets),
        tuple(_told_precursors(found, target, text)),
        tuple(kept),
        kept[0].start,
        kept[-1].end,
    )


def _row(recipe: Recipe, source: Plain, row: dict[str, Any]) -> dict[str, Any]:
    target = recipe.target.formula if recipe.target else None
    elements = sorted(_set_of(recipe.target)) if recipe.target else []
    sinter, calcine = recipe.hold(("sinter", "anneal", "fire")), recipe.hold(("calcine",))
    gases = [s.atmosphere for s in recipe.steps if s.atmosphere and s.operation == "heating"]
    start, end = source.span(recipe.start, recipe.end)
    name = f"{row['document_id']}|{row.get('field') or 'text'}|{start}|{end}|{source.source[start:end]}"
    return {
        "recipe_id": hashlib.sha256(name.encode()).hexdigest()[:20],
        "document_id": str(row["document_id"]),
        "doi": (row.get("doi") or "").strip().lower() or None,
        "route": recipe.route,
        "target": target,
        "targets": [m.formula for m in recipe.targets if m.formula],
        "target_key": target,
        "chemsys": "-".join(elements) or None,
        "precursors": [m.formula for m in recipe.precursors],
        "sinter_temperature_K": sinter.temperature_K if sinter else None,
        "calcine_temperature_K": calcine.temperature_K if calcine else None,
        "max_temperature_K": recipe.max_temperature_K,
        "sinter_time_h": sinter.time_h if sinter else None,
        "calcine_time_h": calcine.time_h if calcine else None,
        "max_time_h": recipe.max_time_h,
        "atmosphere": gases[-1] if gases else None,
        "source": row.get("source") or "text",
        "licence": row.get("licence"),
        "field": row.get("field") or "text",
        "start": start,
        "end": end,
    }


def extract_recipes(paragraphs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Reads recipes and their steps from synthesis paragraphs.

    Args:
        paragraphs: `document_id`, `text`, optionally `doi`, `field`, `licence`, `source`. Rows without text
            give nothing.

    Returns:
        Recipes (columns `RECIPES`) and steps (columns `STEPS`); temperatures in K, times in hours, spans in the text as
        given.

    Raises:
        InputError: a column is missing.
    """
    missing = [c for c in ("document_id", "text") if c not in paragraphs.columns]
    if missing:
        raise InputError.of(
            f"missing column {', '.join(missing)}", "the paragraphs", f"they have {', '.join(paragraphs.columns)}"
        )
    rows: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    known: set[str] = set()
    for row in paragraphs.iter_rows(named=True):
        if not isinstance(row["text"], str) or row["document_id"] is None:
            continue
        source = plain(row["text"])
        recipe = read(source.text)
        if recipe is None:
            continue
        made = _row(recipe, source, row)
        if made["recipe_id"] in known:
            continue  # the same paragraph twice
        known.add(made["recipe_id"])
        rows.append(made)
        for number, step in enumerate(recipe.steps, start=1):
            start, end = source.span(step.start, step.end)
            steps.append(
                {
                    "recipe_id": rows[-1]["recipe_id"],
                    "step": number,
                    "operation": step.operation,
                    "verb": step.verb,
                    "temperature_K": step.temperature_K,
                    "time_h": step.time_h,
                    "atmosphere": step.atmosphere,
                    "start": start,
                    "end": end,
                }
            )
    return pl.DataFrame(rows, schema=schema(RECIPES)), pl.DataFrame(steps, schema=schema(RECIPE_STEPS))
