"""The table of computed lacunar spinels: what a ledger holds of them, with a relative stability at the same level.

A reaction that swaps one site at a time compares a compound with GaMo4S8 and its neighbours, all calculated with the
same settings:

    A Ma Mb3 X8 + 3 GaMo4S8 -> A Mo4 S8 + Ga Ma Mo3 S8 + Ga Mo Mb3 S8 + Ga Mo4 X8

Its energy per atom of the compound, with the sign of the compound, is `exchange_eV_atom`: negative where the elements
gain by being together. It is 0 by definition where only one site differs from GaMo4S8, and no distance to the hull: how
a compound fares against binaries, it does not tell.
"""

import json
from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from models.evaluators import service
from models.evaluators.convergence import lowest
from models.evaluators.lacunar import MA, MB, A, Member, X, members
from models.evaluators.ledger import Ledger

CENTRE = Member(a="Ga", ma="Mo", mb="Mo", x="S")
VALUES = (
    "energy_eV_atom",
    "gap_eV",
    "gap_up_eV",
    "gap_down_eV",
    "spin_overlap_eV",
    "total_moment_bohr_magneton",
    "largest_moment_bohr_magneton",
    "largest_force_eV_angstrom",
)
"""Values of a calculation that the table shows."""


def neighbours(member: Member) -> tuple[Member, ...]:
    """The four products of the reaction of a member: each keeps one of its sites, the rest is GaMo4S8."""
    return (
        replace(CENTRE, a=member.a),
        replace(CENTRE, ma=member.ma),
        replace(CENTRE, mb=member.mb),
        replace(CENTRE, x=member.x),
    )


def references() -> list[Member]:
    """The members that all reactions need, GaMo4S8 first."""
    every = [
        CENTRE,
        *(replace(CENTRE, a=a) for a in A),
        *(replace(CENTRE, x=x) for x in X),
        *(replace(CENTRE, ma=m) for m in MA),
        *(replace(CENTRE, mb=m) for m in MB),
    ]
    return list(dict.fromkeys(every))


def exchange(member: Member, energies: Mapping[str, float]) -> float | None:
    """The energy of the reaction in eV per atom of the member; None while one of its compounds has no energy.

    Args:
        member: the compound.
        energies: formula -> total energy in eV per atom, all of one level.
    """
    products = neighbours(member)
    if any(m.formula not in energies for m in (member, CENTRE, *products)):
        return None
    return energies[member.formula] + 3.0 * energies[CENTRE.formula] - sum(energies[p.formula] for p in products)


def table(ledger: Ledger, order: pl.DataFrame) -> pl.DataFrame:
    """One row a compound whose calculation has ended, in the order in which they were chosen.

    Args:
        ledger: of the calculations; labels are formulas.
        order: `formula`, `generation` (0 is the start) and `chosen_by`.
    """
    done = service.collect(ledger).filter(pl.col("label").is_in(order["formula"].to_list()))
    done = lowest(done.filter(pl.col("engine") == "gpaw"))
    told = [json.loads(p) if p else {} for p in done["provenance"].to_list()]
    energies = dict(done.drop_nulls("energy_eV_atom").select("label", "energy_eV_atom").iter_rows())
    compounds = [by_formula()[f] for f in done["label"].to_list()]
    found = done.select(
        "calculation_id", "state", "starts", "attempts", "reason", *VALUES, formula="label"
    ).with_columns(
        pl.Series("exchange_eV_atom", [exchange(m, energies) for m in compounds], dtype=pl.Float64),
        pl.Series("references", [";".join(_others(m)) for m in compounds], dtype=pl.String),
        pl.Series("converged", [bool(p.get("converged")) for p in told]),
        pl.Series("iterations", [p.get("iterations") for p in told], dtype=pl.Int64),
        pl.Series("cpu_s", [p.get("cpu_s") for p in told], dtype=pl.Float64),
        pl.Series("engine", [p.get("engine") for p in told], dtype=pl.String),
        pl.Series("settings", [_settings(ledger, i) for i in done["calculation_id"].to_list()]),
    )
    rounded = found.with_columns(pl.col(pl.Float64).exclude("cpu_s").round(6) + 0.0, pl.col("cpu_s").round(1))
    return order.join(rounded, on="formula", how="inner", maintain_order="left")


def observations(found: pl.DataFrame, order: pl.DataFrame) -> pl.DataFrame:
    """What `matloom design propose` reads: the sites of each compound that was chosen, and its two objectives.

    A compound without a value, because it failed or because it is still calculated, counts as tried.

    Args:
        found: as `table` gives it.
        order: every compound that was chosen.
    """
    sites = [(m.formula, m.a, m.ma, m.mb, m.x) for m in members()]
    named = pl.DataFrame(sites, schema=["formula", "A", "Ma", "Mb", "X"], orient="row")
    told = found.select("formula", "gap_eV", stability_eV_atom="exchange_eV_atom")
    return order.select("formula").join(named, on="formula", maintain_order="left").join(told, on="formula", how="left")


def by_formula() -> dict[str, Member]:
    """The 270 by their formula, and by that of the design problem, which writes GaMoMo3S8 for GaMo4S8."""
    return {name: m for m in members() for name in (m.formula, f"{m.a}{m.ma}{m.mb}3{m.x}8")}


def _others(member: Member) -> list[str]:
    """The compounds that a member is compared with, GaMo4S8 first."""
    every = dict.fromkeys(m.formula for m in (CENTRE, *neighbours(member)))
    return [f for f in every if f != member.formula]


def _settings(ledger: Ledger, calculation_id: str) -> str:
    """Those of the last attempt: a rule may have changed them."""
    last = ledger.attempt(calculation_id)
    return json.dumps(dict(last.settings if last else ledger.calculation(calculation_id).settings), sort_keys=True)
