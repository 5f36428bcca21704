"""Quality commands that choose rows: `etal` says which to learn next, `prune` which a model can do without."""

from typing import Annotated

import typer

from dagster_project.commands.common import Json, Out, Seed, command, finish, listed, read_input, within
from dagster_project.commands.quality import app

_TEXT = ("formula", "formula_reduced", "comp_key", "composition")
Features = Annotated[str, typer.Option("--features", help="Columns joined by commas; else a formula, else numbers.")]


@command(app, "etal")
def etal(
    table: Annotated[str, typer.Argument(help="Table file.")],
    group: Annotated[str, typer.Option("--group", help="Column whose values make the groups.")],
    value: Annotated[str, typer.Option("--value", help="Column whose diversity should be alike in all groups.")],
    out: Out,
    budget: Annotated[int, typer.Option("--budget", help="Rows to draw."), within(1)] = 100,
    seeds: Annotated[int, typer.Option("--seeds", help="Repetitions."), within(1)] = 5,
    strategy: Annotated[str, typer.Option("--strategy", help="etal, group-random, uncertainty or random.")] = "etal",
    variant: Annotated[str, typer.Option("--variant", help="robust, or as published.")] = "robust",
    features: Features = "",
    labelled: Annotated[
        str, typer.Option("--labelled", help="Column that is true where a row is known at first.")
    ] = "",
    propose: Annotated[bool, typer.Option("--propose", help="Choose among rows without a value.")] = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Draw rows so that each group shows the same diversity of values: a trace of simulated campaigns, or proposals."""
    from models.bias import sampling

    columns = listed(features)
    frame = read_input(table, needs=(group, value, *columns), text=(group, *_TEXT))
    if propose:
        found = sampling.propose(
            frame, group=group, value=value, budget=budget, strategy=strategy, features=columns, seed=seed
        )
        finish(found, out, {"rows": frame.height, "proposed": found.height, "out": out}, as_json=as_json)
        return
    runs = {
        name: sampling.simulate(
            frame,
            group=group,
            value=value,
            budget=budget,
            variant=variant,
            features=columns,
            labelled=labelled,
            seeds=range(seed, seed + seeds),
            strategy=name,
        )
        for name in dict.fromkeys((strategy, "random", "group-random"))
    }
    finish(runs[strategy], out, sampling.summarise(runs, strategy), as_json=as_json)
