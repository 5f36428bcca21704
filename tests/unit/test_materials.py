"""Compounds in running text: which strings are some, and which only look like it."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.text.materials import find, formula_of
from etl.text.plain import plain


def found(text: str) -> list[tuple[str, str | None]]:
    return [(m.text, m.formula) for m in find(plain(text).text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We mixed La2O3 with CuO.", [("La2O3", "La2O3"), ("CuO", "CuO")]),
        ("VO$_2$-based devices", [("VO2", "VO2")]),
        ("Films of (La,Sr)MnO3/SrTiO3 grew", [("(La,Sr)MnO3", "MMnO3"), ("SrTiO3", "SrTiO3")]),
        ("the phase VO2(M1) and α-MnO2", [("VO2(M1)", "VO2"), ("α-MnO2", "MnO2")]),
        ("vanadium dioxide and magnetite", [("vanadium dioxide", "VO2"), ("magnetite", "Fe3O4")]),
        ("manganese (II) nitrate tetrahydrate", [("manganese (II) nitrate tetrahydrate", "MnH8N2O10")]),
        ("La$_{2-x}$Sr$_x$CuO$_4$ crystals", [("La2-xSrxCuO4", "SrxLa2-xCuO4")]),
        ("the salt (TMTTF)2PF6 orders", [("(TMTTF)2PF6", None)]),
        ("NaN and NaNO3", [("NaN", "NaN"), ("NaNO3", "NaNO3")]),
        ("GaAs/AlAs wells", [("GaAs", "GaAs"), ("AlAs", "AlAs")]),
        ("YBCO films on LaAlO3", [("YBCO", "Ba2YCu3O7-δ"), ("LaAlO3", "LaAlO3")]),
        ("etched in HF acid", [("HF", "HF")]),
        ("an indium tin oxide electrode", [("indium tin oxide", "In2-xSnxO3")]),
        ("the complex FeII(CN)6 forms", [("FeII(CN)6", "FeC6N6")]),
        ("water and ice", [("water", "H2O"), ("ice", "H2O")]),
        ("Bi-2212 and LSMO", [("Bi-2212", "Sr2CaCu2Bi2O8+δ"), ("LSMO", "SrxLa1-xMnO3")]),
        ("BAs, D2O and (C60)", [("BAs", "BAs"), ("D2O", "H2O"), ("C60", "C60")]),
        ("fullerene C60", [("fullerene", "C"), ("C60", "C60")]),
    ],
)
def test_compounds_are_found_as_written(text: str, expected: list[tuple[str, str | None]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "I used He and In as gases at K.",
        "In this case, No one was At home.",
        "MIT, IMT, PLD and XPS were used; the BCS theory holds.",
        "a III-V and a II-VI and a III-Mn-V semiconductor",
        "cooled to 4.2K at T300K",
        "Fe-doped, Sr-substituted and Mn-based samples",
        "the space group P21/c and Pnma, Fig. 2B, SI units",
        "edge-sharing VO6 octahedra and VO4 units",
        "within the CuO2 planes and MnO2 sheets",
        "B3LYP with PhD students on H1N1",
        "the Fe3+ and O2- ions",
        "symmetry groups SU(2), SO(5), U(1), OSP(1/2) and D(S3)",
        "the HF and BP methods, and the VS code",
        "a BH3 mimetic",
        "DCs, CRCs and mRNAs of HeLa cells",
        "spin ice and kagome ice",
        "a zircon-type and a scheelite structure",
        "an ultracold 6Li-40K and 6Li40K mixture",
        "an Ar-O2 flow over Pt-Rh at 10 GeV and 3 KHz",
        "chalcopyrites of the families I-III-VI2 and II-IV-V2",
        "the states 5S+5P1/2",
        "the NiAs-type lattice of Py(Ni) and SThM",
        "А БВ Г",
        "\x00\u202e אבג",
        "",
    ],
)
def test_words_units_acronyms_and_ions_are_no_compounds(text: str) -> None:
    assert [m for m in find(plain(text).text) if m.kind != "element"] == []


def test_elements_by_name_are_kept_apart() -> None:
    kinds = {m.text: m.kind for m in find("a copper foil, CuO and copper oxide")}
    assert kinds == {"copper": "element", "CuO": "formula", "copper oxide": "name"}
    assert find("this may lead to order") == []  # the verb


def test_mentions_do_not_overlap_and_stand_in_order() -> None:
    mentions = find("iron oxide Fe2O3, (La,Sr)MnO3/SrTiO3 and TTF-TCNQ; barium titanate BaTiO3:Nb.")
    for first, second in pairwise(mentions):
        assert first.end <= second.start


@pytest.mark.parametrize(
    ("token", "formula"),
    [
        ("VO2", "VO2"),
        ("BN", "BN"),
        ("SN", None),
        ("PhD", None),
        ("V", None),
        ("Fe", None),
        ("x" * 100, None),
        ("La-O", None),
        ("Basic", None),
        ("CoO", "CoO"),
        ("O2", None),
        ("La2CuO4+δ", "La2CuO4+δ"),
        ("RNiO3", "RNiO3"),
        ("RM", None),
        ("T12K", None),
    ],
)
def test_a_token_is_a_compound_or_not(token: str, formula: str | None) -> None:
    assert formula_of(token) == formula


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="VO2LaSrxNaN()[]-/,.: δ₂\x00א^+", max_size=80))
def test_no_text_breaks_the_search(text: str) -> None:
    smooth = plain(text).text
    for mention in find(smooth):
        assert smooth[mention.start : mention.end] == mention.text


@pytest.mark.parametrize("piece", ["(", "()", "VO2", "VO2 ", "VO2-", "A,", "(La,", "iron ", "iron oxide ", "-", "VO2/"])
def test_long_texts_take_no_time(piece: str) -> None:
    start = time.process_time()
    find(piece * (100_000 // len(piece)))
    assert time.process_time() - start < 5
