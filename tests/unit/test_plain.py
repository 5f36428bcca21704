"""Plain text and the way back to the text as given."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.text.plain import plain, sentences


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("VO$_2$", "VO2"),
        ("$T_{MI}\\sim120$\\,K", "TMI~120 K"),
        ("La$_{1-x}$Sr$_x$MnO$_3$", "La1-xSrxMnO3"),
        ("V\\'erwey", "Verwey"),
        ("N\\'eel and Néel", "Neel and Neel"),
        ("300$\\,^{\\circ}$C", "300 °C"),
        ("10$^5$", "10^5"),
        ("10⁵", "10^5"),
        ("VO₂", "VO2"),
        ("200–300 K", "200-300 K"),
        ("200--300~K", "200-300 K"),
        ("1Àx", "1-x"),
        ("Àx", "Ax"),
        ("$T_c \\leq 5$ K", "Tc ≤ 5 K"),
        ("5\\% of", "5% of"),
        ("soft\xadhyphen", "softhyphen"),
        ("\x07VO2\x00 at \u202e340\u202c K\x1b.", "VO2 at 340 K."),
        ("ＶＯ２ at ３４０ K", "VO2 at 340 K"),
        ("one\x0ctwo", "one two"),
        ("<p>VO<sub>2</sub> at 10<sup>5</sup> Pa</p>", " VO2 at 10^5 Pa "),
        ("<jats:p><i>R</i>NiO<jats:sub>3</jats:sub></jats:p>", " RNiO3 "),
        ("x<y and a <sub b> c", "x<y and a <sub b> c"),
        ("plain words", "plain words"),
        ("", ""),
    ],
)
def test_marks_are_undone(source: str, text: str) -> None:
    assert plain(source).text == text


def test_spans_lead_back_and_close_what_they_open() -> None:
    source = "a VO$_{2}$ film at $T_{MI}\\sim120$\\,K"
    made = plain(source)
    at = made.text.index("VO2")
    assert source[slice(*made.span(at, at + 3))] == "VO$_{2}$"
    at = made.text.index("120")
    assert source[slice(*made.span(at, at + 3))] in ("120", "120$")
    source = "a VO<sub>2</sub> film"
    made = plain(source)
    assert source[slice(*made.span(2, 5))] == "VO<sub>2</sub>"


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="aVO2 <sub></>${}_^\\~-−₂אé\u202e\x00\n.,", max_size=60))
def test_every_plain_character_has_a_place_in_the_source(source: str) -> None:
    made = plain(source)
    assert len(made.text) == len(made.begins) == len(made.ends)
    for i in range(len(made.text)):
        begin, end = made.span(i, i + 1)
        assert 0 <= begin < end <= len(source)
    for begin, end in sentences(made.text):
        assert 0 <= begin < end <= len(made.text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("As shown by Mott et al. in 1949, it is so. Fig. 2 agrees.", 2),
        ("It orders at 5 K. Above, it does not.", 2),  # K is a unit here, no initial
        ("N. F. Mott said so.", 1),
        ("One; two; three.", 1),
        ("Is it? Yes! Good.", 3),
        ("", 0),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, count: int) -> None:
    assert len(sentences(text)) == count


def test_text_without_full_stops_is_cut_at_spaces() -> None:
    text = "word " * 2000
    spans = sentences(text)
    assert max(end - begin for begin, end in spans) <= 2000
    assert " ".join(text[a:b] for a, b in spans).split() == text.split()
    assert max(b - a for a, b in sentences("x" * 5000)) == 2000


@pytest.mark.parametrize("piece", ["\\", "$", "{", " ", ". ", "; ", "\\ ", "--", "~", "e.g. "])
def test_long_texts_take_no_time(piece: str) -> None:
    start = time.process_time()
    sentences(plain(piece * (100_000 // len(piece))).text)
    assert time.process_time() - start < 3
