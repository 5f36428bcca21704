"""What is asked of an engine: one structure with settings, known by the hash of both.

The hash makes a calculation reusable: whoever asks for the same structure with the same settings gets the same one.
How calculations are kept is in `ledger`, how they are run in `service`, `executors` and `engines`.
"""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from schemas.errors import InputError

Settings = Mapping[str, Any]
DIGITS = 5
"""Decimals of lengths in angstrom, fractional coordinates and moments that tell structures apart."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Atoms:
    """An ordered crystal with starting moments.

    Attributes:
        lattice: 3 x 3, rows, angstrom.
        symbols: of each site, n.
        coords: fractional, n x 3.
        moments: starting magnetic moments, Bohr magnetons, n; None without spin.
    """

    lattice: npt.NDArray[np.float64]
    symbols: tuple[str, ...]
    coords: npt.NDArray[np.float64]
    moments: npt.NDArray[np.float64] | None = None

    def as_json(self) -> str:
        """The same text for the same crystal, whatever the order of its sites."""
        places = np.round(np.round(self.coords, DIGITS) % 1.0, DIGITS) + 0.0
        moments = [None] * len(places) if self.moments is None else (np.round(self.moments, DIGITS) + 0.0).tolist()
        sites = sorted(zip(self.symbols, places.tolist(), moments, strict=True), key=lambda s: (s[0], s[1]))
        lattice = (np.round(self.lattice, DIGITS) + 0.0).tolist()
        return json.dumps({"lattice": lattice, "sites": sites}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Atoms":
        """The crystal of `as_json`."""
        held = json.loads(text)
        symbols, coords, moments = zip(*held["sites"], strict=True)
        return cls(
            lattice=np.array(held["lattice"]),
            symbols=tuple(symbols),
            coords=np.array(coords),
            moments=None if moments[0] is None else np.array(moments),
        )


@dataclass(frozen=True, kw_only=True)
class Calculation:
    """One structure, one engine, one set of settings.

    Attributes:
        engine: name of the engine.
        settings: what the engine is told, as JSON values.
        structure: `Atoms.as_json`.
        label: for people; not part of the hash.
    """

    engine: str
    settings: Settings
    structure: str
    label: str = field(default="", compare=False)

    @property
    def calculation_id(self) -> str:
        """Hash of engine, settings and structure, 16 hexadecimal digits."""
        parts = (self.engine, json.dumps(dict(self.settings), sort_keys=True), self.structure)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


class Ordered(Protocol):
    """A crystal with one species a site, as `etl.structures` reads it, which models do not import."""

    @property
    def lattice(self) -> npt.NDArray[np.float64]:
        """See `Atoms`."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """See `Atoms`."""

    @property
    def coords(self) -> npt.NDArray[np.float64]:
        """See `Atoms`."""


def atoms_of(found: Ordered, moments: object = None) -> Atoms:
    """A crystal to be calculated, with starting moments where they are given: numbers, or their JSON text.

    Raises:
        InputError: moments that are not one number a site.
    """
    start = _moments(moments, len(found.symbols))
    return Atoms(lattice=found.lattice, symbols=found.symbols, coords=found.coords, moments=start)


def _moments(given: object, sites: int) -> npt.NDArray[np.float64] | None:
    """Starting moments in the order of the sites; None where none are given.

    Raises:
        InputError: not one number a site.
    """
    if given is None:
        return None
    if isinstance(given, str):  # a table as CSV has no other form for a list
        with contextlib.suppress(ValueError):
            given = json.loads(given)
    numbers = isinstance(given, list) and all(isinstance(m, int | float) for m in given)
    start = np.array(given if numbers else (), dtype=np.float64)
    if len(start) != sites or not np.isfinite(start).all():
        raise InputError.of("moments that are not one number a site", "the structure", f"give {sites} or none")
    return start
