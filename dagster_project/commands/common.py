"""What every command shares: table files by suffix, `--json`, errors as one line, exit codes.

A command body calls a public function of the domain packages and hands rows and summary to `finish`. A check that
stands in the type of a parameter, as in `Seed`, is made before the body starts. Nothing heavy is imported while this
module loads: `matloom --help` must answer in a blink.
"""

import functools
import inspect
import json
import math
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.exceptions import TyperException
from typer.models import OptionInfo

from dagster_project.settings import DEFAULT_HOME
from schemas.errors import InputError, MatloomError

if TYPE_CHECKING:
    import polars as pl

_REPORT = "run it again as `matloom --debug ...` and report the traceback"
F = TypeVar("F", bound=Callable[..., Any])
Check = Callable[[Any, str], object]
"""Takes the value of a parameter and the name of its option; raises InputError."""


def home(given: str | None = None) -> Path:
    """The folder with tables, catalog and models: `--home`, else MATLOOM_HOME, else warehouse/data.

    Raises:
        InputError: a file lies there.
    """
    asked = given or os.environ.get("MATLOOM_HOME") or DEFAULT_HOME
    where = Path(asked).resolve()
    if not next(p for p in (where, *where.parents) if p.exists()).is_dir():
        raise InputError.of("a file where the tables should lie", where, "name a folder with --home or MATLOOM_HOME")
    return where


def within(low: int, high: int | None = None) -> Check:
    """A check that a number lies between two bounds, both allowed."""
    remedy = f"give {low} or more" if high is None else f"give {low} to {high}"

    def check(value: float, option: str) -> None:
        if not low <= value <= (math.inf if high is None else high):  # nan is not
            raise InputError.of(str(value), option, remedy)

    return check


def writable_file(where: str, _option: str) -> None:
    """Checks that a table file can be written there; see `warehouse.files.check_out`.

    Raises:
        InputError: it cannot.
    """
    from warehouse.files import check_out

    check_out(where)


def writable_folder(where: str, _option: str) -> None:
    """Checks that a folder is there or can be made.

    Raises:
        InputError: it cannot be made or not be written.
    """
    path = Path(where).absolute()
    nearest = next(p for p in (path, *path.parents) if p.exists())
    if not nearest.is_dir():
        raise InputError.of(f"cannot write ({nearest} is a file)", where, "choose another folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError.of("cannot write (permission denied)", where, "choose a folder that can be written")


def writable_model(where: str, option: str) -> None:
    """Checks that a model folder can be written there.

    Raises:
        InputError: it cannot, or the folder holds something that is no model.
    """
    from models import cards

    writable_folder(where, option)
    cards.check_folder(Path(where))


Json = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object on stdout.")]
Out = Annotated[str, typer.Option("--out", help="File to write; '-' is JSON lines on stdout."), writable_file]
OutFolder = Annotated[str, typer.Option("--out", help="Folder to write."), writable_folder]
OutModel = Annotated[str, typer.Option("--out", help="Model folder to write."), writable_model]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random; 0 or more."), within(0, 2**31 - 1)]
Home = Annotated[
    str | None,
    typer.Option("--home", help="Folder with tables, catalog and models; else MATLOOM_HOME."),
    lambda where, _option: home(where),
]
Workers = Annotated[int, typer.Option("--workers", help="Processes to use; 0 means all cores."), within(0)]
_OneProcess = Annotated[int, typer.Option("--workers", help="Accepted; this command uses one process."), within(0)]
_Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def workers(count: int) -> int:
    """The number of processes meant by `--workers`."""
    return count if count > 0 else (os.cpu_count() or 1)


def listed(text: str) -> tuple[str, ...]:
    """The names in a text joined by commas, each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


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


def read_structures(where: str, *, text: tuple[str, ...] = ()) -> "pl.DataFrame":
    """Rows of a table with `cif` or `poscar`, or one row a CIF file of a folder: `file`, `cif`.

    Args:
        where: the folder or table.
        text: further columns to read as strings.

    Raises:
        InputError: see `read_input`; or neither column is there.
    """
    if where != "-" and Path(where).is_dir():
        from etl.structures.cif import read_folder

        return read_folder(Path(where)).select(file="source_id", cif="cif")
    frame = read_input(where, text=("cif", "poscar", *text))
    if not {"cif", "poscar"} & set(frame.columns):
        raise InputError.of("missing column cif or poscar", where, f"it has {', '.join(frame.columns) or 'none'}")
    return frame


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
def reported_errors(name: str, *, debug: bool = False) -> Iterator[None]:
    """Turns an error into one line on stderr and an exit code.

    Args:
        name: the command, named where the error is none that the project foresaw.
        debug: whether the traceback goes before the line; `matloom --debug` asks for it too.
    """
    try:
        yield
    except (typer.Exit, typer.Abort, TyperException):
        raise
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - the reader left; stop quietly
        raise typer.Exit(0) from None
    except Exception as error:
        if debug or os.environ.get("MATLOOM_DEBUG") == "1":
            traceback.print_exception(error)
        foreseen = isinstance(error, MatloomError)
        what = str(error) if foreseen else f"unexpected {type(error).__name__} ({error}) in {name}: {_REPORT}"
        sys.stderr.write(f"error: {' '.join(what.split())}\n")
        raise typer.Exit(error.exit_code if isinstance(error, MatloomError) else 1) from error


def command(app: typer.Typer, name: str) -> Callable[[F], F]:
    """Registers a command, with the options that every command has.

    Its parameters are checked before it starts, its errors become one line, and stdout holds either rows or the
    summary, never both.
    """

    def register(function: F) -> F:
        own = inspect.signature(function).parameters
        taken = {_flag(p) for p in own.values()}
        every = [*own.values(), *(p for p in _EVERYWHERE if _flag(p) not in taken)]
        checks = [(p.name, _flag(p), check) for p in every for check in _checks(p)]

        @functools.wraps(function)
        def run(**given: Any) -> Any:
            with reported_errors(name, debug=given["debug_"]):
                for key, flag, check in checks:
                    if given[key] is not None:
                        check(given[key], flag)
                if "-" in (given.get("out"), given.get("samples_out")) and given.get("as_json"):
                    raise InputError.of("rows and summary", "stdout", "give --out a file, or leave out --json")
                return function(**{key: given[key] for key in own})

        run.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
        app.command(name)(run)
        return function

    return register


_EVERYWHERE = tuple(
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
    for name, default, annotation in (
        ("home_everywhere", None, Home),
        ("workers_everywhere", 0, _OneProcess),
        ("debug_", False, _Debug),
    )
)


def _flag(parameter: inspect.Parameter) -> str:
    """The option of a parameter, such as `--out`; its name where it is an argument."""
    for part in getattr(parameter.annotation, "__metadata__", ()):
        if isinstance(part, OptionInfo) and isinstance(part.default, str):
            return part.default
    return parameter.name


def _checks(parameter: inspect.Parameter) -> list[Check]:
    return [part for part in getattr(parameter.annotation, "__metadata__", ()) if callable(part)]


__all__ = [
    "Home",
    "InputError",
    "Json",
    "Out",
    "OutFolder",
    "OutModel",
    "Seed",
    "Workers",
    "command",
    "finish",
    "folder",
    "home",
    "listed",
    "read_input",
    "read_structures",
    "say",
    "within",
    "workers",
    "writable_file",
    "write_output",
]
