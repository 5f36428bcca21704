"""Walls between the two phases and the nuclei they bound.

A wall costs (kappa / 2) (dq/dx)^2; a nucleus pays with its surface and gains with its volume.
"""

from dataclasses import dataclass
from math import pi

import numpy as np
from scipy.integrate import trapezoid
from scipy.optimize import brentq

from models.physics.landau import Landau, transition

BOLTZMANN_J_K = 1.380649e-23  # exact, SI 2019
POINTS = 2001


@dataclass(frozen=True, kw_only=True)
class Wall:
    """The wall between the phases at the temperature where both have the same free energy.

    Attributes:
        energy_J_m2: surface energy.
        length_m: over which order decays into the disordered phase, sqrt(kappa / f''(0)).
    """

    energy_J_m2: float
    length_m: float


@dataclass(frozen=True, kw_only=True)
class Nucleus:
    """The critical nucleus of the new phase.

    Attributes:
        barrier_J: work to make it.
        radius_m: of the sphere.
    """

    barrier_J: float
    radius_m: float


def wall(body: Landau, kappa: float) -> Wall:
    """The wall of a first-order transition.

    At rest kappa (dq/dx)^2 / 2 = f everywhere, so its energy is the integral of sqrt(2 kappa f) over q (Cahn and
    Hilliard, J. Chem. Phys. 28, 258 (1958), doi 10.1063/1.1744102).

    Args:
        body: with a first-order transition.
        kappa: J m-1.
    """
    found = transition(body)
    q = np.linspace(0.0, found.order, POINTS)
    height = np.maximum(body.energy(q, found.equilibrium_K), 0.0)
    bottom = float(body.curvature(np.zeros(1), found.equilibrium_K)[0])
    return Wall(energy_J_m2=float(trapezoid(np.sqrt(2 * kappa * height), q)), length_m=float(np.sqrt(kappa / bottom)))


def nucleus(surface_J_m2: float, drive_J_m3: float) -> Nucleus:
    """A sphere in classical theory: radius 2 s / df, barrier 16 pi s^3 / (3 df^2).

    Args:
        surface_J_m2: surface energy, s.
        drive_J_m3: free energy that the old phase has above the new one, df, positive.
    """
    return Nucleus(
        barrier_J=16 * pi * surface_J_m2**3 / (3 * drive_J_m3**2),
        radius_m=2 * surface_J_m2 / drive_J_m3,
    )


def nucleation_K(body: Landau, surface_J_m2: float, *, affordable: float = 60.0) -> tuple[float, float]:
    """Where a defect-free body is expected to transform, on heating and on cooling, K.

    The barrier has fallen to `affordable` times kT there, or the old phase has ended. The surface energy is taken as
    that at equilibrium.
    """
    found = transition(body)

    def excess(temperature_K: float) -> float:
        drive = abs(float(body.energy(body.ordered(temperature_K), temperature_K)))
        barrier = nucleus(surface_J_m2, max(drive, 1e-300)).barrier_J
        return barrier - affordable * BOLTZMANN_J_K * temperature_K

    def between(end: float) -> float:
        near, far = found.equilibrium_K, end + 1e-9 * (found.equilibrium_K - end)
        start = near + 1e-6 * (far - near)
        if excess(start) <= 0:
            return near
        return end if excess(far) >= 0 else float(brentq(excess, start, far))

    return between(found.heating_K), between(found.cooling_K)
