"""YAML files that people write, read strictly: what is wrong is said with its place and remedy.

What each kind of file holds is declared where it is used.
"""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.errors import InputError


class Strict(BaseModel):
    """Base of what a file holds: no unknown key, no infinity, no change after it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Model = TypeVar("Model", bound=BaseModel)


def load(where: str, model: type[Model], *, what: str, keys: str) -> Model:
    """Reads a file.

    Args:
        where: its path.
        model: what it holds.
        what: what to call it in errors.
        keys: the keys to give, for a file that is no mapping.

    Raises:
        InputError: unreadable, no YAML, an unknown key or a value that is not valid.
    """
    try:
        text = Path(where).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError.of(f"unreadable {what}", where, "name a UTF-8 YAML file that exists") from error
    return valid(mapping(text, where, keys=keys), model, where)


def mapping(text: str, where: object, *, keys: str) -> dict[str, Any]:
    """The mapping that a text holds; errors as in `load`."""
    try:
        body = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError.of(f"no YAML ({str(error).splitlines()[0]})", where, "mend the file") from error
    if not isinstance(body, dict):
        raise InputError.of("no mapping of keys", where, f"give {keys}")
    return body


def valid(body: dict[str, Any], model: type[Model], where: object) -> Model:
    """The model of a mapping; errors as in `load`."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise InputError.invalid(error.errors(), where, "mend or remove that key") from error
