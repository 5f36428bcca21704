"""The classifier: trained on curated labels, applied to every candidate, explained, gathered into families."""

import polars as pl

from dagster_project.building import Build, Frames, table_assets

_GROUPS = ("random", "family_tm_anion")


@table_assets(
    "pred.screening",
    "pred.families",
    "pred.explanations",
    group="screening",
    reads={"labels": "core.labels", "structures": "core.structures"},
    kinds=("lightgbm", "polars"),
    plots={"pred.screening": "p_mit"},
)
def screened(build: Build, labels: pl.LazyFrame, structures: pl.LazyFrame) -> Frames:
    """Trains and measures the classifier, ranks all candidates, explains it."""
    from dataclasses import replace

    from etl.structures import pool
    from models.screening import evaluation, explanation, families, training

    curated = pool.labelled(labels.filter("curated").collect())
    model = training.train(curated, seed=build.seed)
    scores = evaluation.evaluate(curated, groups=_GROUPS, seed=build.seed)
    card = training.save(replace(model, card=replace(model.card, scores=scores)), build.model_dir("screening"))
    build.register(card, name="screening", trained_on="core.labels")
    found = training.predict(model, pool.formulas(structures.collect(), datasets=build.datasets)).filter("ok")
    ranked = families.families(found, seed=build.seed).with_columns(model_id=pl.lit(model.model_id))
    explained = explanation.tabulate(explanation.explain(model), model.model_id)
    return {
        "pred.screening": found.drop("ok", "reason"),
        "pred.families": ranked,
        "pred.explanations": explained,
    }
