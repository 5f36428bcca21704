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
        ("lithium cobaltate", "LiCoO2"),
        ("lanthanum cobaltite", "LaCoO3"),
        ("boron trioxide", "B2O3"),
        ("tungsten trioxide", "WO3"),
        ("zirconyl nitrate", "ZrN2O7"),
        ("cobaltous nitrate hexa-hydrate", "Co(NO3)2·6H2O"),
        ("yttrium nitrate n-hydrate", "Y(NO3)3·nH2O"),
        ("calcium hydrogen phosphate", "CaHPO4"),
        ("ammonium dihydrogen orthophosphate", "NH4H2PO4"),
        ("neodymium disilicate", "Nd2Si2O7"),
        ("Titanium iso-propoxide", "Ti(OC3H7)4"),
        ("tricalcium phosphate", "Ca3(PO4)2"),
        ("dicalcium nitrate", None),  # two calcium ions and one nitrate are none
        ("zinc ferrite", "ZnFe2O4"),
        ("yttrium ferrite", "YFeO3"),
        ("gadolinium gallium garnet", "Gd3Ga5O12"),
        ("barium strontium titanate", "Ba1-xSrxTiO3"),
        ("lanthanum-calcium manganite", "La1-xCaxMnO3"),
        ("nickel zinc ferrite", "(Ni1-xZnx)Fe2O4"),
        ("lithium nickel oxide", "LiNiO2"),
        ("sodium iron phosphate", "NaFePO4"),
        ("magnesium chromium oxide", "MgCr2O4"),
        ("titanium silicon carbide", None),  # charges that add up do not make a known compound
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
