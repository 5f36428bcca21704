"""How the best candidates might be made."""

import polars as pl

from dagster_project.building import Build, Frames, table_assets

_TOP = 50
_SIFTED = 30


@table_assets(
    "pred.recipes",
    "pred.recipe_sets",
    "pred.recipe_precedents",
    "pred.outlooks",
    group="recipes",
    reads={"recipes": "core.recipes", "screened": "pred.screening", "candidates": "pred.candidates"},
    follows=("design.fronts",),
    kinds=("lightgbm", "polars"),
    plots={"pred.recipes": "sinter_temperature_K"},
)
def recipe_predictions(build: Build, recipes: pl.LazyFrame, screened: pl.LazyFrame, candidates: pl.LazyFrame) -> Frames:
    """Trains the recipe models; plans the best candidates of screen and funnel and every Pareto candidate."""
    from models.recipes import plans, proposals, training
    from schemas.emit.polars import schema
    from schemas.tables import REGISTRY

    known = recipes.filter(pl.col("route").is_in(["solid_state", "sol_gel", "hydrothermal", "precipitation"])).collect()
    model = training.train(known.with_columns(pl.col("route").str.replace("_", "-")), seed=build.seed)
    build.register(training.save(model, build.model_dir("recipes")), name="recipes", trained_on="core.recipes")
    sifted = candidates.collect()
    targets = _targets(screened, sifted, build.earlier("design.fronts"))
    best = proposals.propose(model, targets, top=1).select("target", "precursors", "reaction")
    found = training.predict(model, targets).filter("ok").join(best, on="target", how="left", maintain_order="left")
    planned = plans.plans(model, targets, seed=build.seed)
    return {
        "pred.recipes": found.select(REGISTRY["pred.recipes"].column_names),
        **{name: pl.DataFrame(rows, schema=schema(REGISTRY[name])) for name, rows in planned.items()},
    }


def _targets(screened: pl.LazyFrame, sifted: pl.DataFrame, fronts: pl.DataFrame) -> pl.DataFrame:
    """Distinct formulas with their hull distances: the screen's best in the domain, the funnel's, every front's."""
    ranked = screened.filter("in_domain").sort("p_mit", "formula", descending=[True, False])
    kept = sifted.filter(pl.col("stage") == "candidate").sort("rank", "formula").head(_SIFTED)
    named = [ranked.head(_TOP).select(target="formula").collect(), kept.select(target="formula")]
    named.append(fronts.sort("formula").select(target="formula").drop_nulls())
    hull = sifted.group_by(target="formula").agg(pl.col("energy_above_hull_eV_atom").min())
    distinct = pl.concat(named).unique(maintain_order=True)
    return distinct.join(hull, on="target", how="left", maintain_order="left")
