"""Runs one CHGNet calculation in the present folder: reads `input.json`, writes `result.json`, renamed.

It needs ase, chgnet and pymatgen alone. Settings are explained in `models.evaluators.engines.chgnet`.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np


def run(held: dict[str, Any]) -> dict[str, Any]:
    """The result of one calculation."""
    import chgnet
    import torch
    from chgnet.model import CHGNet, StructOptimizer
    from pymatgen.core import Lattice, Structure

    torch.set_num_threads(1)
    settings, start = held["settings"], time.perf_counter()
    symbols, coords, _ = zip(*held["structure"]["sites"], strict=True)
    crystal = Structure(Lattice(held["structure"]["lattice"]), list(symbols), list(coords))
    before = crystal.volume
    model = CHGNet.load(use_device="cpu", verbose=False)
    steps = 0
    if settings["relax"] != "none":
        done = StructOptimizer(model=model, use_device="cpu").relax(
            crystal,
            fmax=settings["force_eV_angstrom"],
            steps=settings["steps"],
            relax_cell=settings["relax"] == "cell",
            verbose=False,
        )
        crystal, steps = done["final_structure"], len(done["trajectory"].energies)
    told = model.predict_structure(crystal)
    forces = float(np.linalg.norm(told["f"], axis=1).max())
    if settings["relax"] != "none" and forces > 1.5 * settings["force_eV_angstrom"]:
        reason = f"forces of {forces:.2f} eV per angstrom are left after {steps} steps"
        return {"failure": {"code": "scf", "reason": reason}}
    strain = 100.0 * (crystal.volume / before - 1.0)
    values = {
        "energy_eV_atom": float(told["e"]),
        "volume_angstrom3_atom": crystal.volume / len(crystal),
        "largest_moment_bohr_magneton": float(np.abs(told["m"]).max()),
        "largest_force_eV_angstrom": forces,
        "strain_percent": strain,
    }
    provenance = {
        "engine": f"chgnet {chgnet.__version__}",
        "wall_s": round(time.perf_counter() - start, 2),
        "cpu_s": round(time.process_time(), 2),
        "iterations": steps,
        "converged": True,
        "relaxed": relaxed(crystal),
    }
    result: dict[str, Any] = {"values": values, "provenance": provenance}
    if abs(strain) > settings["strain_percent"]:
        result["objection"] = f"the volume changed by {strain:.0f} %: the start was no structure of this compound"
    return result


def relaxed(crystal: Any) -> dict[str, Any]:
    """A crystal of pymatgen as `Atoms.as_json` has it, to six decimals."""
    sites = [[s.specie.symbol, np.round(s.frac_coords % 1.0, 6).tolist(), None] for s in crystal]
    return {"lattice": np.round(crystal.lattice.matrix, 6).tolist(), "sites": sites}


def main() -> None:
    """Reads, runs, writes."""
    result = run(json.loads(Path("input.json").read_text("utf-8")))
    aside = Path(f"result.{os.getpid()}.part")
    aside.write_text(json.dumps(result, sort_keys=True, allow_nan=False), "utf-8")
    aside.replace("result.json")


if __name__ == "__main__":
    main()
