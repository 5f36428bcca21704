"""Polar cells of lacunar spinels A Ma Mb3 X8 (R3m, 13 atoms), told by eleven numbers each.

Band theory makes a metal of the cubic cell, so a gap needs the polar one: the M4 tetrahedron is longer or shorter along
one threefold axis, as the electrons of its cluster ask for. The starting cells are means of the published polar cells
with as many electrons (Wang, Iyer, Chen, Rondinelli, Appl. Phys. Rev. 7, 041403 (2020), doi 10.1063/5.0018811; cells
under the MIT licence). Cells that were relaxed from them are in `etl.reference`; `models.evaluators.cells` relaxes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby, product

import numpy as np

from schemas.arrays import Floats

A, MA, MB, X = ("Al", "Ga", "In"), ("V", "Nb", "Ta", "Cr", "Mo", "W"), ("V", "Nb", "Ta", "Mo", "W"), ("S", "Se", "Te")
VALENCE = {"V": 5, "Nb": 5, "Ta": 5, "Cr": 6, "Mo": 6, "W": 6}
_GIVEN = 13
"""Electrons that A (3+) leaves X8 (2-) to take from the four M: 16 - 3."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One compound of the family."""

    a: str
    ma: str
    mb: str
    x: str

    @property
    def formula(self) -> str:
        """Such as GaVMo3S8, or GaMo4S8 where all metals are one."""
        metals = f"{self.ma}4" if self.ma == self.mb else f"{self.ma}{self.mb}3"
        return f"{self.a}{metals}{self.x}8"

    @property
    def electrons(self) -> int:
        """Electrons of the M4 cluster: 7, 8, 10 or 11."""
        return VALENCE[self.ma] + 3 * VALENCE[self.mb] - _GIVEN

    @property
    def moment(self) -> int:
        """Spin moment of the isolated cluster in Bohr magnetons, by Hund's rule in its threefold top level (0 to 6)."""
        return {7: 1, 8: 2, 10: 2, 11: 1}[self.electrons]


def members() -> Iterator[Member]:
    """The 270."""
    for a, ma, mb, x in product(A, MA, MB, X):
        yield Member(a=a, ma=ma, mb=mb, x=x)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A rhombohedral cell with A in the origin; a site (u, u, v) stands for its three permutations.

    Attributes:
        a_angstrom, alpha_degree: of the lattice.
        ma_u: the metal on the axis.
        mb_u, mb_v: the other three.
        x1_u, x3_u: anions on the axis.
        x2_u, x2_v, x4_u, x4_v: the others.
    """

    a_angstrom: float
    alpha_degree: float
    ma_u: float
    mb_u: float
    mb_v: float
    x1_u: float
    x2_u: float
    x2_v: float
    x3_u: float
    x4_u: float
    x4_v: float

    @property
    def lattice(self) -> Floats:
        """Rows in angstrom, the threefold axis along z."""
        side = 2.0 * self.a_angstrom * np.sin(np.radians(self.alpha_degree) / 2.0)
        flat, height = side / np.sqrt(3.0), self.axis_angstrom / 3.0
        turns = np.radians([30.0, 150.0, 270.0])
        return np.stack([flat * np.cos(turns), flat * np.sin(turns), np.full(3, height)], axis=1)

    @property
    def axis_angstrom(self) -> float:
        """Length of the threefold axis, a + b + c."""
        return float(self.a_angstrom * np.sqrt(3.0 + 6.0 * np.cos(np.radians(self.alpha_degree))))

    @property
    def volume_angstrom3(self) -> float:
        """Of the 13 atoms."""
        return abs(float(np.linalg.det(self.lattice)))

    @property
    def coords(self) -> Floats:
        """Fractional, in the order of `symbols`."""
        return np.vstack(
            [
                np.zeros((1, 3)),
                np.full((1, 3), self.ma_u),
                _three(self.mb_u, self.mb_v),
                np.full((1, 3), self.x1_u),
                _three(self.x2_u, self.x2_v),
                np.full((1, 3), self.x3_u),
                _three(self.x4_u, self.x4_v),
            ]
        )

    @property
    def metals_angstrom(self) -> tuple[float, float]:
        """Distances in the cluster: from Ma to Mb, and among Mb."""
        base = abs(self.mb_v - self.mb_u) * 2.0 * self.a_angstrom * np.sin(np.radians(self.alpha_degree) / 2.0)
        height = self.axis_angstrom * (self.ma_u - (2.0 * self.mb_u + self.mb_v) / 3.0)
        return float(np.hypot(height, base / np.sqrt(3.0))), float(base)

    def scaled(self, volume_factor: float) -> "Cell":
        """The same at another volume."""
        return replace(self, a_angstrom=self.a_angstrom * volume_factor ** (1.0 / 3.0))


def _three(u: float, v: float) -> Floats:
    return np.array([[u, u, v], [u, v, u], [v, u, u]])


def symbols(member: Member) -> tuple[str, ...]:
    """Of the 13 sites of `Cell.coords`."""
    return (member.a, member.ma, *[member.mb] * 3, *[member.x] * 8)


def start_moments(member: Member, *, apex: bool = False) -> Floats:
    """The moment of the cluster spread over its metals, or all of it on Ma, in the order of `symbols`."""
    spread = [member.moment, 0.0, 0.0, 0.0] if apex else [member.moment / 4.0] * 4
    return np.array([0.0, *spread, *[0.0] * 8])


def cell_of(lattice: Floats, coords: Floats) -> Cell:
    """The cell of 13 sites in the order of `symbols`, what breaks the threefold axis averaged away."""
    lengths = np.linalg.norm(lattice, axis=1)
    cosines = [lattice[i] @ lattice[j] / (lengths[i] * lengths[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    placed = coords - coords[0]
    made = [float(lengths.mean()), float(np.degrees(np.arccos(np.mean(cosines)))), float(placed[1].mean())]
    for first in (2, 6, 10):
        v = float(np.mean([placed[first, 2], placed[first + 1, 1], placed[first + 2, 0]]))
        made += [float((placed[first : first + 3].sum() - 3.0 * v) / 6.0), v]
        if first < 10:
            made.append(float(placed[first + 3].mean()))
    return Cell(**dict(zip(Cell.__dataclass_fields__, made, strict=True)))


def _mean_of_published(*numbers: float) -> Cell:
    return Cell(**dict(zip(Cell.__dataclass_fields__, numbers, strict=True)))


TEMPLATES = {
    # AlV4Se8, GaV4Se8, AlTaV3Se8
    "7": _mean_of_published(7.3495, 59.116, 0.3862, 0.3973, 0.8035, 0.6298, 0.6309, 0.1057, 0.135, 0.1294, 0.59),
    # AlCrV3S8, AlCrV3Se8, InCrV3S8, InCrV3Se8: the chromium keeps away from the vanadium
    "8 Cr": _mean_of_published(7.2571, 59.858, 0.3778, 0.3894, 0.8229, 0.6229, 0.6182, 0.1257, 0.1373, 0.1318, 0.588),
    # InWV3S8
    "8": _mean_of_published(6.9812, 61.189, 0.4054, 0.3935, 0.8226, 0.6276, 0.639, 0.1177, 0.1444, 0.1486, 0.578),
    # InNbMo3Se8, InTaMo3Se8
    "10": _mean_of_published(7.5392, 58.477, 0.3889, 0.3998, 0.7904, 0.6294, 0.6257, 0.0944, 0.1386, 0.1306, 0.5734),
    # InMo4Se8, InWMo3Se8
    "11": _mean_of_published(7.3465, 60.957, 0.407, 0.3993, 0.8037, 0.6338, 0.6388, 0.0974, 0.144, 0.1456, 0.5764),
}
"""Means of the published cells by electrons of the cluster, those with chromium apart."""


_GAMO4S8_ANGSTROM = 9.7356
"""Edge of the cubic cell: Francois et al., Z. Kristallogr. 196, 111 (1991), doi 10.1524/zkri.1991.196.1-4.111."""
_RADII = {
    **{"Al": 0.39, "Ga": 0.47, "In": 0.62},
    **{"V": 0.64, "Nb": 0.72, "Ta": 0.72, "Cr": 0.615, "Mo": 0.69, "W": 0.66},
    **{"S": 1.84, "Se": 1.98, "Te": 2.21},
}
"""In angstrom: A 3+ in fourfold, M 3+ and X 2- in sixfold coordination, Shannon, Acta Cryst. A32, 751 (1976); that of W
is of its 4+, the lowest listed.
"""


def template_of(member: Member) -> str:
    """Which of `TEMPLATES` a member starts from."""
    chromium = member.ma == "Cr" and member.electrons == 8
    return f"{member.electrons} Cr" if chromium else str(member.electrons)


def start(member: Member, templates: dict[str, Cell] = TEMPLATES) -> Cell:
    """The cell a relaxation starts from: shape and sites of a template, volume by sums of ionic radii."""
    metals = (_RADII[member.ma] + 3.0 * _RADII[member.mb]) / 4.0
    anion, old = _RADII[member.x], _RADII["S"]
    from_a = (_RADII[member.a] + anion) / (_RADII["Ga"] + old)
    from_m = (metals + anion) / (_RADII["Mo"] + old)
    found = templates[template_of(member)]
    size = (_GAMO4S8_ANGSTROM * (0.2 * from_a + 0.8 * from_m)) ** 3 / 4.0
    return found.scaled(size / found.volume_angstrom3)


def poscar(member: Member, cell: Cell) -> str:
    """The cell as text that every engine's tools read, sites in the order of `symbols`."""
    runs = [(element, len(list(run))) for element, run in groupby(symbols(member))]
    lines = [" ".join(f"{x:.8f}" for x in row) for row in (*cell.lattice, *cell.coords)]
    names, counts = zip(*runs, strict=True)
    head = (member.formula, "1.0", *lines[:3], " ".join(names), " ".join(map(str, counts)), "Direct")
    return "\n".join([*head, *lines[3:]]) + "\n"
