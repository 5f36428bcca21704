"""Plans of many targets as tables: ranked precursor sets, precedents, outlook. One target on a page is `recommend`."""

import json
from typing import Any

import polars as pl

from models.recipes.compositions import parse
from models.recipes.recommend import recommend
from models.recipes.training import RecipeModel

SAMPLES = 150


def plans(model: RecipeModel, targets: pl.DataFrame, *, top: int = 5, seed: int = 0) -> dict[str, list[dict[str, Any]]]:
    """Records of `pred.recipe_sets`, `pred.recipe_precedents` and `pred.outlooks`.

    Args:
        model: trained recipe models.
        targets: `target` and `energy_above_hull_eV_atom`; what does not parse is left out.
        top: sets and precedents of each.
        seed: of the samples.
    """
    out: dict[str, list[dict[str, Any]]] = {
        "pred.recipe_sets": [],
        "pred.recipe_precedents": [],
        "pred.outlooks": [],
    }
    for target, hull in targets.select("target", "energy_above_hull_eV_atom").iter_rows():
        if parse(target) is None:
            continue
        found = recommend(model, target, top=top, samples=SAMPLES, hull=hull, seed=seed)
        base = {"target": target, "model_id": model.model_id}
        for rank, made in enumerate(found["precursors"], 1):
            kept = {k: made[k] for k in ("precursors", "score", "balanced", "reaction")}
            out["pred.recipe_sets"].append({**base, "rank": rank, **kept})
        for rank, near in enumerate(found["precedents"], 1):
            kept = {k: near[k] for k in ("doi", "route", "precursors", "distance", "differs")}
            told = {"precedent": near["target"], "conditions": json.dumps(near["conditions"])}
            out["pred.recipe_precedents"].append({**base, "rank": rank, **kept, **told})
        hint = {k: v for k, v in found["synthesizability"].items() if not k.startswith("recipes_")}
        samples = json.dumps([[round(t, 1), round(h, 2)] for t, h in found["samples"]] if found["joint"] else [])
        out["pred.outlooks"].append({**base, **hint, "caveats": found["caveats"], "samples": samples})
    return out
