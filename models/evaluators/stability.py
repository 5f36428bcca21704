"""Stability of a compound against phases calculated with the same settings.

The decomposition enthalpy is the energy of a compound less that of the cheapest mixture of competing phases with its
composition; negative means that it pays to form. It is only as complete as the set of phases, which is named with
every value; energies of different settings are never mixed.
"""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.optimize import linprog

from etl.features.formulas import reduced_formula
from models.evaluators.calculations import Atoms, Settings
from models.evaluators.states import State
from schemas.errors import InputError

LEAST_SHARE = 1e-6
"""Shares of atoms below this are rounding."""
NEEDED = ("calculation_id", "label", "engine", "state", "energy_eV_atom", "provenance", "structure")
PATH = frozenset({"bands", "iterations", "mixing", "raise_moments", "ranks", "start_moments", "steps"})
"""Settings that say how a calculation gets there, and not what it is worth."""
HUBBARD = "hubbard_U_eV"


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
    taken: defaultdict[str, float] = defaultdict(float)  # labels need not be unique
    for phase, share in zip(phases, solved.x, strict=True):
        if share > LEAST_SHARE:
            taken[phase.label] += float(share)
    products = {label: round(share, 6) for label, share in taken.items()}
    return Decomposition(enthalpy_eV_atom=compound.energy_eV_atom - float(solved.fun), products=products)


@dataclass(frozen=True, kw_only=True)
class _Row:
    """An accepted calculation: its phase, composition and level."""

    phase: Phase
    formula: str
    level: str
    hubbard: Mapping[str, object]

    def comparable(self, other: "_Row") -> bool:
        """Whether both are of one level: the same settings, and one U for each element that both hold."""
        shared = set(self.phase.amounts) & set(other.phase.amounts)
        return self.level == other.level and all(self.hubbard.get(e) == other.hubbard.get(e) for e in shared)


def table(collected: pl.DataFrame) -> pl.DataFrame:
    """The decomposition enthalpy of each calculation against all others of its elements and of its level.

    Rows of its own composition do not compete; how far a row lies above the lowest of them is told beside.

    Args:
        collected: as `service.collect` gives it.

    Returns:
        `calculation_id`, `label`, `formula`, `stability_eV_atom`, `above_lowest_eV_atom`, `products` (JSON, phase ->
        share of the atoms), `phases` (all that competed), `ok` and `reason`, a row a calculation in their order.
    """
    rows = [_row(row) for row in collected.select(NEEDED).to_dicts()]
    known = [row for row in rows if isinstance(row, _Row)]
    nothing = dict.fromkeys(("formula", "stability_eV_atom", "above_lowest_eV_atom", "products"))
    failed: dict[str, object] = {**nothing, "phases": [], "ok": False}
    told = [
        _judged(row, [o for o in known if o.comparable(row)]) if isinstance(row, _Row) else failed | {"reason": row}
        for row in rows
    ]
    kinds: dict[str, pl.DataType | type[pl.DataType]] = {"formula": pl.String}
    kinds |= {"stability_eV_atom": pl.Float64, "above_lowest_eV_atom": pl.Float64}
    kinds |= {"products": pl.String, "phases": pl.List(pl.String), "ok": pl.Boolean, "reason": pl.String}
    return collected.select("calculation_id", "label").hstack(pl.DataFrame(told, schema=kinds))


def _row(row: Mapping[str, Any]) -> "_Row | str":
    """An accepted calculation, or why it is none."""
    energy = math.nan if row["energy_eV_atom"] is None else float(row["energy_eV_atom"])
    if row["state"] != str(State.ACCEPTED) or not math.isfinite(energy):
        return "no energy"
    try:
        symbols = Atoms.from_json(row["structure"]).symbols
        settings: Settings = dict(json.loads(row["provenance"])["settings"])
    except (KeyError, TypeError, ValueError) as error:
        return f"no calculation as dft collect writes it ({error})"
    amounts = {e: float(symbols.count(e)) for e in sorted(set(symbols))}
    level = {k: v for k, v in settings.items() if k not in PATH and k != HUBBARD}
    level["spin"] = settings.get("spin", True)  # engines polarise unless told not to
    return _Row(
        phase=Phase(label=str(row["label"]), amounts=amounts, energy_eV_atom=energy),
        formula=reduced_formula(amounts),
        level=json.dumps([row["engine"], level], sort_keys=True),
        hubbard=settings.get(HUBBARD) or {},
    )


def _judged(row: "_Row", comparable: Sequence["_Row"]) -> dict[str, object]:
    elements = set(row.phase.amounts)
    rivals = [o.phase for o in comparable if o.formula != row.formula and set(o.phase.amounts) <= elements]
    lowest = min(o.phase.energy_eV_atom for o in comparable if o.formula == row.formula)
    found: dict[str, object] = {
        "formula": row.formula,
        "above_lowest_eV_atom": row.phase.energy_eV_atom - lowest,
        "phases": sorted({r.label for r in rivals}),
    }
    try:
        made = decomposition(row.phase, rivals)
    except InputError as error:
        return {**found, "stability_eV_atom": None, "products": None, "ok": False, "reason": str(error)}
    products = json.dumps(dict(made.products), sort_keys=True)
    return {**found, "stability_eV_atom": made.enthalpy_eV_atom, "products": products, "ok": True, "reason": None}


def _shares(amounts: Mapping[str, float], elements: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    found = np.array([amounts.get(e, 0.0) for e in elements], dtype=np.float64)
    return np.asarray(found / found.sum())
