"""One sentence for each rule of reading transitions: what happens at a temperature, and what is no such thing."""

import time

import polars as pl
import pytest

from etl.text import extract
from etl.text.formula import reduce
from etl.text.links import linked
from etl.text.materials import Mention
from etl.text.points import is_isotope, is_point
from etl.text.quantities import Value
from etl.text.series import members


def said(text: str, title: str | None = None) -> list[tuple[str | None, str, float | tuple[float, float]]]:
    docs = pl.DataFrame([{"document_id": "d", "abstract": text} | ({"title": title} if title else {})])
    found = extract.extract(docs, kinds=("transition",))[0].to_dicts()
    return [
        (r["formula"] or r["compound"], r["type"], round(r["value"], 3) if r["low"] is None else (r["low"], r["high"]))
        for r in found
    ]


def told(expected: str) -> list[tuple[str, str, float | tuple[float, float]]]:
    """Reads "VO2 MIT 341 V2O3 MIT 150-160"."""
    words = iter(expected.split())
    records: list[tuple[str, str, float | tuple[float, float]]] = []
    for formula, kind, value in zip(words, words, words, strict=True):
        low, _, high = value.partition("-")
        records.append((reduce(formula), kind, (float(low), float(high)) if high else float(low)))
    return records


@pytest.mark.parametrize(
    ("text", "title", "expected"),
    [
        ("Above 195 K it is metallic, below it is insulating.", "Transport in LuNiO3", "LuNiO3 MIT 195"),
        ("The compound is metallic above 195 K.", "Transport in LuNiO3", "LuNiO3 MIT 195"),
        ("V2O3 becomes insulating below 150 K.", None, "V2O3 MIT 150"),
        ("On cooling through 160 K, V2O3 turns from a metal into an insulator.", None, "V2O3 MIT 160"),
        ("V2O3 transforms from a paramagnetic metal to an antiferromagnetic insulator at 160 K.", None, "V2O3 MIT 160"),
        (
            "VO2 undergoes a first-order metal-insulator transition at 341 K on heating and 335 K on cooling.",
            None,
            "VO2 MIT 341 VO2 MIT 335",
        ),
        (
            "The metal-insulator transition temperature of VO2 films rises from 320 to 341 K with thickness.",
            None,
            "VO2 MIT 320 VO2 MIT 341",
        ),
        ("The resistivity of VO2 drops by four orders of magnitude at 68 °C.", None, ""),
        ("VO2 (NbO2) has a metal-insulator transition at 340 K (1080 K).", None, "VO2 MIT 340 NbO2 MIT 1080"),
        (
            "Antiferromagnetic and metal-insulator transitions occur at 130 K and 180 K, respectively, in NdNiO3.",
            None,
            "NdNiO3 NEEL 130 NdNiO3 MIT 180",
        ),
        ("TaS2 exhibits charge density wave transitions at 350 K and 180 K.", None, "TaS2 CDW 350 TaS2 CDW 180"),
        ("The charge-ordered state of LuFe2O4 sets in below 320 K.", None, "LuFe2O4 CO 320"),
        ("Magnetite shows the Verwey transition near 125 K.", None, "Fe3O4 MIT 125"),
        ("Samples of VO2 were annealed at 700 K and show a metal-insulator transition at 338 K.", None, "VO2 MIT 338"),
        (
            "The paramagnetic Curie-Weiss temperature of EuTe is -5 K whereas its Néel temperature is 9.6 K.",
            None,
            "EuTe NEEL 9.6",
        ),
        ("Nanoparticles of NiO have a blocking temperature of 60 K.", None, ""),
        ("The magnetization of EuO was measured at 5 K in fields up to 7 T.", None, ""),
        ("Muon spin rotation shows that Na2IrO3 orders magnetically at about 15 K.", None, "Na2IrO3 MAG 15"),
        (
            "A transition from the cubic to the tetragonal phase of SrTiO3 takes place at 105 K.",
            None,
            "SrTiO3 STRUCT 105",
        ),
        ("The ferroelectric Curie temperature of BaTiO3 is 120 °C.", None, "BaTiO3 FE 393.15"),
        ("PbTiO3 is ferroelectric below 763 K.", None, "PbTiO3 FE 763"),
        ("Superconductivity with Tc up to 39 K was discovered in MgB2.", None, "MgB2 SC 39"),
        ("MgB2 superconducts below 39 K.", None, "MgB2 SC 39"),
        ("The onset of superconductivity in FeSe is at 8.5 K and zero resistance at 7.9 K.", None, "FeSe SC 8.5"),
        ("Neutron diffraction of MnF2 at 10 K confirms antiferromagnetic order.", None, ""),
        ("The heat capacity of MnF2 has a peak at 67 K due to antiferromagnetic ordering.", None, "MnF2 NEEL 67"),
        ("Below T_N = 67 K, the spins of MnF2 order.", None, "MnF2 NEEL 67"),
        ("We find a spin-Peierls transition of CuGeO3 at TSP=14.2(1) K.", None, "CuGeO3 SP 14.2"),
        (
            "Both PrNiO3 and NdNiO3 show metal-insulator transitions, at 130 K and 200 K respectively.",
            None,
            "PrNiO3 MIT 130 NdNiO3 MIT 200",
        ),
        (
            "RNiO3 (R = Pr, Nd, Sm) have metal-insulator transitions at 130, 200 and 400 K.",
            None,
            "PrNiO3 MIT 130 NdNiO3 MIT 200 SmNiO3 MIT 400",
        ),
        ("The Debye temperature of V2O5 is 600 K and no metal-insulator transition was found up to 700 K.", None, ""),
        (
            "V1-xCrxO2 with x = 0.01 and 0.02 has metal-insulator transitions at 345 and 350 K, respectively.",
            None,
            "Cr0.01V0.99O2 MIT 345 Cr0.02V0.98O2 MIT 350",
        ),
        ("No metal-insulator transition was seen in LaNiO3 down to 4 K.", None, ""),
        ("The transition temperature of VO2 was lowered by 20 K by tungsten doping.", None, ""),
        ("A metal-insulator transition occurs in VO2 between 330 K and 345 K.", None, "VO2 MIT 330-345"),
        (
            "The insulator-to-metal transition temperature of La0.7Ca0.3MnO3 is near its Curie temperature of 250 K.",
            None,
            "La0.7Ca0.3MnO3 CURIE 250",
        ),
        ("Upon heating above 68 °C the VO2 layer becomes metallic.", None, "VO2 MIT 341.15"),
        ("The semiconductor-metal transition of Ag2S happens at 452 K.", None, "Ag2S MIT 452"),
        ("Ti2O3 shows a gradual metal-insulator transition around 400-600 K.", None, "Ti2O3 MIT 400-600"),
        ("A hidden order appears at 17.5 K in URu2Si2.", None, "URu2Si2 OTHER 17.5"),
        ("The antiferromagnetic transition (T_N ~ 230 K) of NiS2 was tuned.", None, "NiS2 NEEL 230"),
        (
            "CuIr2S4 exhibits a metal-insulator transition at ~230 K with a structural change.",
            None,
            "CuIr2S4 MIT 230",
        ),
        (
            "The metal-insulator transition of Ca2RuO4 at 357 K coincides with a structural transition.",
            None,
            "Ca2RuO4 MIT 357",
        ),
        ("The conductivity of Ca2RuO4 at 300 K is low because of the metal-insulator transition.", None, ""),
        ("The Morin transition of Fe2O3 is at 263 K.", None, "Fe2O3 MAG 263"),
    ],
)
def test_each_rule_reads_its_sentence(text: str, title: str | None, expected: str) -> None:
    assert sorted(said(text, title), key=repr) == sorted(told(expected), key=repr)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "It shows two transitions at 52 and 41 K, which correspond to structural and magnetic transitions.",
            "STRUCT 52 MAG 41",
        ),
        ("The structural, magnetic and superconducting transitions are at 52, 41 and 23 K.", "STRUCT 52 MAG 41 SC 23"),
        ("Its Néel and Curie temperatures are 90 and 40 K.", "NEEL 90 CURIE 40"),
    ],
)
def test_lists_of_transitions_and_temperatures_are_paired(text: str, expected: str) -> None:
    wanted = told(" ".join(f"FeSe {pair}" for pair in _pairs(expected)))
    assert sorted(said(text, "On FeSe"), key=repr) == sorted(wanted, key=repr)


def _pairs(text: str) -> list[str]:
    words = text.split()
    return [f"{kind} {value}" for kind, value in zip(words[::2], words[1::2], strict=True)]


@pytest.mark.parametrize(
    "text",
    [
        "Superconducting NbSe2 was imaged by tunneling microscopy at 4.2 K.",
        "The superconductor MgB2 was probed with experiments at 5 K.",
        "Powder diffraction of MnF2 at 4 K yields an antiferromagnetic structure.",
        "EuO is ferromagnetic at T < 60 K.",
        "The Curie temperature of GaN:Mn may have TC > 300 K.",
        "The resistivity ratio ρ(300 K)/ρ(4 K) of superconducting NbN is 2.",
        "V2O3 has a metal-insulator phase boundary at a pressure of 2 GPa and 300 K.",
        "The phase transition in TiO2 films is influenced by annealing at 823 K.",
        "GdCrO3 shows short-range magnetic order near 200 K.",
        "Fermionic 40K atoms mimic the superfluid phase of He.",
        "NbN resonators made of a superconducting film work at temperatures above 1 K.",
        "The Kondo temperature of CeCu6 is TK = 5 K, far above any antiferromagnetic order.",
        "3C-SiC has no ferroelectric transition.",
        "The transition temperature of BaTiO3 is reduced by 35-50 K.",
        "Doping leads to a 4 K downward shift in TC of ferromagnetic EuO.",
        "RNAs undergo a structural transition at 220 K.",
        "Water in contact with VO2 freezes at 273 K near the metal-insulator transition.",
    ],
)
def test_no_transition_happens_there(text: str) -> None:
    assert said(text) == []


def test_what_a_document_is_about_needs_a_title_or_a_word_that_refers_back() -> None:
    text = "We have grown CrSbSe3. The Curie temperature is 108 K."
    assert said(text) == []
    assert said(text, "A layered ferromagnet: CrSbSe3") == told("CrSbSe3 CURIE 108")
    assert said(text.replace("The C", "Its C")) == told("CrSbSe3 CURIE 108")


def test_the_compound_of_the_title_outweighs_one_named_in_passing() -> None:
    text = "Its Hamiltonian resembles that of KNbO3. A cubic-tetragonal transition is found at 660 K."
    assert said(text, "Phase transitions of PbTiO3") == told("PbTiO3 STRUCT 660")
    variant = "Undoped La2CuIrO6 was studied first. A Néel temperature of 74 K is found."
    assert said(variant, "Magnetism of (La1-xSrx)2CuIrO6") == told("La2CuIrO6 NEEL 74")


def test_a_compound_told_in_contrast_is_not_the_one_referred_to() -> None:
    text = "PrNiO3 was studied. Its metal-insulator transition at 130 K is sharp, whereas LaNiO3 stays a metal."
    assert said(text) == told("PrNiO3 MIT 130")


def test_respectively_reaches_back_to_the_compounds_named_before() -> None:
    text = "GdRu2 and HoRu2 were prepared. Both materials order ferromagnetically at 82 and 15 K, respectively."
    assert said(text, "Ruthenides") == told("GdRu2 CURIE 82 HoRu2 CURIE 15")


def test_elements_are_read_by_their_symbol_where_a_value_is_theirs() -> None:
    text = "The Curie temperatures are 1043 K for Fe and 627 K for fcc Ni."
    assert said(text) == told("Fe CURIE 1043 Ni CURIE 627")


def test_a_short_name_is_the_compound_it_stands_for() -> None:
    text = "We grew bilayers of La0.7Sr0.3MnO3 (LSMO) and BiFeO3. The LSMO film is ferromagnetic with a TC of 330 K."
    assert said(text) == told("La0.7Sr0.3MnO3 CURIE 330")


@pytest.mark.parametrize(
    ("text", "written", "number", "expected"),
    [
        ("R = Tb and Tm", "RPtIn", 2, ["TbPtIn", "TmPtIn"]),
        ("for X = I, Br, and Cl.", "K2SnX6", 3, ["K2SnI6", "K2SnBr6", "K2SnCl6"]),
        ("for x = 0 and 0.5", "La1-xSrxMnO3", 2, ["LaMnO3", "La0.5Sr0.5MnO3"]),
        ("for x = 0.1, 0.2", "Co[Al1-xCox]2O4", 2, ["Co1.2Al1.8O4", "Co1.4Al1.6O4"]),
        ("for x = 0.1, 0.2 and 0.3", "La1-xSrxMnO3", 2, []),
        ("for x = 0.1 and 0.2", "LaMnO3", 2, []),
        ("R = Tb and Qq", "RPtIn", 2, []),
    ],
)
def test_members_of_a_series(text: str, written: str, number: int, expected: list[str]) -> None:
    series = Mention(0, len(written), written, None, "formula")
    found = [m.formula for m in members(text, (0, len(text)), series, number)]
    assert found == [reduce(e) for e in expected]


def test_points_and_isotopes() -> None:
    value = Value(0, 4, 40.0, None, None, "K")
    assert is_point(value, "The anomaly lies at ", ".")
    assert not is_point(value, "spectra were taken at ", ".")
    assert is_point(value, "spectra reveal a transition at ", ".")
    assert not is_point(value, "changes by ", ".")
    assert is_isotope("fermionic 40K atoms", Value(10, 13, 40.0, None, None, "K"))
    assert not is_isotope("orders at 40 K in", Value(10, 14, 40.0, None, None, "K"))


@pytest.mark.parametrize(
    "text",
    [
        "No superconductivity was seen in PdH at 2 K.",
        "There is no evidence of charge order in Sr3Ru2O7 at 150 K.",
        "TaS2 is not superconducting at 2 K.",
        "VO2 does not become metallic below 340 K.",
        "Neither CrSBr nor FePS3 orders magnetically below 130 K.",
        "The absence of a ferroelectric transition in SrTiO3 above 4 K is an effect of fluctuations.",
        "In EuSe, superconductivity was not observed at 2 K.",
    ],
)
def test_what_is_denied_is_no_transition(text: str) -> None:
    assert said(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Without doping, EuTiO3 orders antiferromagnetically at 5.5 K.", "EuTiO3 NEEL 5.5"),
        ("MnF2 not only orders antiferromagnetically at 67 K but also reorients.", "MnF2 NEEL 67"),
        ("With no change in the Curie temperature of 300 K, CrTe was diluted.", "CrTe CURIE 300"),
        ("Strain does not affect the Neel temperature of 307 K of Cr2O3.", "Cr2O3 NEEL 307"),
        ("CrO2 has no gap, and its Curie temperature is 390 K.", "CrO2 CURIE 390"),
    ],
)
def test_a_denial_of_something_else_denies_no_transition(text: str, expected: str) -> None:
    assert said(text) == told(expected)


def test_linking_a_sentence_of_a_long_text_takes_no_longer() -> None:
    took = []
    for number in (500, 50_000):
        text = "VO2 " * number + "at 340 K"
        mentions = [Mention(4 * i, 4 * i + 3, "VO2", "VO2", "formula") for i in range(number)]
        value = Value(4 * number + 3, len(text), 340.0, None, None, "K")
        start = time.process_time()
        for _ in range(5):
            linked(text, [value], [[value]], mentions, None, (4 * number - 4, len(text)))
        took.append(time.process_time() - start)
    assert took[1] < 10 * took[0] + 0.1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("To study the metal-insulator transition we cooled NdNiO3 to 7 K.", ""),
        ("PbTiO3 was poled at 423 K, its Curie temperature being 763 K.", "PbTiO3 CURIE 763"),
        ("PbTiO3 was kept near 423 K, its Curie temperature is 763 K.", "PbTiO3 CURIE 763"),
        ("The paramagnetic Curie temperature of GdN is 81 K.", ""),
    ],
)
def test_temperatures_of_treatment_and_of_fits_are_no_transition(text: str, expected: str) -> None:
    assert said(text) == told(expected)
