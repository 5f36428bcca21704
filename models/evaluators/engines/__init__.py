"""Engines: each writes the input of a calculation and reads what came of it. `ENGINES` names all of them."""

from importlib import import_module

from models.evaluators.engines.protocol import Engine
from schemas.errors import InputError

# name -> module with a class Engine; loaded when it is asked for
ENGINES = {
    "recorded": "models.evaluators.engines.recorded",
    "chgnet": "models.evaluators.engines.chgnet",
    "gpaw": "models.evaluators.engines.gpaw",
    "vasp": "models.evaluators.engines.vasp",
}


def engine(name: str) -> Engine:
    """The engine of that name.

    Raises:
        InputError: no such engine.
    """
    if name not in ENGINES:
        raise InputError.of(f"no engine {name!r}", "--engine", f"use one of {', '.join(ENGINES)}")
    made: Engine = import_module(ENGINES[name]).Engine()
    return made
