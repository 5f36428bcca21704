"""Weights that come with the package: a model folder each; licence, scores and command are in README.md.

Belongs here: finding and reading such a folder. How models are written, and those of users read, is `models.cards`.
"""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

from schemas.errors import InputError

HERE = Path(__file__).parent


def load(name: str, *, folder: Path = HERE) -> Any:
    """The model that the card of a folder names; another file beside it, as training anew leaves one, is not looked at.

    Args:
        name: of the folder.
        folder: what holds it.

    Raises:
        InputError: the file is not the one of the card: the package is damaged.
    """
    import joblib

    told = json.loads((folder / name / "card.json").read_text(encoding="utf-8"))["sha256"]
    body = (folder / name / f"model-{told[:16]}.joblib").read_bytes()
    if hashlib.sha256(body).hexdigest() != told:
        raise InputError.of("a model that differs from its card", folder / name, "install the package again")
    return joblib.load(io.BytesIO(body))
