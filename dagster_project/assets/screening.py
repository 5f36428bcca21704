"""The classifier: trained on curated labels, applied to every candidate, sifted, explained, gathered into families."""

import os

import polars as pl

from dagster_project.building import Build, Frames, table_assets


def drawn(explanations: pl.DataFrame) -> dict[str, str]:
    """The figures of an explanation, by name, for whoever looks at the asset."""
    from warehouse.report.explanations import pictures

    return {p.alt: p.svg for p in pictures(explanations)}


@table_assets(
    "pred.screening",
    "pred.candidates",
    "pred.funnel",
    "pred.families",
    "pred.explanations",
    "pred.contrasts",
    "pred.ablations",
    "pred.comparisons",
    group="screening",
    reads={
        "labels": "core.labels",
        "structures": "core.structures",
        "compositions": "feat.composition",
        "features": "feat.structure",
    },
    kinds=("lightgbm", "polars"),
    plots={"pred.screening": "p_mit", "pred.explanations": drawn},
)
def screened(
    build: Build,
    labels: pl.LazyFrame,
    structures: pl.LazyFrame,
    compositions: pl.LazyFrame,
    features: pl.LazyFrame,
) -> Frames:
    """Trains and scores the classifier, sends all compounds through the funnel, explains each part that predicted."""
    from dagster_project.versions import package_version
    from etl import reference
    from etl.structures import pool
    from models.screening import campaign, contrasts, training
    from schemas.tables import REGISTRY

    told = labels.collect()
    offered = pool.offered(structures.collect(), features.collect(), datasets=build.datasets)
    found = campaign.screen(
        pool.labelled(told),
        offered,
        stored=compositions.collect(),
        known=pool.known(told),
        hull=pool.hull(datasets=build.datasets),
        beside=campaign.Beside(reference.published_scores(), reference.expert_answers()),
        earlier=build.store.read_passed("pred.screening"),
        folder=build.model_dir("screening"),
        code=package_version("etl", "models"),
        seed=build.seed,
        workers=max(1, (os.cpu_count() or 1) // 2),  # the rounds of design want the other half
    )
    build.notes.update(found.counts)
    card = found.model.card
    if found.counts["learned"]:
        card = training.save(found.model, build.model_dir("screening"))
    build.register(card, name="screening", trained_on="core.labels")
    return {
        "pred.screening": found.predictions.select(REGISTRY["pred.screening"].column_names),
        "pred.candidates": found.candidates,
        "pred.funnel": found.stages,
        "pred.families": found.families,
        "pred.explanations": found.explanations,
        "pred.contrasts": contrasts.contrasts(found.model),
        "pred.ablations": found.ablations,
        "pred.comparisons": found.comparisons,
    }
