"""One whole screen: train, score, predict, sift, explain and gather, each by the functions of its own module."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from models.screening import ensemble, evaluation, explanation, families, funnel, incremental, training

GROUPS = ("random", "family_tm_anion")
QUICK = ensemble.Effort(members=1, folds=3, inner=1)
"""Of each outer fold: a screen shall not wait for its score, which so errs a little more on the low side."""


@dataclass(frozen=True)
class Screened:
    """What a screen found.

    Attributes:
        model: its card holds the nested scores of every part.
        counts: whether the model was learned, and of how many rows the predictions were taken and computed.
        predictions: rows of pred.screening.
        candidates: rows of pred.candidates.
        stages: rows of pred.funnel.
        families: rows of pred.families.
        explanations: rows of pred.explanations, of every part that predicted a row.
    """

    model: training.ScreeningModel
    counts: dict[str, int]
    predictions: pl.DataFrame
    candidates: pl.DataFrame
    stages: pl.DataFrame
    families: pl.DataFrame
    explanations: pl.DataFrame


def screen(
    labelled: pl.DataFrame,
    offered: pl.DataFrame,
    *,
    stored: pl.DataFrame | None = None,
    known: pl.DataFrame | None = None,
    hull: pl.DataFrame | None = None,
    earlier: pl.DataFrame | None = None,
    folder: Path | None = None,
    code: str = "",
    groups: Sequence[str] = GROUPS,
    folds: int = 5,
    seed: int = 0,
    workers: int = 1,
) -> Screened:
    """Learns from the labelled compounds and screens those offered.

    Args:
        labelled: as `training.train` takes them.
        offered: `formula`, `structure_id` and the structure features, null where no structure is known; `pools` and the
            columns of groupings where known.
        stored: rows of feat.composition; what they lack is computed.
        known, hull: as `funnel.funnel` takes them; known are the labelled compounds unless told.
        earlier: rows of pred.screening: what they hold already is not predicted again.
        folder: model folder of an earlier screen: where it learned the same, its model is used.
        code: version of the code; nothing of another is taken over.
        groups, folds: of the nested scores, see `evaluation.evaluate`.
        workers: processes of the scores, and threads of the predictions.
        seed: seed of everything random.

    Raises:
        InputError: nothing can be learned or scored, see `evaluation.evaluate`.
    """
    settings = {"groups": list(groups), "folds": folds, "seed": seed, "code": code}
    asked = incremental.question(labelled, offered, stored=stored, settings=settings)
    model = incremental.former(folder, asked)
    learned = model is None
    if model is None:
        model = _learned(labelled, offered, stored=stored, groups=groups, folds=folds, seed=seed, workers=workers)
        model = replace(model, card=replace(model.card, settings=model.card.settings | {"question": asked}))
    predicted = incremental.predict(model, offered, earlier=earlier, code=code, stored=stored, workers=workers)
    found = predicted.rows
    sifted = funnel.funnel(found, known=labelled if known is None else known, hull=hull)
    found = found.filter("ok")
    plain = pl.col("features") == "composition"
    found = found.with_columns(structure_id=pl.when(~plain).then("structure_id"))
    speaking = [name for name in model.parts if name in set(found["features"])]
    explained = [explanation.explain(model, features=name) for name in speaking]
    left = sifted.candidates.select("formula", "stage", "known", "motif")
    gathered = families.families(found.join(left, on="formula", how="left", maintain_order="left"))
    mark = pl.lit(model.model_id).alias("model_id")
    return Screened(
        model,
        {"learned": int(learned), "taken": predicted.taken, "computed": predicted.computed},
        found,
        sifted.candidates.with_columns(mark),
        sifted.stages.with_columns(mark),
        gathered.with_columns(mark),
        explanation.tabulate(explained, model.model_id),
    )


def _learned(
    labelled: pl.DataFrame,
    offered: pl.DataFrame,
    *,
    stored: pl.DataFrame | None,
    groups: Sequence[str],
    folds: int,
    seed: int,
    workers: int,
) -> training.ScreeningModel:
    model = training.train(labelled, seed=seed, stored=stored)
    scores = evaluation.evaluate(
        labelled,
        groups=groups,
        folds=folds,
        seed=seed,
        stored=stored,
        served=offered,
        effort=QUICK,
        workers=workers,
    )
    return replace(model, card=replace(model.card, scores=scores))
