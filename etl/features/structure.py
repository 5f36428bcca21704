"""The ten published structure features of metal-insulator screening, and a few of our own.

Definitions: Georgescu et al., Chem. Mater. 33, 5591 (2021), doi 10.1021/acs.chemmater.1c00905, after Torrance et al.,
Physica C 182, 351 (1991). A feature that cannot be computed is null with a reason; nothing is imputed here.
"""

import json
import multiprocessing
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from etl.features.bonds import Pairs, instability_index
from etl.features.composition import PROPERTIES, elemental_table
from etl.features.elements import ANION_CHARGE, NUMBER, RARE_EARTHS, TRANSITION_METALS, electronegativities
from etl.features.ionization import ionization_energy
from etl.features.oxidation import States, states_of
from etl.features.rows import beside
from schemas.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

PUBLISHED = (
    "gii", "est_hubbard_u", "est_charge_trans", "ewald_energy_per_atom", "avg_dev_Electronegativity",
    "range_MendeleevNumber", "avg_dev_CovalentRadius", "avg_mm_dists", "avg_mx_dists", "avg_xx_dists",
)  # fmt: skip
OURS = ("min_mm_dists", "min_mx_dists", "madelung_m", "madelung_x", "charge_transfer_eV", "volume_per_site")
FEATURES = PUBLISHED + OURS
MAX_EWALD_SITES = 300
PARALLEL_FROM = 1000
"""Structures from which a second process earns the seconds that it needs to start."""
COULOMB_EV_ANGSTROM = 14.39965
KJ_MOL_EV = 0.010364

AFFINITY_AS_PUBLISHED = {
    "N": 1070.0, "O": -744.0, "F": -328.0, "P": 886.0, "S": 456.0, "Cl": -349.0, "Br": -331.0, "I": -301.0,
}  # fmt: skip
"""kJ/mol, with the mixed signs of the published featurizer; kept so that `est_charge_trans` compares with it."""

AFFINITY = {
    "N": -1070.0, "O": -744.0, "F": 328.2, "P": -886.0, "S": -456.0, "Se": -410.0, "Cl": 348.6, "Br": 324.5, "I": 295.2,
}  # fmt: skip
"""kJ/mol gained when the anion takes its last electron, one sign convention throughout.

Halogens: CRC Handbook of Chemistry and Physics, electron affinities. O, S, Se, N, P: last step to the closed-shell
anion as tabulated in inorganic textbooks (lattice-energy cycles); O is the value that returns Torrance's -7.7 eV.
"""


def structure(frame: pl.DataFrame, *, workers: int = 1) -> pl.DataFrame:
    """Adds the structure features of one structure a row.

    Args:
        frame: any frame with a `cif` or a `poscar` column (CIF first where a row has both).
        workers: processes; one computes in this process.

    Returns:
        The input columns (see `rows.beside`), `ok`, `reason` (why the text holds no usable structure), the features
        of `FEATURES`, `oxidation_states` and `reasons`, both JSON objects: element to state, and feature to why it is
        null.

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
    from etl.structures.cif import read_any
    from etl.structures.errors import StructureError

    try:
        return {"ok": True, "reason": None, **featurize(read_any(cif=cif, poscar=poscar))}
    except StructureError as error:
        return {"ok": False, "reason": str(error)}


def featurize(crystal: "Structure") -> dict[str, Any]:
    """Features of a checked structure: `FEATURES` (float or None), `oxidation_states` and `reasons` (JSON)."""
    values: dict[str, float | None] = dict.fromkeys(FEATURES)
    reasons: dict[str, str] = {}
    amounts = {s: float(n) for s, n in crystal.composition.element_composition.get_el_amt_dict().items()}
    values |= _elemental(amounts)
    values["volume_per_site"] = float(crystal.volume) / len(crystal)
    states = states_of(crystal)
    if not crystal.is_ordered:
        why = "disordered: sites with mixed or partial occupancy"
        reasons |= {name: why for name in FEATURES if values[name] is None}
    else:
        crystal = crystal.copy(site_properties={})
        crystal.remove_oxidation_states()
        _ordered(crystal, amounts, states, values, reasons)
    return {
        **values,
        "oxidation_states": json.dumps(states.by_element if states else {}, sort_keys=True),
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


def chosen_metal(symbols: Mapping[str, float], anion: str | None) -> str | None:
    """The metal that features speak of: the most electronegative transition metal, else rare earth, else any metal."""
    chi = electronegativities()
    others = [s for s in symbols if s != anion and s not in _NON_METALS]
    for tier in (TRANSITION_METALS, RARE_EARTHS, frozenset(others)):
        here = [s for s in others if s in tier]
        if here:
            return max(here, key=lambda s: (chi[s], s))
    return None


_NON_METALS = frozenset(
    (*(s for s in ANION_CHARGE if s not in ("Sb", "Bi", "Ge", "Si", "B")), "He", "Ne", "Ar", "Kr", "Xe")
)


def chosen_anion(symbols: Mapping[str, float], states: States | None) -> str | None:
    """The anion that features speak of: O, else the most electronegative element that can be one."""
    if "O" in symbols:
        return "O"
    chi = electronegativities()
    negative = {s for s, v in states.by_element.items() if v < 0} if states else set()
    able = [s for s in symbols if s in ANION_CHARGE and (s in _NON_METALS or s in negative or not states)]
    return max(able, key=lambda s: (chi[s], s)) if able and len(symbols) > 1 else None


def _ordered(
    crystal: "Structure",
    amounts: Mapping[str, float],
    states: States | None,
    values: dict[str, float | None],
    reasons: dict[str, str],
) -> None:
    anion = chosen_anion(amounts, states)
    metal = chosen_metal(amounts, anion)
    pairs = Pairs(crystal)
    for name, left, right in (("mm", metal, metal), ("mx", metal, anion), ("xx", anion, anion)):
        _distances(pairs, name, left, right, values, reasons)
    if states is None:
        why = "no neutral oxidation states found"
        reasons |= dict.fromkeys(
            ("gii", "ewald_energy_per_atom", "est_hubbard_u", "est_charge_trans", "madelung_m", "madelung_x",
             "charge_transfer_eV"), why
        )  # fmt: skip
        return
    values["gii"], why_not = instability_index(crystal, pairs, states.by_element)
    if why_not:
        reasons["gii"] = why_not
    potentials = _ewald(crystal, states.by_element, values, reasons)
    _torrance(metal, anion, states.by_element, potentials, values, reasons)


def _distances(
    pairs: Pairs,
    name: str,
    left: str | None,
    right: str | None,
    values: dict[str, float | None],
    reasons: dict[str, str],
) -> None:
    wanted = [n for n in (f"avg_{name}_dists", f"min_{name}_dists") if n in FEATURES]
    found = pairs.window(left, right) if left and right else None
    if found is None:
        why = "no metal" if not left else "no anion" if not right else f"no {left}-{right} pair in reach"
        if name == "xx" and not left:
            why = "no anion"
        reasons |= dict.fromkeys(wanted, why)
        return
    values[f"avg_{name}_dists"] = float(found.mean())
    if f"min_{name}_dists" in FEATURES:
        values[f"min_{name}_dists"] = float(found.min())


def _ewald(
    crystal: "Structure", states: Mapping[str, float], values: dict[str, float | None], reasons: dict[str, str]
) -> dict[str, float]:
    """Sets the Ewald energy per atom (eV); returns the greatest site potential (V) of each element."""
    from pymatgen.analysis.ewald import EwaldSummation

    if len(crystal) > MAX_EWALD_SITES:
        reasons["ewald_energy_per_atom"] = f"{len(crystal)} sites, more than {MAX_EWALD_SITES}"
        return {}
    charged = crystal.copy()
    charged.add_oxidation_state_by_element(dict(states))
    summed = EwaldSummation(charged)
    energies = summed.total_energy_matrix.sum(axis=0)
    values["ewald_energy_per_atom"] = float(energies.sum() / len(crystal))
    potentials: dict[str, float] = {}
    for site, energy in zip(crystal, energies, strict=True):
        symbol = site.specie.symbol
        potential = 2.0 * float(energy) / states[symbol]
        potentials[symbol] = max(potentials.get(symbol, -np.inf), potential)
    return potentials


def _torrance(
    metal: str | None,
    anion: str | None,
    states: Mapping[str, float],
    potentials: Mapping[str, float],
    values: dict[str, float | None],
    reasons: dict[str, str],
) -> None:
    """Unscreened Hubbard U and charge-transfer energy (eV), Torrance et al. 1991, equations 1 and 2."""
    both = ("est_charge_trans", "charge_transfer_eV")
    if metal is None or states[metal] <= 0:
        why = "no metal" if metal is None else f"{metal} is no cation"
        reasons |= dict.fromkeys(("est_hubbard_u", "madelung_m", *both), why)
        if anion is None:
            reasons["madelung_x"] = "no anion"
        else:
            values["madelung_x"] = potentials.get(anion)
        return
    now, then = ionization_energy(metal, states[metal]), ionization_energy(metal, states[metal] + 1.0)
    mm, mx = values["avg_mm_dists"], values["avg_mx_dists"]
    if now is None or then is None or mm is None:
        reasons["est_hubbard_u"] = f"no {metal}-{metal} distance" if mm is None else f"no ionization energy of {metal}"
    else:
        values["est_hubbard_u"] = then - now - COULOMB_EV_ANGSTROM / mm
    values["madelung_m"] = potentials.get(metal)
    values["madelung_x"] = potentials.get(anion) if anion else None
    v_m, v_x = values["madelung_m"], values["madelung_x"]
    if v_m is None or v_x is None or anion is None or mx is None or now is None or states[anion] >= 0:
        why = f"no ionization energy of {metal}" if now is None else "no anion, metal-anion distance or site potential"
        reasons |= dict.fromkeys(both, why)
        reasons |= {n: "no site potential" for n in ("madelung_m", "madelung_x") if values[n] is None}
        return
    bare = v_x - v_m - now - COULOMB_EV_ANGSTROM / mx
    for name, affinities in zip(both, (AFFINITY_AS_PUBLISHED, AFFINITY), strict=True):
        if anion in affinities:
            values[name] = bare + affinities[anion] * KJ_MOL_EV
        else:
            reasons[name] = f"no electron affinity of {anion}"
