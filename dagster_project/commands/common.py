"""What every command shares: table files by suffix, `--json`, errors as one line, exit codes.

A command body calls a public function of the domain packages and hands the result to `emit`. Nothing heavy is
imported while this module loads: `matloom --help` must answer in a blink.
"""

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from schemas.errors import InputError, MatloomError

if TYPE_CHECKING:
    import polars as pl

F = TypeVar("F", bound=Callable[..., Any])

Json = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object on stdout.")]
Out = Annotated[str, typer.Option("--out", help="File or folder to write; '-' is JSON lines on stdout.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
Home = Annotated[str | None, typer.Option("--home", help="Folder with tables, catalog and models; else MATLOOM_HOME.")]
Workers = Annotated[int, typer.Option("--workers", help="Processes to use; 0 means all cores.")]


def home(given: str | None = None) -> Path:
    """The folder with tables, catalog and models: `--home`, else MATLOOM_HOME, else warehouse/data."""
    return Path(given or os.environ.get("MATLOOM_HOME") or Path(__file__).parents[2] / "warehouse" / "data").resolve()


def workers(count: int) -> int:
    """The number of processes meant by `--workers`."""
    return count if count > 0 else (os.cpu_count() or 1)


def read_input(where: str, *, needs: tuple[str, ...] = (), text: tuple[str, ...] = ()) -> "pl.DataFrame":
    """Reads a table file; see `warehouse.files.read_table`.

    Args:
        where: path, or '-' for JSON lines on stdin.
        needs: columns that must be there.
        text: columns to read as strings whatever they look like ("NaN" is a formula).

    Raises:
        InputError: missing file, unknown suffix, unreadable bytes, missing column.
    """
    from warehouse.files import read_table

    return read_table(where, needs=needs, text=text)


def write_output(frame: "pl.DataFrame", where: str) -> None:
    """Writes a table file aside and renames it; '-' prints JSON lines."""
    from warehouse.files import write_table

    write_table(frame, where)


def say(summary: dict[str, Any], *, as_json: bool) -> None:
    """Prints the summary: one JSON object on stdout with `--json`, else `key  value` lines on stderr."""
    if as_json:
        sys.stdout.write(json.dumps(summary, default=str, ensure_ascii=False, sort_keys=False) + "\n")
        return
    width = max((len(k) for k in summary), default=0)
    for key, value in summary.items():
        sys.stderr.write(f"{key:<{width}}  {value}\n")


@contextmanager
def reported_errors() -> Iterator[None]:
    """Turns a `MatloomError` into one line on stderr and its exit code; `--debug` shows the traceback."""
    try:
        yield
    except MatloomError as error:
        if os.environ.get("MATLOOM_DEBUG") == "1":
            raise
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        raise typer.Exit(error.exit_code) from error
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - the reader left; stop quietly
        raise typer.Exit(0) from None


def command(app: typer.Typer, name: str) -> Callable[[F], F]:
    """Registers a command whose `MatloomError`s are reported as one line."""

    def register(function: F) -> F:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with reported_errors():
                return function(*args, **kwargs)

        app.command(name)(run)
        return function

    return register


__all__ = [
    "Home",
    "InputError",
    "Json",
    "Out",
    "Seed",
    "Workers",
    "command",
    "home",
    "read_input",
    "say",
    "workers",
    "write_output",
]
