"""Names of compounds and the formulas they stand for."""

import pytest

from etl.text import names
from etl.text.formula import reduce


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("vanadium dioxide", "VO2"),
        ("Vanadium  Dioxide", "VO2"),
        ("magnetite", "Fe3O4"),
        ("YAG", "Y3Al5O12"),
        ("manganese (II) nitrate", "Mn(NO3)2"),
        ("manganese(II) nitrate tetrahydrate", "MnH8N2O10"),
        ("iron(III) oxide", "Fe2O3"),
        ("iron (II) oxide", "FeO"),
        ("ferrous sulfate heptahydrate", "FeSO4·7H2O"),
        ("copper oxide", "CuO"),
        ("vanadium pentoxide", "V2O5"),
        ("divanadium pentoxide", "V2O5"),
        ("dichromium trioxide", "Cr2O3"),
        ("chromium sesquioxide", "Cr2O3"),
        ("manganese di-oxide", "MnO2"),
        ("scandium monochloride", "ScCl"),
        ("Al-nitrate hydrate", "Al(NO3)3·H2O"),
        ("calcium sulfate hemihydrate", "CaSO4·0.5H2O"),
        ("hydrated tin (II) chloride", "SnCl2·H2O"),
        ("ammonium carbonate", "(NH4)2CO3"),
        ("titanium(IV) butoxide", "Ti(OC4H9)4"),
        ("lithium cobaltate", None),  # Li is 1+, CoO3 wants 3+
        ("lanthanum cobaltite", "LaCoO3"),
        ("yttrium aluminate", "YAlO3"),
        ("Er chlorides", "ErCl3"),
        ("boron nitride", "BN"),
        ("yttrium nitride", "YN"),
    ],
)
def test_a_name_stands_for_a_formula(name: str, formula: str | None) -> None:
    found = names.resolve(name)
    assert (reduce(found) if found else None) == (reduce(formula) if formula else None)


@pytest.mark.parametrize(
    "name",
    ["", " ", "1 oxide", "oxide", "hello world", "iron", "noble nitride", "x" * 90, "yag", "zirconium (X) oxide"],
)
def test_what_names_no_compound(name: str) -> None:
    found = names.resolve(name)
    assert found is None or found == "Fe"


def test_every_name_of_the_dictionary_reads() -> None:
    words = names.dictionary()
    for formula in [*words["names"].values(), *words["abbreviations"].values(), *words["mixture_parts"].values()]:
        assert reduce(formula)
    assert words["elements"]["yttrium"] == "Y"  # YAML reads a bare Y or N as true or false
    assert words["elements"]["nitrogen"] == "N"
    assert words["charges"]["Y"] == 3
