"""Decomposition enthalpies against mixtures worked out by hand."""

import json
from typing import Any

import polars as pl
import pytest

from models.evaluators.stability import Phase, decomposition, table
from schemas.errors import InputError


def phase(label: str, energy: float, **amounts: float) -> Phase:
    return Phase(label=label, amounts=amounts, energy_eV_atom=energy)


def test_a_compound_is_held_against_the_cheapest_mixture() -> None:
    # GaV4S8 in 13 atoms: 1/2 Ga2S3 (2.5 atoms) and 4 VS (8 atoms) leave S 2.5; with VS2 the mixture is Ga2S3, VS, VS2
    phases = [phase("Ga2S3", -5.0, Ga=2, S=3), phase("VS", -7.0, V=1, S=1), phase("VS2", -6.8, V=1, S=2)]
    found = decomposition(phase("GaV4S8", -6.6, Ga=1, V=4, S=8), phases)
    # 8 = 1.5 + vs + 2 vs2 and vs + vs2 = 4: vs2 = 2.5, vs = 1.5
    mixture = (2.5 * -5.0 + 3.0 * -7.0 + 7.5 * -6.8) / 13
    assert found.enthalpy_eV_atom == pytest.approx(-6.6 - mixture)
    assert found.products == pytest.approx({"Ga2S3": 2.5 / 13, "VS": 3 / 13, "VS2": 7.5 / 13}, abs=1e-5)


def test_a_dearer_phase_takes_no_part() -> None:
    phases = [phase("A", 0.0, A=1), phase("B", 0.0, B=1), phase("dear AB", 0.5, A=1, B=1)]
    assert decomposition(phase("AB", -1.0, A=2, B=2), phases).products == pytest.approx({"A": 0.5, "B": 0.5})


def test_a_composition_out_of_reach_is_refused() -> None:
    with pytest.raises(InputError, match="no mixture makes AB in the phases A: calculate one more phase"):
        decomposition(phase("AB", -1.0, A=1, B=1), [phase("A", 0.0, A=1)])
    with pytest.raises(InputError, match="the phases none"):
        decomposition(phase("A", -1.0, A=1), [])


def test_two_phases_of_one_composition_compete_by_energy() -> None:
    phases = [phase("high", -1.0, A=1), phase("low", -1.2, A=3)]
    found = decomposition(phase("A", -1.25, A=2), phases)
    assert found.products == {"low": 1.0}
    assert found.enthalpy_eV_atom == pytest.approx(-0.05)


def test_phases_of_one_label_are_counted_together() -> None:
    phases = [phase("end", 0.0, A=1), phase("end", 0.0, B=1)]
    assert decomposition(phase("AB", -1.0, A=1, B=1), phases).products == {"end": 1.0}


def calculated(label: str, symbols: str, energy: float | None, **settings: object) -> dict[str, Any]:
    """A row of dft collect."""
    sites = [[symbol, [place / 9, 0.0, 0.0], None] for place, symbol in enumerate(symbols.split())]
    return {
        "calculation_id": f"id of {label}",
        "label": label,
        "engine": "gpaw",
        "state": "accepted" if energy is not None else "calculation_failed",
        "energy_eV_atom": energy,
        "provenance": json.dumps({"settings": settings}) if energy is not None else None,
        "structure": json.dumps({"lattice": [[9, 0, 0], [0, 9, 0], [0, 0, 9]], "sites": sites}),
    }


SYSTEM = [
    calculated("MgO", "Mg O", -6.0, cutoff_eV=400, ranks=1),
    calculated("MgO in 194", "Mg O Mg O", -5.8, cutoff_eV=400, ranks=2),
    calculated("Mg", "Mg Mg", -1.5, cutoff_eV=400, spin=True),
    calculated("MgO2", "Mg O O", -5.0, cutoff_eV=400, mixing={"beta": 0.01}),
    calculated("MgO2 dear", "Mg O O", -9.0, cutoff_eV=500),
    calculated("O", "O O", None),
]


def test_each_calculation_is_held_against_the_others_of_its_level_and_they_are_named() -> None:
    found = {row["label"]: row for row in table(pl.DataFrame(SYSTEM)).to_dicts()}
    # MgO in two atoms is a quarter of Mg (half an atom of Mg, 1/4 of the atoms) and 3/4 MgO2
    mixture = (0.5 * -1.5 + 1.5 * -5.0) / 2
    assert found["MgO"]["stability_eV_atom"] == pytest.approx(-6.0 - mixture)
    assert json.loads(found["MgO"]["products"]) == {"Mg": 0.25, "MgO2": 0.75}
    assert found["MgO"]["phases"] == ["Mg", "MgO2"], "neither a polymorph nor a row of another cut-off"
    assert found["MgO in 194"]["stability_eV_atom"] == pytest.approx(-5.8 - mixture)
    assert found["MgO in 194"]["above_lowest_eV_atom"] == pytest.approx(0.2)
    assert found["MgO"]["above_lowest_eV_atom"] == 0.0
    assert "no mixture makes MgO2 in the phases MgO, MgO in 194, Mg:" in found["MgO2"]["reason"]
    assert "the phases none" in found["MgO2 dear"]["reason"]
    assert (found["O"]["ok"], found["O"]["reason"]) == (False, "no energy")


def test_phases_with_another_u_on_a_shared_element_do_not_compete() -> None:
    rows = [
        calculated("NiO", "Ni O", -5.0, hubbard_U_eV={"Ni": ["d", 6.2]}),
        calculated("O", "O O", -4.0),
        calculated("Ni", "Ni", -3.0, hubbard_U_eV={"Ni": ["d", 6.2]}),
        calculated("Ni without U", "Ni", -5.5),
    ]
    found = table(pl.DataFrame(rows)).to_dicts()[0]
    assert found["phases"] == ["Ni", "O"]
    assert found["stability_eV_atom"] == pytest.approx(-5.0 - (-3.0 - 4.0) / 2)


def test_phases_without_spin_do_not_compete_with_polarised_ones() -> None:
    rows = [calculated("FeO", "Fe O", -5.0), calculated("O", "O O", -4.0), calculated("Fe", "Fe", -3.0, spin=False)]
    assert table(pl.DataFrame(rows)).to_dicts()[0]["phases"] == ["O"]


def test_a_row_that_is_no_calculation_stays_and_does_not_stop_the_others() -> None:
    odd = [
        calculated("infinite", "Mg O", float("inf"), cutoff_eV=400),
        {**calculated("bare", "Mg O", -6.0), "provenance": None},
        {**calculated("settings of 3", "Mg O", -6.0), "provenance": json.dumps({"settings": 3})},
        {**calculated("no sites", "Mg O", -6.0), "structure": json.dumps({"sites": []})},
    ]
    found = table(pl.DataFrame([*odd, *SYSTEM])).to_dicts()
    assert [row["ok"] for row in found[:5]] == [False, False, False, False, True]
    assert found[0]["reason"] == "no energy"
    assert all("no calculation" in row["reason"] for row in found[1:4])
