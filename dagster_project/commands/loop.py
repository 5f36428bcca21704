"""`matloom design loop`, `generations` and `family`: the loop without a daemon, the report of each of its batches,
and a problem from a family of the screen."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagster_project import calculations
from dagster_project.commands.common import (
    Home,
    InputError,
    Json,
    Seed,
    command,
    home,
    say,
    within,
    writable_file,
    writable_folder,
    write_output,
)
from dagster_project.commands.design import app
from dagster_project.commands.run import RunFailedError
from dagster_project.settings import EXECUTORS, Settings

if TYPE_CHECKING:
    import polars as pl

TABLE = "design.generations"


def writable_yaml(where: str, option: str) -> None:
    """Checks that a YAML file can be written there."""
    if Path(where).suffix not in (".yaml", ".yml"):
        raise InputError.of(f"{where} ends in neither .yaml nor .yml", option, "give it such a name")
    writable_folder(str(Path(where).absolute().parent), option)


@command(app, "loop")
def loop(
    problems: Annotated[
        str, typer.Argument(help="Names or YAML files of problems, joined by commas; else MATLOOM_PROBLEMS, else all.")
    ] = "",
    executor: Annotated[str, typer.Option("--executor", help="Where calculations run: local or slurm.")] = "",
    running: Annotated[int, typer.Option("--running", help="Calculations at once."), within(1)] = 1,
    seed: Seed = 0,
    at: Home = None,
    as_json: Json = False,
) -> None:
    """Propose, evaluate, learn and propose again, unattended, until every problem has ended or waits for a person.

    It does what the sensors of the graph do, in this process; killed and started again, it goes on. Each batch is
    reported when its last outcome is there. The exit code is 1 where a problem waits for a person.
    """
    from dagster_project import unattended
    from warehouse.store import Store

    settings = _settings(problems, executor, running=running, seed=seed, at=at)
    store, told, rounds = Store(settings.home), set[str](), 0
    for made in unattended.loop(settings, pause_s=0.2):
        for line in made.said:
            sys.stderr.write(f"trouble: {line}\n")
        if made.outcome is None:
            continue
        rounds += 1
        if not made.outcome.success:
            step, why = next(iter(made.outcome.failed.items()))
            raise RunFailedError(f"step {step} failed ({why}) in {settings.home}: mend it and start the loop again")
        _tell(store.read_passed(TABLE), told)
    found = store.read_passed(TABLE)
    ends = {p: _end(rows) for (p,), rows in found.group_by("problem", maintain_order=True)}
    say({"rounds": rounds, "problems": ends}, as_json=as_json)
    if any(end["waiting"] for end in ends.values()):
        raise typer.Exit(1)


@command(app, "generations")
def generations(
    problem: Annotated[str, typer.Argument(help="Name of a problem; all if left out.")] = "",
    out: Annotated[
        str | None, typer.Option("--out", help="File to write the rows to; else they are told."), writable_file
    ] = None,
    at: Home = None,
    as_json: Json = False,
) -> None:
    """Tell what each batch asked, what came back, what surprised and what comes next."""
    import polars as pl

    from warehouse.store import Store

    found = Store(home(at)).read_passed(TABLE).sort("problem", "iteration")
    if problem:
        known = found["problem"].unique().sort().to_list()
        if problem not in known:
            raise InputError.of(f"no batch of {problem!r}", TABLE, f"use one of {', '.join(known) or 'none yet'}")
        found = found.filter(pl.col("problem") == problem)
    if out:
        write_output(found, out)
    elif not as_json:
        sys.stdout.write("\n\n".join(found["report"].to_list()) + "\n" * bool(found.height))
    if out or as_json:
        say({"generations": found.height, "problems": found["problem"].n_unique(), "out": out}, as_json=as_json)


@command(app, "family")
def family(
    name: Annotated[str, typer.Argument(help="Family, as in pred.families, such as Co+Ni|O.")],
    recipe: Annotated[str, typer.Option("--recipe", help="Name or YAML file of the recipe that calculates it.")],
    objectives: Annotated[str, typer.Option("--objectives", help="Such as max:gap_eV,min:stability_eV_atom.")],
    out: Annotated[str, typer.Option("--out", help="YAML file of the problem to write."), writable_yaml],
    grouping: Annotated[str, typer.Option("--grouping", help="As in pred.families.")] = "family_tm_anion",
    most: Annotated[int, typer.Option("--most", help="Members at most, the likeliest first."), within(4)] = 60,
    budget: Annotated[int, typer.Option("--budget", help="Evaluations in all."), within(4)] = 24,
    batch: Annotated[int, typer.Option("--batch", help="Evaluations at once."), within(1)] = 2,
    at: Home = None,
    as_json: Json = False,
) -> None:
    """Write a design problem of a screening family, for `matloom design loop` or MATLOOM_PROBLEMS.

    Its candidates are the compounds of the family that have an ordered structure in the tables.
    """
    import polars as pl
    import yaml

    from models.design.families import problem_of
    from models.evaluators import recipes
    from models.screening.families import GROUPINGS
    from warehouse.files import write_aside
    from warehouse.query import query

    if grouping not in GROUPINGS:
        raise InputError.of(f"no grouping {grouping!r}", "--grouping", f"use one of {', '.join(GROUPINGS)}")
    asked = recipes.load(recipe)
    members = query(home(at), _MEMBERS).filter(pl.col(grouping) == name)
    members = members.select("formula", "p_mit").unique(maintain_order=True).head(most)
    made = problem_of(name, members, engine=asked.engine, recipe=recipe, wanted=objectives, total=budget, batch=batch)
    body = made.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    write_aside(yaml.safe_dump(body, sort_keys=False, allow_unicode=True).encode(), Path(out))
    say({"problem": made.name, "candidates": members.height, "engine": asked.engine, "out": out}, as_json=as_json)


_MEMBERS = """
select s.formula_reduced as formula, s.family_tm_anion, s.family_ln, s.formula_anonymous, s.prototype,
    s.prototype_label, c.motif, max(p.p_mit) as p_mit
from core.structures s left join pred.screening p on p.formula = s.formula_reduced
    left join pred.candidates c on c.formula = s.formula_reduced
where s.valid and s.duplicate_of is null and not list_contains(s.flags, 'disordered')
group by all order by p_mit desc nulls last, formula"""


def _settings(problems: str, executor: str, *, running: int, seed: int, at: str | None) -> Settings:
    """Puts what is asked where sensors and steps read it, the environment, and reads it back."""
    from schemas import problem

    asked = problem.worked_on(problems)
    who = executor or os.environ.get("MATLOOM_EXECUTOR", "")
    calculated = [p.name for p in asked if not p.evaluator.instant]
    if who not in EXECUTORS and (who or calculated):
        what = f"no executor {who!r}" if who else f"nobody runs the calculations of {calculated[0]}"
        raise InputError.of(what, "--executor", f"use one of {', '.join(EXECUTORS)}")
    for one in asked:
        calculations.check(one)
    given = {problem.CHOSEN: problems, "MATLOOM_EXECUTOR": who, "MATLOOM_HOME": str(home(at))}
    given |= {"MATLOOM_RUNNING": str(running), "MATLOOM_SEED": str(seed)}
    os.environ.update({k: v for k, v in given.items() if v})
    return Settings.from_environment()


def _tell(found: "pl.DataFrame", told: set[str]) -> None:
    """Prints the reports of batches that have come back whole, once each."""
    for row in found.sort("problem", "iteration").iter_rows(named=True):
        if row["batch_id"] not in told and not row["waiting"]:
            told.add(row["batch_id"])
            sys.stderr.write(row["report"] + "\n\n")


def _end(rows: "pl.DataFrame") -> dict[str, Any]:
    """How a problem ended."""
    last = rows.sort("iteration").row(-1, named=True)
    counts = {name: int(rows[name].sum()) for name in ("accepted", "failed", "waiting", "attempts")}
    return {"generations": rows.height, **counts, "best": last["best"], "next": last["next"]}
