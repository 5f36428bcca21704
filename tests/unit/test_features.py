"""Features of compositions and structures against independent values."""

import math

import numpy as np
import polars as pl
import pytest

from etl import reference
from etl.features.composition import Parsed, composition, parse
from etl.features.elements import SYMBOLS
from etl.features.formulas import FormulaError, parse_numeric, reduced_formula
from etl.features.grouping import family_ln, family_tm_anion, formula_anonymous, groupings
from etl.features.ionization import ionization_energy
from etl.features.oxidation import ranked
from etl.features.states import Ions
from etl.features.structure import featurize_text, structure
from etl.structures.cif import to_cif
from etl.structures.texts import read_poscar
from schemas.emit.polars import inspect
from schemas.errors import InputError
from schemas.tables import REGISTRY

ROCK_SALT = """NaCl
1.0
5.64 0 0
0 5.64 0
0 0 5.64
Na Cl
4 4
direct
0 0 0
0 0.5 0.5
0.5 0 0.5
0.5 0.5 0
0.5 0.5 0.5
0.5 0 0
0 0.5 0
0 0 0.5
"""
RUTILE = """VO2
1.0
4.55 0 0
0 4.55 0
0 0 2.85
V O
2 4
direct
0 0 0
0.5 0.5 0.5
0.3 0.3 0
0.7 0.7 0
0.8 0.2 0.5
0.2 0.8 0.5
"""
ODD = ["VO2", "NaN", "La0.7Sr0.3MnO3", "Fe", "GaMo4S8", "Ca(OH)2", "H2O", "Ba2Ca2Cu3HgO8", "CuIr2S4", "C60"]


def test_magpie_equals_matminer() -> None:
    from matminer.featurizers.composition import ElementProperty
    from pymatgen.core import Composition

    featurizer = ElementProperty.from_preset("magpie", impute_nan=False)
    formulas = ODD + reference.labelled_compounds()["formula"].head(30).to_list()
    ours = composition(pl.DataFrame({"formula": formulas}))
    names = featurizer.feature_labels()
    for formula, row in zip(formulas, ours.select(names).iter_rows(), strict=True):
        theirs = featurizer.featurize(Composition(formula))
        np.testing.assert_allclose(row, theirs, rtol=1e-9, atol=1e-9, err_msg=formula)


def test_a_formula_that_is_none_stays_with_a_reason() -> None:
    found = composition(pl.DataFrame({"n": [1, 2, 3, 4], "formula": ["VO2", "Xx2O3", None, "((("]}))
    assert found["ok"].to_list() == [True, False, False, False]
    assert found["reason"].null_count() == 1
    assert found["MagpieData mean Number"].null_count() == 3
    with pytest.raises(InputError, match="missing column name"):
        composition(found, column="name")
    with pytest.raises(InputError, match="unknown set"):
        composition(found, set="huge")


def test_extended_features_know_charge_and_d_electrons() -> None:
    row = composition(pl.DataFrame({"formula": ["VO2", "Fe3O4"]}), set="extended").to_dicts()
    assert row[0]["charge_balanced"] == 1
    assert row[0]["tm_oxidation_mean"] == pytest.approx(4)
    assert row[0]["d_count_mean"] == pytest.approx(1)  # V4+ is d1
    assert row[1]["tm_oxidation_mean"] == pytest.approx(8 / 3)
    table = REGISTRY["feat.composition"]
    frame = composition(pl.DataFrame({"formula": ODD}), set="extended").select(list(table.column_names))
    assert inspect(frame, table).rejected_rows == 0


@pytest.mark.parametrize(
    ("formula", "states"),
    [
        ("CaCu3Ti4O12", {"Ca": 2, "Cu": 2, "Ti": 4, "O": -2}),
        ("NaCu3Ti4O12", {"Na": 1, "Cu": 7 / 3, "Ti": 4, "O": -2}),
        ("LaCu3Fe4O12", {"La": 3, "Cu": 3, "Fe": 3, "O": -2}),  # Long et al., Nature 458, 60 (2009)
        ("PrFe4Cu3O12", {"Pr": 3, "Fe": 3, "Cu": 3, "O": -2}),
        ("BaPrO3", {"Ba": 2, "Pr": 4, "O": -2}),
        ("La2NiMnO6", {"La": 3, "Ni": 2, "Mn": 4, "O": -2}),
        ("FeTiO3", {"Fe": 2, "Ti": 4, "O": -2}),
        ("CuFeO2", {"Cu": 1, "Fe": 3, "O": -2}),
        ("EuTiO3", {"Eu": 2, "Ti": 4, "O": -2}),
        ("EuFeO3", {"Eu": 3, "Fe": 3, "O": -2}),
        ("Tl2Ru2O7", {"Tl": 3, "Ru": 4, "O": -2}),
        ("BaBiO3", {"Ba": 2, "Bi": 4, "O": -2}),
        ("SnO", {"Sn": 2, "O": -2}),
        ("GaMo4S8", {"Ga": 3, "Mo": 3.25, "S": -2}),
    ],
)
def test_who_is_oxidised_is_told_as_a_chemist_would(formula: str, states: dict[str, float]) -> None:
    parsed = parse([formula])
    order = ["".join(f"{SYMBOLS[z - 1]}{n:g}" for z, n in pairs) for pairs in _both_ways(parsed)]
    for text in order:  # however it is written
        one = parse([text])
        ions = Ions.of(one.numbers[None], one.amounts[None])
        found = {SYMBOLS[z - 1]: v for z, v in zip(one.numbers.tolist(), ions.states[0].tolist(), strict=True)}
        assert found == pytest.approx(states)
        assert ions.left[0] == pytest.approx(0)


def _both_ways(parsed: Parsed) -> list[list[tuple[int, float]]]:
    pairs = list(zip(parsed.numbers.tolist(), parsed.amounts.tolist(), strict=True))
    return [pairs, pairs[::-1]]


def test_charge_that_no_usual_states_take_is_left_over() -> None:
    parsed = parse(["NaCl2", "XeFeO3"])
    ions = [Ions.of(parsed.numbers[None, a:b], parsed.amounts[None, a:b]) for a, b in ((0, 2), (2, 5))]
    assert ions[0].left[0] == pytest.approx(-1)
    assert np.isnan(ions[1].left[0])
    assert ions[1].states[0][2] == -2  # O needs no one to be told


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("Ca(OH)2", {"Ca": 1, "O": 2, "H": 2}),
        ("La0.7Sr0.3MnO3", {"La": 0.7, "Sr": 0.3, "Mn": 1, "O": 3}),
        ("K3[Fe(CN)6]", {"K": 3, "Fe": 1, "C": 6, "N": 6}),
        ("NaN", {"Na": 1, "N": 1}),
    ],
)
def test_numeric_formulas(text: str, amounts: dict[str, float]) -> None:
    assert parse_numeric(text) == pytest.approx(amounts)


@pytest.mark.parametrize("text", ["", "Zz", "Ca(OH", "OH)2", "VO-2", "V O2 x", "2", "V0"])
def test_what_is_no_numeric_formula(text: str) -> None:
    with pytest.raises(FormulaError):
        parse_numeric(text)


def test_names_of_groups() -> None:
    amounts = parse_numeric("LaNiO3")
    assert reduced_formula(parse_numeric("V2O4")) == "VO2"
    assert formula_anonymous(amounts) == "ABC3"
    assert family_tm_anion(amounts) == "Ni|O"
    assert family_ln(amounts) == family_ln(parse_numeric("NdNiO3"))
    found = groupings(pl.DataFrame({"formula": ["VO2", "what"]}))
    assert found["chemsys"].to_list() == ["O-V", None]


def test_published_groupings_are_met() -> None:
    table = reference.labelled_compounds()
    ours = groupings(table.select("formula"))
    for name in ("chemsys", "family_tm_anion", "formula_anonymous"):
        same = (ours[name] == table[name]).mean()
        assert same > 0.97, name  # type: ignore[operator]


def test_the_madelung_constant_of_rock_salt() -> None:
    # alpha = 1.747565; E per ion pair = -alpha k / d, k = 14.39965 eV A, half a pair an atom.
    found = featurize_text(None, ROCK_SALT)
    assert found["ewald_energy_per_atom"] == pytest.approx(-1.747565 * 14.39965 / 2.82 / 2, rel=1e-4)
    assert found["avg_mx_dists"] == pytest.approx(2.82)
    assert found["avg_xx_dists"] == pytest.approx(5.64 / math.sqrt(2), rel=1e-3)


def test_distances_and_energies_of_rutile() -> None:
    found = featurize_text(None, RUTILE)
    assert found["min_mm_dists"] == pytest.approx(2.85)
    assert found["min_mx_dists"] == pytest.approx(math.sqrt(2 * (0.2 * 4.55) ** 2 + (2.85 / 2) ** 2), rel=1e-6)
    gap = ionization_energy("V", 5)
    level = ionization_energy("V", 4)
    assert gap is not None
    assert level is not None
    # U = I_(v+1) - I_v - 14.39965 / d_MM, Torrance et al. 1991.
    assert found["est_hubbard_u"] == pytest.approx(gap - level - 14.39965 / found["avg_mm_dists"], rel=1e-4)


def test_ionization_energies_are_linear_between_states() -> None:
    two, three = ionization_energy("Fe", 2), ionization_energy("Fe", 3)
    assert two is not None
    assert three is not None
    assert ionization_energy("Fe", 2.5) == pytest.approx((two + three) / 2)
    assert ionization_energy("Fe", -1) is None
    assert ionization_energy("Zz", 2) is None
    assert ionization_energy("V", 40) is None


def test_a_metal_has_no_anion_features_and_says_so() -> None:
    iron = "Fe\n1.0\n2.87 0 0\n0 2.87 0\n0 0 2.87\nFe\n2\ndirect\n0 0 0\n0.5 0.5 0.5\n"
    cifs = [to_cif(read_poscar(iron)), to_cif(read_poscar(RUTILE)), "no cif", None]
    found = structure(pl.DataFrame({"cif": cifs}, schema={"cif": pl.String}))
    assert found["ok"].to_list() == [True, True, False, False]
    assert found["avg_mx_dists"].to_list()[0] is None
    assert "avg_mx_dists" in found["reasons"].to_list()[0]
    assert found["avg_mx_dists"].to_list()[1] is not None
    assert all(found["reason"].to_list()[2:])
    with pytest.raises(InputError, match="cif or poscar"):
        structure(found.select("ok"))


def test_workers_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cifs = [to_cif(read_poscar(t)) for t in (RUTILE, ROCK_SALT)] * 2
    frame = pl.DataFrame({"cif": cifs})
    alone = structure(frame, workers=1)
    monkeypatch.setattr("etl.features.structure.PARALLEL_FROM", 2)
    assert structure(frame, workers=2).equals(alone)


@pytest.mark.parametrize("formula", ["Fe3O4", "YBa2Cu3O7", "La4Ni3O8", "GaV4S8", "CrNbS2", "V2O5", "Sr2IrO4", "VNi"])
def test_likelihood_of_oxidation_states_is_that_of_pymatgen(formula: str) -> None:
    from pymatgen.core import Composition

    theirs = [{str(s): v for s, v in guess.items()} for guess in Composition(formula).oxi_state_guesses()]
    ours = ranked([(s, int(n)) for s, n in Composition(formula).get_el_amt_dict().items()])
    assert ours[:1] == theirs[:1]
    assert all(states in theirs for states in ours)
    assert len(ours) == min(5, len(theirs))


def test_oxidation_states_of_a_wide_formula_are_found_at_once() -> None:
    """Enumerated one by one, its mixtures are more than 10^12."""
    found = ranked([("Mn", 7), ("Fe", 6), ("Co", 5), ("Mo", 4), ("P", 4), ("O", 14)])
    assert found
    assert sum(v * n for v, n in zip(found[0].values(), (7, 6, 5, 4, 4, 14), strict=True)) == pytest.approx(0)
