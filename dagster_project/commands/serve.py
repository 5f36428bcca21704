"""`matloom serve`: the published structures as an OPTIMADE service, with the site of candidates beside it."""

import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagster_project.commands.common import Home, InputError, command, home, within

if TYPE_CHECKING:
    from warehouse.report.insight import Insight


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    command(app, "serve")(serve)


def serve(
    host: Annotated[
        str, typer.Option("--host", help="Address to listen at; other machines reach none but 0.0.0.0.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port; 0 takes a free one."), within(0, 65535)] = 8090,
    home_: Home = None,
) -> None:
    """Serves the published structures (OPTIMADE, /v1) and the site of candidates (/site), read-only, until stopped.

    /v1 follows each publication; /site is that of the state at the start.
    """
    import uvicorn

    from dagster_project import insight
    from warehouse.optimade.app import application

    # uvicorn raises the signal that ended it once more, and the system's own way would leave the site behind
    signal.signal(signal.SIGTERM, _leave)
    where = home(home_)
    known = insight.of(where)
    listening = _listen(host, port)
    with listening, tempfile.TemporaryDirectory(prefix="matloom-site-") as folder:
        app = application(where, site=_site(where, known, Path(folder)), insight=known)
        at = f"http://{host}:{listening.getsockname()[1]}"
        sys.stderr.write(f"OPTIMADE  {at}/v1/info\nsite      {at}/site/\n")
        sys.stderr.flush()
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        server.run(sockets=[listening])


def _leave(signal_number: int, _frame: object) -> None:
    """Ends the process the orderly way, so that what was made for the while is removed."""
    raise SystemExit(128 + signal_number)


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        InputError: the address is taken or none of this machine.
    """
    if not host.strip():  # to the system, all addresses of the machine
        raise InputError.of("no address", "--host", "name one; 0.0.0.0 lets other machines in")
    try:
        return socket.create_server((host, port), reuse_port=False)
    except OSError as error:
        remedy = "choose another --port or --host"
        raise InputError.of(f"cannot listen ({error.strerror or error})", f"{host}:{port}", remedy) from error


def _site(where: Path, known: "Insight", aside: Path) -> Path:
    """The report that the last run left, if this code would write the same; else one made for the while."""
    from dagster_project.lineage import edges
    from dagster_project.versions import report_stamp
    from warehouse.report import build

    kept = where / "report"
    stamp = kept / "stamp"
    if stamp.is_file() and stamp.read_text() == report_stamp(where):
        return kept
    sys.stderr.write("the home holds no report of the published state by this code: making one\n")
    return build(where, aside / "site", lineage=edges(), insight=known).index.parent
