"""The shipped properties beside transitions, each with a sentence, and what is another quantity in the same unit."""

import polars as pl
import pytest

from etl.text.extract import extract


def said(text: str) -> list[tuple[str, str, float | None, str]]:
    found = extract(pl.DataFrame([{"document_id": "d", "abstract": text}]), kinds=("property",))[0]
    return [
        (r["type"], r["formula"], None if r["value"] is None else float(f"{r['value']:.4g}"), r["unit"])
        for r in found.to_dicts()
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The optical band gap of NiO is 3.7 eV.", ("band_gap", "NiO", 3.7, "eV")),
        ("Transport in TiO2 follows an activation energy of 45 meV.", ("activation_energy", "TiO2", 0.045, "eV")),
        ("The lattice parameter of MgO is a = 4.21 Å.", ("lattice_parameter", "MgO", 4.21, "angstrom")),
        ("The lattice constant of MgO is 0.421 nm.", ("lattice_parameter", "MgO", 4.21, "angstrom")),
        ("The resistivity of SrVO3 at 300 K is 50 μΩ cm.", ("resistivity", "SrVO3", 5e-5, "ohm cm")),
        ("The resistance of VO2 changes by 4 orders of magnitude.", ("resistivity_jump", "VO2", 4.0, "decades")),
        ("VO2 films show a thermal hysteresis of 8 K.", ("hysteresis_width", "VO2", 8.0, "K")),
        ("The metal-insulator transition of VO2 at 340 K has a hysteresis width of 6 K.",
         ("hysteresis_width", "VO2", 6.0, "K")),
    ],
)  # fmt: skip
def test_each_shipped_property_is_read(text: str, expected: tuple[str, str, float, str]) -> None:
    assert said(text) == [expected]


def test_three_axes_are_three_values() -> None:
    text = "The lattice constants of VO2 are a = 5.75 Å, b = 4.53 Å and c = 5.38 Å."
    assert [r[2] for r in said(text)] == [5.75, 4.53, 5.38]


@pytest.mark.parametrize(
    "text",
    [
        "The exciton binding energy of ZnO is 60 meV, beside its gap.",
        "The layer of MgO is 5 Å thick and has another lattice constant.",
        "The superconducting gap of MgB2 is 7 meV.",
        "The thermal hysteresis of VO2 is 8 °C.",  # a difference: not 281 K
        "The dispersion of VO2 spans two orders of magnitude.",
    ],
)
def test_other_quantities_are_not_read(text: str) -> None:
    assert said(text) == []
