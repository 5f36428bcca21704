"""Quality commands: `check` holds rows to their contract, `faults` holds the checks to seeded defects, `bias` measures,
`leakage` compares two sets."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    say,
    writable_file,
    write_output,
)
from schemas.errors import MatloomError

if TYPE_CHECKING:
    import polars as pl

    from dagster_project.quality import Report
    from schemas.core import Table
    from warehouse.store import Store

app = typer.Typer(no_args_is_help=True, help="Checks of contract, bias and leakage.")


class CheckFailedError(MatloomError):
    """A blocking check failed, or a leak was found."""


@command(app, "check")
def check(
    table: Annotated[str, typer.Argument(help="Declared table, or a table file.")],
    name: Annotated[str, typer.Option("--table", help="The declared table that the file should be.")] = "",
    against: Annotated[
        str | None,
        typer.Option("--against", help="File of the version before, or none; else the version of --home, if any."),
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", help="File for the verdicts, one row a rule."), writable_file
    ] = None,
    as_json: Json = False,
    home_: Home = None,
) -> None:
    """Checks a table or a file: one row a rule, failing rows listed; exit 1 if a blocking rule fails.

    A file that is none of the declared tables is checked by what its columns are.
    """
    from dagster_project.quality import check_stored
    from schemas.tables import REGISTRY
    from warehouse.store import Store

    store = Store(home(home_))
    if table in REGISTRY and not name and against is None:
        report = check_stored(store, REGISTRY[table])
    else:
        report = _checked(table, name, against, store)
    if out is not None:
        write_output(report.frame(), out)
    verdicts = [r.printed() for r in report.results]
    if as_json:
        say({**report.summary(), "verdicts": verdicts, "failing_rows": report.failing}, as_json=True)
    else:
        if out != "-":
            _print(verdicts, report.failing)
        say(report.summary(), as_json=False)
    failed = report.blocking
    if failed:
        raise CheckFailedError(
            f"{len(failed)} blocking rules fail ({failed[0].check_name}) in {table}: {failed[0].remedy}"
        )


def _checked(where: str, name: str, against: str | None, store: "Store") -> "Report":
    """The checks of a file, beside the file `against`, or what the home holds of the table."""
    from dagster_project.quality import check_file
    from dagster_project.quality.guess import declaration
    from schemas.tables import REGISTRY

    frame = store.read(where) if where in REGISTRY else _any(where, None)
    declared = REGISTRY[where] if where in REGISTRY and not name else _declared(where, name)
    table = declaration(frame, Path(where).name.split(".")[0]) if declared is None else declared
    if against not in (None, "none"):
        former: pl.DataFrame | None = _any(str(against), store.home)
    else:
        stored = declared is not None and against is None and store.passed_version(table.name) is not None
        former = store.read_passed(table.name) if stored else None
    return check_file(frame, table, former=former, others=store if declared is not None else None)


@command(app, "faults")
def faults(
    only: Annotated[str, typer.Option("--only", help="Faults whose name or table holds this text.")] = "",
    out: Annotated[
        str | None, typer.Option("--out", help="File for the outcomes, one row a fault."), writable_file
    ] = None,
    as_json: Json = False,
) -> None:
    """Does defects to real tables and harmless changes: which do the checks find? Exit 1 if one is missed."""
    import polars as pl

    from dagster_project.quality import faults as seeded

    chosen = [f for f in seeded.FAULTS if only in f.name]
    if not chosen:
        raise InputError.of(f"no fault {only}", "the seeded faults", "leave --only out to run all")
    outcomes = seeded.run(chosen)
    rows, counted = [o.row() for o in outcomes], seeded.summary(outcomes)
    if out is not None:
        write_output(pl.DataFrame(rows), out)
    if as_json:
        say({**counted, "outcomes": rows}, as_json=True)
    elif out != "-":
        _table([{**r, "caught_by": ", ".join(r["caught_by"])} for r in rows])
        say({k: len(v) if isinstance(v, list) else v for k, v in counted.items()}, as_json=False)
    wrong = [*counted["missed"], *counted["false_alarms"]]
    if wrong:
        raise CheckFailedError(
            f"{len(wrong)} are missed or false alarms ({wrong[0]['fault']}) in the seeded faults: mend the checks"
        )


@command(app, "bias")
def bias(
    table: Annotated[str, typer.Argument(help="Declared table, or a table file.")],
    group: Annotated[str, typer.Option("--group", help="Column whose values make the groups.")],
    value: Annotated[str, typer.Option("--value", help="Column whose spread is measured.")],
    out: Out,
    as_json: Json = False,
    home_: Home = None,
) -> None:
    """Measures how rows and values fall on groups; rows as in meta.bias_metrics."""
    from models import bias as measures

    frame = _any(table, home(home_), text=(group,), needs=(group, value))
    found = measures.group_bias(frame, group=group, value=value)
    over_all = found.filter(found["group_value"] == measures.ALL)
    summary = {"rows": frame.height, **dict(over_all.select("metric_name", "metric_value").iter_rows())}
    finish(found, out, summary, as_json=as_json)


@command(app, "leakage")
def leakage(
    train: Annotated[str, typer.Argument(help="Table or file that a model learned from.")],
    test: Annotated[str, typer.Argument(help="Table or file that it is scored on.")],
    keys: Annotated[str, typer.Option("--keys", help="Columns, joined by commas, that must not be shared.")],
    out: Annotated[
        str | None, typer.Option("--out", help="File for the rows of TEST that leak."), writable_file
    ] = None,
    as_json: Json = False,
    home_: Home = None,
) -> None:
    """Counts what a training and a test set share; exit 1 if anything."""
    from models import bias as measures

    chosen = listed(keys)
    left, right = (_any(t, home(home_), text=chosen, needs=chosen) for t in (train, test))
    found = measures.leakage(left, right, keys=chosen)
    if out is not None:
        write_output(measures.leaking_rows(left, right, keys=chosen), out)
    summary = {"train_rows": left.height, "test_rows": right.height, "leak": bool(found["leak"].any())}
    if as_json:
        say({**summary, "keys": found.to_dicts()}, as_json=True)
    elif out == "-":
        say(summary, as_json=False)
    else:
        _table(found.to_dicts())
    if found["leak"].any():
        worst = found.sort("test_rows", descending=True).row(0, named=True)
        raise CheckFailedError(
            f"{worst['test_rows']} rows share {worst['key']} with {train} in {test}: split by that, not by row"
        )


def _any(table: str, where: Path | None, *, text: tuple[str, ...] = (), needs: tuple[str, ...] = ()) -> "pl.DataFrame":
    """The rows of a declared table or of a file; CSV columns named as formulas stay text."""
    from schemas.tables import REGISTRY

    if where is not None and table in REGISTRY:
        from warehouse.store import Store

        frame = Store(where).read(table)
        missing = [c for c in needs if c not in frame.columns]
        if missing:
            raise InputError.of(f"missing column {', '.join(missing)}", table, f"it has {', '.join(frame.columns)}")
        return frame
    names = ("formula", "formula_reduced", "target", "target_formula", "compound", "name", "doi", "document_id")
    return read_input(table, needs=needs, text=(*text, *names))


def _declared(where: str, name: str) -> "Table | None":
    """The declaration that a file should keep: `--table`, else the one whose name starts the file's name, if any."""
    from schemas.tables import REGISTRY

    wanted = name or ".".join(Path(where).name.split(".")[:2])
    if wanted not in REGISTRY and not name:
        return None
    if wanted not in REGISTRY:
        known = ", ".join(sorted(t.name for t in REGISTRY))
        raise InputError.of(f"no table {wanted}", where, f"name one with --table: {known}")
    return REGISTRY[wanted]


def _print(verdicts: list[dict[str, Any]], failing: list[dict[str, Any]]) -> None:
    columns = ("check_name", "severity", "passed", "failing_rows", "observed")
    _table([{k: v[k] for k in columns} for v in verdicts])
    if failing:
        sys.stdout.write("\nfailing rows\n")
        _table(failing)


def _table(records: list[dict[str, Any]]) -> None:
    """Prints records in aligned columns."""
    if not records:
        return
    names = list(records[0])
    cells = [names, *([_cell(r[n]) for n in names] for r in records)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    for row in cells:
        sys.stdout.write("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() + "\n")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return " ".join(f"{value:.4g}".split() if isinstance(value, float) else str(value).split())[:100]
