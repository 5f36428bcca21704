"""Structure services: OPTIMADE and COD over a handful of rock salts. Cell lengths are rounded textbook values."""

import json
import re
from typing import Any

from tests.servers.protocols import CIF, JSON, Answer, Query

# cation, anion, cubic cell length in angstrom
ROCK_SALTS = (
    ("Ni", "O", 4.18), ("Mg", "O", 4.21), ("Co", "O", 4.26), ("Fe", "O", 4.31), ("Mn", "O", 4.44), ("V", "O", 4.06),
    ("Ti", "O", 4.18), ("Ca", "O", 4.81), ("Sr", "O", 5.16), ("Na", "Cl", 5.64), ("Li", "F", 4.03), ("K", "Cl", 6.29),
)  # fmt: skip
_CATIONS = ((0.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))
_ANIONS = tuple((x + 0.5 if x < 0.5 else x - 0.5, y, z) for x, y, z in _CATIONS)
_FIRST = 9_000_001  # COD number of the first
_QUOTED = re.compile(r'"([A-Z][a-z]?)"')


def optimade(query: Query, *, base: str, size: int) -> Answer:
    """The structures resource; a filter is understood as far as the elements that it quotes."""
    text = query.get("filter", "")
    if text.count('"') % 2:
        return Answer(b'{"errors": [{"status": "400", "detail": "no filter"}]}', JSON, 400)
    wanted = set(_QUOTED.findall(text))
    found = [n for n, (cation, anion, _) in enumerate(ROCK_SALTS) if wanted <= {cation, anion}]
    start, size = int(query.get("page_offset", "0")), min(size, int(query.get("page_limit", "10")))
    held = found[start : start + size]
    more = start + size < len(found)
    following = (
        f"{base}/optimade/v1/structures?filter={text.replace(' ', '+')}&page_limit={size}&page_offset={start + size}"
    )
    body = {
        "data": [_resource(number) for number in held],
        "links": {"next": following if more else None},
        "meta": {"api_version": "1.1.0", "data_returned": len(found), "more_data_available": more},
    }
    return Answer(json.dumps(body).encode(), JSON)


def _resource(number: int) -> dict[str, Any]:
    cation, anion, length = ROCK_SALTS[number]
    sites = [[length * x for x in place] for place in (*_CATIONS, *_ANIONS)]
    formula = "".join(sorted((cation, anion)))
    return {
        "id": f"rs-{number}",
        "type": "structures",
        "attributes": {
            "chemical_formula_reduced": formula,
            "elements": sorted((cation, anion)),
            "nelements": 2,
            "nsites": 8,
            "dimension_types": [1, 1, 1],
            "lattice_vectors": [[length, 0, 0], [0, length, 0], [0, 0, length]],
            "cartesian_site_positions": sites,
            "species_at_sites": [cation] * 4 + [anion] * 4,
            "species": [{"name": name, "chemical_symbols": [name], "concentration": [1.0]} for name in (cation, anion)],
            "structure_features": [],
            "last_modified": "2026-10-01T00:00:00Z",
        },
    }


def cod_search(query: Query) -> Answer:
    """COD's search by elements or formula, as JSON."""
    wanted = {value for name, value in query.items() if re.fullmatch(r"el\d", name)}
    formula = query.get("formula")
    found = []
    for number, (cation, anion, length) in enumerate(ROCK_SALTS):
        hill = " ".join(sorted((cation, anion)))
        if wanted <= {cation, anion} and formula in (None, hill):
            doi = f"10.5555/cod.{number}"
            found.append({"file": str(_FIRST + number), "formula": f"- {hill} -", "a": str(length), "doi": doi})
    return Answer(json.dumps(found).encode(), JSON)


def cod_cif(name: str) -> Answer:
    """The CIF of a COD number."""
    number = int(name) - _FIRST if name.isdecimal() else -1
    if not 0 <= number < len(ROCK_SALTS):
        return Answer(b"not found", "text/plain", 404)
    cation, anion, length = ROCK_SALTS[number]
    atoms = [(cation, place) for place in _CATIONS] + [(anion, place) for place in _ANIONS]
    lines = [f"data_{name}", "_symmetry_space_group_name_H-M 'P 1'"]
    lines += [f"_cell_length_{axis} {length}" for axis in "abc"]
    lines += [f"_cell_angle_{angle} 90" for angle in ("alpha", "beta", "gamma")]
    lines += ["loop_", "_atom_site_label", "_atom_site_type_symbol"]
    lines += [f"_atom_site_fract_{axis}" for axis in "xyz"]
    lines += [f"{symbol}{n} {symbol} {x} {y} {z}" for n, (symbol, (x, y, z)) in enumerate(atoms)]
    return Answer("\n".join([*lines, ""]).encode(), CIF)
