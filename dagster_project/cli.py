"""`matloom`: the root of the command line. Groups load when they are called, so `--help` stays quick."""

import os
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from dagster_project.commands import report, run, serve, warehouse

# group -> (modules of commands, of which the first makes the Typer app that the others join; its name there; help)
_GROUPS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "design": (("design", "loop"), "app", "Candidates, proposals and simulated campaigns."),
    "device": (("physics",), "device_app", "From materials to devices."),
    "dft": (("dft", "study"), "app", "Calculations: prepare, submit, poll, collect, retry."),
    "features": (("features",), "app", "Features of compositions and structures."),
    "formula": (("text", "extract"), "formula_app", "Chemical formulas as written in text."),
    "fuse": (("fuse",), "app", "Several fidelities of one quantity in one model."),
    "model": (("model",), "app", "Latent-variable Gaussian processes."),
    "physics": (("physics",), "app", "Models of transitions in bodies and layers."),
    "quality": (("quality", "trust", "sources"), "app", "Checks of contract, bias and leakage; choice of rows."),
    "recipes": (("recipes",), "app", "Learn and plan syntheses."),
    "screen": (("screen",), "app", "Learn, score and explain screening models."),
    "spinels": (("spinels",), "app", "The 270 lacunar spinels: cells and calculations."),
    "temperature": (("screen",), "temperature_app", "Temperatures of transitions."),
    "text": (("text", "extract", "evaluate"), "app", "Select, classify and read documents."),
}


class LazyGroup(TyperGroup):
    """Knows the names of all groups, and imports one only when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of commands and groups, sorted."""
        return sorted({*super().list_commands(ctx), *_GROUPS})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, imported now."""
        if cmd_name not in _GROUPS:
            return super().get_command(ctx, cmd_name)
        modules, attribute, text = _GROUPS[cmd_name]
        first, *_ = [import_module(f"dagster_project.commands.{module}") for module in modules]
        loaded = typer.main.get_group(getattr(first, attribute))
        loaded.name, loaded.help = cmd_name, text
        return loaded


QUIET_THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_NUM_THREADS": "1"}
"""Threads that wait must not burn the cores others need; the matrices of one cell or fit are too small to share."""

app = typer.Typer(cls=LazyGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def root(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    home: str = typer.Option("", "--home", help="Folder of tables, catalog and models (or MATLOOM_HOME)."),
) -> None:
    """Design emerging materials from scarce and dispersed data."""
    for name, value in QUIET_THREADS.items():
        os.environ.setdefault(name, value)
    if debug:
        os.environ["MATLOOM_DEBUG"] = "1"
    if home:
        os.environ["MATLOOM_HOME"] = home


warehouse.register(app)
report.register(app)
run.register(app)
serve.register(app)


def main() -> None:
    """Entry point of the `matloom` script."""
    app()
