"""The models that commands use when none is named: trained on the facts that ship with the project, then kept."""

from collections.abc import Callable
from pathlib import Path

from dagster_project.commands.common import home
from dagster_project.versions import package_version


def shipped(kind: str, *, home_dir: str | None, seed: int, make: Callable[[Path], object]) -> Path:
    """The folder of the shipped model, made where it is missing.

    Its name holds the seed and the state of code and reference data, so that no model outlives what it was made of:
    the same seed gives the same output whatever was run before.

    Args:
        kind: "screening", "temperature" or "recipes".
        home_dir: as `--home`.
        seed: of the training.
        make: trains a model and saves it to a folder.
    """
    folder = home(home_dir) / "models" / f"shipped-{kind}-{package_version()}-seed{seed}"
    if not folder.is_dir():
        make(folder)
    return folder
