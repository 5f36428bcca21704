"""OPTIMADE services: one filter language and one structures resource for OQMD, Alexandria, COD and others.

A record is checked against the fields of the specification that make a structure; whether the atoms make sense is
asked where raw rows become core rows. https://github.com/Materials-Consortia/OPTIMADE (version 1)
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urljoin, urlsplit

import numpy as np
from pydantic import Field, FiniteFloat

from etl.addresses import same_host
from etl.features.elements import NUMBER
from etl.sources import cursors, markup
from etl.structures.blocks import read_cif
from etl.structures.cif import raw_frame, to_cif
from etl.structures.crystal import Crystal
from etl.structures.found import Found, check_elements
from schemas.errors import InputError

if TYPE_CHECKING:
    from etl.http import Client

PAGE = 100
_FIELDS = (
    "chemical_formula_reduced", "lattice_vectors", "cartesian_site_positions", "species_at_sites", "species",
    "structure_features", "dimension_types",
)  # fmt: skip
# features that say that the sites alone are not the structure
_UNFIT = frozenset({"assemblies", "implicit_atoms", "unknown_positions", "site_attachments"})


@dataclass(frozen=True)
class Provider:
    """A service and what is true of all its structures.

    Attributes:
        source: name in raw.structures.
        url: address of its structures resource.
        licence: of its data.
        fidelity: experiment or calculation.
        functional: density functional, where all its structures share one.
    """

    source: str
    url: str
    licence: str
    fidelity: str
    functional: str | None = None


PROVIDERS = {
    "oqmd": Provider("OQMD", "https://oqmd.org/optimade/v1/structures", "CC-BY-4.0", "calculation", "PBE"),
    "alexandria": Provider(
        "Alexandria", "https://alexandria.icams.rub.de/pbe/v1/structures", "CC-BY-4.0", "calculation", "PBE"
    ),
}
Vector = Annotated[tuple[FiniteFloat, ...], Field(min_length=3, max_length=3)]


class _Species(markup.Record):
    name: str
    chemical_symbols: tuple[str, ...] = Field(min_length=1)
    concentration: tuple[FiniteFloat, ...]


class _Attributes(markup.Record):
    chemical_formula_reduced: str | None = None
    lattice_vectors: Annotated[tuple[Vector, ...], Field(min_length=3, max_length=3)]
    cartesian_site_positions: tuple[Vector, ...] = Field(min_length=1)
    species_at_sites: tuple[str, ...]
    species: tuple[_Species, ...]
    structure_features: tuple[str, ...] = ()
    dimension_types: tuple[int, ...] = (1, 1, 1)


class _Resource(markup.Record):
    id: str = Field(min_length=1)
    attributes: _Attributes


def parse(data: bytes, *, where: str, provider: Provider) -> Found:
    """Reads one page of a structures resource; `token` is the address of the next.

    Raises:
        InputError: no JSON, no list of structures, or errors of the service.
    """
    answer = cursors.json_object(data, where=where)
    rows, refused = [], []
    for number, item in enumerate(cursors.part(answer, "data", list, where=where)):
        row = _row(item, provider)
        if isinstance(row, str):
            refused.append((f"structure {number}", row))
        else:
            rows.append(row)
    meta, links = answer.get("meta"), answer.get("links")
    following = links.get("next") if isinstance(links, dict) else None
    following = following.get("href") if isinstance(following, dict) else following
    total = meta.get("data_returned") if isinstance(meta, dict) else None
    return Found(
        raw_frame(rows),
        tuple(refused),
        following if isinstance(following, str) and following else None,
        total if isinstance(total, int) else None,
    )


def fetch(
    client: "Client", provider: Provider, *, query: str, resume: str | None = None, url: str | None = None
) -> Iterator[Found]:
    """Pages of the structures that match a filter, such as ``elements HAS ALL "V","O" AND nelements=2``.

    Args:
        client: asks the service.
        provider: the service.
        query: filter in OPTIMADE's language; everything if empty.
        resume: token of an earlier page of the same list, to go on after it.
        url: another address of its structures resource.

    Raises:
        InputError: a page that `parse` refuses, a next page on another host or seen before, or a list that ends early.
        FetchError: the service did not answer.
    """
    home = url or provider.url
    asked = {"page_limit": str(PAGE), "response_fields": ",".join(_FIELDS)} | ({"filter": query} if query else {})
    token, seen, received = resume, {resume}, 0
    for number in itertools.count():
        where = f"{home} page {number}"
        page = parse(
            client.get(next_page(home, token, where)) if token else client.get(home, asked),
            where=where,
            provider=provider,
        )
        received, token = received + page.received, page.token
        if token in seen and token is not None:
            raise InputError.of("a next page that came before: the list goes in circles", where, "narrow the filter")
        if token is None and resume is None and received < (page.total or 0):
            raise InputError.of(
                f"{received} of {page.total} structures at the end of the list", where, "fetch it again"
            )
        yield page
        if token is None:
            return
        seen.add(token)


def holding(elements: Sequence[str]) -> str:
    """The filter for structures that hold all those elements.

    Raises:
        InputError: none, or no element.
    """
    check_elements(elements)
    if not elements:
        raise InputError.of("nothing to look for", "the elements", "give symbols as in V, O")
    return "elements HAS ALL " + ",".join(f'"{symbol}"' for symbol in elements)


def next_page(home: str, link: str, where: str) -> str:
    """The address of the next page; services behind a proxy call themselves http where they are asked by https.

    Raises:
        InputError: on another host.
    """
    target = urlsplit(urljoin(home, link))
    if target.hostname == urlsplit(home).hostname and target.port is None:
        target = target._replace(scheme=urlsplit(home).scheme)
    if not same_host(home, target.geturl()):
        raise InputError.of("a next page on another host", where, "check the address of the service")
    return target.geturl()


def attributes(cif: str) -> dict[str, Any]:
    """What the specification says of the cell and sites of a structure; `parse` reads it back.

    Args:
        cif: text of one structure; lengths in angstrom.

    Raises:
        StructureError: see `etl.structures.blocks.read_cif`.
    """
    crystal = read_cif(cif)
    mixes = _shares(crystal)
    names = ["".join(s if len(mix) == 1 else f"{s}{share:g}" for s, share in mix.items()) for mix in mixes]
    species = {
        name: {"name": name, "chemical_symbols": list(mix), "concentration": list(mix.values())}
        for name, mix in zip(names, mixes, strict=True)
    }
    _, first = np.unique(crystal.sites, return_index=True)
    return {
        "lattice_vectors": _rounded(crystal.lattice),
        "cartesian_site_positions": _rounded(crystal.coords[first] @ crystal.lattice),
        "species_at_sites": names,
        "species": list(species.values()),
        "nsites": len(names),
        "dimension_types": [1, 1, 1],
        "nperiodic_dimensions": 3,
        "structure_features": ["disorder"] if any(len(mix) > 1 for mix in mixes) else [],
    }


def _shares(crystal: Crystal) -> list[dict[str, float]]:
    """Share of each symbol at each site; what is missing to one is "vacancy"."""
    mixes: list[dict[str, float]] = [{} for _ in range(crystal.n_sites)]
    for site, symbol, share in zip(crystal.sites, crystal.symbols, crystal.occupancies, strict=True):
        mixes[site][symbol] = round(mixes[site].get(symbol, 0.0) + float(share), 6)
    for mix in mixes:
        empty = round(1 - sum(mix.values()), 6)
        if empty > 0.001:
            mix["vacancy"] = empty
    return mixes


def _rounded(vectors: Any) -> list[list[float]]:
    return [[round(float(x), 8) + 0.0 for x in vector] for vector in vectors]


def _row(item: Any, provider: Provider) -> Mapping[str, str | None] | str:
    """The raw row of one resource, or why there is none."""
    found = markup.read(_Resource, item)
    if isinstance(found, str):
        return found
    unfit = _problem(found.attributes)
    if unfit:
        return unfit
    try:
        cif = _cif(found.attributes)
    except np.linalg.LinAlgError:
        return "cell vectors that span no volume"
    return {
        "source": provider.source,
        "source_id": found.id,
        "formula": found.attributes.chemical_formula_reduced,
        "cif": cif,
        "fidelity": provider.fidelity,
        "functional": provider.functional,
        "licence": provider.licence,
    }


def _problem(given: _Attributes) -> str | None:
    """What the specification forbids or this project cannot use, in a few words."""
    known = {species.name for species in given.species}
    unfit = sorted(_UNFIT & set(given.structure_features))
    if unfit:
        return f"structure feature {unfit[0]}"
    if given.dimension_types != (1, 1, 1):
        return "not periodic in three directions"
    if len(given.species_at_sites) != len(given.cartesian_site_positions):
        return f"{len(given.species_at_sites)} species at {len(given.cartesian_site_positions)} sites"
    if not known.issuperset(given.species_at_sites):
        return "a site of undeclared species"
    for species in given.species:
        if len(species.chemical_symbols) != len(species.concentration):
            return "species with symbols and concentrations of different number"
        strange = [symbol for symbol in species.chemical_symbols if symbol not in NUMBER and symbol != "vacancy"]
        if strange:
            return f"{strange[0]!r} is no element"
        if not all(0 <= share <= 1 for share in species.concentration) or sum(species.concentration) > 1.001:
            return "concentrations outside 0 to 1"
    return None


def _cif(given: _Attributes) -> str:
    mixed = {
        species.name: [
            (NUMBER[symbol], share)
            for symbol, share in zip(species.chemical_symbols, species.concentration, strict=True)
            if symbol != "vacancy" and share > 0
        ]
        for species in given.species
    }
    filled = [
        (mixed[name], place)
        for name, place in zip(given.species_at_sites, given.cartesian_site_positions, strict=True)
        if mixed[name]
    ]
    rows = [(z, share, place, site) for site, (mix, place) in enumerate(filled) for z, share in mix]
    lattice = np.array(given.lattice_vectors, dtype=np.float64)
    crystal = Crystal(
        lattice=lattice,
        numbers=np.array([z for z, *_ in rows], dtype=np.int64),
        coords=np.array([place for *_, place, _ in rows], dtype=np.float64).reshape(-1, 3) @ np.linalg.inv(lattice),
        occupancies=np.array([share for _, share, *_ in rows]),
        sites=np.array([site for *_, site in rows], dtype=np.int64),
    )
    return to_cif(crystal)
