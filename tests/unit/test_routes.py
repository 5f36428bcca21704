"""The route of a synthesis from the words of its paragraph."""

import time

import polars as pl
import pytest

from etl.text import routes
from etl.text.classify import classify

SAID = {
    "solid_state": "Carbonates and oxides were ground, calcined at 900 °C, pressed into pellets and sintered.",
    "sol_gel": "Citric acid was added to the nitrates; the gel was dried and calcined by the sol-gel method.",
    "hydrothermal": "The solution was sealed in a Teflon-lined autoclave, kept at 180 °C, then filtered and washed.",
    "precipitation": "Sodium hydroxide was added until the hydroxides coprecipitated; the powder was washed and dried.",
    "other": "Thin films were grown by pulsed laser deposition on a substrate.",
}


@pytest.mark.parametrize("route", routes.ROUTES)
def test_the_route_is_told_by_its_cues(route: str) -> None:
    found = routes.routes(pl.Series([SAID[route]]))
    assert found["route"].item() == route
    assert abs(sum(found.drop("route").row(0)) - 1) < 1e-9


def test_a_paragraph_of_another_class_has_no_route() -> None:
    texts = [SAID["hydrothermal"], "The resistivity follows variable range hopping below 40 K.", None]
    found = classify(pl.DataFrame({"text": texts}))
    assert found["route"].to_list() == ["hydrothermal", None, None]
    assert found["p_route_hydrothermal"].null_count() == 2
    assert not [c for c in classify(pl.DataFrame({"text": texts}), task="sentence").columns if "route" in c]


def test_a_fit_finds_which_cue_speaks_for_which_route() -> None:
    texts = [SAID[r] for r in routes.ROUTES] * 6
    made = routes.fit(texts, list(routes.ROUTES) * 6)
    assert made["hydrothermal"]["hydrothermal"] > 0 > made["sol_gel"]["hydrothermal"]


@pytest.mark.parametrize("text", ["", " ", "\x00", "Ã¤Ã¶", "\u202eנתיב\u202c", "$$x^2$$", "((((("])
def test_bad_text_has_a_route_or_none(text: str) -> None:
    found = routes.routes(pl.Series([text]))["route"].item()
    assert found is None if not text.strip() else found in routes.ROUTES


def test_a_long_paragraph_takes_no_longer_than_its_start() -> None:
    start = time.process_time()
    routes.routes(pl.Series(["the powder was dried and the solution " * 300_000]))
    assert time.process_time() - start < 3
    assert routes.routes(pl.Series([], dtype=pl.String)).height == 0
