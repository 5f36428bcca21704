"""The Landau free energy of a first-order transition whose order is coupled to strain, and what follows in closed form.

f(q, e; T) = a (T - T0) q^2 / 2 - b q^4 / 4 + c q^6 / 6 + g e q^2 + K e^2 / 2 - s e

per volume, with a dimensionless order parameter q (0 in the metal), strain e and stress s. Layers are in `layers`.
"""

from dataclasses import dataclass

import numpy as np

from schemas.arrays import Floats


@dataclass(frozen=True, kw_only=True)
class Landau:
    """One material, free to strain or clamped.

    Attributes:
        a: J m-3 K-1, positive.
        t0_K: where the disordered phase ends on cooling, without strain and stress.
        b: J m-3; positive makes the transition first order.
        c: J m-3, positive.
        g: J m-3, coupling of strain to the square of the order.
        stiffness: K, J m-3 (Pa); unused without coupling.
        stress: s, Pa, on a body free to strain.
        clamped: the strain imposed by a substrate; None for a body free to strain.
    """

    a: float
    t0_K: float
    b: float
    c: float
    g: float = 0.0
    stiffness: float = 1.0
    stress: float = 0.0
    clamped: float | None = None

    @property
    def shifted_K(self) -> float:
        """T0 as strain or stress move it: the coupling adds 2 g e to the quadratic term."""
        imposed = self.stress / self.stiffness if self.clamped is None else self.clamped
        return self.t0_K - 2.0 * self.g * imposed / self.a

    @property
    def quartic(self) -> float:
        """b of the order alone; a body free to strain relaxes, which adds 2 g^2 / K."""
        return self.b + (2.0 * self.g**2 / self.stiffness if self.clamped is None else 0.0)

    @property
    def first_order(self) -> bool:
        """Whether order sets in with a jump."""
        return self.quartic > 0

    def quadratic(self, temperature_K: Floats | float) -> Floats:
        """The coefficient of q^2 / 2."""
        return np.asarray(self.a * (np.asarray(temperature_K) - self.shifted_K))

    def energy(self, q: Floats, temperature_K: Floats | float) -> Floats:
        """Free energy relative to the disordered phase, J m-3, with strain relaxed or clamped."""
        u = np.asarray(q) ** 2
        return np.asarray(self.quadratic(temperature_K) * u / 2 - self.quartic * u**2 / 4 + self.c * u**3 / 6)

    def slope(self, q: Floats, temperature_K: Floats | float) -> Floats:
        """Derivative of `energy` by q."""
        u = np.asarray(q) ** 2
        return np.asarray(q * (self.quadratic(temperature_K) - self.quartic * u + self.c * u**2))

    def curvature(self, q: Floats, temperature_K: Floats | float) -> Floats:
        """Second derivative of `energy` by q."""
        u = np.asarray(q) ** 2
        return np.asarray(self.quadratic(temperature_K) - 3 * self.quartic * u + 5 * self.c * u**2)

    def ordered(self, temperature_K: Floats | float) -> Floats:
        """The order of the ordered phase, stable or metastable; NaN where it does not exist."""
        r = self.quadratic(temperature_K)
        inside = self.quartic**2 - 4 * r * self.c
        with np.errstate(invalid="ignore"):
            u = (self.quartic + np.sqrt(np.where(inside >= 0, inside, np.nan))) / (2 * self.c)
            return np.asarray(np.sqrt(np.where(u > 0, u, np.nan)))

    def strain(self, q: Floats) -> Floats:
        """The strain that goes with an order."""
        if self.clamped is not None:
            return np.full_like(np.asarray(q, dtype=np.float64), self.clamped)
        return np.asarray((self.stress - self.g * np.asarray(q) ** 2) / self.stiffness)


@dataclass(frozen=True, kw_only=True)
class Transition:
    """What a `Landau` body does; all temperatures in K.

    Attributes:
        equilibrium_K: both phases have the same free energy.
        heating_K: the ordered phase ends.
        cooling_K: the disordered phase ends.
        order: the jump of q at equilibrium; 0 at a continuous transition.
        latent_heat_J_m3: taken up on heating through equilibrium.
        strain_jump: of the strain at equilibrium, disordered minus ordered.
    """

    equilibrium_K: float
    heating_K: float
    cooling_K: float
    order: float
    latent_heat_J_m3: float
    strain_jump: float

    @property
    def hysteresis_K(self) -> float:
        """The widest hysteresis that the free energy allows; nucleation makes it narrower."""
        return self.heating_K - self.cooling_K


def transition(body: Landau) -> Transition:
    """Transition of a body, in closed form.

    T_c = T0 + 3 b^2 / (16 a c), q_c^2 = 3 b / (4 c), end of the ordered phase T0 + b^2 / (4 a c), latent heat
    T_c a q_c^2 / 2 (Toledano and Toledano, The Landau Theory of Phase Transitions, 1987, chapter IV).
    """
    b = max(body.quartic, 0.0)
    step = b**2 / (body.a * body.c)
    equilibrium, u = body.shifted_K + 3 * step / 16, 3 * b / (4 * body.c)
    ordered, disordered = body.strain(np.sqrt([u])), body.strain(np.zeros(1))
    return Transition(
        equilibrium_K=equilibrium,
        heating_K=body.shifted_K + step / 4,
        cooling_K=body.shifted_K,
        order=float(np.sqrt(u)),
        latent_heat_J_m3=equilibrium * body.a * u / 2,
        strain_jump=float((disordered - ordered)[0]),
    )
