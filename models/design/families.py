"""A design problem from a screening family: its members are the levels of one variable, told apart by descriptors.

A family of the screen holds compounds of many structures, so that no formula with a few variables makes them all.
"""

import re

import polars as pl

from etl.features.composition import composition
from models.design.goals import objectives
from schemas.errors import InputError
from schemas.problem import DesignProblem
from schemas.units import UNITS

DESCRIPTORS = {
    "electronegativity": "MagpieData mean Electronegativity",
    "electronegativity_spread": "MagpieData avg_dev Electronegativity",
    "covalent_radius": "MagpieData mean CovalentRadius",
    "valence_d": "MagpieData mean NdValence",
    "valence_f": "MagpieData mean NfValence",
    "row": "MagpieData mean Row",
}
"""Descriptor -> column of Magpie."""
LEAST = 4


def problem_of(
    family: str, members: pl.DataFrame, *, engine: str, recipe: str, wanted: str, total: int, batch: int
) -> DesignProblem:
    """The problem of a family.

    Args:
        family: its name.
        members: `formula` of each and `p_mit`, which may be unknown; best first.
        engine, recipe: what calculates them.
        wanted: objectives as in ``max:gap_eV,min:stability_eV_atom``.
        total: evaluations in all; a third of them is the initial design.
        batch: evaluations at once.

    Raises:
        InputError: fewer than `LEAST` members, or objectives in another form.
    """
    if members.height < LEAST:
        raise InputError.of(
            f"{members.height} compounds with a structure", f"family {family}", f"choose one of {LEAST} or more"
        )
    features = composition(members.select("formula"))
    told: dict[str, dict[str, float]] = {}
    for formula, p_mit, row in zip(members["formula"], members["p_mit"], features.to_dicts(), strict=True):
        known = {name: row[column] for name, column in DESCRIPTORS.items()} | {"p_mit": p_mit}
        told[formula] = {name: round(float(v), 6) for name, v in known.items() if v is not None}
    total = min(total, members.height)
    body = {
        "name": re.sub(r"[^a-z0-9]+", "_", f"family {family}".lower()).strip("_"),
        "title": f"Compounds of the family {family}",
        "formula": "{compound}",
        "variables": [
            {"kind": "categorical", "name": "compound", "levels": list(told), "descriptors": told},
        ],
        "objectives": [_objective(o.name, o.direction) for o in objectives(wanted)],
        "evaluator": {"kind": engine, "options": {"recipe": recipe}},
        "budget": {"initial": max(2, total // 3), "total": total, "batch": batch},
    }
    return DesignProblem.model_validate(body)


def _objective(name: str, direction: str) -> dict[str, str]:
    """An objective with the unit that its name ends in, where it does."""
    unit = max((u for u in UNITS if name.endswith(f"_{u}")), key=len, default="1")
    return {"name": name, "direction": direction, "unit": unit}
