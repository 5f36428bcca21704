"""Bad text: whatever stands in a document, reading it neither fails nor takes long, and spans stay in their field."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.text import extract

CAP_S = 20  # of CPU for any one document, on a slow and busy machine; usual is well below 1
SAID = "VO2 has a metal-insulator transition at $T_{MI}=340$ K. "
PIECES = (
    "VO2",
    "NdNiO3",
    "La1-xSrxMnO3",
    "RNiO3 (R = Pr, Nd)",
    "metal-insulator transition",
    "Curie temperature",
    "T_N",
    "$T_C$",
    "respectively",
    " and ",
    ", ",
    " at ",
    " = ",
    "~",
    "340 K",
    "68 °C",
    "0.6 eV",
    "5.4 Å",
    "1e400 K",
    "10^{9} K",
    "-5 K",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "$",
    "\\",
    "^",
    "_",
    "±",
    "\x00",
    "\u202e",
    "\ufeff",
    "\ud7ff",
    "אב",
    "é",
    "Ã©",
    "≤",
    "∞",
    ". ",
    "\n",
    "x = 0.1, 0.2 and 0.3",
    "LSMO (La0.7Sr0.3MnO3)",
    "annealed at 900 °C for 2 h",
    "10 orders of magnitude",
    "K",
    "C",
    "eV",
)


@contextmanager
def capped() -> Iterator[None]:
    start = time.process_time()
    yield
    assert time.process_time() - start < CAP_S


def read(**fields: object) -> list[dict[str, object]]:
    with capped():
        found = extract.extract(pl.DataFrame([{"document_id": "d", **fields}]))[0].to_dicts()
    for row in found:
        text = fields[str(row["field"]).partition("[")[0]]
        held = text if isinstance(text, str) else str(text[0])  # type: ignore[index]
        assert 0 <= row["start"] < row["end"] <= len(held)  # type: ignore[operator]
        assert row["sentence"] in held
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.lists(st.sampled_from(PIECES), max_size=6))
def test_pieces_of_sentences_in_any_order_are_read(abstract: str, title: list[str]) -> None:
    read(title=" ".join(title), abstract=abstract)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    read(abstract=text, body=[text])


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t",
        "\x00\x01\x1b[31m",
        "\u202eא340 K",
        "MÃ©tal-isolant Ã  340Â K",
        "$$\\frac{1}{2}\\int_0^{\\infty} e^{-x^2}dx = 5$$ K",
        "$" * 500,
        "{" * 500,
        "\\" * 501,
        "🙂" * 100 + "340 K",
        "\u0301" * 300,
    ],
)
def test_odd_texts_say_nothing(text: str) -> None:
    assert [r for r in read(abstract=text) if r["kind"] != "compound"] == []


def test_what_stands_after_odd_text_is_read() -> None:
    for odd in ("\x00" * 50, "\u202e", "Ã©" * 40, "$x$ " * 20, "🙂 " * 10):
        assert ("transition", 340.0) in [(r["kind"], r["value"]) for r in read(abstract=f"{odd}. {SAID}")]


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "(",
        "1 K, ",
        "T_C = 5 K and ",
        "VO2 (LSMO) ",
        "metal ",
        "x = 0.1, ",
        "R = Nd, ",
        "structural, magnetic and ",
        "of order ",
        "VO2 and V2O3, respectively, at 5 and 6 K; ",
        "-a",
        "A ",
        "3 ± 1 K to ",
    ],
)
def test_time_grows_no_faster_than_the_text(piece: str) -> None:
    took = []
    for size in (15_000, 60_000):
        start = time.process_time()
        extract.extract(pl.DataFrame({"document_id": ["d"], "abstract": [piece * (size // len(piece))]}))
        took.append(time.process_time() - start)
    assert took[1] < 12 * took[0] + 1.0  # four times the text; sixteen times would be quadratic


def test_a_paragraph_of_a_megabyte_is_read_within_the_cap() -> None:
    words = "the resistivity of a film grows with temperature and falls with thickness "
    found = read(abstract=words * (1_000_000 // len(words)) + ". " + SAID)
    assert ("MIT", 340.0) in [(r["type"], r["value"]) for r in found]
