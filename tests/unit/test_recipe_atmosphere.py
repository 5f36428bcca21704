"""In what gas a target is heated, and reactions that a chemist would not laugh at.

Expected kinds are textbook practice: CuFeO2 under argon, VO2 by reduction or from V2O5 and V2O3 in a closed tube,
LiFePO4 under argon or N2/H2, nickelates and YBa2Cu3O7 in oxygen, chalcogenides from the elements in sealed ampoules,
oxynitrides in ammonia (West, Solid State Chemistry and its Applications, 2nd ed., 2014, chapter 4).
"""

import pytest

from models.recipes import precedents, recommend, training
from models.recipes.atmosphere import asked, told
from models.recipes.balance import balance
from models.recipes.charges import anions, charge_balanced
from models.recipes.compositions import parse
from tests.servers.planner import planner


@pytest.fixture(scope="module")
def model() -> training.RecipeModel:
    return planner()


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("BaTiO3", "air"),
        ("LiCoO2", "air"),
        ("LaMnO3", "air"),
        ("Li7La3Zr2O12", "air"),
        ("SrCrO4", "air"),
        ("Ce0.8Sm0.2O2", "air"),  # oxygen as if nothing were doped
        ("YBa2Cu3O7", "oxygen"),
        ("NdNiO3", "oxygen"),
        ("CrO2", "oxygen"),
        ("CuFeO2", "inert"),
        ("VO2", "inert"),
        ("LiFePO4", "inert"),
        ("FeTiO3", "inert"),
        ("LaB6", "inert"),
        ("Bi2Te3", "sealed"),
        ("MoS2", "sealed"),
        ("GaV4S8", "sealed"),
        ("La2O2S", "sealed"),
        ("TaON", "ammonia"),
        ("CsPbBr3", "dry"),
        ("Fe", "unknown"),
        ("Ba2YCu3O", "unknown"),
    ],
)
def test_the_formula_asks_for_the_gas_of_the_textbook(target: str, kind: str) -> None:
    assert asked(target).kind == kind


def test_the_metal_that_air_would_oxidise_is_named_with_its_states() -> None:
    assert "Cu is +1, and air takes it to +2" in asked("CuFeO2").reason
    assert "Fe is +2, and air takes it to +3" in asked("FeTiO3").reason
    assert "Ni is +3, and hot air leaves at most Ni +2" in asked("NdNiO3").reason


@pytest.mark.parametrize(
    ("formula", "negative"),
    [
        ("La2O2S", {"O", "S"}),
        ("La2O2SO4", {"O"}),
        ("BaSO4", {"O"}),
        ("PbTeO3", {"O"}),
        ("BiCuSeO", {"O", "Se"}),
        ("Bi2Te3", {"Te"}),
        ("NH4VO3", {"O"}),
        ("TaON", {"O", "N"}),
    ],
)
def test_anions_are_what_the_metals_can_pay_for(formula: str, negative: set[str]) -> None:
    assert anions(parse(formula) or {}) == negative


def test_oxysulfides_are_neutral() -> None:
    assert charge_balanced("La2O2S")
    assert charge_balanced("TaON")


@pytest.mark.parametrize(
    ("target", "precursors", "equation"),
    [
        ("Bi2Te3", ["Bi", "Te"], "2 Bi + 3 Te -> Bi2Te3"),
        ("Bi2Te3", ["Bi2O3", "TeO2"], "Bi2O3 + 3 TeO2 + 9 H2 -> Bi2Te3 + 9 H2O"),
        ("MoS2", ["MoO3", "S"], "MoO3 + 3.5 S -> MoS2 + 1.5 SO2"),
        ("MoS2", ["(NH4)2MoS4"], "(NH4)2MoS4 + H2 -> MoS2 + 2 NH3 + 2 H2S"),
        ("GaN", ["Ga2O3"], "0.5 Ga2O3 + NH3 -> GaN + 1.5 H2O"),
        ("GaN", ["Ga(NO3)3"], "Ga(NO3)3 + 9 H2 -> GaN + 9 H2O + N2"),  # NO2 would burn the nitride
        ("VO2", ["V2O5", "V2O3"], "0.25 V2O5 + 0.25 V2O3 -> VO2"),
        (
            "LiFePO4",
            ["Li2CO3", "FeC2O4", "NH4H2PO4"],
            "0.5 Li2CO3 + FeC2O4 + NH4H2PO4 -> LiFePO4 + 1.5 CO2 + 1.5 H2O + NH3 + CO",
        ),
    ],
)
def test_what_oxygen_destroys_is_made_without_it(target: str, precursors: list[str], equation: str) -> None:
    assert balance(target, precursors).text == equation


def test_no_oxygen_leaves_a_chalcogenide() -> None:
    for target in ("Bi2Te3", "MoS2", "ZnS", "CuInSe2", "La2O2S"):
        elements = sorted(set(parse(target) or {}) - {"O"})
        for names in (elements, [f"{e}O2" for e in elements]):
            assert "O2" not in dict(balance(target, names).coefficients)


def test_a_reaction_that_gives_off_oxygen_is_judged_by_the_target() -> None:
    said = {t: " ".join(told(t, dict(balance(t, p).coefficients), hottest=900)) for t, p in _RELEASES.items()}
    assert "does not run in air" in said["VO2"]
    assert "hot air lets them fall" in said["LaMnO3"]


def test_what_has_to_be_burned_off_first_is_said() -> None:
    salts = ["Cu(NO3)2·3H2O", "Fe(NO3)3·9H2O"]
    assert (
        "Nitrates are decomposed first" in told("CuFeO2", dict(balance("CuFeO2", salts).coefficients), hottest=900)[0]
    )
    burned = balance("VO2", ["VO(CH3COCHCOCH3)2"])
    assert burned.text == "VO(CH3COCHCOCH3)2 + 12 O2 -> VO2 + 10 CO2 + 7 H2O"
    assert "Organic parts are decomposed first" in told("VO2", dict(burned.coefficients), hottest=900)[0]
    acetates = balance("CuAlO2", ["AlO(OH)", "Cu(CH3COO)2"])  # not to CO and H2
    assert acetates.text == "AlO(OH) + Cu(CH3COO)2 + 3.75 O2 -> CuAlO2 + 4 CO2 + 3.5 H2O"


def test_a_reductant_is_asked_for_where_the_reaction_needs_one() -> None:
    gases = dict(balance("Bi2Te3", ["Bi2O3", "Te"]).coefficients)
    assert any(c.startswith("The reaction needs hydrogen") for c in told("Bi2Te3", gases, hottest=900))


def test_a_formula_with_too_little_oxygen_is_told_what_air_would_make_of_it() -> None:
    assert "bind 4.1 O or more" in asked("LiMn1.8Ni1.2O4").reason
    assert "bind 2.5 O or more" in asked("VO2").reason


_RELEASES = {"VO2": ["V2O5"], "LaMnO3": ["La2O3", "MnO2"]}


def test_what_evaporates_is_named_where_it_is_hot_enough() -> None:
    assert not any("evaporate" in c for c in told("LiCoO2", {}, hottest=1000))
    assert any("Li evaporates" in c for c in told("LiCoO2", {}, hottest=1300))


def test_nitrogen_of_no_certain_state_asks_for_no_gas() -> None:
    # As nitride no state of Ti pays for SrTiO2.5N0.5, as nitrogen +5 Ti would be +2.
    assert {t: asked(t).kind for t in ("SrTiO2.5N0.5", "NaNO2", "LaTiO2N", "NaNO3")} == {
        "SrTiO2.5N0.5": "unknown",
        "NaNO2": "unknown",
        "LaTiO2N": "ammonia",
        "NaNO3": "air",
    }


def test_poisons_are_told() -> None:
    assert any("Os are poisonous" in c for c in told("OsO4", {}, hottest=900))
    assert not any("poison" in c for c in told("BaTiO3", {}, hottest=900))


def test_a_page_tells_the_atmosphere(model: training.RecipeModel) -> None:
    found = recommend.recommend(model, "Bi2Te3")
    assert found["atmosphere"]["kind"] == "sealed"
    assert "From the elements: 2 Bi + 3 Te -> Bi2Te3." in found["caveats"]
    assert "Atmosphere: no oxygen" in recommend.page(found)


def test_equally_near_precedents_of_the_likely_route_come_first(model: training.RecipeModel) -> None:
    known = model.precedents
    away = precedents.distances(model.points, "LaNiO3")
    for route in known["route"].drop_nulls().unique():
        order = [
            (round(p["distance"], 4), p["route"] != route)
            for p in precedents.nearest(known, away, "LaNiO3", route=route, top=20)
        ]
        assert order == sorted(order)
