"""Runs one GPAW calculation in the present folder: reads `input.json`, writes `result.json` (rank 0, renamed).

    mpiexec -n 2 python gpaw_run.py

It needs ase, gpaw and numpy alone, so it may run under another Python, on another machine, than the rest. Values and
failures follow `models.evaluators.engines.protocol`; settings are explained in `gpaw`.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np


def atoms_of(held: dict[str, Any]) -> Any:
    """ASE's object of `Atoms.as_json`."""
    from ase import Atoms

    symbols, coords, moments = zip(*held["sites"], strict=True)
    made = Atoms(list(symbols), cell=np.array(held["lattice"]), scaled_positions=np.array(coords), pbc=True)
    if moments[0] is not None:
        made.set_initial_magnetic_moments(list(moments))
    return made


def calculator(settings: dict[str, Any], spin: bool) -> Any:
    """GPAW with these settings."""
    from gpaw import GPAW, PW, FermiDirac

    grid = {"h": settings["grid_angstrom"]} if settings["grid_angstrom"] else {}
    kind = "" if settings["normalized_U"] else ",0"
    return GPAW(
        mode=PW(settings["cutoff_eV"]),
        xc=settings["functional"],
        kpts={"size" if isinstance(settings["kpoints"], list) else "density": settings["kpoints"], "gamma": True},
        occupations=FermiDirac(settings["smearing_eV"], fixmagmom=spin and settings["fix_moment"]),
        setups={element: f":{orbital},{value}{kind}" for element, (orbital, value) in settings["hubbard_U_eV"].items()},
        convergence={
            "energy": settings["energy_tolerance_eV_electron"],
            "density": settings["density_tolerance"],
            "eigenstates": settings["eigenstates_tolerance_eV2_electron"],
        },
        maxiter=settings["iterations"],
        mixer={"name": "pulay", **settings["mixing"]},
        spinpol=spin,
        nbands=settings["bands"],
        txt="gpaw.txt",
        # a broken symmetry of the start must stay broken; structures come rounded to five decimals
        symmetry={"point_group": settings["symmetry"], "tolerance": 2e-3},
        **grid,
    )


def gaps(calc: Any, *, fixed: bool) -> dict[str, float]:
    """Kohn-Sham gaps in eV: of both spins together and of each; 0 where bands cross the Fermi level.

    A fixed moment gives each spin a Fermi level of its own: where a filled band of one spin lies above an empty one of
    the other, by `spin_overlap_eV`, another moment would be lower.
    """
    spins = calc.get_number_of_spins()
    levels = calc.get_fermi_levels() if fixed else [calc.get_fermi_level()] * spins
    edges = []
    for spin, level in enumerate(map(float, levels)):
        bands = np.array([calc.get_eigenvalues(kpt=k, spin=spin) for k in range(len(calc.get_ibz_k_points()))])
        filled = (bands < level).sum(axis=1)
        if (filled != filled[0]).any() or filled[0] in (0, bands.shape[1]):
            edges.append((level, level))
        else:
            edges.append((float(bands[:, : filled[0]].max()), float(bands[:, filled[0] :].min())))
    gap = min(c for _, c in edges) - max(v for v, _ in edges)
    found = {"gap_eV": max(0.0, gap), "spin_overlap_eV": max(0.0, -gap)}
    if len(edges) == 2:
        found |= {f"gap_{name}_eV": max(0.0, c - v) for name, (v, c) in zip(("up", "down"), edges, strict=True)}
    return found


def run(held: dict[str, Any]) -> dict[str, Any]:
    """The result of one calculation."""
    import ase
    import gpaw

    settings, atoms = held["settings"], atoms_of(held["structure"])
    start, cpu = time.perf_counter(), time.process_time()
    spin = settings["spin"]
    calc = calculator(settings, spin)
    atoms.calc = calc
    result: dict[str, Any] = {}
    try:
        energy = float(atoms.get_potential_energy())
    except gpaw.KohnShamConvergenceError:
        reason = f"the density did not converge in {settings['iterations']} iterations: see gpaw.txt"
        return {"failure": {"code": "scf", "reason": reason}}
    forces = np.linalg.norm(atoms.get_forces(), axis=1)
    values = {"energy_eV_atom": energy / len(atoms), "largest_force_eV_angstrom": float(forces.max())}
    values |= gaps(calc, fixed=spin and settings["fix_moment"])
    if spin:
        sites = np.abs(atoms.get_magnetic_moments())
        values |= {
            "total_moment_bohr_magneton": float(atoms.get_magnetic_moment()),
            "largest_moment_bohr_magneton": float(sites.max()),
        }
    values["volume_angstrom3_atom"] = float(atoms.get_volume()) / len(atoms)
    result["values"] = values
    result["provenance"] = {
        "engine": f"gpaw {gpaw.__version__}, ase {ase.__version__}",
        "ranks": gpaw.mpi.world.size,
        "wall_s": round(time.perf_counter() - start, 2),
        "cpu_s": round((time.process_time() - cpu) * gpaw.mpi.world.size, 2),
        "iterations": int(calc.get_number_of_iterations()),
        "kpoints_irreducible": len(calc.get_ibz_k_points()),
        "converged": True,
    }
    lost = settings["spin"] and settings["expect_moment"] and values["largest_moment_bohr_magneton"] < 0.1
    if lost:
        return {"failure": {"code": "moment", "reason": "the moments of the start were lost: it is started higher"}}
    return result


def main() -> None:
    """Reads, runs, writes."""
    from gpaw.mpi import world

    result = run(json.loads(Path("input.json").read_text("utf-8")))
    if world.rank == 0:
        aside = Path(f"result.{os.getpid()}.part")
        aside.write_text(json.dumps(result, sort_keys=True, allow_nan=False), "utf-8")
        aside.replace("result.json")


if __name__ == "__main__":
    main()
