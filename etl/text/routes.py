"""By which route a synthesis was done, from the words of its paragraph, with probabilities.

A logistic regression on which cues of `procedures.yaml` occur. Its few numbers (`routes.yaml`) were fitted to the first
and last words of the labelled paragraphs of Huo et al. (npj Comput. Mater. 5, 62, 2019; MIT licence): no more of those
is public. On those ends, papers held out, its mean F1 is 0.47 (0.39 by the rules of `recipes`), with an expected
calibration error of 0.01; whole paragraphs hold more cues. `matloom text train paragraph` on the same ends learns all
words, with a mean F1 of 0.85 there; it is not shipped, since openings and endings are all that it has seen. Recipes
step by step are `recipes`.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from numpy.typing import NDArray

from etl.text.procedures import patterns

ROUTES = ("solid_state", "sol_gel", "hydrothermal", "precipitation", "other")
_LONGEST = 20_000  # characters of a paragraph that are read


def routes(texts: pl.Series) -> pl.DataFrame:
    """The route of each text, whether it is about a synthesis or not.

    Args:
        texts: paragraphs, null or blank where there is none.

    Returns:
        `route` (one of `ROUTES`) and `p_route_<route>` (sum 1); null for blank texts.
    """
    said = texts.cast(pl.String).str.strip_chars().replace("", None)
    weights, bias = _fitted()
    odds = cues(said.fill_null("").to_list()) @ weights + bias
    told = np.exp(odds - odds.max(axis=1, keepdims=True)) if len(odds) else odds
    told = told / told.sum(axis=1, keepdims=True)
    best = [ROUTES[n] for n in told.argmax(axis=1)] if len(told) else []
    made = pl.DataFrame(told, schema=[f"p_route_{r}" for r in ROUTES])
    made = made.select(pl.Series("route", best, dtype=pl.String), *made.columns)
    known = said.is_not_null()
    return made.select(pl.when(known).then(pl.col(name)).alias(name) for name in made.columns)


def cues(texts: list[str]) -> NDArray[np.float64]:
    """Which cues occur in each text: texts x cues, 1 or 0."""
    found = [[pattern.search(text[:_LONGEST]) is not None for pattern in _patterns().values()] for text in texts]
    return np.array(found, dtype=np.float64).reshape(len(texts), len(_patterns()))


def fit(texts: list[str], labels: list[str]) -> dict[str, dict[str, float]]:
    """The numbers of `routes.yaml` from labelled paragraphs: route -> `bias` and weight of each cue.

    Args:
        texts: paragraphs, or what is known of them.
        labels: one of `ROUTES` each.
    """
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1.0, max_iter=500).fit(cues(texts), labels)
    rows = dict(zip(model.classes_, zip(model.intercept_, model.coef_, strict=True), strict=True))
    return {
        route: {
            "bias": round(float(rows[route][0]), 2),
            **{cue: round(float(w), 2) for cue, w in zip(_patterns(), rows[route][1], strict=True)},
        }
        for route in ROUTES
    }


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """Cue -> its pattern: words that name a route, and kinds of operations."""
    return {**patterns("routes"), **patterns("operations")}


@cache
def _fitted() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights, cues x routes, and the bias of each route."""
    raw: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("routes.yaml").read_text("utf-8"))
    weights = [[float(raw[route].get(cue, 0.0)) for route in ROUTES] for cue in _patterns()]
    return np.array(weights), np.array([float(raw[route]["bias"]) for route in ROUTES])
