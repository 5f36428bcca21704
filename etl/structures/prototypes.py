"""Structures by substitution into prototypes: lacunar spinel, K2NiF4, perovskites, rutile, rock salt.

The cells here are approximate starting points for a calculation, not measured facts: rounded parameters of a compound
that has the structure type, most of them written from memory (`evidence` says which), and substituted cells are scaled
from them by sums of Shannon radii, unrelaxed. Quote none as a lattice parameter. To add a prototype, add one
`Prototype` to `PROTOTYPES`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import polars as pl

from etl.features.formulas import reduced_formula
from etl.structures.cif import RAW_COLUMNS, raw_frame, to_cif
from etl.structures.radii import ionic_radius

if TYPE_CHECKING:
    from pymatgen.core import Structure

SOURCE = "prototype substitution"
LICENCE = "CC0-1.0"


@dataclass(frozen=True, kw_only=True)
class Site:
    """One orbit of a prototype.

    Attributes:
        role: what sits there, such as "A", "B", "X".
        position: fractional coordinates of a representative.
        state, coordination: of the ion in the template compound, for the radii that scale the cell.
        element: the element of the template compound.
        weight: share of this cation's radius sum in the scaling; 0 for anions.
    """

    role: str
    position: tuple[float, float, float]
    element: str
    state: float
    coordination: int
    weight: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Prototype:
    """A structure type with about the parameters of one compound that has it.

    Attributes:
        name: as in the `prototype` column.
        compound: the compound.
        space_group: Hermann-Mauguin symbol of the setting used.
        lattice: a, b, c in angstrom, alpha, beta, gamma in degree.
        sites: orbits.
        doi: a structure determination of the compound: where to look the parameters up.
        evidence: what of the parameters was read in a source ("seen") and what is "recalled" or derived.
    """

    name: str
    compound: str
    space_group: str
    lattice: tuple[float, float, float, float, float, float]
    sites: tuple[Site, ...]
    doi: str
    evidence: str


LACUNAR_SPINEL = Prototype(
    name="lacunar spinel GaMo4S8",
    compound="GaMo4S8",
    space_group="F-43m",
    lattice=(9.7356, 9.7356, 9.7356, 90.0, 90.0, 90.0),
    sites=(
        Site(role="A", position=(0.0, 0.0, 0.0), element="Ga", state=3, coordination=4, weight=0.2),
        Site(role="M", position=(0.6022, 0.6022, 0.6022), element="Mo", state=3, coordination=6, weight=0.8),
        Site(role="X", position=(0.3665, 0.3665, 0.3665), element="S", state=-2, coordination=6),
        Site(role="X", position=(0.864, 0.864, 0.864), element="S", state=-2, coordination=6),
    ),
    doi="10.1524/zkri.1991.196.1-4.111",
    evidence="lattice seen; x(Mo) from d(Mo-Mo) = 2.814 angstrom; x(S) recalled",
)
K2NIF4 = Prototype(
    name="K2NiF4",
    compound="Sr2RuO4",
    space_group="I4/mmm",
    lattice=(3.87, 3.87, 12.74, 90.0, 90.0, 90.0),
    sites=(
        Site(role="A", position=(0.0, 0.0, 0.3532), element="Sr", state=2, coordination=9, weight=0.4),
        Site(role="B", position=(0.0, 0.0, 0.0), element="Ru", state=4, coordination=6, weight=0.6),
        Site(role="X", position=(0.0, 0.5, 0.0), element="O", state=-2, coordination=6),
        Site(role="X", position=(0.0, 0.0, 0.1619), element="O", state=-2, coordination=6),
    ),
    doi="10.1103/PhysRevB.57.5067",
    evidence="recalled",
)
PEROVSKITE_CUBIC = Prototype(
    name="perovskite Pm-3m",
    compound="SrTiO3",
    space_group="Pm-3m",
    lattice=(3.905, 3.905, 3.905, 90.0, 90.0, 90.0),
    sites=(
        Site(role="A", position=(0.5, 0.5, 0.5), element="Sr", state=2, coordination=12, weight=0.2),
        Site(role="B", position=(0.0, 0.0, 0.0), element="Ti", state=4, coordination=6, weight=0.8),
        Site(role="X", position=(0.5, 0.0, 0.0), element="O", state=-2, coordination=6),
    ),
    doi="10.1107/S0108768195006501",
    evidence="recalled",
)
PEROVSKITE_PNMA = Prototype(
    name="perovskite Pnma",
    compound="LaFeO3",
    space_group="Pnma",
    lattice=(5.5652, 7.8542, 5.557, 90.0, 90.0, 90.0),
    sites=(
        Site(role="A", position=(0.03, 0.25, 0.9928), element="La", state=3, coordination=9, weight=0.35),
        Site(role="B", position=(0.5, 0.0, 0.0), element="Fe", state=3, coordination=6, weight=0.65),
        Site(role="X", position=(0.491, 0.25, 0.075), element="O", state=-2, coordination=6),
        Site(role="X", position=(0.281, 0.039, 0.719), element="O", state=-2, coordination=6),
    ),
    doi="10.1016/0025-5408(71)90155-3",
    evidence="recalled",
)
RUTILE = Prototype(
    name="rutile",
    compound="VO2",
    space_group="P4_2/mnm",
    lattice=(4.5546, 4.5546, 2.8514, 90.0, 90.0, 90.0),
    sites=(
        Site(role="M", position=(0.0, 0.0, 0.0), element="V", state=4, coordination=6, weight=1.0),
        Site(role="X", position=(0.3001, 0.3001, 0.0), element="O", state=-2, coordination=3),
    ),
    doi="10.1103/PhysRevB.10.490",
    evidence="recalled",
)
ROCK_SALT = Prototype(
    name="rock salt",
    compound="MgO",
    space_group="Fm-3m",
    lattice=(4.21, 4.21, 4.21, 90.0, 90.0, 90.0),
    sites=(
        Site(role="M", position=(0.0, 0.0, 0.0), element="Mg", state=2, coordination=6, weight=1.0),
        Site(role="X", position=(0.5, 0.5, 0.5), element="O", state=-2, coordination=6),
    ),
    doi="10.2183/pjab.55.43",
    evidence="recalled",
)
PROTOTYPES: dict[str, Prototype] = {
    p.name: p for p in (LACUNAR_SPINEL, K2NIF4, PEROVSKITE_CUBIC, PEROVSKITE_PNMA, RUTILE, ROCK_SALT)
}

Ion = tuple[str, float]
"""Element and oxidation state."""


def template(prototype: Prototype) -> "Structure":
    """The primitive cell of the compound."""
    from pymatgen.core import Lattice, Structure

    conventional = Structure.from_spacegroup(
        prototype.space_group,
        Lattice.from_parameters(*prototype.lattice),
        [s.element for s in prototype.sites],
        [s.position for s in prototype.sites],
    )
    return conventional.get_primitive_structure()


def scale_of(prototype: Prototype, ions: Mapping[str, tuple[Ion, ...]]) -> float:
    """Factor on all lengths: weighted mean over cation orbits of the ratio of radius sums, new to template.

    Args:
        prototype: the structure type.
        ions: role to the ions that share it (their radii are averaged).

    Raises:
        KeyError: an ion without a Shannon radius.
    """
    anion = next(s for s in prototype.sites if s.state < 0)
    old_x = ionic_radius(anion.element, anion.state, anion.coordination)
    new_x = _mean_radius(ions[anion.role], anion.coordination)
    total = sum(s.weight for s in prototype.sites)
    ratios = (
        s.weight
        * (_mean_radius(ions[s.role], s.coordination) + new_x)
        / (ionic_radius(s.element, s.state, s.coordination) + old_x)
        for s in prototype.sites
        if s.weight
    )
    return sum(ratios) / total


def _mean_radius(ions: tuple[Ion, ...], coordination: int) -> float:
    return sum(ionic_radius(symbol, state, coordination) for symbol, state in ions) / len(ions)


def substitute(
    prototype: Prototype, ions: Mapping[str, tuple[Ion, ...]], cell: "Structure | None" = None
) -> "Structure":
    """The prototype with other ions.

    Args:
        prototype: the structure type.
        ions: role to ions; one ion fills the role's sites, several fill them in order (as many as sites).
        cell: `template(prototype)`, to be reused over many substitutions.

    Raises:
        KeyError: a role without ions, or an ion without a Shannon radius.
        ValueError: several ions, but not as many as sites.
    """
    cell = cell or template(prototype)
    made = cell.copy()
    roles = {s.element: s.role for s in prototype.sites}  # an element sits in one role only
    for element, role in roles.items():
        places = [i for i, site in enumerate(cell) if site.specie.symbol == element]
        chosen = ions[role] * len(places) if len(ions[role]) == 1 else ions[role]
        if len(chosen) != len(places):
            raise ValueError(f"{len(places)} sites of role {role} need one ion or as many, not {len(chosen)}")
        for place, (symbol, _) in zip(places, chosen, strict=True):
            made.replace(place, symbol)
    made.scale_lattice(made.volume * scale_of(prototype, ions) ** 3)
    return made


def substituted(prototype: Prototype, members: Iterable[Mapping[str, tuple[Ion, ...]]]) -> pl.DataFrame:
    """Rows of raw.structures for many members of one prototype; members without radii are left out."""
    cell = template(prototype)
    return raw_frame(_rows(prototype, members, cell))


def _rows(
    prototype: Prototype, members: Iterable[Mapping[str, tuple[Ion, ...]]], cell: "Structure"
) -> Iterator[dict[str, str | None]]:
    for ions in members:
        made = substitute(prototype, ions, cell)
        formula = reduced_formula({str(s): float(n) for s, n in made.composition.get_el_amt_dict().items()})
        yield {
            "source": SOURCE,
            "source_id": f"{prototype.name}/{formula}",
            "formula": formula,
            "prototype": prototype.name,
            "cif": to_cif(made),
            "fidelity": "prototype",
            # a row names a publication only where its numbers were read there
            "doi": None if prototype.evidence == "recalled" else prototype.doi,
            "licence": LICENCE,
        }


def lacunar_spinels() -> pl.DataFrame:
    """The 270 compounds A Ma Mb3 X8 as 13-atom cells; one M of the tetrahedron replaced where Ma is not Mb (R3m).

    Sites after Wang, Iyer, Chen, Rondinelli, Appl. Phys. Rev. 7, 041403 (2020), doi 10.1063/5.0018811.
    """
    return substituted(LACUNAR_SPINEL, _lacunar_members())


def _lacunar_members() -> Iterator[Mapping[str, tuple[Ion, ...]]]:
    for a, ma, mb, x in product(
        ("Al", "Ga", "In"), ("V", "Nb", "Ta", "Cr", "Mo", "W"), ("V", "Nb", "Ta", "Mo", "W"), ("S", "Se", "Te")
    ):
        yield {"A": ((a, 3),), "M": ((ma, 3), (mb, 3), (mb, 3), (mb, 3)), "X": ((x, -2),)}


def oxides() -> pl.DataFrame:
    """About 140 oxides of transition metals in the perovskite, K2NiF4 and rutile types."""
    o: tuple[Ion, ...] = (("O", -2),)
    alkaline, rare = ("Ca", "Sr", "Ba"), ("La", "Pr", "Nd", "Sm", "Eu", "Gd", "Y", "Lu")
    tetravalent = ("Ti", "V", "Cr", "Mn", "Fe", "Co", "Zr", "Nb", "Mo", "Ru", "Rh", "Ir")
    trivalent = ("Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni")
    frames = (
        substituted(
            PEROVSKITE_CUBIC, ({"A": ((a, 2),), "B": ((b, 4),), "X": o} for a in ("Sr", "Ba") for b in tetravalent)
        ),
        substituted(PEROVSKITE_PNMA, ({"A": ((a, 2),), "B": ((b, 4),), "X": o} for a in ("Ca",) for b in tetravalent)),
        substituted(PEROVSKITE_PNMA, ({"A": ((a, 3),), "B": ((b, 3),), "X": o} for a in rare for b in trivalent)),
        substituted(K2NIF4, ({"A": ((a, 2),), "B": ((b, 4),), "X": o} for a in alkaline for b in tetravalent[:10])),
        substituted(
            K2NIF4, ({"A": ((a, 3),), "B": ((b, 2),), "X": o} for a in ("La", "Pr", "Nd") for b in ("Co", "Ni", "Cu"))
        ),
        substituted(RUTILE, ({"M": ((m, 4),), "X": o} for m in (*tetravalent[:4], *tetravalent[7:], "Os", "Sn", "Ge"))),
    )
    return pl.concat(frames)


def prototype_structures() -> pl.DataFrame:
    """All substituted structures, as rows of raw.structures (columns of `cif.RAW_COLUMNS`)."""
    made = pl.concat([lacunar_spinels(), oxides()])
    return made.select(list(RAW_COLUMNS)).unique("structure_id", keep="first", maintain_order=True)
