"""`matloom recipes`: thin skins over `models.recipes`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagster_project.commands.common import (
    Home,
    InputError,
    Json,
    Out,
    OutModel,
    Seed,
    command,
    finish,
    listed,
    read_input,
    say,
    within,
    writable_file,
    write_output,
)
from schemas.tables.recipes import HEATING_H

if TYPE_CHECKING:
    from models.recipes.training import RecipeModel


def writable_figure(where: str, option: str) -> None:
    """Checks that an SVG file can be written there.

    Raises:
        InputError: another suffix, or no such folder.
    """
    if Path(where).suffix != ".svg":
        raise InputError.of(where, option, "name a file that ends in .svg")
    if not Path(where).absolute().parent.is_dir():
        raise InputError.of("cannot write (no such folder)", where, "name another folder")


app = typer.Typer(help="Plan syntheses from mined recipes.", no_args_is_help=True)

Model = Annotated[str | None, typer.Option("--model", help="Model folder; the shipped model unless given.")]
Rows = Annotated[str, typer.Argument(help="Table with `target`, and `precursors` where known.")]
Table = Annotated[str, typer.Argument(help="Recipe table: target, doi, route, precursors, temperatures and times.")]
NAMES = ("target",)
TEXT = ("target", "precursors", "doi", "route")


@command(app, "train")
def train(
    table: Table,
    out: OutModel,
    generator: Annotated[
        str, typer.Option("--generator", help="What draws temperature and time: pooled, forest, mdn or cvae.")
    ] = "pooled",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train route, condition, density and precursor models and write a model folder."""
    from models.recipes import training
    from models.recipes.generators import GENERATORS

    if generator not in GENERATORS:
        raise InputError.of(f"generator {generator!r}", "--generator", f"use {', '.join(GENERATORS)}")
    frame = read_input(table, needs=NAMES, text=TEXT)
    card = training.save(training.train(frame, seed=seed, generator=generator), Path(out))
    say({"model_id": card.model_id, "out": out, **card.data}, as_json=as_json)


@command(app, "predict")
def predict(
    rows: Rows,
    out: Out,
    model: Model = None,
    samples: Annotated[int, typer.Option("--samples", help="Joint samples for each row."), within(0)] = 0,
    samples_out: Annotated[
        str | None, typer.Option("--samples-out", help="Table of the samples."), writable_file
    ] = None,
    furnace: Annotated[
        float | None, typer.Option("--furnace-limit", help="Samples stay at or below this temperature (K).")
    ] = None,
    hours: Annotated[float | None, typer.Option("--hours", help="Samples hold for this time (h).")] = None,
    home_dir: Home = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Add route probabilities and heating conditions with 80 % intervals."""
    from models.recipes import training

    if (samples > 0) != (samples_out is not None):
        raise InputError.of(
            "--samples without --samples-out, or the reverse", "the options", "give a positive count and a file"
        )
    if samples_out is None and (furnace is not None or hours is not None):
        raise InputError.of("a condition on samples", "the options", "give --samples and --samples-out too")
    if hours is not None and not HEATING_H[0] <= hours <= HEATING_H[1]:
        raise InputError.of(f"{hours:g} h", "--hours", f"give {HEATING_H[0]:g} to {HEATING_H[1]:g} h")
    if out == samples_out:
        where = "stdout" if out == "-" else out
        raise InputError.of("rows and samples", where, "give --out and --samples-out a file each")
    frame, loaded = read_input(rows, needs=NAMES, text=TEXT), _model(model, home_dir, seed)
    made = training.predict(loaded, frame)
    if samples_out is not None:
        drawn = training.sample(loaded, frame, count=samples, seed=seed, hottest=furnace, hours=hours)
        write_output(drawn, samples_out)
    summary = {
        "rows": made.height,
        "ok": int(made["ok"].sum()),
        "in_domain": int(made["in_domain"].fill_null(False).sum()),
        "model_id": loaded.model_id,
        "out": out,
    }
    finish(made, out, summary, as_json=as_json)


@command(app, "precursors")
def precursors(
    rows: Rows,
    out: Out,
    model: Model = None,
    top: Annotated[int, typer.Option("--top", help="Sets for each target."), within(1)] = 5,
    home_dir: Home = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Propose precursor sets with balanced reactions, ranked."""
    from models.recipes import proposals

    frame = read_input(rows, needs=NAMES, text=TEXT)  # before the model: what cannot be read need not train one
    made = proposals.propose(_model(model, home_dir, seed), frame, top=top)
    summary = {"records": made.height, "targets": made["row"].n_unique(), "out": out}
    finish(made, out, summary, as_json=as_json)


@command(app, "score")
def score(table: Table, model: Model = None, home_dir: Home = None, seed: Seed = 0, as_json: Json = False) -> None:
    """Every metric on a labelled table: all rows, and rows that share no paper or target with training."""
    from models.recipes import scoring

    frame = read_input(table, needs=NAMES, text=TEXT)
    say(scoring.score(_model(model, home_dir, seed), frame, seed=seed), as_json=as_json)


@command(app, "evaluate")
def evaluate(
    table: Table,
    out: Out,
    parts: Annotated[
        str, typer.Option("--parts", help="What to compare, joined by commas: conditions, routes, precursors.")
    ] = "conditions,routes,precursors",
    repeats: Annotated[int, typer.Option("--repeats", help="Splits and trainings, one seed each."), within(1)] = 3,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train every model beside every other and score them on papers and targets held out."""
    from models.recipes import comparison

    frame = read_input(table, needs=NAMES, text=TEXT)
    made = comparison.compare(frame, seeds=range(seed, seed + repeats), parts=listed(parts))
    summary = {"figures": made["figure"].n_unique(), "models": made["model"].n_unique(), "out": out}
    finish(made, out, summary, as_json=as_json)


@command(app, "explain")
def explain(
    rows: Rows,
    out: Out,
    model: Model = None,
    alone: Annotated[bool, typer.Option("--alone", help="Explain the judge that sees no precursors.")] = False,
    top: Annotated[int, typer.Option("--top", help="Features."), within(1)] = 8,
    home_dir: Home = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Accumulated local effects of the features that lead the route classifier, over a table of recipes."""
    from models.recipes import route_effects
    from models.recipes.table import normalise

    frame = normalise(read_input(rows, needs=NAMES, text=TEXT)).frame.filter("ok")
    made = route_effects.accumulated(_model(model, home_dir, seed).route, frame, alone=alone, top=top)
    summary = {"features": made["feature"].n_unique(), "rows": frame.height, "out": out}
    finish(made, out, summary, as_json=as_json)


@command(app, "recommend")
def recommend(
    target: Annotated[str, typer.Argument(help="Formula of the compound to make.")],
    model: Model = None,
    given: Annotated[str | None, typer.Option("--precursors", help='Precursors to use, joined by ";".')] = None,
    top: Annotated[int, typer.Option("--top", help="Precursor sets and precedents to list."), within(1)] = 5,
    hull: Annotated[
        float | None, typer.Option("--hull", help="Energy above the hull (eV/atom), where known."), within(0)
    ] = None,
    figure: Annotated[
        str | None, typer.Option("--figure", help="SVG of the joint distribution of the conditions."), writable_figure
    ] = None,
    home_dir: Home = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """One readable page: route, precursors, reaction, conditions, precedents, caveats."""
    from models.recipes import recommend as pages
    from models.recipes.table import as_list

    pages.check_target(target)
    named = as_list(given)
    if given is not None and named is None:
        raise InputError.of(f"no precursor in {given!r}", "--precursors", 'join formulas by ";"')
    found = pages.recommend(_model(model, home_dir, seed), target, given=named, top=top, hull=hull, seed=seed)
    drawn = found.pop("samples")
    if figure is not None:
        _draw(drawn, found, Path(figure))
    if as_json:
        say(found, as_json=True)
        return
    sys.stdout.write(pages.page(found))


def _draw(samples: list[tuple[float, float]], found: dict[str, Any], path: Path) -> None:
    import numpy as np

    from models.recipes.figure import joint
    from warehouse.files import write_aside

    points = np.array(samples, dtype=np.float64).reshape(-1, 2)
    write_aside(joint(points, found["precedents"], found["target"]), path)


def _model(model: str | None, home_dir: str | None, seed: int) -> "RecipeModel":
    from dagster_project.commands.shipped import shipped
    from models.recipes import training

    def make(folder: Path) -> object:
        from etl.reference import recipe_facts

        return training.save(training.train(recipe_facts(), seed=seed), folder)

    return training.load(Path(model) if model else shipped("recipes", home_dir=home_dir, seed=seed, make=make))
