"""Quality commands that choose rows: `etal` says which to learn next, `prune` which a model can do without."""

from typing import Annotated

import typer

from dagster_project.commands.common import InputError, Json, Out, Seed, command, finish, listed, read_input, within
from dagster_project.commands.quality import app

__all__ = ["app", "etal", "prune"]

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

    columns = _features(features, value)
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


@command(app, "prune")
def prune(
    table: Annotated[str, typer.Argument(help="Table file with a formula or other features.")],
    target: Annotated[str, typer.Option("--target", help="Column that a model is to learn.")],
    out: Out,
    keep: Annotated[float, typer.Option("--keep", help="Share of the rows to keep, above 0 and up to 1.")] = 0.35,
    method: Annotated[
        str, typer.Option("--method", help="difference, uncertainty, similarity or random.")
    ] = "difference",
    features: Features = "",
    check: Annotated[
        bool, typer.Option("--check", help="Also measure what it costs, without whole elements too.")
    ] = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Mark the rows that a model needs: `kept`, and `rank` in the order in which they were taken."""
    import numpy as np
    import polars as pl

    from etl.features.rows import beside
    from models.bias import pruning

    columns = _features(features, target)
    frame = read_input(table, needs=(target, *columns), text=_TEXT)
    rows, used, systems = pruning.rows_of(frame, target=target, features=columns)
    chosen = used[pruning.prune(rows, keep=keep, method=method, seed=seed)]
    rank = np.zeros(frame.height, dtype=np.int64)
    rank[chosen] = np.arange(1, len(chosen) + 1)
    ok = np.isin(np.arange(frame.height), used)
    made = pl.DataFrame({"kept": rank > 0, "rank": rank, "ok": ok}).with_columns(
        rank=pl.when("kept").then("rank"),
        reason=pl.when(~pl.col("ok")).then(pl.lit(f"no {target}, or no composition that can be read")),
    )
    summary = {"rows": frame.height, "kept": len(chosen), "not_ok": int((~ok).sum()), "out": out}
    if len(chosen) > max(1, round(keep * len(used))):
        summary["note"] = f"all are kept: fewer than {pruning.FEWEST} rows cannot tell which repeat others"
    if check:
        found = pruning.check(rows, pruning.trials(systems, seed=seed), keep=keep, method=method, seed=seed)
        summary |= {"trials": found, "worst_loss": max((t["loss"] for t in found), default=None)}
    finish(beside(frame, made), out, summary, as_json=as_json)


def _features(named: str, told: str) -> tuple[str, ...]:
    """Names of features, without the column that they should tell."""
    columns = listed(named)
    if told in columns:
        raise InputError.of(f"{told}, which features should tell,", "--features", "leave it out")
    return columns
