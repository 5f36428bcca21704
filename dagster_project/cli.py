"""`matloom`: the root of the command line. Groups load when they are called, so `--help` stays quick."""

import os
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from dagster_project.commands import report, run, serve, warehouse

# group or command -> (module, attribute that is a Typer app, help)
_GROUPS: dict[str, tuple[str, str, str]] = {
    "design": ("dagster_project.commands.design", "app", "Candidates, proposals and simulated campaigns."),
    "device": ("dagster_project.commands.physics", "device_app", "From materials to devices."),
    "dft": ("dagster_project.commands.dft", "app", "Calculations: prepare, submit, poll, collect, retry."),
    "features": ("dagster_project.commands.features", "app", "Features of compositions and structures."),
    "formula": ("dagster_project.commands.text", "formula_app", "Chemical formulas as written in text."),
    "fuse": ("dagster_project.commands.fuse", "app", "Several fidelities of one quantity in one model."),
    "model": ("dagster_project.commands.design", "model_app", "Latent-variable Gaussian processes."),
    "physics": ("dagster_project.commands.physics", "app", "Models of transitions in bodies and layers."),
    "quality": ("dagster_project.commands.sources", "app", "Checks of contract, bias and leakage; choice of rows."),
    "recipes": ("dagster_project.commands.recipes", "app", "Learn and plan syntheses."),
    "screen": ("dagster_project.commands.screen", "app", "Learn, score and explain screening models."),
    "spinels": ("dagster_project.commands.spinels", "app", "The 270 lacunar spinels: cells and calculations."),
    "temperature": ("dagster_project.commands.screen", "temperature_app", "Temperatures of transitions."),
    "text": ("dagster_project.commands.text", "app", "Select, classify and read documents."),
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
        module, attribute, text = _GROUPS[cmd_name]
        loaded = typer.main.get_group(getattr(import_module(module), attribute))
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
