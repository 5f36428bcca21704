"""Crystals of candidates by substitution into a prototype, as the options of a problem's evaluator say.

`prototype` names one of `prototypes.PROTOTYPES`; a role of it is filled by the variable of that name or by
`element_<role>`, and `state_<role>` is the oxidation state whose radius scales the cell.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from etl.structures.crystal import Crystal, from_pymatgen
from schemas.errors import InputError
from schemas.problem import DesignProblem

PROTOTYPE = "prototype"


def crystals(problem: DesignProblem, candidates: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Crystal]]:
    """Id and crystal of each candidate; one with an ion of unknown radius has none.

    Args:
        problem: with the option `prototype`.
        candidates: rows with `candidate_id` and the variables.

    Raises:
        InputError: an unknown prototype, or a role without element or oxidation state.
    """
    from etl.structures.prototypes import PROTOTYPES, substitute, template

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
        yield str(row["candidate_id"]), from_pymatgen(made)


def _option(problem: DesignProblem, name: str) -> float | int | str | bool:
    options = problem.evaluator.options
    if name not in options:
        raise InputError.of(f"no option {name}", f"the evaluator of {problem.name}", "a prototype needs it")
    return options[name]
