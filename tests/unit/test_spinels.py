"""Lacunar spinels: their cells, and the energy that compares them."""

import json
from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from etl import reference
from etl.features.formulas import parse_numeric
from models.design import candidates
from models.evaluators import recipes, spinels
from models.evaluators.calculations import Atoms
from models.evaluators.cells import SCHEMA, calculable
from models.evaluators.convergence import convergence
from models.evaluators.engines import engine
from models.evaluators.lacunar import (
    TEMPLATES,
    Cell,
    Member,
    cell_of,
    members,
    start,
    start_moments,
    symbols,
    template_of,
)
from models.evaluators.ledger import Ledger
from schemas.problem import load
from schemas.tables import REGISTRY
from warehouse.catalog import publish
from warehouse.report.calculated import calculated
from warehouse.report.source import Source
from warehouse.store import Store

GALLIUM = Member(a="Ga", ma="V", mb="V", x="Se")


def test_the_family_has_270_members_with_clusters_of_four_sizes() -> None:
    every = list(members())
    assert len({m.formula for m in every}) == 270
    spelled = {row["formula"] for row in candidates(load("lacunar_spinel")).to_dicts()}
    assert spelled <= set(spinels.by_formula()), "the loop of design may be handed on"
    assert Counter(m.electrons for m in every) == {7: 81, 8: 81, 10: 54, 11: 54}
    # GaV4S8 and GaMo4S8: one unpaired electron, one hole (Pocha et al., Chem. Mater. 12, 2882 (2000))
    assert [(GALLIUM.electrons, GALLIUM.moment)] == [(7, 1)]
    assert (spinels.CENTRE.electrons, spinels.CENTRE.moment) == (11, 1)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_cell_is_its_eleven_numbers_and_keeps_its_threefold_axis(name: str) -> None:
    cell = TEMPLATES[name]
    again = cell_of(cell.lattice, cell.coords)
    assert vars(again) == pytest.approx(vars(cell), abs=1e-9)
    lengths = np.linalg.norm(cell.lattice, axis=1)
    assert lengths == pytest.approx(cell.a_angstrom)
    angle = np.degrees(np.arccos(cell.lattice[0] @ cell.lattice[1] / lengths[0] ** 2))
    assert angle == pytest.approx(cell.alpha_degree)
    places = {tuple(np.round(c, 6)) for c in cell.coords.tolist()}
    turned = {tuple(np.round(np.array(c)[list(p)], 6)) for c in cell.coords.tolist() for p in permutations(range(3))}
    assert turned == places
    assert len(places) == 13


def test_clusters_of_7_electrons_are_long_along_the_axis_and_those_of_11_short() -> None:
    ratio = {name: np.divide(*cell.metals_angstrom) for name, cell in TEMPLATES.items()}
    assert ratio["7"] > 1.04
    assert ratio["11"] < 0.96
    # Ma-Mb and Mb-Mb of GaV4Se8 are 3.187 and 2.945 angstrom, of AlV4Se8 3.189 and 2.939, of AlTaV3Se8 3.082 and 2.953
    assert TEMPLATES["7"].metals_angstrom == pytest.approx((3.153, 2.946), abs=0.005)


def test_a_start_has_the_composition_and_the_moment_of_its_member() -> None:
    for member in members():
        amounts = Counter(symbols(member))
        assert amounts == Counter({k: int(v) for k, v in parse_numeric(member.formula).items()})
        assert start_moments(member).sum() == pytest.approx(member.moment)
        assert 190 < start(member).volume_angstrom3 < 400
    assert template_of(Member(a="In", ma="Cr", mb="V", x="S")) == "8 Cr"


def test_a_cell_can_be_prepared_by_the_recipe_of_the_family() -> None:
    from dagster_project.calculations import atoms

    cell = start(GALLIUM)
    row = {"formula": GALLIUM.formula, "A": "Ga", "Ma": "V", "Mb": "V", "X": "Se", "electrons": 7, "template": "7"}
    rest = {"volume_angstrom3": cell.volume_angstrom3, "chgnet_energy_eV_atom": -6.1, "relaxation_steps": 9}
    cells = pl.DataFrame([{**row, **vars(cell), **rest}], schema=SCHEMA)
    made = atoms(calculable(cells).row(0, named=True))
    assert made.moments is not None
    assert made.moments.sum() == pytest.approx(1.0)
    assert abs(np.linalg.det(made.lattice)) == pytest.approx(cell.volume_angstrom3, rel=1e-6)
    asked = recipes.load("lacunar_cluster").calculation(made, label="x")
    engine("gpaw").check(Atoms.from_json(asked.structure), asked.settings)
    assert asked.settings["hubbard_U_eV"] == {"V": ["d", 2.0]}


def test_the_reaction_of_exchange_is_balanced_for_every_member() -> None:
    for member in members():
        left = Counter(symbols(member)) + Counter({e: 3 * n for e, n in Counter(symbols(spinels.CENTRE)).items()})
        assert left == sum((Counter(symbols(p)) for p in spinels.neighbours(member)), Counter())
    assert len(spinels.references()) == 14


def test_exchange_is_zero_for_one_site_and_tells_what_two_sites_gain_together() -> None:
    shift = {"Al": -0.3, "In": 0.2, "V": 0.1, "Nb": -0.4, "Te": 0.5, "Se": 0.25}
    energies = {
        m.formula: -6.0 + sum(shift.get(e, 0.0) for e in (m.a, m.x)) + shift.get(m.ma, 0.0) + 3 * shift.get(m.mb, 0.0)
        for m in members()
    }
    assert all(spinels.exchange(m, energies) == pytest.approx(0.0, abs=1e-12) for m in members())
    pair = Member(a="Al", ma="V", mb="Mo", x="Te")
    energies[pair.formula] -= 0.02
    assert spinels.exchange(pair, energies) == pytest.approx(-0.02)
    del energies["GaMo4Te8"]
    assert spinels.exchange(pair, energies) is None


def test_the_shipped_table_tells_its_level_and_its_exchange_can_be_computed_again() -> None:
    rows = reference.lacunar_spinels()
    assert rows["formula"].is_unique().all()
    assert set(rows["formula"].to_list()) <= set(spinels.by_formula())
    done = rows.filter(pl.col("state") == "accepted")
    assert done["converged"].all()
    energies = dict(done.select("formula", "energy_eV_atom").iter_rows())
    for formula, told in done.select("formula", "exchange_eV_atom").iter_rows():
        again = spinels.exchange(spinels.by_formula()[formula], energies)
        assert again == (None if told is None else pytest.approx(told, abs=1e-5))
    recipe = recipes.load("lacunar_cluster").settings
    held = [json.loads(text) for text in done.filter(pl.col("attempts") == 1)["settings"].to_list()]
    assert all({**h, **recipe} == h for h in held), "every row is at the level of the recipe"


def test_the_shipped_cells_are_polar_and_as_large_as_their_numbers_say() -> None:
    for row in reference.lacunar_cells().to_dicts():
        cell = Cell(**{name: row[name] for name in Cell.__dataclass_fields__})
        assert cell.volume_angstrom3 == pytest.approx(row["volume_angstrom3"], rel=1e-4)
        apical, base = cell.metals_angstrom
        assert 2.5 < base < 3.8, row["formula"]
        assert abs(apical / base - 1.0) > 0.005, f"{row['formula']} is as good as cubic"


def test_a_ledger_becomes_a_table_in_the_order_of_choice(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    recipe = recipes.load("lacunar_cluster")
    chosen = [spinels.CENTRE, GALLIUM]
    for member in chosen:
        cell = start(member)
        made = Atoms(lattice=cell.lattice, symbols=symbols(member), coords=cell.coords, moments=start_moments(member))
        ledger.ask([(recipe.calculation(made, label=member.formula), "test")])
    first = ledger.standings()[0]
    attempt = ledger.begin(first, {"cutoff_eV": 300}, executor="local")
    assert attempt is not None
    values = dict.fromkeys(spinels.VALUES, 0.5)
    ledger.finish(ledger.standing(first.calculation_id), values, {"converged": True, "cpu_s": 31.25}, objection=None)
    order = pl.DataFrame({"formula": ["GaV4Se8", "GaMo4S8"], "generation": [1, 0], "chosen_by": ["a", "b"]})
    found = spinels.table(ledger, order)
    assert found.select("formula", "generation", "gap_eV", "exchange_eV_atom", "references").rows() == [
        ("GaMo4S8", 0, 0.5, 0.0, "")
    ]
    seen = spinels.observations(found, order)
    assert seen.select("formula", "A", "Ma", "Mb", "X", "gap_eV").rows() == [
        ("GaV4Se8", "Ga", "V", "V", "Se", None),
        ("GaMo4S8", "Ga", "Mo", "Mo", "S", 0.5),
    ]


def test_of_several_starts_the_lowest_in_energy_is_told(tmp_path: Path) -> None:
    ledger, cell = Ledger(tmp_path), start(GALLIUM)
    for apex, energy in ((False, -5.0), (True, -5.1)):
        moments = start_moments(GALLIUM, apex=apex)
        assert moments.sum() == pytest.approx(1.0)
        made = Atoms(lattice=cell.lattice, symbols=symbols(GALLIUM), coords=cell.coords, moments=moments)
        asked = recipes.load("lacunar_cluster").calculation(made, label=GALLIUM.formula)
        ledger.ask([(asked, "test")])
        before = ledger.standing(asked.calculation_id)
        assert ledger.begin(before, asked.settings, executor="local") is not None
        values = {**dict.fromkeys(spinels.VALUES, 0.5), "energy_eV_atom": energy}
        ledger.finish(ledger.standing(asked.calculation_id), values, {"converged": True}, objection=None)
    order = pl.DataFrame({"formula": [GALLIUM.formula], "generation": [0], "chosen_by": ["a"]})
    assert spinels.table(ledger, order).select("starts", "energy_eV_atom").rows() == [(2, -5.1)]


def test_a_study_of_convergence_tells_shifts_and_what_they_leave_of_a_difference() -> None:
    base = pl.DataFrame(
        {
            "label": ["GaMo4S8", "GaNb4S8", "GaNb4S8 ranks=2"],  # a start on two cores is one more start
            "state": ["accepted"] * 3,
            "gap_eV": [0.5, 0.7, 0.4],
            "energy_eV_atom": [-6.0, -6.4, -6.5],
        }
    )
    names = ["GaMo4S8 cutoff_eV=400", "GaNb4S8 cutoff_eV=400", "GaNb4S8 kpoints=[3, 3, 3]", "GaNb4S8 cutoff_eV=9"]
    changed = pl.DataFrame(
        {
            "label": names,
            "state": ["accepted", "accepted", "accepted", "calculation_failed"],
            "gap_eV": [0.52, 0.45, 0.3, None],
            "energy_eV_atom": [-6.1, -6.602, -6.51, None],
            "provenance": ['{"cpu_s": 50.5}'] * 3 + [None],
        }
    )
    found = convergence(changed, base)
    shown = ("formula", "changed", "gap_shift_eV", "difference_shift_eV_atom", "cpu_s")
    assert found.select(shown).rows() == [
        ("GaMo4S8", "cutoff_eV=400", 0.02, 0.0, 50.5),
        ("GaNb4S8", "cutoff_eV=400", 0.05, -0.002, 50.5),
        ("GaNb4S8", "kpoints=[3, 3, 3]", -0.1, None, 50.5),
    ]


def test_a_study_without_gaps_tells_energies_and_one_without_an_end_tells_nothing() -> None:
    told = {"state": ["accepted"], "provenance": ["{}"], "energy_eV_atom": [-5.0]}
    base = pl.DataFrame({"label": ["MgO ranks=1"], **told})
    changed = pl.DataFrame({"label": ["MgO ranks=1 steps=9"], **told, "energy_eV_atom": [-5.25]})
    found = convergence(changed, base)
    shown = ("formula", "changed", "gap_shift_eV", "energy_shift_eV_atom", "difference_shift_eV_atom")
    assert found.select(shown).rows() == [("MgO", "steps=9", None, -0.25, 0.0)], "ranks change no value"
    assert convergence(changed.clear(), base).height == 0


def test_the_report_shows_the_table_with_its_level_and_a_figure(tmp_path: Path) -> None:
    store, rows = Store(tmp_path / "home"), reference.lacunar_spinels()
    for name, made in (
        ("core.lacunar_spinels", rows),
        ("core.published_gaps", reference.published_gaps()),
        ("core.convergence", reference.convergence()),
    ):
        written = store.write(name, made, mode="replace")
        assert written.rejected == 0
        store.record_verdict(name, written.version, passed=True)
    publish(tmp_path / "home")
    page = calculated(Source(tmp_path / "home", REGISTRY))
    level, told = page.sections[:2]
    done = rows.filter(pl.col("state") == "accepted").height
    assert told.text.startswith(f"{done} of 270 compounds are calculated")
    assert "relaxed with CHGNet, not at the level of the energies" in level.text
    gaps = {s.title: s for s in page.sections}["Gaps that others tell"]
    shown = [[text for text, _ in row] for row in gaps.rows]
    off = [row[gaps.header.index("off_eV")] for row in shown if row[:2] == ["GaV4S8", "GGA + U = 2 eV"]]
    assert off == ["0.133"], "above 0.2 to 0.3 eV"
    assert all(f"X = {x}" in told.pictures[0].svg for x in rows.drop_nulls("exchange_eV_atom")["X"].unique().to_list())
