"""`matloom run`, `matloom ingest`, `matloom ui`: the graph from the command line."""

import os
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from dagster_project.commands.common import Home, InputError, Json, command, home, say, within
from schemas.errors import MatloomError


class RunFailedError(MatloomError):
    """A step of a run failed."""


# options of `matloom ingest` by what the source gives
_OPTIONS = {"structures": ("--elements", "--url"), "literature": ("--since", "--until", "--url"), "folder": ()}


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    command(app, "run")(run)
    command(app, "ingest")(ingest)
    command(app, "ui")(ui)


def run(
    select: Annotated[str, typer.Option("--select", help="A group or a table; everything if left out.")] = "",
    profile: Annotated[str, typer.Option("--profile", help="embedded, datasets or live; else MATLOOM_PROFILE.")] = "",
    json: Json = False,
    home_: Home = None,
) -> None:
    """Materializes the graph, or part of it, in this process, and publishes what passed its checks."""
    settings = _settings(home_, profile)
    from dagster_project import launch, summary

    start = time.monotonic()
    if select:
        outcomes = [launch.run(settings, select=(select,), quiet=json)]
    else:
        outcomes = launch.everything(settings, quiet=json)
    failed = {k: v for o in outcomes for k, v in o.failed.items()}
    written = {k: v for o in outcomes for k, v in o.written.items() if k != "meta.publications"}
    body: dict[str, Any] = {
        "profile": settings.profile,
        "home": str(settings.home),
        "changed": bool(written),
        "written": written,
        "unchanged": len(outcomes[-1].unchanged),
        "design_rounds": sum("design.observations" in o.written for o in outcomes),
        "checks_passed": sum(o.checks_passed for o in outcomes),
        "checks_failed": sum(o.checks_failed for o in outcomes),
        "failed": failed,
        "seconds": round(time.monotonic() - start, 1),
    }
    if json:
        found = {} if failed or select else summary.summarise(settings.home)
        say({**body, "summary": found}, as_json=True)
    else:
        _print(body, settings.home, whole=not failed and not select)
    if failed:
        step, why = next(iter(failed.items()))
        raise RunFailedError(
            f"step {step} failed ({why}) in {settings.home}: mend it and run again; what passed is published"
        )


def ingest(
    source: Annotated[
        str,
        typer.Argument(help="A literature source, a structure service, or a folder."),
    ],
    since: Annotated[
        str, typer.Option("--since", help="Day (YYYY-MM-DD); else just before the last harvest's end.")
    ] = "",
    until: Annotated[str, typer.Option("--until", help="Last day (YYYY-MM-DD); today if left out.")] = "",
    limit: Annotated[
        int, typer.Option("--limit", help="Stop after about so many records; 0 means no limit."), within(0)
    ] = 0,
    elements: Annotated[
        str, typer.Option("--elements", help="Of a structure service: elements that must all be there, as in V,O.")
    ] = "",
    url: Annotated[str, typer.Option("--url", help="Another address of the service.")] = "",
    json: Json = False,
    home_: Home = None,
) -> None:
    """One incremental update from a literature source or a structure service: fetched, new, changed, rejected.

    The services' harvests go by days: arxiv_oai by the day on which a record changed, arxiv_atom by the day of
    submission. What is asked of them stands in the sources of the problem. Documents are landed in parts, so that an
    update that was cut short goes on where it stopped; they are audited and recorded in raw.harvests at the end.
    `matloom run` reads them. Structures are landed in raw.structures.
    """
    from dagster_project import landing
    from warehouse.store import Store

    kind = _kind(source, {"--since": since, "--until": until, "--elements": elements, "--url": url})
    store = Store(home(home_))
    if kind == "structures":
        wanted = [symbol.strip() for symbol in elements.split(",") if symbol.strip()]
        landed = landing.structures(store, source, wanted, limit=limit or None, url=url or None)
    elif kind == "literature":
        landed = _harvest(store, source, since=since, until=until, limit=limit, url=url)
    else:
        landed = landing.read_folder(store, Path(source), limit=limit or None)
    landing.record(store, landed.harvests)
    counts = ("fetched", "new", "changed", "withdrawn", "rejected", "reasons")
    if landed.fetched or not landed.failures:
        say({"source": source, **{name: getattr(landed, name) for name in counts}}, as_json=json)
    landed.complain()


def _kind(source: str, given: dict[str, str]) -> str:
    """What a source gives, once it is known and was given no option of another kind."""
    from etl.structures.services import SERVICES
    from schemas.sources import CONNECTORS

    known = dict.fromkeys(SERVICES, "structures") | dict.fromkeys(CONNECTORS, "literature")
    if source not in known and not (source and Path(source).is_dir()):
        names = ", ".join((*CONNECTORS, *SERVICES))
        raise InputError.of(f"no source {source!r}", "the arguments", f"name one of {names}, or a folder that exists")
    kind = known.get(source, "folder")
    foreign = [option for option, value in given.items() if value and option not in _OPTIONS[kind]]
    if foreign:
        raise InputError.of(
            f"{foreign[0]} with {source}", "the arguments", f"leave it out: {kind} sources do not use it"
        )
    return kind


def _harvest(store: Any, source: str, *, since: str, until: str, limit: int, url: str) -> Any:
    from dagster_project import landing
    from dagster_project.settings import Settings
    from etl.http import Client
    from etl.sources import update
    from schemas.sources import load_sources

    problem = Settings.from_environment().problem
    asked = load_sources(problem).named(source)
    if asked is None:
        raise InputError.of(f"no source {source}", f"the sources of {problem}", "add it with its query")
    day = since or _last_day(store, source, query=asked.query, overlap_days=asked.overlap_days)
    window = update.window(source, since=day, until=until or None, query=asked.query, url=url or asked.url)
    again = () if since else window.unfinished(store.read("raw.harvests"))
    with Client() as client:
        return landing.ingest(store, dict.fromkeys((*again, *window.months())), client=client, limit=limit or None)


def ui(
    port: Annotated[int, typer.Option("--port", help="Port on the loopback address."), within(1, 65535)] = 3000,
    home_: Home = None,
) -> None:
    """Starts the Dagster UI on the same home; it listens on the loopback address only."""
    from dagster_project import launch
    from dagster_project.home import prepare

    settings = _settings(home_, "")
    launch.export(settings)
    os.environ["DAGSTER_HOME"] = str(prepare(settings.home))
    sys.stderr.write(f"Dagster on http://127.0.0.1:{port} for {settings.home}; stop with Ctrl-C\n")
    arguments = ["-m", "dagster", "dev", "-m", "dagster_project.definitions", "-h", "127.0.0.1", "-p", str(port)]
    os.execv(sys.executable, [sys.executable, *arguments])


def _settings(home_: str | None, profile: str) -> Any:
    from dagster_project.settings import PROFILES, Settings

    if profile:
        if profile not in PROFILES:
            raise InputError.of(f"unknown profile {profile!r}", "--profile", f"use one of {', '.join(PROFILES)}")
        os.environ["MATLOOM_PROFILE"] = profile
    return replace(Settings.from_environment(), home=home(home_))


def _last_day(store: Any, source: str, *, query: str, overlap_days: int) -> str:
    """Some days before the end of the last complete harvest of that query: services date records late.

    The days of another query, such as those of the demonstration corpus, say nothing of what this one has not given.
    """
    import polars as pl

    same = (pl.col("source") == source) & (pl.col("query") == query) & pl.col("complete")
    known = store.read("raw.harvests").filter(same)["until"].max()
    if known is None:
        raise InputError.of("no day to start from", "--since", "write --since YYYY-MM-DD the first time")
    return str(known - timedelta(days=overlap_days))


def _print(body: dict[str, Any], where: Path, *, whole: bool) -> None:
    from dagster_project import summary

    written = body["written"]
    if not written and not body["failed"]:
        sys.stdout.write("nothing changed: every table is up to date, no new version was written\n")
    for name, count in written.items():
        sys.stdout.write(f"wrote {name:<26} {count:>8} rows\n")
    if whole:
        sys.stdout.write("\n" + summary.text(where, summary.summarise(where)))
    sys.stdout.write(f"took {body['seconds']} s, profile {body['profile']}\n")
