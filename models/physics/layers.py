"""Order through a stack of layers: where each layer transforms when its neighbours pull at it.

The free energy of a stack is that of its layers plus (kappa / 2) (dq/dx)^2. The stack is cooled and heated step by
step and order follows its local minimum, so hysteresis comes out by itself; the lower of both states is equilibrium.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csc_matrix, diags, identity
from scipy.sparse.linalg import splu

from models.physics.landau import Landau, transition
from schemas.arrays import Floats
from schemas.errors import MatloomError

ROUNDS = 500
TOLERANCE = 1e-9  # of the largest force that a layer can exert
SEED = 1e-3  # least order of a start, in units of the jump: a metal that has become unstable must be able to fall
BRANCHES = ("cooling", "heating", "equilibrium")


class RelaxationError(MatloomError):
    """Order did not come to rest."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer of a stack."""

    name: str
    body: Landau
    thickness_m: float


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Layers on a grid of n points.

    Attributes:
        layers: from the bottom up, each with a first-order transition.
        kappa: gradient coefficient, J m-1, the same everywhere.
        spacing_m: of the grid; a tenth of the shortest wall is fine.
        periodic: whether the stack repeats, as a superlattice does; else its surfaces are free.
    """

    layers: tuple[Layer, ...]
    kappa: float
    spacing_m: float
    periodic: bool = False

    @cached_property
    def owner(self) -> npt.NDArray[np.int64]:
        """Layer of each point, n."""
        counts = [max(2, round(layer.thickness_m / self.spacing_m)) for layer in self.layers]
        return np.repeat(np.arange(len(counts)), counts)

    @cached_property
    def jumps(self) -> Floats:
        """Jump of the order of each layer alone."""
        return np.array([transition(layer.body).order for layer in self.layers])

    @cached_property
    def _bend(self) -> csc_matrix:
        """kappa times minus the second derivative, n x n."""
        n = len(self.owner)
        full = np.full(n, 2.0)
        if not self.periodic:
            full[[0, -1]] = 1.0
        made = diags([full, -np.ones(n - 1), -np.ones(n - 1)], [0, 1, -1], format="lil")
        if self.periodic:
            made[0, n - 1] -= 1.0
            made[n - 1, 0] -= 1.0
        return (made * (self.kappa / self.spacing_m**2)).tocsc()

    def _each(self, name: str, q: Floats, temperature_K: float) -> Floats:
        """`energy`, `slope` or `curvature` of the layers' own at each point, n."""
        found = np.empty(len(q))
        for k, layer in enumerate(self.layers):
            here = self.owner == k
            found[here] = getattr(layer.body, name)(q[here], temperature_K)
        return found

    def energy(self, q: Floats, temperature_K: float) -> float:
        """Free energy per area relative to the stack without order, J m-2."""
        own = self._each("energy", q, temperature_K).sum()
        return float(self.spacing_m * (own + 0.5 * q @ (self._bend @ q)))

    def relax(self, q: Floats, temperature_K: float) -> Floats:
        """The local minimum below a state, by Newton steps that are damped until the energy falls.

        Raises:
            RelaxationError: no rest within `ROUNDS` steps.
        """
        scale = max(float(layer.body.c) * jump**5 for layer, jump in zip(self.layers, self.jumps, strict=True))
        damping, energy = scale, self.energy(q, temperature_K)
        for _ in range(ROUNDS):
            force = self._each("slope", q, temperature_K) + self._bend @ q
            if np.abs(force).max() <= TOLERANCE * scale:
                return q
            stiff = self._bend + diags(self._each("curvature", q, temperature_K), format="csc")
            step = splu((stiff + damping * identity(len(q), format="csc")).tocsc()).solve(force)
            tried = q - step
            reached = self.energy(tried, temperature_K)
            if reached <= energy and step @ force >= 0:
                q, energy, damping = tried, reached, damping / 5
            elif np.abs(step).max() < 1e-12:
                return q
            else:
                damping = max(damping, 1e-12 * scale) * 4
        raise RelaxationError(
            f"order did not come to rest in the stack at {temperature_K:.1f} K: use a finer grid or smaller steps"
        )


def sweep(stack: Stack, temperatures_K: Floats) -> pl.DataFrame:
    """Cools and heats a stack through rising temperatures.

    Returns:
        One row a branch, temperature and layer: `branch` (of `BRANCHES`), `temperature_K`, `layer`, `order` (mean over
        the layer), `energy_J_m2` of the whole stack.
    """
    least, hot = SEED * stack.jumps[stack.owner], np.zeros(len(stack.owner))
    cooled = _follow(stack, temperatures_K[::-1], hot, least)[::-1]
    heated = _follow(stack, temperatures_K, stack.jumps[stack.owner], least)
    energies = [[stack.energy(q, t) for q, t in zip(s, temperatures_K, strict=True)] for s in (cooled, heated)]
    lower = [c if e <= f else h for c, h, e, f in zip(cooled, heated, *energies, strict=True)]
    states = dict(zip(BRANCHES, (cooled, heated, lower), strict=True))
    rows = []
    for branch, found in states.items():
        for q, t in zip(found, temperatures_K, strict=True):
            energy = stack.energy(q, t)
            for k, layer in enumerate(stack.layers):
                rows.append((branch, float(t), layer.name, float(q[stack.owner == k].mean()), energy))
    return pl.DataFrame(rows, schema=["branch", "temperature_K", "layer", "order", "energy_J_m2"], orient="row")


def _follow(stack: Stack, temperatures_K: Floats, start: Floats, least: Floats) -> list[Floats]:
    states, q = [], start
    for t in temperatures_K:
        q = np.abs(stack.relax(np.maximum(q, least), float(t)))
        states.append(q)
    return states


def local_transitions(stack: Stack, swept: pl.DataFrame) -> pl.DataFrame:
    """Where the order of each layer passes half of its own jump, K: `layer`, and one column a branch.

    Null where the layer stays on one side over the whole sweep.
    """
    rows = []
    for layer, jump in zip(stack.layers, stack.jumps, strict=True):
        mine = swept.filter(pl.col("layer") == layer.name)
        crossings = {b: _crossing(mine.filter(pl.col("branch") == b), jump / 2) for b in BRANCHES}
        rows.append({"layer": layer.name, **{f"{b}_K": t for b, t in crossings.items()}})
    return pl.DataFrame(rows, schema={"layer": pl.String, **{f"{b}_K": pl.Float64 for b in BRANCHES}})


def _crossing(branch: pl.DataFrame, level: float) -> float | None:
    ordered = branch.sort("temperature_K")
    t, q = ordered["temperature_K"].to_numpy(), ordered["order"].to_numpy()
    falls = np.flatnonzero((q[:-1] >= level) & (q[1:] < level))
    if not len(falls):
        return None
    k = int(falls[-1])
    return float(t[k] + (t[k + 1] - t[k]) * (q[k] - level) / (q[k] - q[k + 1]))
