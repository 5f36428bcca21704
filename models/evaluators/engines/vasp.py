"""VASP inputs by pymatgen's sets, and real outputs read back; VASP and its potentials are the user's own.

Settings: `set` (a key of `SETS`), `incar` (tags over those of the set), `hubbard_U_eV` (element -> [orbital, U]),
`retry_incar` (tags of a remedy). The command is that of MATLOOM_VASP_COMMAND, `vasp_std` without it. A POTCAR is
written where pymatgen knows the potentials (PMG_VASP_PSP_DIR); else POTCAR.spec says which it takes. None is shipped.
"""

import os
import re
import shlex
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.evaluators.calculations import Atoms, Settings
from models.evaluators.engines.common import INPUT, check_atoms, check_names, died, write_json
from models.evaluators.engines.protocol import Failure, Reading
from schemas.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure
    from pymatgen.io.vasp.outputs import Vasprun

COMMAND = "MATLOOM_VASP_COMMAND"
SETS = {
    "r2scan_relax": ("MPScanRelaxSet", {}),
    "scan_relax": ("MPScanRelaxSet", {"METAGGA": "SCAN"}),
    "r2scan_static": ("MPScanStaticSet", {}),
    "pbe_relax": ("MPRelaxSet", {}),
    "pbe_static": ("MPStaticSet", {}),
}
"""Name -> pymatgen's set and tags that make it ours."""
KNOWN = frozenset({"set", "incar", "hubbard_U_eV", "retry_incar"})
NO_POTCAR = 66
_L = {"d": 2, "f": 3}
_OVERFLOW = re.compile(rb'(<i type="int"[^>]*>)\s*\*+\s*(</i>)')


class Engine:
    """See the module."""

    name = "vasp"
    remedies: Mapping[str, Sequence[Settings]] = {
        "scf": (
            {"retry_incar": {"ALGO": "All", "NELM": 300}},
            {"retry_incar": {"ALGO": "Damped", "TIME": 0.4, "NELM": 500, "ISMEAR": 0, "SIGMA": 0.1}},
        ),
    }

    def check_settings(self, settings: Settings) -> None:
        """Refuses settings that no set takes.

        Raises:
            InputError: an unknown setting or set.
        """
        check_names(settings, self.name, KNOWN)
        if (name := settings.get("set")) not in SETS:
            raise InputError.of(f"set {name!r}", "the vasp engine", f"use one of {', '.join(SETS)}")

    def check(self, atoms: Atoms, settings: Settings) -> None:
        """Refuses structures and settings that no set takes.

        Raises:
            InputError: see `check_settings` and `common.check_atoms`.
        """
        from etl.features.elements import SYMBOLS

        self.check_settings(settings)
        check_atoms(atoms, frozenset(SYMBOLS[:94]) - {"Po", "At", "Rn", "Fr", "Ra"})

    def write(self, folder: Path, atoms: Atoms, settings: Settings) -> list[str]:
        """Writes INCAR, KPOINTS, POSCAR, POTCAR.spec and, where its potentials are known, POTCAR."""
        from pymatgen.io.vasp import sets

        name, own = SETS[settings["set"]]
        tags = {**own, **_hubbard(atoms, settings), **settings.get("incar", {}), **settings.get("retry_incar", {})}
        made = getattr(sets, name)(_structure(atoms), user_incar_settings=tags)
        made.incar.write_file(str(folder / "INCAR"))
        if made.kpoints is not None:
            made.kpoints.write_file(str(folder / "KPOINTS"))
        made.poscar.write_file(str(folder / "POSCAR"))
        (folder / "POTCAR.spec").write_text("\n".join(made.potcar_symbols) + "\n", "utf-8")
        if os.environ.get("PMG_VASP_PSP_DIR"):
            made.potcar.write_file(str(folder / "POTCAR"))
        write_json(folder / INPUT, settings)
        command = shlex.join(shlex.split(os.environ.get(COMMAND, "vasp_std")))
        return ["/bin/sh", "-c", f"test -s POTCAR || exit {NO_POTCAR}; exec {command}"]

    def ranks(self, settings: Settings) -> int | None:
        """Those of MATLOOM_VASP_COMMAND: the options of the queue must ask for as many."""
        return None

    def read(self, folder: Path, code: int) -> Reading:
        """Reads vasprun.xml, and the total moment of OUTCAR where there is one."""
        if code == NO_POTCAR:
            reason = "no POTCAR: put it beside POTCAR.spec, or name the potentials in PMG_VASP_PSP_DIR"
            return Reading(failure=Failure(code="missing", reason=reason))
        run, trouble = _opened(folder)
        if run is None:
            return Reading(failure=died(folder, code) or Failure(code="crashed", reason=trouble))
        if not run.converged_electronic:
            return Reading(failure=Failure(code="scf", reason="the electronic steps did not converge: see OSZICAR"))
        if not run.converged_ionic:
            return Reading(failure=Failure(code="scf", reason="the ionic steps did not converge: see OSZICAR"))
        values = _values(folder, run)
        if unfit := [name for name, value in values.items() if not np.isfinite(value)]:
            reason = f"no number for {unfit[0]} in vasprun.xml: ask for a run that has a total energy"
            return Reading(failure=Failure(code="crashed", reason=reason))
        return Reading(values=values, provenance=_provenance(run))


def _hubbard(atoms: Atoms, settings: Settings) -> dict[str, Any]:
    """LDA + U tags after Dudarev for the elements of the crystal."""
    told = {e: u for e, u in settings.get("hubbard_U_eV", {}).items() if e in atoms.symbols}
    if not told:
        return {}
    each = {e: told.get(e, (None, 0.0)) for e in dict.fromkeys(atoms.symbols)}
    return {
        "LDAU": True,
        "LDAUTYPE": 2,
        "LDAUU": {e: value for e, (_, value) in each.items()},
        "LDAUJ": dict.fromkeys(each, 0.0),
        "LDAUL": {e: _L.get(orbital or "", -1) for e, (orbital, _) in each.items()},
    }


def _structure(atoms: Atoms) -> "Structure":
    from pymatgen.core import Lattice, Structure

    moments = {} if atoms.moments is None else {"magmom": [float(m) for m in atoms.moments]}
    return Structure(Lattice(atoms.lattice), list(atoms.symbols), atoms.coords, site_properties=moments)


def _opened(folder: Path) -> "tuple[Vasprun | None, str]":
    """The parsed run, or why there is none."""
    from pymatgen.io.vasp.outputs import UnconvergedVASPWarning, Vasprun

    path = folder / "vasprun.xml"
    if not path.is_file():
        return None, "no vasprun.xml: see stdout"
    try:
        with warnings.catch_warnings(), _readable(path) as text:
            warnings.simplefilter("ignore", UnconvergedVASPWarning)  # it is looked at below, as a failure
            warnings.filterwarnings("ignore", "Float overflow")  # likewise
            return Vasprun(str(text), parse_potcar_file=False, parse_dos=False), ""
    except (SyntaxError, ValueError, KeyError, IndexError, AttributeError) as error:  # XML cut off is a SyntaxError
        return None, f"unreadable vasprun.xml ({error}): it may be cut off"


@contextmanager
def _readable(path: Path) -> Iterator[Path]:
    """The file itself; for the time of reading a copy, where stars stand for a whole number that had no room.

    VASP 5.4 writes so a tag that no run needs (KINTER).
    """
    text = path.read_bytes()
    if not _OVERFLOW.search(text):
        yield path
        return
    aside = path.with_name("vasprun.readable.xml")
    aside.write_bytes(_OVERFLOW.sub(rb"\g<1>0\g<2>", text))
    yield aside
    aside.unlink()


def _values(folder: Path, run: "Vasprun") -> dict[str, float]:
    final, n = run.final_structure, len(run.final_structure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Calculation does not have a total energy")  # then it is infinite
        energy = float(run.final_energy)
    values = {
        "energy_eV_atom": energy / n,
        "gap_eV": float(run.eigenvalue_band_properties[0]),
        "volume_angstrom3_atom": float(final.volume) / n,
    }
    forces = run.ionic_steps[-1].get("forces")
    if forces is not None:
        values["largest_force_eV_angstrom"] = float(np.linalg.norm(np.array(forces), axis=1).max())
    outcar = folder / "OUTCAR"
    if outcar.is_file() and (moment := _total_moment(outcar.read_text("utf-8", "replace"))) is not None:
        values["total_moment_bohr_magneton"] = moment
    return values


def _total_moment(text: str) -> float | None:
    """The last total moment of an OUTCAR: ``number of electron   18.0000000 magnetization    1.9999``."""
    lines = [line for line in text.splitlines() if line.lstrip().startswith("number of electron")]
    words = lines[-1].split("magnetization", 1)[1].split() if lines and "magnetization" in lines[-1] else []
    return float(words[0]) if words else None


def _provenance(run: "Vasprun") -> dict[str, Any]:
    return {
        "engine": f"vasp {run.vasp_version}",
        "run_type": run.run_type,
        "iterations": len(run.ionic_steps[-1]["electronic_steps"]),
        "potentials": list(run.potcar_symbols),
        "converged": True,
    }
