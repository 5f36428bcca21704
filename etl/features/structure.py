"""The ten published structure features of metal-insulator screening, and a few of our own.

Definitions: Georgescu et al., Chem. Mater. 33, 5591 (2021), doi 10.1021/acs.chemmater.1c00905, after Torrance et al.,
Physica C 182, 351 (1991). Where better physics differs from the published convention it has a column of its own. A
feature that cannot be computed is null with a reason; nothing is imputed here.
"""

import json
import multiprocessing
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import polars as pl

from etl.features import torrance
from etl.features.bonds import instability_index
from etl.features.composition import PROPERTIES, elemental_table
from etl.features.elements import NUMBER, TRANSITION_METALS
from etl.features.ewald import site_potentials
from etl.features.formulas import reduced_formula
from etl.features.oxidation import Charges, States, as_published, assigned, by_element
from etl.features.pairs import Pairs
from etl.features.rows import beside
from etl.structures.crystal import Crystal
from schemas.arrays import Floats
from schemas.errors import InputError

PUBLISHED = (
    "gii", "est_hubbard_u", "est_charge_trans", "ewald_energy_per_atom", "avg_dev_Electronegativity",
    "range_MendeleevNumber", "avg_dev_CovalentRadius", "avg_mm_dists", "avg_mx_dists", "avg_xx_dists",
)  # fmt: skip
OURS = (
    "min_mm_dists", "min_mx_dists", "min_xx_dists", "bridged_mm_dists", "madelung_m", "madelung_x", "hubbard_u_eV",
    "charge_transfer_eV", "volume_per_site",
)  # fmt: skip
FEATURES = PUBLISHED + OURS
MAX_EWALD_SITES = 500
PARALLEL_FROM = 1000
"""Structures from which a second process earns the seconds that it needs to start."""


def structure(frame: pl.DataFrame, *, workers: int = 1) -> pl.DataFrame:
    """Adds the structure features of one structure a row.

    Args:
        frame: any frame with a `cif` or a `poscar` column (CIF first where a row has both).
        workers: processes; one computes in this process.

    Returns:
        The input columns (see `rows.beside`), `ok`, `reason` (why the text holds no usable structure),
        `structure_formula` and `flags` (what was read, and what is noteworthy of it), the features of `FEATURES`,
        `oxidation_states` and `reasons`, both JSON objects: element to state, and feature to why it is null.

    Raises:
        InputError: neither column is there.
    """
    if not {"cif", "poscar"} & set(frame.columns):
        raise InputError.of("missing column cif or poscar", "the table", f"it has {', '.join(frame.columns) or 'none'}")
    texts = [
        (row.get("cif"), row.get("poscar"))
        for row in frame.select(c for c in ("cif", "poscar") if c in frame.columns).iter_rows(named=True)
    ]
    made = _mapped(texts, workers)
    schema: dict[str, pl.DataType] = {"ok": pl.Boolean(), "reason": pl.String()}
    schema |= {"structure_formula": pl.String(), "flags": pl.List(pl.String())}
    schema |= dict.fromkeys(FEATURES, pl.Float64()) | {"oxidation_states": pl.String(), "reasons": pl.String()}
    features = pl.DataFrame(made, schema=schema)
    return beside(frame, features)


def _mapped(texts: list[tuple[str | None, str | None]], workers: int) -> list[dict[str, Any]]:
    if workers <= 1 or len(texts) < PARALLEL_FROM:
        return _in_turn(texts)
    context = multiprocessing.get_context("spawn")  # forking a process that runs polars threads can hang
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        parts = pool.map(_in_turn, [texts[i : i + 64] for i in range(0, len(texts), 64)])
        return [row for part in parts for row in part]


def _in_turn(texts: Iterable[tuple[str | None, str | None]]) -> list[dict[str, Any]]:
    return [featurize_text(*pair) for pair in texts]


def featurize_text(cif: str | None, poscar: str | None = None) -> dict[str, Any]:
    """Features of a structure given as text; `ok` false with a reason where it cannot be used."""
    from etl.structures.checks import flags
    from etl.structures.errors import StructureError
    from etl.structures.texts import read_any

    try:
        crystal = read_any(cif=cif, poscar=poscar)
        told = {"structure_formula": reduced_formula(crystal.amounts), "flags": flags(crystal)}
        return {"ok": True, "reason": None, **told, **featurize(crystal)}
    except StructureError as error:
        return {"ok": False, "reason": str(error)}


def featurize(crystal: Crystal) -> dict[str, Any]:
    """Features of a checked crystal: `FEATURES` (float or None), `oxidation_states` and `reasons` (JSON)."""
    values: dict[str, float | None] = dict.fromkeys(FEATURES)
    values |= _elemental(crystal.amounts)
    values["volume_per_site"] = crystal.volume / crystal.n_sites
    reasons: dict[str, str] = {}
    published = as_published(crystal.amounts)
    states = published.by_element if published else {}
    if "split sites" in crystal.notes:
        reasons = {name: "split sites: atoms closer than bonds" for name in FEATURES if values[name] is None}
    else:
        sited = _Sited(crystal, published)
        reasons = sited.fill(values)
        if sited.charges is not None:
            states = sited.charges.states.by_element
    return {
        **values,
        "oxidation_states": json.dumps({s: round(v, 6) for s, v in states.items()}, sort_keys=True),
        "reasons": json.dumps(reasons, sort_keys=True),
    }


def _elemental(amounts: Mapping[str, float]) -> dict[str, float | None]:
    """The three composition statistics among the ten; radii in picometre."""
    table = elemental_table()[[NUMBER[s] for s in amounts]]
    weights = np.array(list(amounts.values())) / sum(amounts.values())

    def spread(name: str) -> float:
        column = table[:, PROPERTIES.index(name)]
        return float(weights @ np.abs(column - weights @ column))

    mendeleev = table[:, PROPERTIES.index("MendeleevNumber")]
    return {
        "avg_dev_Electronegativity": spread("Electronegativity"),
        "range_MendeleevNumber": float(np.ptp(mendeleev)),
        "avg_dev_CovalentRadius": spread("CovalentRadius"),
    }


class _Sited:
    """The features of one crystal that need its sites; a shared site has the mean charge of what sits there."""

    def __init__(self, crystal: Crystal, published: States | None) -> None:
        self.crystal, self.published = crystal, published
        self.metal, self.anion = torrance.chosen_metal(crystal.amounts), torrance.chosen_anion(crystal.amounts)
        self.pairs = Pairs(crystal)
        guessed = by_element(crystal, published) if published else None
        self.charges = assigned(crystal, self.pairs.near()) or guessed
        self.our_metal, self.our_anion = self.metal, self.anion
        if self.charges is not None:
            self.our_metal, self.our_anion = torrance.chosen_ions(self.charges.states.by_element)

    def fill(self, values: dict[str, float | None]) -> dict[str, str]:
        """Sets what can be computed; returns why the others are null, by feature."""
        reasons: dict[str, str] = {}
        self._distances(values, reasons)
        potentials = self._potentials()
        self._as_published(potentials, values, reasons)
        self._ours(potentials, values, reasons)
        return {name: why for name, why in reasons.items() if values[name] is None}

    def _distances(self, values: dict[str, float | None], reasons: dict[str, str]) -> None:
        for name, left, right in _kinds(self.metal, self.anion):
            found = self.pairs.window(NUMBER[left], NUMBER[right]) if left and right else None
            values[f"avg_{name}_dists"] = None if found is None else float(found.mean())
            reasons[f"avg_{name}_dists"] = _no_pair(name, left)
        for name, left, right in _kinds(self.our_metal, self.our_anion):
            values[f"min_{name}_dists"] = self.pairs.shortest(NUMBER[left], NUMBER[right]) if left and right else None
            reasons[f"min_{name}_dists"] = _no_pair(name, left)
        values["bridged_mm_dists"] = self._bridged()
        reasons["bridged_mm_dists"] = "no two metals that share a non-metal"

    def _bridged(self) -> float | None:
        """Distance to the metals that share anions: to all transition metals where the chosen one is one."""
        if self.charges is None or self.our_metal is None:
            return None
        states = self.charges.states.by_element
        partners = {s for s, v in states.items() if v > 0 and s in TRANSITION_METALS}
        partners = partners if self.our_metal in partners else {self.our_metal}
        anions = frozenset(NUMBER[s] for s, v in states.items() if v < 0)
        return self.pairs.bridged(NUMBER[self.our_metal], frozenset(NUMBER[s] for s in partners), anions)

    def _potentials(self) -> Floats | str:
        """Potential at each site by unit charges of each group, or why there is none."""
        if self.charges is None:
            return "no neutral oxidation states found"
        if self.crystal.n_sites > MAX_EWALD_SITES:
            return f"{self.crystal.n_sites} sites, more than {MAX_EWALD_SITES}"
        places = self.crystal.coords[np.unique(self.crystal.sites, return_index=True)[1]]
        return site_potentials(self.crystal.lattice, places, self.charges.members(self.crystal))

    def _as_published(self, unit: Floats | str, values: dict[str, float | None], reasons: dict[str, str]) -> None:
        needs = ("gii", "ewald_energy_per_atom", "est_hubbard_u", "est_charge_trans")
        if self.published is None:
            reasons |= dict.fromkeys(needs, "no neutral oxidation states found")
            return
        states = self.published.by_element
        plain = by_element(self.crystal, self.published)
        if self.crystal.ordered:
            values["gii"], why = instability_index(self.pairs.near(), self.crystal.numbers, plain.groups, plain.charges)
            reasons["gii"] = why or ""
        else:
            reasons["gii"] = "disordered: bond valences are of whole atoms"
        potential, charge = None, plain.members(self.crystal) @ plain.charges
        if isinstance(unit, str):
            reasons |= dict.fromkeys(("ewald_energy_per_atom", "est_charge_trans"), unit)
        else:
            potential = unit @ self._by_group(plain)
            values["ewald_energy_per_atom"] = float(potential @ charge) / 2.0 / self.crystal.n_sites
        pair = self.metal, self.anion
        energies = self._energies(pair, states, potential, torrance.AFFINITY_AS_PUBLISHED)
        values["est_hubbard_u"], reasons["est_hubbard_u"] = energies.hubbard(values["avg_mm_dists"])
        values["est_charge_trans"], why = energies.transfer(values["avg_mx_dists"])
        reasons.setdefault("est_charge_trans", why)

    def _ours(self, unit: Floats | str, values: dict[str, float | None], reasons: dict[str, str]) -> None:
        needs = ("madelung_m", "madelung_x", "hubbard_u_eV", "charge_transfer_eV")
        if self.charges is None:
            reasons |= dict.fromkeys(needs, "no neutral oxidation states found")
            return
        potential = None if isinstance(unit, str) else unit @ self.charges.charges
        pair = self.our_metal, self.our_anion
        energies = self._energies(pair, self.charges.states.by_element, potential, torrance.AFFINITY)
        values["madelung_m"], values["madelung_x"] = energies.v_m, energies.v_x
        why = unit if isinstance(unit, str) else "no metal and non-metal"
        reasons |= dict.fromkeys(("madelung_m", "madelung_x"), why)
        distance = values["bridged_mm_dists"] or values["min_mm_dists"]
        values["hubbard_u_eV"], reasons["hubbard_u_eV"] = energies.hubbard(distance)
        values["charge_transfer_eV"], reasons["charge_transfer_eV"] = energies.transfer(values["min_mx_dists"])

    def _by_group(self, other: Charges) -> Floats:
        """What the groups of `charges`, which are as fine or finer, are charged with in another assignment."""
        assert self.charges is not None
        made = np.zeros(len(self.charges.charges))
        made[self.charges.groups] = other.charges[other.groups]
        return made

    def _energies(
        self,
        pair: tuple[str | None, str | None],
        states: Mapping[str, float],
        potential: Floats | None,
        affinities: Mapping[str, float],
    ) -> torrance.Energies:
        v_m, v_x = (self._greatest(potential, symbol) for symbol in pair)
        return torrance.Energies(metal=pair[0], anion=pair[1], states=states, v_m=v_m, v_x=v_x, affinities=affinities)

    def _greatest(self, potential: Floats | None, symbol: str | None) -> float | None:
        if potential is None or symbol is None:
            return None
        return float(potential[self.crystal.sites[self.crystal.numbers == NUMBER[symbol]]].max())


def _kinds(metal: str | None, anion: str | None) -> tuple[tuple[str, str | None, str | None], ...]:
    return ("mm", metal, metal), ("mx", metal, anion), ("xx", anion, anion)


def _no_pair(name: str, left: str | None) -> str:
    if left is None:
        return "no metal" if name.startswith("m") else "no non-metal"
    return "no such pair of sites in reach"
