"""Synthesis procedures to recipes: target, precursors, ordered steps with temperature, time and atmosphere.

The words are data (`procedures.yaml`). Labels of single words and units are `tag`; models of recipes are in `models`.
"""

import hashlib
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from etl.text import formula as formulas
from etl.text import materials
from etl.text.composition import ELECTRONEGATIVITY
from etl.text.materials import Mention
from etl.text.plain import Plain, plain, sentences
from schemas.errors import InputError


@lru_cache(maxsize=1)
def procedures() -> dict[str, Any]:
    """The contents of `procedures.yaml`."""
    path = Path(__file__).with_name("procedures.yaml")
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def words(entries: list[str]) -> str:
    """A pattern of alternatives; a final * ends a stem, spaces match hyphens and line breaks."""
    stems = sorted(entries, key=len, reverse=True)
    bodies = [
        re.escape(s.removesuffix("*")).replace(r"\ ", r"[\s-]+") + (r"\w*" if s.endswith("*") else "") for s in stems
    ]
    return rf"(?<![\w-])(?:{'|'.join(bodies)})(?!\w)"


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


@lru_cache(maxsize=1)
def _operations() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((kind, re.compile(words(v), re.IGNORECASE)) for kind, v in procedures()["operations"].items())


@lru_cache(maxsize=1)
def _routes() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((kind, re.compile(words(v), re.IGNORECASE)) for kind, v in procedures()["routes"].items())


def _heating_name(verb: str) -> str:
    lower = verb.lower()
    known: dict[str, str] = procedures()["heating_verbs"]
    return next((name for stem, name in sorted(known.items(), key=lambda k: -len(k[0])) if lower.startswith(stem)), "")


_HOT = re.compile(
    r"(?<![\w.])(?P<value>\d+(?:\.\d+)?)(?:\s?(?:±)\s?\d+)?\s?(?P<unit>°\s?C|deg\.?\s?C|o\s?C|C|K)(?![A-Za-z0-9]|"
    r"\s?(?:/|per\b|(?:min|h|s)\s?(?:\^?-\s?1|\^))|[-^]\d)"
)
_HOT_LIST = re.compile(
    r"(?P<first>\d{2,4})\s?(?:°\s?C|deg\.?\s?C|K|C)?\s?(?P<join>and|or|,|-|"
    r"to)\s?(?P<second>\d{2,4})\s?(?P<unit>°\s?C|deg\.?\s?C|C|K)(?![\w/])"
)
_LONG = re.compile(
    r"(?<![\w.])(?P<value>\d+(?:\.\d+)?|half an|one|two|three|four|five|six|several)\s?-?(?P<unit>hours?|hrs?|h|"
    r"minutes?|mins?|min|days?|d|weeks?|s|sec|seconds?)(?![A-Za-z0-9]|\s?\^?-\s?1|\s?\^)"
)
_LONG_LIST = re.compile(
    r"(?<![\w.])(?P<first>\d+(?:\.\d+)?)\s?(?:h|hours?)?\s?(?:and|,|or)\s?(?P<second>\d+(?:\.\d+)?)\s?(?P<unit>h|hours?|"
    r"min|days?)(?![\w])"
)
_RATE = re.compile(r"(?:rate|ramp\w*|step) of\s*$|\bat\s+a\s+(?:heating|cooling)\s+rate\s+of\s*$", re.IGNORECASE)
_HOURS = {"h": 1.0, "d": 24.0, "m": 1 / 60, "s": 1 / 3600, "w": 168.0}
_NUMBERS = {"half an": 0.5, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0}


def _kelvin(value: float, unit: str) -> float:
    return value if unit == "K" else round(value + 273.15, 2)


def _temperatures(text: str) -> list[tuple[int, float]]:
    found = [
        (m.start(), _kelvin(float(m.group("value")), m.group("unit")))
        for m in _HOT.finditer(text)
        if not _RATE.search(text[: m.start()]) and not re.match(r"\s?(?:/|per\b)", text[m.end() :])
    ]
    for match in _HOT_LIST.finditer(text):
        unit = match.group("unit")
        first = _kelvin(float(match.group("first")), unit)
        if match.group("join") in ("and", "or", ",") and not any(p == match.start() for p, _ in found):
            found.append((match.start(), first))
    room = [(m.start(), 298.15) for m in re.finditer(r"room temperature|ambient temperature", text)]
    return sorted([(p, t) for p, t in found if 0 < t < 4500] + room)


def _times(text: str) -> list[tuple[int, float]]:
    found = []
    for match in _LONG.finditer(text):
        raw = match.group("value")
        value = _NUMBERS.get(raw)
        if raw == "several" or (raw[0].isdigit() and _RATE.search(text[: match.start()])):
            continue
        hours = (value if value is not None else float(raw)) * _HOURS[match.group("unit")[0]]
        found.append((match.start(), round(hours, 4)))
    for match in _LONG_LIST.finditer(text):
        if not any(p == match.start("first") for p, _ in found):
            found.append((match.start("first"), round(float(match.group("first")) * _HOURS[match.group("unit")[0]], 4)))
    found.extend((m.start(), 12.0) for m in re.finditer(r"\bovernight\b", text))
    return sorted(found)


@lru_cache(maxsize=1)
def _atmosphere_pattern() -> re.Pattern[str]:
    names = "|".join(re.escape(k) for k in sorted(procedures()["atmospheres"], key=len, reverse=True))
    lead = (
        r"(?:\b(?:in|under|with)\s+(?:an?\s+|the\s+)?"
        r"(?:(?:flowing|static|pure|dry|high|dynamic|ambient|reducing|inert|gentle|flow of|constant flow of|"
        r"stream of)\s+)*)"
    )
    return re.compile(
        rf"{lead}(?P<gas>{names})(?![\w-])(?!\s+(?:bath|solution|atmosphere furnace))|"
        rf"(?P<gas2>{names})\s+(?:atmosphere|flow|gas flow)"
    )


def _atmospheres(text: str) -> list[tuple[int, str]]:
    table: dict[str, str] = procedures()["atmospheres"]
    return [(m.start(), table[m.group("gas") or m.group("gas2")]) for m in _atmosphere_pattern().finditer(text)]


def _verbs(sentence: str, offset: int) -> list[Step]:
    found = [
        Step(kind, m.group(), None, None, None, offset + m.start(), offset + m.end())
        for kind, pattern in _operations()
        for m in pattern.finditer(sentence)
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
    hot, long, gas = _temperatures(sentence), _times(sentence), _atmospheres(sentence)
    paired = "respectively" in sentence and len(heated) > 1
    for conditions, name in ((hot, "temperature_K"), (long, "time_h"), (gas, "atmosphere")):
        if paired and len(conditions) == len(heated):
            for index, (_, value) in zip(heated, conditions, strict=True):
                steps[index] = replace(steps[index], **{name: value})  # type: ignore[arg-type]
            continue
        for position, value in conditions:
            owner = _owner(steps, offset + position)
            if owner is None:
                continue
            old = getattr(steps[owner], name)
            if old is None or (name == "temperature_K" and isinstance(value, float) and value > old):
                steps[owner] = replace(steps[owner], **{name: value})  # type: ignore[arg-type]
    return steps


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


def _targets(text: str, mentions: list[Mention]) -> list[Mention]:
    solvents = set(procedures()["solvents"])
    candidates = [m for m in mentions if m.kind != "element" and m.formula not in solvents and len(_set_of(m)) >= 2]
    scored: list[tuple[float, int, Mention]] = []
    for index, mention in enumerate(candidates):
        before = text[max(0, mention.start - 70) : mention.start]
        after = text[mention.end : mention.end + 90].split(". ")[0]
        score = 3.0 * bool(_TARGET_AFTER.match(after)) + 2.0 * bool(_TARGET_BEFORE.search(before))
        score += 0.7 * (len(_set_of(mention)) - 2)
        score -= 3.0 * bool(re.match(r"\s*\(?\s*(?:\w[\w ,.-]*,\s*)?\d\d(?:\.\d+)?\s?%", after))
        score -= 2.5 * bool(re.search(r"H2O$|\b(?:nitrate|carbonate|acetate|chloride|hydroxide)", mention.text))
        score -= 2.0 * bool({"C", "H"} <= _set_of(mention) or "NO3" in mention.text or "CO3" in mention.text)
        scored.append((score, -index, mention))
    good = sorted((s for s in scored if s[0] >= 1.0), key=lambda s: (-s[0], -s[1]))
    if not good:
        return []
    return [m for score, _, m in good if score >= good[0][0] - 0.01]


def _precursors(mentions: list[Mention], target: Mention | None, text: str) -> list[Mention]:
    solvents = set(procedures()["solvents"])
    shared = _set_of(target) - {"O", "H", "C", "N"} if target else frozenset()
    found: dict[str, Mention] = {}
    for mention in mentions:
        own = _set_of(mention)
        if mention.formula is None or mention.formula in solvents or (target and mention.formula == target.formula):
            continue
        near = text[max(0, mention.start - 120) : mention.end + 40]
        extra = own - _set_of(target) - {"O", "H", "C", "N", "Cl", "S", "F", "P"} if target else frozenset()
        wanted = bool(own & shared) and not extra if target else bool(_PRECURSOR_NEAR.search(near)) and len(own) >= 2
        if wanted and (mention.kind != "element" or _PRECURSOR_NEAR.search(near)):
            found.setdefault(mention.formula, mention)
    return list(found.values())


def route(text: str) -> str:
    """solid_state, sol_gel, hydrothermal, precipitation, film, melt or other, by cues."""
    weights = {"hydrothermal": 3.0, "sol_gel": 2.5, "precipitation": 1.2, "film": 1.5, "melt": 3.0, "solid_state": 1.0}
    scores = [(weights[kind] * min(4, len(p.findall(text))), -i, kind) for i, (kind, p) in enumerate(_routes())]
    best = max(scores)
    return best[2] if best[0] else "other"


def read(text: str, mentions: list[Mention] | None = None) -> Recipe | None:
    """The recipe of a plain paragraph, or None where it describes no procedure.

    Args:
        text: plain text.
        mentions: its compounds, where they are known already.
    """
    found = materials.find(text) if mentions is None else mentions
    steps: list[Step] = []
    for begin, end in sentences(text):
        sentence = text[begin:end]
        steps.extend(_conditioned(sentence, begin, _verbs(sentence, begin)))
    telling = [s for s in steps if s.operation in ("mixing", "heating", "shaping", "purification", "cooling")]
    conditions = [s for s in steps if s.temperature_K is not None or s.time_h is not None]
    active = [s for s in telling if s.temperature_K or s.time_h or s.operation != "heating"]
    if len(active) < 2 or not conditions or not any(s.operation == "heating" for s in active + conditions):
        return None
    targets = _targets(text, found)
    target = targets[0] if targets else None
    kept = [s for s in steps if s.operation != "starting" or s.temperature_K is not None or s.time_h is not None]
    return Recipe(
        route(text),
        target,
        tuple(targets),
        tuple(_precursors(found, target, text)),
        tuple(kept),
        kept[0].start,
        kept[-1].end,
    )


RECIPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "recipe_id": pl.String,
    "document_id": pl.String,
    "doi": pl.String,
    "route": pl.String,
    "target": pl.String,
    "targets": pl.List(pl.String),
    "target_key": pl.String,
    "chemsys": pl.String,
    "precursors": pl.List(pl.String),
    "sinter_temperature_K": pl.Float64,
    "calcine_temperature_K": pl.Float64,
    "max_temperature_K": pl.Float64,
    "sinter_time_h": pl.Float64,
    "calcine_time_h": pl.Float64,
    "max_time_h": pl.Float64,
    "atmosphere": pl.String,
    "source": pl.String,
    "licence": pl.String,
    "field": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
}
STEPS: dict[str, pl.DataType | type[pl.DataType]] = {
    "recipe_id": pl.String,
    "step": pl.Int64,
    "operation": pl.String,
    "verb": pl.String,
    "temperature_K": pl.Float64,
    "time_h": pl.Float64,
    "atmosphere": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
}


def _row(recipe: Recipe, source: Plain, row: dict[str, Any]) -> dict[str, Any]:
    target = recipe.target.formula if recipe.target else None
    elements = sorted(_set_of(recipe.target)) if recipe.target else []
    sinter, calcine = recipe.hold(("sinter", "anneal", "fire")), recipe.hold(("calcine",))
    gases = [s.atmosphere for s in recipe.steps if s.atmosphere and s.operation == "heating"]
    start, end = source.span(recipe.start, recipe.end)
    name = f"{row['document_id']}|{row.get('field') or 'text'}|{start}|{end}"
    return {
        "recipe_id": hashlib.sha256(name.encode()).hexdigest()[:20],
        "document_id": str(row["document_id"]),
        "doi": row.get("doi"),
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
    for row in paragraphs.iter_rows(named=True):
        if not isinstance(row["text"], str) or row["document_id"] is None:
            continue
        source = plain(row["text"])
        recipe = read(source.text)
        if recipe is None:
            continue
        rows.append(_row(recipe, source, row))
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
    return pl.DataFrame(rows, schema=RECIPES, orient="row"), pl.DataFrame(steps, schema=STEPS, orient="row")
