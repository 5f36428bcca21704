"""How the best candidates might be made."""

import polars as pl

from dagster_project.building import Build, Frames, table_assets

_TOP = 50


@table_assets(
    "pred.recipes",
    group="recipes",
    reads={"recipes": "core.recipes", "screened": "pred.screening"},
    kinds=("lightgbm", "polars"),
    plots={"pred.recipes": "sinter_temperature_K"},
)
def recipe_predictions(build: Build, recipes: pl.LazyFrame, screened: pl.LazyFrame) -> Frames:
    """Trains route and condition models; predicts recipes of the most promising candidates in the domain."""
    from models.recipes import proposals, training
    from schemas.tables import REGISTRY

    known = recipes.filter(pl.col("route").is_in(["solid_state", "sol_gel", "hydrothermal", "precipitation"])).collect()
    model = training.train(known.with_columns(pl.col("route").str.replace("_", "-")), seed=build.seed)
    build.register(training.save(model, build.model_dir("recipes")), name="recipes", trained_on="core.recipes")
    ranked = screened.filter("in_domain").sort("p_mit", "formula", descending=[True, False])
    targets = ranked.head(_TOP).select(target="formula").collect()
    best = proposals.propose(model, targets, top=1).select("target", "precursors", "reaction")
    found = training.predict(model, targets).filter("ok").join(best, on="target", how="left", maintain_order="left")
    return {"pred.recipes": found.select(REGISTRY["pred.recipes"].column_names)}
