"""`matloom report`: the published state as a static site."""

from pathlib import Path

import typer

from dagster_project.commands.common import Home, Json, OutFolder, command, home, say


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    command(app, "report")(report)


def report(
    out: OutFolder,
    as_json: Json = False,
    home_: Home = None,
) -> None:
    """Writes a site of the published tables that opens from the file system; a former one is replaced whole."""
    from dagster_project import insight
    from dagster_project.lineage import edges
    from warehouse.report import build

    where = home(home_)
    site = build(where, Path(out), lineage=edges(), insight=insight.of(where))
    say({"index": str(site.index), "pages": site.pages, "publication_id": site.publication_id}, as_json=as_json)
