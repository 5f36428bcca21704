"""What every command shares: table files by suffix, `--json`, errors as one line, exit codes.

A command body calls a public function of the domain packages and hands rows and summary to `finish`. Nothing heavy is
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
from typer.exceptions import TyperException

from schemas.errors import InputError, MatloomError

if TYPE_CHECKING:
    import polars as pl

_REPORT = "run it again as `matloom --debug ...` and report the traceback"
F = TypeVar("F", bound=Callable[..., Any])

Json = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object on stdout.")]
Out = Annotated[str, typer.Option("--out", help="File or folder to write; '-' is JSON lines on stdout.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
Home = Annotated[str | None, typer.Option("--home", help="Folder with tables, catalog and models; else MATLOOM_HOME.")]
Workers = Annotated[int, typer.Option("--workers", help="Processes to use; 0 means all cores.")]


def home(given: str | None = None) -> Path:
    """The folder with tables, catalog and models: `--home`, else MATLOOM_HOME, else warehouse/data.

    Raises:
        InputError: a file lies there.
    """
    asked = given or os.environ.get("MATLOOM_HOME") or Path(__file__).parents[2] / "warehouse" / "data"
    where = Path(asked).resolve()
    if not next(p for p in (where, *where.parents) if p.exists()).is_dir():
        raise InputError.of("a file where the tables should lie", where, "name a folder with --home or MATLOOM_HOME")
    return where


def workers(count: int) -> int:
    """The number of processes meant by `--workers`."""
    return count if count > 0 else (os.cpu_count() or 1)


def listed(text: str) -> tuple[str, ...]:
    """The names in a text joined by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def folder(where: str) -> Path:
    """The folder of that name, made if it is not there.

    Raises:
        InputError: it cannot be made.
    """
    made = Path(where)
    try:
        made.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError.of(f"cannot write ({error.strerror})", where, "name a folder you may write to") from error
    return made


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


def finish(frame: "pl.DataFrame", where: str, summary: dict[str, Any], *, as_json: bool) -> None:
    """Ends a command that makes rows: writes them, then the summary. With '-' the rows have stdout to themselves."""
    write_output(frame, where)
    say(summary, as_json=as_json)


def say(summary: dict[str, Any], *, as_json: bool) -> None:
    """Prints the summary: one JSON object on stdout with `--json`, else `key  value` lines on stderr."""
    if as_json:
        sys.stdout.write(json.dumps(summary, default=str, ensure_ascii=False, sort_keys=False) + "\n")
        return
    width = max((len(k) for k in summary), default=0)
    for key, value in summary.items():
        sys.stderr.write(f"{key:<{width}}  {value}\n")


@contextmanager
def reported_errors(name: str) -> Iterator[None]:
    """Turns an error into one line on stderr and an exit code; `--debug` shows the traceback.

    Args:
        name: the command, named where the error is none that the project foresaw.
    """
    try:
        yield
    except (typer.Exit, typer.Abort, TyperException):
        raise
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - the reader left; stop quietly
        raise typer.Exit(0) from None
    except Exception as error:
        if os.environ.get("MATLOOM_DEBUG") == "1":
            raise
        foreseen = isinstance(error, MatloomError)
        what = str(error) if foreseen else f"unexpected {type(error).__name__} ({error}) in {name}: {_REPORT}"
        sys.stderr.write(f"error: {' '.join(what.split())}\n")
        raise typer.Exit(error.exit_code if isinstance(error, MatloomError) else 1) from error


def command(app: typer.Typer, name: str) -> Callable[[F], F]:
    """Registers a command: its errors become one line, and stdout holds either rows or the summary, never both."""

    def register(function: F) -> F:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with reported_errors(name):
                if "-" in (kwargs.get("out"), kwargs.get("samples_out")) and kwargs.get("as_json"):
                    raise InputError.of("rows and summary", "stdout", "give --out a file, or leave out --json")
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
    "finish",
    "folder",
    "home",
    "listed",
    "read_input",
    "say",
    "workers",
    "write_output",
]
