"""What the loop around a calculation costs, whether a long campaign survives 40 kills, and check values of engines."""

import importlib.util
import json
import resource
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from dagster_project.cli import app
from etl import reference
from etl.structures.prototypes import PROTOTYPES, template
from models.evaluators import cells, recipes, service
from models.evaluators.calculations import Atoms, Calculation
from models.evaluators.executors import Local
from models.evaluators.ledger import Ledger
from models.evaluators.states import FINAL, State
from tests.benchmarks.datasets import data_set
from tests.servers.engines import has

COUNT = 1000
ATOMS = Atoms(lattice=np.eye(3) * 4.2, symbols=("Ni", "O"), coords=np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]))


def cpu_s() -> float:
    """CPU time of this process and of all it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def test_a_thousand_recorded_calculations_pass_the_loop_in_minutes(tmp_path: Path) -> None:
    ledger, executor, caps = Ledger(tmp_path), Local(), service.Caps(running=16, hours=0.1)
    asked = [
        Calculation(
            engine="recorded", settings={"values": {"gap_eV": k / 100}}, structure=ATOMS.as_json(), label=str(k)
        )
        for k in range(COUNT)
    ]
    start, before = time.perf_counter(), cpu_s()
    service.ask(ledger, [(c, "bench") for c in asked])
    for _ in service.ticks(ledger, executor, caps, pause_s=0.01):
        continue
    wall, cpu = time.perf_counter() - start, cpu_s() - before
    print(f"{COUNT} calculations: {wall:.0f} s wall, {1000 * cpu / COUNT:.0f} ms CPU each (asked: 300 s, 2000 ms)")
    assert len(ledger.standings(State.ACCEPTED)) == COUNT
    assert wall < 300
    assert cpu / COUNT < 2.0


def faults() -> ModuleType:
    """The fault test, whose campaign is run here at full length."""
    path = Path(__file__).parents[1] / "faults" / "test_calculations.py"
    spec = importlib.util.spec_from_file_location("campaign_of_faults", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.mark.parametrize("seed", [0, 1])
def test_two_hundred_calculations_survive_forty_kills(tmp_path: Path, seed: int) -> None:
    campaign = faults()
    ledger = campaign.campaign(tmp_path.resolve(), count=200, kills=40, seed=seed)
    campaign.check(ledger, 200)
    done = campaign.finished(ledger)
    assert done.is_unique().all(), "none ran to its end twice"
    attempts = ledger.table("attempts").height
    print(f"seed {seed}: {len(ledger.standings(*FINAL))} in one terminal state each, {attempts} attempts")


def test_cut_off_and_k_points_were_studied_for_two_members_of_each_family() -> None:
    """What holds of the asked 20 meV of a gap and 5 meV/atom of a difference of energies is printed, setting by
    setting, with the compounds that miss it."""
    rows = reference.convergence()
    gap, energy = pl.col("gap_shift_eV").abs(), pl.col("difference_shift_eV_atom").abs()
    for (recipe,), own in rows.group_by("recipe", maintain_order=True):
        studied = own.filter(pl.col("changed").str.contains("cutoff|kpoints"))
        if recipe in recipes.names():
            assert studied.group_by("formula").len().filter(pl.col("len") >= 2).height >= 2, recipe
        for (changed,), part in own.group_by("changed", maintain_order=True):
            print(f"{recipe} {changed}: gap {part.select(gap.max()).item():.3f} eV, "
                  f"difference {part.select(energy.max()).item():.4f} eV/atom, off: "
                  f"{part.filter((gap > 0.02) | (energy > 0.005))['formula'].to_list()}")  # fmt: skip


def calculated(folder: Path, rows: list[dict[str, Any]], recipe: str, *settings: str) -> pl.DataFrame:
    """What the commands make of structures: prepared, run on this machine and collected."""
    pl.DataFrame(rows).write_ndjson(folder / "rows.jsonl")
    out = str(folder / "calculations")
    changed = [word for setting in settings for word in ("--set", setting)]
    for words in (
        ["prepare", str(folder / "rows.jsonl"), "--recipe", recipe, "--out", out, *changed],
        ["run", out],
        ["collect", out, "--out", str(folder / "found.parquet")],
    ):
        done = CliRunner().invoke(app, ["dft", *words])
        assert done.exit_code == 0, done.output
    return pl.read_parquet(folder / "found.parquet")


NIO = "NiO\n1.0\n0 2.085 2.085\n2.085 0 2.085\n2.085 2.085 0\nNi O\n1 1\ndirect\n0 0 0\n0.5 0.5 0.5\n"
GPAW = has("MATLOOM_GPAW_PYTHON", "gpaw")


@GPAW
def test_nio_has_the_gap_that_another_program_finds_with_the_same_u(tmp_path: Path) -> None:
    """PBE + U of 6.2 eV, 450 eV, 4 x 4 x 4, moments reversed along 111. Quantum ESPRESSO 6.7 gave 2.95 eV; here 3.01 eV
    and 1.73 Bohr magnetons in 17 CPU s, 3.11 eV and 1.75 where occupations are normalised. Databases tell 2.2 to 2.6 eV
    (core.published_gaps), so the asked 5 % hold against the other program and not against these."""
    (tmp_path / "nio.poscar").write_text(NIO)
    done = CliRunner().invoke(app, ["physics", "orders", str(tmp_path / "nio.poscar"), "--out", str(tmp_path / "o")])
    assert done.exit_code == 0, done.output
    orders = pl.read_ndjson(tmp_path / "o" / "orders.jsonl").filter(order="AFM-1").to_dicts()
    settings = ("ranks=1", "kpoints=[4,4,4]", "normalized_U=false")
    found = calculated(tmp_path, orders, "a2bo4_pbe_u", *settings).row(0, named=True)
    print(f"NiO: gap {found['gap_eV']:.2f} eV, moment {found['largest_moment_bohr_magneton']:.2f}")
    assert found["gap_eV"] == pytest.approx(2.95, rel=0.05)
    assert found["largest_moment_bohr_magneton"] == pytest.approx(1.734, rel=0.01), "as it was"
    assert abs(found["total_moment_bohr_magneton"]) < 0.01


@GPAW
def test_rutile_vo2_is_a_metal_without_spin(tmp_path: Path) -> None:
    """As it is above 340 K (Morin, Phys. Rev. Lett. 3, 34 (1959)); 18 CPU s."""
    cell = [{"label": "VO2", "poscar": template(PROTOTYPES["rutile"]).to(fmt="poscar")}]
    assert calculated(tmp_path, cell, "vo2_rutile", "ranks=1")["gap_eV"].to_list() == [0.0]


@GPAW
def test_gamo4s8_has_one_moment_a_cluster_and_the_gap_that_is_on_record(tmp_path: Path) -> None:
    """With the moment left free: 1.00 Bohr magneton, as a cluster with one hole has it (Pocha et al., Chem. Mater. 12,
    2882 (2000)), and 0.50 eV (held: 0.48 eV); 29 CPU s."""
    known = reference.lacunar_cells().filter(formula="GaMo4S8")
    rows = cells.calculable(known).to_dicts()
    found = calculated(tmp_path, rows, "lacunar_cluster", "fix_moment=false").row(0, named=True)
    print(f"GaMo4S8: gap {found['gap_eV']:.3f} eV, moment {found['total_moment_bohr_magneton']:.3f}")
    assert found["total_moment_bohr_magneton"] == pytest.approx(1.0, rel=0.05)
    assert found["gap_eV"] == pytest.approx(0.48, rel=0.06)


@has("MATLOOM_CHGNET_PYTHON", "chgnet")
def test_magnesia_is_stable_against_metal_and_peroxide_of_the_same_level(tmp_path: Path) -> None:
    """Mg-O with CHGNet, cells relaxed: MgO lies 1.70 eV/atom below Mg and MgO2, 1.55 by formation energies of the
    Materials Project; its two layered forms 0.10 and 0.11 eV/atom above it, there 0.09 and 0.09. 18 CPU s."""
    rows = pl.read_parquet(data_set("mit/mp_binary_structures_3953.parquet"))
    texts = {f"{r['formula']} {r['mp_id']}": r["structure_json"] for r in rows.to_dicts() if r["mp_id"] in MAGNESIA}
    made = [{"label": label, "poscar": poscar(json.loads(text))} for label, text in texts.items()]
    found = calculated(tmp_path, [*made, {"label": "Mg", "poscar": MAGNESIUM}], "chgnet_relax")
    out = str(tmp_path / "stability.parquet")
    assert CliRunner().invoke(app, ["dft", "stability", str(tmp_path / "found.parquet"), "--out", out]).exit_code == 0
    told = {r["label"]: r for r in pl.read_parquet(out).to_dicts()}
    assert found.height == len(told) == 5
    oxide = told["MgO mp-1265"]
    print({label: (r["stability_eV_atom"], r["above_lowest_eV_atom"], r["phases"]) for label, r in told.items()})
    assert oxide["phases"] == ["Mg", "MgO2 mp-2589"]
    energies = dict(pl.read_csv(data_set("bias/mp_eform_by_formula.csv.gz")).iter_rows())
    published = energies["Mg1O1"] - 0.75 * energies["Mg4O8"]
    assert oxide["stability_eV_atom"] == pytest.approx(published, rel=0.12)
    assert told["MgO2 mp-2589"]["reason"].startswith("no mixture makes MgO2"), "nothing richer in oxygen was calculated"


MAGNESIA = ("mp-1265", "mp-2589", "mp-775808", "mp-776911")
MAGNESIUM = "Mg\n1.0\n3.21 0 0\n-1.605 2.77994 0\n0 0 5.21\nMg\n2\ndirect\n0.33333 0.66667 0.25\n0.66667 0.33333 0.75\n"


def poscar(told: dict[str, Any]) -> str:
    """A crystal of the data set as text, sites in their order."""
    rows = [" ".join(map(str, row)) for row in (*told["lattice"], *told["frac_coords"])]
    names = list(dict.fromkeys(told["species"]))
    counts = " ".join(str(told["species"].count(n)) for n in names)
    return "\n".join(["x", "1.0", *rows[:3], " ".join(names), counts, "direct", *rows[3:], ""])
