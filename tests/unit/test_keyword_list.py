"""The MIT keyword list as data: spellings, acronyms, numbers and negative cues, through the public `select`."""

import time

import polars as pl
import pytest

from etl.text.keywords import load_keywords, parse_keywords
from etl.text.select import select
from schemas.errors import InputError

WORDS = load_keywords()


def phrases(title: str, abstract: str = "") -> set[str]:
    """The phrases that hit."""
    found = select(pl.DataFrame({"document_id": ["d"], "title": [title], "abstract": [abstract]}), WORDS)
    return {hit["phrase"] for hit in found["hits"].item()}


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("metal-insulator transitions", "Metal-Insulator Transition"),
        ("metal\u2010insulator transition", "Metal-Insulator Transition"),
        ("metal--insulator transition", "Metal-Insulator Transition"),
        ("semiconductor-to-metal transition", "Metal-Insulator Transition"),
        ("an insulator $\\to$ metal transition", "Insulator-Metal Transition"),
        ("dimerisation of the chains", "Dimerization"),
        ("weak localisation", "Weak Localization"),
        ("Anderson localisation", "Anderson Location"),
        ("the Ne\u0301el transition", "Antiferromagnetic Transition"),
        ("the N\\'eel transition", "Antiferromagnetic Transition"),
        ("films of VO$_2$", "Vanadium dioxide"),
        ("films of VO\u2082", "Vanadium dioxide"),
        ("films of V$_{2}$O$_{3}$", "Vanadium dioxide"),
        ("non-symmorphic symmetry", "Nonsymmorphic"),
        ("charge-ordered state", "Charge Order"),
        ("one-dimensional conductors", "1D Conductor"),
        ("e-e interactions", "Electron-Electron Interactions"),
        ("sol\u2013gel films", "Sol-Gel"),
        ("metallic behaviour", "Metallic Conductivity"),
        ("metallic behavior", "Metallic Conductivity"),
        ("resistivity jump of five orders", "Resistivity Ratio"),
    ],
)
def test_a_phrase_is_found_in_its_spellings(text: str, phrase: str) -> None:
    assert phrase in phrases(f"We study {text} here")


@pytest.mark.parametrize("number", ["298", "300"])
@pytest.mark.parametrize("form", ["{} K", "{}K", "{}\\,K", "{}\u00a0K", "{}.0 K", "{}-K", "${}$ K"])
def test_a_temperature_is_found_as_it_is_written(number: str, form: str) -> None:
    assert f"{number} K" in phrases(f"It was kept at {form.format(number)}.")


@pytest.mark.parametrize("text", ["1300 K", "4.300 K", "298 KB", "300 km", "300 k", "2298 K", "300 Kbar", "300.5 K"])
def test_a_temperature_is_not_found_in_another_number_or_unit(text: str) -> None:
    assert not phrases(f"It was kept at {text}.") & {"298 K", "300 K"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The MIT of the oxide makes it insulating.", True),
        ("The IMT turns the film metallic.", True),
        ("MIT students built an insulator.", True),
        ("At MIT, Cambridge, a metallic film was grown.", False),
        ("Under the MIT licence, code for metallic films.", False),
        ("The MIT bag model of a metallic star.", False),
        ("IMT mobile networks with metallic antennas.", False),
        ("The mit of the oxide makes it insulating.", False),
        ("MIT of the oxide.", False),
        ("EMIT and LIMITS of metals", False),
    ],
)
def test_an_acronym_needs_its_context_and_no_institute(text: str, found: bool) -> None:
    assert bool(phrases(text) & {"MIT", "IMT"}) == found


def selected(title: str, abstract: str = "") -> bool:
    return bool(
        select(pl.DataFrame({"document_id": ["d"], "title": [title], "abstract": [abstract]}), WORDS)["selected"].item()
    )


@pytest.mark.parametrize(
    "abstract",
    [
        "Ultracold fermions are loaded into a trap.",
        "Atoms in an optical lattice were imaged.",
        "The Bose--Hubbard model was solved.",
        "Arrays of coupled cavities hold polaritons.",
        "Quark matter at high density.",
    ],
)
def test_a_mott_transition_of_something_else_than_a_solid_selects_nothing(abstract: str) -> None:
    title = "Mott transition and metal-insulator transition"
    assert selected(title, "A crystal of an oxide was cooled.")
    assert not selected(title, abstract)


def test_what_a_body_says_in_passing_is_not_what_the_document_is_about() -> None:
    docs = pl.DataFrame(
        {
            "document_id": ["d"],
            "title": ["The metal-insulator transition of an oxide"],
            "abstract": ["The resistivity rises on cooling. " * 150],
            "body": ["Similar words are used for ultracold atoms in an optical lattice."],
        }
    )
    assert select(docs)["selected"].item()


def test_generic_phrases_never_select_however_many_there_are() -> None:
    text = (
        "Metastable singlet at its critical temperature, 300 K, on the convex hull of stable phases, by ion exchange."
    )
    found = select(pl.DataFrame({"document_id": ["d"], "title": [text], "abstract": [text]}), WORDS).row(0, named=True)
    assert found["score"] >= WORDS.threshold
    assert not found["selected"]


def test_a_list_says_what_voids_its_phrases_and_a_phrase_may_say_otherwise() -> None:
    given = """
name: ice
threshold: 0.5
unless: [cocktail]
keywords:
  - {phrase: spin ice, group: compound}
  - {phrase: dry ice, group: compound, unless: [carbon]}
"""
    words = parse_keywords(given)
    docs = pl.DataFrame(
        {
            "document_id": ["a", "b", "c"],
            "title": ["Spin ice", "Spin ice in a cocktail", "Dry ice in cocktails"],
            "abstract": [None, None, None],
        }
    )
    assert select(docs, words)["selected"].to_list() == [True, False, True]
    with pytest.raises(InputError, match="unless"):
        parse_keywords("name: x\nunless: 3\nkeywords: [{phrase: spin ice, group: compound}]")


BAD = [
    "",
    "\x00\x01\x02",
    "mÃ©tal-insulÃ¢teur Ã Â",
    "\u202eנתיב מתכת מבודד\u202c",
    "$$\\frac{a}{b}\\int_0^\\infty x^2 dx$$",
    "((((((((((((((((((((",
]


@pytest.mark.parametrize("text", BAD)
def test_bad_text_hits_nothing_and_stays(text: str) -> None:
    found = select(pl.DataFrame({"document_id": ["d"], "title": [text], "abstract": [text]}), WORDS)
    assert found.height == 1
    assert not found["selected"].item()


def test_one_very_long_paragraph_takes_time_in_proportion() -> None:
    times = []
    for size in (1, 8):
        text = "Mott transition of an oxide with cold fingers and optical lattices of nothing. " * (6000 * size)
        docs = pl.DataFrame({"document_id": ["d"], "title": ["Mott transition"], "abstract": [text]})
        start = time.process_time()
        select(docs, WORDS)
        times.append(time.process_time() - start)
    assert times[1] < 30 * max(times[0], 0.05)
