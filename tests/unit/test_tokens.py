"""Tokens: formulas whole, numbers apart from units, borders of entities are borders of tokens."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.text.tokens import read, tokens


def texts(text: str) -> list[str]:
    return [t.text for t in tokens(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("900oC for 2h", ["900", "oC", "for", "2", "h"]),
        ("99.9% pure", ["99.9", "%", "pure"]),
        ("at 80 °C", ["at", "80", "°C"]),
        ("(1:2)", ["(", "1", ":", "2", ")"]),
        ("La0.7Sr0.3MnO3-δ powder", ["La0.7Sr0.3MnO3-δ", "powder"]),
        ("Ba(NO3)2·2H2O,", ["Ba(NO3)2·2H2O", ","]),
        ("(Na2SiO3)", ["(", "Na2SiO3", ")"]),
        ("(NH4)2MoO4", ["(NH4)2MoO4"]),
        ("H3BO3[12].", ["H3BO3", "[", "12", "]", "."]),
        ("Fe-doped ZnO/GaN", ["Fe", "-", "doped", "ZnO", "/", "GaN"]),
        ("in Fe2O3. Then", ["in", "Fe2O3", ".", "Then"]),
        ("LiNi 0.5 Mn 1.5 O 4 cathodes", ["LiNi0.5Mn1.5O4", "cathodes"]),
        ("PrBa 0.8 Ca 0.2 Mn 2 O 5+δ", ["PrBa0.8Ca0.2Mn2O5+δ"]),
        ("N 2 at 5 K, Ni 5 V", ["N", "2", "at", "5", "K", ",", "Ni", "5", "V"]),
        ("At 0.68 V 3 h, C 1 s", ["At", "0.68", "V", "3", "h", ",", "C", "1", "s"]),
        ("1,10-phenanthroline", ["1,10-", "phenanthroline"]),
        ("2,2':6,2''-terpyridine of 2,10-20 g", ["2,2':6,2''-", "terpyridine", "of", "2", ",", "10", "-", "20", "g"]),
    ],
)
def test_what_is_one_token(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="LaFeO23x()[]·-.,/ °ChδH\u0000א\n%", max_size=40))
def test_tokens_lie_in_order_and_leave_out_white_space_alone(text: str) -> None:
    last, kept = 0, ""
    for token in tokens(text):
        assert last <= token.start < token.end
        assert text[token.start : token.end].replace(" ", "") == token.text.replace(" ", "")
        kept, last = kept + token.text, token.end
    assert "".join(kept.split()) == "".join(text.split())


def test_a_line_feed_ends_a_sentence_and_spans_lead_back_to_the_text_as_given() -> None:
    text = "A title of VO$_2$\nThe powder was heated. It was cooled."
    found = read(text)
    assert [[t.text for t in s][-1] for s in found.sentences] == ["VO2", ".", "."]
    formula = found.sentences[0][-1]
    begin, end = found.span(formula, formula)
    assert text[begin:end] == "VO$_2$"
    assert read("").sentences == []


@pytest.mark.parametrize(
    "piece", ["1", "(", "((Fe", "Fe(", "[(Fe", "Fe.", "VO2·", "x", "H", "0.", "(Fe,", "Fe 2 ", "1,", "\x00", "א"]
)
def test_long_texts_take_no_time(piece: str) -> None:
    start = time.process_time()
    tokens(piece * (50_000 // len(piece)))
    assert time.process_time() - start < 5
