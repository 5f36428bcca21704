"""The model beside published ones, experts and baselines: one table, in which only rows of one protocol compare."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from models.screening import quiz

NAMES = ("roc_auc", "ap", "f1_mit", "f1_weighted", "f1_weighted_3class")
PROTOCOLS = {
    "published_cv": "as published: five random folds of 343 compounds, median over folds, then over 10 seeds",
    "published_holdout": "as published: 35 compounds held out at random, median over 10 seeds",
    "quiz": "the 18 compounds of a survey; a model learns neither from them nor from their families",
}
READ = {"composition": "composition", "structure": "10 features", "both": "composition and 10 features"}
"""What the parts of the model read; the ten are those of Georgescu et al."""
NOTHING = "none"
_BASELINES = {
    "prior": "constant",
    "logistic": "logistic regression",
    "neighbours": "five nearest compounds",
    "two_classes": "this model, told MIT from the rest only",
}
_SURE = "95 % over groups"


def comparisons(
    scores: dict[str, Any], published: pl.DataFrame | None = None, answers: pl.DataFrame | None = None
) -> list[dict[str, Any]]:
    """Rows of pred.comparisons but `model_id`.

    Args:
        scores: of the card of a screen.
        published: as `etl.reference.published_scores` gives them.
        answers: of the experts, as `etl.reference.expert_answers` gives them.
    """
    found = [*_parts(scores), *_quiz(scores)]
    if answers is not None:
        source = answers.select("doi", "licence").row(0, named=True)
        told = {name: {"value": value} for name, value in quiz.of_experts(answers).items()}
        found += _rows(told, "quiz", "experts", "answer of most of 53 experts", NOTHING, n=answers.height, **source)
    rows = [_whole(row) for row in found]
    if published is not None:
        rows += [_published(row) for row in published.iter_rows(named=True)]
    return sorted(
        rows, key=lambda row: (row["protocol"], NAMES.index(row["statistic"]), -(row["value"] or 0), row["name"])
    )


def _parts(scores: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for part, groupings in scores["parts"].items():
        for grouping, found in groupings.items():
            n, read = found["n"], READ[part]
            told = {"n": n, "held_out": f"{scores['protocol']}; groups: {grouping}"}
            yield from _rows(found, grouping, "here", "this model", read, interval=_SURE, **told)
            for name, words in _BASELINES.items():
                plain = {k: {"value": v} for k, v in found["baselines"][name].items()}
                if name != "prior" or part == "composition":  # which knows no features
                    yield from _rows(plain, grouping, "baseline", words, NOTHING if name == "prior" else read, **told)


def _quiz(scores: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for part, found in scores.get("quiz", {}).items():
        yield from _rows(found, "quiz", "here", "this model", READ[part], n=found["n"], interval=_SURE)


def _rows(
    scores: dict[str, Any], protocol: str, kind: str, name: str, features: str, **also: Any
) -> Iterator[dict[str, Any]]:
    for score in NAMES:
        if score in scores:
            row = {"protocol": protocol, "kind": kind, "name": name, "features": features, "statistic": score}
            yield {**row, **scores[score], **also}


def _published(row: dict[str, Any]) -> dict[str, Any]:
    kind = "experts" if row["protocol"] == "quiz" else "published"
    return _whole({**row, "kind": kind})


def _whole(row: dict[str, Any]) -> dict[str, Any]:
    """The row with all columns; those it does not know are null."""
    spare = dict.fromkeys(("low", "high", "interval", "doi", "licence"))
    told = {**spare, "held_out": PROTOCOLS.get(row["protocol"]), **row}
    return {c: told[c] for c in (*_KEY, "held_out", "value", "low", "high", "interval", "n", "doi", "licence")}


_KEY = ("protocol", "kind", "name", "features", "statistic")
