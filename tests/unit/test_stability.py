"""Decomposition enthalpies against mixtures worked out by hand."""

import pytest

from models.evaluators.stability import Phase, decomposition
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
