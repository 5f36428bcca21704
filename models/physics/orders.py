"""Collinear magnetic orders of a crystal: signs of moments on a small supercell, one of each kind that symmetry allows.

The magnetic sites form a lattice of their own, s sites on a primitive cell P that may be smaller than the crystal's.
Every order here repeats after 2 P in each direction: a wave vector of halves of P's reciprocal cell times a sign for
each of the s sites. On a simple cubic sublattice these are the F, A, C and G types of Wollan and Koehler, Phys. Rev.
100, 545 (1955), doi 10.1103/PhysRev.100.545. Orders that a symmetry of the crystal or a flip of all moments turns into
one another are one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from schemas.arrays import Floats, Ints
from schemas.errors import InputError

LOOSE_ANGSTROM = 0.3  # sites of distorted crystals are this near to those of the sublattice
TIGHT_ANGSTROM = 0.01
MOST_COSINE = 0.2
MOST_SITES = 6  # of the primitive cell of the sublattice: 2^5 signs times 8 wave vectors
Wave = tuple[int, int, int]
WAVES: tuple[Wave, ...] = tuple((h, k, m) for h in (0, 1) for k in (0, 1) for m in (0, 1))
TYPES = ("FM", "AFM-A", "AFM-C", "AFM-G")


@dataclass(frozen=True, eq=False, kw_only=True)
class Order:
    """One collinear order.

    Attributes:
        name: FM; AFM-A, AFM-C, AFM-G by wave vector on sublattices that are nearly simple cubic, numbered where
            symmetry leaves several of a type; AFM-1, AFM-2, ... on others.
        wave: halves of the reciprocal vectors of the sublattice.
        cell: 3 x 3 integers, rows are the supercell's vectors in those of the crystal.
        lattice: of the supercell, 3 x 3, angstrom.
        numbers: atomic numbers in the supercell, n.
        coords: fractional coordinates in the supercell, n x 3.
        signs: +1 or -1 for a magnetic site, 0 for others, n.
    """

    name: str
    wave: Wave
    cell: Ints
    lattice: Floats
    numbers: Ints
    coords: Floats
    signs: Ints


def orders(lattice: Floats, numbers: Ints, coords: Floats, *, magnetic: npt.NDArray[np.bool_]) -> list[Order]:
    """The distinct orders: FM first, then those without a net moment, small supercells before large ones.

    Supercells are of the crystal's primitive cell.

    Args:
        lattice: 3 x 3, rows, angstrom.
        numbers: atomic number of each site, n; one species a site.
        coords: fractional coordinates, n x 3.
        magnetic: which sites carry a moment, n.

    Raises:
        InputError: no magnetic site, or too many on the primitive cell of their sublattice.
    """
    if not magnetic.any():
        raise InputError.of("no magnetic site", "the structure", "name the elements that carry moments")
    kinds = 2 * numbers + magnetic  # one element may have sites with and without moments
    lattice, coords, kinds = _primitive((lattice, coords, kinds))
    numbers, magnetic = kinds // 2, kinds % 2 == 1
    sub = _Sublattice(lattice, coords[magnetic])
    if sub.count > MOST_SITES:
        raise InputError.of(
            f"{sub.count} magnetic sites that no translation joins",
            "the structure",
            f"at most {MOST_SITES} can be coloured",
        )
    images = _images(sub, (lattice, coords, kinds))
    seen: set[bytes] = set()
    found: list[tuple[Wave, tuple[int, ...]]] = []
    for wave, signs in _colourings(sub.count):
        colours = sub.colours(wave, signs)
        turned = colours[images]
        canonical = min(np.where(row[0] < 0, -row, row).tobytes() for row in turned)
        if canonical not in seen:
            seen.add(canonical)
            found.append((wave, signs))
    found.sort(key=lambda f: (any(f[0]) or min(f[1]) < 0, sub.cell(f[0]).trace(), sum(f[0])))
    names = _names([f[0] for f in found], lettered=sub.boxed)
    return [
        _built(name, wave, signs, sub, (lattice, numbers, coords, magnetic))
        for name, (wave, signs) in zip(names, found, strict=True)
    ]


def _colourings(count: int) -> Iterator[tuple[Wave, tuple[int, ...]]]:
    """Wave vectors and site signs: the ferromagnet and all without a net moment, the first site up."""
    for wave in WAVES:
        for rest in product((1, -1), repeat=count - 1):
            signs = (1, *rest)
            if any(wave) or sum(signs) == 0 or min(signs) > 0:
                yield wave, signs


class _Sublattice:
    """The lattice of the magnetic sites, whatever element they hold.

    Attributes:
        vectors: primitive cell P, 3 x 3, reduced so that its vectors join near neighbours.
        offsets: its sites, s x 3, in units of P.
        crystal: the crystal's vectors in units of P, 3 x 3 integers.
    """

    def __init__(self, lattice: Floats, places: Floats) -> None:
        import spglib

        vectors = spglib.niggli_reduce(_generated(_translations(lattice, places)) @ lattice)
        self.crystal: Ints = np.rint(lattice @ np.linalg.inv(vectors)).astype(np.int64)
        self.vectors: Floats = np.linalg.inv(self.crystal) @ lattice
        at = places @ self.crystal
        offsets: list[Floats] = []
        for place in at:
            gaps = [place - known for known in offsets]
            if not any(np.linalg.norm((g - np.rint(g)) @ self.vectors) < 2 * LOOSE_ANGSTROM for g in gaps):
                offsets.append(place)
        self.offsets: Floats = np.array(offsets)

    @property
    def count(self) -> int:
        """Sites of the primitive cell."""
        return len(self.offsets)

    @property
    def boxed(self) -> bool:
        """Whether it is one site on a box with nearly right angles, as the letters A, C and G suppose."""
        unit = self.vectors / np.linalg.norm(self.vectors, axis=1)[:, None]
        return self.count == 1 and bool(np.abs(unit @ unit.T - np.eye(3)).max() < MOST_COSINE)

    def locate(self, places: Floats) -> tuple[Ints, Ints]:
        """Cell, n x 3, and site, n, of places in units of P.

        Raises:
            InputError: a place that is no site of the sublattice.
        """
        gaps = places[:, None, :] - self.offsets[None, :, :]
        off = np.linalg.norm((gaps - np.rint(gaps)) @ self.vectors, axis=-1)
        which = off.argmin(axis=1)
        if off.min(axis=1).max() > 2 * LOOSE_ANGSTROM:
            raise InputError.of(
                "magnetic sites that do not form a lattice", "the structure", "give one element at a time"
            )
        rows = np.arange(len(places))
        return np.rint(gaps[rows, which]).astype(np.int64), which

    def colours(self, wave: Wave, signs: tuple[int, ...]) -> Ints:
        """Signs on the torus of 2 P, 8 s: by cell as in `WAVES`, then by site."""
        phase = 1 - 2 * ((np.array(WAVES) @ np.array(wave)) % 2)
        return np.asarray((phase[:, None] * np.array(signs)[None, :]).reshape(-1))

    def cell(self, wave: Wave) -> Ints:
        """The smallest supercell of the crystal that the wave fits, rows in the crystal's vectors."""
        odd = np.flatnonzero((self.crystal @ np.array(wave)) % 2)
        made = np.eye(3, dtype=np.int64)
        if len(odd):
            for other in odd[1:]:
                made[other, odd[0]] -= 1
            made[odd[0], odd[0]] = 2
        return made


def _translations(lattice: Floats, places: Floats) -> Floats:
    """The translations that take every place to a place, fractional, t x 3; the first is none."""
    kept = []
    for step in places - places[0]:
        gaps = (places + step)[:, None] - places[None, :]
        off = np.linalg.norm((gaps - np.rint(gaps)) @ lattice, axis=-1)
        if off.min(axis=1).max() < LOOSE_ANGSTROM:
            kept.append(step)
    return np.array(kept)


def _generated(steps: Floats) -> Floats:
    """Basis of the lattice that t translations and the cell's vectors generate, rows in units of the cell.

    The t translations are a group, so t times each is whole; integer elimination leaves a triangular basis.
    """
    count = len(steps)
    rows = [*np.rint(steps * count).astype(np.int64), *(np.eye(3, dtype=np.int64) * count)]
    basis = []
    for column in range(3):
        while len(led := sorted((r for r in rows if r[column]), key=lambda r: abs(r[column]))) > 1:
            rows = [r if r is led[0] or not r[column] else r - (r[column] // led[0][column]) * led[0] for r in rows]
        basis.append(led[0])
        rows = [r for r in rows if r is not led[0]]
    return np.array(basis) / count


def _primitive(cell: tuple[Floats, Floats, Ints]) -> tuple[Floats, Floats, Ints]:
    """The primitive cell in the same orientation, neither idealised nor moved."""
    import spglib

    found = spglib.standardize_cell(cell, to_primitive=True, no_idealize=True, symprec=TIGHT_ANGSTROM)
    return np.array(found[0]), np.array(found[1]), np.array(found[2], dtype=np.int64)


def _images(sub: _Sublattice, crystal: tuple[Floats, Floats, Ints]) -> Ints:
    """Where the symmetries of the crystal take the points of the torus, operations x 8 s."""
    import spglib

    found = spglib.get_symmetry(crystal, symprec=TIGHT_ANGSTROM)
    turns, shifts = found["rotations"], found["translations"]
    torus = np.array([np.array(w) + o for w in WAVES for o in sub.offsets])
    places = torus @ np.linalg.inv(sub.crystal)  # in the crystal's vectors
    steps = [np.zeros(3), *np.eye(3)]
    rows = {
        tuple(_index(sub, (places @ turn.T + shift + step) @ sub.crystal))
        for turn, shift in zip(turns, shifts, strict=True)
        for step in steps
    }
    return np.array(sorted(rows), dtype=np.int64)


def _index(sub: _Sublattice, places: Floats) -> Ints:
    cells, which = sub.locate(places)
    return np.asarray(((cells % 2) @ np.array([4, 2, 1])) * sub.count + which)


def _names(waves: list[Wave], *, lettered: bool) -> list[str]:
    kinds = [TYPES[sum(wave)] if lettered else "AFM" if k else "FM" for k, wave in enumerate(waves)]
    names: list[str] = []
    for k, kind in enumerate(kinds):
        numbered = kind == "AFM" or kinds.count(kind) > 1
        names.append(f"{kind}-{kinds[: k + 1].count(kind)}" if numbered else kind)
    return names


def _built(
    name: str,
    wave: Wave,
    signs: tuple[int, ...],
    sub: _Sublattice,
    crystal: tuple[Floats, Ints, Floats, npt.NDArray[np.bool_]],
) -> Order:
    lattice, numbers, coords, magnetic = crystal
    cell = sub.cell(wave)
    size = round(abs(float(np.linalg.det(cell))))
    back = np.linalg.inv(cell)
    # a supercell of two holds the origin and one odd vector of the crystal
    odd = cell[np.abs(cell).max(axis=1).argmax()] // 2
    spread = np.concatenate([(coords + k * odd) @ back for k in range(size)])
    held = np.tile(magnetic, size)
    cells, which = sub.locate(spread[held] @ cell @ sub.crystal)
    found = np.zeros(len(spread), dtype=np.int64)
    found[held] = (1 - 2 * ((cells @ np.array(wave)) % 2)) * np.array(signs)[which]
    return Order(
        name=name,
        wave=wave,
        cell=cell,
        lattice=cell @ lattice,
        numbers=np.tile(numbers, size),
        coords=spread % 1.0,
        signs=found,
    )
