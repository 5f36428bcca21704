"""Short names that a document defines, or makes plain by its formulas."""

import time
from itertools import pairwise

import pytest

from etl.text.abbreviations import definitions, resolved
from etl.text.materials import find


def defined(text: str) -> dict[str, str | None]:
    return {short: mention.formula for short, mention in definitions(text, find(text)).items()}


def by_short_name(*texts: str) -> list[list[tuple[str, str | None]]]:
    found = resolved([(text, find(text)) for text in texts])
    return [[(m.text, m.formula) for m in mentions if m.kind == "abbreviation"] for mentions in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We grew Nd0.5Sr0.5MnO3 (NSMO) by sputtering.", {"NSMO": "Sr0.5Nd0.5MnO3"}),
        ("Films of vanadium dioxide (VDO) switch.", {"VDO": "VO2"}),
        ("The oxide LNO (LaNiO3) conducts.", {"LNO": "LaNiO3"}),
        ("Crystals of HgBa2CuO4+δ (Hg-1201) were cut.", {"Hg-1201": "Ba2CuHgO4+δ"}),
        ("A plate of LaCrO3 thin films (LCO) broke.", {"LCO": "LaCrO3"}),  # the detector of scispaCy
        ("We heated VO2 (RT) and VO2 (M1) on Al2O3 (XRD).", {}),  # the letters do not spell it
        ("Pulsed laser deposition (PLD) works.", {}),
        ("", {}),
        ("((((", {}),
        ("\x00\u202e (ABC)", {}),
    ],
)
def test_a_bracket_behind_a_compound_defines_a_short_name(text: str, expected: dict[str, str | None]) -> None:
    assert defined(text) == expected


def test_a_short_name_stands_for_its_formula_in_all_texts_of_the_document() -> None:
    title, abstract = by_short_name("Strain in NSMO films", "We grew Nd0.5Sr0.5MnO3 (NSMO). The NSMO was flat.")
    assert title == [("NSMO", "Sr0.5Nd0.5MnO3")]
    assert abstract == [("NSMO", "Sr0.5Nd0.5MnO3")] * 2


def test_what_the_document_defines_wins_over_what_is_usual() -> None:
    assert by_short_name("Films of La1-xSrxCoO3 (LSCO) and more LSCO.") == [[("LSCO", "SrxLa1-xCoO3")] * 2]


def test_a_name_of_many_meanings_counts_where_its_formula_stands_in_the_document() -> None:
    assert by_short_name("Slater orbitals (STO) are used, and a KNN classifier.") == [[]]
    assert by_short_name("A film on SrTiO3. The STO was etched.") == [[("STO", "SrTiO3")]]


def test_mentions_stay_in_order_and_apart() -> None:
    text = "LaNiO3 (LNO) on LNO and LNO/SrTiO3 with STO."
    (mentions,) = resolved([(text, find(text))])
    assert [m.text for m in mentions] == ["LaNiO3", "LNO", "LNO", "LNO", "SrTiO3", "STO"]
    assert all(a.end <= b.start for a, b in pairwise(mentions))


def test_long_texts_take_no_time() -> None:
    text = "VO2 (VDO) and (ABC) " * 5_000
    start = time.process_time()
    resolved([(text, find(text))])
    assert time.process_time() - start < 5
