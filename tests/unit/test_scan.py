"""The sieves in front of the keyword patterns lose nothing, whatever stands between the words."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.text import scan, select, synthetic
from etl.text.keywords import Keywords, load_keywords, parse_keywords
from etl.text.normalise import normalise
from schemas.errors import InputError

WORDS = ("metal", "Insulator", "insulating", "transition", "transitions", "to", "MIT", "Mott", "gap", "charge", "order",
         "ordered", "power", "law", "resistivity", "at", "room", "temperature", "298", "300", "K", "k", "dimerisation",
         "peierls", "stress", "jahn", "teller", "solid", "state", "reaction", "x", "Cambridge")  # fmt: skip
JOINTS = (" ", " ", "-", "\n", "  ", " - ", "\u2013", "\u2011", "\u00ad", "\u00a0", "--", "$", "{", "}", "_", "\\",
          "\\,", "\\rm ", "\\it", "\\to ", "\\rightarrow", "~", ".", ", ", "", "\ufb01", "ı", "\u212a", "\u0301", "\0",
          "\x1c", "\t\t", " " * 14, "é", "(", ")", "'", '\\"', "^", "\\_", "\\%", "\\ ", "\u3000", "ｍ")  # fmt: skip


def everywhere(texts: pl.Series, keywords: Keywords) -> scan.Places:
    """What the sieves would let through if they held nothing back: every pattern searches every text."""
    normal = {row: normalise(t) for row, t in enumerate(texts.to_list()) if t is not None}
    return scan.Places(normal, [(row, n, []) for row in normal for n in range(len(keywords.keywords))])


@contextmanager
def without_sieves() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "places", everywhere)
        patch.setattr(scan, "beside", lambda texts, _: np.arange(len(texts)))
        yield


def documents(*texts: str, body: list[list[str]] | None = None) -> pl.DataFrame:
    frame = pl.DataFrame({"document_id": [str(n) for n in range(len(texts))], "title": texts[::-1], "abstract": texts})
    return frame if body is None else frame.with_columns(body=pl.Series(body, dtype=pl.List(pl.String)))


MESSY = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(JOINTS)), max_size=14).map(
    lambda pairs: "".join(word + joint for word, joint in pairs)
)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(MESSY, min_size=1, max_size=3))
def test_what_the_sieves_let_through_is_all_there_is(texts: list[str]) -> None:
    docs = documents(*texts, body=[[t, t[::-1]] for t in texts])
    found = select.select(docs)
    with without_sieves():
        assert found.equals(select.select(docs))


LIST = """
compound:
  - {phrase: "Schrödinger gap"}
  - {phrase: "α phase", variants: ["(alpha|beta) phase", "T_c onset", "Young's modulus", "1,2 order"]}
  - {phrase: "порог"}
  - {phrase: "cold ... state"}
"""


@pytest.mark.parametrize(
    "text",
    [
        'The Schr\\"{o}dinger gap', "a Schrödinger gap", "the Bj\\o rn α-phase", "an $\\alpha$ phase", "beta\nphase",
        "T\\_c onset", "Young's modulus", "a 1,2-order", "здесь порог есть", "cold and very state", "cold é state",
        "cold. state", "nothing",
    ],
)  # fmt: skip
def test_phrases_of_any_script_are_found_as_if_there_were_no_sieve(text: str) -> None:
    words = parse_keywords(LIST)
    docs = documents(text, text.upper(), "")
    found = select.select(docs, words)
    with without_sieves():
        assert found.equals(select.select(docs, words))


UNLESS = """
name: own
unless: ["cold (atom|gas)", "порог", "bose hubbard"]
keywords:
  - {phrase: "Mott gap", group: compound}
  - {phrase: "Peierls", group: compound, unless: ["optical lattice"]}
"""


@pytest.mark.parametrize(
    "text",
    [
        "Mott gap of cold\natoms", "Mott gap, порог", "Peierls, порог", "Mott gap of a $Bose$--{\\it Hubbard} model",
        "Peierls in an optical  lattice", "Mott gap in an optical lattice", "Mott gap", "Mott\\-gap of ｃold gases",
    ],
)  # fmt: skip
@pytest.mark.parametrize("dropped", ["", "порог"])
def test_what_a_document_is_about_is_found_as_if_there_were_no_sieve(text: str, dropped: str) -> None:
    words = parse_keywords(UNLESS.replace(f'"{dropped}", ', "") if dropped else UNLESS)
    docs = documents(text, text.upper(), "Mott gap and Peierls", "")
    found = select.select(docs, words)
    with without_sieves():
        assert found.equals(select.select(docs, words))


def test_a_list_may_hold_a_phrase_of_which_no_letter_is_latin() -> None:
    assert select.select(documents("здесь порог есть"), parse_keywords(LIST))["hits"].list.len().to_list() == [2]


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    docs = documents(*(f"A metal-insulator transition at {n} K" for n in range(50)), *[""] * 7)
    whole = select.select(docs)
    monkeypatch.setattr(select, "_CHUNK_BYTES", 300)
    assert whole.equals(select.select(docs))


def test_documents_that_come_in_parts_are_selected_as_if_they_came_at_once() -> None:
    docs = documents(*(f"A metal-insulator transition at {n} K" for n in range(50)))
    whole = select.select(docs).drop("title", "abstract")
    assert select.verdicts(docs.iter_slices(7)).equals(whole)
    assert select.verdicts(iter(())).schema == whole.schema


def test_a_made_up_corpus_is_the_same_however_much_is_made() -> None:
    few = pl.concat(synthetic.corpus(30, seed=3))
    assert few.equals(pl.concat(synthetic.corpus(20_000, seed=3)).head(30))
    assert not few.equals(pl.concat(synthetic.corpus(30, seed=4)))
    assert pl.concat(synthetic.corpus(0)).height == 0
    share = select.verdicts(synthetic.corpus(20_000, relevant=0.1))["selected"].mean()
    assert share == pytest.approx(0.1, abs=0.01)
    with pytest.raises(InputError, match="share"):
        next(synthetic.corpus(1, relevant=2))


def test_folded_text_keeps_the_number_and_the_order_of_the_texts() -> None:
    texts = pl.Series(["a\0b", "", "é \\alpha x", "ｍ–n"])
    data, stops = scan.fold(texts)
    assert data.split(b"\0") == [b"a b", b"", b"e x", b"mn"]
    assert stops.tolist() == [3, 4, 8, 11]


def test_every_printed_phrase_is_found_where_it_stands() -> None:
    listed = load_keywords().keywords
    texts = [f"{(*k.context, 'metal')[0]} and {k.phrase}." for k in listed]
    docs = pl.DataFrame({"document_id": texts, "title": [""] * len(texts), "abstract": texts})
    found = select.select(docs)
    for keyword, hits in zip(listed, found["hits"].to_list(), strict=True):
        assert keyword.phrase in {h["phrase"] for h in hits}
