"""Crystals of candidates by substitution into a prototype, as the options of a problem's evaluator say.

`prototype` names one of `etl.structures.prototypes`; a role of it is filled by the variable of that name or by
`element_<role>`, and `state_<role>` is the oxidation state whose radius scales the cell.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from schemas.errors import InputError
from schemas.problem import DesignProblem

if TYPE_CHECKING:
    from models.evaluators.calculations import Atoms

PROTOTYPE = "prototype"


def crystals(problem: DesignProblem, candidates: Iterable[Mapping[str, Any]]) -> "Iterator[tuple[str, Atoms]]":
    """Id and crystal of each candidate; one with an ion of unknown radius has none.

    Args:
        problem: with the option `prototype`.
        candidates: rows with `candidate_id` and the variables.

    Raises:
        InputError: an unknown prototype, or a role without element or oxidation state.
    """
    import numpy as np

    from etl.structures.prototypes import PROTOTYPES, substitute, template
    from models.evaluators.calculations import Atoms

    options = problem.evaluator.options
    name = str(options[PROTOTYPE])
    if name not in PROTOTYPES:
        raise InputError.of(f"no prototype {name!r}", problem.name, f"use one of {', '.join(PROTOTYPES)}")
    prototype = PROTOTYPES[name]
    cell = template(prototype)
    roles = dict.fromkeys(site.role for site in prototype.sites)
    states = {role: float(_option(problem, f"state_{role}")) for role in roles}
    varied = {v.name for v in problem.variables}
    fixed = {role: str(_option(problem, f"element_{role}")) for role in roles if role not in varied}
    for row in candidates:
        ions = {role: ((fixed.get(role) or str(row[role]), states[role]),) for role in roles}
        try:
            made = substitute(prototype, ions, cell)
        except KeyError:
            continue
        symbols = tuple(site.specie.symbol for site in made)
        yield (
            str(row["candidate_id"]),
            Atoms(lattice=np.array(made.lattice.matrix), symbols=symbols, coords=np.array(made.frac_coords)),
        )


def _option(problem: DesignProblem, name: str) -> float | int | str | bool:
    options = problem.evaluator.options
    if name not in options:
        raise InputError.of(f"no option {name}", f"the evaluator of {problem.name}", "a prototype needs it")
    return options[name]
