"""One whole screen: train, score, compare, predict, sift, explain, gather, each by the functions of its own module."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from models.screening import (
    ablation,
    comparisons,
    ensemble,
    evaluation,
    explanation,
    families,
    funnel,
    incremental,
    inputs,
    quiz,
    training,
)

GROUPS = ("random", "family_tm_anion")
QUICK = ensemble.Effort(members=1, folds=3, inner=1)
"""Of each outer fold: a screen shall not wait for its score, which so errs a little more on the low side."""


@dataclass(frozen=True)
class Screened:
    """What a screen found.

    Attributes:
        model: its card holds the nested scores of every part, and what stands in `ablations` and `comparisons`.
        counts: whether the model was learned, and of how many rows the predictions were taken and computed.
        predictions: rows of pred.screening.
        candidates: rows of pred.candidates.
        stages: rows of pred.funnel.
        families: rows of pred.families.
        explanations: rows of pred.explanations, of every part that predicted a row.
        ablations: rows of pred.ablations.
        comparisons: rows of pred.comparisons.
    """

    model: training.ScreeningModel
    counts: dict[str, int]
    predictions: pl.DataFrame
    candidates: pl.DataFrame
    stages: pl.DataFrame
    families: pl.DataFrame
    explanations: pl.DataFrame
    ablations: pl.DataFrame
    comparisons: pl.DataFrame


@dataclass(frozen=True)
class Beside:
    """What was reported elsewhere, to stand beside the model.

    Attributes:
        scores: as `etl.reference.published_scores` gives them.
        answers: of experts, as `etl.reference.expert_answers` gives them.
    """

    scores: pl.DataFrame
    answers: pl.DataFrame


def screen(
    labelled: pl.DataFrame,
    offered: pl.DataFrame,
    *,
    stored: pl.DataFrame | None = None,
    known: pl.DataFrame | None = None,
    hull: pl.DataFrame | None = None,
    beside: Beside | None = None,
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
        beside: what others reported.
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
    asked = incremental.question(
        labelled, offered, stored=stored, settings=settings, beside=(beside.scores, beside.answers) if beside else ()
    )
    model = incremental.former(folder, asked)
    learned = model is None
    if model is None:
        scores = _scores(
            labelled, offered, beside, stored=stored, groups=groups, folds=folds, seed=seed, workers=workers
        )
        model = _carded(training.train(labelled, seed=seed, stored=stored), scores, asked)
    predicted = incremental.predict(model, offered, earlier=earlier, code=code, stored=stored, workers=workers)
    counts = {"learned": int(learned), "taken": predicted.taken, "computed": predicted.computed}
    return _made(model, counts, predicted.rows, known=labelled if known is None else known, hull=hull)


def _carded(model: training.ScreeningModel, scores: dict[str, Any], asked: str) -> training.ScreeningModel:
    """The model with its scores, and with the question by which a later screen knows it again."""
    return replace(model, card=replace(model.card, scores=scores, settings=model.card.settings | {"question": asked}))


def _made(
    model: training.ScreeningModel,
    counts: dict[str, int],
    predicted: pl.DataFrame,
    *,
    known: pl.DataFrame,
    hull: pl.DataFrame | None,
) -> Screened:
    """All tables of a screen, from the model and its predictions."""
    sifted = funnel.funnel(predicted, known=known, hull=hull)
    found = predicted.filter("ok")
    plain = pl.col("features") == "composition"
    found = found.with_columns(structure_id=pl.when(~plain).then("structure_id"))
    speaking = [name for name in model.parts if name in set(found["features"])]
    explained = [explanation.explain(model, features=name) for name in speaking]
    left = sifted.candidates.select("formula", "stage", "known", "motif")
    gathered = families.ranked(found.join(left, on="formula", how="left", maintain_order="left"))
    mark = pl.lit(model.model_id).alias("model_id")
    tables = {
        name: pl.DataFrame(model.card.scores[name], infer_schema_length=None).with_columns(mark)
        for name in ("ablations", "comparisons")
    }
    return Screened(
        model=model,
        counts=counts,
        predictions=found,
        candidates=sifted.candidates.with_columns(mark),
        stages=sifted.stages.with_columns(mark),
        families=gathered.with_columns(mark),
        explanations=explanation.tabulate(explained, model.model_id),
        **tables,
    )


def _scores(
    labelled: pl.DataFrame,
    offered: pl.DataFrame,
    beside: Beside | None,
    *,
    stored: pl.DataFrame | None,
    groups: Sequence[str],
    folds: int,
    seed: int,
    workers: int,
) -> dict[str, Any]:
    """All scores of the card: nested ones of every part and of the ten features, ablations, and comparisons."""
    parts = inputs.FEATURE_SETS if inputs.has_structure(labelled) else ("composition",)
    scores = evaluation.evaluate(
        labelled,
        groups=groups,
        features=parts,
        folds=folds,
        seed=seed,
        stored=stored,
        served=offered,
        effort=QUICK,
        workers=workers,
    )
    scores["ablations"] = ablation.whole(scores) + ablation.ablation(labelled, groups=groups, folds=folds, seed=seed)
    if beside is not None:
        told = {
            n: quiz.quiz(labelled, beside.answers, features=n, seed=seed, effort=QUICK, stored=stored) for n in parts
        }
        scores["quiz"] = {name: found for name, found in told.items() if found}
    told_elsewhere = {"published": beside.scores, "answers": beside.answers} if beside else {}
    scores["comparisons"] = comparisons.comparisons(scores, **told_elsewhere)
    return scores
