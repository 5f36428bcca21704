"""One readable page for one target: route, precursors, reaction, conditions, precedents, caveats."""

import dataclasses
from typing import Any

import numpy as np
import polars as pl

from models.recipes import (
    CONDITIONS,
    HEATS,
    ROUTES,
    atmosphere,
    balance,
    candidates,
    charges,
    density,
    precedents,
    precursors,
)
from models.recipes.compositions import key, parse, precursor_key
from models.recipes.table import normalise
from models.recipes.training import RecipeModel, predict, sample
from schemas.errors import InputError

NEAR = 25.0  # K that no recipe tells apart
WET = 0.3  # probability from which a route is spoken of
LABELS = {
    "sinter_temperature_K": "sintering temperature (K)",
    "calcine_temperature_K": "calcination temperature (K)",
    "max_temperature_K": "highest temperature (K)",
    "sinter_time_h": "sintering time (h)",
    "calcine_time_h": "calcination time (h)",
}


def recommend(
    model: RecipeModel,
    target: str,
    *,
    given: list[str] | None = None,
    top: int = 5,
    samples: int = 400,
    hull: float | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Everything known about making a target.

    Args:
        model: trained recipe models.
        target: formula with numbers ("NaN" is one).
        given: precursors that shall be used, if any.
        top, samples, seed: sets and precedents to list; joint samples behind the quantiles, and their seed.
        hull: energy above the convex hull in eV per atom, where known.

    Raises:
        InputError: the target or a given precursor does not parse.
    """
    check_target(target, given)
    asked = _table(target, given)
    routes = _routes(model, asked)
    proposals = precursors.propose(model.library, target, routes=routes, top=top)
    used = given or (list(proposals[0].precursors) if proposals else None)
    # Conditions follow from the precursors that are used; the route is judged without them unless they were given.
    chosen = predict(model, _table(target, used)).row(0, named=True)
    reaction = balance.balance(target, used) if used else balance.Reaction(False, reason="no precursors known")
    return {
        "target": target,
        "model_id": model.model_id,
        "route": routes,
        "route_reasons": _reasons(model, asked),
        "given_precursors": given,
        "precursors": [_set(p, parse(target) or {}) for p in proposals],
        "reaction": _closed(used, reaction),
        "conditions": _conditions(chosen),
        **_drawn(sample(model, asked, count=samples, seed=seed)),
        "atmosphere": dataclasses.asdict(atmosphere.asked(target)),
        **_known(model, target, route=max(routes, key=lambda r: routes[r]), top=top, hull=hull),
        "in_domain": chosen["in_domain"],
        "caveats": [
            *_reagents(model, target, used, reaction, given),
            *_trust(chosen, routes),
            *_furnace(target, reaction, chosen),
            *_closed_tube(model, target),
        ],
    }


def _routes(model: RecipeModel, asked: pl.DataFrame) -> dict[str, float]:
    judged = model.route.probabilities(normalise(asked).frame)[0]
    return {r: round(float(p), 6) for r, p in zip(ROUTES, judged, strict=True)}


def _table(target: str, names: list[str] | None) -> pl.DataFrame:
    """One row to predict."""
    return pl.DataFrame(
        {"target": [target], "precursors": [names]}, schema={"target": pl.String, "precursors": pl.List(pl.String)}
    )


def _closed(used: list[str] | None, reaction: balance.Reaction) -> dict[str, Any]:
    return {"precursors": used, "balanced": reaction.balanced, "text": reaction.text, "reason": reaction.reason}


def _conditions(chosen: dict[str, Any]) -> dict[str, dict[str, float]]:
    return {c: {"point": chosen[c], "low": chosen[f"{c}_low"], "high": chosen[f"{c}_high"]} for c in CONDITIONS}


def check_target(target: str, given: list[str] | None = None) -> None:
    """Checks that a target, and the precursors it shall be made from, are formulas.

    Raises:
        InputError: one does not parse.
    """
    if parse(target) is None:
        raise InputError.of(f"target {target!r}", "recommend", "give a formula with numbers, such as LiMn1.8Ni0.2O4")
    if odd := precursors.unreadable(given):
        raise InputError.of(odd, "recommend", 'give formulas joined by ";", such as "La2O3;NiO"')


def _set(p: precursors.Proposal, aim: dict[str, Any]) -> dict[str, Any]:
    brought = set().union(*((parse(n) or {}) for n in p.precursors))
    return {
        "precursors": list(p.precursors),
        "score": p.score,
        "route": p.route,
        "covers_elements": precursors.needed(aim) <= brought,
        "balanced": p.reaction.balanced,
        "reaction": p.reaction.text or p.reaction.reason,
        "charge_balanced": {n: charges.charge_balanced(n) for n in p.precursors},
    }


def _reasons(model: RecipeModel, asked: pl.DataFrame) -> list[dict[str, Any]]:
    """What speaks for the most probable route and against it: SHAP values in log-odds against the other routes."""
    told = model.route.reasons(normalise(asked).frame)[0]
    return [{"feature": name, "value": value, "log_odds": push} for name, value, push in told]


def _drawn(pairs: pl.DataFrame) -> dict[str, Any]:
    """Samples of sintering, and their quantiles where sintering is known."""
    samples, heat = pairs.select(density.PAIR), density.PAIR[0]
    if not samples.height or samples[heat].is_nan().all():
        return {"joint": {}, "samples": samples.rows()}
    levels = (0.1, 0.25, 0.5, 0.75, 0.9)
    joint = {n: {f"q{q * 100:.0f}": round(float(np.quantile(samples[n], q)), 2) for q in levels} for n in density.PAIR}
    return {"joint": joint, "samples": samples.rows()}


def _known(model: RecipeModel, target: str, *, route: str, top: int, hull: float | None) -> dict[str, Any]:
    """What was made near the target."""
    away = precedents.distances(model.points, target)
    return {
        "precedents": precedents.nearest(model.precedents, away, target, route=route, top=top),
        "synthesizability": precedents.outlook(model.precedents, away, limit=model.limit, hull=hull),
    }


def _unknown(model: RecipeModel, given: list[str] | None) -> list[str]:
    """Given precursors that no training recipe uses, with the sources that recipes do use."""
    out = []
    for name in given or []:
        if precursor_key(name) in model.library.observed.spelling:
            continue
        seen = candidates.usual(model.library.observed, sorted(precursors.needed(parse(name) or {})))
        out.append(
            f"{name} occurs in no training recipe; recipes use {', '.join(seen) or 'no source of its elements'}."
        )
    return out


def _reagents(
    model: RecipeModel, target: str, used: list[str] | None, reaction: balance.Reaction, given: list[str] | None
) -> list[str]:
    """What is odd about formulas and reaction."""
    out = _unknown(model, given)
    suspects = [target] if charges.charge_balanced(target) is False else []
    for name in suspects + [n for n in used or [] if not charges.plausible_reagent(n)]:
        out.append(
            f"{name}: no mix of common oxidation states is neutral, or a group in it is unknown; check the formula."
        )
    if used and not reaction.balanced:
        out.append(f"The reaction does not close: {reaction.reason}.")
    if key(parse(target) or {}) in {key(parse(n) or {}) for n in used or []}:
        out.append("A precursor is the target itself: nothing is made.")
    released = [g for g, n in reaction.coefficients if g == "O2" and n < 0]
    if released and given:
        out.append(
            "The reaction closes only by giving off O2: "
            "the oxidation states of the precursors are higher than the target's."
        )
    return out


def _trust(chosen: dict[str, Any], routes: dict[str, float]) -> list[str]:
    """How far to trust the model, and what is not told of routes through solution."""
    out = [] if chosen["in_domain"] else [f"Outside the domain of the training recipes: {chosen['domain_reason']}."]
    out.append(
        "Learned from reported successes; the same recipe in two papers differs by about 100 K. "
        "Check hazards before heating anything."
    )
    if routes["hydrothermal"] > WET:
        out.append("Hydrothermal hold temperatures are not in the data: none are given.")
    if max(routes["hydrothermal"], routes["precipitation"]) > WET:
        out.append("From solution the reaction tells amounts only: nitrate, halide and alkali ions stay dissolved.")
    return out


def _furnace(target: str, reaction: balance.Reaction, chosen: dict[str, Any]) -> list[str]:
    """What to mind about gas and heat."""
    heat = max(chosen[c] for c in HEATS)
    out = atmosphere.told(target, dict(reaction.coefficients), hottest=heat)
    if (
        atmosphere.asked(target).kind == "sealed"
        and (whole := balance.balance(target, sorted(parse(target) or {}))).text
    ):
        out.append(f"From the elements: {whole.text}.")
    if heat > chosen["max_temperature_K"] + NEAR:
        out.append(
            "A step is predicted hotter than the highest temperature: steps are learned from the recipes that name"
            " them, the highest temperature from all; heat as for the step where it is needed."
        )
    return out


def _closed_tube(model: RecipeModel, target: str) -> list[str]:
    """How a state between those of two oxides is met without metering a gas, where air would go past it."""
    found = precursors.mixture(model.library, target) if atmosphere.asked(target).kind == "inert" else None
    return [f"Dry, in a closed tube, without a gas to meter: {found.text}."] if found else []


def page(found: dict[str, Any]) -> str:
    """A recommendation as Markdown."""
    lines = [f"# Making {found['target']}", "", "## Route", ""]
    lines += [f"- {r}: {p:.0%}" for r, p in sorted(found["route"].items(), key=lambda i: -i[1])]
    if found["route_reasons"]:
        lines += ["", "What speaks for the first (+) or against it (-), in log-odds:", ""]
        lines += [f"- {r['log_odds']:+.2f} {r['feature']} = {r['value']:g}" for r in found["route_reasons"]]
    lines += ["", "## Precursors", ""]
    lines += [
        f"{k}. {' + '.join(p['precursors'])} ({p['route']}, score {p['score']:.2f}): {p['reaction']}"
        for k, p in enumerate(found["precursors"], 1)
    ] or ["none known"]
    reaction = found["reaction"]
    lines += [
        "",
        "## Reaction",
        "",
        reaction["text"] or f"does not close: {reaction['reason']}",
        "",
        "## Conditions (80 % interval)",
        "",
    ]
    lines += [
        f"- {LABELS[c]}: {v['point']:.4g} ({v['low']:.4g} to {v['high']:.4g})" for c, v in found["conditions"].items()
    ]
    if found["joint"]:
        lines += ["", "Joint distribution of sintering, quantiles 10 / 50 / 90 %:", ""]
        lines += [f"- {LABELS[c]}: {q['q10']:g} / {q['q50']:g} / {q['q90']:g}" for c, q in found["joint"].items()]
    lines += ["", "## Precedents", ""]
    lines += [_precedent(p) for p in found["precedents"]]
    lines += ["", "## Synthesizability", "", found["synthesizability"]["verdict"]]
    lines += ["", "## Caveats", "", *(f"- {c}" for c in found["caveats"]), "", f"Model {found['model_id']}", ""]
    return "\n".join(lines)


def _precedent(p: dict[str, Any]) -> str:
    made = ", ".join(f"{LABELS[c]} {v:.4g}" for c, v in p["conditions"].items()) or "conditions not stated"
    source = f"https://doi.org/{p['doi']}" if p["doi"] else "no DOI"
    gap = f"the target has {p['differs']}" if p["differs"] else "the same composition"
    return f"- {p['target']} ({p['route']}) from {' + '.join(p['precursors'] or ['?'])}: {made}; {gap}; {source}"
