"""Quality commands about sources: `disagreements` says whose value counts, `aggregate` whether another one helps."""

from typing import TYPE_CHECKING, Annotated

import typer

from dagster_project.commands.common import (
    Home,
    InputError,
    Json,
    Out,
    command,
    finish,
    home,
    listed,
    read_input,
    within,
    writable_file,
    write_output,
)
from dagster_project.commands.quality import app

if TYPE_CHECKING:
    from schemas.merging import Policy

_TEXT = ("formula", "formula_reduced", "comp_key", "composition", "doi", "target", "source")


@command(app, "disagreements")
def disagreements(
    table: Annotated[str, typer.Argument(help="Table of --home that several sources fill, or a table file.")],
    out: Out,
    key: Annotated[str, typer.Option("--key", help="Columns of a file that say what is the same thing.")] = "",
    value: Annotated[str, typer.Option("--value", help="Columns of a file that sources may tell differently.")] = "",
    source: Annotated[str, typer.Option("--source", help="Column of who tells.")] = "source",
    priority: Annotated[str, typer.Option("--priority", help="Sources, joined by commas, most trusted first.")] = "",
    fidelity: Annotated[
        str, typer.Option("--fidelity", help="Column whose higher value counts then, or column:best,next.")
    ] = "",
    recency: Annotated[str, typer.Option("--recency", help="Column whose later value counts then.")] = "",
    tolerance: Annotated[float, typer.Option("--tolerance", help="Difference that is none."), within(0)] = 0.0,
    merged: Annotated[
        str | None, typer.Option("--merged", help="File for the rows that count, one a thing."), writable_file
    ] = None,
    as_json: Json = False,
    home_: Home = None,
) -> None:
    """Where sources tell one thing differently, and whose value counts; tables of the home by their declared policy.

    A key named formula is one composition however it is written: HfBe5 and Be5Hf are one thing.
    """
    from etl import merging
    from schemas.merging import POLICIES
    from warehouse.store import Store

    if table in POLICIES and not key:
        policy = POLICIES[table]
        frame = Store(home(home_)).read(table)
    else:
        policy = _policy(table, listed(key), listed(value), source, listed(priority), fidelity, recency, tolerance)
        frame = read_input(table, needs=policy.used, text=(*_TEXT, *policy.key, source))
        frame, policy = merging.by_composition(frame, policy)
    found = merging.disagreements(frame, policy)
    if merged is not None:
        write_output(merging.merged(frame, policy), merged)
    left_out = frame.height - frame.drop_nulls(policy.key).height  # without a key
    told = {"rows": frame.height, "left_out": left_out, "disagreements": found.height, "out": out}
    finish(found, out, told, as_json=as_json)


@command(app, "aggregate")
def aggregate(
    base: Annotated[str, typer.Argument(help="Table file whose rows are to be predicted.")],
    other: Annotated[str, typer.Argument(help="Table file of another source, with the same columns.")],
    target: Annotated[str, typer.Option("--target", help="Column that a model is to learn.")],
    out: Out,
    seeds: Annotated[int, typer.Option("--seeds", help="Parts that are held out, one after the other."), within(1)] = 5,
    map_out: Annotated[
        str | None, typer.Option("--map", help="File for how far the sources differ, by element."), writable_file
    ] = None,
    as_json: Json = False,
) -> None:
    """Does another source help a model of the first, in bulk and at the tails? On chemical systems held out."""
    import polars as pl

    from models.bias import aggregation

    frames = [read_input(name, needs=(target,), text=_TEXT) for name in (base, other)]
    found = aggregation.gain(*frames, target=target, seeds=range(seeds))
    if map_out is not None:
        write_output(aggregation.differences(*frames, value=target), map_out)
    helps, hurts = ([r["part"] for r in found if aggregation.certain(r, seeds, sign)] for sign in (1, -1))
    summary = {"rows": frames[0].height, "other_rows": frames[1].height, "helps": helps, "hurts": hurts, "out": out}
    finish(pl.DataFrame(found), out, summary, as_json=as_json)


def _policy(
    table: str,
    keys: tuple[str, ...],
    values: tuple[str, ...],
    source: str,
    priority: tuple[str, ...],
    fidelity: str,
    recency: str,
    tolerance: float,
) -> "Policy":
    """The policy of a file, from what was asked for."""
    from schemas.merging import Compared, Order, Policy

    if not keys or not values:
        raise InputError.of("no --key or no --value", table, "name both for a file")
    column, _, levels = fidelity.partition(":")
    return Policy(
        key=keys,
        source=source,
        compared=tuple(Compared(column=c, tolerance=tolerance) for c in values),
        priority=priority,
        fidelity=Order(column=column, levels=listed(levels)) if column else None,
        recency=recency or None,
    )
