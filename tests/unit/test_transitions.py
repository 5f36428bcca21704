"""Which value a text gives for which transition or property of which compound, and what is no such value."""

from pathlib import Path

import polars as pl
import pytest

from etl.text import extract, properties, quantities
from etl.text.quantities import Value, values
from schemas.errors import InputError

UNITS = properties.configuration().units


def read(text: str, kind: str = "transition", **options: object) -> list[dict[str, object]]:
    docs = pl.DataFrame({"document_id": ["d"], "abstract": [text]})
    return extract.extract(docs, kinds=(kind,), **options)[0].to_dicts()  # type: ignore[arg-type]


def said(text: str) -> list[tuple[object, object, object]]:
    return [(r["formula"], r["type"], r["value"]) for r in read(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("VO$_2$ shows a metal-insulator transition at $T_{MI}=340$ K.", ("VO2", "MIT", 340.0)),
        ("The Verwey transition of Fe3O4 takes place at 122 K.", ("Fe3O4", "MIT", 122.0)),
        ("Charge ordering sets in at T_CO = 240 K in Pr0.5Ca0.5MnO3.", ("Ca0.5Pr0.5MnO3", "CO", 240.0)),
        ("TiSe2 forms a charge density wave below 202 K.", ("TiSe2", "CDW", 202.0)),
        ("CuGeO3 undergoes a spin-Peierls transition at 14 K.", ("CuGeO3", "SP", 14.0)),
        ("NdNiO3 orders below the Néel temperature T_N = 200 K.", ("NdNiO3", "NEEL", 200.0)),
        ("The Curie temperature of SrRuO3 is 160 K.", ("SrRuO3", "CURIE", 160.0)),
        ("tetragonal MnAu4 with a Curie temperature of 385 K, where Mn has a moment", ("MnAu4", "CURIE", 385.0)),
        ("The magnetic transition of CrO2 is near 375 K.", ("CrO2", "MAG", 375.0)),
        ("MgB2 becomes superconducting at 39 K.", ("MgB2", "SC", 39.0)),
        ("A structural phase transition of SrTiO3 occurs at 105 K.", ("SrTiO3", "STRUCT", 105.0)),
        ("The ferroelectric transition of BaTiO3 is found at 393 K.", ("BaTiO3", "FE", 393.0)),
        ("The Curie temperature of ferroelectric BaTiO3 is 393 K.", ("BaTiO3", "FE", 393.0)),
        ("Superconducting NbN has Tc = 16 K.", ("NbN", "SC", 16.0)),
        ("In ferromagnetic EuO, T$_C$ is 69 K.", ("EuO", "CURIE", 69.0)),
    ],
)
def test_each_type_of_transition_is_told_by_its_cue(text: str, expected: tuple[str, str, float]) -> None:
    assert said(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "The Curie-Weiss temperature of CuO is 340 K.",
        "The Debye temperature of VO2 is 750 K.",
        "Spectra of VO2 were measured at 300 K.",
        "Films of VO2 were annealed at 723 K.",
        "The blocking temperature of CoFe2O4 particles is 145 K.",
        "Data of VO2 were taken in the temperature range 4-300 K.",
        "The metal-insulator transition of VO2 has a hysteresis of 8 K.",
        "The metal-insulator transition of VO2 shifts by 12 K.",
        "The metal-insulator transition of VO2 was tuned over a 50 K window.",
        "The Curie temperature of EuO is high.",
        "EuO has a moment of 6.8 emu/g at 2 K.",
        "The heating rate was 5 K/min through the metal-insulator transition of VO2.",
        "The metal-insulator transition of VO2 is at 34000 K.",  # out of the range of the property
    ],
)
def test_what_only_looks_like_a_transition_temperature(text: str) -> None:
    assert said(text) == []


def test_a_temperature_of_measurement_does_not_hide_the_transition() -> None:
    text = "Eu3O4 films have a Curie temperature of about 5.5 K, with a magnetic moment of 0.0032 emu/g at 2 K."
    assert said(text) == [("Eu3O4", "CURIE", 5.5)]


def test_values_keep_their_units_and_ranges() -> None:
    (celsius,) = read("The metal-insulator transition of VO2 occurs at 68 °C.")
    assert celsius["value"] == pytest.approx(341.15)
    (ranged,) = read("The Verwey transition of magnetite occurs around 120-125 K.")
    assert (ranged["value"], ranged["low"], ranged["high"], ranged["unit"]) == (None, 120.0, 125.0, "K")
    (cold,) = read("Superconducting Sr2RuO4 has Tc = 930 mK.")
    assert cold["value"] == pytest.approx(0.93)


def test_two_values_and_two_compounds_are_paired() -> None:
    text = "The metal-insulator transition of PrNiO3 and NdNiO3 occurs at 130 K and 200 K, respectively."
    assert set(said(text)) == {("PrNiO3", "MIT", 130.0), ("NdNiO3", "MIT", 200.0)}
    assert {r["rule"] for r in read(text)} == {"transition:cue:respectively"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "NdNiO3 shows a metal-insulator transition at TMI = 200 K, while SmNiO3 has TMI = 400 K.",
            "NdNiO3 200 SmNiO3 400",
        ),
        ("NdNiO3 has a metal-insulator transition at 200 K; SmNiO3 at 400 K.", "NdNiO3 200 SmNiO3 400"),
        ("VO2 has a metal-insulator transition at 340 K, and V2O3 shows one at 160 K.", "VO2 340 V2O3 160"),
        ("VO2 has a metal-insulator transition at 340 K and V2O3 at 160 K.", "VO2 340 V2O3 160"),
        ("VO2 has a metal-insulator transition at 340 K, whereas NbO2 has it at 1080 K.", "VO2 340 NbO2 1080"),
        ("VO2 has a metal-insulator transition temperature of 340 K, NbO2 one of 1080 K.", "VO2 340 NbO2 1080"),
        ("The metal-insulator transition occurs at 340 K in VO2 and at 160 K in V2O3.", "VO2 340 V2O3 160"),
        ("The Curie temperatures are 69 K for EuO, 160 K for SrRuO3, and 375 K for CrO2.", "EuO 69 SrRuO3 160"),
        ("Verwey transitions appear at 122 K (Fe3O4) and 340 K (VO2).", "Fe3O4 122 VO2 340"),
        ("At 340 K, VO2 has its metal-insulator transition, and V2O3 at 160 K.", "VO2 340 V2O3 160"),
        ("The 340 K metal-insulator transition of VO2 is sharper than that of V2O3 at 160 K.", "VO2 340 V2O3 160"),
        ("The metal-insulator transition is seen at 340 K in epitaxial films of VO2, V2O3 has none.", "VO2 340"),
        ("NiO, with a Néel temperature of 523 K, and CoO, with one of 289 K, were studied.", "NiO 523 CoO 289"),
    ],
)
def test_a_value_stays_in_its_clause(text: str, expected: str) -> None:
    assert " ".join(f"{formula} {value:g}" for formula, _, value in said(text)) == expected


def test_lists_of_any_length_are_paired() -> None:
    told = "NdNiO3, SmNiO3 and EuNiO3 have metal-insulator transition temperatures of 200, 400 and 460 K, respectively."
    three = [("NdNiO3", "MIT", 200.0), ("SmNiO3", "MIT", 400.0), ("EuNiO3", "MIT", 460.0)]
    assert said(told) == three
    assert {r["rule"] for r in read(told)} == {"transition:cue:respectively"}
    bare = "The metal-insulator transitions of PrNiO3, NdNiO3, SmNiO3, and EuNiO3 are 130, 200, 400, and 460 K."
    assert said(bare) == [("PrNiO3", "MIT", 130.0), *three]
    assert {r["rule"] for r in read(bare)} == {"transition:cue:listed"}
    measured = "The metal-insulator transition of VO2 was measured at 10, 20, 30 and 40 K."
    assert said(measured) == []  # none of a list of conditions is a value


@pytest.mark.parametrize(
    "text",
    [
        "The metal-insulator transition temperatures of PrNiO3, NdNiO3 and SmNiO3 are 130, 200, 400, and 460 K.",
        "NdNiO3, SmNiO3 and EuNiO3 have metal-insulator transitions at 200 and 400 K.",
        "NdNiO3 and SmNiO3 have a metal-insulator transition at 200 K.",
        "The magnetic and structural transitions of CrN are at 280, 285 and 290 K, respectively.",
    ],
)
def test_lists_of_different_lengths_are_no_sure_pairs(text: str) -> None:
    rows = read(text)
    assert rows
    assert all(float(str(r["confidence"])) <= 0.3 for r in rows)


def test_one_compound_may_have_several_values() -> None:
    text = "RNiO3 has metal-insulator transitions at 130, 200 and 400 K."
    assert [r["value"] for r in read(text)] == [130.0, 200.0, 400.0]
    assert all(float(str(r["confidence"])) > 0.5 for r in read(text))


def test_a_value_goes_to_the_compound_that_is_spoken_of() -> None:
    film = "EuO films on Al2O3 substrates show a Curie temperature of 69 K."
    assert said(film) == [("EuO", "CURIE", 69.0)]
    before = "We study SrRuO3. It is metallic. Its Curie temperature is 160 K."
    assert said(before) == [("SrRuO3", "CURIE", 160.0)]
    compared = "ScCl sheets have an energy lower than that of graphene. Their Curie temperature is 100 K."
    assert said(compared) == [("ScCl", "CURIE", 100.0)]
    kind = "MnCoGe has the Ni2In-type structure and a Curie temperature of 238 K."
    assert [r[0] for r in said(kind)] == ["MnCoGe"]
    docs = pl.DataFrame(
        {"document_id": ["d"], "title": ["The Verwey transition of Fe3O4"], "abstract": ["It is 122 K."]}
    )
    assert extract.extract(docs, kinds=("transition",))[0].height == 0  # no cue beside the value
    docs = docs.with_columns(abstract=pl.lit("The Verwey temperature is 122 K."))
    (row,) = extract.extract(docs, kinds=("transition",))[0].to_dicts()
    assert (row["formula"], row["field"], row["rule"]) == ("Fe3O4", "abstract", "transition:cue:title")
    later = "A Curie temperature of 160 K is found. The compound is SrRuO3."
    assert read(later) == []  # without a title nothing says that it is the one compound spoken of
    docs = pl.DataFrame({"document_id": ["d"], "title": ["A ferromagnet"], "abstract": [later]})
    assert extract.extract(docs, kinds=("transition",))[0]["rule"].to_list() == ["transition:cue:document"]
    assert said("A Curie temperature of 160 K is found.") == []  # of nothing


def test_gaps_and_jumps_are_properties() -> None:
    (gap,) = read("VO2 has an optical band gap of 0.6 eV.", "property")
    assert (gap["type"], gap["formula"], gap["value"], gap["unit"]) == ("band_gap", "VO2", 0.6, "eV")
    (small,) = read("The energy gap of Ca2RuO4 is 200 meV.", "property")
    assert small["value"] == pytest.approx(0.2)
    (jump,) = read("The resistivity of VO2 drops by four orders of magnitude.", "property")
    assert (jump["type"], jump["value"], jump["unit"]) == ("resistivity_jump", 4.0, "decades")
    (factor,) = read("The resistance of V2O3 changes by a factor of 10^7.", "property")
    assert factor["value"] == 7.0
    assert read("The superconducting gap of MgB2 is 7 meV.", "property") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 to 5 orders of magnitude", [(None, 3.0, 5.0)]),
        ("two decades", [(2.0, None, None)]),
        ("a factor of 100", [(2.0, None, None)]),
        ("a factor of 2 × 10^3", [(pytest.approx(3.30103), None, None)]),
        ("a factor of 1", []),
        ("a factor of 0.5", []),
        ("a factor of 1,000", [(3.0, None, None)]),
    ],
)
def test_jumps_are_counted_in_decades(text: str, expected: list[tuple[float | None, ...]]) -> None:
    assert [(v.value, v.low, v.high) for v in values(text, "decades", UNITS)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at 300 K", [(300.0, None, None)]),
        ("between 10 and 20 K", [(None, 10.0, 20.0)]),
        ("10 and 20 K", [(10.0, None, None), (20.0, None, None)]),
        ("raised from 10 to 20 K", [(10.0, None, None), (20.0, None, None)]),
        ("10 to 20 K", [(None, 10.0, 20.0)]),
        ("4.70(1) K", [(4.7, None, None)]),
        ("5 ± 1 K", [(5.0, None, None)]),
        ("-5 °C to 10 °C", [(None, 268.15, 283.15)]),
        ("at -10 °C", [(263.15, None, None)]),
        ("between -10 and -5 °C", [(None, 263.15, 268.15)]),
        ("at -5 K or at -300 °C", []),  # below absolute zero
        ("200-300 K", [(None, 200.0, 300.0)]),
        ("200 - 300 K", [(None, 200.0, 300.0)]),
        ("VO2-300 K", [(300.0, None, None)]),
        ("at T-5 K and at TC - 10 K", []),  # differences
        ("at 1,340 K", [(1340.0, None, None)]),
        ("1,200-1,300 K", [(None, 1200.0, 1300.0)]),
        ("at 100,200 K", [(100.0, None, None), (200.0, None, None)]),
        (
            "130, 200, 400, and 460 K",
            [(130.0, None, None), (200.0, None, None), (400.0, None, None), (460.0, None, None)],
        ),
        ("10 K, 20 to 30 K or 40 K", [(10.0, None, None), (None, 20.0, 30.0), (40.0, None, None)]),
        ("341 K, i.e., 68 °C", [(341.0, None, None)]),
        ("68 °C (341 K)", [(341.15, None, None)]),
        ("340 K (about 67 °C)", [(340.0, None, None)]),
        ("335-341 K (62-68 °C)", [(None, 335.0, 341.0)]),
        ("341 K, i.e., 78 °C", [(341.0, None, None), (351.15, None, None)]),  # not the same
        ("341 K (342 K)", [(341.0, None, None), (342.0, None, None)]),
        ("5 K/min or 3 K min-1", []),
        ("1300 Kelvin", [(1300.0, None, None)]),
        ("version 1.2.3 K", []),
    ],
)
def test_temperatures_as_written(text: str, expected: list[tuple[float | None, ...]]) -> None:
    assert [(v.value, v.low, v.high) for v in values(text, "K", UNITS)] == [pytest.approx(e) for e in expected]


def test_units_of_a_configuration_are_converted() -> None:
    table = {"GPa": {"GPa": (1.0, 0.0), "kbar": (0.1, 0.0)}}
    assert values("at 20 kbar and 3-5 GPa", "GPa", table) == [
        Value(3, 10, 2.0, None, None, "GPa"),
        Value(15, 22, None, 3.0, 5.0, "GPa"),
    ]
    gaps = values("0.5 eV and 300 meV, 1, 2 and 3 eV; -0.5 eV", "eV", UNITS)
    assert [v.value for v in gaps] == pytest.approx([0.5, 0.3, 1.0, 2.0, 3.0, -0.5])
    assert quantities.values("at 3 T", "T", {}) == [Value(3, 6, 3.0, None, None, "T")]


def test_another_configuration_finds_other_things(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("- {name: bulk_modulus, unit: GPa, range: [1, 1000], cues: [bulk modulus]}\n", "utf-8")
    (row,) = read("The bulk modulus of MgO is 160 GPa.", "property", properties=str(path))
    assert (row["type"], row["formula"], row["value"], row["unit"]) == ("bulk_modulus", "MgO", 160.0, "GPa")
    assert read("VO2 has a metal-insulator transition at 340 K.", "transition", properties=str(path)) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("surprise: true", "surprise (unknown key)"),
        ("{properties: [], surprise: true}", "surprise"),
        ("- {name: a, unit: K, range: [1], cues: [x]}", "range"),
        ("3", "no mapping or list"),
        ("properties: 3", "properties"),
        ("{units: 3, properties: []}", "units"),
        ("- {name: hue, unit: K, range: [5, 2], cues: [hue]}", "no value is between"),
        ('- {name: "", unit: K, range: [1, 2], cues: [hue]}', "name"),
        ("a: [", "not valid YAML"),
        ("\xff", "see etl/text/properties.yaml"),
    ],
)
def test_a_broken_configuration_is_told(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(content, "utf-8")
    with pytest.raises(InputError, match=r"p\.yaml") as caught:
        properties.configuration(str(path))
    assert message in str(caught.value)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot read"):
        properties.configuration(str(tmp_path / "none.yaml"))


def test_a_value_told_in_two_units_is_one_record() -> None:
    (row,) = read("VO2 has its metal-insulator transition at 341 K, i.e., 68 °C.")
    assert row["value"] == 341.0
    assert said("VO2 has its metal-insulator transition at 68 °C (341 K).") == [("VO2", "MIT", pytest.approx(341.15))]


def test_signs_and_thousands_reach_the_record() -> None:
    assert said("The metal-insulator transition of VO2 lies at −10 °C.") == [("VO2", "MIT", pytest.approx(263.15))]
    assert said("The metal-insulator transition of NbO2 lies at 1,080 K.") == [("NbO2", "MIT", 1080.0)]
    assert said("The metal-insulator transition of VO2 lies at -5 K.") == []
