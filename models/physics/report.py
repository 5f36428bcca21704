"""What `matloom physics landau` answers: one table over temperature, one summary."""

from typing import Any

import numpy as np
import polars as pl

from models.physics import layers
from models.physics.landau import Landau, transition
from models.physics.settings import LandauProblem
from models.physics.walls import nucleation_K, nucleus, wall
from schemas.arrays import Floats
from schemas.errors import InputError

ELEMENTARY_CHARGE_C = 1.602176634e-19  # exact, SI 2019
COLUMNS = {
    "material": pl.String,
    "branch": pl.String,
    "temperature_K": pl.Float64,
    "order": pl.Float64,
    "strain": pl.Float64,
    "free_energy_J_m3": pl.Float64,
    "entropy_J_m3_K": pl.Float64,
}


def branches(name: str, body: Landau, temperatures_K: Floats) -> pl.DataFrame:
    """Order on cooling, on heating and at equilibrium, one row a branch and temperature; columns as in `COLUMNS`.

    Free energy and entropy are relative to the disordered phase.
    """
    found = transition(body)
    ordered = body.ordered(temperatures_K)
    ends = (found.cooling_K, found.heating_K, found.equilibrium_K)
    parts = []
    for branch, end in zip(layers.BRANCHES, ends, strict=True):
        q = np.where((temperatures_K < end) & np.isfinite(ordered), ordered, 0.0)
        parts.append(
            pl.DataFrame(
                {
                    "material": np.repeat(name, len(q)),
                    "branch": np.repeat(branch, len(q)),
                    "temperature_K": temperatures_K,
                    "order": q,
                    "strain": body.strain(q),
                    "free_energy_J_m3": body.energy(q, temperatures_K),
                    "entropy_J_m3_K": -0.5 * body.a * q**2,
                },
                schema=COLUMNS,
            )
        )
    return pl.concat(parts)


def facts(body: Landau, kappa: float | None, affordable: float) -> dict[str, Any]:
    """Temperatures, heat and, with a gradient coefficient, walls and nuclei of one material."""
    found = transition(body)
    said: dict[str, Any] = {
        "kind": "first order" if body.first_order else "continuous",
        "equilibrium_K": found.equilibrium_K,
        "heating_K": found.heating_K,
        "cooling_K": found.cooling_K,
        "hysteresis_K": found.hysteresis_K,
        "order": found.order,
        "latent_heat_J_m3": found.latent_heat_J_m3,
        "strain_jump": found.strain_jump,
    }
    if kappa is None or not body.first_order:
        return said
    edge = wall(body, kappa)
    up, down = nucleation_K(body, edge.energy_J_m2, affordable=affordable)
    return said | {
        "wall_energy_J_m2": edge.energy_J_m2,
        "wall_length_m": edge.length_m,
        "nucleation_heating_K": up,
        "nucleation_cooling_K": down,
    }


def nuclei(name: str, body: Landau, kappa: float, temperatures_K: Floats) -> pl.DataFrame:
    """Barrier and radius of the critical nucleus: `material`, `temperature_K`, `drive_J_m3`, `barrier_eV`, `radius_m`.

    Only where both phases exist; the drive is that of the stable phase over the other.
    """
    surface, rows = wall(body, kappa).energy_J_m2, []
    for t, drive in zip(temperatures_K, np.abs(body.energy(body.ordered(temperatures_K), temperatures_K)), strict=True):
        if np.isfinite(drive) and drive > 0 and t > body.shifted_K:
            made = nucleus(surface, float(drive))
            rows.append((name, float(t), float(drive), made.barrier_J / ELEMENTARY_CHARGE_C, made.radius_m))
    numbers = ("temperature_K", "drive_J_m3", "barrier_eV", "radius_m")
    return pl.DataFrame(rows, schema={"material": pl.String, **dict.fromkeys(numbers, pl.Float64)}, orient="row")


def all_nuclei(problem: LandauProblem) -> pl.DataFrame:
    """The critical nuclei of every material with a first-order transition; see `nuclei`.

    Raises:
        InputError: no gradient coefficient, or no such material.
    """
    temperatures = problem.temperatures_K.values()
    bodies = {n: b for n, m in problem.materials.items() if (b := m.body()).first_order}
    if problem.kappa is None or not bodies:
        raise InputError.of("no nuclei", "the settings", "give kappa and a material with a first-order transition")
    return pl.concat(nuclei(n, b, problem.kappa, temperatures) for n, b in bodies.items())


def answer(problem: LandauProblem) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The table and the summary of a problem; a stack answers by layer (`layer` in the place of `material`)."""
    temperatures = problem.temperatures_K.values()
    bodies = {name: m.body() for name, m in problem.materials.items()}
    summary: dict[str, Any] = {n: facts(b, problem.kappa, problem.affordable_kT) for n, b in bodies.items()}
    if not problem.layers:
        return pl.concat(branches(n, b, temperatures) for n, b in bodies.items()), summary
    stack = problem.stack()
    swept = layers.sweep(stack, temperatures)
    summary["layers"] = layers.local_transitions(stack, swept).to_dicts()
    return swept, summary
