"""What engines share: refusals of structures, and failures that any process may meet."""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from models.evaluators.calculations import Atoms, Settings
from models.evaluators.engines.protocol import Failure, Reading
from models.evaluators.executors import OUT_OF_MEMORY, TIME_IS_UP
from schemas.arrays import Floats
from schemas.errors import InputError

INPUT, RESULT = "input.json", "result.json"
CLOSEST_ANGSTROM = 0.7
_KILLED = 128
_SIGNS = (
    ("No space left on device", Failure(code="disk", reason="no space left on the disk: free some, it is tried again")),
    ("Disk quota exceeded", Failure(code="disk", reason="quota of the disk used up: free some, it is tried again")),
    ("Cannot allocate memory", Failure(code="memory", reason="out of memory: it is tried again with fewer ranks")),
    ("MemoryError", Failure(code="memory", reason="out of memory: it is tried again with fewer ranks")),
    (OUT_OF_MEMORY, Failure(code="memory", reason="out of memory: it is tried again with fewer ranks")),
    ("oom_kill event", Failure(code="memory", reason="out of memory: it is tried again with fewer ranks")),
    ("ModuleNotFoundError", Failure(code="missing", reason="a package is missing: install the engine where it runs")),
    ("NODE FAIL", Failure(code="node", reason="the node failed: it is tried again")),
)


def check_numbers(told: Settings, engine: str, *, above_zero: Sequence[str] = (), whole: Sequence[str] = ()) -> None:
    """Refuses settings that are no numbers above zero, or no whole ones.

    Args:
        told: settings with the defaults.
        engine: its name.
        above_zero: names of settings that are numbers above zero.
        whole: names of those that are whole numbers above zero.

    Raises:
        InputError: one is not.
    """
    for name in (*above_zero, *whole):
        value, kinds = told[name], (int,) if name in whole else (int, float)
        if type(value) not in kinds or not 0 < value < float("inf"):
            remedy = f"give a {'whole ' * (name in whole)}number above 0"
            raise InputError.of(f"{name} {value!r}", f"the {engine} engine", remedy)


def check_names(settings: Settings, engine: str, known: Iterable[str]) -> None:
    """Refuses a setting that an engine does not know.

    Raises:
        InputError: there is one.
    """
    names = sorted(known)
    if unknown := sorted(set(settings) - set(names)):
        raise InputError.of(f"unknown setting {unknown[0]}", f"the {engine} engine", f"use {', '.join(names)}")


def check_atoms(atoms: Atoms, known: frozenset[str]) -> None:
    """Refuses a structure that no engine can calculate.

    Raises:
        InputError: no volume, an element that is not known, or two atoms in one place.
    """
    unknown = sorted(set(atoms.symbols) - known)
    if unknown:
        raise InputError.of(f"no data for {unknown[0]}", "the structure", "choose an engine that has it")
    if abs(float(np.linalg.det(atoms.lattice))) < 1.0:
        raise InputError.of("a cell without volume", "the structure", "mend the lattice")
    length = _distances(atoms)
    if length.min() < CLOSEST_ANGSTROM:
        i, j = np.unravel_index(int(length.argmin()), length.shape)
        raise InputError.of(
            f"{atoms.symbols[i]} and {atoms.symbols[j]} {length.min():.2f} angstrom apart",
            "the structure",
            "mend the sites",
        )


def _distances(atoms: Atoms) -> Floats:
    """From each site to the nearest image of each, itself included, angstrom, n x n."""
    gaps = atoms.coords[:, None] - atoms.coords[None, :]
    gaps -= np.rint(gaps)
    nearest = np.full(gaps.shape[:2], np.inf)
    for image in product((-1, 0, 1), repeat=3):  # the nearest in a skewed cell may be one of the neighbours
        length = np.linalg.norm((gaps + image) @ atoms.lattice, axis=-1)
        if not any(image):
            np.fill_diagonal(length, np.inf)
        nearest = np.minimum(nearest, length)
    return nearest


def died(folder: Path, code: int) -> Failure | None:
    """What a process that left no result died of, as far as its exit code and its last words tell."""
    if code == TIME_IS_UP:
        return Failure(code="time", reason="stopped by its time limit: allow more hours or take cheaper settings")
    words = _tail(folder / "stderr") + _tail(folder / "stdout")
    for sign, failure in _SIGNS:
        if sign in words:
            return failure
    if code > _KILLED:
        return Failure(code="killed", reason=f"killed by signal {code - _KILLED}: it is tried again")
    if code == 127:
        return Failure(code="missing", reason="command not found: install the engine on the machine that runs it")
    return None


def copy_runner(name: str, folder: Path) -> str:
    """Puts a script of `runners` into an attempt, where it stays as evidence; returns its name."""
    shutil.copyfile(Path(__file__).parent / "runners" / name, folder / name)
    return name


def read_result(folder: Path, code: int) -> Reading:
    """The result that a runner of ours wrote, or why there is none.

    A runner writes `result.json` aside and renames it, with `values`, `provenance`, and `failure` or `objection`.
    """
    try:
        held = json.loads((folder / RESULT).read_text("utf-8"))
    except FileNotFoundError:
        last = " ".join(_tail(folder / "stderr").split()[-40:])
        crashed = Failure(code="crashed", reason=f"exit code {code} without a result: {last or 'it said nothing'}")
        return Reading(failure=died(folder, code) or crashed)
    except (OSError, ValueError) as error:
        return Reading(failure=Failure(code="lost", reason=f"unreadable result ({error}): it is tried again"))
    try:
        return _reading(held)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        told = f"{RESULT} is not what a runner writes ({error}): mend the runner, then matloom dft retry"
        return Reading(failure=Failure(code="crashed", reason=told))


def _reading(held: Mapping[str, Any]) -> Reading:
    """A result as it stands in its file.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: it is none.
    """
    if failed := held.get("failure"):
        return Reading(failure=Failure(code=str(failed["code"]), reason=str(failed["reason"])))
    values = {k: float(v) for k, v in held.get("values", {}).items()}
    unfit = [k for k, v in values.items() if not np.isfinite(v)]
    if unfit or not values:
        raise ValueError(f"{', '.join(unfit)} without a number" if unfit else "no value and no failure")
    return Reading(values=values, provenance=dict(held.get("provenance", {})), objection=held.get("objection"))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file aside and renames it."""
    aside = path.with_suffix(".part")
    aside.write_text(json.dumps(content, sort_keys=True, allow_nan=False), "utf-8")
    aside.replace(path)


def _tail(path: Path, size: int = 4000) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
