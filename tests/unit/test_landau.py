"""The Landau solver against closed forms: what is found numerically agrees within 2 % (most within 0.1 %)."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize

from models.physics import layers, two_energies
from models.physics.landau import Landau, transition
from models.physics.report import all_nuclei, answer
from models.physics.settings import load
from models.physics.walls import BOLTZMANN_J_K, nucleation_K, nucleus, wall
from schemas.errors import InputError

BODY = Landau(a=1e5, t0_K=300.0, b=8e6, c=8e6)  # transition at 315 K, ends at 300 and 320 K
KAPPA = 1e-12


def test_temperatures_order_and_heat_are_the_closed_forms() -> None:
    found = transition(BODY)
    step = BODY.b**2 / (BODY.a * BODY.c)
    assert found.equilibrium_K == pytest.approx(300 + 3 * step / 16)
    assert found.heating_K == pytest.approx(300 + step / 4)
    assert found.order**2 == pytest.approx(3 * BODY.b / (4 * BODY.c))
    assert found.latent_heat_J_m3 == pytest.approx(found.equilibrium_K * BODY.a * found.order**2 / 2)


@pytest.mark.parametrize("temperature", [250.0, 299.0, 310.0, 319.9])
def test_the_ordered_phase_is_a_minimum_of_the_energy(temperature: float) -> None:
    q = float(BODY.ordered(temperature))
    found = minimize(lambda x: float(BODY.energy(x, temperature)[0]), [q * 1.02], method="Nelder-Mead", tol=1e-12)
    assert found.x[0] == pytest.approx(q, rel=1e-4)
    assert BODY.slope(np.array([q]), temperature)[0] == pytest.approx(0.0, abs=1e-6 * BODY.b)
    assert BODY.curvature(np.array([q]), temperature)[0] > 0


def test_both_phases_have_the_same_energy_at_equilibrium_and_the_ordered_one_ends_on_heating() -> None:
    found = transition(BODY)
    at = BODY.energy(BODY.ordered(found.equilibrium_K), found.equilibrium_K)
    assert float(at) == pytest.approx(0.0, abs=1e-9 * BODY.b)
    assert np.isnan(BODY.ordered(found.heating_K + 0.01))
    assert np.isfinite(BODY.ordered(found.heating_K - 0.01))


def test_a_body_free_to_strain_has_the_larger_quartic_term_and_a_clamped_one_a_shifted_transition() -> None:
    free = replace(BODY, b=2e6, g=4e8, stiffness=1e11)
    assert free.quartic == pytest.approx(2e6 + 2 * 4e8**2 / 1e11)
    clamped = replace(free, clamped=0.004)
    assert clamped.quartic == pytest.approx(2e6)
    assert clamped.shifted_K == pytest.approx(300 - 2 * 4e8 * 0.004 / 1e5)
    # strain at the minimum of the full energy of q and e
    q = float(free.ordered(290.0))

    def whole(x: np.ndarray) -> float:
        u, e = x[0] ** 2, x[1] * 1e-3
        return 0.5 * 1e5 * -10 * u - 2e6 * u**2 / 4 + 8e6 * u**3 / 6 + 4e8 * e * u + 0.5 * 1e11 * e**2

    found = minimize(
        whole, [q * 1.05, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-9, "maxiter": 9999}
    )
    assert found.x[0] == pytest.approx(q, rel=1e-3)
    assert found.x[1] * 1e-3 == pytest.approx(float(free.strain(np.array([q]))[0]), rel=1e-3)


def test_stress_moves_the_transition_as_clapeyron_asks() -> None:
    free = replace(BODY, g=4e8, stiffness=1e11)
    found, pulled = transition(free), transition(replace(free, stress=1e7))
    slope = found.equilibrium_K * -found.strain_jump / -found.latent_heat_J_m3  # dT/ds = T d(strain) / latent heat
    assert (pulled.equilibrium_K - found.equilibrium_K) / 1e7 == pytest.approx(-slope, rel=0.02)


def test_without_a_positive_quartic_term_order_sets_in_continuously() -> None:
    found = transition(replace(BODY, b=-8e6))
    assert not replace(BODY, b=-8e6).first_order
    assert (found.equilibrium_K, found.hysteresis_K, found.order, found.latent_heat_J_m3) == (300.0, 0.0, 0.0, 0.0)


def test_the_wall_has_the_energy_of_its_closed_form() -> None:
    found, jump = wall(BODY, KAPPA), transition(BODY).order
    assert found.energy_J_m2 == pytest.approx(np.sqrt(KAPPA * BODY.c / 3) * jump**4 / 4, rel=1e-4)


def test_a_relaxed_wall_follows_its_closed_form() -> None:
    jump, t = transition(BODY).order, transition(BODY).equilibrium_K
    stack = layers.Stack(
        layers=(layers.Layer(name="one", body=BODY, thickness_m=20e-9),), kappa=KAPPA, spacing_m=0.05e-9
    )
    x = (np.arange(len(stack.owner)) - len(stack.owner) / 2 + 0.5) * stack.spacing_m
    q = stack.relax(np.where(x < 0, jump, 0.0), t)
    middle = np.interp(-jump / np.sqrt(2), -q, x)  # a wall at equilibrium may stand anywhere
    exact = jump / np.sqrt(1 + np.exp(2 * jump**2 * np.sqrt(BODY.c / (3 * KAPPA)) * (x - middle)))
    assert np.abs(q - exact).max() < 0.02 * jump
    assert stack.energy(q, t) == pytest.approx(wall(BODY, KAPPA).energy_J_m2, rel=0.02)


def test_one_thick_layer_swept_in_steps_shows_the_hysteresis_of_the_closed_form() -> None:
    stack = layers.Stack(
        layers=(layers.Layer(name="one", body=BODY, thickness_m=10e-9),), kappa=KAPPA, spacing_m=0.2e-9
    )
    swept = layers.sweep(stack, np.arange(296.0, 324.0, 0.5))
    found = layers.local_transitions(stack, swept).row(0, named=True)
    exact = transition(BODY)
    width = found["heating_K"] - found["cooling_K"]
    assert width == pytest.approx(exact.hysteresis_K, abs=1.0)
    assert found["equilibrium_K"] == pytest.approx(exact.equilibrium_K, abs=0.5)


def test_layers_thinner_than_a_wall_share_one_transition_and_thick_ones_keep_their_own() -> None:
    def apart(thickness: float) -> float:
        pair = (
            layers.Layer(name=n, body=replace(BODY, t0_K=t), thickness_m=thickness)
            for n, t in (("A", 300.0), ("B", 270.0))
        )
        stack = layers.Stack(layers=tuple(pair), kappa=KAPPA, spacing_m=thickness / 30, periodic=True)
        found = layers.local_transitions(stack, layers.sweep(stack, np.arange(262.0, 324.0, 1.0)))["equilibrium_K"]
        return float(found[0] - found[1])

    length = wall(BODY, KAPPA).length_m
    assert apart(length / 4) == pytest.approx(0.0, abs=2.0)
    assert apart(12 * length) == pytest.approx(30.0, abs=5.0)


def test_a_nucleus_is_the_top_of_surface_less_volume() -> None:
    radius = np.linspace(1e-10, 5e-8, 200_001)
    work = 4 * np.pi * radius**2 * 1e-3 - 4 / 3 * np.pi * radius**3 * 1e6
    found = nucleus(1e-3, 1e6)
    assert found.barrier_J == pytest.approx(work.max(), rel=1e-4)
    assert found.radius_m == pytest.approx(radius[work.argmax()], rel=1e-3)


def test_nucleation_lies_between_equilibrium_and_the_end_of_the_old_phase() -> None:
    found, surface = transition(BODY), 5e-4
    up, down = nucleation_K(BODY, surface)
    assert found.cooling_K < down < found.equilibrium_K < up < found.heating_K
    drive = abs(float(BODY.energy(BODY.ordered(down), down)))
    assert nucleus(surface, drive).barrier_J == pytest.approx(60 * BOLTZMANN_J_K * down, rel=1e-3)
    assert nucleation_K(BODY, 1.0) == (found.heating_K, found.cooling_K), "a dear wall: the old phase lives to its end"


def test_two_energies_say_who_pays() -> None:
    distortion = np.array([0.0, 0.02, 0.05, 0.08, 0.1])
    found, left = two_energies.fit(distortion, 0.02 - 1.5 * distortion + 0.5 * 30 * distortion**2)
    assert np.abs(left).max() < 1e-12
    assert found.distortion_angstrom == pytest.approx(0.05)
    assert found.total_eV == pytest.approx(0.02 - 1.5**2 / 60)
    assert found.softest_metal_eV_angstrom2 == pytest.approx(1.5**2 / 0.04)
    assert found.energy(np.array([0.05]))[0] == pytest.approx(found.total_eV)
    with pytest.raises(InputError, match="three sizes"):
        two_energies.fit(np.array([0.1, -0.1, 0.0]), np.zeros(3))
    with pytest.raises(InputError, match="stiffness"):
        two_energies.fit(distortion, -(distortion**2))


SETTINGS = """
materials:
  nickelate: {a: 1.0e5, t0_K: 300, b: 8.0e6, c: 8.0e6}
  other: {a: 1.0e5, t0_K: 280, b: 8.0e6, c: 8.0e6}
temperatures_K: {low: 270, high: 330, step: 1}
kappa: 1.0e-12
"""


def written(folder: Path, text: str) -> str:
    (folder / "p.yaml").write_text(text)
    return str(folder / "p.yaml")


def test_a_file_of_materials_gives_branches_facts_and_nuclei(tmp_path: Path) -> None:
    problem = load(written(tmp_path, SETTINGS))
    table, summary = answer(problem)
    assert table.height == 2 * 3 * 61
    heating = table.filter(
        (pl.col("material") == "nickelate") & (pl.col("branch") == "heating") & (pl.col("order") > 0)
    )
    assert heating["temperature_K"].max() == pytest.approx(319.0)
    assert summary["nickelate"]["wall_energy_J_m2"] == pytest.approx(wall(BODY, KAPPA).energy_J_m2)
    nuclei = all_nuclei(problem).filter(pl.col("material") == "nickelate")
    nearest = nuclei.filter(pl.col("temperature_K") == 314.0)["radius_m"][0]
    assert nearest > nuclei.filter(pl.col("temperature_K") == 305.0)["radius_m"][0]


def test_a_stack_answers_by_layer(tmp_path: Path) -> None:
    text = SETTINGS + "layers: [{material: nickelate, thickness_m: 4e-9}, {material: other, thickness_m: 4e-9}]\n"
    table, summary = answer(load(written(tmp_path, text)))
    assert table["layer"].unique().sort().to_list() == ["0:nickelate", "1:other"]
    first, second = summary["layers"]
    assert first["cooling_K"] > second["cooling_K"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("a: 1.0e5, t0_K: 300", "a: -1, t0_K: 300"), r"materials\.nickelate\.a"),
        (("step: 1", "step: 1, stop: 2"), "unknown key"),
        (("low: 270", "low: 400"), "low must be below high"),
        (("kappa: 1.0e-12", "layers: [{material: nickelate, thickness_m: 1e-8}]"), "layers need kappa"),
        (("kappa: 1.0e-12", "kappa: 1.0e-12\nlayers: [{material: x, thickness_m: 1e-8}]"), "no material x"),
        (("c: 8.0e6}", "c: 8.0e6, g: 1.0e8}"), "needs the stiffness"),
        (("kappa: 1.0e-12", "kappa: [}"), "no YAML"),
        (("b: 8.0e6", "b: .nan"), "finite"),
    ],
)
def test_settings_that_mean_nothing_are_refused_with_their_place(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        load(written(tmp_path, SETTINGS.replace(*change)))


def test_a_stack_too_large_for_its_walls_is_refused(tmp_path: Path) -> None:
    text = SETTINGS + "layers: [{material: nickelate, thickness_m: 1e-3}]\n"
    with pytest.raises(InputError, match="grid points"):
        answer(load(written(tmp_path, text)))
