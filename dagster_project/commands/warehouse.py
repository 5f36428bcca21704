"""Warehouse commands: query, describe, status, verify, publish, history, rollback, vacuum, release.

Nothing heavy is imported while the module loads.
"""

import csv
import json
import math
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from dagster_project.commands.common import Home, Json, command, home, say, writable_file, write_output
from schemas.errors import MatloomError


class Format(StrEnum):
    """How rows are printed."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


class DefectsFoundError(MatloomError):
    """The published state has defects."""


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    command(app, "query")(query)
    app.registered_commands[-1].context_settings = {"ignore_unknown_options": True}  # SQL may begin with a comment
    command(app, "describe")(describe)
    command(app, "status")(status)
    command(app, "verify")(verify)
    command(app, "publish")(publish)
    command(app, "history")(history)
    command(app, "rollback")(rollback)
    command(app, "vacuum")(vacuum)
    command(app, "release")(release)


def query(
    sql: Annotated[str, typer.Argument(help="One statement that reads.")],
    format: Annotated[Format, typer.Option("--format", help="table, csv, json or parquet.")] = Format.table,  # noqa: A002
    out: Annotated[
        str | None, typer.Option("--out", help="File to write instead of stdout, by suffix."), writable_file
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    home_: Home = None,
) -> None:
    """Runs read-only SQL on the published catalog; SQL reaches no other file and no network."""
    from warehouse import query as warehouse

    where = home(home_)
    wanted = Format.json if json_ else format
    if out is not None:
        write_output(warehouse.query(where, sql), out)
    elif wanted is Format.parquet:
        import io

        buffer = io.BytesIO()
        warehouse.query(where, sql).write_parquet(buffer)
        sys.stdout.buffer.write(buffer.getvalue())
    else:
        columns, rows = warehouse.rows(where, sql)
        {Format.table: _print_table, Format.csv: _print_csv, Format.json: _print_json}[wanted](columns, rows)


def describe(
    table: Annotated[str | None, typer.Argument(help="Two-part table name; all tables if left out.")] = None,
    as_json: Json = False,
    home_: Home = None,
) -> None:
    """Shows the data dictionary: columns, units, keys, licence, warnings, rows, version."""
    from warehouse import query as warehouse

    found = warehouse.describe(home(home_), table)
    if as_json:
        say(found, as_json=True)
    elif table is None:
        _print_records(found["tables"])
    else:
        columns = found.pop("columns")
        for key, value in found.items():
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            sys.stdout.write(f"{key:<18}{_shown(shown, width=None)}\n")
        sys.stdout.write("\n")
        _print_records([{**c, "rules": "; ".join(c["rules"])} for c in columns])


def status(as_json: Json = False, home_: Home = None) -> None:
    """Shows each table: rows, version, published version, last check, age; batches without outcome; next schedules."""
    from datetime import UTC, datetime

    from dagster_project.timetable import timetable
    from warehouse import query as warehouse

    where, now = home(home_), datetime.now(UTC)
    found = warehouse.status(where)
    ticks = [
        {"schedule": t.name, "job": t.job, "cron": t.cron, "next_tick": t.next_tick(now).isoformat()}
        for t in timetable()
    ]
    if as_json:
        say({"home": str(where), **found, "schedules": ticks}, as_json=True)
        return
    current = found["publication_id"] or "none yet: run `matloom run`"
    sys.stdout.write(f"home         {where}\npublication  {current}\n\n")
    _print_records(found["tables"])
    sys.stdout.write("\nbatches that wait for outcomes\n")
    _print_records(found["batches"])
    sys.stdout.write("\nschedules, where they are switched on (UTC)\n")
    _print_records(ticks)


def verify(as_json: Json = False, home_: Home = None) -> None:
    """Checks every checksum, key, foreign key and view of the published state."""
    from warehouse import catalog

    where = home(home_)
    defects = catalog.verify(where)
    say({"home": str(where), "defects": len(defects), "passed": not defects, "found": defects}, as_json=as_json)
    if defects:
        raise DefectsFoundError(
            f"{len(defects)} defects in {where}: restore the files or roll back (`matloom history`)"
        )


def publish(as_json: Json = False, home_: Home = None) -> None:
    """Publishes the newest version of every table that passed its audit."""
    from warehouse import catalog

    _say_publication(catalog.publish(home(home_)), as_json=as_json)


def history(
    table: Annotated[str | None, typer.Argument(help="Two-part table name; the publications if left out.")] = None,
    as_json: Json = False,
    home_: Home = None,
) -> None:
    """Lists the published states, or the versions of one table."""
    from warehouse import catalog

    found = catalog.history(home(home_), table)
    if as_json:
        say({"table": table, "history": found}, as_json=True)
    else:
        _print_records(found)


def rollback(
    to: Annotated[str, typer.Option("--to", help="Publication id (or its beginning) from `matloom history`.")],
    as_json: Json = False,
    home_: Home = None,
) -> None:
    """Publishes an earlier state again and withdraws the later ones."""
    from warehouse import catalog

    _say_publication(catalog.rollback(home(home_), to=to), as_json=as_json)


def vacuum(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    older_than_h: Annotated[float, typer.Option("--older-than-h", min=0, help="Younger files stay.")] = 24.0,
    as_json: Json = False,
    home_: Home = None,
) -> None:
    """Removes table files that no publication, rollback, audited or newest version needs; not while a run goes on."""
    from warehouse.store import Store

    where = home(home_)
    removed = Store(where).vacuum(older_than_s=older_than_h * 3600, dry_run=dry_run)
    say({"home": str(where), "files": len(removed), "dry_run": dry_run}, as_json=as_json)
    if not as_json:
        sys.stdout.write("".join(f"{path.relative_to(where)}\n" for path in removed))


def release(
    out: Annotated[str, typer.Option("--out", help="Folder to write; empty or new.")],
    as_json: Json = False,
    home_: Home = None,
) -> None:
    """Exports the published state with checksums; rows whose licence, or whose source's licence, is not open stay."""
    from pathlib import Path

    from warehouse.release import export

    found = export(home(home_), out=Path(out))
    counts = found["tables"].values()
    summary = {
        "publication_id": found["publication_id"],
        "tables": len(counts),
        "written": sum(c["written"] for c in counts),
        "withheld": sum(c["withheld"] for c in counts),
    }
    say({**summary, "by_table": found["tables"]} if as_json else summary, as_json=as_json)


def _say_publication(publication: Any, *, as_json: bool) -> None:
    summary = {
        "publication_id": publication.publication_id,
        "published_at": publication.published_at,
        "changed": publication.changed,
        "tables": len(publication.versions),
        "rows": sum(publication.rows.values()),
    }
    held = publication.held if as_json else "; ".join(f"{t} ({w})" for t, w in publication.held.items()) or "nothing"
    summary["held"] = held
    say({**summary, "versions": publication.versions} if as_json else summary, as_json=as_json)


def _print_records(records: list[dict[str, Any]]) -> None:
    columns = list(records[0]) if records else []
    _print_table(columns, [tuple(r[c] for c in columns) for r in records])


def _print_table(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    text = [[_shown(v) for v in row] for row in rows]
    widths = [max([len(c), *(len(row[i]) for row in text)]) for i, c in enumerate(columns)]
    right = [
        bool(rows) and all(isinstance(row[i], int | float | None) and not isinstance(row[i], bool) for row in rows)
        for i in range(len(columns))
    ]
    for line in [columns, ["-" * w for w in widths], *text]:
        cells = (v.rjust(w) if r else v.ljust(w) for v, w, r in zip(line, widths, right, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    sys.stdout.write(f"({len(rows)} row{'' if len(rows) == 1 else 's'})\n")


def _print_csv(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if v is None else _flat(v) for v in row] for row in rows)


def _print_json(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    body = ",\n".join(
        json.dumps(dict(zip(columns, map(_json_value, row), strict=True)), ensure_ascii=False, default=str)
        for row in rows
    )
    sys.stdout.write(f"[{body}]\n")


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else value


def _json_value(value: Any) -> Any:
    """JSON has no NaN or infinity: they are given as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [_json_value(v) for v in value]
    if isinstance(value, dict):
        return {k: _json_value(v) for k, v in value.items()}
    return value


def _shown(value: Any, *, width: int | None = 60) -> str:
    if value is None:
        return ""
    text = " ".join(str(f"{value:.6g}" if isinstance(value, float) else _flat(value)).split())
    return text if width is None or len(text) <= width else text[: width - 1] + "…"
