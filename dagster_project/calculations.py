"""Calculations of the graph: the home's ledger, who runs them, and the evaluators of problems that need them.

Nothing is calculated unless MATLOOM_EXECUTOR says where. Sensors tick; runs ask for calculations and land outcomes.
"""

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project.settings import Settings
from dagster_project.versions import package_version
from schemas.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from models.evaluators.calculations import Atoms
    from models.evaluators.computed import Compound
    from models.evaluators.executors import Executor
    from models.evaluators.ledger import Ledger
    from models.evaluators.protocol import Evaluator
    from models.evaluators.service import Caps
    from schemas.problem import DesignProblem

FOLDER = "calculations"
ORDERS = "orders.jsonl"
"""Table of the magnetic orders of a crystal, beside their CIF files."""
SLURM_OPTIONS = "MATLOOM_SLURM_OPTIONS"
"""Environment variable: options of sbatch, as in a shell: ``--partition=long --account=abc --mem=8G``."""
_SOURCES = ("dagster_project/calculations.py",)
RECIPE = "recipe"
"""Option of a problem's evaluator: the recipe of its calculations; without one the problem waits."""


def folder(home: Path) -> Path:
    """Where the ledger and the attempts lie."""
    return home / FOLDER


def known(home: Path) -> "Ledger | None":
    """The ledger; None where nothing was ever asked."""
    from models.evaluators.ledger import FILE, Ledger

    return Ledger(folder(home)) if (folder(home) / FILE).is_file() else None


def executor(name: str) -> "Executor":
    """Who runs calculations; SLURM is told what MATLOOM_SLURM_OPTIONS says.

    Raises:
        InputError: a name that none has, or options with a quote that is not closed.
    """
    from models.evaluators.executors import Local, Slurm

    kinds: dict[str, Callable[[], Executor]] = {"local": Local, "slurm": lambda: Slurm(_options())}
    if name not in kinds:
        raise InputError.of(f"no executor {name!r}", "--executor", f"use one of {', '.join(kinds)}")
    return kinds[name]()


def _options() -> list[str]:
    text = os.environ.get(SLURM_OPTIONS, "")
    try:
        return shlex.split(text)
    except ValueError as error:
        raise InputError.of(f"{text!r} ({error})", SLURM_OPTIONS, "write it as for sbatch in a shell") from error


def caps(settings: Settings) -> "Caps":
    """What the graph's calculations may spend."""
    from models.evaluators.service import Caps

    return Caps(running=settings.running, hours=settings.hours, total_hours=settings.total_hours)


def check(asked: "DesignProblem") -> None:
    """Refuses a problem that nothing here can answer, before any run is made for it.

    Raises:
        InputError: no such recorded table or recipe, or a table or prototype that does not fit.
    """
    from etl.reference import recorded
    from etl.structures.substituted import PROTOTYPE, crystals
    from models.design import campaigns
    from models.evaluators import recipes, rounds

    options = asked.evaluator.options
    if asked.evaluator.kind == "recorded":
        rounds.recorded(asked, recorded())
    if RECIPE in options:
        recipes.load(str(options[RECIPE]))
    if PROTOTYPE in options:
        next(crystals(asked, campaigns.offered(asked).head(1).to_dicts()), None)


def evaluators(settings: Settings, structures: "pl.DataFrame", candidates: "pl.DataFrame") -> dict[str, "Evaluator"]:
    """The evaluator of each problem that is to be calculated or rehearsed; none where nothing is to be run.

    Args:
        settings: of the run.
        structures: rows of core.structures; of a candidate's formula the first counts, of a rival's several.
        candidates: rows of design.candidates.
    """
    import polars as pl

    from models.evaluators import phases
    from models.evaluators.budget import asked_in

    found: dict[str, Evaluator] = {}
    if settings.executor is None:
        return found
    standing = phases.standing(structures)
    for asked in asked_in(candidates):
        if RECIPE in asked.evaluator.options:
            own = candidates.filter(pl.col("problem") == asked.name)
            found[asked.name] = _computed(settings, asked, own, standing)
        elif asked.evaluator.kind == "recorded" and not asked.evaluator.instant:
            found[asked.name] = _rehearsed(settings, asked)
    return found


def stamp(settings: Settings) -> tuple[str | None, int, str]:
    """What changes when outcomes may be there that were not before.

    Who runs calculations, how many have ended, and the code here that says what is calculated.
    """
    ledger = known(settings.home) if settings.executor else None
    return settings.executor, ledger.ends() if ledger else 0, package_version(*_SOURCES)


def _rehearsed(settings: Settings, asked: "DesignProblem") -> "Evaluator":
    from etl.reference import recorded
    from models.evaluators import rounds
    from models.evaluators.ledger import Ledger
    from models.evaluators.rehearsed import Rehearsed

    table = rounds.recorded(asked, recorded())
    return Rehearsed(table, ledger=Ledger(folder(settings.home)), options=asked.evaluator.options)


def _computed(
    settings: Settings, asked: "DesignProblem", candidates: "pl.DataFrame", structures: "pl.DataFrame"
) -> "Evaluator":
    """Candidates by the recipe of a problem; their crystals are those of its prototype, or of the tables."""
    import polars as pl

    from etl.features.formulas import reduced
    from etl.structures.substituted import PROTOTYPE, crystals
    from models.evaluators import campaign, phases, recipes
    from models.evaluators.calculations import atoms_of
    from models.evaluators.computed import Compound, Computed
    from models.evaluators.ledger import Ledger

    recipe = recipes.load(str(asked.evaluator.options[RECIPE]))
    spelled = pl.Series([reduced(f) if f else None for f in candidates["formula"].to_list()], dtype=pl.String)
    named = candidates.select("candidate_id", formula_reduced=spelled)
    first = structures.unique("formula_reduced", keep="first", maintain_order=True)
    rows = named.join(first, on="formula_reduced", maintain_order="left")
    compounds = dict(zip(rows["candidate_id"], _compounds(rows), strict=True))
    if PROTOTYPE in asked.evaluator.options:
        labels = dict(candidates.select("candidate_id", "formula").rows())
        made = crystals(asked, campaign.candidates_in(asked, candidates).to_dicts())
        compounds = {who: Compound(label=labels.get(who) or who, atoms=atoms_of(held)) for who, held in made}
    return Computed(
        f"{recipe.engine}:{recipe.name}",
        ledger=Ledger(folder(settings.home)),
        recipe=recipe,
        objectives=asked.outcomes,
        compounds=compounds,
        phases=_compounds(phases.rivals(structures, rows)),
        caps=caps(settings),
    )


def _compounds(rows: "pl.DataFrame") -> "Sequence[Compound]":
    """Crystals of rows of core.structures."""
    from models.evaluators import phases
    from models.evaluators.computed import Compound

    return [Compound(label=r["label"], atoms=atoms(r)) for r in phases.labelled(rows).to_dicts()]


def atoms(row: Mapping[str, object]) -> "Atoms":
    """The ordered crystal of a row with `cif` or `poscar`, and `moments` where it has them.

    Raises:
        InputError: see `read_ordered`; or moments that are not one a site.
    """
    from etl.structures.texts import read_ordered
    from models.evaluators.calculations import atoms_of

    return atoms_of(read_ordered(row), row.get("moments"))
