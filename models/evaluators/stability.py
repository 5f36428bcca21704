"""Stability of a compound against phases calculated with the same settings.

The decomposition enthalpy is the energy of a compound less that of the cheapest mixture of competing phases with its
composition; negative means that it pays to form. It is only as complete as the set of phases, which is named with
every value; energies of different settings are never mixed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from schemas.errors import InputError

LEAST_SHARE = 1e-6
"""Shares of atoms below this are rounding."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A phase with its energy.

    Attributes:
        label: what it is called in answers.
        amounts: atoms of each element in any number of formula units.
        energy_eV_atom: total energy.
    """

    label: str
    amounts: Mapping[str, float]
    energy_eV_atom: float


@dataclass(frozen=True, kw_only=True)
class Decomposition:
    """What a compound would fall apart into.

    Attributes:
        enthalpy_eV_atom: of the compound less its products; negative where it is stable against them.
        products: label of a phase -> share of the atoms that it takes.
    """

    enthalpy_eV_atom: float
    products: Mapping[str, float]


def decomposition(compound: Phase, phases: Sequence[Phase]) -> Decomposition:
    """The cheapest mixture of phases with the composition of a compound.

    Raises:
        InputError: no mixture of the phases has that composition.
    """
    elements = sorted({*compound.amounts, *(e for p in phases for e in p.amounts)})
    shares = np.array([_shares(p.amounts, elements) for p in phases]).reshape(len(phases), len(elements))
    energies = np.array([p.energy_eV_atom for p in phases])
    target = _shares(compound.amounts, elements)
    solved = linprog(energies, A_eq=shares.T, b_eq=target, bounds=(0, None), method="highs") if len(phases) else None
    if solved is None or not solved.success:
        names = ", ".join(p.label for p in phases) or "none"
        raise InputError.of(f"no mixture makes {compound.label}", f"the phases {names}", "calculate one more phase")
    products = {p.label: round(float(x), 6) for p, x in zip(phases, solved.x, strict=True) if x > LEAST_SHARE}
    return Decomposition(enthalpy_eV_atom=compound.energy_eV_atom - float(solved.fun), products=products)


def _shares(amounts: Mapping[str, float], elements: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    found = np.array([amounts.get(e, 0.0) for e in elements], dtype=np.float64)
    return np.asarray(found / found.sum())
