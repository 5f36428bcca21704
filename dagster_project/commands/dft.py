"""`matloom dft`: thin skins over `models.evaluators.service`. A folder holds the ledger and what runs."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagster_project import calculations
from dagster_project.commands.common import (
    Home,
    InputError,
    Json,
    Out,
    OutFolder,
    command,
    finish,
    home,
    read_structures,
    say,
    within,
    write_output,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from models.evaluators.ledger import Ledger
    from models.evaluators.recipes import Recipe
    from models.evaluators.service import Caps, Tick

app = typer.Typer(no_args_is_help=True, help="Calculations: prepare, submit, poll, collect, retry.")
PREPARED = "prepared.jsonl"
MOST_HOURS = 24 * 366
Folder = Annotated[str, typer.Argument(help="Folder made by prepare; default: calculations of the home.")]
Which = Annotated[str, typer.Option("--executor", help="local or slurm.")]
Running = Annotated[int, typer.Option("--running", help="Attempts at once."), within(1)]
Hours = Annotated[float, typer.Option("--hours", help="Wall time of one attempt.")]


@command(app, "prepare")
def prepare(
    rows: Annotated[str, typer.Argument(help="Folder of CIF files, or a table with cif or poscar.")],
    recipe: Annotated[str, typer.Option("--recipe", help="Name or YAML file of a recipe.")],
    out: OutFolder,
    engine: Annotated[str, typer.Option("--engine", help="gpaw, vasp or chgnet; default: that of the recipe.")] = "",
    changed: Annotated[list[str] | None, typer.Option("--set", help="Another setting: cutoff_eV=400.")] = None,
    as_json: Json = False,
) -> None:
    """Propose a calculation for each structure; what cannot be calculated stays with a reason in prepared.jsonl.

    A column `moments` holds starting moments, one a site, in CSV as [2.0, -2.0]. Of a folder of `matloom physics
    orders` its table is read. Of a CIF with several structures the first is taken: stderr and the column `flags` say
    so. Labels tell which settings are not those of the recipe: a study of convergence is one call a setting.
    """
    from etl.structures.blocks import SEVERAL
    from models.evaluators import recipes
    from models.evaluators.ledger import Ledger

    words = changed or []
    asked = recipes.load(recipe).changed(_settings(words))
    if engine and engine != asked.engine:
        raise InputError.of(f"recipe {asked.name} is for {asked.engine}", "--engine", "name a recipe of that engine")
    table = Path(rows) / calculations.ORDERS
    frame = read_structures(str(table) if table.is_file() else rows, text=("formula", "label"))
    ledger = Ledger(Path(out))
    made = [_asked(ledger, asked, row, at, words) for at, row in enumerate(frame.to_dicts())]
    write_output(_prepared(made), str(Path(out) / PREPARED))
    sys.stderr.write("".join(f"{m['label']}: {SEVERAL}, the first is taken\n" for m in made if SEVERAL in m["flags"]))
    refused = sum(not m["ok"] for m in made)
    say({"rows": len(made), "new": sum(m["new"] for m in made), "refused": refused, "out": out}, as_json=as_json)
    if made and refused == len(made):
        raise typer.Exit(1)


def _asked(
    ledger: "Ledger", recipe: "Recipe", row: "Mapping[str, Any]", at: int, words: "Sequence[str]"
) -> dict[str, Any]:
    """Asks for the calculation of a row; what became of it."""
    from etl.structures.checks import flags
    from etl.structures.texts import read_ordered
    from models.evaluators import service
    from models.evaluators.calculations import atoms_of

    label = " ".join([str(row.get("label") or row.get("formula") or row.get("file") or at), *words])
    found: dict[str, Any] = {"row": at, "label": label, "calculation_id": None, "ok": False, "new": 0, "flags": []}
    try:
        crystal = read_ordered(row)
        found["flags"] = flags(crystal)
        calculation = recipe.calculation(atoms_of(crystal, row.get("moments")), label=label)
        found["new"] = service.ask(ledger, [(calculation, f"matloom dft prepare: {label}")])
    except InputError as error:
        return {**found, "reason": str(error)}
    return {**found, "calculation_id": calculation.calculation_id, "ok": True, "reason": None}


@command(app, "submit")
def submit(
    where: Folder = "",
    executor: Which = "local",
    running: Running = 1,
    hours: Hours = 24.0,
    at: Home = None,
    as_json: Json = False,
) -> None:
    """Start what is proposed, and what plumbing failed, while there is room; returns at once."""
    from models.evaluators import service

    _tell(service.submit(ledger_of(where, at), calculations.executor(executor), _caps(running, hours)), as_json=as_json)


@command(app, "poll")
def poll(
    where: Folder = "",
    executor: Which = "local",
    running: Running = 1,
    hours: Hours = 24.0,
    at: Home = None,
    as_json: Json = False,
) -> None:
    """Look at what runs, record what ended; tells all states and the dead letters."""
    from models.evaluators import service

    ledger, caps = ledger_of(where, at), _caps(running, hours)
    tick = service.poll(ledger, calculations.executor(executor), caps)
    standings = ledger.standings()
    states = {str(s): sum(x.state == s for x in standings) for s in sorted({x.state for x in standings})}
    _tell(tick, as_json=as_json, states=states, dead_letters=_dead(ledger, caps), hours=round(ledger.hours(), 3))


@command(app, "run")
def run(
    where: Folder = "",
    executor: Which = "local",
    running: Running = 1,
    hours: Hours = 24.0,
    at: Home = None,
    as_json: Json = False,
) -> None:
    """Submit and poll until nothing is left to do; may be interrupted and started again at any time.

    The exit code is 1 where something never ran: a dead letter in the state plumbing_failed.
    """
    from collections import Counter

    from models.evaluators import service

    ledger, who, caps = ledger_of(where, at), calculations.executor(executor), _caps(running, hours)
    moved: Counter[str] = Counter()
    for tick in service.ticks(ledger, who, caps):
        moved += tick.moved
        for state, count in tick.moved.items():
            sys.stderr.write(f"{count} {state}\n")
        for trouble in tick.troubles:
            sys.stderr.write(f"trouble: {trouble}\n")
    dead = _dead(ledger, caps)
    say({"moved": {str(k): v for k, v in moved.items()}, "dead_letters": dead}, as_json=as_json)
    if any(d["state"] == "plumbing_failed" for d in dead):
        raise typer.Exit(1)


@command(app, "collect")
def collect(out: Out, where: Folder = "", at: Home = None, as_json: Json = False) -> None:
    """Write every calculation that has ended, with its values, settings and provenance."""
    from models.evaluators import service

    found = service.collect(ledger_of(where, at))
    states = {str(s): n for s, n in found["state"].value_counts(sort=True).rows()}
    finish(found, out, {"ended": found.height, **states, "out": out}, as_json=as_json)


@command(app, "retry")
def retry(
    calculation: Annotated[str, typer.Argument(help="Id of a calculation that ended without a value.")],
    where: Folder = "",
    at: Home = None,
    as_json: Json = False,
) -> None:
    """Put a calculation that failed back to be submitted."""
    from models.evaluators import service

    service.retry(ledger_of(where, at), calculation)
    say({"calculation_id": calculation, "state": "proposed"}, as_json=as_json)


@command(app, "cancel")
def cancel(
    calculation: Annotated[str, typer.Argument(help="Id of a calculation that has not ended.")],
    where: Folder = "",
    executor: Which = "local",
    at: Home = None,
    as_json: Json = False,
) -> None:
    """Stop a calculation; it ends as rejected."""
    from models.evaluators import service

    service.cancel(ledger_of(where, at), calculations.executor(executor), calculation, reason="cancelled by a person")
    say({"calculation_id": calculation, "state": "rejected"}, as_json=as_json)


def _settings(told: "Sequence[str]") -> dict[str, Any]:
    """Settings from words such as `kpoints=[3,3,3]`.

    Raises:
        InputError: no name, or no JSON value.
    """
    found = {}
    for word in told:
        name, _, value = word.partition("=")
        try:
            found[name] = json.loads(value)
        except ValueError as error:
            raise InputError.of(word, "--set", "give a name and a JSON value, such as cutoff_eV=400") from error
    return found


def ledger_of(where: str, at: str | None) -> "Ledger":
    """The ledger of a folder, or of the home where none is named.

    Raises:
        InputError: there is none.
    """
    from models.evaluators.ledger import FILE, Ledger

    folder = Path(where) if where else calculations.folder(home(at))
    if not (folder / FILE).is_file():
        raise InputError.of("no calculations", folder, "make some with matloom dft prepare")
    return Ledger(folder)


def _caps(running: int, hours: float) -> "Caps":
    from models.evaluators.service import Caps

    if not 0 < hours <= MOST_HOURS:
        raise InputError.of(str(hours), "--hours", f"give more than 0 and at most {MOST_HOURS}")
    return Caps(running=running, hours=hours)


def _tell(tick: "Tick", *, as_json: bool, **more: Any) -> None:
    say({"moved": {str(k): v for k, v in tick.moved.items()}, "troubles": tick.troubles, **more}, as_json=as_json)


def _dead(ledger: "Ledger", caps: "Caps") -> list[dict[str, Any]]:
    from models.evaluators import service

    return service.dead_letters(ledger, caps).select("calculation_id", "label", "state", "reason").to_dicts()


def _prepared(made: list[dict[str, Any]]) -> "pl.DataFrame":
    import polars as pl

    kinds = {"row": pl.Int64, "label": pl.String, "calculation_id": pl.String, "ok": pl.Boolean, "reason": pl.String}
    return pl.DataFrame(made, schema={**kinds, "flags": pl.List(pl.String)})
