"""Recipes for calculations, one YAML file each: what an engine is told for a family of materials, and why.

A recipe holds engine, settings, the values of U and the starting moments by element, with the source of each choice.
To add one, add a file; `matloom dft prepare --recipe NAME` finds it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from etl.features.elements import SYMBOLS
from models.evaluators.calculations import Atoms, Calculation
from models.evaluators.engines import engine
from schemas.errors import InputError
from schemas.yaml_files import Strict, mapping, valid

FOLDER = Path(__file__).parent


class Recipe(Strict):
    """How a family of materials is calculated."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    engine: Literal["gpaw", "chgnet", "vasp"]
    reasons: dict[str, str] = Field(description="choice -> why, with the source")
    settings: dict[str, Any] = Field(default_factory=dict)
    hubbard_U_eV: dict[str, tuple[Literal["d", "f"], Annotated[float, Field(gt=0)]]] = Field(default_factory=dict)
    moments_bohr_magneton: dict[str, float] = Field(default_factory=dict)
    nonmagnetic: bool = False

    def changed(self, settings: Mapping[str, Any]) -> "Recipe":
        """The recipe with other settings; `hubbard_U_eV` takes the place of the recipe's.

        Raises:
            InputError: a setting that its engine does not take, or U of what is no element.
        """
        others = {k: v for k, v in settings.items() if k != "hubbard_U_eV"}
        told = {"settings": {**self.settings, **others}}
        told |= {k: v for k, v in settings.items() if k == "hubbard_U_eV"}
        made = valid({**self.model_dump(), **told}, Recipe, "--set")
        engine(made.engine).check_settings(made.settings)
        if unknown := sorted(set(made.hubbard_U_eV) - set(SYMBOLS)):
            raise InputError.of(f"U of the unknown element {unknown[0]}", "--set", "write symbols as in NiO")
        return made

    def calculation(self, atoms: Atoms, *, label: str) -> Calculation:
        """The calculation of one crystal; its own moments come before those of the recipe."""
        settings = dict(self.settings)
        if used := {e: list(u) for e, u in self.hubbard_U_eV.items() if e in atoms.symbols}:
            settings["hubbard_U_eV"] = used
        start = atoms.moments
        if self.nonmagnetic or (start is not None and not start.any()):  # told to be without moments
            start = None
        elif start is None and self.moments_bohr_magneton:
            start = np.array([self.moments_bohr_magneton.get(s, 0.0) for s in atoms.symbols])
        if self.engine == "gpaw":
            settings["spin"] = start is not None
        held = Atoms(lattice=atoms.lattice, symbols=atoms.symbols, coords=atoms.coords, moments=start)
        return Calculation(engine=self.engine, settings=settings, structure=held.as_json(), label=label)


def names() -> list[str]:
    """The shipped recipes."""
    return sorted(p.stem for p in FOLDER.glob("*.yaml"))


def load(where: str) -> Recipe:
    """A shipped recipe, or one from a YAML file.

    Raises:
        InputError: no such recipe, or a key or value that is not valid.
    """
    path = Path(where) if where.endswith((".yaml", ".yml")) else FOLDER / f"{where}.yaml"
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError.of(
            f"no recipe {where!r}", "--recipe", f"name a YAML file or one of {', '.join(names())}"
        ) from error
    return valid(mapping(text, where, keys="name, title, engine and reasons"), Recipe, where)
